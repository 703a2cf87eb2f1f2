"""Whether a session of a role may make a call: AWS's evaluation over all kinds of policies.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic_policy-eval-basics.html
Service and resource control policies and the policies of VPC endpoints are not evaluated here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from moto.kms.models import kms_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from sandbox.aws.iam.evaluator import Call, Decision, decide, decide_all
from sandbox.aws.iam.sessions import Document, Principal, parsed, role_of

Values = Mapping[str, str | Sequence[str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Need:
    """One permission that a request needs."""

    action: str
    resource: str = "*"
    context: Values = field(default_factory=dict)
    """Condition keys of the request."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """Why not, in AWS's words."""

    principal: str
    need: Need
    reason: str

    @property
    def message(self) -> str:
        """https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot_access-denied.html"""
        return (
            f"User: {self.principal} is not authorized to perform: {self.need.action} on resource: "
            f"{self.need.resource} {self.reason}"
        )


def judge(principal: Principal, need: Need, region: str) -> Refusal | None:
    """None where the call is allowed."""
    owner, policy = resource_policy(need.resource)
    owner = owner or principal.account
    context = {**_environment(region), **principal.context(), "aws:ResourceAccount": owner, **need.context}
    call = Call(
        action=need.action,
        resource=need.resource,
        principal=principal.arn,
        role=principal.role.arn,
        context=context,
    )
    reason = _refused(principal, call, policy, foreign=owner != principal.account)
    return Refusal(principal=principal.arn, need=need, reason=reason) if reason else None


def judge_service(service: str, need: Need, context: Values) -> Refusal | None:
    """The same for a service that acts on its own, without a role: the resource's policy alone decides."""
    _, policy = resource_policy(need.resource)
    everything = {**_environment(), "aws:PrincipalIsAWSService": "true", **need.context, **context}
    call = Call(action=need.action, resource=need.resource, principal=service, context=everything)
    if policy is not None and decide(policy, call) is Decision.ALLOWED:
        return None
    return Refusal(principal=service, need=need, reason=_lacking("resource-based policy", need.action))


def _refused(principal: Principal, call: Call, policy: Document | None, *, foreign: bool) -> str | None:
    identity = decide_all(principal.identity(), call)
    if identity is Decision.DENIED:
        return _denied("identity-based policy")
    by_resource = decide(policy, call) if policy is not None else Decision.NOT_ALLOWED
    if by_resource is Decision.DENIED:
        return _denied("resource-based policy")
    for kind, limit in principal.limits():
        said = decide(limit, call)
        if said is not Decision.ALLOWED:
            return _denied(kind) if said is Decision.DENIED else _lacking(kind, call.action)
    # A key or a role is opened by its own policy only, which may hand the question on to the account's policies.
    needs_both = foreign or (call.action.startswith(("kms:", "sts:")) and policy is not None)
    if needs_both and by_resource is not Decision.ALLOWED:
        return _lacking("resource-based policy", call.action)
    if identity is Decision.ALLOWED:
        return None
    direct = policy is not None and decide(policy, replace(call, account_counts=False)) is Decision.ALLOWED
    return None if direct and not foreign else _lacking("identity-based policy", call.action)


def _denied(kind: str) -> str:
    return f"with an explicit deny in {'an' if kind[0] in 'aei' else 'a'} {kind}"


def _lacking(kind: str, action: str) -> str:
    return f"because no {kind} allows the {action} action"


def resource_policy(arn: str) -> tuple[str | None, Document | None]:
    """Owner and policy of a resource (of a role: whom it trusts); None where it has none or takes none here."""
    _, _, service, region, account, name = [*arn.split(":", 5), *([""] * 6)][:6]
    if service == "s3":
        return _bucket(name.partition("/")[0])
    text = None
    if service == "kms" and (key := kms_backends[account][region].keys.get(name.removeprefix("key/"))):
        text = key.policy
    elif service == "sqs" and (queue := sqs_backends[account][region].queues.get(name)):
        text = queue.policy
    elif service == "secretsmanager":
        secret = secretsmanager_backends[account][region].secrets.get(arn)
        text = secret.policy if secret else None
    elif service == "iam" and name.startswith("role/"):
        role = role_of(arn)
        text = role.assume_role_policy_document if role else None
    elif service == "sns" and (topic := sns_backends[account][region].topics.get(arn)):
        text = topic.policy
    return account or None, parsed(text) if text else None


def _bucket(name: str) -> tuple[str | None, Document | None]:
    partition, account = s3_backends.bucket_accounts.get(name, ("aws", None))
    bucket = s3_backends[account][partition].buckets.get(name) if account else None
    if bucket is None or not bucket.policy:
        return account, None
    text = bucket.policy
    return account, parsed(text.decode() if isinstance(text, bytes) else text)


def _environment(region: str | None = None) -> dict[str, str]:
    """Keys that are the same for every request. Loopback without TLS stands for HTTPS."""
    now = datetime.now(UTC)
    return {
        "aws:CurrentTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(now.timestamp())),
        "aws:SecureTransport": "true",
        "aws:SourceIp": "127.0.0.1",
        "aws:ViaAWSService": "false",
        **({"aws:RequestedRegion": region} if region else {}),
    }
