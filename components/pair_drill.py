"""The weekly drill of a pair: EventBridge starts a build that moves the writer to the replica and back.

Nothing is broken: it is `cell recovery rehearse`, a planned switchover and a failback with the calls and the role of
the day itself (`components/pair_recovery.py`). Its stop condition is the program's (`operations/recovery/rehearse.py`):
it does not begin while an alarm of the pair or of its cells rings, and goes back at once when one of the region that
writes does. A movement that has begun is never stopped in its middle: there, nobody would write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import pulumi
import yaml
from pulumi_aws import cloudwatch, codebuild, iam

from components.base import type_token
from components.builds import image_access, log_access
from components.iam import Statement, allow, from_source, policy, trust
from components.pair_recovery import recovery_role
from components.runner import repository_arn
from components.vocabulary import DataClass, tags

TIMEOUT_MIN = 180
"""Of a build: two movements, the stay between them and the hour for which a failback waits, with room. AWS takes 5 to
2,160 minutes (API reference, CreateProject)."""

ENDED_BADLY = ("FAILED", "FAULT", "STOPPED", "TIMED_OUT")
"""States of a build (https://docs.aws.amazon.com/codebuild/latest/userguide/sample-build-notifications.html)."""


class Weekday(StrEnum):
    """A day of the week in UTC."""

    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"


def drill_role(pair: str) -> str:
    """Beginning of its role's name, known beforehand: the recovery role lets it in."""
    return f"{pair}-drill"


@dataclass(frozen=True, kw_only=True, slots=True)
class PairDrillArgs:
    """When and where it runs, and whom it tells."""

    account_id: str
    region: str
    """Of the build: the replica's, so that it goes on where the primary's is lost meanwhile."""
    cells: Mapping[str, str]
    """Cell -> its region, the primary first."""
    day: Weekday
    hour_utc: int
    image: str
    """ECR image by digest with this project at `/payment-cell`."""
    log_key_arn: pulumi.Input[str]
    """In its region; the policy lets CloudWatch Logs use it."""
    ticket_topic_arn: pulumi.Input[str]
    """In its region; lets rules of the account publish: told of a drill that did not end well."""
    jurisdiction: str
    log_retention_days: int = 365
    protected: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.hour_utc <= 23:
            raise ValueError(f"pair_drill.hour_utc: {self.hour_utc} is outside 0..23")

    @property
    def schedule(self) -> str:
        """EventBridge evaluates it in UTC
        (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-scheduled-rule-pattern.html)."""
        return f"cron(0 {self.hour_utc} ? * {self.day[:3].upper()} *)"


class PairDrill(pulumi.ComponentResource):
    """A build project, the rule that starts it, and the rule that tells of a bad end. Creation: seconds. Cost: by the
    minute of a build, some half hour a week, and the log."""

    project_name: pulumi.Output[str]

    def __init__(self, name: str, args: PairDrillArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._pair, self._key, self._args = name, drill_role(name), args
        self._child = pulumi.ResourceOptions(parent=self)
        project = self._project()
        self._start(project)
        self._tell(project)
        self.project_name = project.name
        self.register_outputs({"projectName": self.project_name})

    def _project(self) -> codebuild.Project:
        args = self._args
        logs = cloudwatch.LogGroup(
            self._key,
            region=args.region,
            name=f"/payment-cell/{self._pair}/drill",
            kms_key_id=args.log_key_arn,
            retention_in_days=args.log_retention_days,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=args.jurisdiction),
            opts=pulumi.ResourceOptions(parent=self, protect=args.protected),
        )
        role = self._role(self._key, "codebuild", self._rights(logs))
        return codebuild.Project(
            self._key,
            region=args.region,
            name=self._key,
            description=f"Moves the writer of {self._pair} to the replica and back, unless an alarm rings",
            service_role=role.arn,
            source=codebuild.ProjectSourceArgs(type="NO_SOURCE", buildspec=buildspec(self._pair)),
            artifacts=codebuild.ProjectArtifactsArgs(type="NO_ARTIFACTS"),
            # In no VPC: it calls AWS in both regions and the clients' name, and a cell's network reaches its own only.
            environment=codebuild.ProjectEnvironmentArgs(
                type="ARM_CONTAINER",
                compute_type="BUILD_GENERAL1_SMALL",
                image=args.image,
                image_pull_credentials_type="SERVICE_ROLE",
                privileged_mode=False,
            ),
            logs_config=codebuild.ProjectLogsConfigArgs(
                cloudwatch_logs=codebuild.ProjectLogsConfigCloudwatchLogsArgs(status="ENABLED", group_name=logs.name),
            ),
            build_timeout=TIMEOUT_MIN,
            concurrent_build_limit=1,
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )

    def _rights(self, logs: cloudwatch.LogGroup) -> list[Statement]:
        """Beside becoming the recovery role: look at alarms, note how it ended."""
        args = self._args
        primary, home = next(iter(args.cells.items()))
        record = f"arn:aws:ssm:{home}:{args.account_id}:parameter/payment-cell/{primary}/last-drill"
        return [
            log_access(logs.arn),
            *image_access(repository_arn(args.image)),
            allow("Move", ["sts:AssumeRole"], [f"arn:aws:iam::{args.account_id}:role/{recovery_role(self._pair)}"]),
            # Composite alarms are shown to a permission on `*` only
            # (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/permissions-reference-cw.html).
            Statement(
                sid="LookAtAlarms",
                effect="Allow",
                actions=["cloudwatch:DescribeAlarms"],
                resources=["*"],
                when={"StringEquals": {"aws:RequestedRegion": sorted(args.cells.values())}},
            ),
            allow("NoteTheEnd", ["ssm:AddTagsToResource", "ssm:PutParameter"], [record]),
        ]

    def _start(self, project: codebuild.Project) -> None:
        args = self._args
        rule = cloudwatch.EventRule(
            self._key,
            region=args.region,
            name=self._key,
            description=f"{self._pair}: the weekly drill",
            schedule_expression=args.schedule,
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        start = allow("Start", ["codebuild:StartBuild"], [project.arn])
        role = self._role(f"{self._key}-start", "events", [start], rule.arn)
        cloudwatch.EventTarget(
            self._key,
            region=args.region,
            rule=rule.name,
            target_id="drill",
            arn=project.arn,
            role_arn=role.arn,
            opts=self._child,
        )

    def _tell(self, project: codebuild.Project) -> None:
        """A ticket: the writer may be where it does not belong, or nobody has drilled for a week."""
        args, key = self._args, f"{self._key}-ended-badly"
        rule = cloudwatch.EventRule(
            key,
            region=args.region,
            name=key,
            description=f"{self._pair}: a drill that did not begin, or did not end well",
            event_pattern=pulumi.Output.json_dumps(
                {
                    "source": ["aws.codebuild"],
                    "detail-type": ["CodeBuild Build State Change"],
                    "detail": {"project-name": [project.name], "build-status": list(ENDED_BADLY)},
                }
            ),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        cloudwatch.EventTarget(
            key,
            region=args.region,
            rule=rule.name,
            target_id="tickets",
            arn=args.ticket_topic_arn,
            opts=self._child,
        )

    def _role(
        self, name: str, principal: str, statements: list[Statement], source: pulumi.Input[str] | None = None
    ) -> iam.Role:
        role = iam.Role(
            name,
            description=f"{name}: {principal}",
            assume_role_policy=trust(
                principal, when=from_source(self._args.account_id, *([] if source is None else [source]))
            ),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        iam.RolePolicy(name, role=role.name, policy=policy(*statements), opts=self._child)
        return role


def buildspec(pair: str) -> str:
    """What a build does."""
    rehearse = f".venv/bin/cell recovery rehearse {pair} --yes"
    return yaml.safe_dump(
        {"version": 0.2, "phases": {"build": {"commands": ["cd /payment-cell", rehearse]}}}, sort_keys=False, width=400
    )
