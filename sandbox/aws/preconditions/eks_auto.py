"""EKS Auto Mode: what its roles need before AWS starts nodes with them."""

from sandbox.aws.preconditions.account import attached, foreign, role, untrusted
from sandbox.aws.preconditions.eks import CLUSTER, GUIDE
from sandbox.aws.preconditions.model import ON_CHANGE, Precondition, Request

NEEDED = (
    "AmazonEKSBlockStoragePolicy",
    "AmazonEKSClusterPolicy",
    "AmazonEKSComputePolicy",
    "AmazonEKSLoadBalancingPolicy",
    "AmazonEKSNetworkingPolicy",
)


def _is_on(request: Request) -> bool:
    return bool(request.given("computeConfig", "enabled"))


def role_has_policies(request: Request) -> str | None:
    arn = request.given("roleArn") or ""
    if not _is_on(request) or foreign(request, arn) or role(request, arn) is None:
        return None
    missing = sorted(set(NEEDED) - set(attached(request, arn)))
    return f"role {arn} lacks {', '.join(missing)}" if missing else None


def node_role_is_trusted(request: Request) -> str | None:
    node_role = request.given("computeConfig", "nodeRoleArn")
    return untrusted(request, node_role, "ec2.amazonaws.com") if _is_on(request) and node_role else None


ROWS = (
    Precondition(
        id="eks-auto-mode-role-has-policies",
        token=CLUSTER,
        on=ON_CHANGE,
        rule="In Auto Mode the cluster role needs AWS's policies for compute, storage, load balancing and networking.",
        source=f"{GUIDE}/auto-cluster-iam-role.html",
        code="AccessDenied",
        check=role_has_policies,
        later=True,
    ),
    Precondition(
        id="eks-auto-mode-node-role-is-trusted",
        token=CLUSTER,
        on=ON_CHANGE,
        rule="The node role of Auto Mode must exist and trust ec2.amazonaws.com.",
        source=f"{GUIDE}/auto-create-node-role.html",
        code="InvalidParameterException",
        check=node_role_is_trusted,
    ),
)
