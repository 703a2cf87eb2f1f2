"""CloudTrail, its metric filters, AWS Config, GuardDuty, Security Hub and the default key of volumes: deliveries that
must be allowed, and what a Region has once."""

from sandbox.aws.preconditions.account import (
    arn_account,
    arn_region,
    ask,
    bucket_exists,
    bucket_policy,
    bucket_region,
    forbidden,
    items,
    locked_out,
    untrusted,
    unusable,
)
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_CREATE, Precondition, Request
from sandbox.aws.preconditions.policies import Caller, allows

TRAIL = "aws:cloudtrail/trail:Trail"
CHANNEL = "aws:cfg/deliveryChannel:DeliveryChannel"
RECORDER = "aws:cfg/recorder:Recorder"
METRIC_FILTER = "aws:cloudwatch/logMetricFilter:LogMetricFilter"
DEFAULT_KEY = "aws:ebs/defaultKmsKey:DefaultKmsKey"

CLOUDTRAIL = f"{DOCS}/awscloudtrail/latest/userguide"
CONFIG = f"{DOCS}/config/latest/developerguide"

OWNED = {"s3:x-amz-acl": "bucket-owner-full-control"}
"""Both services hand their files to the bucket's owner."""


def _trail_arn(request: Request) -> str:
    return f"arn:aws:cloudtrail:{request.context.region}:{request.context.account_id}:trail/{request.props['name']}"


def trail_bucket_lets_trail_in(request: Request) -> str | None:
    bucket, account = request.props["s3BucketName"], request.context.account_id
    if not bucket_exists(request, bucket):
        return f"bucket {bucket} does not exist"
    prefix = request.given("s3KeyPrefix")
    files = f"arn:aws:s3:::{bucket}/{f'{prefix}/' if prefix else ''}AWSLogs/{account}/"
    facts = {"aws:SourceArn": _trail_arn(request), "aws:SourceAccount": account, **OWNED}
    caller, policy = Caller(principal="cloudtrail.amazonaws.com", facts=facts), bucket_policy(request, bucket)
    for action, resource in (("s3:GetBucketAcl", f"arn:aws:s3:::{bucket}"), ("s3:PutObject", f"{files}CloudTrail/log")):
        if not allows(policy, caller, action, resource):
            what = f"cloudtrail.amazonaws.com {action} for {_trail_arn(request)}"
            return f"the policy of bucket {bucket} does not allow {what}"
    return None


def trail_key_is_usable(request: Request) -> str | None:
    bucket = request.props["s3BucketName"]
    if not bucket_exists(request, bucket):
        return None
    return unusable(request, request.given("kmsKeyId"), region=bucket_region(request, bucket))


def trail_key_lets_trail_in(request: Request) -> str | None:
    facts = {"aws:SourceArn": _trail_arn(request)}
    return locked_out(
        request,
        request.given("kmsKeyId"),
        "cloudtrail.amazonaws.com",
        ("kms:GenerateDataKey", "kms:DescribeKey"),
        facts,
    )


def _log_group_exists(request: Request, name: str) -> bool:
    rows = items(request, "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=name)
    return any(row["logGroupName"] == name for row in rows)


def trail_log_group_exists(request: Request) -> str | None:
    arn = str(request.given("cloudWatchLogsGroupArn") or "")
    if not arn:
        return None
    here = (request.context.region, request.context.account_id)
    name = arn.split(":log-group:")[-1].removesuffix(":*")
    if (arn_region(arn), arn_account(arn)) == here and _log_group_exists(request, name):
        return None
    return f"log group {arn} does not exist in {here[0]} of account {here[1]}"


def trail_role_may_write(request: Request) -> str | None:
    group, arn = request.given("cloudWatchLogsGroupArn"), request.given("cloudWatchLogsRoleArn")
    if not group:
        return None
    if not arn:
        return "cloudWatchLogsRoleArn is missing"
    stream = (
        f"{str(group).removesuffix(':*')}:log-stream:{request.context.account_id}_CloudTrail_{request.context.region}"
    )
    needs = [("logs:CreateLogStream", stream), ("logs:PutLogEvents", stream)]
    return untrusted(request, arn, "cloudtrail.amazonaws.com") or forbidden(request, arn, needs)


def metric_filter_group_exists(request: Request) -> str | None:
    name = request.props["logGroupName"]
    return None if _log_group_exists(request, name) else f"log group {name} does not exist"


def default_volume_key_is_usable(request: Request) -> str | None:
    return unusable(request, request.given("keyArn"))


def channel_bucket_lets_config_in(request: Request) -> str | None:
    bucket, account = request.props["s3BucketName"], request.context.account_id
    if not bucket_exists(request, bucket):
        return f"bucket {bucket} does not exist"
    prefix = request.given("s3KeyPrefix")
    file = f"arn:aws:s3:::{bucket}/{f'{prefix}/' if prefix else ''}AWSLogs/{account}/Config/ConfigWritabilityCheckFile"
    caller = Caller(principal="config.amazonaws.com", facts={"aws:SourceAccount": account, **OWNED})
    if allows(bucket_policy(request, bucket), caller, "s3:PutObject", file):
        return None
    # A recorder with a role of its own delivers with that role.
    for recorder in items(request, "config", "describe_configuration_recorders", "ConfigurationRecorders"):
        arn = recorder.get("roleARN") or ""
        if arn and forbidden(request, arn, [("s3:PutObject", file)]) is None:
            return None
    return (
        f"the policy of bucket {bucket} does not allow config.amazonaws.com s3:PutObject on AWSLogs/{account}/Config/*"
    )


def channel_bucket_retains_nothing(request: Request) -> str | None:
    bucket = request.props["s3BucketName"]
    found = ask(request, "s3", "get_object_lock_configuration", Bucket=bucket)
    retention = (found or {}).get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention")
    return f"bucket {bucket} has a default retention in mode {retention.get('Mode')}" if retention else None


def channel_key_is_usable(request: Request) -> str | None:
    bucket = request.props["s3BucketName"]
    if not bucket_exists(request, bucket):
        return None
    return unusable(request, request.given("s3KmsKeyArn"), region=bucket_region(request, bucket))


def recorder_role_is_trusted(request: Request) -> str | None:
    return untrusted(request, request.given("roleArn"), "config.amazonaws.com")


def no_detector_yet(request: Request) -> str | None:
    found = items(request, "guardduty", "list_detectors", "DetectorIds")
    return f"detector {found[0]} exists in {request.context.region}" if found else None


def hub_is_off(request: Request) -> str | None:
    found = ask(request, "securityhub", "describe_hub")
    return f"{found['HubArn']} exists" if found and found.get("HubArn") else None


ROWS = (
    Precondition(
        id="cloudtrail-bucket-lets-trail-in",
        token=TRAIL,
        on=ON_CHANGE,
        rule="The bucket of a trail must exist and let cloudtrail.amazonaws.com read its ACL and put objects.",
        source=f"{CLOUDTRAIL}/create-s3-bucket-policy-for-cloudtrail.html",
        code="InsufficientS3BucketPolicyException",
        check=trail_bucket_lets_trail_in,
    ),
    Precondition(
        id="cloudtrail-key-is-usable",
        token=TRAIL,
        on=ON_CHANGE,
        rule="The key of a trail must be an enabled symmetric key in the Region of its bucket.",
        source=f"{DOCS}/awscloudtrail/latest/APIReference/API_CreateTrail.html",
        code="KmsKeyNotFoundException",
        check=trail_key_is_usable,
    ),
    Precondition(
        id="cloudtrail-key-lets-trail-in",
        token=TRAIL,
        on=ON_CHANGE,
        rule="The key policy must let cloudtrail.amazonaws.com describe the key and generate data keys.",
        source=f"{CLOUDTRAIL}/create-kms-key-policy-for-cloudtrail.html",
        code="InsufficientEncryptionPolicyException",
        check=trail_key_lets_trail_in,
    ),
    Precondition(
        id="cloudtrail-log-group-exists",
        token=TRAIL,
        on=ON_CHANGE,
        rule="The log group of a trail must exist in the trail's account and home Region.",
        source=f"{DOCS}/awscloudtrail/latest/APIReference/API_CreateTrail.html",
        code="InvalidCloudWatchLogsLogGroupArnException",
        check=trail_log_group_exists,
    ),
    Precondition(
        id="cloudtrail-log-role-may-write",
        token=TRAIL,
        on=ON_CHANGE,
        rule="The role of a trail must trust cloudtrail.amazonaws.com and be allowed to write to its log group.",
        source=f"{CLOUDTRAIL}/cloudtrail-required-policy-for-cloudwatch-logs.html",
        code="InvalidCloudWatchLogsRoleArnException",
        check=trail_role_may_write,
    ),
    Precondition(
        id="logs-metric-filter-group-exists",
        token=METRIC_FILTER,
        on=ON_CHANGE,
        rule="The log group of a metric filter must exist.",
        source=f"{DOCS}/AmazonCloudWatchLogs/latest/APIReference/API_PutMetricFilter.html",
        code="ResourceNotFoundException",
        check=metric_filter_group_exists,
    ),
    Precondition(
        id="ebs-default-key-is-usable",
        token=DEFAULT_KEY,
        on=ON_CREATE,
        rule="The default key of volumes must be an enabled symmetric key in its Region.",
        source=f"{DOCS}/AWSEC2/latest/APIReference/API_ModifyEbsDefaultKmsKeyId.html",
        code="InvalidKMSKey.InvalidState",
        check=default_volume_key_is_usable,
    ),
    Precondition(
        id="config-bucket-lets-config-in",
        token=CHANNEL,
        on=ON_CHANGE,
        rule="The bucket of a delivery channel must exist and let AWS Config write.",
        source=f"{CONFIG}/s3-bucket-policy.html",
        code="InsufficientDeliveryPolicyException",
        check=channel_bucket_lets_config_in,
    ),
    Precondition(
        id="config-bucket-retains-nothing",
        token=CHANNEL,
        on=ON_CHANGE,
        rule="AWS Config does not deliver to a bucket whose Object Lock has a default retention.",
        source=f"{CONFIG}/manage-delivery-channel.html",
        code="InsufficientDeliveryPolicyException",
        check=channel_bucket_retains_nothing,
    ),
    Precondition(
        id="config-key-is-usable",
        token=CHANNEL,
        on=ON_CHANGE,
        rule="The key of a delivery channel must be an enabled symmetric key in the Region of its bucket.",
        source=f"{DOCS}/config/latest/APIReference/API_PutDeliveryChannel.html",
        code="InvalidS3KmsKeyArnException",
        check=channel_key_is_usable,
    ),
    Precondition(
        id="config-recorder-role-is-trusted",
        token=RECORDER,
        on=ON_CHANGE,
        rule="The role of a recorder must exist and trust config.amazonaws.com.",
        source=f"{CONFIG}/iamrole-permissions.html",
        code="InvalidRoleException",
        check=recorder_role_is_trusted,
    ),
    Precondition(
        id="guardduty-has-one-detector",
        token="aws:guardduty/detector:Detector",
        on=ON_CREATE,
        rule="An account has one detector in a Region.",
        source=f"{DOCS}/guardduty/latest/APIReference/API_CreateDetector.html",
        code="BadRequestException",
        check=no_detector_yet,
    ),
    Precondition(
        id="securityhub-is-enabled-once",
        token="aws:securityhub/account:Account",
        on=ON_CREATE,
        rule="Security Hub is enabled once in an account and Region.",
        source=f"{DOCS}/securityhub/1.0/APIReference/API_EnableSecurityHub.html",
        code="ResourceConflictException",
        check=hub_is_off,
    ),
)
