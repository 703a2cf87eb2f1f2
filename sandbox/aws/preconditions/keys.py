"""KMS, Secrets Manager and ECR: policies that lock people out, rotation, keys of secrets and images."""

from sandbox.aws.preconditions.account import arn_account, ask, foreign, role, unusable
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_CREATE, Precondition, Request
from sandbox.aws.preconditions.policies import Caller, allows, principals, statements

KEY = "aws:kms/key:Key"

API = f"{DOCS}/kms/latest/APIReference"


def policy_keeps_the_account_in(request: Request) -> str | None:
    document = request.given("policy")
    if not document or request.given("bypassPolicyLockoutSafetyCheck"):
        return None
    account = request.context.account_id
    named = [value for row in statements(document) for kind, value in principals(row) if kind == "AWS"]
    callers = [f"arn:aws:iam::{account}:root", *(value for value in named if arn_account(value) == account)]
    if any(allows(document, Caller(principal=caller), "kms:PutKeyPolicy") for caller in callers):
        return None
    return f"no statement lets account {account} call kms:PutKeyPolicy"


def policy_names_existing_roles(request: Request) -> str | None:
    if not request.changed("policy"):
        return None
    return missing_role(request, request.given("policy"))


def missing_role(request: Request, document: object) -> str | None:
    """A role of this account that the policy names as a principal and that does not exist."""
    for row in statements(document):
        for kind, value in principals(row):
            if kind == "AWS" and ":role/" in value and not foreign(request, value) and role(request, value) is None:
                return f"principal {value} does not exist"
    return None


def only_symmetric_keys_rotate(request: Request) -> str | None:
    spec = request.given("customerMasterKeySpec") or "SYMMETRIC_DEFAULT"
    if not request.given("enableKeyRotation") or spec == "SYMMETRIC_DEFAULT":
        return None
    return f"enableKeyRotation is true for a key of {spec}"


def secret_key_is_usable(request: Request) -> str | None:
    secret = ask(request, "secretsmanager", "describe_secret", SecretId=request.props["secretId"])
    return unusable(request, (secret or {}).get("KmsKeyId"))


def repository_key_is_usable(request: Request) -> str | None:
    wanted = request.given("encryptionConfigurations")
    return unusable(request, wanted[0].get("kmsKey")) if wanted else None


ROWS = (
    Precondition(
        id="kms-policy-keeps-the-account-in",
        token=KEY,
        on=ON_CHANGE,
        rule="A key policy must let the caller change it again, unless the lockout check is bypassed.",
        source=f"{API}/API_PutKeyPolicy.html",
        code="MalformedPolicyDocumentException",
        check=policy_keeps_the_account_in,
    ),
    Precondition(
        id="kms-policy-names-existing-roles",
        token=KEY,
        on=ON_CHANGE,
        rule="The principals that a key policy names must exist and be visible to KMS.",
        source=f"{API}/API_PutKeyPolicy.html",
        code="MalformedPolicyDocumentException",
        check=policy_names_existing_roles,
    ),
    Precondition(
        id="kms-only-symmetric-keys-rotate",
        token=KEY,
        on=ON_CHANGE,
        rule="Automatic rotation is for symmetric encryption keys only.",
        source=f"{API}/API_EnableKeyRotation.html",
        code="UnsupportedOperationException",
        check=only_symmetric_keys_rotate,
    ),
    Precondition(
        id="secretsmanager-key-is-usable",
        token="aws:secretsmanager/secretVersion:SecretVersion",
        on=ON_CREATE,
        rule="The key of a secret must be an enabled symmetric key in its Region when a value is stored.",
        source=f"{DOCS}/secretsmanager/latest/apireference/API_PutSecretValue.html",
        code="EncryptionFailure",
        check=secret_key_is_usable,
    ),
    Precondition(
        id="ecr-key-is-usable",
        token="aws:ecr/repository:Repository",
        on=ON_CREATE,
        rule="The key of a repository must be an enabled symmetric key in its Region.",
        source=f"{DOCS}/AmazonECR/latest/APIReference/API_EncryptionConfiguration.html",
        code="KmsException",
        check=repository_key_is_usable,
    ),
)
