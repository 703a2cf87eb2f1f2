"""KEY-01: stores of class confidential or above are under a customer-managed key."""

from judged import status

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource

PERSONAL = {"payment-cell:data-class": "personal", "payment-cell:jurisdiction": "eu"}
KEY = "aws:kms/key:Key"
BUCKET = "aws:s3/bucket:Bucket"
CLUSTER = "aws:rds/cluster:Cluster"
QUEUE = "aws:sqs/queue:Queue"
STREAM = "aws:kinesis/stream:Stream"
PARAMETER = "aws:ssm/parameter:Parameter"
ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"


def test_wants_a_customer_managed_key_from_class_confidential() -> None:
    key = resource(KEY, "key")
    assert status("KEY-01", resource(QUEUE, "q", kmsMasterKeyId="arn:aws:kms:eu-west-1:1:key/a")) is Status.PASS
    assert status("KEY-01", resource(QUEUE, "q", {"kmsMasterKeyId": [key]}, kmsMasterKeyId=UNKNOWN), key) is Status.PASS
    assert status("KEY-01", resource(QUEUE, "q", kmsMasterKeyId=UNKNOWN)) is Status.UNDETERMINED
    assert status("KEY-01", resource(QUEUE, "q", kmsMasterKeyId="alias/aws/sqs")) is Status.FAIL
    assert status("KEY-01", resource(QUEUE, "q", kmsMasterKeyId="alias/mine")) is Status.UNDETERMINED
    assert status("KEY-01", resource(QUEUE, "q")) is Status.FAIL
    assert status("KEY-01", resource(QUEUE, "q", tags={"payment-cell:data-class": "internal"})) is Status.NOT_APPLICABLE


def test_reads_the_switch_that_turns_encryption_on() -> None:
    arn = "arn:aws:kms:eu-west-1:1:key/a"
    assert status("KEY-01", resource(STREAM, "s", kmsKeyId=arn, encryptionType="NONE")) is Status.FAIL
    assert status("KEY-01", resource(STREAM, "s", kmsKeyId=arn, encryptionType="KMS")) is Status.PASS
    assert status("KEY-01", resource(CLUSTER, "c", kmsKeyId=arn, storageEncrypted=UNKNOWN)) is Status.UNDETERMINED
    assert status("KEY-01", resource(PARAMETER, "p", type="String")) is Status.NOT_APPLICABLE
    assert status("KEY-01", resource(PARAMETER, "p", type="SecureString")) is Status.FAIL


def test_finds_a_buckets_key_in_its_encryption_resource() -> None:
    bucket, key = resource(BUCKET, "b", tags=PERSONAL), resource(KEY, "k")

    def encryption(algorithm: str, **default: object) -> Resource:
        rules = [{"applyServerSideEncryptionByDefault": {"sseAlgorithm": algorithm, **default}}]
        return resource(ENCRYPTION, "e", {"bucket": [bucket]}, bucket=UNKNOWN, rules=rules)

    assert status("KEY-01", bucket) is Status.FAIL
    assert status("KEY-01", bucket, encryption("AES256")) is Status.FAIL
    assert status("KEY-01", bucket, encryption("aws:kms")) is Status.FAIL
    assert (
        status("KEY-01", bucket, encryption("aws:kms", kmsMasterKeyId="arn:aws:kms:eu-west-1:1:key/a")) is Status.PASS
    )
    assert status("KEY-01", bucket, encryption("aws:kms", kmsMasterKeyId=UNKNOWN)) is Status.UNDETERMINED
    by_reference = resource(ENCRYPTION, "e", {"bucket": [bucket], "rules": [key]}, bucket=UNKNOWN, rules=UNKNOWN)
    assert status("KEY-01", bucket, by_reference, key) is Status.PASS


def test_excuses_only_the_uses_for_which_aws_takes_no_other_key() -> None:
    use = {**PERSONAL, "payment-cell:use": "load-balancer-access-logs"}
    assert status("KEY-01", resource(BUCKET, "b", tags=use)) is Status.NOT_APPLICABLE
    assert status("KEY-01", resource(BUCKET, "b", tags={**use, "payment-cell:use": "uploads"})) is Status.FAIL
