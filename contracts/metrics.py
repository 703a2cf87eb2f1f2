"""Every metric that a cell's alarms and dashboards may use, and who emits it.

    AWS/SQS ApproximateAgeOfOldestMessage {QueueName}     one series for each queue of the cell
    ...
    count_series(counts)                                  series of a cell, by metric

An alarm on a metric that nobody emits is silent for ever, and looks healthy. So alarms and dashboards name metrics of
this list only, with the dimensions of resources that the cell declares (`DIMENSIONS`); tests hold them to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Subject(StrEnum):
    """What a metric is about: the cell has one series of it for each of these. Not an alarm, not a resource type."""

    LOAD_BALANCER = "load-balancer"
    TARGET_GROUP = "target-group"
    CERTIFICATE = "certificate"
    WEB_ACL_RULE = "web-acl-rule"
    """A rule of the web ACL, or all of them together (`ALL`)."""
    NAT_GATEWAY = "nat-gateway"
    CLUSTER = "kubernetes-cluster"
    SHARD_WRITER = "shard-writer"
    """Whichever instance of a shard writes: the series follows a failover."""
    SHARD_READERS = "shard-readers"
    """The readers of a shard together."""
    REPLICATED_SHARD = "replicated-shard"
    """A shard's cluster where it is the secondary of a global database."""
    ARCHIVE_REPLICATION = "archive-replication"
    """A rule that replicates an archive."""
    PROXY = "database-proxy"
    SHARD_LOGIN = "shard-login"
    """The log of refused IAM logins of a shard."""
    STREAM = "stream"
    STREAM_SHARD = "stream-shard"
    QUEUE = "queue"
    """A consumer's queue or its dead-letter queue."""
    PIPE = "pipe"
    RULE = "event-rule"
    PATH = "path"
    """The way of a payment through the cell as a whole."""
    CALLER_CLASS = "caller-class"
    MARKET = "market"
    BANK = "bank"
    PATH_SHARD = "path-shard"
    """A shard as payments and relay see it. Not: its database instances."""
    REFUSAL = "refusal"
    """A reason for which requests are refused."""


@dataclass(frozen=True, kw_only=True, slots=True)
class From:
    """A dimension's value is a property of a resource that the cell declares."""

    resource_type: str
    path: str
    """JMESPath in the resource's properties; a list gives several values."""


_REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"

DIMENSIONS: Mapping[Subject, Mapping[str, From | str]] = MappingProxyType(
    {
        Subject.LOAD_BALANCER: {
            "LoadBalancer": From(resource_type="aws:lb/loadBalancer:LoadBalancer", path="arnSuffix")
        },
        Subject.TARGET_GROUP: {
            "TargetGroup": From(resource_type="aws:lb/targetGroup:TargetGroup", path="arnSuffix"),
            "LoadBalancer": From(resource_type="aws:lb/loadBalancer:LoadBalancer", path="arnSuffix"),
        },
        Subject.CERTIFICATE: {"CertificateArn": From(resource_type="aws:acm/certificate:Certificate", path="arn")},
        Subject.WEB_ACL_RULE: {
            "WebACL": From(resource_type="aws:wafv2/webAcl:WebAcl", path="visibilityConfig.metricName"),
            "Region": From(resource_type="aws:wafv2/webAcl:WebAcl", path="region"),
            "Rule": From(
                resource_type="aws:wafv2/webAcl:WebAcl", path="[rules[].visibilityConfig.metricName, ['ALL']][]"
            ),
        },
        Subject.NAT_GATEWAY: {"NatGatewayId": From(resource_type="aws:ec2/natGateway:NatGateway", path="id")},
        Subject.CLUSTER: {"ClusterName": From(resource_type="aws:eks/cluster:Cluster", path="name")},
        Subject.SHARD_WRITER: {
            "DBClusterIdentifier": From(resource_type="aws:rds/cluster:Cluster", path="clusterIdentifier"),
            "Role": "WRITER",
        },
        Subject.SHARD_READERS: {
            "DBClusterIdentifier": From(resource_type="aws:rds/cluster:Cluster", path="clusterIdentifier"),
            "Role": "READER",
        },
        Subject.REPLICATED_SHARD: {
            "DBClusterIdentifier": From(resource_type="aws:rds/cluster:Cluster", path="clusterIdentifier")
        },
        Subject.ARCHIVE_REPLICATION: {
            "SourceBucket": From(resource_type=_REPLICATION, path="bucket"),
            "DestinationBucket": From(resource_type="aws:s3/bucket:Bucket", path="bucket"),
            "RuleId": From(resource_type=_REPLICATION, path="rules[].id"),
        },
        Subject.PROXY: {"ProxyName": From(resource_type="aws:rds/proxy:Proxy", path="name")},
        Subject.SHARD_LOGIN: {},
        Subject.STREAM: {"StreamName": From(resource_type="aws:kinesis/stream:Stream", path="name")},
        # Kinesis names its shards itself and splits them: dashboards search for them.
        Subject.STREAM_SHARD: {
            "StreamName": From(resource_type="aws:kinesis/stream:Stream", path="name"),
            "ShardId": "*",
        },
        Subject.QUEUE: {"QueueName": From(resource_type="aws:sqs/queue:Queue", path="name")},
        Subject.PIPE: {"PipeName": From(resource_type="aws:pipes/pipe:Pipe", path="name")},
        Subject.RULE: {
            "EventBusName": From(resource_type="aws:cloudwatch/eventBus:EventBus", path="name"),
            "RuleName": From(resource_type="aws:cloudwatch/eventRule:EventRule", path="name"),
        },
        # What log lines say: dashboards search for it. The cell's id ends the namespace.
        Subject.PATH: {},
        Subject.CALLER_CLASS: {"Class": "*"},
        Subject.MARKET: {"Market": "*"},
        Subject.BANK: {"Bank": "*"},
        Subject.PATH_SHARD: {"Shard": "*"},
        Subject.REFUSAL: {"Reason": "*"},
    }
)
"""Subject -> dimension -> where its value comes from. A subject without dimensions has a namespace of its own."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Metric:
    """One metric; each of its subjects has one time series of it."""

    namespace: str
    name: str
    unit: str
    """As CloudWatch has it: Count, Seconds, Milliseconds, Percent, Bytes, None."""
    subject: Subject
    stat: str
    """The statistic that says something: Sum of counts, Maximum of ages."""
    source: str
    """AWS's page that says who publishes it, when and with which dimensions; for our own, the log's."""

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Names of its dimensions."""
        return tuple(DIMENSIONS[self.subject])


_DOCS = "https://docs.aws.amazon.com"
_ELB = f"{_DOCS}/elasticloadbalancing/latest/application/load-balancer-cloudwatch-metrics.html"
_AURORA = f"{_DOCS}/AmazonRDS/latest/AuroraUserGuide/Aurora.AuroraMonitoring.Metrics.html"
REPLICATION_LAG = "AuroraGlobalDBReplicationLag"
"""Milliseconds that a secondary of a global database is behind, in its region, by `DBClusterIdentifier` (`_AURORA`)."""

_KINESIS = f"{_DOCS}/streams/latest/dev/monitoring-with-cloudwatch.html"
_SQS = f"{_DOCS}/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html"

_TABLE: tuple[tuple[str, Subject, str, tuple[tuple[str, str, str], ...]], ...] = (
    (
        "AWS/ApplicationELB",
        Subject.LOAD_BALANCER,
        _ELB,
        (
            ("RequestCount", "Count", "Sum"),
            ("HTTPCode_ELB_5XX_Count", "Count", "Sum"),
            ("HTTPCode_Target_5XX_Count", "Count", "Sum"),
            ("TargetResponseTime", "Seconds", "p99"),
            ("RejectedConnectionCount", "Count", "Sum"),
        ),
    ),
    ("AWS/ApplicationELB", Subject.TARGET_GROUP, _ELB, (("HealthyHostCount", "Count", "Minimum"),)),
    (
        "AWS/CertificateManager",
        Subject.CERTIFICATE,
        f"{_DOCS}/acm/latest/userguide/cloudwatch-metrics.html",
        (("DaysToExpiry", "None", "Minimum"),),
    ),
    (
        "AWS/WAFV2",
        Subject.WEB_ACL_RULE,
        f"{_DOCS}/waf/latest/developerguide/waf-metrics.html",
        (("BlockedRequests", "Count", "Sum"),),
    ),
    (
        "AWS/NATGateway",
        Subject.NAT_GATEWAY,
        f"{_DOCS}/vpc/latest/userguide/metrics-dimensions-nat-gateway.html",
        (("ErrorPortAllocation", "Count", "Sum"), ("BytesOutToDestination", "Bytes", "Sum")),
    ),
    (
        "AWS/EKS",
        Subject.CLUSTER,
        f"{_DOCS}/eks/latest/userguide/cloudwatch.html",
        (("scheduler_pending_pods", "Count", "Sum"), ("apiserver_request_total_5XX", "Count", "Sum")),
    ),
    (
        "AWS/RDS",
        Subject.SHARD_WRITER,
        _AURORA,
        (
            ("CPUUtilization", "Percent", "Average"),
            ("CommitLatency", "Milliseconds", "Average"),
            ("DatabaseConnections", "Count", "Maximum"),
            ("MaximumUsedTransactionIDs", "Count", "Maximum"),
        ),
    ),
    ("AWS/RDS", Subject.SHARD_READERS, _AURORA, (("AuroraReplicaLag", "Milliseconds", "Maximum"),)),
    ("AWS/RDS", Subject.REPLICATED_SHARD, _AURORA, ((REPLICATION_LAG, "Milliseconds", "Maximum"),)),
    (
        "AWS/S3",
        Subject.ARCHIVE_REPLICATION,
        f"{_DOCS}/AmazonS3/latest/userguide/metrics-dimensions.html",
        (("ReplicationLatency", "Seconds", "Maximum"),),
    ),
    (
        "AWS/RDS",
        Subject.PROXY,
        f"{_DOCS}/AmazonRDS/latest/AuroraUserGuide/rds-proxy.monitoring.html",
        (("ClientConnections", "Count", "Sum"), ("DatabaseConnectionsBorrowLatency", "Microseconds", "Average")),
    ),
    (
        "AWS/Kinesis",
        Subject.STREAM,
        _KINESIS,
        (
            ("IncomingRecords", "Count", "Sum"),
            ("GetRecords.IteratorAgeMilliseconds", "Milliseconds", "Maximum"),
            ("WriteProvisionedThroughputExceeded", "Count", "Sum"),
        ),
    ),
    (
        "AWS/Kinesis",
        Subject.STREAM_SHARD,
        _KINESIS,
        (
            ("IncomingRecords", "Count", "Sum"),
            ("IteratorAgeMilliseconds", "Milliseconds", "Maximum"),
            ("WriteProvisionedThroughputExceeded", "Count", "Sum"),
        ),
    ),
    (
        "AWS/SQS",
        Subject.QUEUE,
        _SQS,
        (
            ("ApproximateNumberOfMessagesVisible", "Count", "Maximum"),
            ("ApproximateAgeOfOldestMessage", "Seconds", "Maximum"),
        ),
    ),
    (
        "AWS/EventBridge/Pipes",
        Subject.PIPE,
        f"{_DOCS}/eventbridge/latest/userguide/eb-pipes-monitoring.html",
        (("ExecutionFailed", "None", "Sum"), ("EventCount", "None", "Sum")),
    ),
    (
        "AWS/Events",
        Subject.RULE,
        f"{_DOCS}/eventbridge/latest/userguide/eb-monitoring.html",
        (("Invocations", "Count", "Sum"), ("FailedInvocations", "Count", "Sum")),
    ),
)
"""(namespace, subject, documentation, ((name, unit, statistic), ...)); pages read 2026-11-23. Those of certificates,
NAT gateways, Aurora, its proxies, Kinesis and SQS were read 2026-11-28 in the sources that AWS publishes
(github.com/awsdocs, which may be older than the page): names, units and dimensions are as here; `Role` is on
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/dimensions.html."""

UNREAD = frozenset({"AWS/EKS"})
"""`verified: false`: the page has the names and units (read 2026-11-28) and says Sum of both, but no dimension. In a
live account ask `aws cloudwatch list-metrics --namespace AWS/EKS` once the cell has traffic."""

LOGINS_REFUSED = Metric(
    namespace="PaymentCell/Logins",
    name="LoginsRefused",
    unit="Count",
    subject=Subject.SHARD_LOGIN,
    stat="Sum",
    source=f"{_DOCS}/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.Troubleshooting.html",
)
"""Lines of the iam-db-auth-error log of a shard, by a log metric filter.
A filter without dimensions: its namespace ends in the log group's cluster, see `own_namespace`."""

_FILTERS = f"{_DOCS}/AmazonCloudWatch/latest/logs/MonitoringLogData.html"
_RED = (("Requests", "Count", "Sum"), ("Errors", "Count", "Sum"), ("Duration", "Milliseconds", "p99"))

PATH_NAMESPACE = "PaymentCell/Path"

_PATH: tuple[tuple[Subject, tuple[tuple[str, str, str], ...]], ...] = (
    (
        Subject.PATH,
        (
            ("ChargesFailed", "Percent", "Average"),
            ("ChargesSlow", "Percent", "Average"),
            ("FailedOpen", "Percent", "Average"),
            ("EventsLate", "Percent", "Average"),
            ("RelayLag", "Seconds", "Maximum"),
            ("ArchiveLag", "Seconds", "Maximum"),
        ),
    ),
    (Subject.CALLER_CLASS, (*_RED, ("FailOpenDecisions", "Count", "Sum"))),
    (Subject.MARKET, _RED),
    (Subject.BANK, _RED),
    (Subject.PATH_SHARD, (*_RED, ("RelayLag", "Seconds", "Maximum"))),
    (Subject.REFUSAL, (("Refusals", "Count", "Sum"),)),
)
"""Those in percent are 100 for what was bad and 0 for what was well: their average is the bad share of any period, and
their number of values that of all."""

WORKLOADS: tuple[Metric, ...] = tuple(
    Metric(namespace=PATH_NAMESPACE, name=name, unit=unit, subject=subject, stat=stat, source=_FILTERS)
    for subject, rows in _PATH
    for name, unit, stat in rows
)
"""What the cell's programs emit, by metric filters over their log lines (`components/path_metrics.py`). A program that
says something new adds its metric here; an alarm or dashboard on one that is not here fails
`test_component_telemetry.py`."""

METRICS: tuple[Metric, ...] = (
    *(
        Metric(namespace=namespace, name=name, unit=unit, subject=subject, stat=stat, source=source)
        for namespace, subject, source, rows in _TABLE
        for name, unit, stat in rows
    ),
    LOGINS_REFUSED,
    *WORKLOADS,
)

_BY_NAME = {(metric.subject, metric.name): metric for metric in METRICS}


def metric(subject: Subject, name: str) -> Metric:
    """The metric of this name. Raises KeyError where the list has none: nobody is known to emit it."""
    return _BY_NAME[subject, name]


def own_namespace(metric: Metric, owner: str) -> str:
    """Namespace of a metric that a log metric filter emits; `owner`: the cell or database cluster whose log it is."""
    return f"{metric.namespace}/{owner}"


def count_series(subjects: Mapping[Subject, int]) -> Mapping[Metric, int]:
    """Time series of each metric, for this many of each subject. A subject that is left out has none."""
    return {metric: subjects.get(metric.subject, 0) for metric in METRICS}
