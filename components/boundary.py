"""Permissions boundaries: what no role of a cell can do, whatever its policies say.

A boundary grants nothing. It is a managed policy of the account stack, one a jurisdiction; every role of a cell carries
its jurisdiction's, and the deploy role may make roles only with one of them
(https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html).
"""

from collections.abc import Callable, Sequence
from typing import Final

import pulumi

from components.iam import Statement, ceiling, deny

BOUNDARY_PREFIX = "payment-cell-boundary"
"""Known beforehand, because the deploy role's policy names it."""

BOUNDARY_USE = "permissions-boundary"
"""Value of the ``payment-cell:use`` tag, by which the policies know that the document grants nothing."""

ACCOUNT = "account"
"""Key of the boundary of the account stack's own roles, which work in all of its regions."""

MAX_CHARACTERS = 6_144
"""Size of a managed policy, white space not counted
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)."""

ROLE = "aws:iam/role:Role"

GLOBAL_ACTIONS: Final = (
    "cloudfront:*", "globalaccelerator:*", "iam:*", "organizations:*", "route53:*", "shield:*", "sts:*", "support:*",
    "waf:*",
)  # fmt: skip
"""Services that answer in one region for all
(https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_examples_aws_deny-requested-region.html)."""

IDENTITIES: Final = (
    "iam:Add*", "iam:Attach*", "iam:Change*", "iam:CreateAccessKey", "iam:CreateAccountAlias", "iam:CreateGroup",
    "iam:CreateInstanceProfile", "iam:CreateLoginProfile", "iam:CreateOpenIDConnectProvider", "iam:CreatePolicy*",
    "iam:CreateRole", "iam:CreateSAMLProvider", "iam:CreateServiceSpecificCredential", "iam:CreateUser",
    "iam:CreateVirtualMFADevice", "iam:Deactivate*", "iam:Delete*", "iam:Detach*", "iam:Enable*", "iam:Put*",
    "iam:Remove*", "iam:Reset*", "iam:Resync*", "iam:Set*", "iam:Tag*", "iam:Untag*", "iam:Update*", "iam:Upload*",
)  # fmt: skip
"""All that IAM changes, but service-linked roles: EKS makes those of load balancers through its cluster's role."""

GUARDRAILS: Final = (
    "access-analyzer:Delete*", "backup:DeleteBackupVault*", "backup:DeleteRecoveryPoint",
    "backup:PutBackupVaultAccessPolicy", "cloudtrail:Delete*", "cloudtrail:PutEventSelectors", "cloudtrail:Stop*",
    "cloudtrail:UpdateTrail", "config:Delete*", "config:PutConfigurationRecorder", "config:PutDeliveryChannel",
    "config:Stop*", "ec2:DeleteFlowLogs", "ec2:DisableEbsEncryptionByDefault", "guardduty:Delete*",
    "guardduty:Disassociate*", "guardduty:StopMonitoringMembers", "guardduty:UpdateDetector",
    "kms:DisableKey*", "kms:PutKeyPolicy", "kms:ScheduleKeyDeletion", "logs:DeleteLogGroup",
    "logs:DeleteRetentionPolicy", "logs:DisassociateKmsKey", "logs:PutRetentionPolicy",
    "s3:BypassGovernanceRetention", "s3:DeleteBucket*", "s3:PutAccountPublicAccessBlock", "s3:PutBucketLogging",
    "s3:PutBucketObjectLockConfiguration", "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock",
    "s3:PutBucketVersioning", "s3:PutEncryptionConfiguration", "securityhub:BatchDisable*", "securityhub:Delete*",
    "securityhub:Disable*", "securityhub:Disassociate*",
)  # fmt: skip
"""Trail, recorder, detectors, keys, locks and logs: what proves what happened, and what keeps data closed."""


def boundary_name(key: str) -> str:
    """Name of the boundary of a jurisdiction (`eu`, `us`), or of `ACCOUNT`."""
    return f"{BOUNDARY_PREFIX}-{key}"


def boundary_arn(account_id: str, key: str) -> str:
    """ARN of the same."""
    return f"arn:aws:iam::{account_id}:policy/{boundary_name(key)}"


def boundary(account_id: str, regions: Sequence[str]) -> list[Statement]:
    """The statements of a boundary that keeps roles of this account in these regions."""
    return [
        ceiling("Ceiling"),
        deny(
            "LeaveTheJurisdiction",
            not_actions=GLOBAL_ACTIONS,
            when={"StringNotEquals": {"aws:RequestedRegion": sorted(regions)}},
        ),
        deny(
            "LeaveTheAccount",
            ["sts:AssumeRole*"],
            when={"StringNotEquals": {"aws:ResourceAccount": account_id}},
        ),
        deny("ChangeIdentities", IDENTITIES),
        deny("ChangeAccounts", ["account:*", "aws-portal:*", "billing:*", "organizations:*"]),
        deny("DisableGuardrails", GUARDRAILS),
    ]


def bounded(
    opts: pulumi.ResourceOptions | None, arn: pulumi.Input[str] | Callable[[], pulumi.Input[str]] | None
) -> pulumi.ResourceOptions | None:
    """Options of a component whose roles, and those of all its parts, carry the boundary. `arn` may be a function that
    is asked when a role is made: the component itself may make the boundary first."""
    if arn is None:
        return opts

    def carry(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult | None:
        if args.type_ != ROLE:
            return None
        value = arn() if callable(arn) else arn
        return pulumi.ResourceTransformationResult({**args.props, "permissions_boundary": value}, args.opts)

    return pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(transformations=[carry]))
