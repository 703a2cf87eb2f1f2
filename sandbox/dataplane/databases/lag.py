"""How far secondaries of global databases are behind, measured at the servers and published as Aurora does.

`AuroraGlobalDBReplicationLag`, milliseconds, in the secondary's region:
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html
"""

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.dataplane.databases.account import Account
from sandbox.dataplane.databases.cluster import ClusterServers
from sandbox.dataplane.databases.questions import Questions
from sandbox.dataplane.databases.server import Server, ServerError

NAMESPACE, METRIC = "AWS/RDS", "AuroraGlobalDBReplicationLag"

EVERY_S = 3.0
"""Seconds between two measurements; on AWS a metric has a value a minute. A failback waits for a small one."""

SAME_EVERY_S = 20.0
"""Seconds after which a value that did not change is published again: each is kept by the emulator."""

WRITTEN = "SELECT (pg_current_wal_lsn() - '0/0')::bigint"
ARRIVED = """
    SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint,
           extract(epoch FROM pg_last_xact_replay_timestamp())::float8,
           (SELECT count(*) FROM pg_stat_wal_receiver WHERE status = 'streaming')
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrived:
    """What a secondary has: the position in the log that it has applied, when the newest transaction of it was
    committed (seconds since 1970), and whether a stream is open that more could come over. `written`: how far the
    writer's log went before that was asked; None where it does not answer."""

    written: int | None
    position: int
    committed: float
    streams: bool


class Lag:
    """Of one secondary: the age of what it lacks. A writer that is idle leaves none; without a stream, or without a
    writer, nobody knows what there is, and the lag is the time since it was known that nothing was lacking."""

    def __init__(self, now: float) -> None:
        self._whole_at = now

    def seconds(self, now: float, arrived: Arrived) -> float:
        if arrived.streams and arrived.written is not None and arrived.position >= arrived.written:
            self._whole_at = now
            return 0.0
        return max(0.0, now - max(self._whole_at, arrived.committed))


@dataclass(frozen=True, kw_only=True, slots=True)
class Follower:
    """A secondary, and the cluster that it follows."""

    secondary: ClusterServers
    primary: ClusterServers


class Lags:
    """`measure` returns at once; servers are asked in a thread."""

    def __init__(self, account: Account, say: Callable[[str, str], None]) -> None:
        self._account, self._say = account, say
        self._questions = Questions()
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="lags")
        self._work: Future[None] | None = None
        self._due = 0.0
        self._lags: dict[tuple[str, str], Lag] = {}
        self._published: dict[str, tuple[float, float]] = {}
        """Secondary -> value, and when it was published."""
        self._connected: dict[str, bool] = {}
        """Secondary -> what the account was told last."""
        self.last: Mapping[str, float] = {}
        """Secondary -> seconds."""

    def measure(self, followers: Sequence[Follower]) -> None:
        if time.monotonic() < self._due or (self._work is not None and not self._work.done()):
            return
        self._due = time.monotonic() + EVERY_S
        self._work = self._worker.submit(self._measure, followers)

    def stop(self) -> None:
        self._worker.shutdown(wait=True, cancel_futures=True)
        self._questions.close()

    def _measure(self, followers: Sequence[Follower]) -> None:
        found = {}
        # Whom one follows again after another has a new start.
        self._lags = {_pair(one): self._lags.get(_pair(one)) or Lag(time.time()) for one in followers}
        for one in followers:
            name = one.secondary.cluster.name
            try:
                arrived = self._arrived(one)
                self._tell(one, arrived is not None and arrived.streams)
                if arrived is not None:
                    found[name] = self._lags[_pair(one)].seconds(time.time(), arrived)
                    self._publish(one, found[name])
                self._say(f"lag {name}", "")
            except (ServerError, OSError, BotoCoreError, ClientError) as reason:
                self._say(f"lag {name}", f"databases: lag of {name}: {reason}")
        self.last = found

    def _arrived(self, one: Follower) -> Arrived | None:
        """None where the secondary itself does not answer: then nobody measures."""
        head = one.secondary.head
        if head is None or not head.alive or not head.follows:
            return None
        written = self._written(one.primary.writer)
        position, committed, streams = self._questions.ask(head, ARRIVED)
        return Arrived(
            written=written, position=int(position or 0), committed=float(committed or 0), streams=bool(streams)
        )

    def _written(self, writer: Server | None) -> int | None:
        try:
            return int(self._questions.ask(writer, WRITTEN)[0] or 0) if writer else None
        except ServerError:
            return None

    def _tell(self, one: Follower, connected: bool) -> None:
        cluster = one.secondary.cluster
        if self._connected.get(cluster.resource_id) is not connected:
            self._account.connected(cluster, connected)
            self._connected[cluster.resource_id] = connected

    def _publish(self, one: Follower, seconds: float) -> None:
        cluster = one.secondary.cluster
        before, at = self._published.get(cluster.resource_id, (-1.0, 0.0))
        if seconds == before and time.monotonic() - at < SAME_EVERY_S:
            return
        self._published[cluster.resource_id] = (seconds, time.monotonic())
        own = [{"Name": "DBClusterIdentifier", "Value": cluster.name}]
        source = {"Name": "SourceRegion", "Value": one.primary.cluster.region}
        data = [
            {"MetricName": METRIC, "Dimensions": dimensions, "Value": seconds * 1000, "Unit": "Milliseconds"}
            for dimensions in (own, [*own, source])
        ]
        client = self._account.client("cloudwatch", cluster.account, cluster.region)
        client.put_metric_data(Namespace=NAMESPACE, MetricData=data)


def _pair(one: Follower) -> tuple[str, str]:
    return one.secondary.cluster.resource_id, one.primary.cluster.resource_id
