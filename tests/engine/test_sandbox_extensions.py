"""What the emulator adds to moto, seen through boto3."""

import base64
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from conftest import Sandbox

pytestmark = pytest.mark.engine

ROLE = "arn:aws:iam::123456789012:role/"
VIEW = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSViewPolicy"


@dataclass(frozen=True)
class Cluster:
    name: str
    vpc: str
    subnets: list[str]
    eks: Any

    def refused(self, call: str, **arguments: Any) -> str:
        """The error code of an EKS call that must fail."""
        with pytest.raises(ClientError) as error:
            getattr(self.eks, call)(**arguments)
        return str(error.value.response["Error"]["Code"])


def make_subnets(sandbox: Sandbox) -> tuple[str, list[str]]:
    ec2 = sandbox.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    blocks = [("10.0.0.0/24", "eu-west-1a"), ("10.0.1.0/24", "eu-west-1b")]
    made = [ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone) for cidr, zone in blocks]
    return vpc, [subnet["Subnet"]["SubnetId"] for subnet in made]


@pytest.fixture(scope="module")
def cluster(sandbox: Sandbox) -> Cluster:
    vpc, subnets = make_subnets(sandbox)
    eks = sandbox.client("eks")
    eks.create_cluster(
        name="extensions",
        roleArn=ROLE + "eks",
        version="1.35",
        resourcesVpcConfig={"subnetIds": subnets, "endpointPublicAccess": False, "endpointPrivateAccess": True},
        accessConfig={"authenticationMode": "API"},
        deletionProtection=True,
        upgradePolicy={"supportType": "STANDARD"},
        logging={"clusterLogging": [{"types": ["audit", "api"], "enabled": True}]},
    )
    waiter = eks.get_waiter("cluster_active")
    waiter.config.delay = 0.2
    waiter.config.max_attempts = 300
    waiter.wait(name="extensions")
    return Cluster(name="extensions", vpc=vpc, subnets=subnets, eks=eks)


def test_a_cluster_shows_what_it_was_given_and_what_eks_adds(cluster: Cluster, sandbox: Sandbox) -> None:
    shown = cluster.eks.describe_cluster(name=cluster.name)["cluster"]
    assert shown["accessConfig"]["authenticationMode"] == "API"
    assert shown["upgradePolicy"] == {"supportType": "STANDARD"}
    assert shown["deletionProtection"] is True
    assert shown["logging"]["clusterLogging"][0] == {"types": ["api", "audit"], "enabled": True}
    assert base64.b64decode(shown["certificateAuthority"]["data"]).startswith(b"-----BEGIN CERTIFICATE-----")
    network = shown["resourcesVpcConfig"]
    assert network["vpcId"] == cluster.vpc
    groups = sandbox.client("ec2").describe_security_groups(GroupIds=[network["clusterSecurityGroupId"]])
    assert groups["SecurityGroups"][0]["VpcId"] == cluster.vpc


def test_a_cluster_in_subnets_that_do_not_exist_is_refused(cluster: Cluster) -> None:
    wanted = {"name": "nowhere", "roleArn": ROLE + "eks", "resourcesVpcConfig": {"subnetIds": ["subnet-0000"]}}
    assert cluster.refused("create_cluster", **wanted) == "InvalidParameterException"


def test_a_protected_cluster_and_one_with_node_groups_are_not_deleted(cluster: Cluster) -> None:
    eks, name = cluster.eks, cluster.name
    assert cluster.refused("delete_cluster", name=name) == "InvalidRequestException"
    group = {"clusterName": name, "nodegroupName": "guard"}
    eks.create_nodegroup(**group, subnets=cluster.subnets, nodeRole=ROLE + "node")
    eks.update_cluster_config(name=name, deletionProtection=False)
    assert cluster.refused("delete_cluster", name=name) == "ResourceInUseException"
    eks.delete_nodegroup(**group)
    eks.update_cluster_config(name=name, deletionProtection=True)


def test_an_update_changes_one_thing_and_can_be_looked_up(cluster: Cluster) -> None:
    eks, name = cluster.eks, cluster.name
    logging = {"clusterLogging": [{"types": ["scheduler"], "enabled": True}]}
    made = eks.update_cluster_config(name=name, logging=logging)["update"]
    assert eks.describe_update(name=name, updateId=made["id"])["update"]["status"] == "Successful"
    enabled = eks.describe_cluster(name=name)["cluster"]["logging"]["clusterLogging"][0]["types"]
    assert enabled == ["api", "audit", "scheduler"]
    assert cluster.refused("update_cluster_config", name=name, logging=logging) == "InvalidParameterException"
    two = {"logging": logging, "deletionProtection": False}
    assert cluster.refused("update_cluster_config", name=name, **two) == "InvalidParameterException"


def test_kubernetes_is_upgraded_by_one_minor_version_and_nodes_follow(cluster: Cluster) -> None:
    eks, name = cluster.eks, cluster.name
    group = {"clusterName": name, "nodegroupName": "upgrade"}
    eks.create_nodegroup(**group, subnets=cluster.subnets, nodeRole=ROLE + "node")
    ahead = {**group, "version": "1.36"}
    assert cluster.refused("update_nodegroup_version", **ahead) == "InvalidParameterException"
    assert cluster.refused("update_cluster_version", name=name, version="1.33") == "InvalidParameterException"
    eks.update_cluster_version(name=name, version="1.36")
    eks.update_nodegroup_version(**ahead)
    assert eks.describe_nodegroup(**group)["nodegroup"]["version"] == "1.36"
    eks.delete_nodegroup(**group)


def test_a_node_group_keeps_its_template_taints_and_repair(cluster: Cluster, sandbox: Sandbox) -> None:
    ec2, eks = sandbox.client("ec2"), cluster.eks
    made = ec2.create_launch_template(LaunchTemplateName="nodes", LaunchTemplateData={"InstanceType": "m7g.large"})
    template = made["LaunchTemplate"]["LaunchTemplateId"]
    group = {"clusterName": cluster.name, "nodegroupName": "templated"}
    taint = {"key": "class", "value": "payments", "effect": "NO_SCHEDULE"}
    wanted = {
        **group,
        "subnets": cluster.subnets,
        "nodeRole": ROLE + "node",
        "taints": [taint],
        "nodeRepairConfig": {"enabled": True},
        "scalingConfig": {"minSize": 1, "desiredSize": 2, "maxSize": 3},
    }
    absent = {**wanted, "launchTemplate": {"id": "lt-0000"}}
    assert cluster.refused("create_nodegroup", **absent) == "InvalidParameterException"
    eks.create_nodegroup(**wanted, launchTemplate={"id": template})
    eks.update_nodegroup_config(**group, scalingConfig={"desiredSize": 3}, taints={"removeTaints": [taint]})
    shown = eks.describe_nodegroup(**group)["nodegroup"]
    assert shown["launchTemplate"] == {"id": template, "name": "nodes", "version": "1"}
    assert shown["scalingConfig"] == {"minSize": 1, "desiredSize": 3, "maxSize": 3}
    assert shown["taints"] == []
    assert shown["nodeRepairConfig"]["enabled"] is True
    eks.delete_nodegroup(**group)


def test_the_creator_and_the_nodes_of_a_cluster_have_access_entries(cluster: Cluster) -> None:
    group = {"clusterName": cluster.name, "nodegroupName": "entries"}
    cluster.eks.create_nodegroup(**group, subnets=cluster.subnets, nodeRole=ROLE + "entry-node")
    principals = cluster.eks.list_access_entries(clusterName=cluster.name)["accessEntries"]
    creator = next(principal for principal in principals if ":user/" in principal)
    policies = cluster.eks.list_associated_access_policies(clusterName=cluster.name, principalArn=creator)
    assert policies["associatedAccessPolicies"][0]["policyArn"].endswith("/AmazonEKSClusterAdminPolicy")
    node = cluster.eks.describe_access_entry(clusterName=cluster.name, principalArn=ROLE + "entry-node")["accessEntry"]
    assert (node["type"], node["kubernetesGroups"]) == ("EC2_LINUX", ["system:nodes"])
    cluster.eks.delete_nodegroup(**group)


def test_access_entries_are_created_changed_associated_and_deleted(cluster: Cluster) -> None:
    eks, entry = cluster.eks, {"clusterName": cluster.name, "principalArn": ROLE + "team/viewer"}
    made = eks.create_access_entry(**entry, tags={"a": "b"})["accessEntry"]
    assert made["username"] == "arn:aws:sts::123456789012:assumed-role/viewer/{{SessionName}}"
    assert cluster.refused("create_access_entry", **entry) == "ResourceInUseException"
    eks.update_access_entry(**entry, kubernetesGroups=["viewers"])
    scope = {"type": "namespace", "namespaces": ["payments"]}
    eks.associate_access_policy(**entry, policyArn=VIEW, accessScope=scope)
    associated = eks.list_associated_access_policies(**entry)["associatedAccessPolicies"]
    assert associated[0]["accessScope"] == scope
    assert eks.list_access_entries(clusterName=cluster.name, associatedPolicyArn=VIEW)["accessEntries"] == [
        ROLE + "team/viewer"
    ]
    eks.disassociate_access_policy(**entry, policyArn=VIEW)
    eks.tag_resource(resourceArn=made["accessEntryArn"], tags={"c": "d"})
    shown = eks.describe_access_entry(**entry)["accessEntry"]
    assert (shown["kubernetesGroups"], shown["tags"]) == (["viewers"], {"a": "b", "c": "d"})
    eks.delete_access_entry(**entry)
    assert cluster.refused("describe_access_entry", **entry) == "ResourceNotFoundException"


@pytest.mark.parametrize(
    "wrong",
    [
        {"principalArn": "arn:aws:sts::123456789012:assumed-role/r/s"},
        {"principalArn": ROLE + "x", "kubernetesGroups": ["system:masters"]},
        {"principalArn": ROLE + "x", "type": "EC2_LINUX", "username": "me"},
    ],
)
def test_access_entries_that_eks_refuses_are_refused(cluster: Cluster, wrong: dict[str, Any]) -> None:
    assert cluster.refused("create_access_entry", clusterName=cluster.name, **wrong) == "InvalidParameterException"


def test_a_service_account_has_one_pod_identity(cluster: Cluster) -> None:
    eks, name = cluster.eks, cluster.name
    wanted = {"clusterName": name, "namespace": "payments", "serviceAccount": "api", "roleArn": ROLE + "api"}
    made = eks.create_pod_identity_association(**wanted, tags={"a": "b"})["association"]
    assert cluster.refused("create_pod_identity_association", **wanted) == "ResourceInUseException"
    which = {"clusterName": name, "associationId": made["associationId"]}
    eks.update_pod_identity_association(**which, roleArn=ROLE + "other")
    assert eks.describe_pod_identity_association(**which)["association"]["roleArn"] == ROLE + "other"
    listed = eks.list_pod_identity_associations(clusterName=name, namespace="payments")["associations"]
    assert [each["associationId"] for each in listed] == [made["associationId"]]
    eks.delete_pod_identity_association(**which)
    assert cluster.refused("describe_pod_identity_association", **which) == "ResourceNotFoundException"


def test_add_ons_bring_and_take_their_pod_identities(cluster: Cluster) -> None:
    eks, addon = cluster.eks, {"clusterName": cluster.name, "addonName": "vpc-cni"}
    identity = {"serviceAccount": "aws-node", "roleArn": ROLE + "cni"}
    wanted = {**addon, "addonVersion": "v1.20.4-eksbuild.1", "configurationValues": '{"enableNetworkPolicy":"true"}'}
    eks.create_addon(**wanted, podIdentityAssociations=[identity])
    assert cluster.refused("create_addon", **wanted) == "ResourceInUseException"
    shown = eks.describe_addon(**addon)["addon"]
    assert shown["status"] == "ACTIVE"
    assert len(shown["podIdentityAssociations"]) == 1
    eks.update_addon(**addon, addonVersion="v1.21.0-eksbuild.1")
    assert eks.describe_addon(**addon)["addon"]["addonVersion"] == "v1.21.0-eksbuild.1"
    eks.delete_addon(**addon)
    assert eks.list_pod_identity_associations(clusterName=cluster.name, namespace="kube-system")["associations"] == []
    assert cluster.refused("create_addon", clusterName=cluster.name, addonName="vpc-nci") == "InvalidParameterException"
    assert cluster.refused("create_addon", **{**wanted, "configurationValues": "{"}) == "InvalidParameterException"


def test_a_composite_alarm_follows_its_rule(sandbox: Sandbox) -> None:
    cloudwatch = sandbox.client("cloudwatch", region="eu-central-1")
    metric = {
        "Namespace": "n",
        "MetricName": "m",
        "Period": 60,
        "Statistic": "Sum",
        "Threshold": 1.0,
        "EvaluationPeriods": 1,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    for name in ("lag", "errors"):
        cloudwatch.put_metric_alarm(AlarmName=name, **metric)
    rule = 'ALARM("lag") AND NOT ALARM("errors")'
    cloudwatch.put_composite_alarm(AlarmName="page", AlarmRule=rule, Tags=[{"Key": "a", "Value": "b"}])

    def page() -> Any:
        return cloudwatch.describe_alarms(AlarmNames=["page"], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"][0]

    assert (page()["AlarmRule"], page()["StateValue"]) == (rule, "OK")
    cloudwatch.set_alarm_state(AlarmName="lag", StateValue="ALARM", StateReason="test")
    assert page()["StateValue"] == "ALARM"
    assert cloudwatch.list_tags_for_resource(ResourceARN=page()["AlarmArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    assert cloudwatch.describe_alarms(AlarmNames=["page"])["CompositeAlarms"] == []
    for refused in (
        lambda: cloudwatch.put_composite_alarm(AlarmName="other", AlarmRule='ALARM("absent")'),
        lambda: cloudwatch.put_composite_alarm(AlarmName="other", AlarmRule="ALARM("),
        lambda: cloudwatch.delete_alarms(AlarmNames=["lag"]),
    ):
        with pytest.raises(ClientError, match="ValidationError"):
            refused()
    cloudwatch.delete_alarms(AlarmNames=["page", "lag", "errors"])


def test_a_pipe_reaches_its_desired_state_and_keeps_its_starting_position(sandbox: Sandbox) -> None:
    pipes = sandbox.client("pipes")
    source = {"KinesisStreamParameters": {"StartingPosition": "LATEST", "BatchSize": 10}}
    pipes.create_pipe(
        Name="ledger",
        RoleArn=ROLE + "pipe",
        Source="arn:aws:kinesis:eu-west-1:123456789012:stream/s",
        SourceParameters=source,
        Target="arn:aws:sqs:eu-west-1:123456789012:q.fifo",
    )
    assert pipes.describe_pipe(Name="ledger")["CurrentState"] == "RUNNING"
    changed = {"KinesisStreamParameters": {"BatchSize": 20}}
    pipes.update_pipe(Name="ledger", RoleArn=ROLE + "pipe", SourceParameters=changed, DesiredState="STOPPED")
    shown = pipes.describe_pipe(Name="ledger")
    assert shown["CurrentState"] == "STOPPED"
    assert shown["SourceParameters"]["KinesisStreamParameters"] == {"StartingPosition": "LATEST", "BatchSize": 20}
    pipes.delete_pipe(Name="ledger")
    with pytest.raises(ClientError, match="NotFoundException"):
        pipes.describe_pipe(Name="ledger")


def test_a_certificate_is_issued_once_all_its_records_exist(sandbox: Sandbox) -> None:
    acm, route53 = sandbox.client("acm"), sandbox.client("route53")
    domain = f"{uuid.uuid4().hex}.example"
    names = [f"*.api.{domain}", f"pay.{domain}"]
    request = {"DomainName": f"api.{domain}", "SubjectAlternativeNames": names, "ValidationMethod": "DNS"}
    arn = acm.request_certificate(**request)["CertificateArn"]

    def certificate() -> Any:
        return acm.describe_certificate(CertificateArn=arn)["Certificate"]

    options = certificate()["DomainValidationOptions"]
    assert [option["DomainName"] for option in options] == [f"api.{domain}", *names]
    records = {option["ResourceRecord"]["Name"]: option["ResourceRecord"]["Value"] for option in options}
    assert len(records) == 2  # a wildcard shares its parent's record
    zone = route53.create_hosted_zone(Name=domain, CallerReference=domain)["HostedZone"]["Id"]
    for name, value in records.items():
        assert certificate()["Status"] == "PENDING_VALIDATION"
        record = {"Name": name, "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": value}]}
        change = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=change)
    assert certificate()["Status"] == "ISSUED"
    assert {option["ValidationStatus"] for option in certificate()["DomainValidationOptions"]} == {"SUCCESS"}


def test_route53_refuses_a_second_record_and_deletes_exactly_one(sandbox: Sandbox) -> None:
    route53 = sandbox.client("route53")
    zone = route53.create_hosted_zone(Name="records.example", CallerReference=uuid.uuid4().hex)["HostedZone"]["Id"]

    def change(action: str, name: str) -> None:
        record = {
            "Name": f"{name}.records.example",
            "Type": "A",
            "TTL": 60,
            "SetIdentifier": "primary",
            "Failover": "PRIMARY",
            "ResourceRecords": [{"Value": "192.0.2.1"}],
        }
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record}]}
        route53.change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)

    for name in ("one", "two"):
        change("CREATE", name)
    with pytest.raises(ClientError, match="already exists"):
        change("CREATE", "one")
    change("DELETE", "one")
    left = route53.list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    assert [record["Name"] for record in left if record["Type"] == "A"] == ["two.records.example."]


def test_a_new_bucket_is_encrypted_private_and_without_acls(sandbox: Sandbox) -> None:
    s3, bucket = sandbox.client("s3"), uuid.uuid4().hex
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    rule = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert all(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values())
    ownership = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    assert ownership == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_kms_remembers_the_rotation_period(sandbox: Sandbox) -> None:
    kms = sandbox.client("kms")
    key = kms.create_key()["KeyMetadata"]["KeyId"]
    assert "RotationPeriodInDays" not in kms.get_key_rotation_status(KeyId=key)
    kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=180)
    assert kms.get_key_rotation_status(KeyId=key)["RotationPeriodInDays"] == 180
    kms.disable_key_rotation(KeyId=key)
    assert "RotationPeriodInDays" not in kms.get_key_rotation_status(KeyId=key)


def test_streams_and_log_groups_keep_tags_keys_and_protection(sandbox: Sandbox) -> None:
    kinesis, logs = sandbox.client("kinesis"), sandbox.client("logs")
    kinesis.create_stream(StreamName="tagged", ShardCount=1, Tags={"a": "b"})
    assert kinesis.list_tags_for_stream(StreamName="tagged")["Tags"] == [{"Key": "a", "Value": "b"}]
    logs.create_log_group(logGroupName="/kept")
    logs.associate_kms_key(logGroupName="/kept", kmsKeyId="arn:aws:kms:eu-west-1:123456789012:key/k")
    logs.put_log_group_deletion_protection(logGroupIdentifier="/kept", deletionProtectionEnabled=True)
    shown = logs.describe_log_groups(logGroupNamePrefix="/kept")["logGroups"][0]
    assert shown["kmsKeyId"].endswith("key/k")
    assert shown["deletionProtectionEnabled"] is True
    with pytest.raises(ClientError, match="deletion protection"):
        logs.delete_log_group(logGroupName="/kept")


def test_buses_and_archives_keep_what_they_were_given(sandbox: Sandbox) -> None:
    events = sandbox.client("events")
    events.create_event_bus(Name="kept", LogConfig={"Level": "ERROR", "IncludeDetail": "NONE"})
    bus = "arn:aws:events:eu-west-1:123456789012:event-bus/kept"
    events.create_archive(ArchiveName="kept", EventSourceArn=bus, KmsKeyIdentifier="key")
    events.update_event_bus(Name="kept", Description="changed")
    shown = events.describe_event_bus(Name="kept")
    assert (shown["Description"], shown["LogConfig"]["Level"]) == ("changed", "ERROR")
    assert events.describe_archive(ArchiveName="kept")["KmsKeyIdentifier"] == "key"


def test_a_parameter_is_as_long_as_its_tier_allows(sandbox: Sandbox) -> None:
    ssm = sandbox.client("ssm")
    with pytest.raises(ClientError, match="advanced-parameter tier"):
        ssm.put_parameter(Name="/long", Value="v" * 4097, Type="String")
    assert ssm.put_parameter(Name="/long", Value="v" * 4097, Type="String", Tier="Advanced")["Tier"] == "Advanced"


def test_a_load_balancer_has_its_attributes_and_its_web_acl_knows_it(sandbox: Sandbox) -> None:
    elb, waf = sandbox.client("elbv2"), sandbox.client("wafv2")
    _, subnets = make_subnets(sandbox)
    balancer = elb.create_load_balancer(Name="edge", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    attributes = elb.describe_load_balancer_attributes(LoadBalancerArn=balancer)["Attributes"]
    by_key = {attribute["Key"]: attribute["Value"] for attribute in attributes}
    assert by_key["idle_timeout.timeout_seconds"] == "60"
    assert by_key["routing.http.drop_invalid_header_fields.enabled"] == "false"
    visibility = {"SampledRequestsEnabled": True, "CloudWatchMetricsEnabled": True, "MetricName": "edge"}
    acl = waf.create_web_acl(
        Name="edge", Scope="REGIONAL", DefaultAction={"Allow": {}}, Rules=[], VisibilityConfig=visibility
    )["Summary"]["ARN"]
    waf.associate_web_acl(WebACLArn=acl, ResourceArn=balancer)
    assert waf.list_resources_for_web_acl(WebACLArn=acl)["ResourceArns"] == [balancer]


def test_there_is_one_detector_a_region(sandbox: Sandbox) -> None:
    guardduty = sandbox.client("guardduty", region="us-east-1")
    detector = guardduty.create_detector(Enable=True, Tags={"a": "b"})["DetectorId"]
    arn = f"arn:aws:guardduty:us-east-1:123456789012:detector/{detector}"
    guardduty.tag_resource(ResourceArn=arn, Tags={"c": "d"})
    guardduty.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert guardduty.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"c": "d"}
    with pytest.raises(ClientError, match="already exists"):
        guardduty.create_detector(Enable=True)


def test_access_analyzers_are_kept_by_account_and_region(sandbox: Sandbox) -> None:
    analyzer = sandbox.client("accessanalyzer")
    unused = {"unusedAccess": {"unusedAccessAge": 90}}
    wanted = {"analyzerName": "unused", "type": "ACCOUNT_UNUSED_ACCESS", "configuration": unused}
    arn = analyzer.create_analyzer(**wanted, tags={"a": "b"})["arn"]
    assert analyzer.get_analyzer(analyzerName="unused")["analyzer"]["configuration"] == unused
    assert analyzer.list_tags_for_resource(resourceArn=arn)["tags"] == {"a": "b"}
    elsewhere = sandbox.client("accessanalyzer", account="210987654321")
    assert elsewhere.list_analyzers()["analyzers"] == []
    with pytest.raises(ClientError, match="ConflictException"):
        analyzer.create_analyzer(**wanted)
    analyzer.delete_analyzer(analyzerName="unused")
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        analyzer.get_analyzer(analyzerName="unused")


def test_a_metric_filter_turns_log_events_into_metrics(sandbox: Sandbox) -> None:
    logs, cloudwatch = sandbox.client("logs"), sandbox.client("cloudwatch")
    logs.create_log_group(logGroupName="/programs")
    logs.create_log_stream(logGroupName="/programs", logStreamName="one")
    into = {"metricNamespace": "Path", "metricName": "Errors", "metricValue": "1", "dimensions": {"Class": "$.class"}}
    logs.put_metric_filter(
        logGroupName="/programs",
        filterName="errors",
        filterPattern="{ $.status >= 500 }",
        metricTransformations=[into],
    )
    now = datetime.now(UTC)
    events = [
        {"timestamp": int(now.timestamp() * 1000), "message": json.dumps({"class": name, "status": status})}
        for name, status in (("live", 503), ("live", 200), ("test", 500), ("live", 502))
    ]
    logs.put_log_events(logGroupName="/programs", logStreamName="one", logEvents=events)
    found = cloudwatch.get_metric_statistics(
        Namespace="Path", MetricName="Errors", Dimensions=[{"Name": "Class", "Value": "live"}], Period=60,
        StartTime=now - timedelta(minutes=5), EndTime=now + timedelta(minutes=5), Statistics=["Sum"],
    )  # fmt: skip
    assert sum(point["Sum"] for point in found["Datapoints"]) == 2
    with pytest.raises(ClientError, match="filter pattern"):
        logs.put_metric_filter(
            logGroupName="/programs", filterName="x", filterPattern="[a, b]", metricTransformations=[into]
        )
    logs.delete_log_group(logGroupName="/programs")


def test_log_lines_turn_an_alarm_that_tells_its_topic(sandbox: Sandbox) -> None:
    logs, cloudwatch = sandbox.client("logs"), sandbox.client("cloudwatch")
    sns, sqs = sandbox.client("sns"), sandbox.client("sqs")
    topic, url = sns.create_topic(Name="turns")["TopicArn"], sqs.create_queue(QueueName="turns")["QueueUrl"]
    queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)
    logs.create_log_group(logGroupName="/turns")
    logs.create_log_stream(logGroupName="/turns", logStreamName="one")
    for key, value in (("= 200", "0"), ("= 503", "100")):
        logs.put_metric_filter(
            logGroupName="/turns",
            filterName=f"status{value}",
            filterPattern=f"{{ $.status {key} }}",
            metricTransformations=[{"metricNamespace": "Turns", "metricName": "Failed", "metricValue": value}],
        )
    cloudwatch.put_metric_alarm(
        AlarmName="turns", Namespace="Turns", MetricName="Failed", Statistic="Average", Period=300, Threshold=10,
        EvaluationPeriods=1, ComparisonOperator="GreaterThanThreshold", AlarmActions=[topic],
        TreatMissingData="notBreaching",
    )  # fmt: skip
    a_minute_ago = int((datetime.now(UTC) - timedelta(minutes=1)).timestamp() * 1000)
    events = [{"timestamp": a_minute_ago, "message": json.dumps({"status": status})} for status in (200, 200, 503)]
    logs.put_log_events(logGroupName="/turns", logStreamName="one", logEvents=events)
    (message,) = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=20)["Messages"]
    said = json.loads(json.loads(message["Body"])["Message"])
    assert (said["AlarmName"], said["OldStateValue"], said["NewStateValue"]) == ("turns", "OK", "ALARM")
    assert "[33.333]" in said["NewStateReason"]
    cloudwatch.delete_alarms(AlarmNames=["turns"])
    logs.delete_log_group(logGroupName="/turns")


def test_what_a_multi_region_key_wraps_can_be_unwrapped(sandbox: Sandbox) -> None:
    kms = sandbox.client("kms")
    key = kms.create_key(MultiRegion=True)["KeyMetadata"]["KeyId"]
    assert re.fullmatch(r"mrk-[0-9a-f]{32}", key)
    made = kms.generate_data_key(KeyId=key, KeySpec="AES_256", EncryptionContext={"subject": "a"})
    unwrapped = kms.decrypt(KeyId=key, CiphertextBlob=made["CiphertextBlob"], EncryptionContext={"subject": "a"})
    assert unwrapped["Plaintext"] == made["Plaintext"]
    with pytest.raises(ClientError, match="NotFound"):
        kms.describe_key(KeyId="mrk-" + "0" * 32)


def test_nobody_sees_the_telemetry_of_the_account(sandbox: Sandbox) -> None:
    oam = sandbox.client("oam")
    assert (oam.list_links()["Items"], oam.list_sinks()["Items"]) == ([], [])


def test_the_newer_security_hub_is_off(sandbox: Sandbox) -> None:
    with pytest.raises(ClientError) as error:
        sandbox.client("securityhub").describe_security_hub_v2()
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def test_the_tagging_api_shows_a_bucket_in_its_own_region_only(sandbox: Sandbox) -> None:
    where = {"CreateBucketConfiguration": {"LocationConstraint": "eu-central-1"}}
    s3 = sandbox.client("s3", "eu-central-1")
    s3.create_bucket(Bucket="tagged-far-away", **where)
    s3.put_bucket_tagging(Bucket="tagged-far-away", Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})

    def shown(region: str) -> set[str]:
        pages = sandbox.client("resourcegroupstaggingapi", region).get_paginator("get_resources").paginate()
        return {one["ResourceARN"] for page in pages for one in page["ResourceTagMappingList"]}

    assert "arn:aws:s3:::tagged-far-away" in shown("eu-central-1")
    assert "arn:aws:s3:::tagged-far-away" not in shown("eu-west-1")
