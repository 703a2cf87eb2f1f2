"""Databases and banks: started from here, each kept by its own package. Without one of them the rest runs."""

import importlib
import importlib.util
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from sandbox.dataplane import outside
from sandbox.dataplane.outside import Outside
from sandbox.regions import Regions

LOOK_EVERY_S = 1.0

Servers = dict[str, Outside]
Row = tuple[str, int, float, str]
"""Name, pid, when it started (seconds since 1970), state."""


class NoSuchFault(Exception):
    """The message says what there is."""


class _Guest:
    """A package's manager and the thread that has it look around."""

    def __init__(
        self,
        package: str,
        make: Callable[[Any], Any],
        look: Callable[[Any], Servers],
        changed: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._package, self._make, self._look = package, make, look
        self._changed, self._tell = changed, tell
        self._lock, self._stopping, self._told = threading.Lock(), threading.Event(), ""
        self.servers: Servers = {}
        self.rows: list[Row] = []
        name = f"sandbox.dataplane.{package}"
        self._module = importlib.import_module(name) if importlib.util.find_spec(name) else None
        self.manager = self._make(self._module) if self._module else None
        if self._module:
            threading.Thread(target=self._run, name=package, daemon=True).start()

    def clear(self) -> None:
        """End its processes; what the account still has is started again."""
        with self._lock:
            if self.manager is not None:
                self.manager.stop()
                self.manager = self._make(self._module)
            self.servers, self.rows = {}, []

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            if self.manager is not None:
                self.manager.stop()

    def _run(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                with self._lock:
                    if self._stopping.is_set():
                        return
                    servers = self._look(self.manager)
                    self.rows = list(self.manager.processes()) if self.manager else []
                if servers != self.servers:
                    self.servers = servers
                    self._changed()
            except Exception as error:  # of another part, of whatever kind: it must not end the pods
                self._say(f"{self._package}: {type(error).__name__}: {error}")
            self._stopping.wait(max(0.1, LOOK_EVERY_S - (time.monotonic() - began)))

    def _say(self, message: str) -> None:
        if message != self._told:
            self._told = message
            self._tell(message)


class Guests:
    """`hosts`: asked for the banks that configurations of clusters name, with their ports. `changed` is called from
    other threads when a server comes or goes."""

    def __init__(
        self,
        folder: Path,
        endpoint_url: str,
        hosts: Callable[[], Mapping[str, int]],
        changed: Callable[[], None],
        tell: Callable[[str], None],
        regions: Regions,
    ) -> None:
        self._hosts = hosts
        self._banks = _Guest(
            "banks", lambda module: module.Banks(folder / "banks", tell), self._look_at_banks, changed, tell
        )
        self._databases = _Guest(
            "databases",
            lambda module: module.Databases(folder / "databases", endpoint_url, tell, regions),
            _look_at_databases,
            changed,
            tell,
        )

    @property
    def servers(self) -> Mapping[str, Outside]:
        """Host -> server, of databases and banks."""
        return {**self._banks.servers, **self._databases.servers}

    @property
    def bank_authority(self) -> Path | None:
        """File with who certified the banks: in place of the public authorities of an image."""
        path = getattr(self._banks.manager, "ca_file", None)
        return Path(path) if path else None

    def processes(self) -> list[Row]:
        return [*self._databases.rows, *self._banks.rows]

    def psql(self, cell: str, shard: str) -> tuple[list[str], dict[str, str]]:
        """Command and environment of a client of the shard's database."""
        if self._databases.manager is None:
            raise NoSuchFault("this sandbox runs no databases")
        try:
            command, environment = self._databases.manager.psql(cell, shard)
        except KeyError as error:
            raise NoSuchFault(f"{cell} {shard}: no writer of such a shard runs") from error
        return list(command), dict(environment)

    def kept(self, cell: str, shard: str, query: str) -> str:
        """What a query finds in the volume that was kept last of a former writer of the shard."""
        if self._databases.manager is None:
            raise NoSuchFault("this sandbox runs no databases")
        try:
            return str(self._databases.manager.kept(cell, shard, query))
        except KeyError as error:
            raise NoSuchFault(f"{cell} {shard}: no volume of a former writer is kept") from error

    def fault(self, name: str, on: bool) -> None:
        """`bank-<kind>:<bank>` or `shard-restart[:<shard>]`."""
        kind, _, which = name.partition(":")
        if kind.startswith("bank-") and self._banks.manager is not None:
            for host in self._of_bank(which):
                self._banks.manager.fault(host, kind.removeprefix("bank-") if on else None)
        elif kind == "shard-restart" and self._databases.manager is not None:
            try:
                if on:
                    self._databases.manager.restart(which)
            except KeyError as error:
                raise NoSuchFault(f"{name}: no writer of such a shard runs") from error
        else:
            raise NoSuchFault(f"{name}: nothing of this sandbox has this fault")

    def suffer(self) -> None:
        """The faults of regions changed."""
        if self._databases.manager is not None:
            self._databases.manager.suffer()

    def clear(self) -> None:
        for guest in (self._databases, self._banks):
            guest.clear()

    def stop(self) -> None:
        for guest in (self._databases, self._banks):
            guest.stop()

    def _of_bank(self, which: str) -> list[str]:
        """A host, or all hosts that have the word as one of their parts: those of one bank."""
        hosts = sorted(self._banks.servers)
        found = [host for host in hosts if which == host] or [host for host in hosts if which in host.split(".")]
        if not found:
            raise NoSuchFault(f"{which}: no such bank; there are {', '.join(hosts) or 'none'}")
        return found

    def _look_at_banks(self, banks: Any) -> Servers:
        hosts = self._hosts()
        banks.reconcile(sorted(hosts))
        return {host: outside.bank(target, hosts.get(host, 443)) for host, target in banks.endpoints().items()}


def _look_at_databases(databases: Any) -> Servers:
    databases.reconcile()
    return {host: outside.database(target, databases.subnets(host)) for host, target in databases.endpoints().items()}
