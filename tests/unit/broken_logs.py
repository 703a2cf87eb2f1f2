"""Mutations of logs, trails, detectors and what waits for dead letters."""

from changes import parameter, setting, without
from mutations import ACCOUNT, CELL, Mutation

TRAIL = "aws:cloudtrail/trail:Trail"
KEY = "aws:kms/key:Key"
CLUSTER = "aws:rds/cluster:Cluster"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
QUEUE = "aws:sqs/queue:Queue"
PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
EVENT_TARGET = "aws:cloudwatch/eventTarget:EventTarget"
EKS = "aws:eks/cluster:Cluster"
SUBSCRIPTION = "aws:sns/topicSubscription:TopicSubscription"


MUTATIONS = (
    Mutation(
        sees="EVT-01 consumer_has_a_dead_letter_queue",
        also=frozenset({"EVT-01 somebody_hears_of_dead_letters"}),
        stack=CELL,
        type=EVENT_TARGET,
        name="eu-west-1-tax",
        change=without("deadLetterConfig"),
    ),
    Mutation(
        sees="EVT-01 consumer_has_a_dead_letter_queue",
        also=frozenset({"KEY-02 uses_the_cells_own_key"}),
        stack=CELL,
        type=QUEUE,
        name="fraud-dlq",
        change=setting("region", "eu-central-1"),
    ),
    Mutation(
        sees="EVT-01 dead_letters_outlive_the_queue",
        stack=CELL,
        type=QUEUE,
        name="tax-dlq",
        change=setting("messageRetentionSeconds", 60),
    ),
    Mutation(
        sees="EVT-01 somebody_hears_of_dead_letters",
        stack=CELL,
        type="aws:cloudwatch/metricAlarm:MetricAlarm",
        name="ledger-dead-letters",
    ),
    Mutation(sees="LOG-01 covers_all_regions", stack=ACCOUNT, type=TRAIL, change=setting("isMultiRegionTrail", False)),
    Mutation(
        sees="LOG-01 is_encrypted_with_a_key",
        also=frozenset({"KEY-01 uses_a_customer_managed_key"}),
        stack=ACCOUNT,
        type=TRAIL,
        change=without("kmsKeyId"),
    ),
    Mutation(sees="LOG-01 is_logging", stack=ACCOUNT, type=TRAIL, change=setting("enableLogging", False)),
    Mutation(
        sees="LOG-01 records_management_events",
        stack=ACCOUNT,
        type=TRAIL,
        change=setting("eventSelectors", [{"includeManagementEvents": False}]),
    ),
    Mutation(
        sees="LOG-01 validates_its_files", stack=ACCOUNT, type=TRAIL, change=setting("enableLogFileValidation", False)
    ),
    Mutation(
        sees="LOG-02 data_events_are_recorded",
        stack=CELL,
        type=TRAIL,
        change=lambda props: props["advancedEventSelectors"].pop(),
    ),
    Mutation(sees="LOG-02 data_events_are_recorded", stack=CELL, type=TRAIL),
    Mutation(
        sees="LOG-02 data_events_stay_in_their_region",
        stack=CELL,
        type=TRAIL,
        change=setting("isMultiRegionTrail", True),
    ),
    Mutation(
        sees="LOG-03 audit_bucket_locks_its_objects",
        stack="account-dev",
        type="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    ),
    Mutation(
        sees="LOG-03 audit_bucket_locks_its_objects",
        also=frozenset({"LOG-03 audit_lock_is_in_compliance_mode", "LOG-03 audit_lock_lasts"}),
        stack=ACCOUNT,
        type="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
    ),
    Mutation(
        sees="LOG-03 audit_lock_is_in_compliance_mode",
        stack=ACCOUNT,
        type="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        change=setting("rule.defaultRetention.mode", "GOVERNANCE"),
    ),
    Mutation(
        sees="LOG-03 audit_lock_lasts",
        stack=ACCOUNT,
        type="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        change=setting("rule.defaultRetention.days", 364),
    ),
    Mutation(
        sees="LOG-04 cluster_sends_all_logs", stack=CELL, type=EKS, change=setting("enabledClusterLogTypes", ["api"])
    ),
    Mutation(
        sees="LOG-05 database_sends_its_log",
        stack=CELL,
        type=CLUSTER,
        change=setting("enabledCloudwatchLogsExports", []),
    ),
    Mutation(sees="LOG-06 log_group_forgets", stack=CELL, type=GROUP, change=without("retentionInDays")),
    Mutation(
        sees="LOG-06 log_group_forgets", stack=CELL, type=GROUP, name="waf", change=setting("retentionInDays", 3653)
    ),
    Mutation(
        sees="LOG-06 security_log_is_kept_a_year",
        stack=CELL,
        type=GROUP,
        name="flow-logs",
        change=setting("retentionInDays", 30),
    ),
    Mutation(
        sees="LOG-06 security_log_is_kept_a_year",
        stack=CELL,
        type=GROUP,
        name="control-plane",
        change=setting("retentionInDays", 30),
    ),
    Mutation(
        sees="LOG-06 security_log_is_kept_a_year", stack=ACCOUNT, type=GROUP, change=setting("retentionInDays", 30)
    ),
    Mutation(
        sees="LOG-07 config_records",
        stack=ACCOUNT,
        type="aws:cfg/recorderStatus:RecorderStatus",
        change=setting("isEnabled", False),
    ),
    Mutation(
        sees="LOG-07 guardduty_detects",
        stack=ACCOUNT,
        type="aws:guardduty/detector:Detector",
        change=setting("enable", False),
    ),
    Mutation(sees="LOG-07 security_hub_collects", stack=ACCOUNT, type="aws:securityhub/account:Account"),
    Mutation(
        sees="LOG-08 findings_reach_a_topic",
        stack=ACCOUNT,
        type="aws:cloudwatch/eventRule:EventRule",
        name="guardduty",
        change=setting("state", "DISABLED"),
    ),
    Mutation(
        sees="LOG-09 audits_access_to_personal_data",
        stack=CELL,
        type=PARAMETERS,
        change=parameter("shared_preload_libraries", "pg_stat_statements"),
    ),
    Mutation(
        sees="LOG-09 keeps_values_out_of_the_log",
        stack=CELL,
        type=PARAMETERS,
        change=parameter("log_parameter_max_length", "-1"),
    ),
    Mutation(
        sees="EVT-01 subscriber_has_confirmed",
        stack=CELL,
        type=SUBSCRIPTION,
        change=setting("pendingConfirmation", True),
        live=True,
    ),
    Mutation(
        sees="LOG-01 delivers_its_files_now", stack=ACCOUNT, type=TRAIL, change=setting("isLogging", False), live=True
    ),
    Mutation(
        sees="LOG-07 recorder_records_now",
        stack=ACCOUNT,
        type="aws:cfg/recorderStatus:RecorderStatus",
        change=setting("lastStatus", "FAILURE"),
        live=True,
    ),
    Mutation(
        sees="LOG-08 somebody_confirmed_the_subscription",
        also=frozenset({"EVT-01 subscriber_has_confirmed"}),
        stack=ACCOUNT,
        type=SUBSCRIPTION,
        change=setting("pendingConfirmation", True),
        live=True,
    ),
)
