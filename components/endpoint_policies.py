"""What may pass a VPC endpoint: own principals to the cell's own resources, and the few of AWS's that nodes need.

An endpoint policy allows nothing by itself: it is a ceiling over the policies of principal and resource. Rules of its
own (https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html, read 2026-11-23): at most 20,480
characters, and no wildcard in `aws:PrincipalAccount` and its like. AWS's own resources are those of its examples for a
data perimeter (https://github.com/aws-samples/data-perimeter-policy-examples, read 2026-11-23).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from components.iam import Condition, Statement, allow

MAX_POLICY_CHARACTERS = 20_480
"""White space included (https://docs.aws.amazon.com/vpc/latest/privatelink/vpc-endpoints-access.html)."""

EKS_REGISTRIES: Final[Mapping[str, str]] = {
    "ap-southeast-4": "491585149902",
    "eu-south-1": "590381155156",
    "eu-south-2": "455263428931",
}
"""Region -> account of the images of EKS add-ons; the others have `EKS_REGISTRY`
(https://docs.aws.amazon.com/eks/latest/userguide/add-ons-images.html, read 2026-11-23)."""

EKS_REGISTRY = "602401143452"

NODE_BUCKETS: Final[Sequence[str]] = (
    "prod-{region}-starport-layer-bucket",
    "al2023-repos-{region}-de612dc2",
    "amazon-ssm-{region}",
    "amazon-ssm-packages-{region}",
    "aws-ssm-{region}",
    "aws-ssm-document-attachments-{region}",
    "patch-baseline-snapshot-{region}",
    "{region}-birdwatcher-prod",
)
"""AWS's buckets that nodes read: layers of images
(https://docs.aws.amazon.com/AmazonECR/latest/userguide/vpc-endpoints.html#ecr-setting-up-s3-gateway), packages of
Amazon Linux 2023 (https://docs.aws.amazon.com/linux/al2023/ug/managing-repos-os-updates.html), updates and documents of
the SSM agent (https://docs.aws.amazon.com/systems-manager/latest/userguide/ssm-agent-technical-details.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class EndpointSpec:
    """What the endpoint policy of one service says."""

    actions: str
    """IAM prefix of the service's actions, which differs from the endpoint's name here and there."""
    resources: Sequence[str] = ("*",)
    """ARNs of the cell's resources; `{region}`, `{account}` and `{cell}` are filled in. "*" where the calls that go
    through the endpoint name no resource; the account's condition holds there too."""
    unnamed: Sequence[str] = ()
    """Actions beside those on `resources` that have no resource
    (https://docs.aws.amazon.com/service-authorization/latest/reference/)."""
    source: str | None = None
    """Page that shows a policy on this endpoint. None: not confirmed, see `docs/components/network.md`."""


_GUIDE = "https://docs.aws.amazon.com"

INTERFACES: Final[Mapping[str, EndpointSpec]] = {
    # What the cell's own controllers call (`components/controller_roles.py`).
    "autoscaling": EndpointSpec(
        actions="autoscaling",
        resources=("arn:aws:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/eks-*",),
        unnamed=(
            "autoscaling:DescribeAutoScalingGroups",
            "autoscaling:DescribeAutoScalingInstances",
            "autoscaling:DescribeLaunchConfigurations",
            "autoscaling:DescribeScalingActivities",
            "autoscaling:DescribeTags",
        ),
        source=f"{_GUIDE}/autoscaling/ec2/userguide/ec2-auto-scaling-vpc-endpoints.html",
    ),
    "ec2": EndpointSpec(actions="ec2", source=f"{_GUIDE}/AWSEC2/latest/UserGuide/interface-vpc-endpoints.html"),
    "ecr.api": EndpointSpec(
        actions="ecr",
        resources=("arn:aws:ecr:{region}:{account}:repository/*",),
        unnamed=("ecr:GetAuthorizationToken",),
        source=f"{_GUIDE}/AmazonECR/latest/userguide/vpc-endpoints.html",
    ),
    "ecr.dkr": EndpointSpec(
        actions="ecr",
        resources=("arn:aws:ecr:{region}:{account}:repository/*",),
        unnamed=("ecr:GetAuthorizationToken",),
        source=f"{_GUIDE}/AmazonECR/latest/userguide/vpc-endpoints.html",
    ),
    "eks": EndpointSpec(
        actions="eks",
        resources=("arn:aws:eks:{region}:{account}:cluster/{cell}", "arn:aws:eks:{region}:{account}:*/{cell}/*"),
        source=f"{_GUIDE}/eks/latest/userguide/vpc-interface-endpoints.html",
    ),
    "eks-auth": EndpointSpec(actions="eks-auth", resources=("arn:aws:eks:{region}:{account}:cluster/{cell}",)),
    "elasticloadbalancing": EndpointSpec(
        actions="elasticloadbalancing",
        resources=("arn:aws:elasticloadbalancing:{region}:{account}:targetgroup/{cell}*",),
        unnamed=("elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"),
        source=f"{_GUIDE}/elasticloadbalancing/latest/userguide/load-balancer-vpc-endpoints.html",
    ),
    "events": EndpointSpec(
        actions="events",
        resources=(
            "arn:aws:events:{region}:{account}:event-bus/{cell}",
            "arn:aws:events:{region}:{account}:event-bus/{cell}-*",
        ),
        source=f"{_GUIDE}/eventbridge/latest/userguide/eb-related-service-vpc.html",
    ),
    "kinesis-streams": EndpointSpec(
        actions="kinesis",
        resources=("arn:aws:kinesis:{region}:{account}:stream/{cell}-*",),
        source=f"{_GUIDE}/streams/latest/dev/vpc.html",
    ),
    "kms": EndpointSpec(
        actions="kms",
        # Keys are named by ids that exist only later; their own policies name the cell's roles.
        resources=("arn:aws:kms:{region}:{account}:key/*", "arn:aws:kms:{region}:{account}:alias/{cell}/*"),
        source=f"{_GUIDE}/kms/latest/developerguide/vpce-policy-condition.html",
    ),
    "logs": EndpointSpec(
        actions="logs",
        resources=(
            "arn:aws:logs:{region}:{account}:log-group:/payment-cell/{cell}/*",
            "arn:aws:logs:{region}:{account}:log-group:/aws/*/{cell}/*",
        ),
        unnamed=("logs:DescribeLogGroups",),
        source=f"{_GUIDE}/AmazonCloudWatch/latest/logs/cloudwatch-logs-and-interface-VPC.html",
    ),
    "monitoring": EndpointSpec(
        actions="cloudwatch",
        source=f"{_GUIDE}/AmazonCloudWatch/latest/monitoring/cloudwatch-and-interface-VPC.html",
    ),
    "secretsmanager": EndpointSpec(
        actions="secretsmanager",
        resources=("arn:aws:secretsmanager:{region}:{account}:secret:{cell}-*",),
        source=f"{_GUIDE}/secretsmanager/latest/userguide/vpc-endpoint-overview.html",
    ),
    "sns": EndpointSpec(
        actions="sns",
        resources=("arn:aws:sns:{region}:{account}:{cell}-*",),
        source=f"{_GUIDE}/sns/latest/dg/sns-internetwork-traffic-privacy.html",
    ),
    "sqs": EndpointSpec(
        actions="sqs",
        resources=("arn:aws:sqs:{region}:{account}:{cell}-*",),
        source=f"{_GUIDE}/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-internetwork-traffic-privacy.html",
    ),
    "ssm": EndpointSpec(actions="ssm", source=f"{_GUIDE}/systems-manager/latest/userguide/setup-create-vpc.html"),
    "ssmmessages": EndpointSpec(actions="ssmmessages"),
    "sts": EndpointSpec(
        actions="sts",
        resources=("arn:aws:iam::{account}:role/{cell}-*",),
        unnamed=("sts:GetCallerIdentity",),
        source=f"{_GUIDE}/IAM/latest/UserGuide/reference_sts_vpc_endpoint_create.html",
    ),
}
"""Endpoint name (after `com.amazonaws.<region>.`) -> policy. What nodes, pods and the operator's tunnel call."""

GATEWAYS: Final[Mapping[str, EndpointSpec]] = {
    "s3": EndpointSpec(
        actions="s3",
        resources=("arn:aws:s3:::{cell}-*",),
        source=f"{_GUIDE}/vpc/latest/privatelink/vpc-endpoints-s3.html",
    ),
    "dynamodb": EndpointSpec(
        actions="dynamodb",
        resources=("arn:aws:dynamodb:{region}:{account}:table/{cell}-*",),
        source=f"{_GUIDE}/vpc/latest/privatelink/vpc-endpoints-ddb.html",
    ),
}
"""Endpoints that are routes: they cost nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Perimeter:
    """Whose principals and resources are ours."""

    cell: str
    """First part of the names of the cell's resources."""
    region: str
    account_id: str
    organization_id: str | None = None
    """Where the account is a member of one, its principals and resources are trusted instead of the account's only:
    shared registries, buckets under the cell's name, an account for security."""

    def conditions(self) -> Condition:
        """Own principals on own resources, by the keys that AWS's default policy for a data perimeter has."""
        if self.organization_id is not None:
            key, value = "OrgID", self.organization_id
        else:
            key, value = "Account", self.account_id
        return {"StringEquals": {f"aws:Principal{key}": value, f"aws:Resource{key}": value}}

    def principals(self) -> Condition:
        """Own principals, whatever they act on."""
        return {"StringEquals": {k: v for k, v in self.conditions()["StringEquals"].items() if "Principal" in k}}

    def fill(self, templates: Sequence[str], *, shared: bool = False) -> list[str]:
        """ARNs of templates; of any account of the organisation where `shared`."""
        account = "*" if shared and self.organization_id is not None else self.account_id
        return [text.format(region=self.region, account=account, cell=self.cell) for text in templates]


def statements(service: str, spec: EndpointSpec, perimeter: Perimeter) -> list[Statement]:
    """The statements of one endpoint's policy."""
    everyone = {"AWS": "*"}
    own = allow(
        "OwnResources",
        [f"{spec.actions}:*"],
        perimeter.fill(spec.resources, shared=spec.actions == "ecr"),
        principal=everyone,
        when=perimeter.conditions(),
    )
    found = [own]
    if spec.unnamed:
        found.append(allow("NoResource", spec.unnamed, ["*"], principal=everyone, when=perimeter.principals()))
    return [*found, *_of_aws(service, perimeter)]


def _of_aws(service: str, perimeter: Perimeter) -> list[Statement]:
    """AWS's own resources, to read: their account is not ours."""
    everyone, region = {"AWS": "*"}, perimeter.region
    match service:
        case "s3":
            # ECR signs the URLs of layers itself and dnf signs nothing, so the principal is not ours.
            buckets = [f"arn:aws:s3:::{name}/*" for name in perimeter.fill(NODE_BUCKETS)]
            secure = {"Bool": {"aws:SecureTransport": "true"}}
            return [allow("BucketsOfAws", ["s3:GetObject"], buckets, principal=everyone, when=secure)]
        case "ecr.api" | "ecr.dkr":
            pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
            registry = f"arn:aws:ecr:{region}:{EKS_REGISTRIES.get(region, EKS_REGISTRY)}:repository/*"
            return [allow("ImagesOfAws", pull, [registry], principal=everyone, when=perimeter.principals())]
        case "ssm":
            read = ["ssm:Describe*", "ssm:Get*", "ssm:List*", "ssm:StartSession"]
            theirs = [f"arn:aws:ssm:{region}::document/*", f"arn:aws:ssm:{region}::parameter/aws/*"]
            return [allow("DocumentsOfAws", read, theirs, principal=everyone, when=perimeter.principals())]
    return []
