"""A whole cell: what its parts agree on, and what waits for what."""

import json
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import IPv4Network

import pytest
from answers import answers
from mocks import Registered, assert_children_of_components, assert_regional, is_unknown, run

from components.addresses import address_plan
from components.alarm_topic import AlarmTopicArgs
from components.backups import BackupRetention, VaultLock
from components.buckets import ObjectLock
from components.cluster import ADD_ONS
from components.data_events import DataEventsArgs
from components.event_log import ConsumerArgs
from components.nodes import NodeGroupArgs
from components.payment_cell import PaymentCell, PaymentCellArgs
from components.runner import RunnerSetup
from components.sharded_database import DatabaseShard
from components.vocabulary import DataClass, TagKey
from contracts.shard_plan import first_map
from sandbox.aws.iam.evaluator import Call, Decision, decide

ZONES = ("euw1-az1", "euw1-az2", "euw1-az3")
PLAN = address_plan(IPv4Network("10.4.0.0/16"), ZONES)
ARGS = PaymentCellArgs(
    region="eu-west-1",
    account_id="123456789012",
    jurisdiction="eu",
    domain_name="eu-west-1.pay.example.com",
    cidr=PLAN.vpc_cidr,
    subnets=PLAN.subnets,
    zone_ids=ZONES,
    kubernetes_version="1.36",
    add_on_versions=dict.fromkeys(ADD_ONS, "v1.0.0-eksbuild.1"),
    node_groups={
        "system": NodeGroupArgs(instance_types=["m7g.large"], min_size=2, desired_size=2, max_size=4),
    },
    administrators={"deploy": "arn:aws:iam::123456789012:role/deploy"},
    engine_version="17.5",
    ca_certificate="rds-ca-rsa2048-g1",
    shards=[DatabaseShard(id=f"s0{n}", instance_class="db.r7g.large", readers=1) for n in range(2)],
    shard_map=first_map(2),
    consumers=[ConsumerArgs(name="ledger", ordered=True), ConsumerArgs(name="tax", ordered=False)],
    archive_lock=ObjectLock(mode="COMPLIANCE", days=365),
    archive_retention_days=365,
    backup_retention=BackupRetention(daily_days=35, weekly_days=90, monthly_days=365),
    vault_lock=VaultLock(cooling_off_days=14),
    stream_shards=4,
    stream_retention_h=168,
    replay_days=30,
    access_log_bucket="logs",
    data_event_bucket="data-events",
    audit_key_arn="arn:aws:kms:eu-west-1:123456789012:key/audit",
    tls_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
    edge_rate_limit=10_000,
    recovery_region="eu-central-1",
)
DEVELOPMENT = replace(
    ARGS,
    protected=False,
    disposable=True,
    frugal=True,
    recovery_region=None,
    archive_lock=ObjectLock(mode="GOVERNANCE", days=1),
    vault_lock=VaultLock(),
)
OUTPUTS = {
    "accountId", "alarmTopicArn", "apiKeysSecretArn", "archiveBucket", "backupVaultArn", "busArn", "busName",
    "clusterArn", "clusterCertificateAuthority", "clusterEndpoint", "clusterName", "clusterSecurityGroupId",
    "deadLetterUrls", "decisionStream", "domainName", "egressAddresses", "featureTable", "healthCheckId", "imageUrls",
    "jurisdiction", "keyArns", "listenerArn", "loadBalancerDnsName", "loadBalancerZoneId",
    "modelBucket", "nameServers", "nodeRoleName", "nodeSubnetIds",
    "pseudonymSecretArn", "queueUrls", "region", "shardMap", "shardMapParameter", "shards", "streamArn", "streamName",
    "subjectKeysTable", "targetGroupArn", "ticketTopicArn", "unconfirmedAlarmSubscribers", "vpcId",
}  # fmt: skip
STATEFUL = (
    "aws:rds/cluster:Cluster",
    "aws:rds/clusterInstance:ClusterInstance",
    "aws:kinesis/stream:Stream",
    "aws:dynamodb/table:Table",
    "aws:s3/bucket:Bucket",
    "aws:kms/key:Key",
    "aws:secretsmanager/secret:Secret",
    "aws:cloudwatch/eventArchive:EventArchive",
)
DURABLE = (
    *STATEFUL[:2],
    "aws:rds/globalCluster:GlobalCluster",
    "aws:kinesis/stream:Stream",
    "aws:dynamodb/table:Table",
    "aws:s3/bucket:Bucket",
    "aws:sqs/queue:Queue",
    "aws:secretsmanager/secret:Secret",
    "aws:cloudwatch/eventBus:EventBus",
)


def made(args: PaymentCellArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: PaymentCell("test", args), preview=preview, outputs=answers)


@pytest.fixture(scope="module")
def cell() -> Registered:
    return made()


@pytest.fixture(scope="module")
def development() -> Registered:
    return made(DEVELOPMENT)


def test_everything_is_in_the_cells_region(cell: Registered) -> None:
    assert_regional(cell, "eu-west-1")


def test_no_child_is_an_orphan(cell: Registered) -> None:
    assert_children_of_components(cell)


def test_a_preview_with_unknowns_registers_the_same_resources(cell: Registered) -> None:
    preview = made(preview=True)
    assert sorted(r.urn for r in preview) == sorted(r.urn for r in cell)
    cluster = preview.one("aws:rds/cluster:Cluster", "test-s00")
    assert is_unknown(cluster.inputs["kmsKeyId"])


def test_outputs_name_what_other_stacks_read(cell: Registered) -> None:
    outputs = cell.one("payment-cell:components:PaymentCell").outputs
    assert set(outputs) == OUTPUTS
    assert set(outputs["shards"]) == {"s00", "s01"}
    assert set(outputs["egressAddresses"]) == set(ZONES)


def test_data_events_of_every_store_with_personal_data_are_recorded(cell: Registered) -> None:
    trail = cell.one("aws:cloudtrail/trail:Trail").inputs
    recorded = {
        (field["field"], value)
        for selector in trail["advancedEventSelectors"]
        for field in selector["fieldSelectors"]
        for operator in ("equals", "startsWiths")
        for value in field.get(operator, ())
    }
    stores = {"aws:s3/bucket:Bucket": "/", "aws:dynamodb/table:Table": ""}
    personal = {
        ("resources.ARN", f"{store.state['arn']}{end}")
        for type_, end in stores.items()
        for store in cell.of(type_).values()
        if store.inputs["tags"]["payment-cell:data-class"] in ("personal", "payments")
    }
    assert len(personal) == 3
    assert recorded == personal | {
        ("eventCategory", "Data"),
        ("resources.type", "AWS::S3::Object"),
        ("resources.type", "AWS::DynamoDB::Table"),
    }


def test_the_trail_of_data_events_stays_in_the_region_and_out_of_the_cells_reach(cell: Registered) -> None:
    trail = cell.one("aws:cloudtrail/trail:Trail")
    assert trail.protect
    assert trail.inputs["isMultiRegionTrail"] is False
    assert trail.inputs["enableLogFileValidation"] is True
    assert trail.inputs["enableLogging"] is True
    assert (trail.inputs["s3BucketName"], trail.inputs["kmsKeyId"]) == (ARGS.data_event_bucket, ARGS.audit_key_arn)


@pytest.mark.parametrize(
    ("tables", "says"), [((), "neither buckets nor tables"), (("arn",) * 497, "takes 500 a trail")]
)
def test_a_trail_of_nothing_or_of_too_much_is_refused(tables: Sequence[str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        DataEventsArgs(region="eu-west-1", jurisdiction="eu", bucket="b", key_arn="k", tables=tables)


def test_production_protects_what_holds_data(cell: Registered) -> None:
    for resource in cell:
        if resource.type in STATEFUL:
            assert resource.protect, f"{resource.type} {resource.name}"


def test_development_leaves_nothing_behind(development: Registered) -> None:
    protected = [f"{r.type} {r.name}" for r in development if r.protect or r.retain]
    assert protected == []
    assert all(r.inputs["forceDestroy"] for r in development.of("aws:s3/bucket:Bucket").values())


def test_durable_stores_say_what_they_hold_and_where_it_belongs(cell: Registered) -> None:
    for resource in cell:
        if resource.type in DURABLE:
            tags = resource.inputs["tags"]
            assert tags[TagKey.JURISDICTION] == "eu", f"{resource.type} {resource.name}"
            assert tags[TagKey.DATA_CLASS] in set(DataClass), f"{resource.type} {resource.name}"


def test_database_cluster_and_stream_start_in_parallel(cell: Registered) -> None:
    eks, database = "aws:eks/cluster:Cluster test", "aws:rds/cluster:Cluster test-s00"
    assert eks not in cell.waits_for(cell.one("aws:rds/clusterInstance:ClusterInstance", "test-s00-euw1-az1"))
    assert eks not in cell.waits_for(cell.one("aws:lb/loadBalancer:LoadBalancer"))
    assert eks not in cell.waits_for(cell.one("aws:pipes/pipe:Pipe", "test-ledger"))
    assert database not in cell.waits_for(cell.one("aws:eks/nodeGroup:NodeGroup"))
    assert database not in cell.waits_for(cell.one("aws:rds/proxy:Proxy", "test-s00"))


def test_each_store_is_encrypted_with_the_key_of_its_use(cell: Registered) -> None:
    def key(use: str) -> str:
        return f"arn:aws:kms:eu-west-1:123456789012:test-{use}"

    assert cell.one("aws:rds/cluster:Cluster", "test-s00").inputs["kmsKeyId"] == key("payments")
    assert cell.one("aws:secretsmanager/secret:Secret", "test-s00-master").inputs["kmsKeyId"] == key("secrets")
    assert cell.one("aws:kinesis/stream:Stream", "test").inputs["kmsKeyId"] == key("events")
    assert cell.one("aws:kinesis/stream:Stream", "test-fraud").inputs["kmsKeyId"] == key("fraud")
    tables = cell.of("aws:dynamodb/table:Table").values()
    used = {table.inputs["serverSideEncryption"]["kmsKeyArn"] for table in tables}
    assert used == {key("subjects"), key("fraud")}
    topics = cell.of("aws:sns/topic:Topic")
    assert {topic.inputs["kmsMasterKeyId"] for topic in topics.values()} == {key("events")}
    groups = cell.of("aws:cloudwatch/logGroup:LogGroup")
    assert {group.inputs["kmsKeyId"] for group in groups.values()} == {key("logs")}


def test_workloads_reach_database_and_gateway_through_the_clusters_group(cell: Registered) -> None:
    rules = cell.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert rules["test-proxy-from-workload"].inputs["referencedSecurityGroupId"] == "sg-test"
    assert rules["test-gateway-from-edge"].inputs["securityGroupId"] == "sg-test"


def test_the_world_reaches_the_load_balancer_only(cell: Registered) -> None:
    rules = cell.of("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule").values()
    assert {r.name for r in rules if r.inputs.get("cidrIpv4") == "0.0.0.0/0"} == {"test-edge-443", "test-edge-80"}


def test_the_alarm_topic_lets_this_accounts_alarms_and_rules_in_and_nothing_else() -> None:
    cell = made(replace(ARGS, alarm_subscribers={"oncall@example.com": "email"}))
    policies = cell.of("aws:sns/topicPolicy:TopicPolicy")
    assert set(policies) == {"test-alarms", "test-tickets"}
    for policy in policies.values():
        alarms = policy.statement("AlarmsOfThisAccount")
        assert alarms["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
        assert alarms["Condition"] == {
            "StringEquals": {"aws:SourceAccount": "123456789012"},
            "ArnLike": {"aws:SourceArn": "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:*"},
        }
        assert policy.statement("DenyInsecureTransport")["Effect"] == "Deny"
        rules = policy.statement("RulesOfThisAccount")
        assert rules["Principal"] == {"Service": "events.amazonaws.com"}
        assert rules["Condition"] == {"ArnLike": {"aws:SourceArn": "arn:aws:events:eu-west-1:123456789012:rule/*"}}
        assert len(policy.document()["Statement"]) == 3
    subscriptions = cell.of("aws:sns/topicSubscription:TopicSubscription").values()
    assert [(s.inputs["protocol"], s.inputs["endpoint"]) for s in subscriptions] == [
        ("email", "oncall@example.com")
    ] * 2


def test_a_runner_gets_the_state_through_the_s3_endpoint() -> None:
    setup = RunnerSetup(
        image=f"123456789012.dkr.ecr.eu-west-1.amazonaws.com/payment-cell@sha256:{'0a' * 32}",
        state_bucket="state",
        state_key_arns=["arn:aws:kms:eu-west-1:123456789012:key/1"],
    )
    cell = made(replace(ARGS, runner=setup))
    spec = cell.one("aws:codebuild/project:Project").inputs["source"]["buildspec"]
    assert "organization/payment-cell/test-workloads" in spec
    own = cell.one("aws:ec2/vpcEndpoint:VpcEndpoint", "test-s3").statement("OwnResources")["Resource"]
    assert {"arn:aws:s3:::state", "arn:aws:s3:::state/*"} <= set(own)
    assert made().of("aws:codebuild/project:Project") == {}


def test_subscribers_that_sns_does_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match="'pager' is not one of email, https, sms, sqs"):
        AlarmTopicArgs(region="eu-west-1", jurisdiction="eu", account_id="1", key_arn="k", subscribers={"x": "pager"})


def test_zones_without_data_subnet_are_refused() -> None:
    with pytest.raises(ValueError, match=r"cell\.zone_ids: euw1-az9 has no data subnet"):
        replace(ARGS, zone_ids=("euw1-az9",))


def test_a_disarmed_cell_can_be_destroyed_and_still_keeps_what_compliance_keeps() -> None:
    disarmed = made(replace(ARGS, protected=False))
    assert [r.name for r in disarmed if r.protect] == []
    kept = {r.name for r in disarmed if r.retain}
    assert {"test-archive", "test-payments", "test-evidence"} <= kept
    cluster = next(r for r in disarmed if r.type == "aws:rds/cluster:Cluster")
    assert cluster.inputs["deletionProtection"] is False
    assert cluster.inputs["skipFinalSnapshot"] is False


def test_the_load_balancer_waits_for_the_way_to_the_internet(cell: Registered) -> None:
    waits = cell.waits_for(cell.one("aws:lb/loadBalancer:LoadBalancer"))
    assert {"aws:ec2/internetGateway:InternetGateway test", "aws:ec2/route:Route test-public"} <= waits


def test_another_account_decrypts_only_what_it_copies() -> None:
    copies = "arn:aws:backup:eu-central-1:210987654321:backup-vault:copies"
    cell = made(replace(ARGS, backup_copy_vault_arn=copies))
    open_to = {
        name.removeprefix("test-")
        for name, key in cell.of("aws:kms/key:Key").items()
        if any(row["Sid"] == "CopyToOtherAccount" for row in key.document()["Statement"])
    }
    assert open_to == {"backup", "payments"}
    allowed = cell.one("aws:kms/key:Key", "test-payments").statement("CopyToOtherAccount")
    assert allowed["Principal"] == {"AWS": "arn:aws:iam::210987654321:root"}
    grants = cell.one("aws:kms/key:Key", "test-payments").statement("GrantToOtherAccount")
    assert grants["Condition"] == {"Bool": {"kms:GrantIsForAWSResource": "true"}}

    def may(action: str, account: str) -> set[str]:
        role = f"arn:aws:iam::{account}:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup"
        context = {"kms:CallerAccount": account, "kms:GrantIsForAWSResource": "true", "aws:PrincipalArn": role}
        call = Call(action=action, principal=role, context=context)
        keys = cell.of("aws:kms/key:Key").items()
        return {name for name, key in keys if decide(key.document(), call) is Decision.ALLOWED}

    for action in ("kms:Decrypt", "kms:CreateGrant"):
        assert may(action, "210987654321") == {"test-backup", "test-payments"}
        assert may(action, "999999999999") == set()


def test_each_program_has_a_role_of_its_own_bound_to_its_service_account(cell: Registered) -> None:
    bound = cell.of("aws:eks/podIdentityAssociation:PodIdentityAssociation").values()
    assert {(one.inputs["namespace"], one.inputs["serviceAccount"]) for one in bound} >= {
        ("payments", "payments"), ("payments", "settler"), ("payments", "migrator"), ("payments", "relay"),
        ("payments", "archiver"), ("consumers", "ledger"), ("fraud", "scorer"),
    }  # fmt: skip
    assert len({one.inputs["roleArn"] for one in bound}) == len(bound)


def test_no_program_may_do_anything_to_everything(cell: Registered) -> None:
    programs = {f"test-{name}" for name in ("payments", "settler", "migrator", "relay", "archiver", "ledger", "scorer")}
    policies = {name: one for name, one in cell.of("aws:iam/rolePolicy:RolePolicy").items() if name in programs}
    assert set(policies) == programs
    for name, one in policies.items():
        for statement in json.loads(one.inputs["policy"])["Statement"]:
            actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
            assert not any(action.endswith("*") for action in actions), f"{name}: {actions}"
            assert statement["Resource"] != "*", f"{name}: {statement['Sid']}"
