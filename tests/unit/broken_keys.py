"""Mutations of keys and what is under them."""

from changes import ABROAD, abroad, allows, setting, without
from mutations import ACCOUNT, CELL, Mutation, changed, first, plus

from policies.resources import Stack

KEY = "aws:kms/key:Key"
TABLE = "aws:dynamodb/table:Table"
CLUSTER = "aws:rds/cluster:Cluster"
GROUP = "aws:cloudwatch/logGroup:LogGroup"
SECRET = "aws:secretsmanager/secret:Secret"
VAULT = "aws:backup/vault:Vault"
QUEUE = "aws:sqs/queue:Queue"


def _replicated(stack: Stack) -> Stack:
    """with a replica in the recovery region"""
    keys = first(stack, TABLE, "subject-keys")
    return plus(stack, changed(keys, setting("replicas", [{"regionName": "eu-central-1"}])))


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
        change=setting("kmsKeyId", abroad("kms", "key/other")),
    ),
    Mutation(sees="KEY-03 rotates_within_a_year", stack=CELL, type=KEY, change=setting("enableKeyRotation", False)),
    Mutation(sees="KEY-03 rotates_within_a_year", stack=ACCOUNT, type=KEY, change=setting("rotationPeriodInDays", 400)),
    Mutation(
        sees="KEY-04 administrators_do_not_use_the_key",
        stack=CELL,
        type=KEY,
        name="payments",
        change=allows({"AWS": "arn:aws:iam::123456789012:role/both"}, "kms:PutKeyPolicy", "kms:Decrypt"),
    ),
    Mutation(
        sees="KEY-04 everyone_is_held_to_an_account",
        stack=CELL,
        type=KEY,
        name="payments",
        change=allows({"AWS": "*"}, "kms:Decrypt"),
    ),
    Mutation(
        sees="KEY-05 waits_thirty_days_before_deletion", stack=CELL, type=KEY, change=setting("deletionWindowInDays", 7)
    ),
    Mutation(
        sees="KEY-05 waits_thirty_days_before_deletion",
        stack=ACCOUNT,
        type=KEY,
        change=setting("deletionWindowInDays", 7),
    ),
    Mutation(
        sees="KEY-06 audit_has_a_key_of_its_own",
        stack=CELL,
        type="aws:cloudtrail/trail:Trail",
        change=setting("kmsKeyId", "arn:aws:kms:eu-west-1:123456789012:eu-west-1-payments"),
    ),
    Mutation(
        sees="KEY-06 backups_have_a_key_of_their_own",
        stack=CELL,
        type=VAULT,
        change=setting("kmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:eu-west-1-payments"),
    ),
    Mutation(
        sees="KEY-07 is_gone_within_a_month",
        stack=CELL,
        type=TABLE,
        name="subject-keys",
        change=setting("pointInTimeRecovery.recoveryPeriodInDays", 35),
    ),
    Mutation(
        sees="KEY-07 is_in_no_backup",
        stack=CELL,
        type="aws:backup/selection:Selection",
        change=lambda props: props.update(resources=["*"], notResources=[], conditions=[]),
    ),
    Mutation(
        sees="KEY-07 is_under_a_key_of_its_own",
        stack=CELL,
        type=TABLE,
        name="subject-keys",
        change=setting("serverSideEncryption.kmsKeyArn", "arn:aws:kms:eu-west-1:123456789012:eu-west-1-fraud"),
    ),
    Mutation(
        sees="KEY-07 replicas_are_inside",
        also=frozenset({"RES-03 replicas_stay_inside"}),
        stack=CELL,
        type=TABLE,
        name="subject-keys",
        prepared=_replicated,
        change=setting("replicas", [{"regionName": ABROAD}]),
    ),
    Mutation(
        sees="KEY-08 encrypts_new_volumes",
        stack=ACCOUNT,
        type="aws:ebs/encryptionByDefault:EncryptionByDefault",
        change=setting("enabled", False),
    ),
    Mutation(
        sees="KEY-05 is_in_service", stack=CELL, type=KEY, change=setting("keyState", "PendingDeletion"), live=True
    ),
)
