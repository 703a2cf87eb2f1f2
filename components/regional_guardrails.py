"""What an account holds once in each region it uses: recorder, detectors, defaults, and the buckets that logs go to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass

import pulumi
from pulumi_aws import accessanalyzer, backup, cfg, ebs, ecr, guardduty, securityhub

from components.base import type_token
from components.buckets import ObjectLock, PrivateBucket, PrivateBucketArgs
from components.iam import Statement, allow, from_source, service
from components.keys import Keys, KeysArgs
from components.vocabulary import AUDIT_TRAIL, DataClass, KeyUse, tags

SNAPSHOT_FREQUENCY = "TwentyFour_Hours"
"""A full list of resources once a day; changes are delivered as they happen."""

FINDINGS_FREQUENCY = "FIFTEEN_MINUTES"
"""How soon a repeated finding is reported again; GuardDuty's shortest."""

BACKED_UP = ("Aurora", "DynamoDB")
"""Types that AWS Backup may take in the region. A cluster's ARN does not tell Aurora from RDS, so that without the
opt-in a plan leaves Aurora out and says nothing
(https://docs.aws.amazon.com/aws-backup/latest/devguide/assigning-resources-json.html)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RegionalGuardrailsArgs:
    """What the guardrails of one region need to know."""

    region: str
    account_id: str
    jurisdiction: str
    recorder_role_arn: pulumi.Input[str] | None
    """Role of AWS Config. None: recorder, detectors and the region's defaults are somebody else's (an organisation's).
    """
    evidence_lock: ObjectLock
    """Lock of the bucket that trails of data events deliver to."""
    load_balancer_log_bucket: str | None = None
    """Bucket that somebody else keeps for the load balancers' logs. None: one is made."""
    recorder_allowed: Sequence[pulumi.Resource] = ()
    """The role's permissions."""
    records_global_types: bool = False
    """True in one region of the account: IAM is the same everywhere, and each record costs."""
    retention_days: int = 365
    protected: bool = True
    disposable: bool = False
    """Nothing stays in the account when the stack goes."""


class RegionalGuardrails(pulumi.ComponentResource):
    """Config, GuardDuty, Security Hub, access analyzer, defaults of EBS, AWS Backup and ECR, and buckets for Config,
    load-balancer logs and data events.

    Creation: seconds.
    """

    audit_key_arn: pulumi.Output[str]
    """Encrypts what is recorded about the account in this region."""
    data_event_bucket: pulumi.Output[str]
    """Where the trails of this region's cells deliver who read and wrote what."""
    load_balancer_log_bucket: pulumi.Output[str]
    """Where the load balancers of this region deliver their access logs."""
    ready: Sequence[pulumi.Resource]
    """What those who deliver to the buckets of load balancers and trails wait for, in the same stack."""

    def __init__(self, name: str, args: RegionalGuardrailsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        creates = args.recorder_role_arn is not None
        keys = self._keys({KeyUse.AUDIT, KeyUse.VOLUMES} if creates else {KeyUse.AUDIT})
        self.audit_key_arn = keys[KeyUse.AUDIT]
        data_events = self._data_events()
        self.data_event_bucket = data_events.bucket
        if args.load_balancer_log_bucket is None:
            access_logs = self._load_balancer_logs()
            self.load_balancer_log_bucket = access_logs.bucket
            self.ready = [*data_events.ready, *access_logs.ready]
        else:
            self.load_balancer_log_bucket = pulumi.Output.from_input(args.load_balancer_log_bucket)
            self.ready = data_events.ready
        if args.recorder_role_arn is not None:
            self._defaults(keys[KeyUse.VOLUMES])
            self._recorder(self._config_bucket(), args.recorder_role_arn)
            self._detectors()
        self.register_outputs(
            {
                "auditKeyArn": self.audit_key_arn,
                "dataEventBucket": self.data_event_bucket,
                "loadBalancerLogBucket": self.load_balancer_log_bucket,
            }
        )

    def _keys(self, uses: Set[KeyUse]) -> Mapping[KeyUse, pulumi.Output[str]]:
        args = self._args
        keys = Keys(
            self._prefix,
            KeysArgs(
                region=args.region,
                account_id=args.account_id,
                uses=frozenset(uses),
                deletion_window_days=7 if args.disposable else 30,
                protected=args.protected,
                disposable=args.disposable,
            ),
            self._child,
        )
        return keys.arns

    def _defaults(self, volume_key_arn: pulumi.Output[str]) -> None:
        """What holds for volumes, backups and images that name nothing else."""
        region = self._args.region
        ebs.EncryptionByDefault(self._prefix, region=region, enabled=True, opts=self._child)
        ebs.DefaultKmsKey(self._prefix, region=region, key_arn=volume_key_arn, opts=self._child)
        backup.RegionSettings(
            self._prefix,
            region=region,
            resource_type_opt_in_preference=dict.fromkeys(BACKED_UP, True),
            # AWS answers with every type it knows, new ones too, and changes only those that are named.
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["resourceTypeOptInPreference"]),
        )

        ecr.RegistryScanningConfiguration(
            self._prefix,
            region=region,
            # ENHANCED is Amazon Inspector's, which an account switches on and pays for by image.
            scan_type="BASIC",
            rules=[
                {
                    "scan_frequency": "SCAN_ON_PUSH",
                    "repository_filters": [{"filter": "*", "filter_type": "WILDCARD"}],
                }
            ],
            opts=self._child,
        )

    def _data_events(self) -> PrivateBucket:
        """Lets in any trail of the account and region: a cell's is named when the cell is made. Ours in an adopted
        account too: an organisation knows no cell's stores."""
        args = self._args

        def grants(arn: pulumi.Output[str]) -> Sequence[Statement]:
            trails = f"arn:aws:cloudtrail:{args.region}:{args.account_id}:trail/*"
            when, writer = from_source(args.account_id, trails), service("cloudtrail")
            objects = arn.apply(lambda bucket: f"{bucket}/AWSLogs/{args.account_id}/*")
            owned = {
                **when,
                "StringEquals": {**when["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"},
            }
            return [
                allow("TrailsCheck", ["s3:GetBucketAcl"], [arn], principal=writer, when=when),
                allow("TrailsDeliver", ["s3:PutObject"], [objects], principal=writer, when=owned),
            ]

        return PrivateBucket(
            f"{self._prefix}-data-events",
            PrivateBucketArgs(
                region=args.region,
                data_class=DataClass.CONFIDENTIAL,
                jurisdiction=args.jurisdiction,
                retention_days=args.retention_days,
                key_arn=self.audit_key_arn,
                use=AUDIT_TRAIL,
                lock=args.evidence_lock,
                grants=grants,
                protected=args.protected,
                disposable=args.disposable,
            ),
            self._child,
        )

    def _load_balancer_logs(self) -> PrivateBucket:
        """Keys of S3: load balancers deliver to no bucket with a customer's key
        (https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html)."""
        args = self._args

        def grants(arn: pulumi.Output[str]) -> Sequence[Statement]:
            balancers = f"arn:aws:elasticloadbalancing:{args.region}:{args.account_id}:loadbalancer/*"
            objects = arn.apply(lambda bucket: f"{bucket}/*/AWSLogs/{args.account_id}/*")
            return [
                allow(
                    "LoadBalancerLogs",
                    ["s3:PutObject"],
                    [objects],
                    principal=service("logdelivery.elasticloadbalancing"),
                    when=from_source(args.account_id, balancers),
                )
            ]

        return PrivateBucket(
            f"{self._prefix}-lb-logs",
            PrivateBucketArgs(
                region=args.region,
                data_class=DataClass.CONFIDENTIAL,
                jurisdiction=args.jurisdiction,
                retention_days=args.retention_days,
                key_arn=None,
                use="load-balancer-access-logs",
                grants=grants,
                protected=args.protected,
                disposable=args.disposable,
            ),
            self._child,
        )

    def _config_bucket(self) -> PrivateBucket:
        """Not locked: AWS Config cannot deliver to a bucket with a default retention
        (https://docs.aws.amazon.com/config/latest/developerguide/manage-delivery-channel.html)."""
        args = self._args

        def grants(arn: pulumi.Output[str]) -> Sequence[Statement]:
            config, when = service("config"), from_source(args.account_id)
            objects = arn.apply(lambda bucket: f"{bucket}/AWSLogs/{args.account_id}/Config/*")
            owned = {**when["StringEquals"], "s3:x-amz-acl": "bucket-owner-full-control"}
            return [
                allow("ConfigChecks", ["s3:GetBucketAcl", "s3:ListBucket"], [arn], principal=config, when=when),
                allow("ConfigDelivers", ["s3:PutObject"], [objects], principal=config, when={"StringEquals": owned}),
            ]

        return PrivateBucket(
            f"{self._prefix}-config",
            PrivateBucketArgs(
                region=args.region,
                data_class=DataClass.CONFIDENTIAL,
                jurisdiction=args.jurisdiction,
                retention_days=args.retention_days,
                key_arn=self.audit_key_arn,
                grants=grants,
                protected=args.protected,
                disposable=args.disposable,
            ),
            self._child,
        )

    def _recorder(self, bucket: PrivateBucket, role_arn: pulumi.Input[str]) -> None:
        args = self._args
        recorder = cfg.Recorder(
            self._prefix,
            region=args.region,
            name=self._prefix,
            role_arn=role_arn,
            recording_group={"all_supported": True, "include_global_resource_types": args.records_global_types},
            opts=pulumi.ResourceOptions(parent=self, depends_on=args.recorder_allowed),
        )
        channel = cfg.DeliveryChannel(
            self._prefix,
            region=args.region,
            name=self._prefix,
            s3_bucket_name=bucket.bucket,
            s3_kms_key_arn=self.audit_key_arn,
            snapshot_delivery_properties={"delivery_frequency": SNAPSHOT_FREQUENCY},
            # AWS wants the recorder first, and tries the bucket when the channel is made.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[recorder, *bucket.ready]),
        )
        cfg.RecorderStatus(
            self._prefix,
            region=args.region,
            name=recorder.name,
            is_enabled=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[channel]),
        )

    def _detectors(self) -> None:
        args = self._args
        guardduty.Detector(
            self._prefix,
            region=args.region,
            enable=True,
            finding_publishing_frequency=FINDINGS_FREQUENCY,
            tags=tags(DataClass.CONFIDENTIAL),
            opts=self._child,
        )
        securityhub.Account(
            self._prefix,
            region=args.region,
            enable_default_standards=True,
            control_finding_generator="SECURITY_CONTROL",
            auto_enable_controls=True,
            opts=self._child,
        )
        accessanalyzer.Analyzer(
            self._prefix,
            region=args.region,
            analyzer_name=self._prefix,
            type="ACCOUNT",
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
