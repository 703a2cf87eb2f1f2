"""Databases and banks: started from here, each kept by its own package. Without one of them the rest runs."""

import importlib
import importlib.util
import threading
import time
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

from sandbox.dataplane import outside
from sandbox.dataplane.outside import Outside

LOOK_EVERY_S = 1.0


class NoSuchFault(Exception):
    """The message says what there is."""


class Guests:
    """One thread. `hosts`: asked for the banks that configurations of clusters name, with their ports."""

    def __init__(
        self,
        folder: Path,
        endpoint_url: str,
        hosts: Callable[[], Mapping[str, int]],
        changed: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._folder, self._url, self._hosts, self._changed, self._tell = folder, endpoint_url, hosts, changed, tell
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._told = ""
        self._servers: dict[str, Outside] = {}
        self._make()
        self._thread = threading.Thread(target=self._run, name="guests", daemon=True)
        self._thread.start()

    @property
    def servers(self) -> Mapping[str, Outside]:
        """Host -> server, of databases and banks."""
        return self._servers

    @property
    def databases(self) -> Any:
        """`sandbox.dataplane.databases.Databases`; None where that package is not installed."""
        return self._databases

    @property
    def bank_authority(self) -> Path | None:
        """File with who certified the banks: in place of the public authorities of an image."""
        path = getattr(self._banks, "ca_file", None)
        return Path(path) if path else None

    def processes(self) -> list[tuple[str, int, float, str]]:
        with self._lock:
            return [process for guest in self._present() for process in guest.processes()]

    def fault(self, name: str, on: bool) -> None:
        """`bank-<kind>:<bank>` or `shard-restart[:<shard>]`."""
        kind, _, which = name.partition(":")
        with self._lock:
            if kind.startswith("bank-") and self._banks is not None:
                self._banks.fault(self._bank(which), kind.removeprefix("bank-") if on else None)
            elif kind == "shard-restart" and self._databases is not None:
                if on:
                    self._databases.restart(which or None)
            else:
                raise NoSuchFault(f"{name}: nothing of this sandbox has this fault")

    def clear(self) -> None:
        """End all; what the account still has is started again."""
        with self._lock:
            for guest in self._present():
                guest.stop()
            self._make()
            self._servers = {}

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            for guest in self._present():
                guest.stop()

    def _make(self) -> None:
        self._databases = self._load("databases", "Databases", self._folder / "databases", self._url, self._tell)
        self._banks = self._load("banks", "Banks", self._folder / "banks", self._tell)

    def _load(self, package: str, name: str, *arguments: Any) -> Any:
        module = f"sandbox.dataplane.{package}"
        if importlib.util.find_spec(module) is None:
            return None
        return getattr(importlib.import_module(module), name)(*arguments)

    def _present(self) -> list[Any]:
        return [guest for guest in (self._databases, self._banks) if guest is not None]

    def _bank(self, which: str) -> str:
        """A host, or the one host that has the word as its first part."""
        hosts = sorted(self._banks.endpoints())
        found = [host for host in hosts if which == host] or [h for h in hosts if h.partition(".")[0] == which]
        if len(found) != 1:
            raise NoSuchFault(f"{which}: no such bank; there are {', '.join(hosts) or 'none'}")
        return str(found[0])

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                with self._lock:
                    if not self._stopping.is_set():
                        self._look()
            except Exception as error:  # of another part: it must not end the pods
                self._say(f"databases and banks: {type(error).__name__}: {error}")
            self._stopping.wait(max(0.1, LOOK_EVERY_S - (time.monotonic() - began)))

    def _look(self) -> None:
        servers: dict[str, Outside] = {}
        if self._banks is not None:
            hosts = self._hosts()
            self._banks.reconcile(sorted(hosts))
            for host, target in self._banks.endpoints().items():
                servers[host] = outside.bank(target, hosts.get(host, 443))
        if self._databases is not None:
            self._databases.reconcile()
            for host, target in self._databases.endpoints().items():
                servers[host] = outside.database(target, [str(IPv4Network(c)) for c in self._databases.subnets(host)])
        if servers != self._servers:
            self._servers = servers
            self._changed()

    def _say(self, message: str) -> None:
        if message != self._told:
            self._told = message
            self._tell(message)
