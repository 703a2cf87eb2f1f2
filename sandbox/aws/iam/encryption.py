"""What services do with KMS keys in the name of a caller, who has to be allowed that too.

Kinesis: https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html. SQS:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html. S3:
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html. Secrets Manager:
https://docs.aws.amazon.com/secretsmanager/latest/userguide/security-encryption.html. SNS:
https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html. Parameter Store:
https://docs.aws.amazon.com/kms/latest/developerguide/services-parameter-store.html. DynamoDB uses a grant of the table.
"""

from collections.abc import Callable, Mapping
from typing import Any

from moto.kinesis.models import kinesis_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends
from moto.ssm.models import ssm_backends

from sandbox.aws.iam.keys import through
from sandbox.aws.iam.requests import Asked
from sandbox.aws.iam.verdict import Need

READ = ("Decrypt",)
WRITE = ("GenerateDataKey",)
BOTH = ("GenerateDataKey", "Decrypt")


def implied(asked: Asked, own: list[Need]) -> list[Need]:
    """`own`: what the request itself needs."""
    resolve = SERVICES.get(asked.service)
    return resolve(asked, own[0].resource) if resolve and own else []


def _kinesis(asked: Asked, arn: str) -> list[Need]:
    operations = {"PutRecord": WRITE, "PutRecords": WRITE, "GetRecords": READ, "SubscribeToShard": READ}
    if asked.operation not in operations:
        return []
    return of_stream(arn, *operations[asked.operation])


def of_stream(arn: str, *operations: str) -> list[Need]:
    """Use of the key of a stream."""
    region, account = arn.split(":")[3:5]
    stream = kinesis_backends[account][region].streams.get(arn.rpartition("/")[2])
    if stream is None or stream.encryption_type != "KMS":
        return []
    return through("kinesis", account, region, stream.key_id, {"aws:kinesis:arn": arn}, *operations)


def _sqs(asked: Asked, arn: str) -> list[Need]:
    operations = {"SendMessage": BOTH, "SendMessageBatch": BOTH, "ReceiveMessage": READ}
    return of_queue(arn, *operations.get(asked.operation, ()))


def of_queue(arn: str, *operations: str) -> list[Need]:
    """Use of the key of a queue."""
    region, account, name = arn.split(":")[3:6] if operations else ("", "", "")
    queue = sqs_backends[account][region].queues.get(name) if operations else None
    return through("sqs", account, region, queue.kms_master_key_id, {"aws:sqs:arn": arn}, *operations) if queue else []


def _sns(asked: Asked, arn: str) -> list[Need]:
    if asked.operation not in ("Publish", "PublishBatch"):
        return []
    region, account = arn.split(":")[3:5]
    topic = sns_backends[account][region].topics.get(arn)
    return through("sns", account, region, topic.kms_master_key_id, {"aws:sns:topicArn": arn}, *BOTH) if topic else []


def _s3(asked: Asked, _: str) -> list[Need]:
    _, owner = s3_backends.bucket_accounts.get(asked.bucket, ("", None))
    bucket = s3_backends[owner]["aws"].buckets.get(asked.bucket) if owner else None
    if bucket is None or not asked.key:
        return []
    arn = f"arn:aws:s3:::{asked.bucket}"
    default = ((bucket.encryption or {}).get("Rule") or {}) if bucket.encryption else {}
    whole = str(default.get("BucketKeyEnabled", "false")).lower() == "true"
    encrypted = {"aws:s3:arn": arn if whole else f"{arn}/{asked.key}"}
    if asked.operation in ("GetObject", "HeadObject", "GetObjectAttributes"):
        found = s3_backends[owner]["aws"].get_object(asked.bucket, asked.key, asked.query.get("versionId"))
        name = found.kms_key_id if found and found.encryption == "aws:kms" else None
        return through("s3", owner, bucket.region_name, name, encrypted, *READ)
    if asked.operation not in ("PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart"):
        return []
    # Parts are decrypted when the upload is completed.
    operations = WRITE if asked.operation == "PutObject" else BOTH
    return through("s3", owner, bucket.region_name, _chosen(asked, default), encrypted, *operations)


def _chosen(asked: Asked, default: Mapping[str, Any]) -> str | None:
    """The key that an object is put under: the request's, else the bucket's."""
    if algorithm := asked.headers.get("x-amz-server-side-encryption"):
        named = asked.headers.get("x-amz-server-side-encryption-aws-kms-key-id")
        if algorithm != "aws:kms" or named:
            return named
    name = (default.get("ApplyServerSideEncryptionByDefault") or {}).get("KMSMasterKeyID")
    return str(name) if name else None


def _secrets(asked: Asked, arn: str) -> list[Need]:
    operations = {"GetSecretValue": READ, "PutSecretValue": BOTH, "UpdateSecret": BOTH, "CreateSecret": BOTH}
    if asked.operation not in operations:
        return []
    secret = secretsmanager_backends[asked.account][asked.region].secrets.get(arn)
    name = asked.params.get("KmsKeyId") or (secret.kms_key_id if secret else None)
    used = operations[asked.operation]
    return through("secretsmanager", asked.account, asked.region, name, {"SecretARN": arn}, *used)


def _parameters(asked: Asked, _: str) -> list[Need]:
    if asked.operation not in ("GetParameter", "GetParameters") or not asked.params.get("WithDecryption"):
        return []
    backend, found = ssm_backends[asked.account][asked.region], []
    for name in asked.params.get("Names") or [asked.params["Name"]]:
        one = backend.get_parameter(name)
        if one is not None and one.type == "SecureString":
            arn = f"arn:aws:ssm:{asked.region}:{asked.account}:parameter/{name.lstrip('/')}"
            found += through("ssm", asked.account, asked.region, one.keyid, {"PARAMETER_ARN": arn}, *READ)
    return found


SERVICES: Mapping[str, Callable[[Asked, str], list[Need]]] = {
    "kinesis": _kinesis,
    "s3": _s3,
    "secretsmanager": _secrets,
    "sns": _sns,
    "sqs": _sqs,
    "ssm": _parameters,
}
"""Signing name -> what finds the use of keys, given the request and its resource."""
