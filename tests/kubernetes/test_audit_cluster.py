"""What an auditor reads of a real API server with the rights of its cluster role, and what it cannot."""

# ruff: noqa: F811 - fixtures are imported by name
import ssl
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from eks import Eks, eks, wait  # noqa: F401

from operations.audit.live.collect import Account
from operations.audit.live.kubernetes import KINDS, ROLE, cluster_role, collect_cluster
from operations.audit.live.region import Recorder
from operations.upgrade.live import ClusterApi, Unreachable
from sandbox.kubernetes.provider import kubeconfig

pytestmark = pytest.mark.kubernetes

RBAC = "/apis/rbac.authorization.k8s.io/v1"
GROUP = "auditors"
PERMITTED_WITHIN_S = 30
POD = "kubernetes:core/v1:Pod"


@pytest.fixture
def auditor(eks: Eks) -> Iterator[ClusterApi]:
    """The API server for a role whose access entry has the auditors' group and no access policy."""
    role = eks.role(f"auditor-{uuid.uuid4().hex[:8]}")
    eks.sandbox.client("eks").create_access_entry(clusterName=eks.name, principalArn=role, kubernetesGroups=[GROUP])
    eks.client.request("POST", f"{RBAC}/clusterroles", body=cluster_role())
    bound = {
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": ROLE},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": ROLE},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": GROUP}],
    }
    eks.client.request("POST", f"{RBAC}/clusterrolebindings", body=bound)
    target = kubeconfig.load(eks.kubeconfig(role))
    token = kubeconfig.Credentials(target).headers()["Authorization"].removeprefix("Bearer ")
    context = kubeconfig.tls(target)
    assert isinstance(context, ssl.SSLContext)
    yield ClusterApi(url=eks.endpoint, context=context, token=token)
    eks.client.delete(f"{RBAC}/clusterrolebindings/{ROLE}")
    eks.client.delete(f"{RBAC}/clusterroles/{ROLE}")


def read(api: ClusterApi, recorder: Recorder | None = None) -> Account:
    return collect_cluster(api, "123456789012", "eu-west-1", "cell", KINDS, recorder or Recorder())


def test_the_cluster_role_is_enough_for_every_type_and_shows_no_secret(auditor: ClusterApi) -> None:
    wait(lambda: not read(auditor).unobserved, PERMITTED_WITHIN_S, "the binding of the auditors")
    recorder = Recorder()
    account = read(auditor, recorder)
    unmanaged = {one.identity[0] for one in account.found if not one.made_by_aws}
    assert {one.type for one in account.populations} == KINDS.keys()
    assert {call.operation for call in recorder.calls} == {"kubernetes:GET"}
    # What a cluster begins with is known; the auditors' own role and binding are in no state of this test.
    own = ("kube-system/", "kube-public/", "kube-node-lease/", "default/", "system:", "eks:")
    assert ROLE in unmanaged
    assert not [name for name in unmanaged if name.startswith(own)]
    for path in ("/api/v1/secrets", "/api/v1/namespaces/default/pods/none/log"):
        with pytest.raises(Unreachable, match="403 Forbidden"):
            auditor.text(path)


def test_without_a_right_its_type_is_not_observed(eks: Eks, auditor: ClusterApi) -> None:
    wait(lambda: not read(auditor).unobserved, PERMITTED_WITHIN_S, "the binding of the auditors")
    role: dict[str, Any] = eks.client.get(f"{RBAC}/clusterroles/{ROLE}")
    for rule in role["rules"]:
        rule["resources"] = [name for name in rule["resources"] if name != "pods"]
    eks.client.request("PUT", f"{RBAC}/clusterroles/{ROLE}", body=role)
    wait(lambda: read(auditor).unobserved, PERMITTED_WITHIN_S, "the lost right")
    account = read(auditor)
    assert list(account.unobserved) == [POD]
    assert "403 Forbidden" in account.unobserved[POD]
