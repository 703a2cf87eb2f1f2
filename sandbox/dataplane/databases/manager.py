"""Follows the emulated account: a set of servers a cluster, a proxy process a network (a cell has its own)."""

import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.dataplane.databases import kept
from sandbox.dataplane.databases.account import Account, Cluster, Proxy
from sandbox.dataplane.databases.cluster import ClusterServers, Machine
from sandbox.dataplane.databases.lag import Follower, Lags
from sandbox.dataplane.databases.parameters import known_names
from sandbox.dataplane.databases.places import Addresses, User, base_folder, binaries
from sandbox.dataplane.databases.proxies import ProxyProcess
from sandbox.dataplane.databases.relay import Loop
from sandbox.dataplane.databases.server import Programs, ServerError
from sandbox.dataplane.turns import DYING_RUNNING_S, DYING_STOPPED_S, Turns
from sandbox.kubernetes.pki import Authority
from sandbox.regions import RegionFault, Regions

WORKERS = 2
"""Clusters that are made at the same time: initdb and pg_basebackup are short and use a core each."""

METRICS_S = 60.0
"""Seconds between two data points of the proxies' metrics, as on AWS."""

ProcessRow = tuple[str, int, float, str]
"""(name, pid, started in seconds since 1970, state)."""


class Databases:
    """`reconcile` is called every second and returns at once; work on a cluster goes on in a thread.

    folder: logs, certificates (`ca.pem` is what clients trust) and proxies' configuration. endpoint_url: the emulator;
    boto3 finds its credentials in the environment. tell: what a person should know, a line each. regions: what is wrong
    with them.
    """

    def __init__(
        self, folder: Path, endpoint_url: str, tell: Callable[[str], None], regions: Regions | None = None
    ) -> None:
        self._folder, self._endpoint_url, self._tell = folder, endpoint_url, tell
        self._account = Account(endpoint_url)
        user = User.current()
        for part in (folder, folder / "logs", folder / "certificates"):
            part.mkdir(parents=True, exist_ok=True)
        base = base_folder(folder, user)
        programs = Programs(folder=binaries(base, user), user=user)
        authority = Authority(folder / "certificates", "databases")
        (folder / "ca.pem").write_bytes(authority.pem)
        (folder / "ca.pem").chmod(0o644)
        self._regions = regions or Regions()
        self._loop = Loop()
        self._dying = Turns(DYING_STOPPED_S, DYING_RUNNING_S)
        self._machine = Machine(
            base=base,
            logs=folder / "logs",
            certificates=folder / "certificates",
            programs=programs,
            known=known_names(programs.folder),
            addresses=Addresses(folder),
            authority=authority,
            loop=self._loop,
            regions=self._regions,
        )
        self._clusters: dict[str, ClusterServers] = {}
        self._proxies: list[Proxy] = []
        self._processes: dict[str, ProxyProcess] = {}
        self._work: dict[str, Future[None]] = {}
        self._workers = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="databases")
        self._told: dict[str, str] = {}
        self._restorable: dict[str, int | None] = {}
        self._reading = threading.Lock()
        """Held while a kept volume is read: only one server may use it."""
        self._measured = time.monotonic()
        self._lags = Lags(self._account, self._say)

    # ---- following the account

    def reconcile(self) -> None:
        # Asked before the account is: what is done by now was told to it, so nothing is begun again on old words.
        busy = {unit for unit, work in self._work.items() if not work.done()}
        try:
            clusters, self._proxies = self._account.read()
        except (OSError, ValueError, BotoCoreError, ClientError) as reason:
            # Nothing is taken away on the word of an emulator that does not answer.
            self._say("account", f"databases: the emulator does not answer: {reason}")
            return
        self._say("account", "")
        wanted = {cluster.resource_id: cluster for cluster in clusters}
        for key in [
            key for key in self._clusters if key not in wanted and _unit(self._clusters[key].cluster) not in busy
        ]:
            self._clusters.pop(key).remove()
            self._tell(f"databases: cluster {key} is deleted, its data is gone")
        units: dict[str, list[Cluster]] = {}
        for key, cluster in wanted.items():
            self._clusters.setdefault(key, ClusterServers(self._machine, cluster))
            units.setdefault(_unit(cluster), []).append(cluster)
        for unit, members in units.items():
            if unit not in busy:
                # The primary first: the others follow it.
                members.sort(key=lambda cluster: not cluster.writes)
                self._work[unit] = self._workers.submit(self._converge_unit, members)
        self._remove_orphans()
        self._turn()
        self._reconcile_proxies()
        self._measure()
        self._lags.measure(list(self._followers(units.values())))

    def _followers(self, units: Iterable[Sequence[Cluster]]) -> Iterator[Follower]:
        """Secondaries with their primary; of a database whose writer moves nobody is one."""
        for members in units:
            primary = next((one for one in members if one.writes), None)
            for one in members:
                if primary is not None and one is not primary and one.membership and not one.membership.moving:
                    secondary, leads = self._clusters[one.resource_id], self._clusters[primary.resource_id]
                    yield Follower(secondary=secondary, primary=leads)

    def lags(self) -> Mapping[str, float]:
        """Secondary -> seconds that it is behind, as last measured."""
        return self._lags.last

    def _converge_unit(self, members: list[Cluster]) -> None:
        """A cluster by itself, or all members of a global database."""
        first, *others = members
        membership = first.membership
        primary = self._clusters[first.resource_id]
        if (
            membership
            and membership.moving
            and (primary.dead or not self._gave_way(primary, others, membership.data_loss))
        ):
            self._account.ended(first.account, membership.name, moved=False)
            return
        self._converge(primary, first, None)
        if membership and membership.moving and primary.writer:
            self._account.ended(first.account, membership.name, moved=True)
        for other in others:
            if primary.writer:
                servers = self._clusters[other.resource_id]
                self._converge(servers, other, primary)
                if servers.took_kept():
                    self._account.kept(other)

    def _gave_way(self, primary: ClusterServers, others: list[Cluster], data_loss: bool) -> bool:
        """Whether nobody else of a global database writes any more: after a switchover with nothing lost, after a
        failover with what had not arrived. A failover does not reach into a region that is cut off: its writer goes on,
        and what it writes is lost to the others."""
        for other in others:
            before = self._clusters[other.resource_id]
            if data_loss and before.apart(primary):
                continue
            try:
                before.give_way(None if data_loss else primary.head)
            except ServerError as reason:
                self._say(other.name, f"databases: {other.name} remains the writer: {reason}")
                return False
        return True

    def _converge(self, servers: ClusterServers, cluster: Cluster, source: ClusterServers | None) -> None:
        if servers.dead:
            servers.suffer()
            return
        passwords = [proxy.secrets.get(cluster.master_user, "") for proxy in self._of(cluster)]
        try:
            servers.converge(cluster, next(filter(None, passwords), ""), source)
        except (ServerError, OSError, subprocess.SubprocessError) as reason:
            self._say(cluster.name, f"databases: {cluster.name}: {reason}")
        except Exception as reason:
            self._say(cluster.name, f"databases: {cluster.name}: {type(reason).__name__}: {reason}")
            raise
        else:
            self._tell_restorable(servers)
            left = ", ".join(servers.not_applied)
            self._say(cluster.name, f"databases: {cluster.name}: not applied by PostgreSQL 17: {left}" if left else "")

    def _tell_restorable(self, servers: ClusterServers) -> None:
        """From when on the cluster can be restored, whenever that changes."""
        key, since = servers.cluster.resource_id, servers.recovery.restorable_from
        if self._restorable.get(key, 0) != since:
            self._account.restorable(servers.cluster, since)
            self._restorable[key] = since

    def _of(self, cluster: Cluster) -> list[Proxy]:
        place = (cluster.account, cluster.region, cluster.name)
        return [proxy for proxy in self._proxies if (proxy.account, proxy.region, proxy.cluster) == place]

    def _say(self, about: str, text: str) -> None:
        """Tell a thing once, until something else is to be told about the same."""
        if self._told.get(about, "") != text:
            self._told[about] = text
            if text:
                self._tell(text)

    def _remove_orphans(self) -> None:
        """Data of clusters that are no more: of an account that ended while this process did not run."""
        kept = {servers.folder.name for servers in self._clusters.values()} | {"postgresql"}
        for path in self._machine.base.iterdir():
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True)

    # ---- proxies

    def _reconcile_proxies(self) -> None:
        pairs = [(proxy, servers) for proxy in self._proxies for servers in self._clusters.values()]
        ready = [(proxy, servers) for proxy, servers in pairs if proxy in self._of(servers.cluster) and servers.writer]
        by_network: dict[str, list[tuple[Proxy, ClusterServers]]] = {}
        for proxy, servers in ready:
            by_network.setdefault(proxy.vpc, []).append((proxy, servers))
        # A proxy whose writer restarts stays: its clients wait for it.
        standing = {proxy.vpc for proxy in self._proxies}
        for network in [network for network in self._processes if network not in standing]:
            self._processes.pop(network).remove()
        dead = {proxy.vpc for proxy in self._proxies if self._regions.has(proxy.region, RegionFault.DEAD)}
        for network in dead & set(self._processes):
            self._processes[network].kill()
        for network, targets in by_network.items():
            if network in dead:
                continue
            if network not in self._processes:
                self._processes[network] = ProxyProcess(network, self._folder, self._machine, self._endpoint_url)
            self._processes[network].converge(targets, {proxy.name for proxy in self._proxies if proxy.vpc == network})

    def statistics(self) -> dict[str, dict[str, Any]]:
        """Proxy name -> clients, connections, borrowed, pinned (now), pins, refused, transactions (since its start)."""
        return {name: values for process in self._processes.values() for name, values in process.statistics().items()}

    def _measure(self) -> None:
        """The proxies' own metrics, once a minute
        (https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/rds-proxy.monitoring.html)."""
        if time.monotonic() - self._measured < METRICS_S:
            return
        self._measured = time.monotonic()
        found = self.statistics()
        try:
            for proxy in self._proxies:
                if proxy.name in found:
                    self._put_metrics(proxy, found[proxy.name])
        except (BotoCoreError, ClientError) as reason:
            self._say("metrics", f"databases: metrics of the proxies: {reason}")

    def _put_metrics(self, proxy: Proxy, found: Mapping[str, Any]) -> None:
        names = {
            "ClientConnections": "clients",
            "DatabaseConnections": "connections",
            "DatabaseConnectionsCurrentlySessionPinned": "pinned",
        }
        dimensions = [{"Name": "ProxyName", "Value": proxy.name}]
        data = [
            {"MetricName": metric, "Dimensions": dimensions, "Value": found[key], "Unit": "Count"}
            for metric, key in names.items()
        ]
        client = self._account.client("cloudwatch", proxy.account, proxy.region)
        client.put_metric_data(Namespace="AWS/RDS", MetricData=data)

    # ---- what others ask

    def endpoints(self) -> Mapping[str, tuple[str, int]]:
        """Host name -> address and port, of what takes connections now."""
        found = {
            host: (server.address, server.port)
            for servers in list(self._clusters.values())
            for host, server in servers.hosts()
        }
        for process in self._processes.values():
            found |= process.endpoints()
        return found

    def subnets(self, host: str) -> list[str]:
        """Address ranges that `host` may have an address in; KeyError for an unknown one."""
        for proxy in self._proxies:
            if proxy.host == host:
                return list(proxy.subnets)
        for servers in list(self._clusters.values()):
            cluster = servers.cluster
            if host in (cluster.host, cluster.reader_host, *(instance.host for instance in cluster.instances)):
                return list(cluster.subnets)
        raise KeyError(host)

    def processes(self) -> list[ProcessRow]:
        rows: list[ProcessRow] = []
        for servers in list(self._clusters.values()):
            states = servers.states()
            for name, server in list(servers.servers.items()):
                rows.append((f"database-{name}", server.pid, server.started, states.get(name, "stopped")))
        rows += [process.row() for process in self._processes.values()]
        return rows

    def _named(self, shard: str) -> list[ClusterServers]:
        """Clusters that are called so or end with `-<shard>`; all for an empty name."""
        found = sorted(self._clusters.values(), key=lambda servers: servers.cluster.name)
        return [
            one for one in found if not shard or one.cluster.name == shard or one.cluster.name.endswith(f"-{shard}")
        ]

    def restart(self, shard: str = "") -> list[str]:
        """Let the writer of a shard (`s00`, or a cluster's name) crash; without a name, the first shard's. It comes
        back by itself. Names of the clusters; KeyError for an unknown one."""
        found = [servers for servers in self._named(shard) if servers.writer]
        if not found:
            raise KeyError(shard)
        for servers in found if shard else found[:1]:
            if writer := servers.writer:
                writer.crash()
        return [servers.cluster.name for servers in (found if shard else found[:1])]

    def psql(self, cell: str, shard: str) -> tuple[list[str], dict[str, str]]:
        """Command and environment of a psql as master user on the writer; KeyError when no such writer runs."""
        for servers in self._named(f"{cell}-{shard}"):
            cluster, writer = servers.cluster, servers.writer
            # A restored cluster has no proxy, and the password of its source.
            origin = self._clusters.get(cluster.origin.source) if cluster.origin else None
            proxies = self._of(cluster) or (self._of(origin.cluster) if origin else [])
            passwords = [proxy.secrets.get(cluster.master_user, "") for proxy in proxies]
            if writer:
                return [str(self._machine.programs.folder / "psql")], {
                    "PGHOST": cluster.host,
                    "PGHOSTADDR": writer.address,
                    "PGPORT": str(writer.port),
                    "PGUSER": cluster.master_user,
                    "PGPASSWORD": next(filter(None, passwords), ""),
                    "PGDATABASE": cluster.database,
                    "PGSSLMODE": "verify-full",
                    "PGSSLROOTCERT": str(self._folder / "ca.pem"),
                }
        raise KeyError(f"{cell}-{shard}")

    def kept(self, cell: str, shard: str, query: str) -> str:
        """What a query finds in the volume that was kept last of a former writer of the shard; KeyError without one."""
        for servers in self._named(f"{cell}-{shard}"):
            if volume := kept.newest(servers.folder):
                with self._reading:
                    return kept.read(self._machine.programs, volume, servers.cluster.database, query)
        raise KeyError(f"{cell}-{shard}")

    def suffer(self) -> None:
        """The faults of regions changed: what they do at once is done when this returns."""
        for servers in list(self._clusters.values()):
            servers.suffer()
        self._turn()

    def _turn(self) -> None:
        """Which servers die slowly."""
        self._dying.slow = [
            server.send
            for servers in list(self._clusters.values())
            if self._regions.has(servers.cluster.region, RegionFault.SLOW)
            for server in list(servers.servers.values())
        ]

    def stop(self) -> None:
        """End everything and take the data away: the account that it belongs to ends as well."""
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._lags.stop()
        self._dying.end()
        for process in self._processes.values():
            process.remove()
        for servers in self._clusters.values():
            servers.remove()
        self._processes, self._clusters, self._proxies = {}, {}, []
        self._loop.stop()
        shutil.rmtree(self._machine.base, ignore_errors=True)


def _unit(cluster: Cluster) -> str:
    """What is worked on together: the members of a global database, or a cluster by itself."""
    return f"{cluster.account} {cluster.membership.name}" if cluster.membership else cluster.resource_id
