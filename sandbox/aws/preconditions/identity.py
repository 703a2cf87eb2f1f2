"""IAM and Systems Manager: principals that must exist, policies in use, sizes of parameters."""

from sandbox.aws.preconditions.account import items
from sandbox.aws.preconditions.keys import missing_role
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_DELETE, Precondition, Request

GUIDE = f"{DOCS}/IAM/latest/UserGuide"

STANDARD_BYTES, ADVANCED_BYTES = 4096, 8192
"""Largest value of an SSM parameter by tier
(https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html)."""


def trusted_roles_exist(request: Request) -> str | None:
    if not request.changed("assumeRolePolicy"):
        return None
    return missing_role(request, request.given("assumeRolePolicy"))


def policy_is_detached(request: Request) -> str | None:
    found = []
    for kind in ("Roles", "Users", "Groups"):
        rows = items(request, "iam", "list_entities_for_policy", f"Policy{kind}", PolicyArn=request.id)
        found += [row[f"{kind[:-1]}Name"] for row in rows]
    return f"policy {request.id} is attached to {', '.join(found)}" if found else None


def parameter_fits_its_tier(request: Request) -> str | None:
    value = request.given("value") or request.given("valueWo") or request.given("insecureValue") or ""
    tier, size = request.given("tier") or "Standard", len(str(value).encode())
    limit = STANDARD_BYTES if tier == "Standard" else ADVANCED_BYTES
    return f"{size} bytes in tier {tier}, which holds {limit}" if size > limit else None


ROWS = (
    Precondition(
        id="iam-trusted-roles-exist",
        token="aws:iam/role:Role",
        on=ON_CHANGE,
        rule="The roles that a trust policy names as principals must exist.",
        source=f"{GUIDE}/reference_policies_elements_principal.html",
        code="MalformedPolicyDocument",
        check=trusted_roles_exist,
    ),
    Precondition(
        id="iam-policy-is-detached",
        token="aws:iam/policy:Policy",
        on=ON_DELETE,
        rule="A managed policy is deleted only after it was detached from every role, user and group.",
        source=f"{DOCS}/IAM/latest/APIReference/API_DeletePolicy.html",
        code="DeleteConflict",
        check=policy_is_detached,
    ),
    Precondition(
        id="ssm-parameter-fits-its-tier",
        token="aws:ssm/parameter:Parameter",
        on=ON_CHANGE,
        rule="A standard parameter holds 4 KB, an advanced one 8 KB.",
        source=f"{DOCS}/systems-manager/latest/APIReference/API_PutParameter.html",
        code="ValidationException",
        check=parameter_fits_its_tier,
    ),
)
