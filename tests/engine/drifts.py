"""Changes that somebody makes to a cell behind Pulumi's back, each with the property that shows it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cell import Aws, Resource


@dataclass(frozen=True, kw_only=True)
class Drift:
    """`change` is what happens, `look` what boto3 sees of it; both get a client and the resource in state.

    `property`: what `cell refresh` names; None where the resource itself is gone.
    """

    name: str
    service: str
    resource: str
    """Logical name behind the cell's."""
    type: str
    property: str | None
    change: Callable[[Any, Resource], object]
    look: Callable[[Any, Resource], object]

    def client(self, aws: Aws, region: str) -> Any:
        return aws.client(self.service, region)


def _bucket(resource: Resource) -> str:
    return str(resource.outputs["bucket"])


def _mute(alarms: Any, resource: Resource) -> object:
    return alarms.disable_alarm_actions(AlarmNames=[resource.outputs["name"]])


def _alarms(alarms: Any, resource: Resource) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = alarms.describe_alarms(AlarmNames=[resource.outputs["name"]])["MetricAlarms"]
    return found


def _open_bucket(s3: Any, resource: Resource) -> object:
    names = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    return s3.put_public_access_block(
        Bucket=_bucket(resource), PublicAccessBlockConfiguration=dict.fromkeys(names, False)
    )


def _widen_trust(iam: Any, resource: Resource) -> object:
    anybody = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [anybody]})
    return iam.update_assume_role_policy(RoleName=resource.id, PolicyDocument=document)


def _queue_attribute(name: str) -> Callable[[Any, Resource], object]:
    return lambda sqs, r: sqs.get_queue_attributes(QueueUrl=r.id, AttributeNames=[name])["Attributes"][name]


def _balancer_attributes(elb: Any, resource: Resource) -> dict[str, str]:
    found = elb.describe_load_balancer_attributes(LoadBalancerArn=resource.id)["Attributes"]
    return {attribute["Key"]: attribute["Value"] for attribute in found}


DROP_INVALID = "routing.http.drop_invalid_header_fields.enabled"

DRIFTS = (
    Drift(
        name="a consumer's messages stay hidden for an hour",
        service="sqs",
        resource="-tax",
        type="Queue",
        property="visibilityTimeoutSeconds",
        change=lambda sqs, r: sqs.set_queue_attributes(QueueUrl=r.id, Attributes={"VisibilityTimeout": "3600"}),
        look=_queue_attribute("VisibilityTimeout"),
    ),
    Drift(
        name="a key stops rotating",
        service="kms",
        resource="-payments",
        type="Key",
        property="enableKeyRotation",
        change=lambda kms, r: kms.disable_key_rotation(KeyId=r.id),
        look=lambda kms, r: kms.get_key_rotation_status(KeyId=r.id)["KeyRotationEnabled"],
    ),
    Drift(
        name="a log group keeps its lines for ever",
        service="logs",
        resource="-waf",
        type="LogGroup",
        property="retentionInDays",
        change=lambda logs, r: logs.delete_retention_policy(logGroupName=r.id),
        look=lambda logs, r: logs.describe_log_groups(logGroupNamePrefix=r.id)["logGroups"][0].get("retentionInDays"),
    ),
    Drift(
        name="the archive is opened to the public",
        service="s3",
        resource="-archive",
        type="BucketPublicAccessBlock",
        property="blockPublicPolicy",
        change=_open_bucket,
        look=lambda s3, r: s3.get_public_access_block(Bucket=_bucket(r))["PublicAccessBlockConfiguration"],
    ),
    Drift(
        name="anybody may become a node",
        service="iam",
        resource="-node",
        type="Role",
        property="assumeRolePolicy",
        change=_widen_trust,
        look=lambda iam, r: iam.get_role(RoleName=r.id)["Role"]["AssumeRolePolicyDocument"],
    ),
    Drift(
        name="the network gives no host names",
        service="ec2",
        resource="",
        type="Vpc",
        property="enableDnsHostnames",
        change=lambda ec2, r: ec2.modify_vpc_attribute(VpcId=r.id, EnableDnsHostnames={"Value": False}),
        look=lambda ec2, r: ec2.describe_vpc_attribute(VpcId=r.id, Attribute="enableDnsHostnames")[
            "EnableDnsHostnames"
        ],
    ),
    Drift(
        name="a shard keeps its backups for a day",
        service="rds",
        resource="-s00",
        type="Cluster",
        property="backupRetentionPeriod",
        change=lambda rds, r: rds.modify_db_cluster(DBClusterIdentifier=r.id, BackupRetentionPeriod=1),
        look=lambda rds, r: rds.describe_db_clusters(DBClusterIdentifier=r.id)["DBClusters"][0][
            "BackupRetentionPeriod"
        ],
    ),
    Drift(
        name="the shard map is edited by hand",
        service="ssm",
        resource="-shard-map",
        type="Parameter",
        property="insecureValue",
        change=lambda ssm, r: ssm.put_parameter(Name=r.id, Value="{}", Overwrite=True),
        look=lambda ssm, r: ssm.get_parameter(Name=r.id)["Parameter"]["Value"],
    ),
    Drift(
        name="an alarm is muted",
        service="cloudwatch",
        resource="-ledger-age",
        type="MetricAlarm",
        property="actionsEnabled",
        change=_mute,
        look=lambda alarms, r: _alarms(alarms, r)[0]["ActionsEnabled"],
    ),
    Drift(
        name="a rule delivers nothing",
        service="events",
        resource="-fraud",
        type="EventRule",
        property="state",
        change=lambda events, r: events.disable_rule(Name=r.outputs["name"], EventBusName=r.outputs["eventBusName"]),
        look=lambda events, r: events.describe_rule(Name=r.outputs["name"], EventBusName=r.outputs["eventBusName"])[
            "State"
        ],
    ),
    Drift(
        name="the load balancer passes on invalid headers",
        service="elbv2",
        resource="",
        type="LoadBalancer",
        property="dropInvalidHeaderFields",
        change=lambda elb, r: elb.modify_load_balancer_attributes(
            LoadBalancerArn=r.id, Attributes=[{"Key": DROP_INVALID, "Value": "false"}]
        ),
        look=lambda elb, r: _balancer_attributes(elb, r)[DROP_INVALID],
    ),
    Drift(
        name="the control plane writes no logs",
        service="eks",
        resource="",
        type="Cluster",
        property="enabledClusterLogTypes",
        change=lambda eks, r: eks.update_cluster_config(
            name=r.id,
            logging={"clusterLogging": [{"types": r.outputs["enabledClusterLogTypes"], "enabled": False}]},
        ),
        look=lambda eks, r: sorted(
            kind
            for setup in eks.describe_cluster(name=r.id)["cluster"]["logging"]["clusterLogging"]
            if setup["enabled"]
            for kind in setup["types"]
        ),
    ),
    Drift(
        name="a pipe is stopped",
        service="pipes",
        resource="-ledger",
        type="Pipe",
        property="desiredState",
        change=lambda pipes, r: pipes.stop_pipe(Name=r.outputs["name"]),
        look=lambda pipes, r: pipes.describe_pipe(Name=r.outputs["name"])["DesiredState"],
    ),
    Drift(
        # Not an alarm: each is named by a composite alarm, and CloudWatch refuses to delete it.
        name="a dashboard is deleted",
        service="cloudwatch",
        resource="-shard-s00",
        type="Dashboard",
        property=None,
        change=lambda boards, r: boards.delete_dashboards(DashboardNames=[r.id]),
        look=lambda boards, r: len(boards.list_dashboards(DashboardNamePrefix=r.id)["DashboardEntries"]),
    ),
)
