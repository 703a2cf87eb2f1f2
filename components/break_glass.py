"""A role for emergencies, when the deployment cannot help: few people, with MFA, for hours, and never unheard (IAM-07).

Those who may assume it are IAM users, of an account that is kept for identities: the MFA that a trust asks for is that
of a user's device (https://docs.aws.amazon.com/IAM/latest/UserGuide/id_credentials_mfa_configure-api-require.html), and
IAM Identity Center may be what is down.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import iam

from components.account_alarms import TrailAlarm
from components.base import type_token
from components.iam import Statement, allow, policy, trust
from components.vocabulary import BREAK_GLASS, DataClass, tags

LOOKS = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
"""How everything is set up, and no data
(https://docs.aws.amazon.com/aws-managed-policy/latest/reference/ViewOnlyAccess.html)."""

MAX_SESSION_H = 4
"""Longest session that control IAM-07 accepts, hours; IAM takes 1 to 12 (API reference, CreateRole)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BreakGlassArgs:
    """Who may break the glass, and for how long."""

    account_id: str
    regions: Sequence[str]
    """Where its rights hold: those that cells use."""
    principal_arns: Sequence[str]
    """IAM users."""
    session_h: int = 1

    def __post_init__(self) -> None:
        if not self.principal_arns:
            raise ValueError("break_glass.principal_arns: is empty; name the IAM users, or leave break_glass out")
        if not 1 <= self.session_h <= MAX_SESSION_H:
            raise ValueError(
                f"break_glass.session_h: {self.session_h} is outside 1..{MAX_SESSION_H} hours (IAM minimum, control "
                "IAM-07)"
            )


class BreakGlass(pulumi.ComponentResource):
    """The role `<name>-break-glass` with its rights. Creation: seconds."""

    arn: pulumi.Output[str]

    def __init__(self, name: str, args: BreakGlassArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        child, key = pulumi.ResourceOptions(parent=self), f"{name}-{BREAK_GLASS}"
        role = iam.Role(
            key,
            # A name that people know by heart, and that the alarm's pattern has before the role is there.
            name=key,
            description="Emergencies only: each use sounds an alarm and is reviewed",
            max_session_duration=args.session_h * 3600,
            assume_role_policy=trust(
                {"AWS": _accounts(args.principal_arns)},
                when={
                    "ArnEquals": {"aws:PrincipalArn": sorted(args.principal_arns)},
                    "Bool": {"aws:MultiFactorAuthPresent": "true"},
                },
            ),
            tags=tags(DataClass.INTERNAL, use=BREAK_GLASS),
            opts=child,
        )
        iam.RolePolicyAttachment(key, role=role.name, policy_arn=LOOKS, opts=child)
        iam.RolePolicy(key, role=role.id, policy=policy(*_recovery(args.account_id, sorted(args.regions))), opts=child)
        self.arn = role.arn
        self.register_outputs({"arn": self.arn})


def use_alarm(name: str, account_id: str) -> TrailAlarm:
    """Any attempt, in any region, refused ones too: the account's trail records the endpoints of all."""
    arn = f"arn:aws:iam::{account_id}:role/{name}-{BREAK_GLASS}"
    return TrailAlarm(
        key=BREAK_GLASS,
        benchmark="IAM-07",
        what="Somebody assumed the break-glass role, or tried to",
        pattern=(
            f'{{($.eventSource = "sts.amazonaws.com") && ($.eventName = "AssumeRole") && '
            f'($.requestParameters.roleArn = "{arn}")}}'
        ),
    )


def _accounts(principal_arns: Sequence[str]) -> Any:
    """IAM refuses to name a user that does not exist; the condition does, and a user that is made again is let in."""
    accounts = sorted({f"arn:aws:iam::{arn.split(':')[4]}:root" for arn in principal_arns})
    return accounts[0] if len(accounts) == 1 else accounts


def _recovery(account_id: str, regions: Sequence[str]) -> Sequence[Statement]:
    """What brings payments back and goes through no deployment. Not: identities, evidence and keys (the boundary), or
    another way to data than the master password, whose reading is recorded."""
    return [
        allow(
            "FailOver",
            ["rds:FailoverDBCluster", "rds:FailoverGlobalCluster", "rds:RebootDBInstance"],
            [f"arn:aws:rds:{region}:{account_id}:{kind}:*" for region in regions for kind in ("cluster", "db")]
            + [f"arn:aws:rds::{account_id}:global-cluster:*"],
        ),
        allow(
            "EnterDatabases",
            ["secretsmanager:GetSecretValue"],
            [f"arn:aws:secretsmanager:{region}:{account_id}:secret:*-master-*" for region in regions],
        ),
        allow(
            "EnterClusters",
            ["eks:AssociateAccessPolicy", "eks:CreateAccessEntry", "eks:DeleteAccessEntry"],
            [
                f"arn:aws:eks:{region}:{account_id}:{kind}/*"
                for region in regions
                for kind in ("access-entry", "cluster")
            ],
        ),
    ]
