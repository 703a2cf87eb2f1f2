"""What AWS makes by itself in an account: no drift, and nothing that a stack has forgotten."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, kw_only=True, slots=True)
class Owned:
    """A kind of thing that AWS makes, and how it is recognised."""

    recognised: str
    page: str
    """AWS's documentation that says so."""
    seen: date


OWNED: dict[str, Owned] = {
    "AWS managed key": Owned(
        recognised="KeyManager is AWS",
        page="https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#aws-managed-cmk",
        seen=date(2026, 11, 29),
    ),
    "Backup vault of the console": Owned(
        recognised="the name is Default",
        page="https://docs.aws.amazon.com/aws-backup/latest/devguide/create-a-vault.html",
        seen=date(2026, 11, 29),
    ),
    "Backups of EFS": Owned(
        recognised="the name begins with aws/efs/automatic-backup-",
        page="https://docs.aws.amazon.com/efs/latest/ug/awsbackup.html",
        seen=date(2026, 11, 29),
    ),
    "Default encryption of a bucket": Owned(
        recognised="sseAlgorithm is AES256, AWS's own key",
        page="https://docs.aws.amazon.com/AmazonS3/latest/userguide/default-encryption-faq.html",
        seen=date(2026, 11, 29),
    ),
    "Default parameter group": Owned(
        recognised="the name begins with default.",
        page="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/parameter-groups-overview.html",
        seen=date(2026, 11, 29),
    ),
    "Default settings of a bucket": Owned(
        recognised="all public access is blocked, objects belong to the bucket's owner",
        page="https://docs.aws.amazon.com/AmazonS3/latest/userguide/create-bucket-faq.html",
        seen=date(2026, 11, 29),
    ),
    "Instance of a Multi-AZ cluster": Owned(
        recognised="in a cluster whose engine is none of Aurora's",
        page="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/multi-az-db-clusters-concepts.html",
        seen=date(2026, 11, 29),
    ),
    "Replica of a secret": Owned(
        recognised="PrimaryRegion is another region",
        page="https://docs.aws.amazon.com/secretsmanager/latest/userguide/replicate-secrets.html",
        seen=date(2026, 11, 29),
    ),
    "Secret of a service": Owned(
        recognised="OwningService is set",
        page="https://docs.aws.amazon.com/secretsmanager/latest/userguide/service-linked-secrets.html",
        seen=date(2026, 11, 29),
    ),
}
"""Name -> rule, by name."""
