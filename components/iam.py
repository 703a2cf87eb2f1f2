"""IAM policy documents as typed values: what is known is named, and a wildcard has to be said aloud.

    policy(
        allow("Decrypt", ["kms:Decrypt"], [key_arn], when=via_service(["kinesis"], region, account_id)),
    )  # -> Output[str], canonical JSON

Resource ARNs, principals and condition values may be outputs. Identity policies name resources; resource policies
(`principal=` given) stand for the resource they are attached to and default to `"*"`, as KMS requires and S3 does not:
give S3, SQS and SNS statements their ARN.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pulumi

UNSCOPABLE = frozenset({
    "autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeAutoScalingInstances",
    "autoscaling:DescribeLaunchConfigurations", "autoscaling:DescribeScalingActivities", "autoscaling:DescribeTags",
    "cloudwatch:GetMetricData", "cloudwatch:PutMetricData", "ec2:DescribeAvailabilityZones", "ec2:DescribeDhcpOptions",
    "ec2:DescribeImages", "ec2:DescribeInstanceTypes", "ec2:DescribeInstances", "ec2:DescribeLaunchTemplateVersions",
    "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVolumes",
    "ec2:DescribeVpcs", "ecr:GetAuthorizationToken", "elasticloadbalancing:DescribeTargetGroups",
    "elasticloadbalancing:DescribeTargetHealth", "logs:DescribeLogGroups", "s3:ListAllMyBuckets",
    "secretsmanager:ListSecrets", "sts:GetCallerIdentity", "xray:PutTelemetryRecords", "xray:PutTraceSegments",
})  # fmt: skip
"""Actions for which IAM knows no resource type, so `"*"` is the only resource it accepts
(Service Authorization Reference, https://docs.aws.amazon.com/service-authorization/latest/reference/)."""

_SID = re.compile(r"[A-Za-z0-9]+")
_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9]+\*?")
_SERVICE = re.compile(r"[a-z0-9-]+:\*")

Condition = Mapping[str, Mapping[str, Any]]
"""`{"StringEquals": {"aws:SourceAccount": "123456789012"}}`; values may be outputs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Statement:
    """One statement of a policy document; made by `allow` and `deny`, which check it."""

    sid: str
    effect: Literal["Allow", "Deny"]
    actions: Sequence[str]
    resources: Sequence[pulumi.Input[str]]
    principal: Any = None
    when: Condition | None = None
    not_actions: Sequence[str] = ()
    """Of a Deny: everything but these, in place of `actions`."""

    def document(self) -> dict[str, Any]:
        """The statement in IAM's JSON shape, outputs still inside."""
        body: dict[str, Any] = {"Sid": self.sid, "Effect": self.effect}
        if self.principal is not None:
            body["Principal"] = self.principal
        if self.not_actions:
            body["NotAction"] = list(self.not_actions)
        else:
            body["Action"] = list(self.actions)
        body["Resource"] = self.resources[0] if len(self.resources) == 1 else list(self.resources)
        if self.when:
            body["Condition"] = {operator: dict(keys) for operator, keys in self.when.items()}
        return body


def allow(
    sid: str,
    actions: Sequence[str],
    resources: Sequence[pulumi.Input[str]] = (),
    *,
    principal: Any = None,
    when: Condition | None = None,
) -> Statement:
    """An Allow. Without `principal` (an identity policy) resources must be named, unless every action is `UNSCOPABLE`.

    Raises `ValueError` for a malformed Sid, `*` as action (`service:*` too, but for an endpoint policy: principal and
    condition given), a bare `*` resource in an identity policy, and a bare `*` principal without a condition.
    """
    if not _SID.fullmatch(sid):
        raise ValueError(f"iam.{sid}: a Sid has letters and digits only")
    guardrail = principal is not None and when
    for action in actions:
        if not (_ACTION.fullmatch(action) or (guardrail and _SERVICE.fullmatch(action))):
            raise ValueError(f"iam.{sid}.actions: {action!r} is not service:Action; list the actions that are needed")
    if principal is None:
        scoped = [action for action in actions if action not in UNSCOPABLE]
        if (not resources or "*" in [r for r in resources if isinstance(r, str)]) and scoped:
            raise ValueError(f"iam.{sid}.resources: {scoped[0]} acts on a known resource; name its ARN instead of '*'")
    elif principal in ("*", {"AWS": "*"}) and not when:
        raise ValueError(f"iam.{sid}.principal: an Allow to everybody needs a condition such as kms:CallerAccount")
    return Statement(
        sid=sid, effect="Allow", actions=actions, resources=resources or ("*",), principal=principal, when=when
    )


def deny(
    sid: str,
    actions: Sequence[str] = (),
    resources: Sequence[pulumi.Input[str]] = ("*",),
    *,
    not_actions: Sequence[str] = (),
    principal: Any = None,
    when: Condition | None = None,
) -> Statement:
    """A Deny of `actions`, or of all but `not_actions`; the wildcards that an Allow may not have are welcome here."""
    if not _SID.fullmatch(sid):
        raise ValueError(f"iam.{sid}: a Sid has letters and digits only")
    if bool(actions) == bool(not_actions):
        raise ValueError(f"iam.{sid}.actions: name what is denied, either by actions or by not_actions")
    return Statement(
        sid=sid,
        effect="Deny",
        actions=actions,
        resources=resources,
        principal=principal,
        when=when,
        not_actions=not_actions,
    )


def ceiling(sid: str) -> Statement:
    """The Allow of everything that a permissions boundary begins with: it grants nothing, its Denies count."""
    return Statement(sid=sid, effect="Allow", actions=["*"], resources=["*"])


def document(*statements: Statement) -> dict[str, Any]:
    """The policy document, outputs still inside. Raises `ValueError` when two statements share a Sid."""
    sids = [statement.sid for statement in statements]
    if len(set(sids)) != len(sids):
        raise ValueError(f"iam.policy: statement ids repeat in {sids}; each Sid stands for one reason")
    return {"Version": "2012-10-17", "Statement": [statement.document() for statement in statements]}


def policy(*statements: Statement) -> pulumi.Output[str]:
    """The policy document as JSON with sorted keys, so that the same statements never differ in state.

    Raises `ValueError` when two statements share a Sid.
    """
    body = document(*statements)
    return pulumi.Output.from_input(body).apply(lambda resolved: json.dumps(resolved, sort_keys=True))


def service(principal: str) -> Mapping[str, str]:
    """A service as principal: `service("pods.eks")` -> `{"Service": "pods.eks.amazonaws.com"}`."""
    return {"Service": f"{principal}.amazonaws.com"}


def trust(
    principal: str | Mapping[str, str], *, actions: Sequence[str] = ("sts:AssumeRole",), when: Condition | None = None
) -> pulumi.Output[str]:
    """Trust policy of a role that the service `principal` ("eks", "vpc-flow-logs"), or a principal in IAM's own form,
    assumes."""
    trusted = service(principal) if isinstance(principal, str) else principal
    statement = Statement(sid="Trust", effect="Allow", actions=actions, resources=(), principal=trusted, when=when)
    body = statement.document()
    del body["Resource"]  # a trust policy stands for its role: IAM refuses Resource here
    document = {"Version": "2012-10-17", "Statement": [body]}
    return pulumi.Output.from_input(document).apply(lambda resolved: json.dumps(resolved, sort_keys=True))


def from_source(account_id: pulumi.Input[str], *arns_like: pulumi.Input[str]) -> Condition:
    """Condition that a service acts for this account, and for one of these source ARNs (patterns) where they are known
    (https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html)."""
    condition: dict[str, dict[str, Any]] = {"StringEquals": {"aws:SourceAccount": account_id}}
    if arns_like:
        condition["ArnLike"] = {"aws:SourceArn": arns_like[0] if len(arns_like) == 1 else list(arns_like)}
    return condition


def via_service(services: Sequence[str], region: str, account_id: pulumi.Input[str]) -> Condition:
    """Condition that a key is used by this account and through these services of this region only
    (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html)."""
    endpoints = [f"{name}.{region}.amazonaws.com" for name in services]
    return {
        "StringEquals": {
            "kms:CallerAccount": account_id,
            "kms:ViaService": endpoints[0] if len(endpoints) == 1 else endpoints,
        }
    }


def deny_insecure_transport(action: str, resources: Sequence[pulumi.Input[str]]) -> Statement:
    """The Deny of plain HTTP in a bucket, queue or topic policy; `action` is what the service accepts there
    (`"s3:*"`, `"sqs:*"`, `"sns:Publish"`)."""
    return deny(
        "DenyInsecureTransport",
        [action],
        resources,
        principal={"AWS": "*"},
        when={"Bool": {"aws:SecureTransport": "false"}},
    )
