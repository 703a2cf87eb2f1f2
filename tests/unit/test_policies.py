"""Each control: what passes and fails, a property absent or unknown, and what is not its business."""

import importlib
import re
from pathlib import Path

import pulumi_aws
import pulumi_kubernetes
import pytest

from policies.catalogue import control as find_control
from policies.catalogue import controls
from policies.control import Control, Framework, Severity, Status, answers
from policies.resources import ROOT, Resource, Stack, region_of_arn
from policies.stores import STORES
from policies.testing import UNKNOWN, resource, verdicts

SDK = Path(pulumi_aws.__file__).parent
PERSONAL = {"payment-cell:data-class": "personal", "payment-cell:jurisdiction": "eu"}
KEY, BUCKET, TABLE = "aws:kms/key:Key", "aws:s3/bucket:Bucket", "aws:dynamodb/table:Table"
CLUSTER, GLOBAL = "aws:rds/cluster:Cluster", "aws:rds/globalCluster:GlobalCluster"
QUEUE, STREAM, PARAMETER = "aws:sqs/queue:Queue", "aws:kinesis/stream:Stream", "aws:ssm/parameter:Parameter"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"
RULE, GROUP = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:ec2/securityGroup:SecurityGroup"
BALANCER, LISTENER = "aws:lb/loadBalancer:LoadBalancer", "aws:lb/listener:Listener"
EKS, TRAIL = "aws:eks/cluster:Cluster", "aws:cloudtrail/trail:Trail"


def status(control_id: str, subject: Resource, *others: Resource, clause: str | None = None) -> Status:
    found = {
        name: verdict
        for (owner, name), verdict in verdicts(control_id, subject, *others).items()
        if owner == subject.name
    }
    if clause:
        return found[clause]
    (only,) = found.values()
    return only


@pytest.mark.parametrize("missing", ["title", "clauses", "maps_to", "risk", "remediation"])
def test_a_control_without_one_of_its_parts_is_refused(missing: str) -> None:
    whole = {
        name: getattr(controls()[0], name)
        for name in ("id", "title", "severity", "clauses", "maps_to", "risk", "remediation")
    }
    with pytest.raises(ValueError, match=missing):
        Control(**{**whole, missing: ()})


def test_every_control_claims_a_criterion_of_a_pack() -> None:
    for control in controls():
        assert control.mapped(Framework.GDPR) or control.mapped(Framework.SOC2), control.id
        assert control.severity in Severity


def test_every_resource_type_that_a_control_names_is_one_of_the_sdk() -> None:
    known = set()
    for path in SDK.glob("*/*.py"):
        known.update(re.findall(r'type_token\("(aws:[^"]+)"\)', path.read_text()))
        known.update(re.findall(r"'(aws:\w+/\w+:\w+)'", path.read_text()))
    for path in Path(pulumi_kubernetes.__file__).parent.glob("*/*/*.py"):
        known.update(re.findall(r"'(kubernetes:[^']+:\w+)'", path.read_text()))
    for control in controls():
        for clause in control.clauses:
            assert clause.resource_types <= known | {ROOT}, control.id


@pytest.mark.parametrize("type_", sorted(STORES))
def test_the_key_property_of_every_store_is_an_argument_of_the_sdk(type_: str) -> None:
    module, class_ = type_.split("/")[0].removeprefix("aws:"), type_.rpartition(":")[2]
    arguments = getattr(importlib.import_module(f"pulumi_aws.{module}"), f"{class_}Args").__init__.__annotations__
    entry = STORES[type_]
    paths = [entry.key, *(pair[0] for pair in (entry.switch, entry.only_if) if pair)]
    for path in filter(None, paths):
        assert re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", path.partition(".")[0]).lower() in arguments, path


# KEY


def test_key_01_wants_a_customer_managed_key_from_class_confidential() -> None:
    key = resource(KEY, "key")
    assert status("KEY-01", resource(QUEUE, "q", kmsMasterKeyId="arn:aws:kms:eu-west-1:1:key/a")) is Status.PASS
    assert status("KEY-01", resource(QUEUE, "q", {"kmsMasterKeyId": [key]}, kmsMasterKeyId=UNKNOWN), key) is Status.PASS
    assert status("KEY-01", resource(QUEUE, "q", kmsMasterKeyId=UNKNOWN)) is Status.UNDETERMINED
    assert status("KEY-01", resource(QUEUE, "q", kmsMasterKeyId="alias/aws/sqs")) is Status.FAIL
    assert status("KEY-01", resource(QUEUE, "q", kmsMasterKeyId="alias/mine")) is Status.UNDETERMINED
    assert status("KEY-01", resource(QUEUE, "q")) is Status.FAIL
    assert status("KEY-01", resource(QUEUE, "q", tags={"payment-cell:data-class": "internal"})) is Status.NOT_APPLICABLE


def test_key_01_reads_the_switch_that_turns_encryption_on() -> None:
    arn = "arn:aws:kms:eu-west-1:1:key/a"
    assert status("KEY-01", resource(STREAM, "s", kmsKeyId=arn, encryptionType="NONE")) is Status.FAIL
    assert status("KEY-01", resource(STREAM, "s", kmsKeyId=arn, encryptionType="KMS")) is Status.PASS
    assert status("KEY-01", resource(CLUSTER, "c", kmsKeyId=arn, storageEncrypted=UNKNOWN)) is Status.UNDETERMINED
    assert status("KEY-01", resource(PARAMETER, "p", type="String")) is Status.NOT_APPLICABLE
    assert status("KEY-01", resource(PARAMETER, "p", type="SecureString")) is Status.FAIL


def test_key_01_finds_a_buckets_key_in_its_encryption_resource() -> None:
    bucket, key = resource(BUCKET, "b", tags=PERSONAL), resource(KEY, "k")

    def encryption(algorithm: str, **default: object) -> Resource:
        rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm, **default}}]
        return resource(ENCRYPTION, "e", {"bucket": [bucket]}, bucket=UNKNOWN, rules=rules)

    assert status("KEY-01", bucket) is Status.FAIL
    assert status("KEY-01", bucket, encryption("AES256")) is Status.FAIL
    assert status("KEY-01", bucket, encryption("aws:kms")) is Status.FAIL
    assert (
        status("KEY-01", bucket, encryption("aws:kms", kmsMasterKeyId="arn:aws:kms:eu-west-1:1:key/a")) is Status.PASS
    )
    assert status("KEY-01", bucket, encryption("aws:kms", kmsMasterKeyId=UNKNOWN)) is Status.UNDETERMINED
    by_reference = resource(ENCRYPTION, "e", {"bucket": [bucket], "rules": [key]}, bucket=UNKNOWN, rules=UNKNOWN)
    assert status("KEY-01", bucket, by_reference, key) is Status.PASS


def test_key_01_excuses_only_the_uses_for_which_aws_takes_no_other_key() -> None:
    use = {**PERSONAL, "payment-cell:use": "load-balancer-access-logs"}
    assert status("KEY-01", resource(BUCKET, "b", tags=use)) is Status.NOT_APPLICABLE
    assert status("KEY-01", resource(BUCKET, "b", tags={**use, "payment-cell:use": "uploads"})) is Status.FAIL


def test_key_02_wants_a_key_of_the_same_cell_and_region() -> None:
    def queue(key: Resource, region: str = "eu-west-1") -> Resource:
        return resource(
            QUEUE,
            "q",
            {"kmsMasterKeyId": [key]},
            region=region,
            kmsMasterKeyId=UNKNOWN,
            tags={"payment-cell:cell": "a"},
        )

    own = resource(KEY, "own", region="eu-west-1", tags={"payment-cell:cell": "a"})
    other = resource(KEY, "other", region="eu-west-1", tags={"payment-cell:cell": "b"})
    assert status("KEY-02", queue(own), own) is Status.PASS
    assert status("KEY-02", queue(other), other) is Status.FAIL
    assert status("KEY-02", queue(own, "eu-central-1"), own) is Status.FAIL
    assert status("KEY-02", resource(QUEUE, "q")) is Status.NOT_APPLICABLE
    alias = resource("aws:kms/alias:Alias", "alias")
    by_alias = resource(QUEUE, "q", {"kmsMasterKeyId": [alias]}, kmsMasterKeyId=UNKNOWN)
    assert status("KEY-02", by_alias, alias) is Status.UNDETERMINED
    assert status("KEY-02", resource(QUEUE, "q", kmsMasterKeyId=UNKNOWN)) is Status.NOT_APPLICABLE, "AWS decides"


def test_key_02_compares_arns_where_the_key_is_known() -> None:
    arn = "arn:aws:kms:eu-west-1:123456789012:key/a"
    queue = resource(QUEUE, "q", region="eu-west-1", kmsMasterKeyId=arn)
    assert status("KEY-02", queue, resource(KEY, "k", region="eu-west-1", arn=arn)) is Status.PASS
    assert status("KEY-02", queue) is Status.UNDETERMINED
    trail = resource(TRAIL, "t", region="eu-west-1", kmsKeyId=arn)
    assert status("KEY-02", trail) is Status.NOT_APPLICABLE, "the account's"
    assert status("KEY-02", resource(QUEUE, "q", region="us-east-1", kmsMasterKeyId=arn)) is Status.FAIL


def test_key_03_wants_a_rotation_within_a_year() -> None:
    assert status("KEY-03", resource(KEY, "k", enableKeyRotation=True)) is Status.PASS
    assert status("KEY-03", resource(KEY, "k", enableKeyRotation=True, rotationPeriodInDays=90.0)) is Status.PASS
    assert status("KEY-03", resource(KEY, "k", enableKeyRotation=True, rotationPeriodInDays=366.0)) is Status.FAIL
    assert status("KEY-03", resource(KEY, "k")) is Status.FAIL
    assert status("KEY-03", resource(KEY, "k", enableKeyRotation=UNKNOWN)) is Status.UNDETERMINED
    assert status("KEY-03", resource(KEY, "k", customerMasterKeySpec="ECC_NIST_P384")) is Status.NOT_APPLICABLE


# NET


@pytest.mark.parametrize("network", ["0.0.0.0/0", "128.0.0.0/1", "::/0"])
def test_net_01_refuses_the_world(network: str) -> None:
    name = "cidrIpv6" if ":" in network else "cidrIpv4"
    assert (
        status("NET-01", resource(RULE, "r", ipProtocol="tcp", fromPort=22.0, toPort=22.0, **{name: network}))
        is Status.FAIL
    )


def test_net_01_knows_networks_groups_and_unknowns() -> None:
    def rule(**props: object) -> Status:
        return status("NET-01", resource(RULE, "r", ipProtocol="tcp", fromPort=5432.0, toPort=5432.0, **props))

    assert rule(cidrIpv4="10.0.0.0/8") is Status.PASS
    assert rule(referencedSecurityGroupId="sg-1") is Status.PASS
    assert rule(cidrIpv4=UNKNOWN) is Status.UNDETERMINED
    assert rule(prefixListId="pl-1") is Status.UNDETERMINED


def test_net_01_allows_443_only_at_the_edge() -> None:
    group = resource(GROUP, "g")
    open_443 = resource(
        RULE, "r", {"securityGroupId": [group]}, ipProtocol="tcp", fromPort=443.0, toPort=443.0, cidrIpv4="0.0.0.0/0"
    )
    edge = resource(BALANCER, "lb", {"securityGroups": [group]}, securityGroups=[UNKNOWN], internal=False)
    inner = resource(BALANCER, "lb", {"securityGroups": [group]}, securityGroups=[UNKNOWN], internal=True)
    assert status("NET-01", open_443, group, edge) is Status.PASS
    assert status("NET-01", open_443, group, inner) is Status.FAIL
    assert status("NET-01", open_443, group) is Status.FAIL


def test_net_01_allows_80_where_every_rule_redirects() -> None:
    group = resource(GROUP, "g")
    open_80 = resource(
        RULE, "r", {"securityGroupId": [group]}, ipProtocol="tcp", fromPort=80.0, toPort=80.0, cidrIpv4="0.0.0.0/0"
    )
    edge = resource(BALANCER, "lb", {"securityGroups": [group]}, securityGroups=[UNKNOWN])
    redirect = resource(LISTENER, "l", port=80.0, defaultActions=[{"type": "redirect"}])
    forward = resource(LISTENER, "l", port=80.0, defaultActions=[{"type": "forward"}])
    assert status("NET-01", open_80, group, edge, redirect) is Status.PASS
    assert status("NET-01", open_80, group, edge, forward) is Status.FAIL
    assert status("NET-01", open_80, group, edge) is Status.FAIL


def test_net_01_reads_inline_rules_too() -> None:
    ingress = [{"protocol": "-1", "fromPort": 0.0, "toPort": 0.0, "cidrBlocks": ["0.0.0.0/0"]}]
    assert status("NET-01", resource(GROUP, "g", ingress=ingress)) is Status.FAIL
    assert status("NET-01", resource(GROUP, "g")) is Status.PASS
    assert status("NET-01", resource(GROUP, "g", ingress=UNKNOWN)) is Status.PASS, (
        "AWS decides: there are no inline rules"
    )
    address = resource("aws:ec2/eip:Eip", "address")
    assert (
        status("NET-01", resource(GROUP, "g", {"ingress": [address]}, ingress=UNKNOWN), address) is Status.UNDETERMINED
    )


def data_subnet(*routes: dict[str, object], main: bool = False) -> list[Resource]:
    vpc = resource("aws:ec2/vpc:Vpc", "vpc", id="vpc-1")
    subnet = resource("aws:ec2/subnet:Subnet", "subnet", {"vpcId": [vpc]})
    table = resource("aws:ec2/routeTable:RouteTable", "table")
    if main:
        link = resource(
            "aws:ec2/mainRouteTableAssociation:MainRouteTableAssociation",
            "link",
            {"vpcId": [vpc], "routeTableId": [table]},
        )
    else:
        link = resource(
            "aws:ec2/routeTableAssociation:RouteTableAssociation",
            "link",
            {"subnetId": [subnet], "routeTableId": [table]},
        )
    found = [
        resource("aws:ec2/route:Route", f"route-{number}", {"routeTableId": [table]}, **props)
        for number, props in enumerate(routes)
    ]
    group = resource("aws:rds/subnetGroup:SubnetGroup", "group", {"subnetIds": [subnet]}, subnetIds=[UNKNOWN])
    return [group, vpc, subnet, table, link, *found]


def test_net_02_follows_the_route_table_of_a_data_subnet() -> None:
    assert status("NET-02", *data_subnet()) is Status.PASS
    assert status("NET-02", *data_subnet({"gatewayId": "vpce-1"})) is Status.PASS
    assert status("NET-02", *data_subnet({"natGatewayId": "nat-1"})) is Status.FAIL
    assert status("NET-02", *data_subnet({"gatewayId": "igw-1"}, main=True)) is Status.FAIL
    assert status("NET-02", *data_subnet({"transitGatewayId": UNKNOWN})) is Status.UNDETERMINED
    assert (
        status("NET-02", resource("aws:rds/subnetGroup:SubnetGroup", "g", subnetIds=["subnet-1"]))
        is Status.UNDETERMINED
    )


def test_net_02_refuses_a_public_database() -> None:
    instance = "aws:rds/clusterInstance:ClusterInstance"
    assert status("NET-02", resource(instance, "i", publiclyAccessible=True)) is Status.FAIL
    assert status("NET-02", resource(instance, "i")) is Status.PASS
    assert status("NET-02", resource(instance, "i", publiclyAccessible=UNKNOWN)) is Status.UNDETERMINED


def test_net_03_wants_a_private_endpoint_or_listed_addresses() -> None:
    def cluster(**network: object) -> Status:
        return status("NET-03", resource(EKS, "c", vpcConfig=network))

    assert cluster(endpointPrivateAccess=True, endpointPublicAccess=False) is Status.PASS
    assert cluster(endpointPublicAccess=True, publicAccessCidrs=["203.0.113.0/24"]) is Status.PASS
    assert cluster(endpointPublicAccess=True) is Status.FAIL
    assert cluster() is Status.FAIL
    assert cluster(endpointPublicAccess=UNKNOWN) is Status.UNDETERMINED


# LOG, BCK


def test_log_01_asks_each_property_of_the_trail_by_itself() -> None:
    found = verdicts(
        "LOG-01",
        resource(TRAIL, "t", isMultiRegionTrail=UNKNOWN, enableLogFileValidation=True, kmsKeyId="arn:aws:kms:a"),
    )
    assert {clause: verdict for (_, clause), verdict in found.items()} == {
        "covers_all_regions": Status.UNDETERMINED,
        "validates_its_files": Status.PASS,
        "is_logging": Status.PASS,
        "records_management_events": Status.PASS,
        "is_encrypted_with_a_key": Status.PASS,
    }


@pytest.mark.parametrize(
    ("clause", "broken"),
    [
        ("covers_all_regions", {"isMultiRegionTrail": False}),
        ("validates_its_files", {"enableLogFileValidation": False}),
        ("is_logging", {"enableLogging": False}),
        ("records_management_events", {"eventSelectors": [{"includeManagementEvents": False}]}),
        (
            "records_management_events",
            {
                "advancedEventSelectors": [
                    {"fieldSelectors": [{"field": "eventCategory", "equals": ["NetworkActivity"]}]}
                ]
            },
        ),
        ("is_encrypted_with_a_key", {"kmsKeyId": None}),
    ],
)
def test_log_01_catches_each_broken_property_by_its_own_clause(clause: str, broken: dict[str, object]) -> None:
    whole = {"isMultiRegionTrail": True, "enableLogFileValidation": True, "kmsKeyId": "arn:aws:kms:a"}
    found = verdicts("LOG-01", resource(TRAIL, "t", **{**whole, **broken}))
    assert [name for (_, name), verdict in found.items() if verdict is Status.FAIL] == [clause]


def test_log_01_takes_advanced_selectors_of_management_events() -> None:
    chosen = [{"fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}]}]
    found = verdicts("LOG-01", resource(TRAIL, "t", advancedEventSelectors=chosen))
    assert found["t", "records_management_events"] is Status.PASS


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"isLogging": True}, Status.PASS),
        ({"isLogging": False}, Status.FAIL),
        ({}, Status.FAIL),
        ({"isLogging": True, "latestDeliveryError": "AccessDenied"}, Status.FAIL),
    ],
)
def test_log_01_asks_a_live_trail_whether_it_delivers(now: dict[str, object], expected: Status) -> None:
    trail = resource(TRAIL, "t", enableLogging=True, **now)
    found = {one.clause: one.verdict.status for one in answers(find_control("LOG-01"), Stack((trail,)), live=True)}
    assert found["delivers_its_files_now"] is expected
    assert ("t", "delivers_its_files_now") not in verdicts("LOG-01", trail)


def test_log_01_leaves_regions_and_management_events_of_a_trail_of_data_events_alone() -> None:
    basic = {"includeManagementEvents": False, "dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3"]}]}
    category = [{"field": "eventCategory", "equals": ["Data"]}]
    for selectors in ({"eventSelectors": [basic]}, {"advancedEventSelectors": [{"fieldSelectors": category}]}):
        found = verdicts("LOG-01", resource(TRAIL, "t", isMultiRegionTrail=False, **selectors))
        assert {name for (_, name), verdict in found.items() if verdict is Status.NOT_APPLICABLE} == {
            "covers_all_regions",
            "records_management_events",
        }
        assert found["t", "validates_its_files"] is Status.FAIL


@pytest.mark.parametrize(
    ("days", "expected"), [(7.0, Status.PASS), (35.0, Status.PASS), (6.0, Status.FAIL), (None, Status.FAIL)]
)
def test_bck_01_wants_seven_to_thirty_five_days(days: float | None, expected: Status) -> None:
    assert status("BCK-01", resource(CLUSTER, "c", backupRetentionPeriod=days)) is expected


def test_bck_01_knows_unknowns_and_tables() -> None:
    assert status("BCK-01", resource(CLUSTER, "c", backupRetentionPeriod=UNKNOWN)) is Status.UNDETERMINED
    assert status("BCK-01", resource(TABLE, "t")) is Status.FAIL
    assert status("BCK-01", resource(TABLE, "t", pointInTimeRecovery={"enabled": True})) is Status.PASS


def test_bck_05_holds_in_production_and_where_no_environment_is_named() -> None:
    def cluster(environment: str | None, **props: object) -> Status:
        tags = {"payment-cell:environment": environment} if environment else {}
        return status("BCK-05", resource(CLUSTER, "c", tags=tags, **props), clause="is_protected_against_deletion")

    assert cluster("production", deletionProtection=True) is Status.PASS
    assert cluster("production") is Status.FAIL
    assert cluster(None) is Status.FAIL
    assert cluster("nonsense") is Status.FAIL
    assert cluster("development") is Status.NOT_APPLICABLE
    assert cluster("production", deletionProtection=UNKNOWN) is Status.UNDETERMINED


def test_bck_05_wants_a_final_snapshot() -> None:
    def cluster(**props: object) -> Status:
        return status("BCK-05", resource(CLUSTER, "c", **props), clause="leaves_a_final_snapshot")

    assert cluster(finalSnapshotIdentifier="last") is Status.PASS
    assert cluster(skipFinalSnapshot=True) is Status.FAIL
    assert cluster() is Status.FAIL


# RES


def test_res_01_holds_data_in_its_jurisdiction() -> None:
    def bucket(**props: object) -> Status:
        return status("RES-01", resource(BUCKET, "b", **props))

    assert bucket(region="eu-central-1", tags=PERSONAL) is Status.PASS
    assert bucket(region="us-east-1", tags=PERSONAL) is Status.FAIL
    assert bucket(region="us-east-1", tags={**PERSONAL, "payment-cell:jurisdiction": "us"}) is Status.PASS
    assert bucket(region="us-east-1", tags={**PERSONAL, "payment-cell:jurisdiction": "atlantis"}) is Status.FAIL
    assert bucket(region="us-east-1") is Status.FAIL, "untagged is held to the strictest jurisdiction"
    assert bucket(tags=PERSONAL) is Status.UNDETERMINED
    assert bucket(region="us-east-1", tags={"payment-cell:data-class": "public"}) is Status.NOT_APPLICABLE


def test_res_01_takes_the_region_from_the_provider_or_the_arn() -> None:
    assert status("RES-01", resource(BUCKET, "b", provider_region="us-east-1", tags=PERSONAL)) is Status.FAIL
    assert status("RES-01", resource(QUEUE, "q", arn="arn:aws:sqs:eu-west-1:1:q", tags=PERSONAL)) is Status.PASS
    assert region_of_arn("arn:aws:s3:::bucket") is None


def test_res_02_holds_members_of_a_global_database_to_its_jurisdiction() -> None:
    database = resource(GLOBAL, "g", tags=PERSONAL)

    def member(region: str) -> Resource:
        return resource(
            CLUSTER, "c", {"globalClusterIdentifier": [database]}, globalClusterIdentifier=UNKNOWN, region=region
        )

    clause = "member_stays_inside"
    assert status("RES-02", member("eu-central-1"), database, clause=clause) is Status.PASS
    assert status("RES-02", member("us-east-1"), database, clause=clause) is Status.FAIL
    assert status("RES-02", resource(CLUSTER, "c", region="us-east-1"), clause=clause) is Status.NOT_APPLICABLE
    assert (
        status("RES-02", resource(CLUSTER, "c", sourceRegion="us-east-1"), clause="source_stays_inside") is Status.FAIL
    )


def test_res_03_holds_replicas_of_a_table_to_its_jurisdiction() -> None:
    def table(*regions: str) -> Status:
        return status(
            "RES-03", resource(TABLE, "t", tags=PERSONAL, replicas=[{"regionName": region} for region in regions])
        )

    assert table() is Status.NOT_APPLICABLE
    assert table("eu-central-1") is Status.PASS
    assert table("eu-central-1", "us-east-1") is Status.FAIL
    assert table(UNKNOWN) is Status.UNDETERMINED
    replica = resource("aws:dynamodb/tableReplica:TableReplica", "r", region="us-east-1")
    assert status("RES-03", replica) is Status.FAIL
