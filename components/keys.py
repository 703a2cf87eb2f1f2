"""Customer-managed KMS keys of one cell: one key per use, in one region.

A key policy separates who administers it (IAM of the account, actions without data) from who uses it (callers that come
through the service the use is about, the delivering service principals, and the roles named in `users`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import pulumi
from pulumi_aws import kms

from components.base import type_token
from components.iam import Statement, allow, from_source, policy, service, via_service
from components.vocabulary import SUBJECT_KEYS, DataClass, KeyUse, tags
from contracts.personal import Purpose

MAX_DELETION_WINDOW_DAYS = 30
"""Days until a scheduled deletion happens; KMS accepts 7 to 30
(https://docs.aws.amazon.com/kms/latest/APIReference/API_ScheduleKeyDeletion.html). Production keeps all 30 (KEY-05)."""

MAX_ROTATION_DAYS = 365
"""Longest rotation period that control KEY-03 accepts; KMS itself accepts 90 to 2560 days
(https://docs.aws.amazon.com/kms/latest/APIReference/API_EnableKeyRotation.html)."""

ADMINISTRATION: Final = (
    "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey",
    "kms:DisableKeyRotation", "kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus",
    "kms:GetPublicKey", "kms:ListAliases", "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListResourceTags",
    "kms:ListKeyRotations", "kms:PutKeyPolicy", "kms:ReplicateKey", "kms:RevokeGrant", "kms:RotateKeyOnDemand",
    "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias", "kms:UpdateKeyDescription",
    "kms:UpdatePrimaryRegion",
)  # fmt: skip
"""What administrators may do: everything but encrypt, decrypt, sign and hand on (no `kms:CreateGrant`)."""

ENCRYPTION: Final = (
    "kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom", "kms:ReEncryptTo",
)  # fmt: skip
SIGNING: Final = ("kms:DescribeKey", "kms:GetPublicKey", "kms:Sign", "kms:Verify")
DELIVERY: Final = ("kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey")
GRANTS: Final = ("kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant")
FOR_AWS_RESOURCE: Final = {"Bool": {"kms:GrantIsForAWSResource": "true"}}


@dataclass(frozen=True, kw_only=True, slots=True)
class KeySpec:
    """One row of `KEYS`: what makes the key of a use differ from the others."""

    data_class: DataClass
    via: Sequence[str] = ()
    """Services through which any caller of the account may use the key ("rds" -> rds.<region>.amazonaws.com)."""
    grants: bool = False
    """Whether those services work through grants, so that a caller may create one on their behalf."""
    deliver: Sequence[str] = ()
    """Rows of `SOURCES`: service principals that write with the key on their own."""
    roles: Sequence[str] = ()
    """Role paths and names that use the key directly; `{cell}` is the component's name, `*` an autonaming suffix."""
    opened: Mapping[str, Purpose] = field(default_factory=dict)
    """Role as in `roles` -> the purpose whose wrapped data keys it may open."""
    multi_region: bool = False
    """Decided at creation for good; only for what two regions decrypt or verify by the same ciphertext."""
    signs: bool = False
    """Asymmetric ECC key for SIGN_VERIFY, which KMS never rotates."""


KEYS: Final[Mapping[KeyUse, KeySpec]] = {
    KeyUse.PAYMENTS: KeySpec(data_class=DataClass.PAYMENTS, via=("rds",), grants=True),
    KeyUse.SECRETS: KeySpec(data_class=DataClass.CONFIDENTIAL, via=("secretsmanager", "ssm")),
    KeyUse.EVENTS: KeySpec(
        data_class=DataClass.PAYMENTS, via=("kinesis", "sqs", "sns", "events"), deliver=("events", "sns", "cloudwatch")
    ),
    KeyUse.ARCHIVE: KeySpec(data_class=DataClass.PAYMENTS, via=("s3",)),
    KeyUse.CLUSTER: KeySpec(
        data_class=DataClass.CONFIDENTIAL, via=("eks",), grants=True, roles=("{cell}-control-plane-*",)
    ),
    KeyUse.VOLUMES: KeySpec(
        data_class=DataClass.CONFIDENTIAL,
        via=("ec2",),
        grants=True,
        roles=("aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",),
    ),
    KeyUse.IMAGES: KeySpec(data_class=DataClass.INTERNAL, via=("ecr",), grants=True),
    KeyUse.LOGS: KeySpec(data_class=DataClass.CONFIDENTIAL, deliver=("logs",)),
    KeyUse.AUDIT: KeySpec(
        data_class=DataClass.CONFIDENTIAL,
        via=("s3",),
        deliver=("cloudtrail", "config", "delivery.logs", "logs", "cloudwatch", "events"),
    ),
    KeyUse.BACKUP: KeySpec(data_class=DataClass.PAYMENTS, via=("backup",), grants=True),
    # Through DynamoDB for the table itself; by the payments API for the keys in it, by the scorer for those of fraud.
    KeyUse.SUBJECTS: KeySpec(
        data_class=DataClass.PERSONAL,
        via=("dynamodb",),
        grants=True,
        roles=("{cell}-payments-*",),
        opened={"{cell}-scorer-*": Purpose.FRAUD},
        multi_region=True,
    ),
    KeyUse.FRAUD: KeySpec(
        data_class=DataClass.PERSONAL, via=("dynamodb", "kinesis", "s3", "secretsmanager"), grants=True
    ),
    KeyUse.ENVELOPE: KeySpec(data_class=DataClass.PAYMENTS, multi_region=True),
    KeyUse.EVIDENCE: KeySpec(data_class=DataClass.CONFIDENTIAL, multi_region=True, signs=True),
}
"""Multi-Region only where ciphertext or a signature crosses regions: Aurora, S3, DynamoDB and Secrets Manager encrypt a
replica under the destination's own key."""

SOURCES: Final[Mapping[str, Sequence[str]]] = {
    "events": ("events:{region}:{account}:rule/*", "events:{region}:{account}:event-bus/*"),
    "sns": ("sns:{region}:{account}:*",),
    "cloudwatch": ("cloudwatch:{region}:{account}:alarm:*",),
    "cloudtrail": ("cloudtrail:{region}:{account}:trail/*",),
    "config": ("config:{region}:{account}:*",),
    "delivery.logs": ("logs:{region}:{account}:*",),
}
"""Service principal -> the source ARNs (without `arn:aws:`) on whose behalf it may use a key. CloudWatch Logs is not
here: it sends an encryption context in place of a source ARN
(https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html)."""

OUTLIVING: Final = frozenset(
    {
        *(KeyUse.ARCHIVE, KeyUse.AUDIT, KeyUse.BACKUP, KeyUse.ENVELOPE),
        *(KeyUse.EVIDENCE, KeyUse.PAYMENTS, KeyUse.SUBJECTS),
    }
)
"""Keys of what stays when a cell goes: archive, evidence, backups, final snapshots and what is encrypted in them."""

COPIED: Final = frozenset({KeyUse.BACKUP, KeyUse.PAYMENTS})
"""Keys that another account needs to copy a backup: snapshots of Aurora stay under the cluster's key, whatever the
vault's (https://docs.aws.amazon.com/aws-backup/latest/devguide/create-cross-account-backup.html)."""

CELL_USES: Final = frozenset(KeyUse) - {KeyUse.AUDIT}
"""The uses of a cell. The audit key is the account stack's: a cell must not be able to read the trail about itself."""


@dataclass(frozen=True, kw_only=True, slots=True)
class KeysArgs:
    """What the keys of one cell, or of an account's region, need to know."""

    region: str
    account_id: str
    """Twelve digits."""
    uses: frozenset[KeyUse] = CELL_USES
    replicated: Mapping[KeyUse, pulumi.Input[str]] = field(default_factory=dict)
    """Use -> ARN of the multi-Region key in another region of which the key here is a replica."""
    copy_account_id: str | None = None
    """Twelve digits of the account that gets copies of the backups: it decrypts what `COPIED` encrypts."""
    administrators: Sequence[pulumi.Input[str]] = ()
    """Role ARNs that administer the keys, the deploying one among them (KMS refuses a policy that locks its author
    out). Empty: whom the account's IAM allows to."""
    users: Mapping[KeyUse, Sequence[pulumi.Input[str]]] = field(default_factory=dict)
    """Role ARNs (`*` matches within one) that use a key without a service between."""
    rotation_days: int = MAX_ROTATION_DAYS
    deletion_window_days: int = MAX_DELETION_WINDOW_DAYS
    protected: bool = True
    """Pulumi refuses to delete the keys: a deleted key takes every copy of its data along."""
    disposable: bool = False
    """Every key goes with its stack; else those in `OUTLIVING` stay in the account."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d{12}", self.account_id):
            raise ValueError(f"keys.account_id: {self.account_id!r} is not an AWS account id; give its twelve digits")
        if not 90 <= self.rotation_days <= MAX_ROTATION_DAYS:
            raise ValueError(
                f"keys.rotation_days: {self.rotation_days} is outside 90..{MAX_ROTATION_DAYS} days "
                "(KMS minimum, control KEY-03)"
            )
        if not 7 <= self.deletion_window_days <= MAX_DELETION_WINDOW_DAYS:
            raise ValueError(
                f"keys.deletion_window_days: {self.deletion_window_days} is outside 7..{MAX_DELETION_WINDOW_DAYS} "
                "days, which is what KMS accepts"
            )
        if self.copy_account_id is not None and not re.fullmatch(r"\d{12}", self.copy_account_id):
            raise ValueError(
                f"keys.copy_account_id: {self.copy_account_id!r} is not an AWS account id; give its digits"
            )
        if single := sorted(use for use in self.replicated if not KEYS[use].multi_region):
            raise ValueError(f"keys.replicated: {single} are no multi-Region keys (KEYS); they have their own here")
        if strangers := sorted(set(self.users) - self.uses):
            raise ValueError(f"keys.users: {strangers} are not among keys.uses; add the use or remove its users")


class Keys(pulumi.ComponentResource):
    """One customer-managed key per use, each with the alias `alias/<name>/<use>`.

    Creation: seconds. Monthly cost: one key unit per use and rotation (the first two rotations are charged).
    """

    arns: Mapping[KeyUse, pulumi.Output[str]]
    """Key ARN of each use in `args.uses`."""

    def __init__(self, name: str, args: KeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self.arns = {use: self._either(name, use, args).arn for use in sorted(args.uses)}
        self.register_outputs({"arns": {use.value: arn for use, arn in self.arns.items()}})

    def _either(self, name: str, use: KeyUse, args: KeysArgs) -> kms.Key | kms.ReplicaKey:
        primary = args.replicated.get(use)
        key = self._key(name, use, args) if primary is None else self._replica(name, use, args, primary)
        kms.Alias(
            f"{name}-{use}",
            region=args.region,
            name=f"alias/{name}/{use}",
            target_key_id=key.key_id,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return key

    def _options(self, use: KeyUse, args: KeysArgs) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions(
            parent=self, protect=args.protected, retain_on_delete=use in OUTLIVING and not args.disposable
        )

    def _replica(self, name: str, use: KeyUse, args: KeysArgs, primary: pulumi.Input[str]) -> kms.ReplicaKey:
        """The same key material under a policy of its own; rotation is the primary's
        (https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-replicate.html)."""
        return kms.ReplicaKey(
            f"{name}-{use}",
            region=args.region,
            description=f"{name}: {use}",
            primary_key_arn=primary,
            deletion_window_in_days=args.deletion_window_days,
            policy=policy(*_statements(name, use, args)),
            # The table whose keys it wraps is in no stack of this region (control RET-02).
            tags=tags(KEYS[use].data_class, use=SUBJECT_KEYS if use is KeyUse.SUBJECTS else None),
            opts=self._options(use, args),
        )

    def _key(self, name: str, use: KeyUse, args: KeysArgs) -> kms.Key:
        spec = KEYS[use]
        return kms.Key(
            f"{name}-{use}",
            region=args.region,
            description=f"{name}: {use}",
            key_usage="SIGN_VERIFY" if spec.signs else "ENCRYPT_DECRYPT",
            customer_master_key_spec="ECC_NIST_P256" if spec.signs else "SYMMETRIC_DEFAULT",
            multi_region=spec.multi_region,
            enable_key_rotation=not spec.signs,
            rotation_period_in_days=None if spec.signs else args.rotation_days,
            deletion_window_in_days=args.deletion_window_days,
            policy=policy(*_statements(name, use, args)),
            tags=tags(spec.data_class),
            opts=self._options(use, args),
        )


def _statements(name: str, use: KeyUse, args: KeysArgs) -> Iterator[Statement]:
    """The key policy of one use: administration, then each way to use the key."""
    spec = KEYS[use]
    yield _administration(args)
    if spec.via:
        when = via_service(spec.via, args.region, args.account_id)
        yield allow("UseThroughServices", ENCRYPTION, principal={"AWS": "*"}, when=when)
        if spec.grants:
            yield allow("GrantThroughServices", GRANTS, principal={"AWS": "*"}, when={**when, **FOR_AWS_RESOURCE})
    roles = [f"arn:aws:iam::{args.account_id}:role/{role.format(cell=name)}" for role in spec.roles]
    if users := [*roles, *args.users.get(use, ())]:
        # A condition in place of a principal: KMS refuses to name a role that does not exist yet, and a role that is
        # made again under its name keeps its use.
        when = {"StringEquals": {"kms:CallerAccount": args.account_id}, "ArnLike": {"aws:PrincipalArn": users}}
        yield allow("UseByRoles", SIGNING if spec.signs else ENCRYPTION, principal={"AWS": "*"}, when=when)
        if spec.grants:
            yield allow("GrantByRoles", GRANTS, principal={"AWS": "*"}, when={**when, **FOR_AWS_RESOURCE})
    for role, purpose in spec.opened.items():
        by = f"arn:aws:iam::{args.account_id}:role/{role.format(cell=name)}"
        exactly = {"kms:CallerAccount": args.account_id, "kms:EncryptionContext:purpose": purpose.value}
        when = {"StringEquals": exactly, "ArnLike": {"aws:PrincipalArn": by}}
        yield allow(f"OpenFor{purpose.capitalize()}", ["kms:Decrypt"], principal={"AWS": "*"}, when=when)
    for principal in spec.deliver:
        yield _delivery(principal, args)
    if args.copy_account_id is not None and use in COPIED:
        other = {"AWS": f"arn:aws:iam::{args.copy_account_id}:root"}
        yield allow("CopyToOtherAccount", ENCRYPTION, principal=other)
        yield allow("GrantToOtherAccount", GRANTS, principal=other, when=FOR_AWS_RESOURCE)


def _administration(args: KeysArgs) -> Statement:
    root = f"arn:aws:iam::{args.account_id}:root"
    when = {"ArnLike": {"aws:PrincipalArn": [root, *args.administrators]}} if args.administrators else None
    return allow("Administer", ADMINISTRATION, principal={"AWS": root}, when=when)


def _delivery(principal: str, args: KeysArgs) -> Statement:
    sid = "Deliver" + "".join(part.capitalize() for part in principal.split("."))
    if principal == "logs":
        log_groups = f"arn:aws:logs:{args.region}:{args.account_id}:log-group:*"
        return allow(
            sid,
            ENCRYPTION,
            principal=service(f"logs.{args.region}"),
            when={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": log_groups}},
        )
    sources = [f"arn:aws:{s.format(region=args.region, account=args.account_id)}" for s in SOURCES[principal]]
    return allow(sid, DELIVERY, principal=service(principal), when=from_source(args.account_id, *sources))
