"""S3 and DynamoDB: what versioning, Object Lock, encryption, public access and replication need and forbid."""

from collections.abc import Iterator

from sandbox.aws.preconditions.account import (
    arn_region,
    ask,
    bucket_exists,
    bucket_region,
    forbidden,
    untrusted,
    unusable,
)
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_CREATE, Precondition, Request
from sandbox.aws.preconditions.policies import is_public, statements

API = f"{DOCS}/AmazonS3/latest/API"
GUIDE = f"{DOCS}/AmazonS3/latest/userguide"


def lock_needs_versioning(request: Request) -> str | None:
    return _unversioned(request, request.props["bucket"])


def _unversioned(request: Request, bucket: str) -> str | None:
    found = ask(request, "s3", "get_bucket_versioning", Bucket=bucket)
    status = (found or {}).get("Status")
    return None if found is None or status == "Enabled" else f"versioning of bucket {bucket} is {status or 'off'}"


def locked_bucket_stays_versioned(request: Request) -> str | None:
    bucket, status = request.props["bucket"], request.given("versioningConfiguration", "status")
    if status == "Enabled" or not is_locked(request, bucket):
        return None
    return f"bucket {bucket} has Object Lock and its versioning would be {status}"


def is_locked(request: Request, bucket: str) -> bool:
    found = ask(request, "s3", "get_object_lock_configuration", Bucket=bucket)
    return bool((found or {}).get("ObjectLockConfiguration", {}).get("ObjectLockEnabled") == "Enabled")


def policy_is_not_public(request: Request) -> str | None:
    public = [row.get("Sid") or "a statement" for row in statements(request.given("policy")) if is_public(row)]
    if not public:
        return None
    for level, found in (
        ("bucket", ask(request, "s3", "get_public_access_block", Bucket=request.props["bucket"])),
        ("account", ask(request, "s3control", "get_public_access_block", AccountId=request.context.account_id)),
    ):
        if found and found["PublicAccessBlockConfiguration"].get("BlockPublicPolicy"):
            return f"{public[0]} allows everybody, and the {level}'s BlockPublicPolicy is on"
    return None


def default_key_is_usable(request: Request) -> str | None:
    bucket = request.props["bucket"]
    if not bucket_exists(request, bucket):
        return None
    for rule in request.given("rules") or []:
        reference = (rule.get("applyServerSideEncryptionByDefault") or {}).get("kmsMasterKeyId")
        if wrong := unusable(request, reference, region=bucket_region(request, bucket)):
            return wrong
    return None


def _destinations(request: Request) -> Iterator[tuple[str, str | None]]:
    """Bucket and key of each rule, where the bucket is there."""
    for rule in request.given("rules") or []:
        to = rule["destination"]
        bucket = str(to["bucket"]).rpartition(":")[2]
        if bucket_exists(request, bucket):
            yield bucket, (to.get("encryptionConfiguration") or {}).get("replicaKmsKeyId")


def replicated_buckets_are_versioned(request: Request) -> str | None:
    for bucket in (request.props["bucket"], *(to for to, _ in _destinations(request))):
        if (wrong := _unversioned(request, bucket)) is not None:
            return wrong
    return None


def replicas_are_locked_too(request: Request) -> str | None:
    if not is_locked(request, request.props["bucket"]):
        return None
    open_ = [to for to, _ in _destinations(request) if not is_locked(request, to)]
    return f"bucket {open_[0]} has no Object Lock, and {request.props['bucket']} has" if open_ else None


def replication_role_is_trusted(request: Request) -> str | None:
    return untrusted(request, request.given("role"), "s3.amazonaws.com")


def replication_role_may_replicate(request: Request) -> str | None:
    source = f"arn:aws:s3:::{request.props['bucket']}"
    needs = [("s3:GetReplicationConfiguration", source), ("s3:GetObjectVersionForReplication", f"{source}/*")]
    needs += [("s3:ReplicateObject", f"arn:aws:s3:::{to}/*") for to, _ in _destinations(request)]
    return forbidden(request, request.given("role") or "", needs)


def replica_key_is_usable(request: Request) -> str | None:
    for bucket, key in _destinations(request):
        if wrong := unusable(request, key, region=bucket_region(request, bucket)):
            return wrong
    return None


def replicated_table_has_a_stream(request: Request) -> str | None:
    arn = str(request.props["globalTableArn"])
    name = arn.rpartition("/")[2]
    found = ask(request, "dynamodb", "describe_table", region=arn_region(arn), TableName=name)
    view = ((found or {}).get("Table", {}).get("StreamSpecification") or {}).get("StreamViewType")
    return None if found is None or view == "NEW_AND_OLD_IMAGES" else f"table {name} has stream view {view or 'none'}"


def replica_tables_key_is_usable(request: Request) -> str | None:
    return unusable(request, request.given("kmsKeyArn"))


REPLICATION = "aws:s3/bucketReplicationConfig:BucketReplicationConfig"
TABLE_REPLICA = "aws:dynamodb/tableReplica:TableReplica"
TABLES = f"{DOCS}/amazondynamodb/latest/developerguide"

ROWS = (
    Precondition(
        id="s3-replicated-buckets-are-versioned",
        token=REPLICATION,
        on=ON_CHANGE,
        rule="Source and destination of a replication have versioning enabled.",
        source=f"{GUIDE}/replication-requirements.html",
        code="InvalidRequest",
        check=replicated_buckets_are_versioned,
    ),
    Precondition(
        id="s3-replicas-are-locked-too",
        token=REPLICATION,
        on=ON_CHANGE,
        rule="Where the source of a replication has Object Lock, its destinations have it too.",
        source=f"{GUIDE}/replication-requirements.html",
        code="InvalidRequest",
        check=replicas_are_locked_too,
    ),
    Precondition(
        id="s3-replication-role-is-trusted",
        token=REPLICATION,
        on=ON_CHANGE,
        rule="S3 assumes the role of a replication.",
        source=f"{GUIDE}/setting-repl-config-perm-overview.html",
        code="FAILED",
        check=replication_role_is_trusted,
        later=True,
    ),
    Precondition(
        id="s3-replication-role-may-replicate",
        token=REPLICATION,
        on=ON_CHANGE,
        rule="The role of a replication reads versions of the source and writes replicas.",
        source=f"{GUIDE}/setting-repl-config-perm-overview.html",
        code="FAILED",
        check=replication_role_may_replicate,
        later=True,
    ),
    Precondition(
        id="s3-replica-key-is-usable",
        token=REPLICATION,
        on=ON_CHANGE,
        rule="The key of replicas is an enabled symmetric key in the destination's Region.",
        source=f"{GUIDE}/replication-config-for-kms-objects.html",
        code="FAILED",
        check=replica_key_is_usable,
        later=True,
    ),
    Precondition(
        id="dynamodb-replicated-table-has-a-stream",
        token=TABLE_REPLICA,
        on=ON_CREATE,
        rule="A table that is replicated has a stream of new and old images.",
        source=f"{TABLES}/V2globaltables_HowItWorks.html",
        code="ValidationException",
        check=replicated_table_has_a_stream,
    ),
    Precondition(
        id="dynamodb-replicas-key-is-usable",
        token=TABLE_REPLICA,
        on=ON_CREATE,
        rule="A replica is encrypted under an enabled symmetric key of its own Region.",
        source=f"{TABLES}/encryption.usagenotes.html",
        code="ValidationException",
        check=replica_tables_key_is_usable,
    ),
    Precondition(
        id="s3-lock-needs-versioning",
        token="aws:s3/bucketObjectLockConfiguration:BucketObjectLockConfiguration",
        on=ON_CHANGE,
        rule="Object Lock is configured on a bucket with versioning enabled.",
        source=f"{GUIDE}/object-lock-configure.html",
        code="InvalidBucketState",
        check=lock_needs_versioning,
    ),
    Precondition(
        id="s3-locked-bucket-stays-versioned",
        token="aws:s3/bucketVersioning:BucketVersioning",
        on=ON_CHANGE,
        rule="Versioning of a bucket with Object Lock cannot be suspended.",
        source=f"{GUIDE}/object-lock-managing.html",
        code="InvalidBucketState",
        check=locked_bucket_stays_versioned,
    ),
    Precondition(
        id="s3-policy-is-not-public",
        token="aws:s3/bucketPolicy:BucketPolicy",
        on=ON_CHANGE,
        rule="Where BlockPublicPolicy is on, S3 refuses a bucket policy that allows everybody.",
        source=f"{GUIDE}/access-control-block-public-access.html",
        code="AccessDenied",
        check=policy_is_not_public,
    ),
    Precondition(
        id="s3-default-key-is-usable",
        token="aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
        on=ON_CHANGE,
        rule="The default key of a bucket must be an enabled symmetric key in the bucket's Region.",
        source=f"{API}/API_PutBucketEncryption.html",
        code="KMS.NotFoundException",
        check=default_key_is_usable,
        later=True,
    ),
)
