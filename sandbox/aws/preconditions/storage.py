"""S3: what versioning, Object Lock, encryption and public access forbid each other."""

from sandbox.aws.preconditions.account import ask, bucket_exists, bucket_region, unusable
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, Precondition, Request
from sandbox.aws.preconditions.policies import is_public, statements

API = f"{DOCS}/AmazonS3/latest/API"
GUIDE = f"{DOCS}/AmazonS3/latest/userguide"


def lock_needs_versioning(request: Request) -> str | None:
    bucket = request.props["bucket"]
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


ROWS = (
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
