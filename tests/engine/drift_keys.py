"""Keys: what becomes of them, who may use them, and what is under which."""

import json
from collections.abc import Callable

from drift import CELL, Change, Hands, Undo, replicate

from operations.audit.result import Reconciled

KEY, QUEUE, TABLE = "aws:kms/key:Key", "aws:sqs/queue:Queue", "aws:dynamodb/table:Table"
SELECTION = "aws:backup/selection:Selection"
VOLUMES = "aws:ebs/encryptionByDefault:EncryptionByDefault"

SUBJECTS = f"{CELL}-subject-keys"

DoesIt = Callable[[Hands], Undo]


def _rotation_off(hands: Hands) -> Undo:
    kms, key = hands.client("kms"), hands.outputs(KEY, f"{CELL}-payments")["id"]
    kms.disable_key_rotation(KeyId=key)
    return lambda: kms.enable_key_rotation(KeyId=key, RotationPeriodInDays=365)


def _disabled(hands: Hands) -> Undo:
    kms, key = hands.client("kms"), hands.outputs(KEY, f"{CELL}-images")["id"]
    kms.disable_key(KeyId=key)
    return lambda: kms.enable_key(KeyId=key)


def _to_be_deleted(hands: Hands) -> Undo:
    kms, key = hands.client("kms"), hands.outputs(KEY, f"{CELL}-images")["id"]
    kms.schedule_key_deletion(KeyId=key, PendingWindowInDays=30)

    def undo() -> None:
        kms.cancel_key_deletion(KeyId=key)
        kms.enable_key(KeyId=key)

    return undo


def _allowed(principal: str, *actions: str) -> DoesIt:
    """A statement more in a key's policy."""

    def does(hands: Hands) -> Undo:
        kms, key = hands.client("kms"), hands.outputs(KEY, f"{CELL}-images")["id"]
        before = kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"]
        policy = json.loads(before)
        more = {"Sid": "ByHand", "Effect": "Allow", "Principal": {"AWS": principal}, "Action": actions, "Resource": "*"}
        policy["Statement"].append(more)
        kms.put_key_policy(KeyId=key, PolicyName="default", Policy=json.dumps(policy))
        return lambda: kms.put_key_policy(KeyId=key, PolicyName="default", Policy=before)

    return does


def _queue_under(key: Callable[[Hands], str]) -> DoesIt:
    """Another key for a queue with payments."""

    def does(hands: Hands) -> Undo:
        sqs, url = hands.client("sqs"), hands.outputs(QUEUE, f"{CELL}-tax-dlq")["url"]
        before = hands.outputs(QUEUE, f"{CELL}-tax-dlq")["kmsMasterKeyId"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": key(hands)})
        return lambda: sqs.set_queue_attributes(QueueUrl=url, Attributes={"KmsMasterKeyId": before})

    return does


def _key(name: str, stack: str = CELL) -> Callable[[Hands], str]:
    return lambda hands: str(hands.outputs(KEY, name, stack)["arn"])


def _table_selected(hands: Hands) -> Undo:
    """A selection by hand in the cell's plan."""
    backup, table = hands.client("backup"), hands.outputs(TABLE, SUBJECTS)
    found = hands.outputs(SELECTION, CELL)
    made = backup.create_backup_selection(
        BackupPlanId=found["planId"],
        BackupSelection={"SelectionName": "by-hand", "IamRoleArn": found["iamRoleArn"], "Resources": [table["arn"]]},
    )
    return lambda: backup.delete_backup_selection(BackupPlanId=found["planId"], SelectionId=made["SelectionId"])


def _recovery_of_a_month(hands: Hands) -> Undo:
    dynamodb, table = hands.client("dynamodb"), hands.outputs(TABLE, SUBJECTS)

    def recovery(days: int) -> None:
        recovered = {"PointInTimeRecoveryEnabled": True, "RecoveryPeriodInDays": days}
        dynamodb.update_continuous_backups(TableName=table["name"], PointInTimeRecoverySpecification=recovered)

    recovery(35)
    return lambda: recovery(int(table["pointInTimeRecovery"]["recoveryPeriodInDays"]))


def _volumes_in_the_clear(hands: Hands) -> Undo:
    ec2 = hands.client("ec2")
    ec2.disable_ebs_encryption_by_default()
    return lambda: ec2.enable_ebs_encryption_by_default()


CHANGES = (
    Change(sees="KEY-01 uses_a_customer_managed_key", does=_queue_under(lambda _: "alias/aws/sqs"), reads=(QUEUE,)),
    Change(
        sees="KEY-02 uses_the_cells_own_key",
        does=_queue_under(_key(f"account-{CELL}-volumes", "account")),
        reads=(QUEUE,),
    ),
    Change(sees="KEY-03 rotates_within_a_year", does=_rotation_off, reads=(KEY,)),
    Change(sees="KEY-04 everyone_is_held_to_an_account", does=_allowed("*", "kms:Decrypt"), reads=(KEY,)),
    Change(
        sees="KEY-04 administrators_do_not_use_the_key",
        does=_allowed("arn:aws:iam::123456789012:role/payment-cell-deploy", "kms:PutKeyPolicy", "kms:Decrypt"),
        reads=(KEY,),
    ),
    Change(sees="KEY-05 is_in_service", does=_disabled, reads=(KEY,), reconciled=Reconciled.ONE_PLACE),
    Change(sees="KEY-05 is_in_service", does=_to_be_deleted, reads=(KEY,), reconciled=Reconciled.ONE_PLACE),
    Change(
        sees="KEY-06 audit_has_a_key_of_its_own",
        does=_queue_under(_key(f"account-{CELL}-audit", "account")),
        reads=(QUEUE,),
        also=frozenset({"KEY-02 uses_the_cells_own_key"}),
    ),
    Change(sees="KEY-06 backups_have_a_key_of_their_own", does=_queue_under(_key(f"{CELL}-backup")), reads=(QUEUE,)),
    Change(sees="KEY-07 is_under_a_key_of_its_own", does=_queue_under(_key(f"{CELL}-subjects")), reads=(QUEUE,)),
    Change(sees="KEY-07 is_in_no_backup", does=_table_selected, reads=(SELECTION,)),
    Change(sees="KEY-07 is_gone_within_a_month", does=_recovery_of_a_month, reads=(TABLE,)),
    Change(
        sees="KEY-07 replicas_are_inside",
        does=lambda hands: replicate(hands, hands.outputs(TABLE, SUBJECTS)["name"], "us-east-1"),
        reads=(TABLE,),
        also=frozenset({"RES-01 lies_in_the_jurisdiction", "RES-03 replicas_stay_inside"}),
    ),
    Change(sees="KEY-08 encrypts_new_volumes", does=_volumes_in_the_clear, reads=(VOLUMES,)),
)
