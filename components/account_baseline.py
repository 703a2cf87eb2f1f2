"""What account scanners look for beside the trail: password policy, support role, security contact, budget, and the
opt-out of AI services' use of data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import account, budgets, iam, organizations

from components.base import type_token
from components.iam import trust
from components.vocabulary import DataClass, tags

PASSWORD_LENGTH, PASSWORDS_REMEMBERED = 14, 24
"""CIS AWS Foundations Benchmark 1.8 and 1.9
(https://docs.aws.amazon.com/securityhub/latest/userguide/iam-controls.html, IAM.15 and IAM.16)."""

SUPPORT_POLICY = "arn:aws:iam::aws:policy/AWSSupportAccess"
"""Opens and reads support cases (IAM.18 of the same page)."""

SPENT_PERCENT, FORECAST_PERCENT = 80, 100
"""Share of the month's budget that is spent, or that AWS expects to be spent, when somebody is told."""

AI_OPT_OUT = {"services": {"default": {"opt_out_policy": {"@@assign": "optOut"}}}}
"""Every AI service of today and tomorrow, in every Region
(https://docs.aws.amazon.com/organizations/latest/userguide/orgs_manage_policies_ai-opt-out_syntax.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityContact:
    """Whom AWS writes to and calls about the security of the account."""

    name: str
    title: str
    email: str
    phone: str


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountBaselineArgs:
    """What the baseline of one account needs to know."""

    account_id: str
    contact: SecurityContact | None = None
    """None: the account keeps the one it has."""
    monthly_budget_usd: int | None = None
    """What the account may cost in a month, US dollars. None: no budget."""
    budget_subscribers: Sequence[str] = ()
    """E-mail addresses that are told."""
    password_policy: bool = True
    """False: somebody else set the account's only password policy."""
    organization_root_id: str | None = None
    """Root of the organisation that this account manages: all its accounts opt out of AI services' use of data. None:
    a member account, which cannot."""

    def __post_init__(self) -> None:
        if self.monthly_budget_usd is None:
            return
        if self.monthly_budget_usd < 1:
            raise ValueError(f"account.monthly_budget_usd: {self.monthly_budget_usd} is below 1 USD; leave it out")
        if not 1 <= len(self.budget_subscribers) <= 10:
            raise ValueError(
                f"account.budget_subscribers: {len(self.budget_subscribers)} addresses; a budget tells 1 to 10"
            )


class AccountBaseline(pulumi.ComponentResource):
    """One of each; all of them hold for the whole account. Creation: seconds."""

    support_role_arn: pulumi.Output[str]

    def __init__(self, name: str, args: AccountBaselineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        if args.password_policy:
            self._password_policy()
        self.support_role_arn = self._support_role().arn
        if args.contact is not None:
            self._contact(args.contact)
        if args.monthly_budget_usd is not None:
            self._budget(args.monthly_budget_usd)
        if args.organization_root_id is not None:
            self._ai_opt_out(args.organization_root_id)
        self.register_outputs({"supportRoleArn": self.support_role_arn})

    def _password_policy(self) -> None:
        """Nobody should have a password here: a user that is made all the same gets one that holds."""
        iam.AccountPasswordPolicy(
            self._prefix,
            minimum_password_length=PASSWORD_LENGTH,
            password_reuse_prevention=PASSWORDS_REMEMBERED,
            require_lowercase_characters=True,
            require_uppercase_characters=True,
            require_numbers=True,
            require_symbols=True,
            allow_users_to_change_password=True,
            opts=self._child,
        )

    def _support_role(self) -> iam.Role:
        """For people who came through IAM Identity Center and whose permission set may assume it: the account has no
        users, and MFA is asked for where they sign in."""
        own = self._args.account_id
        people = f"arn:aws:iam::{own}:role/aws-reserved/sso.amazonaws.com/*"
        role = iam.Role(
            f"{self._prefix}-support",
            description="Incidents with AWS Support",
            assume_role_policy=trust(
                {"AWS": f"arn:aws:iam::{own}:root"}, when={"ArnLike": {"aws:PrincipalArn": people}}
            ),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        iam.RolePolicyAttachment(f"{self._prefix}-support", role=role.name, policy_arn=SUPPORT_POLICY, opts=self._child)
        return role

    def _contact(self, contact: SecurityContact) -> None:
        account.AlternativeContact(
            f"{self._prefix}-security",
            alternate_contact_type="SECURITY",
            name=contact.name,
            title=contact.title,
            email_address=contact.email,
            phone_number=contact.phone,
            opts=self._child,
        )

    def _ai_opt_out(self, root_id: str) -> None:
        """Policies of this type have to be enabled in the organisation."""
        made = organizations.Policy(
            f"{self._prefix}-ai-opt-out",
            description="AI services neither store nor use content",
            type="AISERVICES_OPT_OUT_POLICY",
            content=json.dumps(AI_OPT_OUT),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        organizations.PolicyAttachment(
            f"{self._prefix}-ai-opt-out", policy_id=made.id, target_id=root_id, opts=self._child
        )

    def _budget(self, monthly_usd: int) -> None:
        """By e-mail and not through the alarm topic: AWS Budgets would need the audit key."""
        rows = (("ACTUAL", SPENT_PERCENT), ("FORECASTED", FORECAST_PERCENT))
        budgets.Budget(
            f"{self._prefix}-monthly",
            account_id=self._args.account_id,
            budget_type="COST",
            time_unit="MONTHLY",
            limit_amount=str(monthly_usd),
            limit_unit="USD",
            notifications=[
                {
                    "notification_type": kind,
                    "comparison_operator": "GREATER_THAN",
                    "threshold": percent,
                    "threshold_type": "PERCENTAGE",
                    "subscriber_email_addresses": list(self._args.budget_subscribers),
                }
                for kind, percent in rows
            ],
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
