"""The table with the data keys of data subjects: one item a (subject, purpose), its key wrapped by the cell's KMS key.

Erasing a subject is removing its item; what that key encrypted, in rows, events, archive and backups, is unreadable
once the table's own point-in-time recovery has ended. So the table is in no backup (control KEY-07).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import dynamodb

from components.base import type_token
from components.iam import Statement, allow, via_service
from components.table_streams import OTHERS_REPLICAS, replicable
from components.vocabulary import SUBJECT_KEYS, DataClass, tags
from contracts.personal import Purpose

RECOVERY_DAYS = 7
"""Days to which the table can be set back, and so days after which an erased key is irrecoverable: what is left of the
month that GDPR Article 12(3) gives is time to handle the request. DynamoDB takes 1 to 35
(https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_PointInTimeRecoverySpecification.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SubjectKeysArgs:
    """Where the table is and what guards it."""

    region: str
    jurisdiction: str
    key_arn: pulumi.Input[str]
    """Of the use `subjects`: encrypts the table, and wraps the keys in it."""
    replica_region: str | None = None
    """Recovery region: the table has the stream that a replica of it needs."""
    recovery_days: int = RECOVERY_DAYS
    protected: bool = True
    """Deletion protection, of DynamoDB and of Pulumi: without the table no personal field can be read."""

    def __post_init__(self) -> None:
        if not 1 <= self.recovery_days <= 23:
            raise ValueError(
                f"subject_keys.recovery_days: {self.recovery_days} is outside 1..23 days; with 7 days to handle a "
                "request an erased key has to be gone within 30 (control KEY-07)"
            )


class SubjectKeys(pulumi.ComponentResource):
    """The table `<name>-subject-keys`. Creation: seconds. Cost: requests and storage."""

    arn: pulumi.Output[str]
    table: pulumi.Output[str]
    """Its name: what programs are given."""

    def __init__(self, name: str, args: SubjectKeysArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        table = dynamodb.Table(
            f"{name}-{SUBJECT_KEYS}",
            region=args.region,
            # A name that programs in a recovery region know, and that no backup selection matches.
            name=f"{name}-{SUBJECT_KEYS}",
            billing_mode="PAY_PER_REQUEST",
            hash_key="subject",
            range_key="purpose",
            attributes=[{"name": "subject", "type": "S"}, {"name": "purpose", "type": "S"}],
            server_side_encryption={"enabled": True, "kms_key_arn": args.key_arn},
            point_in_time_recovery={"enabled": True, "recovery_period_in_days": args.recovery_days},
            deletion_protection_enabled=args.protected,
            **replicable(args.replica_region),
            tags=tags(DataClass.PERSONAL, jurisdiction=args.jurisdiction, use=SUBJECT_KEYS),
            opts=pulumi.ResourceOptions.merge(
                pulumi.ResourceOptions(parent=self, protect=args.protected), OTHERS_REPLICAS
            ),
        )
        self.arn, self.table = table.arn, table.name
        self.register_outputs({"arn": self.arn, "table": self.table})


def seals(table_arn: pulumi.Input[str], key_arn: pulumi.Input[str]) -> list[Statement]:
    """What a role needs that seals and opens personal fields: makes a key, reads it, and never removes one."""
    return [
        allow("KeepSubjectKeys", ["dynamodb:GetItem", "dynamodb:PutItem"], [table_arn]),
        allow("WrapSubjectKeys", ["kms:Decrypt", "kms:GenerateDataKey"], [key_arn]),
    ]


def opens(
    table_arn: pulumi.Input[str], key_arn: pulumi.Input[str], purpose: Purpose, region: str, account_id: str
) -> list[Statement]:
    """What a role needs that opens what was sealed for one purpose. The key of another it can fetch, and not unwrap:
    purpose is part of what KMS checks
    (https://docs.aws.amazon.com/kms/latest/developerguide/conditions-kms.html#conditions-kms-encryption-context)."""
    return [
        allow("ReadSubjectKeys", ["dynamodb:GetItem"], [table_arn]),
        allow("ReadSubjectTable", ["kms:Decrypt"], [key_arn], when=via_service(["dynamodb"], region, account_id)),
        allow(
            "UnwrapSubjectKeys",
            ["kms:Decrypt"],
            [key_arn],
            when={"StringEquals": {"kms:EncryptionContext:purpose": purpose.value}},
        ),
    ]
