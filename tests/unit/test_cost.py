"""What declared resources cost: each rule, the sums, the difference that a change makes, and a standby."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

import catalogue
from catalogue.load import DIRECTORY, read
from catalogue.model import Prices
from components.auto_nodes import AutoNodesArgs
from operations.cost.estimate import Estimate, difference, estimate
from operations.cost.free import FREE, FREE_PREFIXES, NOT_PRICED
from operations.cost.replica import replica_estimate, warm_resources
from operations.cost.report import Replica, Report, as_data, component_rows, notes, rows
from operations.cost.resources import Resource
from operations.cost.rules import AUTO_MODE_DISK_GIB, PRICED, Context
from operations.cost.usage import Usage, usage_of, warm
from stacks import workloads
from stacks.models import CellSettings
from stacks.sizing import derive

EXPECTED_TYPES = Path(__file__).parent.parent / "engine" / "expected_types.txt"

USE = Usage(
    events=100,
    event_gb=1000,
    requests=50,
    lcus=2,
    nat_gb=300,
    ordered=2,
    unordered=2,
    rows_gb=800,
    rows_written_gb=40,
    backup_gb=80,
    database_ios=60,
    kms_requests=10,
    archive_gb=1000,
    archive_months=12,
    flow_log_gb=20,
    waf_log_gb=30,
    control_plane_log_gb=100,
    program_log_gb=50,
    metric_values={"Class": 6, "Shard": 4},
    auto_nodes={"m7g.large": 3, "t4g.large": 2},
    auto_nodes_minimum={"m7g.large": 1},
)


def resource(type_: str, name: str = "x", component: str = "C", **inputs: Any) -> Resource:
    return Resource(type=type_, name=name, component=component, inputs=inputs)


def lines_filter(name: str, *dimensions: str) -> Resource:
    """A metric filter; those with the same dimensions add to one metric."""
    into = {"namespace": "Path", "name": "Requests", "dimensions": {one: f"$.{one}" for one in dimensions}}
    return resource("aws:cloudwatch/logMetricFilter:LogMetricFilter", name, metricTransformation=into)


NODES = "aws:eks/nodeGroup:NodeGroup"
SHARD, INSTANCE = "aws:rds/cluster:Cluster", "aws:rds/clusterInstance:ClusterInstance"
OPTIMIZED = resource(SHARD, "x-s00", storageType="aurora-iopt1", databaseInsightsMode="advanced")
STANDARD = resource(SHARD, "x-s01")
INSTANCES = [resource(INSTANCE, f"x-s00-{zone}", instanceClass="db.r7g.large") for zone in ("a", "b")]
TEMPLATE = resource("aws:ec2/launchTemplate:LaunchTemplate", blockDeviceMappings=[{"ebs": {"volumeSize": 50}}])
COLDER = resource(
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "x-archive",
    rules=[{"transitions": [{"days": 730 / 24 * 3, "storageClass": "GLACIER_IR"}]}, {"expiration": {"days": 9}}],
)
INTERFACE = {"vpcEndpointType": "Interface", "subnetIds": ["a", "b", "c"]}

CASES: list[tuple[Resource, list[Resource], dict[str, float]]] = [
    (resource("aws:eks/cluster:Cluster"), [], {"eks.cluster": 730}),
    (
        resource(NODES, instanceTypes=["m7g.large", "m7g.xlarge"], scalingConfig={"desiredSize": 3}),
        [TEMPLATE, resource(TEMPLATE.type, "other", blockDeviceMappings=[{"ebs": {"volumeSize": 9}}])],
        {"ec2.m7g.large": 3 * 730, "ebs.gp3": 150},
    ),
    (
        resource(NODES, instanceTypes=["t4g.large"], scalingConfig={"desiredSize": 1, "minSize": 3}),
        [],
        {"ec2.t4g.large": 3 * 730},
    ),
    (
        resource("aws:ec2/natGateway:NatGateway"),
        [resource("aws:ec2/natGateway:NatGateway", "y")],
        {"nat.hour": 730, "nat.gb": 150},
    ),
    (resource("aws:ec2/eip:Eip"), [], {"ipv4": 730}),
    (resource("aws:ec2/vpcEndpoint:VpcEndpoint", vpcEndpointType="Gateway"), [], {}),
    (
        resource("aws:ec2/vpcEndpoint:VpcEndpoint", serviceName="com.amazonaws.eu-west-1.kms", **INTERFACE),
        [],
        {"endpoint.hour": 3 * 730},
    ),
    (
        resource("aws:ec2/vpcEndpoint:VpcEndpoint", serviceName="com.amazonaws.eu-west-1.sqs", **INTERFACE),
        [],
        {"endpoint.hour": 3 * 730, "endpoint.gb": 4000},
    ),
    (
        resource("aws:lb/loadBalancer:LoadBalancer", internal=False, subnets=["a", "b"]),
        [],
        {"alb.hour": 730, "alb.lcu": 2 * 730, "ipv4": 2 * 730},
    ),
    (resource("aws:lb/loadBalancer:LoadBalancer", internal=True), [], {"alb.hour": 730, "alb.lcu": 2 * 730}),
    (INSTANCES[0], [OPTIMIZED], {"aurora.db.r7g.large": 1.3 * 730, "insights.vcpu": 2 * 730}),
    (resource(INSTANCE, "x-s01-a", instanceClass="db.t4g.medium"), [STANDARD], {"aurora.db.t4g.medium": 730}),
    (OPTIMIZED, [STANDARD], {"aurora.storage-optimized": 400, "aurora.backup": 40}),
    (STANDARD, [], {"aurora.storage": 800, "aurora.io": 60, "aurora.backup": 80}),
    (resource("aws:rds/proxy:Proxy", "x-s00"), [*INSTANCES, resource(INSTANCE, "x-s001-a")], {"proxy.vcpu": 4 * 730}),
    (
        resource("aws:kinesis/stream:Stream", shardCount=4, retentionPeriod=168, shardLevelMetrics=["a", "b"]),
        [],
        {"kinesis.shard": 4 * 730, "kinesis.retention": 4 * 730, "kinesis.put": 100, "cloudwatch.metric": 8},
    ),
    (
        resource("aws:kinesis/stream:Stream", shardCount=1, retentionPeriod=24),
        [],
        {"kinesis.shard": 730, "kinesis.put": 100},
    ),
    (
        resource("aws:kinesis/stream:Stream", streamModeDetails={"streamMode": "ON_DEMAND"}),
        [],
        {"kinesis.on-demand.hour": 730, "kinesis.on-demand.in": 1000, "kinesis.on-demand.out": 4000},
    ),
    (resource("aws:sqs/queue:Queue", fifoQueue=True), [], {"sqs.fifo": 30}),
    (resource("aws:sqs/queue:Queue"), [], {"sqs.standard": 120}),
    (resource("aws:sqs/queue:Queue", redriveAllowPolicy="{}"), [], {}),
    (resource("aws:pipes/pipe:Pipe"), [], {"pipes.request": 100}),
    (resource("aws:cloudwatch/eventBus:EventBus"), [], {"bus.event": 100}),
    (
        resource("aws:cloudwatch/eventArchive:EventArchive", retentionDays=730 / 24 / 2),
        [],
        {"bus.archive": 1000, "bus.archive-storage": 500},
    ),
    (
        resource("aws:cloudwatch/logGroup:LogGroup", component="FlowLogs", retentionInDays=365),
        [],
        {"logs.ingest": 20, "logs.storage": 240},
    ),
    (resource("aws:cloudwatch/logGroup:LogGroup", component="Shard", retentionInDays=365), [], {}),
    (
        resource("aws:cloudwatch/logGroup:LogGroup", "x-programs", component="Cluster", retentionInDays=365),
        [],
        {"logs.ingest": 50, "logs.storage": 600},
    ),
    (
        resource("aws:cloudwatch/logGroup:LogGroup", "x-control-plane", component="Cluster", retentionInDays=365),
        [],
        {"logs.ingest": 100, "logs.storage": 1200},
    ),
    (lines_filter("a", "Class"), [lines_filter("b", "Shard")], {"cloudwatch.metric": 6}),
    (lines_filter("a"), [lines_filter("b")], {"cloudwatch.metric": 1}),
    (lines_filter("b"), [lines_filter("a")], {}),
    (resource("aws:cloudwatch/metricAlarm:MetricAlarm"), [], {"cloudwatch.alarm": 1}),
    (
        resource("aws:cloudwatch/metricAlarm:MetricAlarm", metricQueries=[{"metric": {}}, {"metric": {}}, {"id": "e"}]),
        [],
        {"cloudwatch.alarm": 2},
    ),
    (
        resource(
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            metricQueries=[{"metric": {}}, {"expression": "ANOMALY_DETECTION_BAND(m)"}],
        ),
        [],
        {"cloudwatch.alarm": 3},
    ),
    (resource("aws:cloudwatch/compositeAlarm:CompositeAlarm"), [], {"cloudwatch.composite-alarm": 1}),
    (resource("aws:cloudwatch/dashboard:Dashboard"), [], {"cloudwatch.dashboard": 1}),
    (resource("aws:route53/healthCheck:HealthCheck", type="CALCULATED"), [], {"route53.health-check": 1}),
    (
        resource("aws:route53/healthCheck:HealthCheck", type="HTTPS", requestInterval=10),
        [],
        {"route53.health-check": 1, "route53.health-check-feature": 2},
    ),
    (
        resource("aws:route53/healthCheck:HealthCheck", type="HTTP_STR_MATCH", requestInterval=30, measureLatency=True),
        [],
        {"route53.health-check": 1, "route53.health-check-feature": 2},
    ),
    (resource("aws:kms/key:Key"), [resource("aws:kms/key:Key", "y")], {"kms.key": 1, "kms.request": 5}),
    (
        resource("aws:s3/bucket:Bucket", "x-archive"),
        [COLDER],
        {"s3.storage": 3000, "s3.glacier-ir": 9000},
    ),
    (
        resource("aws:wafv2/webAcl:WebAcl", rules=[{}, {}, {}]),
        [],
        {"waf.acl": 1, "waf.rule": 3, "waf.request": 50},
    ),
    (resource("aws:secretsmanager/secret:Secret"), [], {"secret": 1}),
    (resource("aws:route53/zone:Zone"), [], {"route53.zone": 1}),
]


@pytest.mark.parametrize(("subject", "others", "expected"), CASES, ids=lambda part: getattr(part, "type", None))
def test_a_rule_says_price_and_quantity(subject: Resource, others: list[Resource], expected: dict[str, float]) -> None:
    context = Context(usage=USE, stack=[subject, *others])
    charges = {charge.price: charge.quantity for charge in PRICED[subject.type](subject, context)}
    assert charges == pytest.approx(expected)
    assert set(charges) <= set(catalogue.prices().prices)


def test_every_rule_has_a_case_and_every_price_a_use() -> None:
    assert {subject.type for subject, _, _ in CASES} == set(PRICED)
    charged = {price for _, _, expected in CASES for price in expected}
    types = catalogue.instances()
    by_instance = {f"{of}.{name}" for name in types.nodes.types for of in ("ec2", "eks.auto")}
    by_instance |= {f"aurora.{name}" for name in types.databases.types}
    replication = {"aurora.replicated-write", "transfer.region"}
    assert set(catalogue.prices().prices) == charged | by_instance | replication


def test_every_type_of_a_cell_is_priced_free_or_said_not_to_be_priced() -> None:
    types = EXPECTED_TYPES.read_text().split()
    missing = [t for t in types if t not in {*PRICED, *FREE, *NOT_PRICED} and not t.startswith(tuple(FREE_PREFIXES))]
    assert missing == []
    assert not (set(PRICED) | set(FREE)) & set(NOT_PRICED)
    assert not set(PRICED) & set(FREE)


def test_both_wholly_priced_regions_have_every_price_but_on_demand_streams() -> None:
    prices = catalogue.prices()
    missing = [name for name, p in prices.prices.items() if p.of("eu-west-1") is None or p.of("us-east-1") is None]
    assert {name.rpartition(".")[0] for name in missing} == {"kinesis.on-demand"}


PLACES = {"fra": "eu-central-1", "ore": "us-west-2", "eu": "eu-west-1", "us": "us-east-1"}
"""Word in the name of a quotation -> the region that it is of."""


def test_no_price_of_another_region_is_confirmed_by_a_file_of_this_one() -> None:
    prices, places = catalogue.prices(), PLACES
    for name, price in prices.prices.items():
        for region, entry in price.regions.items():
            words = (entry.seen or "").split("-")
            for word, of in places.items():
                assert word not in words or region == of, f"{name}: {region}: {entry.seen}"


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        (("usd: 0.10,", "usd: 0,"), "greater than 0"),
        (
            ("{usd: 0.10, verified: false}", "{usd: 0.10, verified: true}"),
            "verified is true where seen names the place",
        ),
        (("seen: eks-us}", "seen: eks-uk}"), "seen names eks-uk, which is not there"),
        (("currency: USD", "currency: EUR"), "currency"),
    ],
)
def test_a_price_without_amount_or_evidence_is_refused(tmp_path: Path, change: tuple[str, str], rule: str) -> None:
    path = tmp_path / "prices.yaml"
    path.write_text((DIRECTORY / "prices.yaml").read_text().replace(*change))
    with pytest.raises(catalogue.CatalogueError, match=rule):
        read(path, Prices)


def cell(region: str = "eu-west-1") -> list[Resource]:
    return [
        resource("aws:eks/cluster:Cluster", component="Cluster", region=region),
        resource(NODES, component="Nodes", instanceTypes=["t4g.large"], scalingConfig={"desiredSize": 3, "minSize": 1}),
        resource("aws:route53/zone:Zone", component="Edge"),
        resource("aws:ec2/vpc:Vpc", component="Network"),
        resource("aws:sns/topic:Topic", component="Alarms"),
        resource("aws:new/thing:Thing", component="Alarms"),
        resource("kubernetes:core/v1:Namespace", component="Workloads"),
    ]


def test_a_sum_is_quantity_times_unit_price() -> None:
    found = estimate(cell(), Usage(), "eu-west-1")
    assert found.by_component() == pytest.approx({"Nodes": 3 * 730 * 0.0736, "Cluster": 73.0, "Edge": 0.5})
    assert found.usd == pytest.approx(3 * 730 * 0.0736 + 73.5)
    assert found.verified_usd == pytest.approx(3 * 730 * 0.0736 + 0.5)
    assert found.complete
    assert [row["component"] for row in component_rows(found)] == ["Nodes", "Cluster", "Edge"]
    assert rows(found)[-1]["usd a month"] == f"{found.usd:,.2f}"


def test_what_is_free_or_unknown_is_listed_with_the_reason() -> None:
    found = estimate(cell(), Usage(), "eu-west-1")
    assert found.free == {"aws:ec2/vpc:Vpc": 1, "kubernetes:core/v1:Namespace": 1}
    assert found.not_priced == {
        "aws:new/thing:Thing": "no rule knows this type",
        "aws:sns/topic:Topic": NOT_PRICED["aws:sns/topic:Topic"],
    }


def test_a_region_without_a_price_is_not_priced_and_never_free_of_charge() -> None:
    found = estimate(cell("sa-east-1"), Usage(), "eu-west-1")
    assert not found.complete
    assert found.not_priced["eks.cluster"] == "not priced in sa-east-1 (catalogue/prices.yaml)"
    assert [line.price for line in found.lines if line.unit_usd is None] == ["eks.cluster"]
    assert "not priced" in [row.get("usd") for row in rows(found)]
    report = Report(stack="x", region="eu-west-1", usage=Usage(), estimate=found)
    assert notes(report)[0].startswith("x in eu-west-1: at least USD ")
    assert as_data(report)["complete"] is False


def test_a_list_that_only_the_deployment_knows_is_not_counted_letter_by_letter() -> None:
    endpoint = resource(
        "aws:ec2/vpcEndpoint:VpcEndpoint", serviceName="a.b", vpcEndpointType="Interface", subnetIds="04da6b54-80e4"
    )
    found = estimate([endpoint], Usage(), "eu-west-1")
    assert found.lines == ()
    assert "subnetIds is not known before the deployment" in found.not_priced[endpoint.type]


def test_a_difference_names_the_components_that_change() -> None:
    before = estimate(cell(), Usage(), "eu-west-1")
    larger = resource(NODES, component="Nodes", instanceTypes=["t4g.large"], scalingConfig={"desiredSize": 5})
    without_zone = [r for r in cell() if r.type not in {NODES, "aws:route53/zone:Zone"}]
    after = estimate([*without_zone, larger], Usage(), "eu-west-1")

    change = difference(before, after)

    assert change.by_component == pytest.approx({"Nodes": 2 * 730 * 0.0736, "Edge": -0.5})
    assert change.usd == pytest.approx(2 * 730 * 0.0736 - 0.5)
    assert difference(after, before).usd == pytest.approx(-change.usd)
    assert difference(before, before).by_component == {}
    assert difference(Estimate(lines=(), free={}), before).usd == pytest.approx(before.usd)


def settings(**more: Any) -> CellSettings:
    values = {
        "region": "eu-west-1",
        "environment": "production",
        "account": "account",
        "peakPaymentsPerSecond": 2284,
        "domain": "x.example.com",
    }
    return CellSettings.model_validate({**values, **more})


def test_the_use_of_a_cell_follows_from_its_peak() -> None:
    one, two = (usage_of(derive("x", settings(peakPaymentsPerSecond=peak))) for peak in (1000, 2000))
    assert one.payments == pytest.approx(1000 / 4 * 730 * 3600 / 1e6)
    for name in ("events", "event_gb", "requests", "lcus", "nat_gb", "rows_gb", "backup_gb", "kms_requests"):
        assert getattr(two, name) == pytest.approx(2 * getattr(one, name)), name
    assert (one.ordered, one.unordered) == (2, 2)
    assert "the peak of 1,000 / 4" in one.assumptions[0]


AUTO_CLUSTER = resource("aws:eks/cluster:Cluster", component="Cluster", computeConfig={"enabled": True})


def test_the_nodes_of_auto_mode_are_priced_with_its_fee_and_their_disks() -> None:
    found = {line.price: line for line in estimate([AUTO_CLUSTER], USE, "eu-west-1").items()}
    assert found["ec2.m7g.large"].usd == pytest.approx(3 * 730 * 0.0910)
    assert found["eks.auto.m7g.large"].usd == pytest.approx(3 * 730 * 0.01092)
    assert found["ec2.t4g.large"].usd == pytest.approx(2 * 730 * 0.0736)
    assert found["ebs.gp3"].quantity == 5 * 50
    assert not found["eks.auto.m7g.large"].verified
    standby = estimate([AUTO_CLUSTER], warm(USE), "eu-west-1")
    assert {line.price: line.quantity for line in standby.lines}["ec2.m7g.large"] == 730
    assert estimate([resource("aws:eks/cluster:Cluster")], USE, "eu-west-1").usd == pytest.approx(73)


def test_auto_mode_is_priced_at_the_size_that_its_node_groups_would_have() -> None:
    managed, auto = (derive("x", settings(cluster={"compute": compute})) for compute in ("managed", "auto"))
    assert usage_of(managed).auto_nodes == {}
    groups = auto.node_groups.values()
    assert sum(usage_of(auto).auto_nodes.values()) == sum(group.desired for group in groups) > 0
    assert "Auto Mode runs as many nodes" in usage_of(auto).assumptions[-1]
    pools = AutoNodesArgs(
        cell="x", role_name="r", subnet_ids=[], security_group_id="s", volume_key_arn="k", pools=workloads.pools(auto)
    )
    assert pools.disk_gib == AUTO_MODE_DISK_GIB


def test_a_short_retention_makes_the_archive_small() -> None:
    short = usage_of(derive("x", settings(retention={"archiveDays": 73})))
    long = usage_of(derive("x", settings()))
    assert short.archive_months == pytest.approx(2.4)
    assert long.archive_months == 12


def test_a_standby_has_fewer_nodes_one_instance_a_shard_and_no_zone() -> None:
    resources = [*cell(), OPTIMIZED, *INSTANCES]
    standby = warm_resources(resources, "us-east-1")
    kinds = [r.type for r in standby]
    assert "aws:route53/zone:Zone" not in kinds
    assert kinds.count(INSTANCE) == 1
    (nodes,) = [r for r in standby if r.type == NODES]
    assert nodes.inputs["scalingConfig"]["desiredSize"] == 1
    assert {r.region("nowhere") for r in standby} == {"us-east-1"}
    assert [r.type for r in resources].count(INSTANCE) == 2


def test_a_replica_costs_its_standby_and_what_crosses_regions() -> None:
    resources = [*cell(), OPTIMIZED, *INSTANCES]
    standing = replica_estimate(resources, USE, "eu-west-1", "us-east-1")
    found = standing.estimate
    assert standing.borrowed == ()
    standby = estimate(warm_resources(resources, "us-east-1"), warm(USE), "us-east-1")
    assert found.by_component()["Replication"] == pytest.approx(60 * 0.22 + 1040 * 0.02)
    assert found.usd == pytest.approx(standby.usd + 60 * 0.22 + 1040 * 0.02)
    assert not [line for line in found.lines if line.price in {"bus.event", "waf.request", "aurora.io"}]


def test_a_replica_borrows_what_its_region_lacks_and_says_so() -> None:
    standing = replica_estimate([*cell(), OPTIMIZED, *INSTANCES], USE, "eu-west-1", "eu-central-1")
    assert {"aurora.db.r7g.large", "aurora.storage-optimized"} <= set(standing.borrowed)
    assert not {"eks.cluster", "ec2.t4g.large"} & set(standing.borrowed)
    lines = {line.price: line for line in standing.estimate.lines}
    instance, nodes = lines["aurora.db.r7g.large"], lines["ec2.t4g.large"]
    assert (instance.region, instance.unit_usd, instance.verified) == ("eu-west-1", 0.305, False)
    assert (nodes.region, nodes.unit_usd) == ("eu-central-1", 0.0768)
    assert standing.estimate.complete
    assert not set(standing.borrowed) & set(standing.estimate.not_priced)
    report = Report(
        stack="x",
        region="eu-west-1",
        usage=USE,
        estimate=estimate(cell(), USE, "eu-west-1"),
        replica=Replica(
            recovery_region="eu-central-1",
            home="eu-west-1",
            borrowed=standing.borrowed,
            estimate=standing.estimate,
        ),
    )
    assert any("at the prices of eu-west-1, for want of eu-central-1's: " in line for line in notes(report))
    assert as_data(report)["replica"]["borrowed"] == list(standing.borrowed)


def test_data_for_programs_has_each_line_with_its_source() -> None:
    report = Report(stack="x", region="eu-west-1", usage=USE, estimate=estimate(cell(), USE, "eu-west-1"))
    data = as_data(report)
    assert math.isclose(sum(line["usd"] for line in data["lines"]), data["usd"], abs_tol=0.01)
    assert all(line["source"].startswith("https://") and line["formula"] for line in data["lines"])
    assert {entry["why"] for entry in data["free"]} >= {"runs on the nodes, which are charged with the cell"}
    assert "replica" not in data
