"""What joins a cell and its replica, on the engine: it comes up, stays, carries data from one region to the other, and
goes. The cells are what it needs of them: a load balancer, an archive, tables and keys."""

import re
from typing import Any

import pulumi
import pytest
from inline_stack import stack
from pulumi_aws import dynamodb, ec2, kms, lb, route53, sns

from components.buckets import ObjectLock, PrivateBucket, PrivateBucketArgs
from components.cell_pair import CellPair, CellPairArgs
from components.certificate import Certificate, CertificateArgs
from components.pair_alarms import PairAlarmsArgs, Watcher
from components.pair_buckets import ARCHIVE, MODELS, BucketReplicationArgs, BucketSide
from components.pair_epoch import EpochStoreArgs
from components.pair_name import ClientNameArgs, Target
from components.pair_recovery import RecoveryRoleArgs
from components.pair_tables import ReplicatedTable, TableReplicasArgs
from components.vocabulary import DataClass
from conftest import PRODUCTION_ACCOUNT, Sandbox
from contracts.epoch import Writer, epoch_table, put

pytestmark = pytest.mark.engine

HOME, AWAY, WITNESS = "eu-west-1", "eu-central-1", "eu-west-3"
CELLS = {"home": HOME, "away": AWAY}
NAME = "pay.example.com"


class Cell:
    """What a pair needs of one."""

    def __init__(self, cell: str, region: str, zone: route53.Zone) -> None:
        self.cell, self.region = cell, region
        self.key = kms.Key(cell, region=region, deletion_window_in_days=7)
        self.archive = self._store("archive", ObjectLock(mode="GOVERNANCE", days=1))
        self.models = self._store("models", None)
        self.balancer, self.listener = self._edge(zone)

    def _store(self, name: str, lock: ObjectLock | None) -> PrivateBucket:
        return PrivateBucket(
            f"{self.cell}-{name}",
            PrivateBucketArgs(
                region=self.region,
                data_class=DataClass.PAYMENTS,
                jurisdiction="eu",
                retention_days=30,
                key_arn=self.key.arn,
                lock=lock,
                protected=False,
                disposable=True,
            ),
        )

    def _edge(self, zone: route53.Zone) -> tuple[lb.LoadBalancer, lb.Listener]:
        vpc = ec2.Vpc(self.cell, region=self.region, cidr_block="10.0.0.0/16")
        gateway = ec2.InternetGateway(self.cell, region=self.region, vpc_id=vpc.id)
        subnets = [
            ec2.Subnet(
                f"{self.cell}-{letter}",
                region=self.region,
                vpc_id=vpc.id,
                cidr_block=f"10.0.{index}.0/24",
                availability_zone=f"{self.region}{letter}",
            )
            for index, letter in enumerate("ab")
        ]
        balancer = lb.LoadBalancer(
            self.cell,
            region=self.region,
            load_balancer_type="application",
            subnets=[subnet.id for subnet in subnets],
            opts=pulumi.ResourceOptions(depends_on=[gateway]),
        )
        own = CertificateArgs(region=self.region, domain_name=f"{self.cell}.example.com", zone_id=zone.zone_id)
        listener = lb.Listener(
            self.cell,
            region=self.region,
            load_balancer_arn=balancer.arn,
            port=443,
            protocol="HTTPS",
            ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
            certificate_arn=Certificate(self.cell, own).arn,
            default_actions=[
                {"type": "fixed-response", "fixed_response": {"content_type": "text/plain", "status_code": "503"}}
            ],
        )
        return balancer, listener

    def side(self, store: PrivateBucket) -> BucketSide:
        return BucketSide(region=self.region, bucket=store.bucket, key_arn=self.key.arn)

    def target(self) -> Target:
        return Target(
            region=self.region,
            domain_name=f"{self.cell}.example.com",
            listener_arn=self.listener.arn,
            load_balancer_dns_name=self.balancer.dns_name,
            load_balancer_zone_id=self.balancer.zone_id,
        )

    def watcher(self) -> Watcher:
        topic = sns.Topic(self.cell, region=self.region)
        return Watcher(
            region=self.region,
            clusters={"s00": f"{self.cell}-s00"},
            page_topic_arn=topic.arn,
            ticket_topic_arn=topic.arn,
        )


def features(key: kms.Key) -> dynamodb.Table:
    return dynamodb.Table(
        "features",
        name="features",
        region=HOME,
        billing_mode="PAY_PER_REQUEST",
        hash_key="entity",
        attributes=[{"name": "entity", "type": "S"}],
        server_side_encryption={"enabled": True, "kms_key_arn": key.arn},
        stream_enabled=True,
        stream_view_type="NEW_AND_OLD_IMAGES",
        opts=pulumi.ResourceOptions(ignore_changes=["replicas"]),
    )


def program(*, protected: bool) -> None:
    zone = route53.Zone("example", name="example.com", force_destroy=True)
    home, away = (Cell(cell, region, zone) for cell, region in CELLS.items())
    table = ReplicatedTable(arn=features(home.key).arn, key_arn=away.key.arn)
    pair = CellPair(
        "home-pair",
        CellPairArgs(
            epoch=EpochStoreArgs(
                region=HOME,
                replica_region=AWAY,
                witness_region=WITNESS,
                jurisdiction="eu",
                table=epoch_table("home"),
                protected=protected,
            ),
            tables=TableReplicasArgs(
                replica_region=AWAY, jurisdiction="eu", tables={"features": table}, protected=protected
            ),
            archive=BucketReplicationArgs(
                account_id=PRODUCTION_ACCOUNT,
                rule=ARCHIVE,
                primary=home.side(home.archive),
                replica=away.side(away.archive),
            ),
            models=BucketReplicationArgs(
                account_id=PRODUCTION_ACCOUNT,
                rule=MODELS,
                primary=home.side(home.models),
                replica=away.side(away.models),
            ),
            name=ClientNameArgs(
                domain_name=NAME, targets={one.cell: one.target() for one in (home, away)}, protected=False
            ),
            alarms=PairAlarmsArgs(
                rpo_s=30,
                watchers={one.cell: one.watcher() for one in (home, away)},
                archives=[home.archive.bucket, away.archive.bucket],
            ),
            recovery=RecoveryRoleArgs(account_id=PRODUCTION_ACCOUNT, cells=CELLS, epoch_table=epoch_table("home")),
        ),
    )
    pulumi.export("archives", {one.region: one.archive.bucket for one in (home, away)})
    pulumi.export("models", {one.region: one.models.bucket for one in (home, away)})
    pulumi.export("listeners", {one.region: one.listener.arn for one in (home, away)})
    pulumi.export("zone", pair.name_servers)


def test_a_pair_comes_up_stays_carries_data_and_goes(sandbox: Sandbox) -> None:
    with stack(sandbox, lambda: program(protected=True)) as made:
        made.up()
        # The table learns of its replica, which is another resource.
        assert changed(made.refresh_text()) == ["aws:dynamodb/table:Table"]
        made.assert_stable()
        outputs = made.outputs()
        the_record_is_strongly_consistent(sandbox)
        items_arrive(sandbox)
        objects_arrive_both_ways(sandbox, outputs["archives"], lock="GOVERNANCE")
        objects_arrive_both_ways(sandbox, outputs["models"], lock=None)
        both_load_balancers_prove_the_name(sandbox, outputs["listeners"])
        the_name_is_a_failover_between_health_checks(sandbox)
        made.use(lambda: program(protected=False))
        made.up()
    assert sandbox.client("dynamodb", AWAY).list_tables()["TableNames"] == []


def changed(text: str) -> list[str]:
    """Types of what an operation changed."""
    return re.findall(r"~ (aws:\S+): ", text)


def the_record_is_strongly_consistent(sandbox: Sandbox) -> None:
    table, before = epoch_table("home"), Writer(epoch=0, cell="home")
    request = put(before, Writer(epoch=1, cell="home"))
    sandbox.client("dynamodb", HOME).put_item(TableName=table, **request)
    away = sandbox.client("dynamodb", AWAY)
    found = away.get_item(TableName=table, Key={"id": {"S": "writer"}}, ConsistentRead=True)["Item"]
    assert found["epoch"] == {"N": "1"}
    description = away.describe_table(TableName=table)["Table"]
    assert description["GlobalTableWitnesses"] == [{"RegionName": WITNESS, "WitnessStatus": "ACTIVE"}]
    assert description["DeletionProtectionEnabled"]


def items_arrive(sandbox: Sandbox) -> None:
    item = {"entity": {"S": "card"}}
    sandbox.client("dynamodb", HOME).put_item(TableName="features", Item=item)
    away = sandbox.client("dynamodb", AWAY)
    assert any(away.get_item(TableName="features", Key=item).get("Item") == item for _ in range(1000))


def objects_arrive_both_ways(sandbox: Sandbox, buckets: dict[str, str], lock: str | None) -> None:
    for source, target in ((HOME, AWAY), (AWAY, HOME)):
        key = f"events/{source}"
        sandbox.client("s3", source).put_object(Bucket=buckets[source], Key=key, Body=b"event")
        there = sandbox.client("s3", target)
        waiter = there.get_waiter("object_exists")
        waiter.wait(Bucket=buckets[target], Key=key, WaiterConfig={"Delay": 0.1, "MaxAttempts": 100})
        found = there.head_object(Bucket=buckets[target], Key=key)
        assert found["ReplicationStatus"] == "REPLICA"
        assert f":{target}:" in found["SSEKMSKeyId"]
        assert found.get("ObjectLockMode") == lock


def both_load_balancers_prove_the_name(sandbox: Sandbox, listeners: dict[str, str]) -> None:
    for region, listener in listeners.items():
        found = sandbox.client("elbv2", region).describe_listener_certificates(ListenerArn=listener)["Certificates"]
        further = [one["CertificateArn"] for one in found if not one["IsDefault"]]
        acm = sandbox.client("acm", region)
        assert [acm.describe_certificate(CertificateArn=arn)["Certificate"]["DomainName"] for arn in further] == [NAME]


def the_name_is_a_failover_between_health_checks(sandbox: Sandbox) -> None:
    route = sandbox.client("route53")
    zones = {zone["Name"]: zone["Id"] for zone in route.list_hosted_zones()["HostedZones"]}
    records: list[dict[str, Any]] = route.list_resource_record_sets(HostedZoneId=zones[f"{NAME}."])[
        "ResourceRecordSets"
    ]
    chosen = {one["SetIdentifier"]: one for one in records if one["Type"] == "A"}
    assert {cell: one["Failover"] for cell, one in chosen.items()} == {"home": "PRIMARY", "away": "SECONDARY"}
    for cell, one in chosen.items():
        config = route.get_health_check(HealthCheckId=one["HealthCheckId"])["HealthCheck"]["HealthCheckConfig"]
        assert (config["FullyQualifiedDomainName"], config["ResourcePath"]) == (f"{cell}.example.com", "/writer")
        assert one["AliasTarget"]["EvaluateTargetHealth"] is True
