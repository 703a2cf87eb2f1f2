"""RestoreDBClusterToPointInTime: a new cluster with what another one held at a moment of its window.

The window begins where the data plane says that it can restore from, or with the cluster where none runs.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_RestoreDBClusterToPointInTime.html
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-pitr.html
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from moto.core.utils import utcnow
from moto.rds.exceptions import (
    DBClusterNotFoundError,
    InvalidParameterCombination,
    InvalidParameterValue,
    RDSClientError,
)
from moto.rds.models import rds_backends

FULL_COPY, COPY_ON_WRITE = "full-copy", "copy-on-write"

INHERITED = (
    *("engine", "engine_version", "engine_mode", "master_username", "database_name", "port", "storage_type"),
    *("backup_retention_period", "storage_encrypted", "kms_key_id", "network_type"),
)
"""What the new cluster has of its source where the request does not say otherwise. Not: its security groups, parameter
group, tags, log exports, IAM login, deletion protection and membership in a global database."""

NOT_TAKEN = ("engine", "master_username", "master_user_password", "database_name", "global_cluster_identifier")
"""What the operation has no parameter for."""


def restore(backend: Any, wanted: Mapping[str, Any]) -> Any:
    """The new cluster. `wanted`: the parameters of the request, in moto's spelling."""
    name, source = str(wanted["db_cluster_identifier"]).lower(), _source(backend, wanted)
    if name in backend.clusters:
        raise RDSClientError("DBClusterAlreadyExistsFault", "DB Cluster already exists")
    at = _moment(source, wanted)
    given = {key: value for key, value in wanted.items() if value is not None and key not in NOT_TAKEN}
    for key in ("source_db_cluster_identifier", "restore_to_time", "use_latest_restorable_time", "restore_type"):
        given.pop(key, None)
    family = f"{source.engine}{str(source.engine_version).split('.')[0]}"
    made = backend.create_db_cluster(
        {
            **{key: getattr(source, key) for key in INHERITED},
            # Nobody is told the source's: it comes with the data.
            "master_user_password": "as-in-the-source",
            "db_cluster_parameter_group_name": f"default.{family}",
            **given,
            "db_cluster_identifier": name,
        }
    )
    made.restored_from = {"source": source.db_cluster_resource_id, "at": at.timestamp()}
    return made


def _source(backend: Any, wanted: Mapping[str, Any]) -> Any:
    name = str(wanted["source_db_cluster_identifier"]).rpartition(":")[2].lower()
    if name not in backend.clusters:
        raise DBClusterNotFoundError(name)
    return backend.clusters[name]


def _moment(source: Any, wanted: Mapping[str, Any]) -> datetime:
    """In UTC, without a zone, as moto has all times."""
    kind, latest = wanted.get("restore_type") or FULL_COPY, bool(wanted.get("use_latest_restorable_time"))
    at = wanted.get("restore_to_time")
    if kind not in (FULL_COPY, COPY_ON_WRITE):
        raise InvalidParameterValue(f"Invalid restore type: {kind}")
    if at is not None and latest:
        raise InvalidParameterCombination("RestoreToTime cannot be specified with UseLatestRestorableTime.")
    if at is not None and kind == COPY_ON_WRITE:
        raise InvalidParameterCombination("RestoreToTime cannot be specified when RestoreType is copy-on-write.")
    if at is None and not latest:
        raise InvalidParameterCombination("Either RestoreToTime or UseLatestRestorableTime must be specified.")
    earliest, newest = source.earliest_restorable_time, source.latest_restorable_time
    if earliest is None:
        raise RDSClientError("InvalidRestoreFault", f"{source.db_cluster_identifier} has no backup to restore from.")
    moment: datetime = newest if at is None else at
    if moment.tzinfo is not None:
        moment = moment.astimezone(UTC).replace(tzinfo=None)
    if not earliest <= moment <= newest:
        raise RDSClientError(
            "InvalidRestoreFault",
            f"{source.db_cluster_identifier} cannot be restored to {moment:%Y-%m-%dT%H:%M:%SZ}: only to a time from "
            f"{earliest:%Y-%m-%dT%H:%M:%SZ} to {newest:%Y-%m-%dT%H:%M:%SZ}.",
        )
    return moment.replace(tzinfo=UTC)


def origins() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Resource id of a restored cluster -> resource id of its source, and the moment in seconds since 1970."""
    for account in list(rds_backends):
        for backend in list(rds_backends[account].values()):
            for cluster in list(backend.clusters.values()):
                if origin := getattr(cluster, "restored_from", None):
                    yield cluster.db_cluster_resource_id, origin


def told(account: str, region: str, name: str, since: float | None) -> None:
    """The data plane can restore a cluster to any moment since then, seconds since 1970; None: to none."""
    cluster = rds_backends[account][region].clusters.get(name)
    if cluster is not None:
        cluster.earliest_restorable_time = (
            None if since is None else datetime.fromtimestamp(since, UTC).replace(tzinfo=None)
        )


def latest(cluster: Any) -> datetime | None:
    """Now: every commit is there as soon as it is made."""
    return None if cluster.earliest_restorable_time is None else utcnow().replace(tzinfo=None)
