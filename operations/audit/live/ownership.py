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
    "root user": Owned(
        recognised="every account has one",
        page="https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html",
        seen=date(2026, 11, 29),
    ),
}
"""Name -> rule, by name."""
