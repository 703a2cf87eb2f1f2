"""What becomes of events that nobody can process."""

import json

from marks import QUIET, over_tls_only
from pulumi_aws import cfg, cloudwatch, guardduty, securityhub, sns, sqs


def declare() -> None:
    _watched_regions()
    _unheard()
    topic = sns.Topic("evt-01", policy=over_tls_only("sns"), tags=QUIET)
    tls = over_tls_only("sqs")
    for name in ("bad", "good"):
        dead = sqs.Queue(f"evt-01-dead-{name}", message_retention_seconds=1_209_600, policy=tls, tags=QUIET)
        redrive = dead.arn.apply(lambda arn: json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 5}))
        queue = sqs.Queue(f"evt-01-{name}", redrive_policy=redrive, policy=tls, tags=QUIET)
        sns.TopicSubscription(f"evt-01-{name}", topic=topic.arn, protocol="sqs", endpoint=queue.arn)
        cloudwatch.MetricAlarm(
            f"evt-01-{name}",
            namespace="AWS/SQS",
            metric_name="ApproximateNumberOfMessagesVisible",
            dimensions={"QueueName": dead.name},
            statistic="Maximum",
            period=60,
            evaluation_periods=1,
            threshold=0,
            comparison_operator="GreaterThanThreshold",
            alarm_actions=[topic.arn],
            actions_enabled=name == "good",
            tags=QUIET,
        )


def _watched_regions() -> None:
    """One region with all three services, and one where a detector stands alone."""
    region = "eu-west-1"
    recorder = cfg.Recorder("log-07", region=region, role_arn="arn:aws:iam::123456789012:role/config")
    cfg.RecorderStatus("log-07", region=region, name=recorder.name, is_enabled=True)
    securityhub.Account("log-07", region=region)
    guardduty.Detector("log-07-good", region=region, enable=True, tags=QUIET)
    guardduty.Detector("log-07-bad", region="eu-central-1", enable=True, tags=QUIET)
    _heard("log-07", region, "aws.guardduty", "aws.securityhub")
    _heard("log-07-central", "eu-central-1", "aws.guardduty")


def _heard(name: str, region: str, *sources: str) -> None:
    """The rule that LOG-08 wants of detectors."""
    rule = cloudwatch.EventRule(name, region=region, event_pattern=json.dumps({"source": list(sources)}), tags=QUIET)
    topic = f"arn:aws:sns:{region}:123456789012:pages"
    cloudwatch.EventTarget(name, region=region, rule=rule.name, arn=topic)


def _unheard() -> None:
    """All three services in a region, and nobody who hears of them."""
    region = "eu-west-3"
    recorder = cfg.Recorder("log-08", region=region, role_arn="arn:aws:iam::123456789012:role/config")
    cfg.RecorderStatus("log-08", region=region, name=recorder.name, is_enabled=True)
    securityhub.Account("log-08", region=region)
    _heard("log-08", region, "aws.securityhub")
    guardduty.Detector("log-08-bad", region=region, enable=True, tags=QUIET)
