"""Logs, alarms, Kinesis, and what an account has once."""

import json
from typing import Any

from pulumi_aws import cfg, cloudtrail, cloudwatch, guardduty, kinesis, kms, route53, s3, securityhub, sns

from preconditions.ground import (
    ACCOUNT,
    FAR_KEY,
    MISSING_KEY,
    MISSING_ROLE,
    REGION,
    Ground,
    after,
    allow,
    bucket,
    document,
    key_for,
    role,
)


def declare(ground: Ground) -> None:
    logs(ground)
    alarms(ground)
    trails(ground)
    recorders(ground)
    kinesis.Stream("kinesis-key-is-usable", shard_count=1, encryption_type="KMS", kms_key_id=ground.off.arn)
    detector = guardduty.Detector("detector", enable=True)
    guardduty.Detector("guardduty-has-one-detector", enable=True, opts=after(detector))
    hub = securityhub.Account("hub")
    securityhub.Account("securityhub-is-enabled-once", opts=after(hub))


def logs(ground: Ground) -> None:
    cloudwatch.LogGroup("logs-key-is-usable", kms_key_id=MISSING_KEY)
    cloudwatch.LogGroup("logs-key-lets-logs-in", kms_key_id=ground.key.arn)
    key = kms.Key("logs", policy=key_for(f"logs.{REGION}.amazonaws.com"))
    cloudwatch.LogGroup("encrypted", kms_key_id=key.arn)
    metric = {"name": "lines", "namespace": "Own", "value": "1"}
    cloudwatch.LogMetricFilter(
        "logs-filtered-group-exists", log_group_name="/missing", pattern="", metric_transformation=metric
    )
    body = json.dumps({"widgets": [{"type": "metric", "properties": {"metrics": [["AWS/SQS"]], "region": REGION}}]})
    cloudwatch.Dashboard("cloudwatch-dashboard-is-valid", dashboard_name="odd", dashboard_body=body)


def alarms(ground: Ground) -> None:
    common: dict[str, Any] = {
        "namespace": "AWS/SQS",
        "metric_name": "NumberOfMessagesSent",
        "statistic": "Sum",
        "period": 60,
        "evaluation_periods": 1,
        "threshold": 0,
        "comparison_operator": "GreaterThanThreshold",
    }

    def alarm(name: str, topic: Any) -> cloudwatch.MetricAlarm:
        return cloudwatch.MetricAlarm(name, alarm_actions=[topic], **common)

    missing = f"arn:aws:sns:{REGION}:{ACCOUNT}:missing"
    sealed = sns.Topic("sealed", kms_master_key_id=ground.key.arn)
    open_key = kms.Key("alarms", policy=key_for("cloudwatch.amazonaws.com"))
    sound = alarm("alarm", sns.Topic("alarms", kms_master_key_id=open_key.arn).arn)
    alarm("cloudwatch-alarm-topics-in-region", f"arn:aws:sns:us-east-1:{ACCOUNT}:alarms")
    alarm("cloudwatch-alarm-topics-exist", missing)
    alarm("cloudwatch-topic-keys-let-alarms-in", sealed.arn)
    for name, topic in (
        ("cloudwatch-composite-topics-exist", missing),
        ("cloudwatch-topic-keys-let-composites-in", sealed.arn),
    ):
        rule = sound.name.apply('ALARM("{}")'.format)
        cloudwatch.CompositeAlarm(name, alarm_name=name, alarm_rule=rule, alarm_actions=[topic])
    health_checks(common, sound)


def health_checks(common: dict[str, Any], sound: cloudwatch.MetricAlarm) -> None:
    def of(name: str, alarm: Any) -> None:
        route53.HealthCheck(
            name,
            type="CLOUDWATCH_METRIC",
            cloudwatch_alarm_name=alarm,
            cloudwatch_alarm_region=REGION,
            insufficient_data_health_status="Unhealthy",
        )

    slow = cloudwatch.MetricAlarm("slow", **{**common, "statistic": None, "extended_statistic": "p99"})
    of("sound-check", sound.name)
    of("route53-alarm-exists", "missing")
    of("route53-alarm-is-plain", slow.name)
    missing = ["00000000-0000-0000-0000-000000000000"]
    route53.HealthCheck(
        "route53-children-exist", type="CALCULATED", child_healthchecks=missing, child_health_threshold=1
    )


def trails(ground: Ground) -> None:
    store, writer = bucket("trail"), {"Service": "cloudtrail.amazonaws.com"}
    ready = s3.BucketPolicy(
        "trail",
        bucket=store.bucket,
        policy=document(
            allow("s3:GetBucketAcl", resources=store.arn, Principal=writer),
            allow("s3:PutObject", resources=store.arn.apply("{}/AWSLogs/*".format), Principal=writer),
        ),
    )

    def trail(name: str, short: str, **settings: Any) -> None:
        given = {"s3_bucket_name": store.bucket, **settings}
        cloudtrail.Trail(name, name=short, opts=after(ready), **given)

    trail("trail", "sound", kms_key_id=kms.Key("trail", policy=key_for("cloudtrail.amazonaws.com")).arn)
    trail("cloudtrail-bucket-lets-trail-in", "silent", s3_bucket_name=ground.bucket.bucket)
    trail("cloudtrail-key-is-usable", "far", kms_key_id=FAR_KEY)
    trail("cloudtrail-key-lets-trail-in", "sealed", kms_key_id=ground.key.arn)


def recorders(ground: Ground) -> None:
    cfg.Recorder("config-recorder-role-is-trusted", name="stranger", role_arn=MISSING_ROLE)
    writer = role("config", "config.amazonaws.com")
    recorder = cfg.Recorder("recorder", name="recorder", role_arn=writer.arn)
    store, locked = bucket("config"), bucket("config-locked", object_lock_enabled=True)
    ready: list[Any] = [recorder]
    for name, made in (("store", store), ("locked", locked)):
        delivery = allow(
            "s3:PutObject", resources=made.arn.apply("{}/*".format), Principal={"Service": "config.amazonaws.com"}
        )
        ready.append(s3.BucketPolicy(f"config-{name}", bucket=made.bucket, policy=document(delivery)))
    retention = {"default_retention": {"mode": "GOVERNANCE", "days": 1}}
    ready.append(s3.BucketObjectLockConfiguration("config", bucket=locked.bucket, rule=retention))

    def channel(name: str, made: Any, **settings: Any) -> None:
        cfg.DeliveryChannel(name, name="default", s3_bucket_name=made.bucket, opts=after(*ready), **settings)

    channel("config-bucket-lets-config-in", ground.bucket)
    channel("config-bucket-retains-nothing", locked)
    channel("config-key-is-usable", store, s3_kms_key_arn=ground.signing.arn)
