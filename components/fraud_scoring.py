"""What the fraud decision of a cell needs of AWS: feature table, decision stream, model store, the key of the
pseudonyms, and the scheduled training.

    scorer (components/scorer.py) -> feature table (TTL), decision stream -> training job, weekly -> model store
                                                                 |                scorer reads it <-'  ^
                                                                 `-> monitor, hourly -> alarm -> retreat
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import cloudwatch, codebuild, dynamodb, iam, kinesis, secretsmanager

from components.base import type_token
from components.buckets import PrivateBucket, PrivateBucketArgs
from components.builds import image_access, log_access
from components.iam import Statement, allow, from_source, policy, trust, via_service
from components.secret_replicas import in_region
from components.standby import Standby, table_arn
from components.table_streams import OTHERS_REPLICAS, replicable
from components.vocabulary import OWN_IDENTITY, DataClass, tags
from components.workload import IMAGE
from contracts.fraud_models import DIMENSION, METRICS, MODEL_BLOCKED, MODEL_DRIFT

TTL_ATTRIBUTE = "expires"
"""Seconds since 1970; DynamoDB removes an item within days after it
(https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/howitworks-ttl.html)."""

RECOVERY_DAYS = 7
"""Days to which the feature table can be put back; DynamoDB takes 1 to 35. Features are rebuilt by payments in a day,
decisions are also in the stream: a longer copy would only outlive its subjects."""

MODEL_RETENTION_DAYS = 3650
"""Days until a model expires: beyond the longest service of one, and as long as a decision may be asked about."""

TRAINING_RATE = "rate(7 days)"
"""Each training reads all that the decision stream still has, two weeks."""

TIMEOUT_MIN = 60
"""Of a training; it takes minutes. CodeBuild takes 5 to 2,160 minutes (API reference, CreateProject)."""

MONITOR_RATE = "rate(1 hour)"
"""A canary that blocks good payments does so for an hour at most before anybody hears of it."""

DRIFT = 0.25
"""Population stability index above which the model has to be trained again (operations/model/drift.py)."""

BLOCKED_PERCENT = 5
"""Of an hour's payments, above which a model blocks too much. The gate lets 1 % of good payments be blocked, and fraud
is a few percent at the worst: errs towards leaving a model in place."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Job:
    """A program of this project that a build runs."""

    name: str
    module: str
    """With its arguments."""
    does: str
    may: Sequence[Statement]

    @property
    def buildspec(self) -> str:
        """What CodeBuild does."""
        return json.dumps(
            {"version": 0.2, "phases": {"build": {"commands": ["cd /payment-cell", f"python -m {self.module}"]}}}
        )


def raised(alarm_arn: pulumi.Input[str]) -> pulumi.Output[str]:
    """Pattern of the event that says that an alarm went into ALARM
    (https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html)."""
    return pulumi.Output.json_dumps(
        {
            "source": ["aws.cloudwatch"],
            "detail-type": ["CloudWatch Alarm State Change"],
            "resources": [alarm_arn],
            "detail": {"state": {"value": ["ALARM"]}},
        }
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class FraudScoringArgs:
    """What the fraud scoring of one cell needs to know."""

    region: str
    account_id: str
    jurisdiction: str
    key_arn: pulumi.Input[str]
    """Of the use `fraud`: its policy lets it be used through DynamoDB, Kinesis, S3 and Secrets Manager."""
    logs_key_arn: pulumi.Input[str]
    alarm_topic_arn: pulumi.Input[str]
    """Calls a person when payments drift, and when a model blocks too much."""
    replica_region: str | None = None
    """Recovery region, which gets the pseudonyms' secret; the table has the stream that a replica of it needs."""
    standby: Standby | None = None
    """The primary whose table and secret have replicas here. None: they are the cell's own."""
    training_image: str | None = None
    """By digest, of the cell's registry; None: nothing is trained or looked after on a schedule."""
    stream_shards: int | None = None
    """Each takes 1,000 decisions a second. None: on demand."""
    stream_retention_h: int = 336
    log_retention_days: int = 365
    protected: bool = True
    disposable: bool = False
    """The model store goes with its stack; else it stays in the account."""

    def __post_init__(self) -> None:
        if not 336 <= self.stream_retention_h <= 8760:
            raise ValueError(
                f"fraud_scoring.stream_retention_h: {self.stream_retention_h} is outside 336..8760 h: "
                "the training needs twelve days of the stream (Kinesis keeps at most a year)"
            )
        if self.stream_shards is not None and self.stream_shards < 1:
            raise ValueError(
                f"fraud_scoring.stream_shards: {self.stream_shards} is below 1; leave it out for on demand"
            )
        if self.training_image is not None and not IMAGE.fullmatch(self.training_image):
            raise ValueError(
                f"fraud_scoring.training_image: {self.training_image!r} is no digest of a cell's registry; "
                "components.registry.image_of writes it"
            )


class FraudScoring(pulumi.ComponentResource):
    """Table, stream, store, secret, and the training with its schedule. Creation: a minute."""

    feature_table: pulumi.Output[str]
    feature_table_arn: pulumi.Output[str]
    decision_stream: pulumi.Output[str]
    model_bucket: pulumi.Output[str]
    pseudonym_secret_arn: pulumi.Output[str]

    def __init__(self, name: str, args: FraudScoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._key, self._args = f"{name}-fraud", args
        self._child = pulumi.ResourceOptions(parent=self)
        self._lasting = pulumi.ResourceOptions(parent=self, protect=args.protected)
        self._stream = self._decisions()
        if args.standby is None:
            table, secret = self._features(), self._pseudonyms()
            self.feature_table, self.feature_table_arn = table.name, table.arn
            self.pseudonym_secret_arn = secret.arn
        else:
            self.feature_table = pulumi.Output.from_input(args.standby.feature_table)
            self.feature_table_arn = table_arn(args.region, args.account_id, args.standby.feature_table)
            self.pseudonym_secret_arn = pulumi.Output.from_input(args.standby.pseudonym_secret)
        self._models = self._store()
        if args.training_image is not None:
            self._jobs(args.training_image)
        self.decision_stream = self._stream.name
        self.model_bucket = self._models.bucket
        self.register_outputs(
            {
                "featureTable": self.feature_table,
                "decisionStream": self.decision_stream,
                "modelBucket": self.model_bucket,
            }
        )

    def scorer_statements(
        self, rescore_queue_arn: pulumi.Input[str] | None = None, events_key_arn: pulumi.Input[str] | None = None
    ) -> list[Statement]:
        """What the scorer's role may do. `rescore_queue_arn`: of the bus's consumer `fraud`, with the key of its
        messages."""
        args = self._args
        objects = self._models.arn.apply(lambda arn: [f"{arn}/pointer.json", f"{arn}/models/*"])
        services = ["dynamodb", "kinesis", "s3", "secretsmanager"]
        found = [
            allow(
                "Features",
                ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"],
                [self.feature_table_arn],
            ),
            allow("Decisions", ["kinesis:PutRecords"], [self._stream.arn]),
            allow("Models", ["s3:GetObject"], [objects.apply(lambda arns: arns[0]), objects.apply(lambda a: a[1])]),
            # Without it a pointer that is not there would be a refusal and not an absence.
            allow("FindModels", ["s3:ListBucket"], [self._models.arn]),
            allow(
                "Pseudonyms",
                ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"],
                [self.pseudonym_secret_arn],
            ),
            allow(
                "FraudKey",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                [args.key_arn],
                when=via_service(services, args.region, args.account_id),
            ),
        ]
        if rescore_queue_arn is not None and events_key_arn is not None:
            found += [
                allow("Unscored", ["sqs:DeleteMessage", "sqs:ReceiveMessage"], [rescore_queue_arn]),
                allow(
                    "UnscoredKey",
                    ["kms:Decrypt"],
                    [events_key_arn],
                    when=via_service(["sqs"], args.region, args.account_id),
                ),
            ]
        return found

    def _features(self) -> dynamodb.Table:
        args = self._args
        return dynamodb.Table(
            self._key,
            region=args.region,
            billing_mode="PAY_PER_REQUEST",
            hash_key="entity",
            range_key="bucket",
            attributes=[{"name": "entity", "type": "S"}, {"name": "bucket", "type": "N"}],
            ttl={"enabled": True, "attribute_name": TTL_ATTRIBUTE},
            point_in_time_recovery={"enabled": True, "recovery_period_in_days": RECOVERY_DAYS},
            server_side_encryption={"enabled": True, "kms_key_arn": args.key_arn},
            deletion_protection_enabled=args.protected,
            **replicable(args.replica_region),
            tags=tags(DataClass.PERSONAL, jurisdiction=args.jurisdiction),
            opts=pulumi.ResourceOptions.merge(self._lasting, OTHERS_REPLICAS),
        )

    def _decisions(self) -> kinesis.Stream:
        args = self._args
        return kinesis.Stream(
            self._key,
            region=args.region,
            stream_mode_details={"stream_mode": "PROVISIONED" if args.stream_shards else "ON_DEMAND"},
            shard_count=args.stream_shards,
            retention_period=args.stream_retention_h,
            encryption_type="KMS",
            kms_key_id=args.key_arn,
            enforce_consumer_deletion=not args.protected,
            tags=tags(DataClass.PERSONAL, jurisdiction=args.jurisdiction),
            opts=self._lasting,
        )

    def _pseudonyms(self) -> secretsmanager.Secret:
        """Without a value: the first scorer makes it, so that no state holds it (`workloads/scorer/pseudonyms.py`)."""
        args = self._args
        return secretsmanager.Secret(
            f"{self._key}-pseudonyms",
            region=args.region,
            description=f"{self._key}: key of the pseudonyms in features and decisions",
            kms_key_id=args.key_arn,
            replicas=in_region(args.replica_region),
            recovery_window_in_days=0 if args.disposable else 30,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=args.jurisdiction),
            opts=self._lasting,
        )

    def _store(self) -> PrivateBucket:
        args = self._args
        return PrivateBucket(
            f"{self._key}-models",
            PrivateBucketArgs(
                region=args.region,
                data_class=DataClass.CONFIDENTIAL,
                jurisdiction=args.jurisdiction,
                retention_days=MODEL_RETENTION_DAYS,
                key_arn=args.key_arn,
                protected=args.protected,
                disposable=args.disposable,
            ),
            self._child,
        )

    def _jobs(self, image: str) -> None:
        """Training and monitor by the clock, the way back by the alarm."""
        read, store = self._reads_decisions(), self._models.arn
        everything, own, monitored = (
            pulumi.Output.concat(store, "/", name) for name in ("*", "pointer.json", "monitor.json")
        )
        training = Job(
            name="training",
            module="operations.model.job",
            does="Trains the model of the fraud decision on what was decided and how it turned out",
            may=[read, allow("KeepModels", ["s3:GetObject", "s3:PutObject"], [everything])],
        )
        monitor = Job(
            name="monitor",
            module="operations.model.monitor watch",
            does="Looks for drift and for a model that blocks too much",
            may=[
                read,
                allow("ReadPointer", ["s3:GetObject"], [own]),
                allow("KeepMonitor", ["s3:PutObject"], [monitored]),
                allow(
                    "Tell",
                    ["cloudwatch:PutMetricData"],
                    ["*"],
                    when={"StringEquals": {"cloudwatch:namespace": METRICS}},
                ),
            ],
        )
        retreat = Job(
            name="retreat",
            module="operations.model.monitor retreat",
            does="Takes the last step of a model's rollout back",
            may=[allow("MovePointer", ["s3:GetObject", "s3:PutObject"], [own])],
        )
        self._start(self._project(training, image), training, {"schedule_expression": TRAINING_RATE})
        self._start(self._project(monitor, image), monitor, {"schedule_expression": MONITOR_RATE})
        self._start(self._project(retreat, image), retreat, {"event_pattern": raised(self._alarms())})

    def _project(self, job: Job, image: str) -> codebuild.Project:
        """A managed job in place of a cluster's: it needs minutes, and nothing of the cell's network."""
        args, name = self._args, f"{self._key}-{job.name}"
        logs = cloudwatch.LogGroup(
            name,
            region=args.region,
            name=f"/payment-cell/{self._key.removesuffix('-fraud')}/fraud-{job.name}",
            kms_key_id=args.logs_key_arn,
            retention_in_days=args.log_retention_days,
            tags=tags(DataClass.CONFIDENTIAL, jurisdiction=args.jurisdiction),
            opts=self._lasting,
        )
        role = self._role(name, "codebuild", [*self._job_statements(logs, image), *job.may])
        variables = {
            OWN_IDENTITY: "true",
            "DECISION_STREAM": self._stream.name,
            "MODEL_BUCKET": self._models.bucket,
        }
        return codebuild.Project(
            name,
            region=args.region,
            name=name,
            description=job.does,
            service_role=role.arn,
            source=codebuild.ProjectSourceArgs(type="NO_SOURCE", buildspec=job.buildspec),
            artifacts=codebuild.ProjectArtifactsArgs(type="NO_ARTIFACTS"),
            environment=codebuild.ProjectEnvironmentArgs(
                type="ARM_CONTAINER",
                compute_type="BUILD_GENERAL1_SMALL",
                image=image,
                image_pull_credentials_type="SERVICE_ROLE",
                privileged_mode=False,
                environment_variables=[
                    codebuild.ProjectEnvironmentEnvironmentVariableArgs(name=key, value=value)
                    for key, value in sorted(variables.items())
                ],
            ),
            logs_config=codebuild.ProjectLogsConfigArgs(
                cloudwatch_logs=codebuild.ProjectLogsConfigCloudwatchLogsArgs(status="ENABLED", group_name=logs.name),
            ),
            build_timeout=TIMEOUT_MIN,
            concurrent_build_limit=1,
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )

    def _reads_decisions(self) -> Statement:
        return allow(
            "ReadDecisions",
            ["kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"],
            [self._stream.arn],
        )

    def _job_statements(self, logs: cloudwatch.LogGroup, image: str) -> list[Statement]:
        """What every job may do."""
        args = self._args
        repository = image.partition("/")[2].partition("@")[0]
        return [
            log_access(logs.arn),
            *image_access(f"arn:aws:ecr:{args.region}:{args.account_id}:repository/{repository}"),
            allow("FindModels", ["s3:ListBucket"], [self._models.arn]),
            allow(
                "FraudKey",
                ["kms:Decrypt", "kms:GenerateDataKey"],
                [args.key_arn],
                when=via_service(["kinesis", "s3"], args.region, args.account_id),
            ),
        ]

    def _alarms(self) -> pulumi.Output[str]:
        """ARN of the one that takes a model back; the other only calls a person, as it does too."""
        self._alarm(
            "drift", MODEL_DRIFT, DRIFT, "Payments no longer look like those that the fraud model learnt from: train it"
        )
        return self._alarm(
            "blocked",
            MODEL_BLOCKED,
            BLOCKED_PERCENT,
            "The newest fraud model blocks too much; its last step is taken back",
        )

    def _alarm(self, key: str, metric: str, threshold: float, why: str) -> pulumi.Output[str]:
        args = self._args
        alarm = cloudwatch.MetricAlarm(
            f"{self._key}-{key}",
            region=args.region,
            alarm_description=why,
            namespace=METRICS,
            metric_name=metric,
            dimensions={DIMENSION: self._stream.name},
            statistic="Maximum",
            period=3_600,
            evaluation_periods=1,
            threshold=threshold,
            comparison_operator="GreaterThanThreshold",
            # With too few payments the monitor says nothing.
            treat_missing_data="notBreaching",
            alarm_actions=[args.alarm_topic_arn],
            ok_actions=[args.alarm_topic_arn],
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        arn: pulumi.Output[str] = alarm.arn
        return arn

    def _start(self, project: codebuild.Project, job: Job, when: Mapping[str, pulumi.Input[str]]) -> None:
        """An EventBridge rule starts the build
        (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-targets.html)."""
        args, name = self._args, f"{self._key}-{job.name}"
        rule = cloudwatch.EventRule(
            name,
            region=args.region,
            name=name,
            description=job.does,
            **when,
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        role = self._role(f"{name}-start", "events", [allow("Start", ["codebuild:StartBuild"], [project.arn])], rule)
        cloudwatch.EventTarget(
            name,
            region=args.region,
            rule=rule.name,
            target_id=job.name,
            arn=project.arn,
            role_arn=role.arn,
            opts=self._child,
        )

    def _role(
        self, name: str, principal: str, statements: Sequence[Statement], rule: cloudwatch.EventRule | None = None
    ) -> iam.Role:
        source = from_source(self._args.account_id, *([rule.arn] if rule else []))
        role = iam.Role(
            name,
            description=f"{name}: {principal}",
            assume_role_policy=trust(principal, when=source),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        iam.RolePolicy(name, role=role.name, policy=policy(*statements), opts=self._child)
        return role
