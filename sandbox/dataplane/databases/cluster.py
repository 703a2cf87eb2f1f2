"""The servers of one Aurora cluster: a writer, the others as streaming replicas of it.

Of a secondary of a global database the first server is a replica of another region's writer.
"""

import hashlib
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from sandbox.dataplane.databases.account import Cluster, Origin
from sandbox.dataplane.databases.parameters import Settings, quoted, settings
from sandbox.dataplane.databases.places import Addresses
from sandbox.dataplane.databases.recovery import Recovery, unfinished
from sandbox.dataplane.databases.relay import Loop, Relay
from sandbox.dataplane.databases.server import Programs, Server, ServerError, quoted_name, roles
from sandbox.kubernetes.pki import Authority
from sandbox.regions import RegionFault, Regions

HAND_OVER_S = 20.0
"""Seconds that a replica gets to catch up before it becomes the writer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Machine:
    """What all clusters of a manager share."""

    base: Path
    logs: Path
    certificates: Path
    programs: Programs
    known: frozenset[str]
    addresses: Addresses
    authority: Authority
    loop: Loop
    regions: Regions

    @property
    def libraries(self) -> Path:
        return self.programs.folder.parent / "lib"


class ClusterServers:
    """Brings the servers of one cluster to what the account says. One thread at a time calls `converge`."""

    def __init__(self, machine: Machine, cluster: Cluster) -> None:
        self._machine = machine
        self.cluster = cluster
        self.servers: dict[str, Server] = {}
        self.not_applied: tuple[str, ...] = ()
        self._password = ""
        self._restoring = False
        """Its server runs, and is not what it will be: nobody is let to it."""
        self._source = ""
        """Of a secondary of a global database: the server of another region that its head follows."""
        self._source_region = ""
        self._relay: Relay | None = None
        self._kept = False

    @property
    def folder(self) -> Path:
        return self._folder_of(self.cluster.resource_id)

    def _folder_of(self, resource_id: str) -> Path:
        return self._machine.base / hashlib.sha256(resource_id.encode()).hexdigest()[:10]

    @property
    def recovery(self) -> Recovery:
        """What a point-in-time recovery from this cluster is made of."""
        return Recovery(self.folder, self._machine.programs)

    @property
    def socket(self) -> Path:
        """Leads to the writer's Unix socket; to none while another instance takes over."""
        return self.folder / "writer"

    @property
    def writer(self) -> Server | None:
        """The running writer, once it is one: after a failover it has to be promoted first."""
        server = self.head
        return server if server and server.alive and not server.follows and not self._restoring else None

    @property
    def head(self) -> Server | None:
        """The server that the others of this cluster follow."""
        found = self.cluster.head
        return self.servers.get(found.name) if found else None

    @property
    def dead(self) -> bool:
        """Whether its region has a fault that no server survives."""
        return self._machine.regions.has(self.cluster.region, RegionFault.DEAD, RegionFault.DATABASE_DEAD)

    def apart(self, other: "ClusterServers") -> bool:
        """Whether the network between their regions is cut."""
        return self._machine.regions.apart(self.cluster.region, other.cluster.region)

    def suffer(self) -> None:
        """What the faults of its region do at once."""
        regions, region = self._machine.regions, self.cluster.region
        if self.dead:
            for server in list(self.servers.values()):
                server.kill()
        if self._relay is not None:
            self._relay.delay_s = regions.lag_s.get(region, 0.0)
            self._relay.cut = regions.apart(region, self._source_region)

    def converge(self, cluster: Cluster, password: str, source: "ClusterServers | None" = None) -> None:
        """One step to what `cluster` says; `source` has the writer that a secondary follows. Raises `ServerError`; the
        next step tries again."""
        self.cluster = cluster
        self.folder.mkdir(mode=0o700, exist_ok=True)
        self._machine.programs.user.own(self.folder)
        self.recovery.prepare()
        wanted = {instance.name: instance for instance in cluster.instances}
        for name in [name for name in self.servers if name not in wanted]:
            self.servers.pop(name).remove()
        for instance in cluster.instances:
            if instance.name not in self.servers:
                self.servers[instance.name] = self._server(instance.name, instance.host)
        if cluster.head is None or (source is None and not cluster.writes):
            return
        parsed = settings(cluster.parameters, self._machine.known, self._machine.libraries)
        self.not_applied = tuple(parsed.not_applied)
        head = self.servers[cluster.head.name]
        if source is not None:
            writer = source.writer
            if writer is None:
                return  # it died a moment ago: this cluster goes on following it
            self._source = writer.name
            if self.apart(source) and head.follows != writer.name:
                if not head.follows:
                    self._write(head, parsed)  # an old writer that is out of reach is what it was
                return
            self.socket.unlink(missing_ok=True)
            self._follow(head, writer, parsed, self._relayed(writer, source.cluster.region))
            self.recovery.forget()
        else:
            self._source = ""
            for server in self.servers.values():
                if server is not head and server.alive and not server.follows:
                    self._hand_over(server, head)
            self._write(head, parsed)
        if head.alive:
            if source is None:
                self._set_password(head, password)
            for server in self.servers.values():
                if server is not head:
                    self._follow(server, head, parsed, head.folder)
            if source is None:
                self.recovery.keep(head)

    def _relayed(self, writer: Server, region: str) -> Path:
        """Where the head reaches a writer of another region."""
        if self._relay is None:
            machine = self._machine
            self._relay = Relay(machine.loop, self.folder / "relay", self.cluster.port, machine.programs.user.own)
        self._source_region = region
        self._relay.target = writer.socket
        self.suffer()
        return self._relay.folder

    def took_kept(self) -> bool:
        """Whether a former writer's volume was kept since this was asked last."""
        kept, self._kept = self._kept, False
        return kept

    def give_way(self, after: Server | None) -> None:
        """End the writer, because another region's takes over: `after` first gets all that it has not; None for a
        failover that may lose it. Raises `ServerError` where `after` does not catch up, or there is nobody to ask."""
        head = self.head
        if after and head and head.exists and not (head.follows or head.alive or head.handed_over):
            raise ServerError(f"{head.name} does not run")
        if before := self.writer:
            if after:
                if not after.alive:
                    raise ServerError(f"{after.name} does not run")
                self._hand_over(before, after)
            else:
                self.socket.unlink(missing_ok=True)
                before.stop()

    def _hand_over(self, before: Server, after: Server) -> None:
        """End the writer before a failover (two would both take payments), with nothing lost: Aurora's instances share
        their storage, and a switchover between regions waits, so `after` has to have all of it."""
        caught_up = (
            "SELECT count(*) FROM pg_stat_replication "
            f"WHERE application_name = {quoted(after.name)} AND replay_lsn >= pg_current_wal_lsn();"
        )
        deadline = time.monotonic() + HAND_OVER_S
        while before.alive and after.alive and before.sql(caught_up).strip() == "0":
            if time.monotonic() > deadline:
                raise ServerError(f"{after.name} does not catch up with {before.name}")
            time.sleep(0.05)
        self.socket.unlink(missing_ok=True)
        before.hand_over()

    def _server(self, name: str, host: str) -> Server:
        machine, cluster = self._machine, self.cluster
        server = Server(
            name=name,
            folder=self.folder / hashlib.sha256(name.encode()).hexdigest()[:10],
            address=machine.addresses.of(host),
            port=cluster.port,
            programs=machine.programs,
            log=machine.logs / f"database-{name}.log",
        )
        hosts = [host, cluster.host, *([cluster.reader_host] if cluster.reader_host else [])]
        pair = machine.authority.issue(name, common_name=name[:64], hosts=hosts)
        server.prepare(pair)
        return server

    def _write(self, server: Server, parsed: Settings) -> None:
        if not server.exists or unfinished(server):
            if not server.may_start():
                return
            if origin := self.cluster.origin:
                self._restore(server, parsed, origin)
            else:
                server.initialise()
                (server.folder / "new").touch()
        self._run(server, parsed, None)
        if server.alive and server.follows:
            server.sql("SELECT pg_promote();")
        if server.alive and (server.folder / "new").exists():
            server.sql(roles(self.cluster.master_user, self.cluster.database))
            (server.folder / "new").unlink()
        if server.alive and (not self.socket.is_symlink() or self.socket.readlink() != server.socket):
            self.socket.unlink(missing_ok=True)
            self.socket.symlink_to(server.socket)

    def _restore(self, server: Server, parsed: Settings, origin: Origin) -> None:
        source = Recovery(self._folder_of(origin.source), self._machine.programs)

        def configure(more: Mapping[str, str]) -> None:
            server.configure({**parsed.applied, **more}, self.cluster.master_user, None)

        self._restoring = True
        try:
            source.restore(server, origin.at, configure)
        finally:
            self._restoring = False

    def _follow(self, server: Server, writer: Server, parsed: Settings, way: Path) -> None:
        """`way`: the folder at which the writer is reached."""
        if not server.exists or server.follows != writer.name:
            server.stop()
            self._kept = server.clone(writer) or self._kept
        self._run(server, parsed, way)

    def _run(self, server: Server, parsed: Settings, source: Path | None) -> None:
        changed = server.configure({**parsed.applied, **self.recovery.settings}, self.cluster.master_user, source)
        if not server.alive:
            if server.may_start():
                server.start()
        elif changed:
            server.reload()

    def _set_password(self, writer: Server, password: str) -> None:
        if password and password != self._password:
            name = quoted_name(self.cluster.master_user)
            # Not in a log: neither the statement nor its error.
            writer.sql(f"SET log_statement = 'none'; ALTER ROLE {name} PASSWORD {quoted(password)};")
            self._password = password

    def stop(self) -> None:
        """End all servers, replicas first: a writer waits for them at its end."""
        writer = self.writer
        for server in [*(one for one in self.servers.values() if one is not writer), *([writer] if writer else [])]:
            server.stop()

    def remove(self) -> None:
        self.stop()
        if self._relay is not None:
            self._relay.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def hosts(self) -> Iterator[tuple[str, Server]]:
        """Host name -> server, as Aurora's DNS has it: the reader endpoint is the writer's while there is no reader."""
        writer = self.writer
        if writer:
            yield self.cluster.host, writer
        readers = [server for server in self.servers.values() if self._state(server) == "reader"]
        if self.cluster.reader_host and (reads := next(iter(readers), writer)):
            yield self.cluster.reader_host, reads
        for instance in self.cluster.instances:
            if (server := self.servers.get(instance.name)) and server.alive and not self._restoring:
                yield instance.host, server

    def _state(self, server: Server) -> str:
        if not server.alive or self._restoring:
            return "stopped"
        if server is self.writer:
            return "writer"
        head = self.head
        source = self._source if server is head else head.name if head else ""
        return "reader" if server.follows and server.follows == source else "changing"

    def states(self) -> Mapping[str, str]:
        """Server -> writer, reader, changing (after a failover) or stopped."""
        return {name: self._state(server) for name, server in list(self.servers.items())}
