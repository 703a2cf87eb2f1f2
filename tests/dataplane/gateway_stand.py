"""A running gateway with a stub of payments before which it stands and a stub of the scorer that it asks.

Files lie as the kubelet puts them: a folder whose names point into `..data`, which is swapped as a whole.
"""

import asyncio
import base64
import itertools
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from components.gateway_config import ROUTES, files, routes
from components.gateway_settings import FraudCall, Gateway, Limits, limits_for
from components.self_signed import self_signed
from contracts.cell_map import CellMap

HERE = Path(__file__).parent
ENVOY = Path(sys.executable).parent / "envoy"
PATIENCE_S = 20.0
"""Seconds until what has to happen is given up: generous, because other tests run beside."""

addresses = (f"127.{64 + os.getpid() // 250 % 60}.{os.getpid() % 250}.{n}" for n in itertools.count(1))

CELLS = CellMap(
    version=1,
    default="here",
    hosts={"here": "here.pay.example.com", "there": "there.pay.example.com"},
    accounts={"acct_gone": "there"},
)


def until(true: Callable[[], Any], what: str, patience_s: float = PATIENCE_S) -> Any:
    """The first true value of a question that is asked again and again."""
    end = time.monotonic() + patience_s
    while not (found := true()):
        assert time.monotonic() < end, f"not within {patience_s:g} s: {what}"
        time.sleep(0.02)
    return found


def key(account: str, kind: str = "sk_live") -> dict[str, str]:
    """The headers of a caller: a well-formed key, which the gateway does not verify."""
    return {"Authorization": f"Bearer {kind}_{account}.{'a' * 32}"}


@dataclass
class Payments:
    """The stub: answers with what it was asked, holds requests while told to, or breaks off."""

    address: str
    port: int = 8080
    requests: list[dict[str, Any]] = field(default_factory=list)
    open: int = 0
    status: int = 201
    refuses: str = ""
    """Word that it refuses with."""
    breaks: bool = False
    holding: bool = False

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._released = asyncio.Event()
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        assert started.wait(PATIENCE_S)

    def _run(self, started: threading.Event) -> None:
        asyncio.set_event_loop(self._loop)
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, self.address, self.port))
        self._loop.call_soon(started.set)
        self._loop.run_forever()
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
                pairs = [line.split(": ", 1) for line in lines[1:] if ": " in line]
                headers = {name.lower(): value for name, value in pairs}
                await reader.readexactly(int(headers.get("content-length", 0)))
                method, path, _ = lines[0].split(" ")
                self.requests.append({"method": method, "path": path, "headers": headers})
                if self.breaks:
                    return
                self.open += 1
                try:
                    if self.holding:
                        await self._released.wait()
                finally:
                    self.open -= 1
                body = json.dumps(self.requests[-1]["headers"] if not self.holding else {}).encode()
                refused = f"x-refused: {self.refuses}\r\n" if self.refuses else ""
                head = f"server: secret/1.0\r\n{refused}content-length: {len(body)}\r\n\r\n"
                writer.write(f"HTTP/1.1 {self.status} X\r\n{head}".encode())
                writer.write(body)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    def release(self) -> None:
        """Lets go of what is held."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._released.set)

    def stop(self) -> None:
        """Closes the port and every connection."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._end(), self._loop)
            self._thread.join(PATIENCE_S)

    async def _end(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        self._loop.stop()


@dataclass
class Stand:
    """All of it, running."""

    home: Path
    settings: Gateway
    address: str
    payments: Payments
    scorer: subprocess.Popen[bytes] | None = None
    envoy: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"https://{self.address}:8443"

    def client(self) -> httpx.Client:
        limits = httpx.Limits(max_connections=100)
        return httpx.Client(base_url=self.url, verify=False, timeout=PATIENCE_S, limits=limits)

    def counters(self, name: str) -> dict[tuple[str, ...], float]:
        """Values of a counter by its labels' values, in the labels' order."""
        text = httpx.get(f"http://{self.address}:9901/stats/prometheus").text
        found = {}
        for line in text.splitlines():
            if line.startswith(name + "{"):
                labels, _, value = line[len(name) + 1 :].rpartition("} ")
                found[tuple(part.split("=")[1].strip('"') for part in labels.split(","))] = float(value)
        return found

    def lines(self) -> list[dict[str, Any]]:
        """The access log so far."""
        text = (self.home / "log").read_text(encoding="utf-8")
        return [json.loads(line) for line in text.splitlines() if line.startswith("{") and line.endswith("}")]

    def start_scorer(self) -> None:
        fraud = self.settings.fraud
        command = [sys.executable, str(HERE / "scorer_stub.py"), f"{fraud.host}:{fraud.port}"]
        self.scorer = subprocess.Popen(command)
        until(lambda: listens(fraud.host, fraud.port), "the scorer listens")

    def publish(self, cells: CellMap) -> None:
        """Puts another cell map in place, as a kubelet does."""
        put(self.home / "map", {ROUTES: here(routes(self.settings, cells), self.address)})

    def stop(self) -> None:
        for process in (self.envoy, self.scorer):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.kill()
                process.wait(PATIENCE_S)
        self.payments.stop()


def listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def put(folder: Path, content: Mapping[str, str]) -> None:
    """Files of a ConfigMap: all at once, by one rename."""
    folder.mkdir(exist_ok=True)
    version = folder / f"..{time.monotonic_ns()}"
    version.mkdir()
    for name, text in content.items():
        (version / name).write_text(text, encoding="utf-8")
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    (folder / "..new").symlink_to(version.name)
    (folder / "..new").rename(folder / "..data")


def here(text: str, address: str) -> str:
    """Listens on this stand's own loopback address, as the sandbox's kubelet has it."""

    def moved(value: Any) -> Any:
        if isinstance(value, dict):
            return {
                name: address if name == "address" and one in ("0.0.0.0", "127.0.0.1") else moved(one)
                for name, one in value.items()
            }
        return [moved(one) for one in value] if isinstance(value, list) else value

    return json.dumps(moved(json.loads(text)))


def prepared(home: Path, address: str, limits: Limits, **changes: Any) -> Gateway:
    """Settings and all files of a gateway at `address`."""
    fraud = replace(FraudCall(), host=next(addresses), **changes.pop("fraud", {}))
    settings = Gateway(
        cell="here",
        limits=limits,
        fraud=fraud,
        payments_host=next(addresses),
        sampled_percent=changes.pop("sampled_percent", 100),
        folder=str(home / "envoy"),
        map_folder=str(home / "map"),
        certificate_folder=str(home / "serving"),
        **changes,
    )
    put(home / "serving", {name: base64.b64decode(text).decode() for name, text in self_signed("gateway").items()})
    put(home / "envoy", {name: here(text, address) for name, text in files(settings).items()})
    put(home / "map", {ROUTES: here(routes(settings, CELLS), address)})
    return settings


@contextmanager
def running(
    home: Path,
    limits: Limits | None = None,
    *,
    scorer: bool = True,
    start: Callable[[dict[str, Any]], None] | None = None,
    **changes: Any,
) -> Iterator[Stand]:
    """A stand that answers. `start` changes the bootstrap that Envoy reads."""
    address = next(addresses)
    settings = prepared(home, address, limits or limits_for(1000), **changes)
    if start is not None:
        bootstrap = json.loads((home / "envoy" / "bootstrap.json").read_text())
        start(bootstrap)
        (home / "envoy" / "bootstrap.json").write_text(json.dumps(bootstrap))
    stand = Stand(home=home, settings=settings, address=address, payments=Payments(settings.payments_host))
    try:
        if scorer:
            stand.start_scorer()
        stand.envoy = start_envoy(home)
        until(lambda: _ready(stand), "the gateway is ready")
        yield stand
    finally:
        stand.stop()


def start_envoy(home: Path) -> "subprocess.Popen[bytes]":
    """The gateway's process on the files of `prepared`."""
    command = [ENVOY, "-c", home / "envoy" / "bootstrap.json", "--disable-hot-restart", "--concurrency", "2"]
    quick = ["--log-level", "warning", "--file-flush-interval-msec", "50"]
    with (home / "log").open("wb") as log:
        return subprocess.Popen(
            [*map(str, command), *quick], stdout=log, stderr=subprocess.STDOUT, env={**os.environ, "CELL": "here"}
        )


def _ready(stand: Stand) -> bool:
    assert stand.envoy is not None
    assert stand.envoy.poll() is None, (stand.home / "log").read_text()
    try:
        answer = httpx.get(f"{stand.url}/ready", verify=False)
    except (httpx.TransportError, ssl.SSLError):
        return False
    # Routes come by another file: without them every answer is 404.
    return answer.status_code == 200 and _served(stand)


def _served(stand: Stand) -> bool:
    answer = httpx.get(f"{stand.url}/v1/payments", verify=False, headers=key("acct_first"))
    stand.payments.requests.clear()
    return answer.status_code == stand.payments.status


@contextmanager
def callers(stand: Stand, number: int) -> Iterator[Callable[..., "Future[httpx.Response]"]]:
    """Sends requests without waiting for their answers."""
    with stand.client() as client, ThreadPoolExecutor(number) as pool:
        try:
            yield lambda *arguments, **named: pool.submit(client.request, *arguments, **named)
        finally:
            stand.payments.release()
