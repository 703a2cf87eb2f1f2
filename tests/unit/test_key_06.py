"""KEY-06: keys of personal data, audit and backup."""

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

TRAIL, VAULT, QUEUE, KEY = (
    "aws:cloudtrail/trail:Trail",
    "aws:backup/vault:Vault",
    "aws:sqs/queue:Queue",
    "aws:kms/key:Key",
)
A, B = resource(KEY, "a", arn="arn:aws:kms:eu-west-1:1:key/a"), resource(KEY, "b")
INTERNAL = {"payment-cell:data-class": "internal"}


def under(type_: str, name: str, prop: str, key: Resource, tags: object = None) -> Resource:
    return resource(type_, name, {prop: [key]}, tags=tags or {}, **{prop: UNKNOWN})


def judged(*resources: Resource) -> list[Status]:
    return list(verdicts("KEY-06", A, B, *resources).values())


def test_a_trail_and_a_vault_share_no_key_with_personal_data_or_each_other() -> None:
    trail, vault = under(TRAIL, "t", "kmsKeyId", A), under(VAULT, "v", "kmsKeyArn", A)
    queue, other = under(QUEUE, "q", "kmsMasterKeyId", A), under(QUEUE, "q", "kmsMasterKeyId", B)
    assert judged(trail, queue) == [Status.FAIL]
    assert judged(trail, vault) == [Status.FAIL, Status.PASS]
    assert judged(vault, queue) == [Status.FAIL]
    assert judged(trail, under(VAULT, "v", "kmsKeyArn", B)) == [Status.PASS, Status.PASS]
    assert judged(vault, other) == [Status.PASS]
    assert judged(vault, under(QUEUE, "q", "kmsMasterKeyId", A, INTERNAL)) == [Status.PASS]
    assert judged(vault, resource(QUEUE, "q", kmsMasterKeyId="arn:aws:kms:eu-west-1:1:key/a")) == [Status.FAIL]


def test_the_buckets_of_a_trail_are_audit_and_others_are_personal() -> None:
    bucket = resource("aws:s3/bucket:Bucket", "bucket")
    encryption = resource(
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        "encryption",
        {"bucket": [bucket], "rules": [A]},
        bucket=UNKNOWN,
        rules=UNKNOWN,
    )
    logs = resource(TRAIL, "t", {"kmsKeyId": [A], "s3BucketName": [bucket]}, kmsKeyId=UNKNOWN, s3BucketName=UNKNOWN)
    assert judged(logs, bucket, encryption) == [Status.PASS]
    assert judged(under(TRAIL, "t", "kmsKeyId", A), bucket, encryption) == [Status.FAIL]


def test_keys_that_are_absent_or_unknown() -> None:
    shared = under(QUEUE, "shared", "kmsMasterKeyId", A)
    assert judged(resource(TRAIL, "t")) == [Status.NOT_APPLICABLE]
    assert judged(resource(QUEUE, "q")) == []
    stranger = resource("pulumi:pulumi:StackReference", "stranger")
    hidden = resource(QUEUE, "q", {"kmsMasterKeyId": [stranger]}, kmsMasterKeyId=UNKNOWN)
    assert judged(under(VAULT, "v", "kmsKeyArn", A), hidden) == [Status.UNDETERMINED]
    assert judged(under(VAULT, "v", "kmsKeyArn", A), hidden, shared) == [Status.FAIL], "known violations come first"
    assert judged(resource(VAULT, "v", {"kmsKeyArn": [stranger]}, kmsKeyArn=UNKNOWN)) == [Status.UNDETERMINED]


def test_a_trail_whose_key_is_not_known_yet_is_undetermined_and_a_vault_without_one_is_not_asked() -> None:
    stranger = resource("pulumi:pulumi:StackReference", "stranger")
    assert judged(resource(TRAIL, "t", {"kmsKeyId": [stranger]}, kmsKeyId=UNKNOWN)) == [Status.UNDETERMINED]
    assert judged(resource(VAULT, "v")) == [Status.NOT_APPLICABLE]
