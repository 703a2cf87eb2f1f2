"""CodeBuild: what a project in a VPC needs of its role."""

from sandbox.aws.preconditions.account import forbidden, untrusted
from sandbox.aws.preconditions.model import DOCS, ON_CHANGE, Precondition, Request

PROJECT = "aws:codebuild/project:Project"

GUIDE = f"{DOCS}/codebuild/latest/userguide"


def role_is_trusted(request: Request) -> str | None:
    return untrusted(request, request.given("serviceRole"), "codebuild.amazonaws.com")


def role_may_attach(request: Request) -> str | None:
    if not request.given("vpcConfig"):
        return None
    needs = ("ec2:DescribeSecurityGroups", "ec2:DescribeSubnets", "ec2:DescribeVpcs", "ec2:CreateNetworkInterface")
    return forbidden(request, request.given("serviceRole"), [(action, None) for action in needs])


ROWS = (
    Precondition(
        id="codebuild-role-is-trusted",
        token=PROJECT,
        on=ON_CHANGE,
        rule="A project's service role must exist and trust codebuild.amazonaws.com.",
        source=f"{GUIDE}/setting-up-service-role.html",
        code="InvalidInputException",
        check=role_is_trusted,
    ),
    Precondition(
        id="codebuild-role-may-attach",
        token=PROJECT,
        on=ON_CHANGE,
        rule="In a VPC the service role has to be allowed to look at it and to make network interfaces.",
        source=f"{GUIDE}/auth-and-access-control-iam-identity-based-access-control.html",
        code="InvalidInputException",
        check=role_may_attach,
    ),
)
