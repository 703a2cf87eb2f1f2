"""Trail, recorder, detectors and pipes: they come up, stay, change, show drift and go."""

import json
from typing import Any

import pulumi
import pytest
from inline_stack import stack
from pulumi_aws import (
    accessanalyzer,
    cfg,
    cloudtrail,
    cloudwatch,
    guardduty,
    iam,
    kinesis,
    kms,
    pipes,
    s3,
    securityhub,
    sqs,
)
from table_programs import ACCOUNT, after, comes_up_and_changes, document, repairs, role

from conftest import Sandbox

pytestmark = pytest.mark.engine


def logs() -> tuple[s3.Bucket, s3.BucketPolicy]:
    made = s3.Bucket("logs", force_destroy=True)

    def deliver(arn: str) -> str:
        services = {"Principal": {"Service": ["cloudtrail.amazonaws.com", "config.amazonaws.com"]}}
        look = {"Action": ["s3:GetBucketAcl", "s3:ListBucket"], "Resource": arn}
        return document({**services, **look}, {**services, "Action": "s3:PutObject", "Resource": f"{arn}/*"})

    return made, s3.BucketPolicy("logs", bucket=made.id, policy=made.arn.apply(deliver))


def trail(version: int, bucket: s3.Bucket, delivery: s3.BucketPolicy) -> None:
    key = kms.Key(
        "trail",
        deletion_window_in_days=7,
        policy=document(
            {"Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"},
            {
                "Principal": {"Service": "cloudtrail.amazonaws.com"},
                "Action": ["kms:GenerateDataKey*", "kms:DescribeKey", "kms:Decrypt"],
                "Resource": "*",
            },
        ),
    )
    group = cloudwatch.LogGroup("trail")
    writer, grant = role("trail", "cloudtrail.amazonaws.com", allow=["logs:CreateLogStream", "logs:PutLogEvents"])
    selectors = [_selector("management", eventCategory="Management")]
    if version == 2:
        selectors.append(_selector("objects", **{"eventCategory": "Data", "resources.type": "AWS::S3::Object"}))
    made = cloudtrail.Trail(
        "trail",
        s3_bucket_name=bucket.id,
        s3_key_prefix="trail" if version == 1 else None,
        is_multi_region_trail=True,
        enable_log_file_validation=True,
        kms_key_id=key.arn,
        cloud_watch_logs_group_arn=group.arn.apply(lambda arn: f"{arn}:*"),
        cloud_watch_logs_role_arn=writer.arn,
        advanced_event_selectors=selectors,
        tags={"version": str(version)},
        opts=after(delivery, grant),
    )
    pulumi.export("trail", made.arn)


def _selector(name: str, **fields: str) -> dict[str, Any]:
    return {"name": name, "field_selectors": [{"field": key, "equals": [value]} for key, value in fields.items()]}


def recorder(version: int, bucket: s3.Bucket, delivery: s3.BucketPolicy) -> None:
    own, _ = role("recorder", "config.amazonaws.com")
    policy = bucket.arn.apply(
        lambda arn: document({"Action": ["s3:PutObject", "s3:GetBucketAcl"], "Resource": [arn, f"{arn}/*"]})
    )
    write = iam.RolePolicy("deliver", role=own.name, policy=policy)
    aws_policy = "arn:aws:iam::aws:policy/service-role/AWS_ConfigRole"
    attached = iam.RolePolicyAttachment("recorder", role=own.name, policy_arn=aws_policy)
    made = cfg.Recorder(
        "all",
        role_arn=own.arn,
        recording_group={"all_supported": True, "include_global_resource_types": version == 1},
        opts=after(attached, write),
    )
    frequency = "One_Hour" if version == 1 else "Six_Hours"
    channel = cfg.DeliveryChannel(
        "all",
        s3_bucket_name=bucket.id,
        snapshot_delivery_properties={"delivery_frequency": frequency},
        opts=after(made, delivery),
    )
    cfg.RecorderStatus("all", name=made.name, is_enabled=version == 1, opts=after(channel))


def pipe(version: int) -> None:
    source = kinesis.Stream("events", shard_count=1)
    target = sqs.Queue("ledger", fifo_queue=True, content_based_deduplication=True)
    dead = sqs.Queue("dead")
    allow = ["kinesis:DescribeStream", "kinesis:GetRecords", "kinesis:GetShardIterator", "kinesis:ListShards"]
    allow += ["kinesis:DescribeStreamSummary", "kinesis:ListStreams", "kinesis:SubscribeToShard", "sqs:SendMessage"]
    mover, grant = role("mover", "pipes.amazonaws.com", allow=allow)
    pipes.Pipe(
        "ledger",
        role_arn=mover.arn,
        source=source.arn,
        target=target.arn,
        desired_state="RUNNING" if version == 1 else "STOPPED",
        source_parameters={
            "kinesis_stream_parameters": {
                "starting_position": "TRIM_HORIZON",
                "batch_size": 10 * version,
                "maximum_retry_attempts": 5,
                "on_partial_batch_item_failure": "AUTOMATIC_BISECT",
                "dead_letter_config": {"arn": dead.arn},
            },
            "filter_criteria": {"filters": [{"pattern": json.dumps({"data": {"type": ["payment"]}})}]},
        },
        target_parameters={
            "input_template": "<$.data>",
            "sqs_queue_parameters": {"message_group_id": "$.partitionKey", "message_deduplication_id": "$.eventID"},
        },
        opts=after(grant),
    )


def program(version: int) -> None:
    bucket, delivery = logs()
    trail(version, bucket, delivery)
    recorder(version, bucket, delivery)
    often = "FIFTEEN_MINUTES" if version == 1 else "ONE_HOUR"
    detector = guardduty.Detector("threats", enable=True, finding_publishing_frequency=often)
    securityhub.Account("hub", enable_default_standards=False, auto_enable_controls=version == 1)
    accessanalyzer.Analyzer("external", analyzer_name="external", tags={"version": str(version)})
    pipe(version)
    pulumi.export("detector", detector.id)


def drift(sandbox: Sandbox, outputs: dict[str, str]) -> None:
    """Three changes behind the program's back."""
    sandbox.client("cloudtrail").stop_logging(Name=outputs["trail"])
    sandbox.client("guardduty").update_detector(DetectorId=outputs["detector"], Enable=False)
    sandbox.client("config").start_configuration_recorder(ConfigurationRecorderName="default")


def test_guardrails_and_pipes_come_up_change_in_place_and_go(sandbox: Sandbox) -> None:
    with stack(sandbox, lambda: program(1)) as made:
        # Trail, recorder, channel, status, detector, hub, analyzer, pipe.
        comes_up_and_changes(made, program, update=8)
        drift(sandbox, made.outputs())
        repairs(made, 3)
    assert sandbox.client("cloudtrail").describe_trails()["trailList"] == []
    assert sandbox.client("config").describe_configuration_recorders()["ConfigurationRecorders"] == []
    assert sandbox.client("config").describe_delivery_channels()["DeliveryChannels"] == []
    assert sandbox.client("guardduty").list_detectors()["DetectorIds"] == []
    assert sandbox.client("accessanalyzer").list_analyzers()["analyzers"] == []
    assert sandbox.client("pipes").list_pipes()["Pipes"] == []
