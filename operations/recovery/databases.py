"""The shards of a pair: who writes, how far the other one is behind, and the move of the writer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from contracts.metrics import REPLICATION_LAG
from operations.errors import CellError, ExitCode
from operations.preflight_aws import error_code
from operations.recovery.context import Context
from operations.recovery.machine import RefusedError
from operations.recovery.run import Kind
from operations.recovery.store import Source
from stacks.pairs import PairPlan

RECENT_S: Final = 300
"""Seconds after which a measured lag says nothing any more: the metric has a value a minute."""

PROMOTION_S: Final = 1800.0
"""Longest wait for one shard: AWS says minutes."""

FAILBACK_LAG_S: Final = 1.0
"""Lag below which a rebuilt secondary is in sync."""

TRIES: Final = 3
"""Of a failover that ends where it began."""

SETTLED: Final = 2
"""Looks in a row that find nothing pending and the old writer: the move was cancelled."""

NOT_NOW: Final = frozenset({"InvalidGlobalClusterStateFault", "InvalidDBClusterStateFault"})
"""Refusals of a cluster that is busy, or that writes already."""


def lags(clients: Source, pair: PairPlan, cell: str, now: datetime) -> dict[str, float | None]:
    """Shard -> seconds that a cell's cluster is behind; None where nobody measured it lately."""
    queries = [
        {
            "Id": f"m{number}",
            "MetricStat": {
                "Metric": {
                    "Namespace": "AWS/RDS",
                    "MetricName": REPLICATION_LAG,
                    "Dimensions": [{"Name": "DBClusterIdentifier", "Value": pair.cluster(cell, shard)}],
                },
                "Period": 60,
                "Stat": "Maximum",
            },
        }
        for number, shard in enumerate(pair.shards)
    ]
    try:
        answer = clients.get("cloudwatch", pair.cells[cell].region).get_metric_data(
            MetricDataQueries=queries,
            StartTime=now - timedelta(seconds=RECENT_S),
            EndTime=now + timedelta(seconds=60),
            ScanBy="TimestampDescending",
        )
    except (ClientError, BotoCoreError):
        return dict.fromkeys(pair.shards)
    values = {result["Id"]: result["Values"] for result in answer["MetricDataResults"]}
    return {
        shard: float(found[0]) / 1000 if (found := values.get(f"m{number}")) else None
        for number, shard in enumerate(pair.shards)
    }


def behind(lags_: Mapping[str, float | None], limit_s: float) -> list[str]:
    """Shards whose lag is above a limit, or not known, in words."""
    return [
        f"{shard} {'is not measured' if lag is None else f'{lag:.1f} s'}"
        for shard, lag in lags_.items()
        if lag is None or lag > limit_s
    ]


def global_cluster(rds: Any, pair: PairPlan, shard: str) -> Mapping[str, Any]:
    """What RDS says of a shard's global cluster."""
    name = pair.global_cluster(shard)
    (found,) = rds.describe_global_clusters(GlobalClusterIdentifier=name)["GlobalClusters"]
    return dict(found)


def writer_of(found: Mapping[str, Any]) -> str | None:
    """ARN of the member that writes."""
    return next((str(one["DBClusterArn"]) for one in found["GlobalClusterMembers"] if one["IsWriter"]), None)


def roles(rds: Any, pair: PairPlan) -> dict[str, str | None]:
    """Shard -> stack of the cell whose cluster writes; None for one of neither."""
    arns = {pair.cluster_arn(cell, shard): cell for shard in pair.shards for cell in pair.cells}
    return {shard: arns.get(writer_of(global_cluster(rds, pair, shard)) or "") for shard in pair.shards}


def begin(context: Context) -> Mapping[str, Any]:
    """Asks RDS for all shards at once: each takes its minutes beside the others, and the next steps wait."""
    data_loss = context.run.kind is Kind.FAILOVER
    return {
        "asked": [one for one in context.pair.shards if _ask(context, one, context.run.target, data_loss=data_loss)]
    }


def promote(context: Context, shard: str) -> Mapping[str, Any]:
    """Makes the target's cluster the writer of a shard. Raises RefusedError where RDS cancels a switchover."""
    data_loss = context.run.kind is Kind.FAILOVER
    for _ in range(TRIES if data_loss else 1):
        if _moved(context, shard, context.run.target, data_loss=data_loss):
            _available(context, shard)
            return {"writer": context.pair.cluster(context.run.target, shard)}
    if data_loss:
        raise CellError(f"{shard}: RDS did not promote it in {TRIES} tries; the same command tries again")
    raise RefusedError(f"{shard}: RDS cancelled the switchover; {context.run.origin} stays the writer")


def restore_writers(context: Context) -> list[str]:
    """Switches shards that were promoted already back to the origin. Raises CellError where that fails: it is gone on
    with by the same command, and nobody writes until then."""
    back = []
    for shard in context.pair.shards:
        context.until(f"{shard}: RDS to end what was begun", partial(_at_rest, context, shard), PROMOTION_S)
        if not _moved(context, shard, context.run.origin, data_loss=False):
            raise CellError(f"{shard}: does not go back to {context.run.origin}; the same command tries again")
        back.append(shard)
    return back


def _moved(context: Context, shard: str, cell: str, *, data_loss: bool) -> bool:
    """Whether the cell's cluster writes in the end."""
    _ask(context, shard, cell, data_loss=data_loss)
    settled = _Settled(context, shard, context.pair.cluster_arn(cell, shard))
    return context.until(f"{shard}: RDS to make {context.pair.cluster(cell, shard)} the writer", settled, PROMOTION_S)


def _ask(context: Context, shard: str, cell: str, *, data_loss: bool) -> bool:
    """Whether RDS was asked to make the cell's cluster the writer: not where it is, or where a move is pending."""
    rds, pair = context.client("rds"), context.pair
    arn = pair.cluster_arn(cell, shard)
    found = global_cluster(rds, pair, shard)
    if writer_of(found) == arn or found.get("FailoverState"):
        return False
    call = rds.failover_global_cluster if data_loss else rds.switchover_global_cluster
    allowed = {"AllowDataLoss": True} if data_loss else {}
    try:
        call(GlobalClusterIdentifier=pair.global_cluster(shard), TargetDbClusterIdentifier=arn, **allowed)
    except ClientError as error:
        if error_code(error) not in NOT_NOW:
            raise
    return True


def _at_rest(context: Context, shard: str) -> bool | None:
    found = global_cluster(context.client("rds"), context.pair, shard)
    return None if found.get("FailoverState") else True


class _Settled:
    """True once the cluster writes, False once nothing is pending any more and it does not."""

    def __init__(self, context: Context, shard: str, arn: str) -> None:
        self._context, self._shard, self._arn, self._idle = context, shard, arn, 0

    def __call__(self) -> bool | None:
        found = global_cluster(self._context.client("rds"), self._context.pair, self._shard)
        if writer_of(found) == self._arn:
            return True
        self._idle = 0 if found.get("FailoverState") or found.get("Status") != "available" else self._idle + 1
        return False if self._idle >= SETTLED else None


def _available(context: Context, shard: str) -> None:
    rds, name = context.client("rds"), context.pair.cluster(context.run.target, shard)

    def look() -> bool | None:
        (found,) = rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"]
        return True if found["Status"] == "available" else None

    context.until(f"{name} to be available", look, PROMOTION_S)


def rebuilt(context: Context, limit_s: float) -> Mapping[str, Any]:
    """Waits until every shard of the target follows the writer and has caught up. Raises CellError (timeout) that says
    what is missing."""
    lacking: list[str] = []

    def look() -> dict[str, float | None] | None:
        lacking[:] = _not_following(context)
        if lacking:
            context.tell("; ".join(lacking))
            return None
        return lags(context.clients, context.pair, context.run.target, context.clock.now())

    try:
        found = context.until(f"{context.run.target} to follow {context.run.origin}", look, limit_s)
    except CellError as error:
        if error.code is not ExitCode.TIMEOUT:
            raise
        raise CellError(f"{error}: {'; '.join(lacking)}", ExitCode.TIMEOUT) from error
    return {"lag_s": found}


def _not_following(context: Context) -> Sequence[str]:
    rds, pair, cell = context.client("rds"), context.pair, context.run.target
    lacking = []
    for shard in pair.shards:
        found = global_cluster(rds, pair, shard)
        members = {one["DBClusterArn"]: one for one in found["GlobalClusterMembers"]}
        own = members.get(pair.cluster_arn(cell, shard))
        if own is None:
            lacking.append(f"{pair.cluster(cell, shard)} is no member of {pair.global_cluster(shard)}: add it again")
        elif own["IsWriter"]:
            lacking.append(f"{pair.cluster(cell, shard)} is the writer and follows nobody")
        elif own.get("SynchronizationStatus", "connected") != "connected":
            lacking.append(f"{pair.cluster(cell, shard)} is {own['SynchronizationStatus']}")
        else:
            (cluster,) = rds.describe_db_clusters(DBClusterIdentifier=pair.cluster(cell, shard))["DBClusters"]
            if cluster["Status"] != "available" or not cluster["DBClusterMembers"]:
                lacking.append(f"{pair.cluster(cell, shard)} is {cluster['Status']}")
    if not lacking:
        found_lags = lags(context.clients, pair, cell, context.clock.now())
        lacking += [f"lag of {one}, above {FAILBACK_LAG_S:g} s" for one in behind(found_lags, FAILBACK_LAG_S)]
    return lacking
