"""NET-03: who reaches a cluster's endpoint."""

from judged import status, unasked

from policies.control import Status
from policies.testing import UNKNOWN, resource

EKS = "aws:eks/cluster:Cluster"


def test_wants_a_private_endpoint_or_listed_addresses() -> None:
    def cluster(**network: object) -> Status:
        return status("NET-03", resource(EKS, "c", vpcConfig=network))

    assert cluster(endpointPrivateAccess=True, endpointPublicAccess=False) is Status.PASS
    assert cluster(endpointPublicAccess=True, publicAccessCidrs=["203.0.113.0/24"]) is Status.PASS
    assert cluster(endpointPublicAccess=True) is Status.FAIL
    assert cluster() is Status.FAIL
    assert cluster(endpointPublicAccess=UNKNOWN) is Status.UNDETERMINED


def test_a_group_of_nodes_has_no_endpoint() -> None:
    assert unasked("NET-03", resource("aws:eks/nodeGroup:NodeGroup", "nodes"))
