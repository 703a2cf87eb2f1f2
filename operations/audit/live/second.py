"""A second source of populations: what the tagging API shows in a region, counted by type.

It shows only what carries a tag or once did, so it is often lower than a list of the service; where it is higher, the
list of the service left something out
(https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html).
"""

from collections import Counter
from collections.abc import Mapping

from operations.audit.live.question import Question
from operations.audit.live.region import Region

RESOURCES = Question(
    service="resourcegroupstaggingapi",
    operation="get_resources",
    keep=("ResourceTagMappingList.ResourceARN",),
    items="ResourceTagMappingList",
    action="tag:GetResources",
)

TYPES: Mapping[str, str] = {
    "acm:certificate/": "aws:acm/certificate:Certificate",
    "backup:backup-plan:": "aws:backup/plan:Plan",
    "backup:backup-vault:": "aws:backup/vault:Vault",
    "cloudtrail:trail/": "aws:cloudtrail/trail:Trail",
    "dynamodb:table/": "aws:dynamodb/table:Table",
    "ec2:instance/": "aws:ec2/instance:Instance",
    "ec2:internet-gateway/": "aws:ec2/internetGateway:InternetGateway",
    "ec2:launch-template/": "aws:ec2/launchTemplate:LaunchTemplate",
    "ec2:natgateway/": "aws:ec2/natGateway:NatGateway",
    "ec2:route-table/": "aws:ec2/routeTable:RouteTable",
    "ec2:subnet/": "aws:ec2/subnet:Subnet",
    "ec2:volume/": "aws:ebs/volume:Volume",
    "ec2:vpc-endpoint/": "aws:ec2/vpcEndpoint:VpcEndpoint",
    "ec2:vpc-flow-log/": "aws:ec2/flowLog:FlowLog",
    "ec2:vpc/": "aws:ec2/vpc:Vpc",
    "ecr:repository/": "aws:ecr/repository:Repository",
    "eks:cluster/": "aws:eks/cluster:Cluster",
    "elasticfilesystem:file-system/": "aws:efs/fileSystem:FileSystem",
    "elasticloadbalancing:loadbalancer/app/": "aws:lb/loadBalancer:LoadBalancer",
    "elasticloadbalancing:loadbalancer/gwy/": "aws:lb/loadBalancer:LoadBalancer",
    "elasticloadbalancing:loadbalancer/net/": "aws:lb/loadBalancer:LoadBalancer",
    "elasticloadbalancing:targetgroup/": "aws:lb/targetGroup:TargetGroup",
    "events:event-bus/": "aws:cloudwatch/eventBus:EventBus",
    "events:rule/": "aws:cloudwatch/eventRule:EventRule",
    "firehose:deliverystream/": "aws:kinesis/firehoseDeliveryStream:FirehoseDeliveryStream",
    "kinesis:stream/": "aws:kinesis/stream:Stream",
    "kms:key/": "aws:kms/key:Key",
    "lambda:function:": "aws:lambda/function:Function",
    "logs:log-group:": "aws:cloudwatch/logGroup:LogGroup",
    "oam:link/": "aws:oam/link:Link",
    "oam:sink/": "aws:oam/sink:Sink",
    "pipes:pipe/": "aws:pipes/pipe:Pipe",
    "rds:cluster:": "aws:rds/cluster:Cluster",
    "rds:db-proxy:": "aws:rds/proxy:Proxy",
    "secretsmanager:secret:": "aws:secretsmanager/secret:Secret",
    "ssm:parameter/": "aws:ssm/parameter:Parameter",
    "wafv2:regional/webacl/": "aws:wafv2/webAcl:WebAcl",
}
"""Service and beginning of the resource in an ARN -> type, as of 2026-11-29
(https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html,
"Resource types defined by" each service). Left out is what an ARN does not tell apart: instances of clusters and
others, metric and composite alarms, security groups and default ones, a multi-region key and its replicas."""

WHOLE: Mapping[str, str] = {
    "s3": "aws:s3/bucket:Bucket",
    "sns": "aws:sns/topic:Topic",
    "sqs": "aws:sqs/queue:Queue",
}
"""Service -> type whose ARN ends in a bare name, without ``/`` and ``:``."""

SHARED = "kms:key/mrk-"
"""How keys begin that may be a replica (https://docs.aws.amazon.com/kms/latest/developerguide/mrk-how-it-works.html)."""


def second_counts(region: Region) -> Mapping[str, int]:
    """Type -> how many of it this region shows, for types of ``TYPES`` and ``WHOLE`` that it shows. Raises
    NotObservedError."""
    listed = {item["ResourceARN"] for item in region.pages(RESOURCES)}
    return Counter(type_ for arn in listed if (type_ := _type(arn)))


def _type(arn: str) -> str | None:
    parts = arn.split(":", 5)
    if len(parts) < 6 or parts[0] != "arn":
        return None
    service, resource = parts[2], parts[5]
    if not set("/:") & set(resource):
        return WHOLE.get(service)
    word = f"{service}:{resource}"
    if word.startswith(SHARED):
        return None
    return next((type_ for start, type_ in TYPES.items() if word.startswith(start)), None)
