"""Whether what is no database is on both sides: tables, archive, backups, images."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from operations.audit.state import plain, resources
from operations.preflight_aws import NotObserved, ask
from operations.readiness.subject import Subject
from operations.readiness.verdict import Verdict, judged, not_emulated, not_observed, not_ready, untold
from stacks.fleet import WORKLOADS_SUFFIX
from stacks.new_stack import PLACEHOLDER

TABLE = "aws:dynamodb/table:Table"

ARCHIVE_WINDOW_MIN, ARCHIVE_LATE_S = 15, 900
"""S3 Replication Time Control replicates 99.99 % of objects within 15 minutes
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html)."""

PITR_LATE_MIN = 15
"""The latest restorable time is typically within the last 5 minutes
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Managing.Backups.html); three times that."""

BACKUP_LATE_H = 33
"""A day between two, an hour to start and eight to complete (components/backups.py)."""

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
_IMAGE = re.compile(
    r"\d{12}\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com/(?P<repo>[^@]+)@(?P<digest>sha256:[0-9a-f]{64})"
)
"""`components.registry.image_of`."""


def tables(of: Subject) -> Verdict:
    """Every table of the primary is active in both regions, and each knows its replica."""
    check, own, other = "tables", of.pair.primary, of.pair.replica
    names = sorted(str(table["name"]) for table in of.of(own.cell, TABLE))
    if not names:
        return not_ready(check, f"the state of {own.cell} has no table", f"cell up {own.cell}")
    wrong: list[str] = []
    try:
        for name in names:
            for here, there in ((own, other), (other, own)):
                wrong += _table_problems(of, name, here.cell, there.region)
    except NotObserved as reason:
        return untold(check, reason, "allow dynamodb:DescribeTable in both regions", emulated=of.emulated)
    return judged(check, wrong, f"{', '.join(names)} in both regions", f"cell up {of.pair.name}")


def _table_problems(of: Subject, name: str, cell: str, other_region: str) -> list[str]:
    region, absent = of.pair.cells[cell].region, {"ResourceNotFoundException"}
    answer = ask(of.get("dynamodb", cell).describe_table, absent=absent, TableName=name)
    if answer is None:
        return [f"{name} is not in {region}"]
    table = answer["Table"]
    states = {replica["RegionName"]: replica.get("ReplicaStatus") for replica in table.get("Replicas", ())}
    wrong = [] if table["TableStatus"] == "ACTIVE" else [f"{name} is {table['TableStatus']} in {region}"]
    if (state := states.get(other_region)) != "ACTIVE":
        wrong.append(f"{name} of {region} has {state or 'no'} replica in {other_region}")
    return wrong


def archive(of: Subject) -> Verdict:
    """Both archives replicate into each other: after a failover what the replica archived has to come home."""
    return _both_ways(of, "archive", "archiveBucket")


def models(of: Subject) -> Verdict:
    """So do both stores of fraud models: else payments would be judged by the model of the image."""
    return _both_ways(of, "fraud models", "modelBucket")


def _both_ways(of: Subject, check: str, output: str) -> Verdict:
    fix = f"cell up {of.pair.name}"
    buckets = {cell: of.outputs.get(cell, {}).get(output) for cell in of.pair.cells}
    if missing := [cell for cell, bucket in buckets.items() if not bucket]:
        return not_ready(check, f"{', '.join(missing)} has no output {output}", f"cell up {missing[0]}")
    try:
        wrong = [
            f"{buckets[cell]} does not replicate to {buckets[of.pair.other(cell)]}"
            for cell in of.pair.cells
            if not _replicates(of, cell, str(buckets[cell]), str(buckets[of.pair.other(cell)]))
        ]
    except NotObserved as reason:
        return untold(check, reason, "allow s3:GetReplicationConfiguration on both", emulated=of.emulated)
    return judged(check, wrong, "replicates both ways", fix)


def _replicates(of: Subject, cell: str, bucket: str, target: str) -> bool:
    absent = {"ReplicationConfigurationNotFoundError", "NoSuchBucket"}
    answer = ask(of.get("s3", cell).get_bucket_replication, absent=absent, Bucket=bucket)
    rules = answer["ReplicationConfiguration"]["Rules"] if answer else ()
    return any(
        rule["Status"] == "Enabled" and rule["Destination"]["Bucket"] == f"arn:aws:s3:::{target}" for rule in rules
    )


def archive_lag(of: Subject) -> Verdict:
    """How far the standby's archive is behind, by S3's own metric of the writer's bucket
    (https://docs.aws.amazon.com/AmazonS3/latest/userguide/metrics-dimensions.html, ReplicationLatency)."""
    check, writer = "archive lag", of.pair.writer
    cloudwatch = of.get("cloudwatch", writer)
    bucket = str(of.outputs.get(writer, {}).get("archiveBucket"))
    of_bucket = {"Name": "SourceBucket", "Value": bucket}
    try:
        listed = ask(
            cloudwatch.list_metrics, Namespace="AWS/S3", MetricName="ReplicationLatency", Dimensions=[of_bucket]
        )
        values = [value for metric in listed["Metrics"] for value in _latencies(of, cloudwatch, metric["Dimensions"])]
    except NotObserved as reason:
        return untold(check, reason, "allow cloudwatch:ListMetrics and GetMetricStatistics", emulated=of.emulated)
    if not values and of.emulated:
        return not_emulated(check, "ReplicationLatency of S3 is not published")
    if not values:
        text = f"ReplicationLatency of {bucket} has no value in {ARCHIVE_WINDOW_MIN} minutes"
        return not_observed(check, text, "see that its rule has metrics and Replication Time Control")
    worst = max(values)
    wrong = [f"{worst:,.0f} s"] if worst > ARCHIVE_LATE_S else []
    text = f"at most {worst:,.0f} s in {ARCHIVE_WINDOW_MIN} minutes, the bound is {ARCHIVE_LATE_S}"
    return judged(check, wrong, text, f"the bound is {ARCHIVE_LATE_S} s: look at failed replications of {bucket}")


def _latencies(of: Subject, cloudwatch: Any, dimensions: list[Mapping[str, str]]) -> list[float]:
    answer = ask(
        cloudwatch.get_metric_statistics,
        Namespace="AWS/S3",
        MetricName="ReplicationLatency",
        Dimensions=dimensions,
        StartTime=of.now - timedelta(minutes=ARCHIVE_WINDOW_MIN),
        EndTime=of.now,
        Period=60,
        Statistics=["Maximum"],
    )
    return [float(point["Maximum"]) for point in answer["Datapoints"]]


def backups(of: Subject) -> Verdict:
    """The writer's shards can be restored to a moment ago, and its vault has a backup of the last day."""
    check, writer = "backups", of.pair.writer
    try:
        wrong = [problem for shard in of.pair.shards for problem in _restorable(of, writer, shard)]
        newest = _newest_recovery_point(of, writer)
    except NotObserved as reason:
        fix = "allow rds:DescribeDBClusters and backup:ListRecoveryPointsByBackupVault"
        return untold(check, reason, fix, emulated=of.emulated)
    if newest is None and of.emulated:
        return (
            not_ready(check, "; ".join(wrong), "look at RDS") if wrong else not_emulated(check, "no job fills a vault")
        )
    if newest is None or of.now - newest > timedelta(hours=BACKUP_LATE_H):
        wrong.append(f"the newest recovery point of {writer} is {_age(of.now, newest)}, the bound is {BACKUP_LATE_H} h")
    text = f"restorable to {PITR_LATE_MIN} minutes ago; newest recovery point {_age(of.now, newest)}"
    return judged(check, wrong, text, "look at failed jobs of the vault (aws backup list-backup-jobs)")


def _restorable(of: Subject, cell: str, shard: str) -> list[str]:
    name, absent = of.pair.cluster(cell, shard), {"DBClusterNotFoundFault"}
    answer = ask(of.get("rds", cell).describe_db_clusters, absent=absent, DBClusterIdentifier=name)
    until = answer["DBClusters"][0].get("LatestRestorableTime") if answer else None
    if until is not None and of.now - until <= timedelta(minutes=PITR_LATE_MIN):
        return []
    return [f"{name} can be restored to {_age(of.now, until)}, the bound is {PITR_LATE_MIN} minutes"]


def _newest_recovery_point(of: Subject, cell: str) -> datetime | None:
    vault = str(of.outputs.get(cell, {}).get("backupVaultArn")).rpartition(":")[2]
    pages = of.get("backup", cell).get_paginator("list_recovery_points_by_backup_vault")
    points = ask(lambda: [p for page in pages.paginate(BackupVaultName=vault) for p in page["RecoveryPoints"]])
    done = [point["CreationDate"] for point in points if point["Status"] == "COMPLETED"]
    return max(done, default=None)


def _age(now: datetime, when: datetime | None) -> str:
    if when is None:
        return "missing"
    minutes = (now - when) / timedelta(minutes=1)
    return f"{minutes / 60:,.1f} h ago" if minutes >= 120 else f"{minutes:,.0f} min ago"


def images(of: Subject) -> Verdict:
    """Both cells run the same images, and those are in a registry of the recovery region: none is fetched from a
    region that may be dead."""
    check, own, other = "images", of.pair.primary, of.pair.replica
    here, there = (dict(_images(of, cell)) for cell in (own.cell, other.cell))
    if not here or not there:
        text = f"{own.cell if not here else other.cell} has no workloads in its state"
        return not_ready(check, text, f"cell up {own.cell if not here else other.cell}")
    wrong = [
        f"{what}: {here.get(what, {}).get('digest', 'none')} here, {there.get(what, {}).get('digest', 'none')} there"
        for what in sorted(here.keys() | there.keys())
        if here.get(what, {}).get("digest") != there.get(what, {}).get("digest")
    ]
    wrong += [f"{what}: from {i['region']}" for what, i in there.items() if i["region"] != other.region]
    try:
        absent = [what for what, image in there.items() if not _pushed(of, other.cell, image)]
    except NotObserved as reason:
        return untold(check, reason, "allow ecr:BatchGetImage in the recovery region", emulated=of.emulated)
    placeholders = [what for what in absent if there[what]["digest"] == PLACEHOLDER]
    if of.emulated and absent and absent == placeholders and not wrong:
        return not_emulated(check, f"placeholders, which nobody pushed: {', '.join(placeholders)}")
    wrong += [f"{what} is not in the registry of {other.region}" for what in absent]
    return judged(check, wrong, f"{len(there)} containers, the same images", "make images; look at ECR replication")


def _images(of: Subject, cell: str) -> Iterator[tuple[str, Mapping[str, str]]]:
    """`deployment/container` -> region, repository, digest."""
    for row in resources(of.states.get(cell + WORKLOADS_SUFFIX, ())):
        if row["type"] != DEPLOYMENT:
            continue
        inputs = plain(row["inputs"])
        spec = inputs["spec"]["template"]["spec"]
        for container in [*spec.get("initContainers", ()), *spec["containers"]]:
            if found := _IMAGE.fullmatch(container["image"]):
                yield f"{inputs['metadata']['name']}/{container['name']}", found.groupdict()


def _pushed(of: Subject, cell: str, image: Mapping[str, str]) -> bool:
    answer = ask(
        of.get("ecr", cell).batch_get_image,
        absent={"RepositoryNotFoundException"},
        repositoryName=image["repo"],
        imageIds=[{"imageDigest": image["digest"]}],
    )
    return bool(answer and answer["images"])
