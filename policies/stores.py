"""Which AWS resource types hold data, how each names its KMS key, and which class of data a resource carries.

A new type of store is one entry in ``STORES``. Property names are those of pulumi-aws 7.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import get_args

from catalogue.processing_model import DataClass
from policies.resources import Resource, Stack

DATA_CLASSES: tuple[str, ...] = get_args(DataClass)
"""Values of the ``payment-cell:data-class`` tag, in rising order of harm."""


def and_above(least: str) -> frozenset[str]:
    """The data classes from ``least`` on, for the field of a clause."""
    return frozenset(DATA_CLASSES[DATA_CLASSES.index(least) :])


UNTAGGED = "personal"
"""A durable store without the tag is treated as holding personal data."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Store:
    """How one resource type is encrypted.

    ``key`` is the dotted path of the property with the KMS key, ``switch`` the property and value that turn encryption
    on where the key alone does not, ``only_if`` the property and value without which the type holds no secret data.
    """

    key: str
    switch: tuple[str, object] | None = None
    only_if: tuple[str, object] | None = None


STORES: Mapping[str, Store] = MappingProxyType(
    {
        "aws:backup/vault:Vault": Store(key="kmsKeyArn"),
        "aws:cloudtrail/trail:Trail": Store(key="kmsKeyId"),
        "aws:cloudwatch/eventArchive:EventArchive": Store(key="kmsKeyIdentifier"),
        "aws:cloudwatch/eventBus:EventBus": Store(key="kmsKeyIdentifier"),
        "aws:cloudwatch/logGroup:LogGroup": Store(key="kmsKeyId"),
        "aws:dynamodb/table:Table": Store(
            key="serverSideEncryption.kmsKeyArn", switch=("serverSideEncryption.enabled", True)
        ),
        "aws:ebs/volume:Volume": Store(key="kmsKeyId", switch=("encrypted", True)),
        "aws:efs/fileSystem:FileSystem": Store(key="kmsKeyId", switch=("encrypted", True)),
        "aws:eks/cluster:Cluster": Store(key="encryptionConfig.provider.keyArn"),
        "aws:kinesis/stream:Stream": Store(key="kmsKeyId", switch=("encryptionType", "KMS")),
        "aws:rds/cluster:Cluster": Store(key="kmsKeyId", switch=("storageEncrypted", True)),
        "aws:rds/instance:Instance": Store(key="kmsKeyId", switch=("storageEncrypted", True)),
        "aws:s3/bucket:Bucket": Store(key=""),
        "aws:secretsmanager/secret:Secret": Store(key="kmsKeyId"),
        "aws:sns/topic:Topic": Store(key="kmsMasterKeyId"),
        "aws:sqs/queue:Queue": Store(key="kmsMasterKeyId"),
        "aws:ssm/parameter:Parameter": Store(key="keyId", only_if=("type", "SecureString")),
    }
)
"""A bucket's key stands in a resource of its own: see ``BUCKET_ENCRYPTION``."""

BUCKET_ENCRYPTION = "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration"

STATELESS = frozenset({"aws:eks/cluster:Cluster", "aws:cloudtrail/trail:Trail", "aws:cloudwatch/eventBus:EventBus"})
"""Types that encrypt what passes through or is kept elsewhere; for residency their stores count, not they."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AwsKeyOnly:
    """A use for which AWS accepts no customer-managed key."""

    type: str
    use: str
    source: str
    as_of: str


AWS_KEY_ONLY = (
    AwsKeyOnly(
        type="aws:s3/bucket:Bucket",
        use="load-balancer-access-logs",
        source="https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html",
        as_of="2026-11-23",
    ),
)
"""Looked up by type and the ``payment-cell:use`` tag."""


def under_a_key_of_aws(store: Resource, name: str, stack: Stack) -> bool:
    """Whether a property names a key that AWS manages. A live account alone shows it: no stack declares one, and an ARN
    does not say (https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk). Raises
    ``NotObservedError`` where keys could not be listed."""
    next(stack.of("aws:kms/key:Key"), None)
    return any(source.maybe("keyManager") == "AWS" for source in stack.sources(store, name))


def data_class(resource: Resource) -> str:
    """The resource's data class; the strict one where the tag is missing or not a known word."""
    word = resource.tag("payment-cell:data-class")
    return word if word in DATA_CLASSES else UNTAGGED


def at_least(resource: Resource, least: str) -> bool:
    """Whether the resource's data class is ``least`` or worse."""
    return DATA_CLASSES.index(data_class(resource)) >= DATA_CLASSES.index(least)
