"""In what a replica may differ from its primary, and why. Everything else that differs keeps it from being ready."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from components.vocabulary import Strategy

if TYPE_CHECKING:
    from operations.readiness.parity import Difference

SMALLER = frozenset({Strategy.PILOT_LIGHT, Strategy.WARM_STANDBY})
"""Strategies with which less runs while the replica waits."""


class Side(StrEnum):
    """Where a difference may be."""

    VALUES = "values"
    """Both have the resource, with other values."""
    PRIMARY = "primary only"
    REPLICA = "replica only"
    ANY = "any"


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """A difference that is meant."""

    type: str
    """Pattern (fnmatch) of the resource's type."""
    reason: str
    name: str = "*"
    """Pattern of the logical name without its place."""
    property: str = "*"
    """Pattern of the path."""
    side: Side = Side.VALUES
    strategies: Collection[Strategy] = frozenset(Strategy)

    def covers(self, difference: Difference, strategy: Strategy) -> bool:
        """Whether it is this difference that is meant."""
        whole = difference.property == ""
        lacking = Side.PRIMARY if difference.replica == "nothing" else Side.REPLICA
        side = lacking if whole else Side.VALUES
        return (
            self.side in (side, Side.ANY)
            and strategy in self.strategies
            and fnmatchcase(difference.type, self.type)
            and fnmatchcase(difference.name, self.name)
            and (whole or fnmatchcase(difference.property, self.property))
        )


_GLOBAL = "a secondary takes it from the global database"
_WAITS = "less runs while the replica waits; maxima are the same"
_PLACE = "set for each place in the stack files"
_MULTI_REGION = "a replica key has its primary key's specification, policy apart"
_SECRETS = "Secrets Manager replicates it under the primary's name"
_TRAINING = "models are trained where payments are decided"

ALLOWED: tuple[Allowed, ...] = (
    Allowed(type="aws:rds/globalCluster:GlobalCluster", side=Side.PRIMARY, reason="the primary's stack owns it"),
    *(
        Allowed(type="aws:rds/cluster:Cluster", property=name, reason=_GLOBAL)
        for name in (
            *("globalClusterIdentifier", "replicationSourceIdentifier", "sourceRegion", "databaseName"),
            *("masterUsername", "masterPassword*", "engineVersion", "enableGlobalWriteForwarding"),
        )
    ),
    Allowed(type="aws:rds/clusterInstance:ClusterInstance", side=Side.PRIMARY, strategies=SMALLER, reason=_WAITS),
    Allowed(
        type="aws:rds/clusterInstance:ClusterInstance",
        property="instanceClass",
        strategies=(Strategy.PILOT_LIGHT,),
        reason=_WAITS,
    ),
    Allowed(type="aws:rds/clusterInstance:ClusterInstance", property="availabilityZone", reason="zones differ in name"),
    *(
        Allowed(type="aws:eks/nodeGroup:NodeGroup", property=f"scalingConfig.{size}", strategies=SMALLER, reason=_WAITS)
        for size in ("desiredSize", "minSize")
    ),
    *(
        Allowed(type=f"kubernetes:{type_}", property=f"spec.{count}", strategies=(Strategy.PILOT_LIGHT,), reason=_WAITS)
        for type_, count in (
            ("apps/v1:Deployment", "replicas"),
            ("autoscaling/v2:HorizontalPodAutoscaler", "minReplicas"),
        )
    ),
    Allowed(
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        name="*-lag",
        side=Side.PRIMARY,
        strategies=SMALLER,
        reason="a shard without readers has none that could be late",
    ),
    Allowed(
        type="aws:cloudwatch/compositeAlarm:CompositeAlarm",
        name="*-review",
        property="alarmRule",
        strategies=SMALLER,
        reason="a shard without readers has none that could be late",
    ),
    Allowed(
        type="aws:cloudwatch/dashboard:Dashboard",
        property="dashboardBody*",
        strategies=SMALLER,
        reason="it shows the instances that there are",
    ),
    Allowed(
        type="aws:dynamodb/table:Table",
        side=Side.PRIMARY,
        reason="the pair's stack owns the replicas of subject keys and features; the check of tables reads them",
    ),
    *(
        Allowed(type="aws:kms/key:Key", property=name, reason=_MULTI_REGION)
        for name in (
            *("primaryKeyArn", "multiRegion", "keyUsage", "customerMasterKeySpec"),
            *("enableKeyRotation", "rotationPeriodInDays", "isEnabled", "enabled"),
        )
    ),
    Allowed(
        type="aws:kms/key:Key",
        name="*-subjects",
        property="tags.payment-cell:use",
        reason="its table is a replica without a resource here: the key says what it is for (control RET-02)",
    ),
    Allowed(type="aws:secretsmanager/secret:Secret", side=Side.PRIMARY, reason=_SECRETS),
    Allowed(type="aws:secretsmanager/secretVersion:SecretVersion", side=Side.PRIMARY, reason=_SECRETS),
    Allowed(type="aws:secretsmanager/secret:Secret", property="replicas*", reason=_SECRETS),
    *(
        Allowed(type=type_, name=f"*{job}*", side=Side.PRIMARY, reason=_TRAINING)
        for type_ in (
            *("aws:codebuild/project:Project", "aws:cloudwatch/eventRule:EventRule"),
            *("aws:cloudwatch/eventTarget:EventTarget", "aws:cloudwatch/logGroup:LogGroup"),
            *("aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"),
        )
        for job in ("training", "monitor", "retreat")
    ),
    *(
        Allowed(
            type="aws:cloudwatch/metricAlarm:MetricAlarm", name=f"*-fraud-{what}", side=Side.PRIMARY, reason=_TRAINING
        )
        for what in ("blocked", "drift")
    ),
    *(
        Allowed(type=type_, side=Side.ANY, reason=f"{_PLACE}: administrators, viewers")
        for type_ in ("aws:eks/accessEntry:AccessEntry", "aws:eks/accessPolicyAssociation:AccessPolicyAssociation")
    ),
    Allowed(
        type="aws:eks/cluster:Cluster", property="vpcConfig.*ublicAccess*", reason=f"{_PLACE}: endpoint.allowedCidrs"
    ),
    *(
        Allowed(type=type_, name="*runner*", side=Side.ANY, reason=f"{_PLACE}: runner")
        for type_ in ("aws:codebuild/*", "aws:iam/*", "aws:ec2/*", "aws:vpc/*", "aws:cloudwatch/logGroup:LogGroup")
    ),
    Allowed(
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        property="policy*",
        reason="a replica reaches the pair's tables and secrets too, which have the primary's name",
    ),
    *(
        Allowed(type=type_, name=name, property=property_, reason="ACM asks for a proof of each name")
        for type_, name, property_ in (
            ("aws:acm/certificateValidation:CertificateValidation", "*", "validationRecordFqdns*"),
            ("aws:route53/record:Record", "*-proof", "name"),
            ("aws:route53/record:Record", "*-proof", "records*"),
        )
    ),
    Allowed(
        type="kubernetes:core/v1:ConfigMap",
        name="*-cell-map",
        property="data.cell-map.json",
        reason="each gateway takes its own cell for the default, and the map has a checksum",
    ),
    Allowed(
        type="kubernetes:apps/v1:Deployment",
        name="*-gateway",
        property="*.env.BOOTSTRAP.value",
        reason="a digest of the gateway's own configuration",
    ),
    Allowed(
        type="kubernetes:apps/v1:Deployment",
        property="*.env.EPOCH_PRIMARY.value",
        reason="both ask the pair's epoch store, which has the primary's name",
    ),
    Allowed(type="aws:route53/zone:Zone", side=Side.ANY, reason=f"{_PLACE}: hostedZoneId"),
    Allowed(type="aws:route53/record:Record", property="zoneId", reason=f"{_PLACE}: hostedZoneId"),
    Allowed(type="aws:backup/plan:Plan", property="*opyActions*", reason=f"{_PLACE}: backups.copyVaultArn"),
    Allowed(type="aws:backup/vaultPolicy:VaultPolicy", property="policy*", reason=f"{_PLACE}: backups.copyVaultArn"),
)
"""The first that covers a difference is its reason."""
