"""What an AWS account holds once, whatever the number of its cells: the trail with its alarms, account-wide defaults,
and the guardrails of each region that a cell uses.

Two cells of an account would fight over these: AWS refuses a second recorder or detector in a region.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import pulumi
from pulumi_aws import cloudtrail, cloudwatch, iam, s3

from components.account_alarms import AccountAlarms, AccountAlarmsArgs
from components.account_baseline import AccountBaseline, AccountBaselineArgs, SecurityContact
from components.alarm_topic import AlarmTopic
from components.base import type_token
from components.boundary import ACCOUNT, BOUNDARY_USE, boundary, boundary_name, bounded
from components.break_glass import BreakGlass, BreakGlassArgs, use_alarm
from components.buckets import ObjectLock, PrivateBucket, PrivateBucketArgs
from components.findings import Findings, FindingsArgs
from components.iam import Statement, allow, from_source, policy, service, trust
from components.regional_guardrails import RegionalGuardrails, RegionalGuardrailsArgs
from components.vocabulary import DataClass, tags

CONFIG_POLICY = "arn:aws:iam::aws:policy/service-role/AWS_ConfigRole"
"""What AWS Config reads; AWS adds to it with each new resource type."""


class Guardrails(StrEnum):
    """Who makes what an account has once: trail, recorder, detectors, defaults of account and regions."""

    CREATE = "create"
    """This stack."""
    ADOPT = "adopt"
    """An organisation made them: a second one would be refused, paid twice, or set back each time it is set."""


TRAIL_LOG_DAYS = 365
"""Days that the trail's events stay searchable in CloudWatch; the evidence bucket keeps them as long as it must."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Adopted:
    """What an organisation made in the account and a cell needs to know."""

    trail_arn: str | None = None
    trail_log_group: str | None = None
    """Log group in the home region and in this account that a trail delivers to; the alarms read it. None: an
    organisation's trail delivers to another account, which has the alarms."""
    load_balancer_log_buckets: Mapping[str, str] = field(default_factory=dict)
    """Region -> bucket. A region that is missing gets one of ours."""


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
    adopted: Adopted = field(default_factory=Adopted)
    contact: SecurityContact | None = None
    alarm_subscribers: Mapping[str, str] = field(default_factory=dict)
    """Endpoint -> protocol."""
    monthly_budget_usd: int | None = None
    organization_root_id: str | None = None
    """Of the organisation that this account manages; None: a member account."""
    break_glass: BreakGlassArgs | None = None
    """A role for emergencies. None: the account has none."""
    protected: bool = True
    disposable: bool = False
    """Nothing stays in the account when the stack goes: development."""
    boundary_regions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Jurisdiction -> all its regions, of which roles of its cells never leave. Left out: those of `regions`."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"\d{12}", self.account_id):
            raise ValueError(
                f"account.account_id: {self.account_id!r} is not an AWS account id; give its twelve digits"
            )
        if self.home_region not in self.regions:
            raise ValueError(
                f"account.regions: add the home region {self.home_region} to {', '.join(sorted(self.regions))}"
            )
        if self.guardrails is Guardrails.CREATE and self.adopted != Adopted():
            raise ValueError("account.adopted: guardrails are created here; use ADOPT, or leave adopted out")
        if self.break_glass is not None and not self.creates and self.adopted.trail_log_group is None:
            raise ValueError(
                "account.break_glass: nobody would hear of its use (IAM-07); adopt a trail_log_group of this account"
            )

    @property
    def creates(self) -> bool:
        """Whether trail, recorders, detectors and defaults are ours."""
        return self.guardrails is Guardrails.CREATE


class Account(pulumi.ComponentResource):
    """Trail with its alarms, baseline, and a `RegionalGuardrails` for each region. Creation: seconds."""

    regions: Mapping[str, RegionalGuardrails]
    trail_arn: pulumi.Output[str] | None
    load_balancer_log_buckets: Mapping[str, pulumi.Output[str]]
    """Region -> bucket."""
    data_event_trails: Mapping[str, Mapping[str, pulumi.Output[str]]]
    """Region -> what trails of data events deliver with: `bucket` and `keyArn`."""
    alarm_topic_arn: pulumi.Output[str] | None
    unconfirmed: pulumi.Output[list[str]]
    """Subscribers that SNS sends nothing to, with the region of the topic: each is confirmed by itself. Filled by
    `cell refresh`."""
    boundary_arns: Mapping[str, pulumi.Output[str]]
    """Jurisdiction, or `account` for the account's own roles -> permissions boundary."""

    def __init__(self, name: str, args: AccountArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, bounded(opts, lambda: self.boundary_arns[ACCOUNT]))
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self.boundary_arns = self._boundaries()
        role, allowed = self._config_role() if args.creates else (None, [])
        self.regions = {
            region: self._region(region, jurisdiction, role, allowed)
            for region, jurisdiction in sorted(args.regions.items())
        }
        self._baseline()
        self.trail_arn, log_group = self._watched()
        alarms = None if log_group is None else self._alarms(log_group)
        self.alarm_topic_arn = None if alarms is None else alarms.topic_arn
        if args.break_glass is not None:
            BreakGlass(self._prefix, args.break_glass, self._child)
        topics = {} if alarms is None else {args.home_region: alarms.topic}
        self.unconfirmed = _unconfirmed(topics | self._findings(topics))
        self.load_balancer_log_buckets = {
            region: guardrails.load_balancer_log_bucket for region, guardrails in self.regions.items()
        }
        self.data_event_trails = {
            region: {"bucket": guardrails.data_event_bucket, "keyArn": guardrails.audit_key_arn}
            for region, guardrails in self.regions.items()
        }
        self.register_outputs(
            {
                "trailArn": self.trail_arn,
                "alarmTopicArn": self.alarm_topic_arn,
                "unconfirmed": self.unconfirmed,
                "loadBalancerLogBuckets": self.load_balancer_log_buckets,
                "dataEventTrails": self.data_event_trails,
            }
        )

    def _region(
        self, region: str, jurisdiction: str, role: iam.Role | None, allowed: Sequence[pulumi.Resource]
    ) -> RegionalGuardrails:
        args = self._args
        return RegionalGuardrails(
            f"{self._prefix}-{region}",
            RegionalGuardrailsArgs(
                region=region,
                account_id=args.account_id,
                jurisdiction=jurisdiction,
                recorder_role_arn=role.arn if role else None,
                recorder_allowed=allowed,
                records_global_types=region == args.home_region,
                evidence_lock=args.evidence_lock,
                load_balancer_log_bucket=args.adopted.load_balancer_log_buckets.get(region),
                retention_days=args.retention_days,
                protected=args.protected,
                disposable=args.disposable,
            ),
            self._child,
        )

    def _baseline(self) -> None:
        args = self._args
        if args.creates:
            s3.AccountPublicAccessBlock(
                self._prefix,
                account_id=args.account_id,
                block_public_acls=True,
                block_public_policy=True,
                ignore_public_acls=True,
                restrict_public_buckets=True,
                opts=self._child,
            )
        AccountBaseline(
            self._prefix,
            AccountBaselineArgs(
                account_id=args.account_id,
                contact=args.contact,
                monthly_budget_usd=args.monthly_budget_usd,
                organization_root_id=args.organization_root_id,
                budget_subscribers=[to for to, protocol in args.alarm_subscribers.items() if protocol == "email"],
                password_policy=args.creates,
            ),
            self._child,
        )

    def _watched(self) -> tuple[pulumi.Output[str] | None, pulumi.Input[str] | None]:
        """(ARN of the trail, log group that it delivers to), ours or the organisation's."""
        args = self._args
        if not args.creates:
            arn = args.adopted.trail_arn
            return None if arn is None else pulumi.Output.from_input(arn), args.adopted.trail_log_group
        group = self._log_group()
        return self._trail(group).arn, group.name

    def _alarms(self, log_group: pulumi.Input[str]) -> AccountAlarms:
        args = self._args
        return AccountAlarms(
            self._prefix,
            AccountAlarmsArgs(
                region=args.home_region,
                jurisdiction=args.regions[args.home_region],
                account_id=args.account_id,
                key_arn=self._audit_key,
                log_group=log_group,
                subscribers=args.alarm_subscribers,
                also=[] if args.break_glass is None else [use_alarm(self._prefix, args.account_id)],
            ),
            self._child,
        )

    def _findings(self, topics: Mapping[str, AlarmTopic]) -> dict[str, AlarmTopic]:
        """Region -> topic of its findings. What an organisation's detectors find is read by its administrator account
        (https://docs.aws.amazon.com/guardduty/latest/ug/guardduty_organizations.html)."""
        args = self._args
        return {
            region: Findings(
                f"{self._prefix}-{region}",
                FindingsArgs(
                    region=region,
                    account_id=args.account_id,
                    jurisdiction=args.regions[region],
                    key_arn=guardrails.audit_key_arn,
                    subscribers=args.alarm_subscribers,
                    topic=topics.get(region),
                ),
                self._child,
            ).topic
            for region, guardrails in self.regions.items()
            if args.creates
        }

    @property
    def _audit_key(self) -> pulumi.Output[str]:
        """The home region's."""
        return self.regions[self._args.home_region].audit_key_arn

    def _boundaries(self) -> Mapping[str, pulumi.Output[str]]:
        """One boundary a jurisdiction, for the roles of its cells, and one over all regions for this stack's own."""
        args = self._args
        used: dict[str, list[str]] = {}
        for region, jurisdiction in args.regions.items():
            used.setdefault(jurisdiction, []).append(region)
        regions = {key: args.boundary_regions.get(key, here) for key, here in used.items()}
        regions[ACCOUNT] = sorted({region for some in regions.values() for region in some})
        return {
            key: iam.Policy(
                boundary_name(key),
                name=boundary_name(key),
                description=f"Ceiling of the roles of payment cells: {key}",
                policy=policy(*boundary(args.account_id, allowed)),
                tags=tags(DataClass.INTERNAL, use=BOUNDARY_USE),
                opts=self._child,
            ).arn
            for key, allowed in sorted(regions.items())
        }

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
                key_arn=self._audit_key,
                lock=args.evidence_lock,
                grants=grants,
                protected=args.protected,
                disposable=args.disposable,
            ),
            self._child,
        )

    @property
    def _planned_trail_arn(self) -> str:
        """What the policies of its bucket and role name before the trail is there."""
        return f"arn:aws:cloudtrail:{self._args.home_region}:{self._args.account_id}:trail/{self._prefix}"

    def _log_group(self) -> cloudwatch.LogGroup:
        args = self._args
        return cloudwatch.LogGroup(
            f"{self._prefix}-trail",
            region=args.home_region,
            name=f"/payment-cell/{self._prefix}/trail",
            retention_in_days=TRAIL_LOG_DAYS,
            kms_key_id=self._audit_key,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=args.regions[args.home_region]),
            opts=self._child,
        )

    def _log_role(self, group: cloudwatch.LogGroup) -> tuple[iam.Role, iam.RolePolicy]:
        """CloudTrail writes to one log stream a region, whose name begins with the account's id."""
        args = self._args
        role = iam.Role(
            f"{self._prefix}-trail",
            description="CloudTrail to CloudWatch Logs",
            assume_role_policy=trust("cloudtrail", when=from_source(args.account_id, self._planned_trail_arn)),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        streams = group.arn.apply(lambda arn: f"{arn}:log-stream:{args.account_id}_CloudTrail_*")
        writes = iam.RolePolicy(
            f"{self._prefix}-trail",
            role=role.id,
            policy=policy(allow("Write", ["logs:CreateLogStream", "logs:PutLogEvents"], [streams])),
            opts=self._child,
        )
        return role, writes

    def _trail(self, group: cloudwatch.LogGroup) -> cloudtrail.Trail:
        """All regions, management events only: data events name people's objects and stay in their cell's region."""
        args = self._args
        bucket = self._evidence_bucket(self._planned_trail_arn)
        role, writes = self._log_role(group)
        return cloudtrail.Trail(
            self._prefix,
            region=args.home_region,
            name=self._prefix,
            s3_bucket_name=bucket.bucket,
            kms_key_id=self._audit_key,
            cloud_watch_logs_group_arn=group.arn.apply(lambda arn: f"{arn}:*"),
            cloud_watch_logs_role_arn=role.arn,
            is_multi_region_trail=True,
            include_global_service_events=True,
            enable_log_file_validation=True,
            enable_logging=True,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=args.regions[args.home_region]),
            # CloudTrail tries bucket and log group when the trail is made.
            opts=pulumi.ResourceOptions(parent=self, protect=args.protected, depends_on=[*bucket.ready, writes]),
        )


def _unconfirmed(topics: Mapping[str, AlarmTopic]) -> pulumi.Output[list[str]]:
    """`security@example.com (us-east-1)`, of the topics by region."""
    return pulumi.Output.from_input({region: topic.unconfirmed for region, topic in topics.items()}).apply(
        lambda found: sorted(f"{name} ({region})" for region, names in found.items() for name in names)
    )
