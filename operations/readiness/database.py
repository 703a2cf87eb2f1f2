"""Whether the shards could be promoted now, and what would be lost of them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from contracts.epoch import KEY, WRITER, EpochError, Writer, WriterState, writer_of
from contracts.metrics import REPLICATION_LAG
from operations.preflight_aws import NotObserved, ask
from operations.readiness.subject import Subject
from operations.readiness.verdict import Verdict, judged, not_observed, not_ready, untold

LAG_WINDOW_MIN = 5
"""Minutes of which the worst counts."""

AVAILABLE = "available"
CONNECTED = "connected"
"""The word of a secondary that takes what its primary writes
(https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_GlobalClusterMember.html, SynchronizationStatus)."""


def lag(of: Subject) -> Verdict:
    """The worst lag of each shard in the last minutes, against the pair's objective."""
    check, bound = "replication lag", of.pair.rpo_s
    standby = of.pair.other(of.pair.writer)
    try:
        found = {shard: _lag_s(of, standby, shard) for shard in of.pair.shards}
    except NotObserved as reason:
        return untold(check, reason, "allow cloudwatch:GetMetricStatistics", emulated=of.emulated)
    if silent := [shard for shard, seconds in found.items() if seconds is None]:
        text = f"no value in {LAG_WINDOW_MIN} minutes of {', '.join(silent)}"
        return not_observed(check, text, f"look at the global databases' members in {of.pair.cells[standby].region}")
    told = {shard: seconds for shard, seconds in found.items() if seconds is not None}
    wrong = [f"{shard}: {seconds:.1f} s" for shard, seconds in told.items() if seconds > bound]
    worst = max(told, key=lambda shard: told[shard])
    text = f"at most {told[worst]:.1f} s ({worst}) in {LAG_WINDOW_MIN} minutes, rpoSeconds is {bound}"
    return judged(check, wrong, text, f"rpoSeconds is {bound}: look at the writer's load and at the network")


def _lag_s(of: Subject, cell: str, shard: str) -> float | None:
    answer = ask(
        of.get("cloudwatch", cell).get_metric_statistics,
        Namespace="AWS/RDS",
        MetricName=REPLICATION_LAG,
        Dimensions=[{"Name": "DBClusterIdentifier", "Value": of.pair.cluster(cell, shard)}],
        StartTime=of.now - timedelta(minutes=LAG_WINDOW_MIN),
        EndTime=of.now,
        Period=60,
        Statistics=["Maximum"],
    )
    values = [point["Maximum"] for point in answer["Datapoints"]]
    return max(values) / 1000 if values else None


def members(of: Subject) -> Verdict:
    """Each shard's global database has both clusters, the writer where the pair's file says, the other in step and
    with an instance that could be promoted."""
    check, fix = "global databases", f"cell up {of.pair.name}; cell recovery status {of.pair.name}"
    wrong: list[str] = []
    try:
        for shard in of.pair.shards:
            wrong += [f"{shard}: {what}" for what in _member_problems(of, shard)]
    except NotObserved as reason:
        return untold(
            check, reason, "allow rds:DescribeGlobalClusters and rds:DescribeDBClusters", emulated=of.emulated
        )
    return judged(check, wrong, f"{len(of.pair.shards)} shards, written in {of.pair.writer}, followed in step", fix)


def _member_problems(of: Subject, shard: str) -> list[str]:
    name, writer = of.pair.global_cluster(shard), of.pair.writer
    rds, absent = of.get("rds", writer), {"GlobalClusterNotFoundFault"}
    answer = ask(rds.describe_global_clusters, absent=absent, GlobalClusterIdentifier=name)
    if answer is None:
        return [f"{name} does not exist"]
    found = {member["DBClusterArn"]: member for member in answer["GlobalClusters"][0]["GlobalClusterMembers"]}
    wrong = []
    for cell in of.pair.cells:
        member = found.get(of.pair.cluster_arn(cell, shard))
        if member is None:
            wrong.append(f"{of.pair.cluster(cell, shard)} is no member")
        elif member["IsWriter"] != (cell == writer):
            wrong.append(f"{of.pair.cluster(cell, shard)} is {'the writer' if member['IsWriter'] else 'no writer'}")
        elif cell != writer:
            if (status := member.get("SynchronizationStatus", CONNECTED)) != CONNECTED:
                wrong.append(f"{of.pair.cluster(cell, shard)} is {status}")
            wrong += _cluster_problems(of, cell, shard)
    return wrong


def _cluster_problems(of: Subject, cell: str, shard: str) -> list[str]:
    name, absent = of.pair.cluster(cell, shard), {"DBClusterNotFoundFault"}
    answer = ask(of.get("rds", cell).describe_db_clusters, absent=absent, DBClusterIdentifier=name)
    if answer is None:
        return [f"{name} does not exist"]
    cluster = answer["DBClusters"][0]
    wrong = [] if cluster["Status"] == AVAILABLE else [f"{name} is {cluster['Status']}"]
    return wrong if cluster.get("DBClusterMembers") else [*wrong, f"{name} has no instance"]


def epoch_store(of: Subject) -> Verdict:
    """The record of the writer can be read in both regions, is the same, and says what the pair's file says."""
    check, fix = "epoch store", f"cell recovery status {of.pair.name}"
    try:
        items = {cell: _record(of, cell) for cell in of.pair.cells}
    except NotObserved as reason:
        return untold(check, reason, "allow dynamodb:GetItem on it in both regions", emulated=of.emulated)
    if missing := [cell for cell, item in items.items() if item is None]:
        regions = ", ".join(of.pair.cells[cell].region for cell in missing)
        return not_ready(check, f"{of.pair.epoch_table} does not exist in {regions}", f"cell up {of.pair.name}")
    try:
        found = {cell: writer_of((item or {}).get("Item"), of.pair.primary.cell) for cell, item in items.items()}
    except EpochError as error:
        return not_ready(check, str(error), fix)
    own, other = found[of.pair.primary.cell], found[of.pair.replica.cell]
    wrong = [] if own == other else [f"the regions differ: {_words(own)}; {_words(other)}"]
    wrong += _record_problems(own, of.pair.writer)
    return judged(check, wrong, f"{_words(own)}, the same in both regions", fix)


def _record(of: Subject, cell: str) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = ask(
        of.get("dynamodb", cell).get_item,
        absent={"ResourceNotFoundException"},
        TableName=of.pair.epoch_table,
        Key={KEY: {"S": WRITER}},
        ConsistentRead=True,
    )
    return found


def _record_problems(record: Writer, writer: str) -> list[str]:
    wrong = [] if record.state is WriterState.SERVING else [f"{record.cell} is {record.state}: nobody writes"]
    if record.run is not None:
        wrong.append(f"movement {record.run} is under way")
    return wrong if record.cell == writer else [*wrong, f"{record.cell} writes, the pair's file says {writer}"]


def _words(record: Writer) -> str:
    return f"{record.cell} {record.state} at epoch {record.epoch}"
