"""What AWS makes by itself in an account: no drift, and nothing that a stack has forgotten."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True, slots=True)
class Owned:
    """A kind of thing that AWS makes, and how it is recognised."""

    recognised: str
    page: str
    """AWS's documentation that says so."""
    seen: date


OWNED: dict[str, Owned] = {
    "AWS managed key": Owned(
        recognised="KeyManager is AWS",
        page="https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk",
        seen=date(2026, 11, 29),
    ),
    "default event bus": Owned(
        recognised="its name is default",
        page="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-event-bus.html",
        seen=date(2026, 11, 29),
    ),
    "default topic policy": Owned(
        recognised="its Id is __default_policy_ID",
        page="https://docs.aws.amazon.com/sns/latest/dg/sns-using-identity-based-policies.html",
        seen=date(2026, 11, 29),
    ),
    "recorder linked to a service": Owned(
        recognised="its name begins with AWSConfigurationRecorderFor",
        page="https://docs.aws.amazon.com/config/latest/APIReference/API_ConfigurationRecorder.html",
        seen=date(2026, 11, 29),
    ),
    "role of IAM Identity Center": Owned(
        recognised="its path begins with /aws-reserved/sso.amazonaws.com/",
        page="https://docs.aws.amazon.com/singlesignon/latest/userguide/using-service-linked-roles.html",
        seen=date(2026, 11, 29),
    ),
    "rule managed by a service": Owned(
        recognised="ManagedBy names the service",
        page="https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rules.html",
        seen=date(2026, 11, 29),
    ),
    "service-linked role": Owned(
        recognised="its path begins with /aws-service-role/",
        page="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html",
        seen=date(2026, 11, 29),
    ),
}
"""Name -> rule, by name."""
