"""Sessions of roles: who has an access key, and which policies bind it.

A role that an AWS service assumes (EKS for pods, EventBridge for pipes) is a workload's, and what its sessions do is
evaluated. Roles of people and pipelines, which trust accounts or an identity provider, deploy: they are not.
"""

import functools
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.core.utils import utcnow
from moto.iam.models import Role, iam_backends
from moto.sts.models import AssumedRole, sts_backends

PARTITION = "aws"

Document = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """A session of a role, as an evaluation sees it."""

    arn: str
    role: Role
    tags: Mapping[str, str] = field(default_factory=dict)
    """Session tags; those of the role itself are below them."""
    session_policy: str | None = None

    @property
    def account(self) -> str:
        return str(self.role.account_id)

    def identity(self) -> list[Document]:
        """Inline and attached policies."""
        texts = [*self.role.policies.values(), *(text_of(one) for one in self.role.managed_policies.values())]
        return [parsed(text) for text in texts]

    def limits(self) -> list[tuple[str, Document]]:
        """What grants nothing and has to allow too: permissions boundary and session policy, by AWS's name for it."""
        found = []
        if arn := self.role.permissions_boundary_arn:
            boundary = iam_backends[self.account][PARTITION].managed_policies.get(arn)
            # A boundary that is gone allows nothing.
            found.append(("permissions boundary", parsed(text_of(boundary)) if boundary else {"Statement": []}))
        if self.session_policy:
            found.append(("session policy", parsed(self.session_policy)))
        return found

    def context(self) -> dict[str, str]:
        """The condition keys that describe the principal
        (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html)."""
        tags = {**{tag["Key"]: tag["Value"] for tag in self.role.tags or ()}, **self.tags}
        return {
            "aws:PrincipalArn": self.role.arn,
            "aws:PrincipalAccount": self.account,
            "aws:PrincipalType": "AssumedRole",
            "aws:PrincipalIsAWSService": "false",
            "aws:userid": f"{self.role.id}:{self.arn.rpartition('/')[2]}",
            **{f"aws:PrincipalTag/{key}": value for key, value in tags.items()},
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Session:
    """Temporary credentials that STS gave out."""

    principal: Principal
    token: str
    expiration: datetime

    @property
    def expired(self) -> bool:
        return bool(self.expiration < utcnow())


class Sessions:
    """Access key -> session, over all accounts."""

    def __init__(self) -> None:
        self._known: dict[str, AssumedRole] = {}

    def find(self, access_key_id: str) -> Session | None:
        """The session of a temporary access key; None where STS gave out no such key."""
        assumed = self._known.get(access_key_id) or self._read(access_key_id)
        principal = principal_of(assumed) if assumed else None
        if assumed is None or principal is None:
            return None
        return Session(principal=principal, token=assumed.session_token, expiration=assumed.expiration)

    def clear(self) -> None:
        """Forget all, as the account did."""
        self._known.clear()

    def _read(self, access_key_id: str) -> AssumedRole | None:
        for account in list(sts_backends.values()):
            for backend in list(account.values()):
                self._known.update({one.access_key_id: one for one in list(backend.assumed_roles)})
        return self._known.get(access_key_id)


def role_of(arn: str) -> Role | None:
    """The role of an ARN, None where it does not exist."""
    account = arn.split(":")[4]
    return next((role for role in list(iam_backends[account][PARTITION].roles.values()) if role.arn == arn), None)


def principal_of(assumed: AssumedRole) -> Principal | None:
    """Who acts in an assumed role's session; None where the role is gone."""
    role = role_of(assumed.role_arn)
    if role is None:
        return None
    tags = getattr(assumed, "session_tags", {})
    return Principal(arn=assumed.arn, role=role, tags=tags, session_policy=assumed.policy)


def service_session(role_arn: str, name: str) -> Principal | None:
    """A session in which a service acts under a role; None where the role is gone."""
    role = role_of(role_arn)
    if role is None:
        return None
    return Principal(arn=f"arn:aws:sts::{role.account_id}:assumed-role/{role.name}/{name}", role=role)


def is_workload(role: Role) -> bool:
    """Whether a service may assume the role."""
    return _names_a_service(role.assume_role_policy_document or "{}")


@functools.lru_cache(maxsize=1024)
def _names_a_service(trust: str) -> bool:
    statements = parsed(trust).get("Statement", [])
    listed: Iterable[Any] = [statements] if isinstance(statements, dict) else statements
    principals = [one.get("Principal") for one in listed if one.get("Effect") == "Allow"]
    return any(isinstance(principal, dict) and "Service" in principal for principal in principals)


def text_of(policy: Any) -> str:
    """The document of a managed policy's default version."""
    return next(v.document for v in policy.versions if v.version_id == policy.default_version_id)  # type: ignore[no-any-return]


@functools.lru_cache(maxsize=4096)
def parsed(text: str) -> Document:
    """A policy document, parsed once."""
    return dict(json.loads(text))
