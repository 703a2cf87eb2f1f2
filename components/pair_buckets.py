"""Replication of buckets of a pair into each other: what either cell archives is in both regions, and so are the models
of the fraud decision, which the cell that writes has trained.

Versions of an archive keep their Object Lock; the other bucket has one too, or S3 refuses the rule
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock-managing.html#object-lock-managing-replication).
A delete marker stays where it was put: one region cannot hide the other's copy. Objects that were there before the rule
are not copied; S3 Batch Replication does that once
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/s3-batch-replication-batch.html).
"""

from __future__ import annotations

from dataclasses import dataclass

import pulumi
from pulumi_aws import iam, s3

from components.base import type_token
from components.iam import allow, from_source, policy, trust, via_service
from components.vocabulary import DataClass, tags

REPLICATION_MINUTES = 15
"""Minutes in which S3 Replication Time Control copies 99.99 % of what is new; S3 takes no other number
(https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-time-control.html)."""

ARCHIVE, MODELS = "archive", "models"
"""Ids of rules: a dimension of their metrics."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketSide:
    """The bucket of one of both cells."""

    region: str
    bucket: pulumi.Input[str]
    key_arn: pulumi.Input[str]

    @property
    def arn(self) -> pulumi.Output[str]:
        return pulumi.Output.concat("arn:aws:s3:::", self.bucket)

    @property
    def objects(self) -> pulumi.Output[str]:
        return pulumi.Output.concat("arn:aws:s3:::", self.bucket, "/*")


@dataclass(frozen=True, kw_only=True, slots=True)
class BucketReplicationArgs:
    """Both buckets."""

    account_id: str
    rule: str
    """`ARCHIVE` or `MODELS`."""
    primary: BucketSide
    replica: BucketSide


class BucketReplication(pulumi.ComponentResource):
    """A rule and a role each way. Creation: seconds. Cost: storage twice, transfer between regions, and Replication
    Time Control by GB."""

    def __init__(self, name: str, args: BucketReplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._way("out", args.primary, args.replica)
        self._way("back", args.replica, args.primary)
        self.register_outputs({})

    def _way(self, key: str, source: BucketSide, target: BucketSide) -> None:
        role, allowed = self._role(key, source, target)
        s3.BucketReplicationConfig(
            f"{self._name}-{key}",
            region=source.region,
            bucket=source.bucket,
            role=role.arn,
            rules=[
                {
                    "id": self._args.rule,
                    "status": "Enabled",
                    "priority": 1,
                    "filter": {"prefix": ""},
                    "delete_marker_replication": {"status": "Disabled"},
                    # Changes of a replica's retention or tags go back: both copies of an event are locked for the same
                    # time.
                    "source_selection_criteria": {
                        "replica_modifications": {"status": "Enabled"},
                        "sse_kms_encrypted_objects": {"status": "Enabled"},
                    },
                    "destination": {
                        "bucket": target.arn,
                        "encryption_configuration": {"replica_kms_key_id": target.key_arn},
                        "metrics": {"status": "Enabled", "event_threshold": {"minutes": REPLICATION_MINUTES}},
                        "replication_time": {"status": "Enabled", "time": {"minutes": REPLICATION_MINUTES}},
                    },
                }
            ],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[allowed]),
        )

    def _role(self, key: str, source: BucketSide, target: BucketSide) -> tuple[iam.Role, iam.RolePolicy]:
        """https://docs.aws.amazon.com/AmazonS3/latest/userguide/setting-repl-config-perm-overview.html,
        https://docs.aws.amazon.com/AmazonS3/latest/userguide/replication-config-for-kms-objects.html"""
        name = f"{self._name}-replication-{key}"
        role = iam.Role(
            name,
            description=f"{self._name}: S3 replication, {key}",
            assume_role_policy=trust("s3", when=from_source(self._args.account_id, source.arn)),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        versions = [
            *("s3:GetObjectVersionForReplication", "s3:GetObjectVersionAcl", "s3:GetObjectVersionTagging"),
            *("s3:GetObjectRetention", "s3:GetObjectLegalHold"),
        ]
        from_here = via_service(["s3"], source.region, self._args.account_id)
        into_there = via_service(["s3"], target.region, self._args.account_id)
        allowed = iam.RolePolicy(
            name,
            role=role.name,
            policy=policy(
                allow("ReadRule", ["s3:GetReplicationConfiguration", "s3:ListBucket"], [source.arn]),
                allow("ReadVersions", versions, [source.objects]),
                allow("WriteReplicas", ["s3:ReplicateObject", "s3:ReplicateTags"], [target.objects]),
                allow("OpenVersions", ["kms:Decrypt"], [source.key_arn], when=from_here),
                allow("SealReplicas", ["kms:Encrypt"], [target.key_arn], when=into_there),
            ),
            opts=self._child,
        )
        return role, allowed
