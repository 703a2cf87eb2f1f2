"""Mutations of stores, keys, logs, events and where data lies."""

import json
from collections.abc import Callable

from mutations import ACCOUNT, CELL, Mutation, Props, setting, without

TRAIL, KEY, TABLE = "aws:cloudtrail/trail:Trail", "aws:kms/key:Key", "aws:dynamodb/table:Table"
CLUSTER, GROUP, SECRET = (
    "aws:rds/cluster:Cluster",
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:secretsmanager/secret:Secret",
)
VAULT, PLAN, QUEUE = "aws:backup/vault:Vault", "aws:backup/plan:Plan", "aws:sqs/queue:Queue"
PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
EVENT_TARGET = "aws:cloudwatch/eventTarget:EventTarget"

ABROAD = "us-east-1"
"""A region outside the jurisdiction of the European cell and of the account's trail."""


def _abroad(service: str, what: str) -> str:
    """An ARN outside the jurisdiction."""
    return f"arn:aws:{service}:{ABROAD}:123456789012:{what}"


def _allows(principal: dict[str, str], *actions: str) -> Callable[[Props], object]:
    """Adds a statement without conditions to a resource's policy."""

    def change(props: Props) -> None:
        document = json.loads(props["policy"])
        document["Statement"].append(
            {"Sid": "Broken", "Effect": "Allow", "Principal": principal, "Action": list(actions), "Resource": "*"}
        )
        props["policy"] = json.dumps(document)

    return change


def _parameter(name: str, value: str) -> Callable[[Props], object]:
    """Sets a parameter of a database's parameter group."""

    def change(props: Props) -> None:
        others = [one for one in props["parameters"] if one["name"] != name]
        props["parameters"] = [*others, {"name": name, "value": value}]

    return change


def _each_rule(name: str, value: object) -> Callable[[Props], object]:
    """Sets a property of every rule of a lifecycle or of a backup plan."""
    return lambda props: [rule.update({name: value}) for rule in props["rules"]]


def _copies_to(vault: str) -> Callable[[Props], object]:
    """All copies of a backup plan go to one vault."""
    return _each_rule("copyActions", [{"destinationVaultArn": vault, "lifecycle": {"deleteAfter": 35}}])


MUTATIONS = (
    Mutation(sees="KEY-01 uses_a_customer_managed_key", stack=CELL, type=SECRET, change=without("kmsKeyId")),
    Mutation(sees="KEY-01 uses_a_customer_managed_key", stack=CELL, type=GROUP, change=setting("kmsKeyId", None)),
    Mutation(
        sees="KEY-01 uses_a_customer_managed_key", stack=CELL, type=CLUSTER, change=setting("storageEncrypted", False)
    ),
    Mutation(
        sees="KEY-01 uses_a_customer_managed_key",
        stack=CELL,
        type=TABLE,
        change=setting("serverSideEncryption.enabled", False),
    ),
    Mutation(
        sees="KEY-01 uses_a_customer_managed_key",
        stack=CELL,
        type="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        name="archive",
    ),
    Mutation(
        sees="KEY-02 uses_the_cells_own_key",
        stack=CELL,
        type=KEY,
        name="secrets",
        change=setting("tags.payment-cell:cell", ABROAD),
    ),
    Mutation(
        sees="KEY-02 uses_the_cells_own_key",
        stack=CELL,
        type=SECRET,
        change=setting("kmsKeyId", _abroad("kms", "key/other")),
    ),
    Mutation(sees="KEY-03 rotates_within_a_year", stack=CELL, type=KEY, change=setting("enableKeyRotation", False)),
    Mutation(sees="KEY-03 rotates_within_a_year", stack=ACCOUNT, type=KEY, change=setting("rotationPeriodInDays", 400)),
    Mutation(
        sees="KEY-04 everyone_is_held_to_an_account",
        stack=CELL,
        type=KEY,
        name="payments",
        change=_allows({"AWS": "*"}, "kms:Decrypt"),
    ),
    Mutation(
        sees="KEY-04 administrators_do_not_use_the_key",
        stack=CELL,
        type=KEY,
        name="payments",
        change=_allows({"AWS": "arn:aws:iam::123456789012:role/both"}, "kms:PutKeyPolicy", "kms:Decrypt"),
    ),
    Mutation(
        sees="KEY-05 waits_thirty_days_before_deletion", stack=CELL, type=KEY, change=setting("deletionWindowInDays", 7)
    ),
    Mutation(
        sees="KEY-06 audit_has_a_key_of_its_own",
        stack=ACCOUNT,
        type="aws:s3/bucket:Bucket",
        name="eu-west-1-config",
        change=setting("tags.payment-cell:data-class", "personal"),
        also=frozenset({"LOG-02 data_events_are_recorded", "RET-02 can_forget_a_person"}),
    ),
    Mutation(
        sees="KEY-06 backups_have_a_key_of_their_own",
        stack=CELL,
        type=VAULT,
        change=setting("kmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:eu-west-1-payments"),
    ),
    Mutation(
        sees="KEY-07 is_under_a_key_of_its_own",
        stack=CELL,
        type=TABLE,
        name="subject-keys",
        change=setting("serverSideEncryption.kmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:eu-west-1-fraud"),
    ),
    Mutation(
        sees="KEY-07 is_in_no_backup",
        stack=CELL,
        type="aws:backup/selection:Selection",
        change=lambda props: props.update(resources=["*"], notResources=[], conditions=[]),
    ),
    Mutation(
        sees="KEY-07 is_gone_within_a_month",
        stack=CELL,
        type=TABLE,
        name="subject-keys",
        change=setting("pointInTimeRecovery.recoveryPeriodInDays", 35),
    ),
    Mutation(
        sees="KEY-07 replicas_are_inside",
        also=frozenset({"RES-03 replicas_stay_inside"}),
        stack=CELL,
        type=TABLE,
        name="subject-keys",
        change=setting("replicas", [{"regionName": ABROAD}]),
    ),
    Mutation(
        sees="KEY-08 encrypts_new_volumes",
        stack=ACCOUNT,
        type="aws:ebs/encryptionByDefault:EncryptionByDefault",
        change=setting("enabled", False),
    ),
    Mutation(
        sees="BCK-01 keeps_seven_to_thirty_five_days",
        stack=CELL,
        type=CLUSTER,
        change=setting("backupRetentionPeriod", 1),
    ),
    Mutation(
        sees="BCK-01 table_has_point_in_time_recovery",
        stack=CELL,
        type=TABLE,
        name="fraud",
        change=setting("pointInTimeRecovery.enabled", False),
    ),
    Mutation(
        sees="BCK-02 database_is_in_a_backup_selection",
        stack=CELL,
        type=CLUSTER,
        change=setting("tags.payment-cell:backup", "none"),
    ),
    Mutation(
        sees="BCK-03 vault_is_encrypted_with_a_key",
        also=frozenset({"KEY-01 uses_a_customer_managed_key"}),
        stack=CELL,
        type=VAULT,
        change=without("kmsKeyArn"),
    ),
    Mutation(
        sees="BCK-03 vault_is_locked", stack="dev", type="aws:backup/vaultLockConfiguration:VaultLockConfiguration"
    ),
    Mutation(
        sees="BCK-03 lock_cannot_be_lifted",
        stack=CELL,
        type="aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        change=without("changeableForDays"),
    ),
    Mutation(
        sees="BCK-03 backups_are_copied_to_another_account",
        stack=CELL,
        type=PLAN,
        change=_copies_to("arn:aws:backup:eu-west-1:123456789012:backup-vault:own"),
    ),
    Mutation(
        sees="BCK-05 is_protected_against_deletion",
        stack=CELL,
        type=CLUSTER,
        change=setting("deletionProtection", False),
    ),
    Mutation(
        sees="BCK-05 is_protected_against_deletion",
        stack=CELL,
        type="aws:rds/globalCluster:GlobalCluster",
        change=setting("deletionProtection", False),
    ),
    Mutation(
        sees="BCK-05 is_protected_against_deletion",
        stack=CELL,
        type=TABLE,
        change=setting("deletionProtectionEnabled", False),
    ),
    Mutation(
        sees="BCK-05 leaves_a_final_snapshot", stack=CELL, type=CLUSTER, change=setting("skipFinalSnapshot", True)
    ),
    Mutation(
        sees="EVT-01 consumer_has_a_dead_letter_queue",
        also=frozenset({"EVT-01 somebody_hears_of_dead_letters"}),
        stack=CELL,
        type=EVENT_TARGET,
        name="eu-west-1-tax",
        change=without("deadLetterConfig"),
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
        sees="LOG-01 validates_its_files", stack=ACCOUNT, type=TRAIL, change=setting("enableLogFileValidation", False)
    ),
    Mutation(sees="LOG-01 is_logging", stack=ACCOUNT, type=TRAIL, change=setting("enableLogging", False)),
    Mutation(
        sees="LOG-01 records_management_events",
        stack=ACCOUNT,
        type=TRAIL,
        change=setting("eventSelectors", [{"includeManagementEvents": False}]),
    ),
    Mutation(
        sees="LOG-01 is_encrypted_with_a_key",
        also=frozenset({"KEY-01 uses_a_customer_managed_key"}),
        stack=ACCOUNT,
        type=TRAIL,
        change=without("kmsKeyId"),
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
        sees="LOG-03 audit_lock_is_in_compliance_mode",
        stack=ACCOUNT,
        type="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        change=setting("rule.defaultRetention.mode", "GOVERNANCE"),
    ),
    Mutation(
        sees="LOG-05 database_sends_its_log",
        stack=CELL,
        type=CLUSTER,
        change=setting("enabledCloudwatchLogsExports", []),
    ),
    Mutation(
        sees="LOG-06 security_log_is_kept_a_year",
        stack=CELL,
        type=GROUP,
        name="flow-logs",
        change=setting("retentionInDays", 30),
    ),
    Mutation(sees="LOG-06 log_group_forgets", stack=CELL, type=GROUP, change=without("retentionInDays")),
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
        change=_parameter("shared_preload_libraries", "pg_stat_statements"),
    ),
    Mutation(
        sees="LOG-09 keeps_values_out_of_the_log",
        stack=CELL,
        type=PARAMETERS,
        change=_parameter("log_parameter_max_length", "-1"),
    ),
    Mutation(
        sees="RET-01 objects_expire", stack=CELL, type=LIFECYCLE, name="archive", change=_each_rule("expiration", None)
    ),
    Mutation(
        sees="RET-01 old_versions_expire",
        stack=CELL,
        type=LIFECYCLE,
        name="archive",
        change=_each_rule("noncurrentVersionExpiration", None),
    ),
    Mutation(
        sees="RET-01 archive_forgets",
        stack=CELL,
        type="aws:cloudwatch/eventArchive:EventArchive",
        change=setting("retentionDays", 0),
    ),
    Mutation(sees="RET-01 backups_expire", stack=CELL, type=PLAN, change=_each_rule("lifecycle", None)),
    Mutation(
        sees="RES-01 lies_in_the_jurisdiction",
        stack=ACCOUNT,
        type="aws:s3/bucket:Bucket",
        name="account-eu-west-1-lb-logs",
        change=setting("region", ABROAD),
    ),
    Mutation(
        sees="RES-01 lies_in_the_jurisdiction",
        stack=CELL,
        type=TABLE,
        change=setting("tags.payment-cell:jurisdiction", "us"),
    ),
    Mutation(
        sees="RES-02 member_stays_inside",
        stack=CELL,
        type="aws:rds/globalCluster:GlobalCluster",
        change=setting("tags.payment-cell:jurisdiction", "us"),
    ),
    Mutation(sees="RES-02 source_stays_inside", stack=CELL, type=CLUSTER, change=setting("sourceRegion", ABROAD)),
    Mutation(
        sees="RES-03 replicas_stay_inside",
        stack=CELL,
        type=TABLE,
        name="fraud",
        change=setting("replicas", [{"regionName": ABROAD}]),
    ),
    Mutation(
        sees="RES-05 copies_stay_inside",
        stack=CELL,
        type=PLAN,
        change=_copies_to(f"arn:aws:backup:{ABROAD}:111122223333:backup-vault:copies"),
    ),
    Mutation(
        sees="RES-07 sink_stays_inside",
        stack=CELL,
        type="aws:ec2/flowLog:FlowLog",
        change=setting("logDestination", _abroad("logs", "log-group:flow-logs")),
    ),
    Mutation(
        sees="RES-08 target_stays_inside",
        stack=CELL,
        type="aws:pipes/pipe:Pipe",
        change=setting("target", _abroad("events", "event-bus/other")),
    ),
    Mutation(
        sees="RES-08 target_stays_inside",
        stack=CELL,
        type=EVENT_TARGET,
        name="backup-failed",
        change=setting("arn", _abroad("sns", "other")),
    ),
    Mutation(
        sees="RES-08 subscriber_stays_inside",
        stack=CELL,
        type="aws:sns/topicSubscription:TopicSubscription",
        change=lambda props: props.update(protocol="sqs", endpoint=_abroad("sqs", "other")),
    ),
    Mutation(
        sees="RES-09 secret_stays_inside", stack=CELL, type=SECRET, change=setting("replicas", [{"region": ABROAD}])
    ),
    Mutation(
        sees="RES-10 service_stays_inside",
        stack=CELL,
        type="aws:ec2/vpcEndpoint:VpcEndpoint",
        name="kms",
        change=setting("serviceRegion", ABROAD),
    ),
    Mutation(
        sees="RET-02 can_forget_a_person",
        stack=CELL,
        type="aws:dynamodb/table:Table",
        name="subject-keys",
    ),
    Mutation(
        sees="ROPA-01 belongs_to_an_activity",
        stack=CELL,
        type=SECRET,
        change=lambda props: (props.pop("tags"), props.pop("tagsAll")),
        also=frozenset({"ROPA-01 has_an_accountable_owner"}),
    ),
    Mutation(
        sees="RES-11 set_leads_into_one_jurisdiction",
        stack=CELL,
        type="aws:route53/record:Record",
        name="edge",
        change=setting("latencyRoutingPolicies", [{"region": ABROAD}]),
    ),
    Mutation(
        sees="RES-13 everyone_is_held_to_an_account",
        stack=CELL,
        type=TOPIC_POLICY,
        change=_allows({"AWS": "*"}, "sns:Publish"),
    ),
    Mutation(
        sees="RES-13 services_act_for_a_known_source",
        stack=CELL,
        type=TOPIC_POLICY,
        change=_allows({"Service": "events.amazonaws.com"}, "sns:Publish"),
    ),
    Mutation(
        sees="RES-13 services_act_for_a_known_source",
        stack=CELL,
        type=KEY,
        name="events",
        change=_allows({"Service": "events.amazonaws.com"}, "kms:Decrypt"),
    ),
    Mutation(sees="TLS-02 database_forces_tls", stack=CELL, type=PARAMETERS, change=_parameter("rds.force_ssl", "0")),
    Mutation(
        sees="TLS-02 proxy_requires_tls", stack=CELL, type="aws:rds/proxy:Proxy", change=setting("requireTls", False)
    ),
    Mutation(
        sees="TLS-03 denies_insecure_transport", stack=CELL, type="aws:s3/bucketPolicy:BucketPolicy", name="archive"
    ),
    Mutation(sees="TLS-03 denies_insecure_transport", stack=CELL, type="aws:sqs/queuePolicy:QueuePolicy"),
    Mutation(sees="TLS-03 denies_insecure_transport", stack=CELL, type=TOPIC_POLICY),
    Mutation(sees="KEY-01 uses_a_customer_managed_key", stack=CELL, type=QUEUE, change=without("kmsMasterKeyId")),
    Mutation(
        sees="KEY-01 uses_a_customer_managed_key",
        stack=CELL,
        type="aws:kinesis/stream:Stream",
        change=setting("encryptionType", "NONE"),
    ),
    Mutation(
        sees="KEY-01 uses_a_customer_managed_key",
        stack=CELL,
        type="aws:cloudwatch/eventArchive:EventArchive",
        change=without("kmsKeyIdentifier"),
    ),
    Mutation(
        sees="KEY-01 uses_a_customer_managed_key",
        stack=CELL,
        type="aws:cloudwatch/eventBus:EventBus",
        change=without("kmsKeyIdentifier"),
    ),
    Mutation(
        sees="KEY-01 uses_a_customer_managed_key",
        stack=CELL,
        type="aws:eks/cluster:Cluster",
        change=without("encryptionConfig"),
    ),
    Mutation(
        sees="KEY-05 waits_thirty_days_before_deletion",
        stack=ACCOUNT,
        type=KEY,
        change=setting("deletionWindowInDays", 7),
    ),
    Mutation(
        sees="BCK-03 vault_is_locked",
        also=frozenset({"BCK-03 lock_cannot_be_lifted"}),
        stack=CELL,
        type="aws:backup/vaultLockConfiguration:VaultLockConfiguration",
    ),
    Mutation(
        sees="EVT-01 consumer_has_a_dead_letter_queue",
        also=frozenset({"RES-01 lies_in_the_jurisdiction", "KEY-02 uses_the_cells_own_key"}),
        stack=CELL,
        type=QUEUE,
        name="fraud-dlq",
        change=setting("region", ABROAD),
    ),
    Mutation(
        sees="LOG-03 audit_bucket_locks_its_objects",
        also=frozenset({"LOG-03 audit_lock_is_in_compliance_mode"}),
        stack=ACCOUNT,
        type="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
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
        sees="RET-01 objects_expire",
        also=frozenset({"RET-01 old_versions_expire"}),
        stack=CELL,
        type=LIFECYCLE,
        name="fraud-models",
        change=_each_rule("status", "Disabled"),
    ),
    Mutation(
        sees="RES-01 lies_in_the_jurisdiction",
        also=frozenset({"KEY-02 uses_the_cells_own_key"}),
        stack=CELL,
        type=SECRET,
        change=setting("region", ABROAD),
    ),
    Mutation(
        sees="RES-07 sink_stays_inside",
        stack=CELL,
        type="aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration",
        change=setting("logDestinationConfigs", [_abroad("logs", "log-group:aws-waf-logs-other")]),
    ),
    Mutation(
        sees="RES-13 everyone_is_held_to_an_account",
        stack=CELL,
        type="aws:ecr/repositoryPolicy:RepositoryPolicy",
        change=_allows({"AWS": "*"}, "ecr:BatchGetImage"),
    ),
    Mutation(
        sees="RES-13 everyone_is_held_to_an_account",
        stack=CELL,
        type="aws:backup/vaultPolicy:VaultPolicy",
        change=_allows({"AWS": "*"}, "backup:CopyIntoBackupVault"),
    ),
    Mutation(
        sees="RES-13 services_act_for_a_known_source",
        stack=ACCOUNT,
        type="aws:s3/bucketPolicy:BucketPolicy",
        name="evidence",
        change=_allows({"Service": "cloudtrail.amazonaws.com"}, "s3:PutObject"),
    ),
    Mutation(
        sees="TLS-02 database_forces_tls",
        also=frozenset({"LOG-09 audits_access_to_personal_data", "LOG-09 keeps_values_out_of_the_log"}),
        stack=CELL,
        type=CLUSTER,
        change=without("dbClusterParameterGroupName"),
    ),
)
