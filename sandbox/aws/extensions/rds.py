"""Aurora as a payment cell uses it: what moto does not keep, does not answer or does too leniently.

* Clusters and instances keep storage type, insights, monitoring and certificate, and change log exports and IAM login.
* Clusters are restored to a point in time as AWS does it (`point_in_time.py`).
* Global clusters span regions: members leave, deletion protection holds, tags and changes are kept; who writes moves
  (`global_databases.py`).
* Proxies can be modified and sign in to the database with IAM, parameter groups can be reset.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/Welcome.html
"""

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.rds import models, responses, urls
from moto.rds.exceptions import InvalidDBClusterStateFault, InvalidParameterCombination, RDSClientError

from sandbox.aws.extensions import global_databases, point_in_time
from sandbox.aws.extensions.global_databases import global_of, group_named, groups, member_named

CERTIFICATE = "rds-ca-rsa2048-g1"
"""The certificate authority that RDS gives to new instances and clusters."""

INSIGHTS_DAYS = 7
"""Days that Performance Insights keeps data unless told otherwise."""

MINIMUM_STORAGE = 1
"""Aurora grows by itself and answers 1 for its allocated storage."""


class Insights:
    """Settings that clusters and instances share, under the names of the request and of the answer."""

    performance_insights_enabled: bool = False
    performance_insights_kms_key_id: str | None = None
    performance_insights_retention_period: int | None = None
    database_insights_mode: str | None = None
    monitoring_role_arn: str | None = None
    monitoring_interval: int = 0

    def keep(self, wanted: Mapping[str, Any]) -> None:
        for name in (
            "performance_insights_kms_key_id",
            "performance_insights_retention_period",
            "database_insights_mode",
            "monitoring_role_arn",
            "monitoring_interval",
        ):
            if wanted.get(name) is not None:
                setattr(self, name, wanted[name])
        if wanted.get("enable_performance_insights") is not None:
            self.enable_performance_insights = wanted["enable_performance_insights"]

    @property
    def enable_performance_insights(self) -> bool:
        return self.performance_insights_enabled

    @enable_performance_insights.setter
    def enable_performance_insights(self, enabled: bool) -> None:
        self.performance_insights_enabled = bool(enabled)
        if enabled and self.performance_insights_retention_period is None:
            self.performance_insights_retention_period = INSIGHTS_DAYS


class Answered:
    """An attribute of a cluster whose answer depends on its part in a global database; what is set is what it has
    without one."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._kept = f"_own {name}"

    def __get__(self, cluster: Any, _: type | None = None) -> Any:
        own = vars(cluster).get(self._kept)
        # A copy of a cluster elsewhere names its source in no global database too; and moto reads the global cluster's
        # name to make the cluster a member, where it is none any more once it has left.
        if own and global_of(cluster) is None:
            return own
        return global_databases.answered(cluster, self._name, own)

    def __set__(self, cluster: Any, own: Any) -> None:
        vars(cluster)[self._kept] = own


class DBCluster(Insights, models.DBCluster):  # type: ignore[misc]
    enabled_cloudwatch_logs_exports: list[str]

    def __init__(self, backend: Any, **wanted: Any) -> None:
        self.engine_lifecycle_support = wanted.get("engine_lifecycle_support") or "open-source-rds-extended-support"
        self.ca_certificate_identifier = wanted.get("ca_certificate_identifier") or CERTIFICATE
        super().__init__(backend, **wanted)
        if str(self.engine).startswith("aurora") and not wanted.get("storage_type"):
            self.storage_type = "aurora"
        if str(self.engine).startswith("aurora") and not wanted.get("database_insights_mode"):
            self.database_insights_mode = "standard"
        self.keep(wanted)

    @staticmethod
    def default_allocated_storage(engine: str, storage_type: str) -> int:
        if engine.startswith("aurora"):
            return MINIMUM_STORAGE
        return int(models_default_storage(engine, storage_type))

    @property
    def certificate_details(self) -> dict[str, str]:
        return {"CAIdentifier": self.ca_certificate_identifier}

    @property
    def latest_restorable_time(self) -> datetime | None:
        return point_in_time.latest(self)

    replication_source_identifier = Answered("ReplicationSourceIdentifier")
    read_replica_identifiers = Answered("ReadReplicaIdentifiers")
    global_cluster_identifier = Answered("GlobalClusterIdentifier")
    global_write_forwarding_status = Answered("GlobalWriteForwardingStatus")

    @property
    def db_cluster_members(self) -> list[dict[str, Any]]:
        """A secondary of a global database has readers only."""
        name = "IsClusterWriter"
        return [
            {**one, name: global_databases.answered(self, f"DBClusterMembers.{name}", one[name])}
            for one in super().db_cluster_members
        ]

    @property
    def multi_az(self) -> bool:
        """moto: with a replica, too."""
        return len({instance.availability_zone for instance in self._members}) > 1

    @property
    def enable_iam_database_authentication(self) -> bool:
        return bool(self.iam_auth)

    @enable_iam_database_authentication.setter
    def enable_iam_database_authentication(self, enabled: bool) -> None:
        self.iam_auth = enabled

    @property
    def cloudwatch_logs_export_configuration(self) -> None:
        """Only ever set: the answer has `enabled_cloudwatch_logs_exports`."""

    @cloudwatch_logs_export_configuration.setter
    def cloudwatch_logs_export_configuration(self, change: Mapping[str, list[str]]) -> None:
        off, on = change.get("DisableLogTypes") or [], change.get("EnableLogTypes") or []
        kept = [kind for kind in self.enabled_cloudwatch_logs_exports if kind not in off]
        self.enabled_cloudwatch_logs_exports = kept + [kind for kind in on if kind not in kept]


class DBInstanceClustered(Insights, models.DBInstanceClustered):  # type: ignore[misc]
    def __init__(self, **wanted: Any) -> None:
        super().__init__(**wanted)
        if not wanted.get("ca_certificate_identifier"):
            self.ca_certificate_identifier = CERTIFICATE
        self.keep(wanted)

    @property
    def network_type(self) -> str:
        return str(self.cluster.network_type)

    @network_type.setter
    def network_type(self, _: str) -> None:
        """An Aurora instance has its cluster's."""


class RDSBackend(models.RDSBackend):  # type: ignore[misc]
    clusters: Any

    def delete_db_cluster(self, cluster_identifier: str, snapshot_name: str | None = None) -> Any:
        cluster = self.clusters.get(cluster_identifier)
        if cluster and not cluster.deletion_protection and global_of(cluster):
            raise InvalidDBClusterStateFault(
                "This cluster is a part of a global cluster, please remove it from globalcluster first"
            )
        deleted = super().delete_db_cluster(cluster_identifier, snapshot_name)
        # DeleteAutomatedBackups is not passed on by moto; its default is to delete.
        for name, snapshot in list(self.cluster_snapshots.items()):
            if snapshot.snapshot_type == "automated" and snapshot.db_cluster_identifier == cluster_identifier:
                del self.cluster_snapshots[name]
        return deleted

    def create_db_cluster(self, kwargs: dict[str, Any]) -> Any:
        name = kwargs.get("global_cluster_identifier")
        if name:
            global_databases.check_joining(group_named(self.account_id, name), kwargs)
        made = super().create_db_cluster(kwargs)
        if name:
            global_databases.joined(group_named(self.account_id, name), made)
        return made

    def restore_db_cluster_to_point_in_time(self, **kwargs: Any) -> Any:
        return point_in_time.restore(self, kwargs)

    def modify_db_cluster(self, kwargs: dict[str, Any]) -> Any:
        """moto takes the cluster away while it changes it; others describe it at that moment, so change it aside."""
        name = kwargs["db_cluster_identifier"]
        if name not in self.clusters:
            raise RDSClientError("DBClusterNotFoundFault", f"DBCluster {name} not found.")
        self._check_engine_change(self.clusters[name], kwargs)
        aside = copy.copy(self)
        aside.clusters = copy.copy(self.clusters)
        changed = models.RDSBackend.modify_db_cluster(aside, kwargs)
        self.clusters = aside.clusters if name not in aside.clusters else self.clusters
        return changed

    def _check_engine_change(self, cluster: Any, kwargs: Mapping[str, Any]) -> None:
        """An engine goes up only, to a new major version only where that is allowed and with a parameter group of it.

        https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyDBCluster.html
        """
        before, after = str(cluster.engine_version), str(kwargs.get("engine_version") or cluster.engine_version)
        # 16 asks for any 16.x.
        if _numbers(after) < _numbers(before)[: len(_numbers(after))]:
            raise InvalidParameterCombination(f"Cannot upgrade {cluster.engine} from {before} to {after}")
        if _numbers(after)[0] == _numbers(before)[0]:
            return
        if not kwargs.get("allow_major_version_upgrade"):
            raise InvalidParameterCombination(
                "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version."
            )
        name = kwargs.get("db_cluster_parameter_group_name") or cluster.parameter_group
        group = self.db_cluster_parameter_groups.get(name)
        if group is not None and group.db_parameter_group_family != f"{cluster.engine}{_numbers(after)[0]}":
            raise InvalidParameterCombination(
                f"The current DB cluster parameter group {name} is custom. You must explicitly specify a new DB "
                "cluster parameter group, either default or custom, for the engine version upgrade."
            )

    def delete_global_cluster(self, global_cluster_identifier: str) -> Any:
        if group_named(self.account_id, global_cluster_identifier).deletion_protection:
            raise InvalidParameterCombination(
                "Cannot delete protected Global Cluster, please disable deletion protection and try again."
            )
        return super().delete_global_cluster(global_cluster_identifier)

    def remove_from_global_cluster(self, global_cluster_identifier: str, db_cluster_identifier: str) -> Any:
        """Any region may ask; the last member to leave is no longer a writer of anything."""
        found = group_named(self.account_id, global_cluster_identifier)
        member = member_named(found, db_cluster_identifier)
        found.members.remove(member)
        member.global_cluster_identifier = None
        return found

    def _get_resource_for_tagging(self, arn: str) -> Any:
        if ":global-cluster:" in arn:
            name = arn.rpartition(":")[2]
            found = groups(self.account_id)
            return next((group for group in found if group.global_cluster_identifier == name), None)
        return super()._get_resource_for_tagging(arn)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())


class RDSResponse(responses.RDSResponse):  # type: ignore[misc]
    def _global_cluster(self) -> Any:
        return group_named(self.current_account, self.params["GlobalClusterIdentifier"])

    def create_global_cluster(self) -> ActionResult:
        answer = super().create_global_cluster()
        made = self._global_cluster()
        made.tags = self.params.get("Tags") or []
        made.database_name = self.params.get("DatabaseName")
        made.engine_lifecycle_support = self.params.get("EngineLifecycleSupport") or "open-source-rds-extended-support"
        return answer

    def describe_global_clusters(self) -> ActionResult:
        if self.params.get("GlobalClusterIdentifier"):
            return ActionResult({"GlobalClusters": [self._global_cluster()]})
        return super().describe_global_clusters()

    def modify_global_cluster(self) -> ActionResult:
        found = self._global_cluster()
        for member, attribute in (("DeletionProtection", "deletion_protection"), ("EngineVersion", "engine_version")):
            if self.params.get(member) is not None:
                setattr(found, attribute, self.params[member])
        # All members are upgraded with it.
        for cluster in found.members if self.params.get("EngineVersion") else ():
            cluster.engine_version = self.params["EngineVersion"]
        return ActionResult({"GlobalCluster": found})

    def switchover_global_cluster(self) -> ActionResult:
        target = self.params["TargetDbClusterIdentifier"]
        return ActionResult({"GlobalCluster": global_databases.move(self._global_cluster(), target, data_loss=False)})

    def failover_global_cluster(self) -> ActionResult:
        target, data_loss = self.params["TargetDbClusterIdentifier"], bool(self.params.get("AllowDataLoss"))
        if data_loss and self.params.get("Switchover"):
            raise InvalidParameterCombination("AllowDataLoss and Switchover cannot be specified together.")
        moving = global_databases.move(self._global_cluster(), target, data_loss=data_loss)
        return ActionResult({"GlobalCluster": moving})

    def create_db_proxy(self) -> ActionResult:
        """With end-to-end IAM authentication a proxy needs no secret: moto asks for one."""
        self.params.setdefault("Auth", [])
        answer = super().create_db_proxy()
        self._proxy().default_auth_scheme = self.params.get("DefaultAuthScheme") or "NONE"
        return answer

    def _proxy(self) -> Any:
        return self.backend.describe_db_proxies(db_proxy_name=self.params["DBProxyName"])[0]

    def modify_db_proxy(self) -> ActionResult:
        proxy = self._proxy()
        changes = {
            "Auth": "auth",
            "DebugLogging": "debug_logging",
            "DefaultAuthScheme": "default_auth_scheme",
            "IdleClientTimeout": "idle_client_timeout",
            "RequireTLS": "require_tls",
            "RoleArn": "role_arn",
            "SecurityGroups": "vpc_security_group_ids",
        }
        for member, attribute in changes.items():
            if self.params.get(member) is not None:
                setattr(proxy, attribute, self.params[member])
        return ActionResult({"DBProxy": proxy})

    def reset_db_parameter_group(self) -> ActionResult:
        name = self.params["DBParameterGroupName"]
        return self._reset(self.backend.db_parameter_groups, name, "DBParameterGroupName")

    def reset_db_cluster_parameter_group(self) -> ActionResult:
        name = self.params["DBClusterParameterGroupName"]
        return self._reset(self.backend.db_cluster_parameter_groups, name, "DBClusterParameterGroupName")

    def _reset(self, groups: Mapping[str, Any], name: str, member: str) -> ActionResult:
        if name not in groups:
            raise RDSClientError("DBParameterGroupNotFound", f"DBParameterGroup not found: {name}")
        parameters = groups[name].parameters
        chosen = [item["ParameterName"] for item in self.params.get("Parameters") or []]
        for parameter in list(parameters) if self.params.get("ResetAllParameters") else chosen:
            parameters.pop(parameter, None)
        return ActionResult({member: name})


models_default_storage = models.DBCluster.default_allocated_storage


def install() -> None:
    models.GlobalCluster.global_cluster_members = property(global_databases.members_of)
    models.DBCluster = DBCluster
    models.DBInstanceClustered = DBInstanceClustered
    # Still moto's module, in which its backend base class looks for the paths.
    RDSBackend.__module__ = models.__name__
    models.rds_backends.backend = RDSBackend

    for path in urls.url_paths:
        urls.url_paths[path] = RDSResponse.dispatch
