"""Mutations of databases, backups, and what stores keep."""

from changes import copies_to, each_rule, parameter, setting, without
from mutations import CELL, Mutation, first, less

from catalogue import Processing
from policies.resources import Stack

KEY = "aws:kms/key:Key"
TABLE = "aws:dynamodb/table:Table"
CLUSTER = "aws:rds/cluster:Cluster"
SECRET = "aws:secretsmanager/secret:Secret"
VAULT = "aws:backup/vault:Vault"
PLAN = "aws:backup/plan:Plan"
PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
TOPIC_POLICY = "aws:sns/topicPolicy:TopicPolicy"
INSTANCE = "aws:rds/clusterInstance:ClusterInstance"


def _two_instances(stack: Stack) -> Stack:
    """with two instances of the shard instead of three"""
    return less(stack, first(stack, INSTANCE, "s00-euw1-az3"))


def _no_activity(register: Processing) -> Processing:
    activities = {name: one for name, one in register.activities.items() if TABLE not in one.stores}
    return register.model_copy(update={"activities": activities})


def _no_owner(register: Processing) -> Processing:
    return register.model_copy(update={"stores": {name: one for name, one in register.stores.items() if name != TABLE}})


MUTATIONS = (
    Mutation(
        sees="BCK-01 keeps_seven_to_thirty_five_days",
        stack=CELL,
        type=CLUSTER,
        change=setting("backupRetentionPeriod", 1),
    ),
    Mutation(
        sees="BCK-01 table_has_point_in_time_recovery",
        also=frozenset({"BCK-02 table_can_be_recovered"}),
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
        sees="BCK-02 bucket_can_be_recovered",
        stack=CELL,
        type="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        name="archive",
    ),
    Mutation(
        sees="BCK-02 table_can_be_recovered",
        also=frozenset({"BCK-01 table_has_point_in_time_recovery"}),
        stack=CELL,
        type=TABLE,
        name="fraud",
        change=without("pointInTimeRecovery"),
    ),
    Mutation(
        sees="BCK-03 backups_end_in_time", stack=CELL, type=PLAN, change=each_rule("lifecycle", {"deleteAfter": 366})
    ),
    Mutation(
        sees="BCK-03 backups_are_copied_to_another_account",
        stack=CELL,
        type=PLAN,
        change=copies_to("arn:aws:backup:eu-west-1:123456789012:backup-vault:own"),
    ),
    Mutation(
        sees="BCK-03 lock_cannot_be_lifted",
        stack=CELL,
        type="aws:backup/vaultLockConfiguration:VaultLockConfiguration",
        change=without("changeableForDays"),
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
        sees="BCK-03 vault_is_locked",
        also=frozenset({"BCK-03 lock_cannot_be_lifted"}),
        stack=CELL,
        type="aws:backup/vaultLockConfiguration:VaultLockConfiguration",
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
        sees="RET-01 archive_forgets",
        stack=CELL,
        type="aws:cloudwatch/eventArchive:EventArchive",
        change=setting("retentionDays", 0),
    ),
    Mutation(
        sees="RET-01 archive_forgets",
        stack=CELL,
        type="aws:cloudwatch/eventArchive:EventArchive",
        change=setting("retentionDays", 365),
    ),
    Mutation(
        sees="RET-01 objects_expire",
        also=frozenset({"RET-01 old_versions_expire"}),
        stack=CELL,
        type=LIFECYCLE,
        name="archive",
        change=each_rule("expiration", {"days": 3650}),
    ),
    Mutation(
        sees="RET-01 old_versions_expire",
        stack=CELL,
        type=LIFECYCLE,
        name="archive",
        change=each_rule("noncurrentVersionExpiration", {"noncurrentDays": 365}),
    ),
    Mutation(
        sees="RET-01 stream_forgets",
        stack=CELL,
        type="aws:kinesis/stream:Stream",
        change=setting("retentionPeriod", 8760),
    ),
    Mutation(sees="RET-01 items_expire", stack=CELL, type=TABLE, name="fraud", change=setting("ttl.enabled", False)),
    Mutation(sees="RET-01 backups_expire", stack=CELL, type=PLAN, change=each_rule("lifecycle", None)),
    Mutation(
        sees="RET-01 objects_expire", stack=CELL, type=LIFECYCLE, name="archive", change=each_rule("expiration", None)
    ),
    Mutation(
        sees="RET-01 objects_expire",
        also=frozenset({"RET-01 old_versions_expire"}),
        stack=CELL,
        type=LIFECYCLE,
        name="fraud-models",
        change=each_rule("status", "Disabled"),
    ),
    Mutation(
        sees="RET-01 old_versions_expire",
        stack=CELL,
        type=LIFECYCLE,
        name="archive",
        change=each_rule("noncurrentVersionExpiration", None),
    ),
    Mutation(
        sees="RET-02 can_forget_a_person",
        stack=CELL,
        type="aws:dynamodb/table:Table",
        name="subject-keys",
    ),
    Mutation(sees="TLS-02 database_forces_tls", stack=CELL, type=PARAMETERS, change=parameter("rds.force_ssl", "0")),
    Mutation(
        sees="TLS-02 database_forces_tls",
        also=frozenset({"LOG-09 audits_access_to_personal_data", "LOG-09 keeps_values_out_of_the_log"}),
        stack=CELL,
        type=CLUSTER,
        change=without("dbClusterParameterGroupName"),
    ),
    Mutation(
        sees="TLS-02 proxy_requires_tls", stack=CELL, type="aws:rds/proxy:Proxy", change=setting("requireTls", False)
    ),
    Mutation(
        sees="TLS-03 denies_insecure_transport", stack=CELL, type="aws:s3/bucketPolicy:BucketPolicy", name="archive"
    ),
    Mutation(sees="TLS-03 denies_insecure_transport", stack=CELL, type="aws:sqs/queuePolicy:QueuePolicy"),
    Mutation(sees="TLS-03 denies_insecure_transport", stack=CELL, type=TOPIC_POLICY),
    Mutation(
        sees="BCK-06 database_has_two_instances",
        also=frozenset({"BCK-06 instances_stand_in_two_zones"}),
        stack=CELL,
        type=INSTANCE,
        prepared=_two_instances,
    ),
    Mutation(
        sees="BCK-06 instances_stand_in_two_zones",
        stack=CELL,
        type=INSTANCE,
        prepared=_two_instances,
        change=setting("availabilityZone", "name-of-euw1-az2"),
    ),
    Mutation(sees="ROPA-01 belongs_to_an_activity", stack=CELL, type=TABLE, register=_no_activity),
    Mutation(sees="ROPA-01 has_an_accountable_owner", stack=CELL, type=TABLE, register=_no_owner),
)
