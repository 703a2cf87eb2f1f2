"""What each resource type is charged for: a rule that says price and quantity, a reason why it is free, or a reason why
it cannot be priced from a declaration. A type that stands in none of the three is reported as unknown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from types import MappingProxyType

import catalogue
from operations.cost.resources import Resource
from operations.cost.usage import DAYS_A_MONTH, HOURS, Usage

MINIMUM_PROXY_VCPUS = 2
"""An RDS proxy is charged for two vCPUs of each instance at least (https://aws.amazon.com/rds/proxy/pricing/)."""

BATCH = 10
"""Messages of one SQS request: what pipes send and consumers receive and delete together."""

IO_OPTIMIZED = 1.3
"""What an instance costs more under I/O-Optimized storage, which charges no I/O
(https://aws.amazon.com/rds/aurora/pricing/)."""

ARCHIVE_SUFFIX = "-archive"
"""Ends the name of the bucket that the event log is written to; what others hold depends on use (components/)."""

PROGRAMS_SUFFIX = "-programs"
"""Ends the name of the log group of the cell's programs (components/cluster.py)."""

AUTO_MODE_DISK_GIB = 50
"""Volume of an Auto Mode node (components/auto_nodes.py)."""

FAST_INTERVAL_S = 10
"""Of a health check, which is charged as a feature; the standard one is 30 s
(https://docs.aws.amazon.com/Route53/latest/APIReference/API_HealthCheckConfig.html)."""

SHARD = "aws:rds/cluster:Cluster"
INSTANCE = "aws:rds/clusterInstance:ClusterInstance"


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """A quantity of something that has a price."""

    price: str
    """Name in catalogue/prices.yaml"""
    quantity: float
    formula: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Context:
    """What a rule may look at besides its resource."""

    usage: Usage
    stack: Sequence[Resource]
    """All resources of the stack"""

    def of(self, type_: str) -> list[Resource]:
        """The stack's resources of a type."""
        return [resource for resource in self.stack if resource.type == type_]

    def shard_of(self, instance: Resource) -> Resource | None:
        """The Aurora cluster of an instance: its inputs know it only after the deployment, its name does before."""
        return next((shard for shard in self.of(SHARD) if instance.name.startswith(f"{shard.name}-")), None)


Rule = Callable[[Resource, Context], Iterator[Charge]]


class UnknownQuantity(Exception):
    """The declaration does not say how much; the message says why."""


def _count(resource: Resource, key: str) -> int:
    """Entries of a list among the inputs. Raises UnknownQuantity where the list as a whole is not known yet."""
    value = resource.inputs.get(key, [])
    if not isinstance(value, list):
        raise UnknownQuantity(f"{resource.name}: {key} is not known before the deployment")
    return len(value)


def _hours(price: str, count: float = 1, what: str = "") -> Charge:
    return Charge(price=price, quantity=count * HOURS, formula=f"{count:g}{what} * {HOURS} h")


def _cluster(resource: Resource, context: Context) -> Iterator[Charge]:
    yield _hours("eks.cluster")
    if not (resource.inputs.get("computeConfig") or {}).get("enabled"):
        return
    # Auto Mode makes nodes as pods need them: no resource declares how many, the cell's sizing does.
    for kind, nodes in context.usage.auto_nodes.items():
        yield _hours(f"ec2.{kind}", nodes, " nodes")
        yield _hours(f"eks.auto.{kind}", nodes, " nodes")
        disks = f"{nodes:g} nodes of {kind} * {AUTO_MODE_DISK_GIB} GiB"
        yield Charge(price="ebs.gp3", quantity=nodes * AUTO_MODE_DISK_GIB, formula=disks)


def _node_group(resource: Resource, context: Context) -> Iterator[Charge]:
    kind, scaling = resource.inputs["instanceTypes"][0], resource.inputs["scalingConfig"]
    # An update leaves the size to the autoscaler, which keeps it above the minimum.
    nodes = max(scaling["desiredSize"], scaling.get("minSize", 0))
    yield _hours(f"ec2.{kind}", nodes, " nodes")
    disks = [
        mapping["ebs"]["volumeSize"]
        for template in context.of("aws:ec2/launchTemplate:LaunchTemplate")
        if template.name == resource.name
        for mapping in template.inputs.get("blockDeviceMappings", ())
    ]
    for gib in disks:
        yield Charge(price="ebs.gp3", quantity=nodes * gib, formula=f"{nodes:g} nodes * {gib:g} GiB")


def _nat_gateway(_resource: Resource, context: Context) -> Iterator[Charge]:
    gateways = len(context.of("aws:ec2/natGateway:NatGateway"))
    yield _hours("nat.hour")
    formula = f"{context.usage.nat_gb:,.0f} GB / {gateways} gateways"
    yield Charge(price="nat.gb", quantity=context.usage.nat_gb / gateways, formula=formula)


def _address(_resource: Resource, _context: Context) -> Iterator[Charge]:
    yield _hours("ipv4")


def _endpoint(resource: Resource, context: Context) -> Iterator[Charge]:
    if resource.inputs.get("vpcEndpointType") != "Interface":
        return
    yield _hours("endpoint.hour", _count(resource, "subnetIds"), " zones")
    service = str(resource.inputs["serviceName"]).rpartition(".")[2]
    usage = context.usage
    traffic = {"kinesis-streams": usage.event_gb, "sqs": usage.event_gb * (usage.ordered + usage.unordered)}
    if gb := traffic.get(service):
        yield Charge(price="endpoint.gb", quantity=gb, formula=f"{gb:,.0f} GB of events")


def _load_balancer(resource: Resource, context: Context) -> Iterator[Charge]:
    yield _hours("alb.hour")
    yield _hours("alb.lcu", context.usage.lcus, " LCU")
    if not resource.inputs.get("internal"):
        yield _hours("ipv4", _count(resource, "subnets"), " addresses")


def _database_instance(resource: Resource, context: Context) -> Iterator[Charge]:
    kind, shard = resource.inputs["instanceClass"], context.shard_of(resource)
    if shard is not None and _io_optimized(shard):
        yield _hours(f"aurora.{kind}", IO_OPTIMIZED, " (I/O-Optimized)")
    else:
        yield _hours(f"aurora.{kind}")
    if shard is not None and shard.inputs.get("databaseInsightsMode") == "advanced":
        yield _hours("insights.vcpu", catalogue.instances().databases.types[kind].vcpus, " vCPUs")


def _database_cluster(resource: Resource, context: Context) -> Iterator[Charge]:
    shards, usage = len(context.of(SHARD)), context.usage
    charges = [("aurora.backup", usage.backup_gb, "GB changed within the recovery window")]
    if _io_optimized(resource):
        charges += [("aurora.storage-optimized", usage.rows_gb, "GB of rows")]
    else:
        charges += [("aurora.storage", usage.rows_gb, "GB of rows"), ("aurora.io", usage.database_ios, "million I/Os")]
    for price, total, unit in charges:
        yield Charge(price=price, quantity=total / shards, formula=f"{total:,.0f} {unit} / {shards} shards")


def _io_optimized(shard: Resource) -> bool:
    return shard.inputs.get("storageType") == "aurora-iopt1"


def _database_proxy(resource: Resource, context: Context) -> Iterator[Charge]:
    classes = catalogue.instances().databases.types
    vcpus = sum(
        max(classes[instance.inputs["instanceClass"]].vcpus, MINIMUM_PROXY_VCPUS)
        for instance in context.of(INSTANCE)
        if instance.name.startswith(f"{resource.name}-")
    )
    yield _hours("proxy.vcpu", vcpus, " vCPUs")


def _stream(resource: Resource, context: Context) -> Iterator[Charge]:
    usage, mode = context.usage, resource.inputs.get("streamModeDetails", {}).get("streamMode", "PROVISIONED")
    if mode == "ON_DEMAND":
        yield _hours("kinesis.on-demand.hour")
        yield Charge(price="kinesis.on-demand.in", quantity=usage.event_gb, formula=f"{usage.event_gb:,.0f} GB")
        out = usage.event_gb * (usage.ordered + 2)
        yield Charge(price="kinesis.on-demand.out", quantity=out, formula=f"{out:,.0f} GB to all readers")
        return
    shards = resource.inputs["shardCount"]
    yield _hours("kinesis.shard", shards, " shards")
    if resource.inputs.get("retentionPeriod", 24) > 24:
        yield _hours("kinesis.retention", shards, " shards")
    yield Charge(price="kinesis.put", quantity=usage.events, formula=f"{usage.events:,.1f} million events below 25 KB")
    metrics = shards * _count(resource, "shardLevelMetrics")
    if metrics:
        yield Charge(price="cloudwatch.metric", quantity=metrics, formula=f"{metrics:g} shard-level metrics")


def _queue(resource: Resource, context: Context) -> Iterator[Charge]:
    if "redriveAllowPolicy" in resource.inputs:
        return
    events = context.usage.events
    if resource.inputs.get("fifoQueue"):
        formula = f"{events:,.1f} million events, sent, received and deleted by {BATCH}"
        yield Charge(price="sqs.fifo", quantity=3 * events / BATCH, formula=formula)
    else:
        formula = f"{events:,.1f} million events, sent one by one, received and deleted by {BATCH}"
        yield Charge(price="sqs.standard", quantity=events * (1 + 2 / BATCH), formula=formula)


def _pipe(_resource: Resource, context: Context) -> Iterator[Charge]:
    events = context.usage.events
    yield Charge(price="pipes.request", quantity=events, formula=f"{events:,.1f} million events, each a request")


def _bus(_resource: Resource, context: Context) -> Iterator[Charge]:
    events = context.usage.events if context.usage.unordered else 0.0
    yield Charge(price="bus.event", quantity=events, formula=f"{events:,.1f} million events")


def _bus_archive(resource: Resource, context: Context) -> Iterator[Charge]:
    gb = context.usage.event_gb if context.usage.unordered else 0.0
    months = min(resource.inputs.get("retentionDays", 0) / DAYS_A_MONTH or float("inf"), context.usage.months_stored)
    yield Charge(price="bus.archive", quantity=gb, formula=f"{gb:,.0f} GB of events")
    yield Charge(price="bus.archive-storage", quantity=gb * months, formula=f"{gb:,.0f} GB * {months:.2f} months")


def _log_group(resource: Resource, context: Context) -> Iterator[Charge]:
    usage = context.usage
    written = {"FlowLogs": usage.flow_log_gb, "WebAcl": usage.waf_log_gb, "Cluster": usage.control_plane_log_gb}
    programs = resource.name.endswith(PROGRAMS_SUFFIX)
    gb = usage.program_log_gb if programs else written.get(resource.component, 0.0)
    if not gb:
        return
    kept_days = resource.inputs.get("retentionInDays", 0)
    months = min(kept_days / DAYS_A_MONTH or float("inf"), usage.months_stored)
    yield Charge(price="logs.ingest", quantity=gb, formula=f"{gb:,.0f} GB")
    yield Charge(price="logs.storage", quantity=gb * months, formula=f"{gb:,.0f} GB * {months:.2f} months")


def _metric_filter(resource: Resource, context: Context) -> Iterator[Charge]:
    """A custom metric for each value of its dimensions; filters that add to one metric are charged once
    (https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html)."""
    namespace, name, dimensions = metric = _emitted(resource)
    if any(_emitted(other) == metric and other.name < resource.name for other in context.of(resource.type)):
        return
    series = prod(context.usage.metric_values.get(dimension, 1) for dimension in dimensions)
    yield Charge(price="cloudwatch.metric", quantity=series, formula=f"{series} series {namespace} {name}")


def _emitted(resource: Resource) -> tuple[str, str, tuple[str, ...]]:
    into = resource.inputs["metricTransformation"]
    return into["namespace"], into["name"], tuple(sorted(into.get("dimensions") or ()))


def _alarm(resource: Resource, _context: Context) -> Iterator[Charge]:
    queries = resource.inputs.get("metricQueries", ())
    metrics = sum(1 for query in queries if "metric" in query) or 1
    # A band counts as two metrics more, its upper and its lower edge.
    metrics += 2 * sum(1 for query in queries if query.get("expression", "").startswith("ANOMALY_DETECTION_BAND"))
    yield Charge(price="cloudwatch.alarm", quantity=metrics, formula=f"{metrics} metrics")


def _composite_alarm(_resource: Resource, _context: Context) -> Iterator[Charge]:
    yield Charge(price="cloudwatch.composite-alarm", quantity=1, formula="1 alarm")


def _dashboard(_resource: Resource, _context: Context) -> Iterator[Charge]:
    yield Charge(price="cloudwatch.dashboard", quantity=1, formula="1 dashboard; the account's first three are free")


def _health_check(resource: Resource, _context: Context) -> Iterator[Charge]:
    """Of what AWS runs: the names of cells lead to their load balancers."""
    yield Charge(price="route53.health-check", quantity=1, formula="1 health check")
    kind = str(resource.inputs.get("type", ""))
    features = {
        "HTTPS": kind.startswith("HTTPS"),
        "string match": kind.endswith("_STR_MATCH"),
        "fast interval": resource.inputs.get("requestInterval") == FAST_INTERVAL_S,
        "latency": resource.inputs.get("measureLatency") is True,
    }
    chosen = [name for name, there in features.items() if there]
    if chosen:
        yield Charge(price="route53.health-check-feature", quantity=len(chosen), formula=", ".join(chosen))


def _key(_resource: Resource, context: Context) -> Iterator[Charge]:
    keys, total = len(context.of("aws:kms/key:Key")), context.usage.kms_requests
    yield Charge(price="kms.key", quantity=1, formula="1 key in its first year; each of two rotations adds one")
    yield Charge(price="kms.request", quantity=total / keys, formula=f"{total * 10_000:,.0f} requests / {keys} keys")


def _bucket(resource: Resource, context: Context) -> Iterator[Charge]:
    usage = context.usage
    if not resource.name.endswith(ARCHIVE_SUFFIX):
        raise UnknownQuantity("what buckets other than the event archive hold depends on use")
    fresh = min(usage.archive_months, _colder_after_days(resource, context) / DAYS_A_MONTH)
    for price, months in (("s3.storage", fresh), ("s3.glacier-ir", usage.archive_months - fresh)):
        formula = f"{usage.archive_gb:,.0f} GB of events a month * {months:.1f} months"
        yield Charge(price=price, quantity=usage.archive_gb * months, formula=formula)


def _colder_after_days(bucket: Resource, context: Context) -> float:
    """Days until an object goes to the colder class; infinite where it never does."""
    found = [
        transition["days"]
        for lifecycle in context.of("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration")
        if lifecycle.name == bucket.name
        for rule in lifecycle.inputs.get("rules", ())
        for transition in rule.get("transitions", ())
    ]
    return float(min(found, default=float("inf")))


def _web_acl(resource: Resource, context: Context) -> Iterator[Charge]:
    rules, requests = _count(resource, "rules"), context.usage.requests
    yield Charge(price="waf.acl", quantity=1, formula="1 web ACL")
    yield Charge(price="waf.rule", quantity=rules, formula=f"{rules} rules")
    yield Charge(price="waf.request", quantity=requests, formula=f"{requests:,.1f} million requests")


def _secret(_resource: Resource, _context: Context) -> Iterator[Charge]:
    yield Charge(price="secret", quantity=1, formula="1 secret")


def _zone(_resource: Resource, _context: Context) -> Iterator[Charge]:
    yield Charge(price="route53.zone", quantity=1, formula="1 zone")


PRICED: Mapping[str, Rule] = MappingProxyType(
    {
        "aws:cloudwatch/compositeAlarm:CompositeAlarm": _composite_alarm,
        "aws:cloudwatch/dashboard:Dashboard": _dashboard,
        "aws:cloudwatch/eventArchive:EventArchive": _bus_archive,
        "aws:cloudwatch/eventBus:EventBus": _bus,
        "aws:cloudwatch/logGroup:LogGroup": _log_group,
        "aws:cloudwatch/logMetricFilter:LogMetricFilter": _metric_filter,
        "aws:cloudwatch/metricAlarm:MetricAlarm": _alarm,
        "aws:ec2/eip:Eip": _address,
        "aws:ec2/natGateway:NatGateway": _nat_gateway,
        "aws:ec2/vpcEndpoint:VpcEndpoint": _endpoint,
        "aws:eks/cluster:Cluster": _cluster,
        "aws:eks/nodeGroup:NodeGroup": _node_group,
        "aws:kinesis/stream:Stream": _stream,
        "aws:kms/key:Key": _key,
        "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
        "aws:pipes/pipe:Pipe": _pipe,
        SHARD: _database_cluster,
        INSTANCE: _database_instance,
        "aws:rds/proxy:Proxy": _database_proxy,
        "aws:route53/zone:Zone": _zone,
        "aws:route53/healthCheck:HealthCheck": _health_check,
        "aws:s3/bucket:Bucket": _bucket,
        "aws:secretsmanager/secret:Secret": _secret,
        "aws:sqs/queue:Queue": _queue,
        "aws:wafv2/webAcl:WebAcl": _web_acl,
    }
)
"""Type -> rule."""
