"""EKS: who may enter a cluster, and which roles its pods get."""

from sandbox.aws.preconditions.account import ask, foreign, role, untrusted
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, ON_CREATE, Precondition, Request

GUIDE = f"{DOCS}/eks/latest/userguide"

POD_ACTIONS = ("sts:AssumeRole", "sts:TagSession")


def add_on_roles_are_trusted(request: Request) -> str | None:
    for pair in request.given("podIdentityAssociations") or []:
        if wrong := untrusted(request, pair.get("roleArn"), "pods.eks.amazonaws.com", *POD_ACTIONS):
            return wrong
    return None


def pod_role_is_trusted(request: Request) -> str | None:
    return untrusted(request, request.given("roleArn"), "pods.eks.amazonaws.com", *POD_ACTIONS)


def access_principal_exists(request: Request) -> str | None:
    arn = str(request.given("principalArn") or "")
    if ":role/" not in arn or foreign(request, arn) or role(request, arn) is not None:
        return None
    return f"the specified principalArn is invalid: role {arn} does not exist"


def access_entry_exists(request: Request) -> str | None:
    cluster, principal = request.props["clusterName"], request.props["principalArn"]
    found = ask(request, "eks", "describe_access_entry", clusterName=cluster, principalArn=principal)
    return None if found else f"cluster {cluster} has no access entry for {principal}"


ROWS = (
    Precondition(
        id="eks-add-on-role-is-trusted",
        token="aws:eks/addon:Addon",
        on=ON_CHANGE,
        rule="The pod identity role of an add-on must exist and let pods.eks.amazonaws.com assume it and tag sessions.",
        source=f"{GUIDE}/pod-id-role.html",
        code="InvalidParameterException",
        check=add_on_roles_are_trusted,
    ),
    Precondition(
        id="eks-pod-role-is-trusted",
        token="aws:eks/podIdentityAssociation:PodIdentityAssociation",
        on=ON_CHANGE,
        rule="The role of a pod identity must exist and let pods.eks.amazonaws.com assume it and tag sessions.",
        source=f"{GUIDE}/pod-id-role.html",
        code="InvalidParameterException",
        check=pod_role_is_trusted,
    ),
    Precondition(
        id="eks-access-principal-exists",
        token="aws:eks/accessEntry:AccessEntry",
        on=ON_CREATE,
        rule="The principal of an access entry must exist when the entry is made.",
        source=f"{GUIDE}/creating-access-entries.html",
        code="InvalidParameterException",
        check=access_principal_exists,
    ),
    Precondition(
        id="eks-access-policy-needs-entry",
        token="aws:eks/accessPolicyAssociation:AccessPolicyAssociation",
        on=ON_CREATE,
        rule="An access policy is associated with an access entry that exists.",
        source=f"{GUIDE}/access-policies.html",
        code="ResourceNotFoundException",
        check=access_entry_exists,
    ),
)
