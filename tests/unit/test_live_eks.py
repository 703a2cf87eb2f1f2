"""Live clusters and who may enter them, in the words of the provider."""

from typing import Any

import pytest
from recorded import Refusal, read

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

CLUSTER, ADDON = "aws:eks/cluster:Cluster", "aws:eks/addon:Addon"
ENTRY, ASSOCIATION = "aws:eks/accessEntry:AccessEntry", "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"
KINDS = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
ADMIN = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"


def recorded(mode: str = "API", principal: str = "arn:aws:iam::1:role/deploy", **network: Any) -> dict[str, Any]:
    cluster = {
        "name": "cell",
        "arn": "arn:aws:eks:eu-west-1:123456789012:cluster/cell",
        "resourcesVpcConfig": {"endpointPublicAccess": False, "endpointPrivateAccess": True, **network},
        "logging": {"clusterLogging": [{"types": KINDS, "enabled": True}]},
        "encryptionConfig": [{"resources": ["secrets"], "provider": {"keyArn": "arn:key"}}],
        "accessConfig": {"authenticationMode": mode, "bootstrapClusterCreatorAdminPermissions": False},
    }
    addon = {"addonName": "vpc-cni", "status": "ACTIVE", "configurationValues": '{"enableNetworkPolicy": "true"}'}
    return {
        "eks.list_clusters": {"clusters": ["cell"]},
        "eks.describe_cluster": {"cluster": cluster},
        "eks.list_addons": {"addons": ["vpc-cni"]},
        "eks.describe_addon": {"addon": addon},
        "eks.list_access_entries": {"accessEntries": [principal]},
        "eks.describe_access_entry": {"accessEntry": {"principalArn": principal, "type": "STANDARD"}},
        "eks.list_associated_access_policies": {
            "associatedAccessPolicies": [{"policyArn": ADMIN, "accessScope": {"type": "cluster"}}]
        },
    }


def statuses(control_id: str, type_: str, answers_: dict[str, Any]) -> set[Status]:
    stack = Stack(tuple(one.resource for one in read(type_, answers_).found))
    return {one.verdict.status for one in answers(control(control_id), stack, live=True)}


def test_a_cluster_is_read_with_endpoint_logs_key_and_entry() -> None:
    for one in ("NET-03", "LOG-04", "IAM-04"):
        assert statuses(one, CLUSTER, recorded()) == {Status.PASS}
    (found,) = read(CLUSTER, recorded()).found
    assert found.resource.props["encryptionConfig"]["provider"]["keyArn"] == "arn:key"


def test_an_endpoint_that_was_opened_and_a_map_that_was_let_in_fail() -> None:
    opened = recorded("API_AND_CONFIG_MAP", endpointPublicAccess=True, publicAccessCidrs=["0.0.0.0/0"])
    assert statuses("NET-03", CLUSTER, opened) == {Status.FAIL}
    assert Status.FAIL in statuses("IAM-04", CLUSTER, opened)


def test_an_add_on_is_read_with_its_configuration() -> None:
    (found,) = read(ADDON, recorded()).found
    assert (found.identity, found.resource.props["status"]) == (("cell:vpc-cni",), "ACTIVE")
    assert Status.FAIL not in statuses("NET-09", ADDON, recorded())


@pytest.mark.parametrize(
    ("status", "expected"), [("ACTIVE", Status.PASS), ("UPDATING", Status.UNDETERMINED), ("DEGRADED", Status.FAIL)]
)
def test_the_networks_add_on_has_to_run(status: str, expected: Status) -> None:
    addon = recorded()["eks.describe_addon"]["addon"]
    answer = {"eks.describe_addon": {"addon": {**addon, "status": status}}}
    stack = Stack(tuple(one.resource for one in read(ADDON, recorded() | answer).found))
    found = {one.clause: one.verdict.status for one in answers(control("NET-09"), stack, live=True)}
    assert found["cni_is_active"] is expected


def test_a_person_who_is_made_administrator_fails_iam_04() -> None:
    person = "arn:aws:iam::123456789012:user/eve"
    assert statuses("IAM-04", ASSOCIATION, recorded()) == {Status.PASS, Status.NOT_OBSERVED}, (
        "its role is not read here"
    )
    assert statuses("IAM-04", ASSOCIATION, recorded(principal=person)) == {Status.FAIL, Status.NOT_OBSERVED}
    (found,) = read(ASSOCIATION, recorded()).found
    assert found.identity == (f"cell#arn:aws:iam::1:role/deploy#{ADMIN}",)


def test_the_entries_of_nodes_are_eks_own() -> None:
    nodes = {"eks.describe_access_entry": {"accessEntry": {"type": "EC2_LINUX"}}}
    assert read(ENTRY, recorded()).found[0].made_by_aws == ""
    assert read(ENTRY, recorded() | nodes).found[0].made_by_aws == "access entry of nodes"


def test_a_cluster_without_access_entries_is_not_asked_for_them() -> None:
    refused = {"eks.list_access_entries": Refusal("InvalidRequestException")}
    assert read(ENTRY, recorded("CONFIG_MAP") | refused).populations[0].listed == 0
    assert ENTRY in read(ENTRY, recorded() | refused).unobserved


def test_nodes_and_pod_identities_are_read_and_that_of_an_add_on_is_known() -> None:
    identities = [
        {"associationId": "a-1", "namespace": "payments", "serviceAccount": "payments"},
        {"associationId": "a-2", "namespace": "kube-system", "serviceAccount": "aws-node", "ownerArn": "arn:addon"},
    ]

    def described(*, associationId: str, **_: Any) -> dict[str, Any]:
        return {"association": next(one for one in identities if one["associationId"] == associationId)}

    nodes = {"nodegroupArn": "arn:nodes", "launchTemplate": {"id": "lt-1"}, "subnets": ["subnet-1"]}
    more = {
        "eks.list_nodegroups": {"nodegroups": ["system"]},
        "eks.describe_nodegroup": {"nodegroup": nodes},
        "eks.list_pod_identity_associations": {"associations": identities},
        "eks.describe_pod_identity_association": described,
    }
    (group,) = read("aws:eks/nodeGroup:NodeGroup", recorded() | more).found
    assert (group.identity, group.resource.props["launchTemplate"]["id"]) == (("cell:system",), "lt-1")
    found = read("aws:eks/podIdentityAssociation:PodIdentityAssociation", recorded() | more).found
    assert {one.identity[0]: one.made_by_aws for one in found} == {"a-1": "", "a-2": "pod identity of an add-on"}


def test_what_is_deleted_while_it_is_read_is_left_out() -> None:
    gone = Refusal("ResourceNotFoundException")
    assert read(CLUSTER, recorded() | {"eks.describe_cluster": gone}).populations[0].listed == 0
    assert read(ASSOCIATION, recorded() | {"eks.describe_cluster": gone}).populations[0].listed == 0
    assert read(ADDON, recorded() | {"eks.list_addons": gone}).populations[0].listed == 0
    assert read(ENTRY, recorded() | {"eks.describe_access_entry": gone}).populations[0].listed == 0
