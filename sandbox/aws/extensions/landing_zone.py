"""What stands in an AWS account before anybody deploys to it: the role that deploys, no other, and no root password.

Whoever vends accounts makes that role; AWS Organizations makes OrganizationAccountAccessRole
(https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_accounts_access-cross-account-role.html). An
emulated account begins empty, so the first role that is assumed in an account without any role is taken to be that one.
It trusts jobs of a workflow only, as `cell iam --trust` writes it, and the emulator lets its own keys in all the same.
It has no policies: what a role that deploys may do is not emulated (sandbox/aws/iam/gate.py), `cell iam` says it.

The root user of an account that is made in an organisation with central root access has no password
(https://docs.aws.amazon.com/IAM/latest/UserGuide/id_root-user.html#id_root-user-access-management).
"""

import json
from collections.abc import Callable
from typing import Any

from moto.iam.models import AccountSummary, iam_backends
from moto.sts import models
from moto.sts.exceptions import STSClientError

ISSUER = "token.actions.githubusercontent.com"
SUBJECT = "repo:example/payment-cell:environment:production"


def _must_exist(role_arn: str) -> None:
    """Makes the deploy role where the account is empty; moto itself lets anybody assume roles that do not exist."""
    _, partition, _, _, account, resource = role_arn.split(":", 5)
    iam = iam_backends[account][partition]
    if iam.roles and role_arn not in {role.arn for role in iam.roles.values()}:
        # STS does not tell a role that is missing from one that is out of reach.
        what = "User is not authorized to perform: sts:AssumeRole on resource"
        raise STSClientError("AccessDenied", f"{what}: {role_arn}")
    if iam.roles or not resource.startswith("role/"):
        return
    path, _, name = resource.removeprefix("role").rpartition("/")
    trust = {
        "Effect": "Allow",
        "Principal": {"Federated": f"arn:{partition}:iam::{account}:oidc-provider/{ISSUER}"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com", f"{ISSUER}:sub": SUBJECT}},
    }
    iam.create_role(
        role_name=name,
        assume_role_policy_document=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
        path=f"{path}/",
        permissions_boundary=None,
        description="Deploys to this account",
        tags=[],
        max_session_duration="3600",
    )


def install() -> None:
    assume_role: Callable[..., Any] = models.STSBackend.assume_role

    def with_deploy_role(self: models.STSBackend, *args: Any, **kwargs: Any) -> Any:
        _must_exist(kwargs["role_arn"])
        return assume_role(self, *args, **kwargs)

    models.STSBackend.assume_role = with_deploy_role
    counted = AccountSummary.summary_map.fget
    AccountSummary.summary_map = property(lambda self: counted(self) | {"AccountPasswordPresent": 0})
