"""Aurora global databases: who writes, who follows it, and how that moves from one region to another.

A switchover or failover is pending until the data plane has done it to the servers, and done at once where none runs.
Roles change at its end, as on AWS. What is answered of whom is in `global_answers.yaml`.

https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-disaster-recovery.html
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_SwitchoverGlobalCluster.html
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_FailoverGlobalCluster.html
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_FailoverState.html
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_GlobalClusterMember.html
"""

import time
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any

from moto.rds.exceptions import (
    InvalidDBClusterStateFault,
    InvalidGlobalClusterStateFault,
    InvalidParameterCombination,
    RDSClientError,
)
from moto.rds.models import rds_backends

from sandbox.aws.extensions.global_answers import Answer, Move, Part, Word, table

SECONDARIES_MAX = 10
"""https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database.html"""

INHERITED = ("master_username", "database_name")
"""What a secondary has of the writer: CreateDBCluster takes neither for one
(https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-global-database-attaching.html)."""

UNPLANNED = "rds:unplanned-global-failover"
"""Of the name of the snapshot of an old primary's volume; how its time is written is not published."""

SHOWN = (
    "global_cluster_identifier",
    "global_cluster_resource_id",
    "global_cluster_arn",
    "status",
    "engine",
    "engine_version",
    "engine_lifecycle_support",
    "database_name",
    "storage_encrypted",
    "deletion_protection",
    "global_cluster_members",
    "endpoint",
    "failover_state",
    "tag_list",
)
"""What an answer has of a global cluster, as moto calls it."""

LISTENING_S = 60.0
"""Seconds after which a data plane that asked for nothing is taken to be gone."""

_heard = {"at": float("-inf")}


def heard() -> None:
    """The data plane asked where databases are: it does what is pending."""
    _heard["at"] = time.monotonic()


def groups(account: str) -> Iterator[Any]:
    """The global clusters of an account."""
    return (group for each in list(rds_backends[account].values()) for group in list(each.global_clusters.values()))


def global_of(cluster: Any) -> Any:
    """The global cluster that has `cluster` as a member; None for one by itself."""
    return next((group for group in groups(cluster.account_id) if cluster in group.members), None)


def group_named(account: str, name: str) -> Any:
    for group in groups(account):
        if group.global_cluster_identifier == name.lower():
            return group
    raise RDSClientError("GlobalClusterNotFoundFault", f"Global cluster {name} not found.")


def member_named(group: Any, name: str) -> Any:
    """By its ARN, or the name of a cluster."""
    for member in group.members:
        if name in (member.db_cluster_arn, member.db_cluster_identifier):
            return member
    raise RDSClientError("DBClusterNotFoundFault", f"DBCluster {name} not found.")


def part_of(cluster: Any) -> Part:
    """What a cluster is in its global database."""
    if global_of(cluster) is None:
        return Part.ALONE
    if cluster.is_writer:
        return Part.WRITER
    return Part.SECONDARY if getattr(cluster, "connected", True) else Part.BEHIND


def answered(cluster: Any, attribute: str, own: Any) -> Any:
    """What RDS answers for an attribute of a cluster that would be `own` in a world without global databases."""
    return _meant(table().clusters[attribute].of(part_of(cluster)), global_of(cluster), own)


def _meant(answer: Answer | None, group: Any, own: Any = None, target: str | None = None) -> Any:
    match answer.value if answer else Word.ABSENT:
        case Word.ABSENT:
            return None
        case Word.KEPT:
            return own
        case Word.GROUP:
            return group.global_cluster_identifier
        case Word.WRITER:
            return getattr(writer_of(group), "db_cluster_arn", None)  # none once the writer has left
        case Word.SECONDARIES:
            return [member.db_cluster_arn for member in group.members if not member.is_writer]
        case Word.TARGET:
            return target
        case value:
            return value


def writer_of(group: Any) -> Any:
    return next((member for member in group.members if member.is_writer), None)


def check_joining(group: Any, wanted: Mapping[str, Any]) -> None:
    """What a secondary may not have, or how many there are."""
    if not group.members:
        return
    if len(group.members) > SECONDARIES_MAX:
        raise InvalidParameterCombination(f"A global database has at most {SECONDARIES_MAX} secondary clusters.")
    for name in (*INHERITED, "master_user_password"):
        if wanted.get(name):
            raise InvalidParameterCombination(f"{name} cannot be specified for a secondary of a global database.")
    version, primary = str(wanted.get("engine_version") or ""), str(writer_of(group).engine_version)
    if version and not primary.startswith(version):
        raise InvalidParameterCombination(f"The engine version {version} is not that of the primary, {primary}.")


def joined(group: Any, cluster: Any) -> None:
    writer = writer_of(group)
    if writer is not cluster:
        for name in INHERITED:
            setattr(cluster, name, getattr(writer, name))


def move(group: Any, target: str, *, data_loss: bool) -> SimpleNamespace:
    """Begin to make the member `target`, an ARN or the name of a cluster, the writer. The answer is what the global
    database is at that moment."""
    chosen = member_named(group, target)
    if pending(group):
        raise InvalidGlobalClusterStateFault(group.global_cluster_arn)
    if chosen.is_writer or not chosen.members:
        raise InvalidDBClusterStateFault(f"DBCluster {target} is not a secondary with an instance to promote.")
    doing = Move.FAILING if data_loss else Move.SWITCHING

    def said(attribute: str) -> Any:
        return _meant(table().groups[attribute].of(doing), group, target=chosen.db_cluster_arn)

    names = ("Status", "FromDbClusterArn", "ToDbClusterArn", "IsDataLossAllowed")
    group.failover_state = {name: said(f"FailoverState.{name}") for name in names}
    group.status = said("Status")
    answer = SimpleNamespace(**{name: getattr(group, name, None) for name in SHOWN})
    # From then on Aurora is at it (API_FailoverState).
    group.failover_state = {**group.failover_state, "Status": group.status}
    if time.monotonic() - _heard["at"] > LISTENING_S:
        end(group, moved=True)
    return answer


def pending(group: Any) -> Mapping[str, Any]:
    return getattr(group, "failover_state", None) or {}


def end(group: Any, *, moved: bool) -> None:
    """It is done; or it was cancelled, and everybody is who they were."""
    target = pending(group).get("ToDbClusterArn")
    if target and moved:
        for member in group.members:
            member.is_writer = member.db_cluster_arn == target
    group.failover_state, group.status = None, _meant(table().groups["Status"].of(Move.STILL), group)


def told(word: Mapping[str, Any]) -> None:
    """What the data plane did or saw. `moved`: how the move of the `globalCluster` ended. `connected`: whether the
    secondary `cluster` of the `region` gets what the writer writes. `kept`: it was a writer, failed over while it was
    away, and is a secondary now; its volume was kept."""
    account = word["account"]
    if "moved" in word:
        for group in groups(account):
            if group.global_cluster_identifier == word["globalCluster"]:
                end(group, moved=word["moved"])
        return
    backend = rds_backends[account][word["region"]]
    cluster = backend.clusters.get(word["cluster"])
    if cluster is None:
        return
    if "connected" in word:
        cluster.connected = word["connected"]
    if "kept" in word:
        name = f"{UNPLANNED}-{cluster.db_cluster_identifier}-{time.strftime('%Y-%m-%d-%H-%M-%S', time.gmtime())}"
        backend.create_db_cluster_snapshot(cluster.db_cluster_identifier, name, "automated")


def members_of(group: Any) -> list[dict[str, Any]]:
    """Members as GlobalClusterMember has them."""
    rows = table().members
    return [
        {"DBClusterArn": member.db_cluster_arn}
        | {name: said for name in rows if (said := _meant(rows[name].of(part_of(member)), group)) is not None}
        for member in group.members
    ]
