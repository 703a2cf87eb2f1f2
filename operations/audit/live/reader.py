"""How the resources of one type are read from a live account: as the properties that Pulumi's provider gives them.

A reader is a generator over one region. It asks through ``Region`` and yields a ``Live`` for each resource; where a
call is refused it lets ``NotObservedError`` pass, and the whole type is not observed there, or puts ``Unread`` in place
of the one value (``Region.field``).
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from operations.audit.live.ownership import OWNED
from operations.audit.live.question import Question
from operations.audit.live.region import Region, Unread
from policies.resources import NotObservedError

READERS: dict[str, "Reader"] = {}
"""Pulumi type -> its reader; filled when the modules of this package are imported."""

READ_AS: dict[str, str] = {
    "aws:alb/listener:Listener": "aws:lb/listener:Listener",
    "aws:alb/listenerRule:ListenerRule": "aws:lb/listenerRule:ListenerRule",
    "aws:alb/loadBalancer:LoadBalancer": "aws:lb/loadBalancer:LoadBalancer",
    "aws:alb/targetGroup:TargetGroup": "aws:lb/targetGroup:TargetGroup",
    "aws:alb/targetGroupAttachment:TargetGroupAttachment": "aws:lb/targetGroupAttachment:TargetGroupAttachment",
    "aws:cloudwatch/eventPermission:EventPermission": "aws:cloudwatch/eventBusPolicy:EventBusPolicy",
    "aws:dynamodb/tableReplica:TableReplica": "aws:dynamodb/table:Table",
    "aws:ec2/defaultRouteTable:DefaultRouteTable": "aws:ec2/routeTable:RouteTable",
    "aws:ec2/defaultSubnet:DefaultSubnet": "aws:ec2/subnet:Subnet",
    "aws:ec2/vpcEndpointPolicy:VpcEndpointPolicy": "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:iam/groupPoliciesExclusive:GroupPoliciesExclusive": "aws:iam/groupPolicy:GroupPolicy",
    "aws:iam/groupPolicyAttachmentsExclusive:GroupPolicyAttachmentsExclusive": (
        "aws:iam/groupPolicyAttachment:GroupPolicyAttachment"
    ),
    "aws:iam/policyAttachment:PolicyAttachment": "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:iam/rolePoliciesExclusive:RolePoliciesExclusive": "aws:iam/rolePolicy:RolePolicy",
    "aws:iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive": (
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    ),
    "aws:iam/userPoliciesExclusive:UserPoliciesExclusive": "aws:iam/userPolicy:UserPolicy",
    "aws:iam/userPolicyAttachmentsExclusive:UserPolicyAttachmentsExclusive": (
        "aws:iam/userPolicyAttachment:UserPolicyAttachment"
    ),
    "aws:kms/keyPolicy:KeyPolicy": "aws:kms/key:Key",
    "aws:rds/proxyDefaultTargetGroup:ProxyDefaultTargetGroup": "aws:rds/proxy:Proxy",
    "aws:sqs/redriveAllowPolicy:RedriveAllowPolicy": "aws:sqs/queue:Queue",
    "aws:sqs/redrivePolicy:RedrivePolicy": "aws:sqs/queue:Queue",
}
"""Types that only declare, in another way, what another type shows live, by name."""


NOT_READ: dict[str, str] = {
    "aws:acm/certificateValidation:CertificateValidation": "a wait that leaves nothing but the certificate",
    "aws:ec2/securityGroupRule:SecurityGroupRule": "shown live as its rules, one by one",
    "aws:secretsmanager/secretVersion:SecretVersion": (
        "each rotation and each new key makes a version, as it should, and its value is read by no audit"
    ),
    "aws:wafv2/webAclRule:WebAclRule": "shown live within its web ACL",
    "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition": (
        "add-ons bring their own, and a definition of a type holds nothing"
    ),
    "kubernetes:core/v1:Secret": "the role of an audit cannot read secrets, and a list of them has their values",
    "kubernetes:elbv2.k8s.aws/v1beta1:TargetGroupBinding": "an audit asks for types of Kubernetes itself only",
}
"""Types of this project, or that controls speak of, which no reader shows -> why, by name."""


def shown_as(type_: str) -> str:
    """The type that shows live what this type declares."""
    return READ_AS.get(type_, type_)


class LiveProps(Mapping[str, Any]):
    """Properties of a live resource. What could not be read raises ``NotObservedError`` for whoever looks at it."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> Any:
        return _seen(self._values[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)


def _seen(value: Any) -> Any:
    if isinstance(value, Unread):
        raise NotObservedError(value.reason)
    return LiveProps(value) if isinstance(value, dict) else value


@dataclass(frozen=True, kw_only=True, slots=True)
class Live:
    """One resource as the account has it."""

    id: str
    """As `pulumi import` takes it, which is the `id` in a state."""
    name: str = ""
    """For people; "" takes the id."""
    props: Mapping[str, Any]
    """In Pulumi's words: `enableKeyRotation`, not `KeyRotationEnabled`. What AWS leaves out is left out."""
    region: str = ""
    """Where it is, for types that are listed once for all regions; "" takes the region that was asked."""
    made_by_aws: str = ""
    """Name in ``ownership.OWNED`` where AWS made it; "" for what somebody else made."""

    def __post_init__(self) -> None:
        if self.made_by_aws and self.made_by_aws not in OWNED:
            raise ValueError(f"{self.made_by_aws}: not in the ownership table")


@dataclass(frozen=True, kw_only=True, slots=True)
class Reader:
    """The reader of one type."""

    type: str
    read: Callable[[Region], Iterator[Live]]
    source: Question
    """The list call that its population comes from."""
    everywhere: bool = True
    """Asked in every enabled region; False: once, for what AWS keeps for all regions."""
    placeless: bool = False
    """Kept for all regions, though a state names one: that through which it was made."""
    identity: tuple[str, ...] = ()
    """Properties by which state and account know the same resource, where the id in a state is made up by the
    provider. () takes the id."""

    def __post_init__(self) -> None:
        if READERS.setdefault(self.type, self) is not self:
            raise ValueError(f"{self.type}: two readers")
