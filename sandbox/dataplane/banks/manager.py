"""Starts the banks' process, tells it what to serve, and asks it what it booked."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from sandbox.dataplane.banks.authority import Authority

FAULTS: Final = ("hang", "500", "reset", "drip", "slow", "pretend")
"""hang: reads and never answers; 500: answers so; reset: ends the connection with RST after reading; drip: sends its
answer a byte every 200 ms; slow: answers after 1 s; pretend: books, and answers 503 with the gateway's `x-refused`."""

START_S = 20.0
"""Seconds that the process may take to answer for the first time."""


class BanksError(Exception):
    """The banks cannot be started, or one that is named is not there."""


class Banks:
    """The banks that one sandbox simulates."""

    def __init__(
        self,
        folder: Path,
        tell: Callable[[str], None],
        *,
        latency_ms: int = 0,
        clients_file: Path | None = None,
    ) -> None:
        """`latency_ms`: of every answer. `clients_file`: certificates of callers that banks know; a caller without
        one of them is refused. None: certificates are not asked for."""
        self._folder, self._tell, self._latency_ms, self._clients = folder, tell, latency_ms, clients_file
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._hosts: tuple[str, ...] = ()
        self._endpoints: dict[str, tuple[str, int]] = {}
        self._faults: dict[str, str] = {}
        self.ca_file: Final = Authority(folder).certificate_file

    def reconcile(self, hosts: Iterable[str]) -> None:
        """Serve exactly these hosts; starts the process, also when it has died. What it booked it still knows, and
        faults stay on."""
        wanted = tuple(sorted(set(hosts)))
        if self._process is not None and self._process.poll() is not None:
            self._tell(f"banks: ended with {self._process.returncode}, started again")
            self._process = None
        if self._process is None:
            if not wanted:
                return
            self._start()
        elif wanted == self._hosts:
            return
        found = self._ask({"do": "serve", "hosts": wanted})
        self._hosts = wanted
        self._endpoints = {host: (address, port) for host, (address, port) in found["endpoints"].items()}
        for host, kind in self._faults.items():
            if host in self._endpoints:
                self._ask({"do": "fault", "host": host, "kind": kind})

    def endpoints(self) -> Mapping[str, tuple[str, int]]:
        """Host -> loopback address and port."""
        return dict(self._endpoints)

    def fault(self, bank_host: str, kind: str | None) -> None:
        """Make a bank fail in one of the ways of `FAULTS`, or work again. Raises BanksError for an unknown word."""
        if bank_host not in self._endpoints:
            raise BanksError(f"{bank_host}: no such bank; there are {', '.join(self._endpoints) or 'none'}")
        if kind is None:
            self._faults.pop(bank_host, None)
        elif kind not in FAULTS:
            raise BanksError(f"{kind}: no such fault; choose from {', '.join(FAULTS)}")
        else:
            self._faults[bank_host] = kind
        self._ask({"do": "fault", "host": bank_host, "kind": kind})

    def effects(self, bank_host: str) -> Mapping[str, int]:
        """Reference -> how often its payment was booked, whatever the caller was told."""
        found: dict[str, int] = self._ask({"do": "effects", "host": bank_host})["effects"]
        return found

    def requests(self, bank_host: str) -> int:
        """Requests that reached the bank since its process started."""
        return int(self._ask({"do": "effects", "host": bank_host})["requests"])

    def clients(self, bank_host: str) -> list[str]:
        """Serial numbers of the certificates that its callers showed, in the order of their connections."""
        found: list[str] = self._ask({"do": "effects", "host": bank_host})["clients"]
        return found

    def processes(self) -> list[tuple[str, int, float, str]]:
        """(name, process id, time of start, state)"""
        if self._process is None:
            return []
        state = "running" if self._process.poll() is None else "dead"
        return [("banks", self._process.pid, self._started, state)]

    def stop(self) -> None:
        """End the process. What it booked stays in the folder."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
        self._endpoints, self._hosts = {}, ()

    def _start(self) -> None:
        control = self._folder / "control.sock"
        control.unlink(missing_ok=True)
        command = [sys.executable, "-m", "sandbox.dataplane.banks", str(self._folder), str(self._latency_ms)]
        if self._clients is not None:
            command.append(str(self._clients))
        with (self._folder / "banks.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self._started = time.time()
        deadline = time.monotonic() + START_S
        # The socket's file is there a moment before somebody listens at it.
        while not _listened(control):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise BanksError(f"the banks do not start; see {self._folder / 'banks.log'}")
            time.sleep(0.02)

    def _ask(self, question: Mapping[str, Any]) -> dict[str, Any]:
        """One line there, one back, on a Unix socket that only this user can open."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(START_S)
            try:
                connection.connect(str(self._folder / "control.sock"))
                with connection.makefile("rwb") as stream:
                    stream.write(json.dumps(question).encode() + b"\n")
                    stream.flush()
                    answer: dict[str, Any] = json.loads(stream.readline())
            except (OSError, ValueError) as error:
                raise BanksError(f"the banks do not answer: {error}") from error
        return answer


def _listened(control: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection:
        try:
            connection.connect(str(control))
        except OSError:
            return False
    return True
