"""What an AWS account holds once, whatever the number of its cells: the trail, account-wide defaults, and the
guardrails of each region that a cell uses.

Two cells of an account would fight over these: AWS refuses a second recorder or detector in a region.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi
from pulumi_aws import cloudtrail, iam, s3

from components.base import type_token
from components.buckets import ObjectLock, PrivateBucket, PrivateBucketArgs
from components.iam import Statement, allow, from_source, policy, service, trust
from components.regional_guardrails import RegionalGuardrails, RegionalGuardrailsArgs
from components.vocabulary import DataClass, tags

CONFIG_POLICY = "arn:aws:iam::aws:policy/service-role/AWS_ConfigRole"
"""What AWS Config reads; AWS adds to it with each new resource type."""


class Guardrails(StrEnum):
    """Who makes trail, recorder and detectors. Buckets for load-balancer logs and defaults are ours in any case."""

    CREATE = "create"
    """This stack."""
    ADOPT = "adopt"
    """An organisation made them: a second one would be refused, or paid twice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AccountArgs:
    """What the account needs to know."""

    account_id: str
    home_region: str
    """Where the trail is managed and global resource types are recorded."""
    regions: Mapping[str, str]
    """Region -> jurisdiction, for each region in use; the home region among them."""
    evidence_lock: ObjectLock
    """Lock of the bucket with the trail."""
    retention_days: int = 365
    """Days that logs are kept; control LOG-06 wants 365."""
    guardrails: Guardrails = Guardrails.CREATE
    protected: bool = True
    disposable: bool = False
    """Nothing stays in the account when the stack goes: development."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d{12}", self.account_id):
            raise ValueError(
                f"account.account_id: {self.account_id!r} is not an AWS account id; give its twelve digits"
            )
        if self.home_region not in self.regions:
            raise ValueError(
                f"account.regions: add the home region {self.home_region} to {', '.join(sorted(self.regions))}"
            )


class Account(pulumi.ComponentResource):
    """Trail, public access block, and a `RegionalGuardrails` for each region. Creation: seconds."""

    regions: Mapping[str, RegionalGuardrails]
    trail_arn: pulumi.Output[str] | None
    load_balancer_log_buckets: Mapping[str, pulumi.Output[str]]
    """Region -> bucket."""

    def __init__(self, name: str, args: AccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._creates = args.guardrails is Guardrails.CREATE
        s3.AccountPublicAccessBlock(
            name,
            account_id=args.account_id,
            block_public_acls=True,
            block_public_policy=True,
            ignore_public_acls=True,
            restrict_public_buckets=True,
            opts=self._child,
        )
        role, allowed = self._config_role() if self._creates else (None, [])
        self.regions = {
            region: RegionalGuardrails(
                f"{name}-{region}",
                RegionalGuardrailsArgs(
                    region=region,
                    account_id=args.account_id,
                    jurisdiction=jurisdiction,
                    recorder_role_arn=role.arn if role else None,
                    recorder_allowed=allowed,
                    records_global_types=region == args.home_region,
                    retention_days=args.retention_days,
                    protected=args.protected,
                    disposable=args.disposable,
                ),
                self._child,
            )
            for region, jurisdiction in sorted(args.regions.items())
        }
        self.trail_arn = self._trail().arn if self._creates else None
        self.load_balancer_log_buckets = {
            region: guardrails.load_balancer_log_bucket for region, guardrails in self.regions.items()
        }
        self.register_outputs({"trailArn": self.trail_arn, "loadBalancerLogBuckets": self.load_balancer_log_buckets})

    def _config_role(self) -> tuple[iam.Role, Sequence[pulumi.Resource]]:
        """One role for the recorders of all regions; each bucket's policy lets Config in by itself."""
        role = iam.Role(
            f"{self._prefix}-config",
            description="AWS Config recorders",
            assume_role_policy=trust("config", when=from_source(self._args.account_id)),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        attachment = iam.RolePolicyAttachment(
            f"{self._prefix}-config", role=role.name, policy_arn=CONFIG_POLICY, opts=self._child
        )
        delivery = iam.RolePolicy(
            f"{self._prefix}-config",
            role=role.id,
            policy=policy(
                allow(
                    "Deliver",
                    ["s3:PutObject"],
                    [f"arn:aws:s3:::{self._prefix}-*-config-*/AWSLogs/{self._args.account_id}/Config/*"],
                    when={"StringEquals": {"s3:x-amz-acl": "bucket-owner-full-control"}},
                ),
                allow("Check", ["s3:GetBucketAcl"], [f"arn:aws:s3:::{self._prefix}-*-config-*"]),
            ),
            opts=self._child,
        )
        return role, [attachment, delivery]

    def _evidence_bucket(self, trail_arn: str) -> PrivateBucket:
        args = self._args

        def grants(arn: pulumi.Output[str]) -> Sequence[Statement]:
            source, writer = {"StringEquals": {"aws:SourceArn": trail_arn}}, service("cloudtrail")
            objects = arn.apply(lambda bucket: f"{bucket}/AWSLogs/{args.account_id}/*")
            owned = {"StringEquals": {**source["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}}
            return [
                allow("TrailChecks", ["s3:GetBucketAcl"], [arn], principal=writer, when=source),
                allow("TrailDelivers", ["s3:PutObject"], [objects], principal=writer, when=owned),
            ]

        return PrivateBucket(
            f"{self._prefix}-evidence",
            PrivateBucketArgs(
                region=args.home_region,
                data_class=DataClass.CONFIDENTIAL,
                jurisdiction=args.regions[args.home_region],
                retention_days=args.retention_days,
                key_arn=self.regions[args.home_region].audit_key_arn,
                lock=args.evidence_lock,
                grants=grants,
                protected=args.protected,
                disposable=args.disposable,
            ),
            self._child,
        )

    def _trail(self) -> cloudtrail.Trail:
        """All regions, management events only: data events name people's objects and stay in their cell's region."""
        args = self._args
        arn = f"arn:aws:cloudtrail:{args.home_region}:{args.account_id}:trail/{self._prefix}"
        bucket = self._evidence_bucket(arn)
        return cloudtrail.Trail(
            self._prefix,
            region=args.home_region,
            name=self._prefix,
            s3_bucket_name=bucket.bucket,
            kms_key_id=self.regions[args.home_region].audit_key_arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=args.regions[args.home_region]),
            # CloudTrail tries the bucket when the trail is made.
            opts=pulumi.ResourceOptions(parent=self, protect=args.protected, depends_on=bucket.ready),
        )
