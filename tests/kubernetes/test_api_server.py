"""The API server of an emulated EKS cluster, its principals, and what stands in for kube-controller-manager."""

# ruff: noqa: F811 - fixtures are imported by name
import uuid
from typing import Any

import pytest
from eks import CLUSTER, Eks, eks, make_namespace, namespace, wait  # noqa: F401

from sandbox.kubernetes.errors import ApiError, Unreachable

pytestmark = pytest.mark.kubernetes

PERMITTED_WITHIN_S = 30
"""A changed access entry is noticed when the API server's token cache expires."""


def config_map(name: str, **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": {"a": "b"}}


def pod(name: str, **container: Any) -> dict[str, Any]:
    containers = [{"name": "main", "image": "main:1", **container}]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": containers}}


def refusal(eks: Eks, method: str, path: str, body: dict[str, Any] | None = None) -> ApiError:
    with pytest.raises(ApiError) as caught:
        eks.client.request(method, path, body=body)
    return caught.value


def test_the_server_has_the_version_of_the_cluster(eks: Eks) -> None:
    version = eks.sandbox.client("eks").describe_cluster(name=CLUSTER)["cluster"]["version"]
    assert eks.client.get("/version")["gitVersion"].startswith(f"v{version}.")


def test_anonymous_requests_reach_nothing_but_health(eks: Eks) -> None:
    eks.client.request("GET", "/version")
    anonymous = type(eks.client)(url=eks.client.url, context=eks.client.context)
    with pytest.raises(ApiError) as caught:
        anonymous.get("/api/v1/namespaces")
    assert caught.value.status == 401


def test_a_principal_without_access_entry_is_refused(eks: Eks) -> None:
    stranger = eks.client_as(eks.role("stranger"))
    with pytest.raises(ApiError) as caught:
        stranger.get("/api/v1/namespaces")
    assert caught.value.message == "Unauthorized"


def test_the_view_policy_reads_but_neither_writes_nor_shows_secrets(eks: Eks, namespace: str) -> None:
    viewer = eks.client_as(eks.role("viewer", "View"))
    maps = f"/api/v1/namespaces/{namespace}/configmaps"
    assert viewer.get(maps)["kind"] == "ConfigMapList"
    with pytest.raises(ApiError) as caught:
        viewer.request("POST", maps, body=config_map("mine"))
    assert "cannot create resource" in caught.value.message
    assert "assumed-role/viewer/EKSGetTokenAuth" in caught.value.message
    with pytest.raises(ApiError, match="cannot list resource"):
        viewer.get(f"/api/v1/namespaces/{namespace}/secrets")


def test_a_namespace_scope_with_a_pattern_ends_at_its_namespaces(eks: Eks, namespace: str) -> None:
    editor = eks.client_as(eks.role("editor", "Edit", namespaces=("team-*",)))
    later = f"team-{uuid.uuid4().hex[:6]}"
    make_namespace(eks.client, later)
    path = f"/api/v1/namespaces/{later}/configmaps"

    def permitted() -> bool:
        try:
            editor.request("POST", path, body=config_map("mine"))
        except ApiError:
            return False
        return True

    wait(permitted, PERMITTED_WITHIN_S, "the bindings of a new namespace")
    with pytest.raises(ApiError, match="cannot create resource"):
        editor.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body=config_map("mine"))
    eks.client.delete(f"/api/v1/namespaces/{later}")


def test_a_namespace_gets_what_pods_need_and_pods_are_admitted(eks: Eks, namespace: str) -> None:
    base = f"/api/v1/namespaces/{namespace}"
    wait(lambda: eks.client.find(f"{base}/serviceaccounts/default"), 10, "default ServiceAccount")
    wait(lambda: eks.client.find(f"{base}/configmaps/kube-root-ca.crt"), 10, "kube-root-ca.crt")
    made = eks.client.request("POST", f"{base}/pods", body=pod("main"))
    assert made["spec"]["serviceAccountName"] == "default"


def test_pod_security_restricted_rejects_a_privileged_pod(eks: Eks) -> None:
    name = f"restricted-{uuid.uuid4().hex[:6]}"
    make_namespace(eks.client, name, **{"pod-security.kubernetes.io__enforce": "restricted"})
    wait(lambda: eks.client.find(f"/api/v1/namespaces/{name}/serviceaccounts/default"), 10, "default ServiceAccount")
    body = pod("bad", securityContext={"privileged": True})
    error = refusal(eks, "POST", f"/api/v1/namespaces/{name}/pods", body)
    assert error.status == 403
    assert 'violates PodSecurity "restricted:latest": privileged' in error.message
    eks.client.delete(f"/api/v1/namespaces/{name}")


def test_a_quota_counts_and_refuses_the_pod_that_exceeds_it(eks: Eks, namespace: str) -> None:
    base = f"/api/v1/namespaces/{namespace}"
    spec = {"hard": {"pods": "1", "requests.cpu": "500m"}}
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "q"}, "spec": spec}
    eks.client.request("POST", f"{base}/resourcequotas", body=quota)
    wait(lambda: used(eks, base) == {"pods": "0", "requests.cpu": "0"}, 10, "quota in force")
    small = {"resources": {"requests": {"cpu": "250m"}}}
    wait(lambda: eks.client.find(f"{base}/serviceaccounts/default"), 10, "default ServiceAccount")
    eks.client.request("POST", f"{base}/pods", body=pod("one", **small))
    assert "exceeded quota: q" in refusal(eks, "POST", f"{base}/pods", pod("two", **small)).message
    wait(lambda: used(eks, base) == {"pods": "1", "requests.cpu": "250m"}, 10, "usage")
    eks.client.delete(f"{base}/pods/one", {"gracePeriodSeconds": 0})
    wait(lambda: used(eks, base) == {"pods": "0", "requests.cpu": "0"}, 10, "freed usage")


def used(eks: Eks, base: str) -> dict[str, str] | None:
    found = eks.client.get(f"{base}/resourcequotas/q").get("status", {})
    return found.get("used") if isinstance(found, dict) else None


def test_a_namespace_is_deleted_with_everything_in_it(eks: Eks) -> None:
    name = f"gone-{uuid.uuid4().hex[:6]}"
    make_namespace(eks.client, name)
    path = f"/api/v1/namespaces/{name}"
    eks.client.request("POST", f"{path}/configmaps", body=config_map("m"))
    eks.client.request("POST", f"{path}/configmaps", body=config_map("held", finalizers=["example.com/hold"]))
    eks.client.delete(path)
    wait(lambda: eks.client.find(f"{path}/configmaps/m") is None, 10, "its objects are deleted")
    assert eks.client.get(path)["status"]["phase"] == "Terminating"
    eks.client.request(
        "PATCH",
        f"{path}/configmaps/held",
        body={"metadata": {"finalizers": []}},
        content_type="application/merge-patch+json",
    )
    wait(lambda: eks.client.find(path) is None, 10, "the namespace is gone")


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
def test_dependents_go_with_their_owner(eks: Eks, namespace: str, policy: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    uid = eks.client.request("POST", path, body=config_map("owner"))["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid, "blockOwnerDeletion": True}
    eks.client.request("POST", path, body=config_map("dependent", ownerReferences=[reference]))
    eks.client.delete(f"{path}/owner", {"propagationPolicy": policy})
    wait(lambda: eks.client.find(f"{path}/dependent") is None, 10, "the dependent is gone")
    wait(lambda: eks.client.find(f"{path}/owner") is None, 10, "the owner is gone")


def test_orphaned_dependents_stay(eks: Eks, namespace: str) -> None:
    path = f"/api/v1/namespaces/{namespace}/configmaps"
    uid = eks.client.request("POST", path, body=config_map("owner"))["metadata"]["uid"]
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid}
    eks.client.request("POST", path, body=config_map("dependent", ownerReferences=[reference]))
    eks.client.delete(f"{path}/owner", {"propagationPolicy": "Orphan"})
    wait(lambda: eks.client.find(f"{path}/owner") is None, 10, "the owner is gone")
    assert "ownerReferences" not in eks.client.get(f"{path}/dependent")["metadata"]


def test_objects_survive_a_restart_of_the_server(eks: Eks, namespace: str) -> None:
    import os
    import signal
    from pathlib import Path

    eks.client.request("POST", f"/api/v1/namespaces/{namespace}/configmaps", body=config_map("kept"))
    port = eks.endpoint.rpartition(":")[2]
    pids = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    server = next(pid for pid in pids if f"--secure-port={port}" in command_line(pid))
    os.kill(int(server.name), signal.SIGKILL)

    def kept() -> bool:
        try:
            return eks.client.find(f"/api/v1/namespaces/{namespace}/configmaps/kept") is not None
        except (Unreachable, ApiError):
            return False

    wait(kept, 60, "the server is back")


def command_line(process: Any) -> str:
    try:
        return (process / "cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
