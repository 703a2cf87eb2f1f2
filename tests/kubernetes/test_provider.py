"""What the Kubernetes provider does with single objects, on a real API server."""

# ruff: noqa: F811 - fixtures are imported by name
import uuid
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from eks import Eks, connect, decoded, eks, namespace  # noqa: F401
from google.rpc import status_pb2
from plugin import Plugin, plain, refused
from pulumi.runtime.proto import provider_pb2

from sandbox.aws.provider.codec import UNKNOWN, Secret, decode
from sandbox.kubernetes.apiserver import SCHEMA_ONLY_URL

pytestmark = pytest.mark.kubernetes

MAP = "kubernetes:core/v1:ConfigMap"
SECRET = "kubernetes:core/v1:Secret"
SERVICE = "kubernetes:core/v1:Service"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
NAMESPACE = "kubernetes:core/v1:Namespace"
DEFINITION = "kubernetes:apiextensions.k8s.io/v1:CustomResourceDefinition"


@pytest.fixture(scope="module")
def plugin(eks: Eks) -> Iterator[Plugin]:
    made = Plugin(kubeconfig=eks.kubeconfig(), clusterIdentifier=eks.arn)
    yield made
    made.close()


def place(namespace: str, name: str = "thing", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name, **metadata}}


def deployment(namespace: str, label: str = "a", image: Any = "main:1") -> dict[str, Any]:
    template = {"metadata": {"labels": {"app": label}}, "spec": {"containers": [{"name": "main", "image": image}]}}
    return {**place(namespace), "spec": {"selector": {"matchLabels": {"app": label}}, "template": template}}


@pytest.mark.parametrize(
    ("token", "inputs", "reason"),
    [
        (SERVICE, {"spec": {"prots": []}}, ".spec.prots: field not declared in schema"),
        (SERVICE, {"spec": {"ports": [{"port": "many"}]}}, "spec.ports"),
        (MAP, {"metadata": {"name": "Upper_Case"}}, 'metadata.name: Invalid value: "Upper_Case"'),
        (MAP, {"apiVersion": "v2"}, "apiVersion: 'v2' contradicts the resource type"),
        ("kubernetes:core/v1:ConfigMapList", {"items": []}, "declare each of its items"),
        (
            SERVICE,
            {"metadata": {"namespace": "later"}, "spec": {"type": "Wrong"}},
            'spec.type: Unsupported value: "Wrong"',
        ),
        (
            SERVICE,
            {"metadata": {"labels": UNKNOWN}, "spec": {"prots": []}},
            ".spec.prots: field not declared in schema",
        ),
    ],
)
def test_a_bad_manifest_is_refused_with_the_servers_reason(
    plugin: Plugin, token: str, inputs: dict[str, Any], reason: str
) -> None:
    _, failures = plugin.check(token, inputs)
    assert reason in "\n".join(failures)


def test_what_is_not_known_yet_is_not_held_against_a_manifest(plugin: Plugin) -> None:
    inputs, failures = plugin.check(DEPLOYMENT, deployment(UNKNOWN, image=UNKNOWN))
    assert failures == []
    assert inputs["spec"]["template"]["spec"]["containers"][0]["image"] is UNKNOWN


def test_a_kind_that_does_not_exist_yet_passes_the_preview_and_not_the_update(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.kubernetes.provider.actions.KIND_APPEARS_S", 0.1)
    token = "kubernetes:example.com/v1:Missing"
    assert plugin.check(token, {"metadata": {"name": "x"}})[1] == []
    assert 'no matches for kind "Missing" in version "example.com/v1"' in refused(
        plugin.create, token, {"metadata": {"name": "x"}}
    )


def test_names_are_generated_once_and_kept(plugin: Plugin, namespace: str) -> None:
    inputs = {"metadata": {"namespace": namespace}}
    first, _ = plugin.check(MAP, inputs)
    assert first["metadata"]["name"].startswith("thing-")
    assert first["metadata"]["annotations"] == {"pulumi.com/autonamed": "true"}
    again, _ = plugin.check(MAP, inputs, first)
    assert again["metadata"]["name"] == first["metadata"]["name"]
    named, _ = plugin.check(MAP, {"metadata": {"generateName": "prefix-"}})
    assert len(named["metadata"]["name"]) == len("prefix-12345")
    assert named["metadata"]["namespace"] == "default"


def test_secret_content_stays_secret(plugin: Plugin, namespace: str) -> None:
    inputs = {**place(namespace), "stringData": {"password": "correct-horse"}}
    _, state = plugin.create(SECRET, inputs)
    assert isinstance(state["data"], Secret)
    assert decoded(plain(state)["data"]["password"]) == "correct-horse"
    marked = {**place(namespace, "map"), "data": {"open": "1", "hidden": Secret("2")}}
    identity, state = plugin.create(MAP, marked)
    assert isinstance(state["data"]["hidden"], Secret)
    assert state["data"]["open"] == "1"
    found = plugin.read(MAP, identity, marked, state)
    assert found is not None
    assert isinstance(found[0]["data"]["hidden"], Secret)
    assert isinstance(found[1]["data"]["hidden"], Secret)


@pytest.mark.parametrize(
    ("token", "old", "new", "replaces"),
    [
        (DEPLOYMENT, deployment("n"), deployment("n", image="main:2"), []),
        (DEPLOYMENT, deployment("n"), deployment("m"), ["metadata.namespace"]),
        (DEPLOYMENT, deployment("n"), deployment("n", label="b"), ["spec.selector.matchLabels.app"]),
        (MAP, {**place("n"), "data": {"a.b": "1"}}, {**place("n"), "data": {"a.b": "2"}}, ['data["a.b"]']),
        (SERVICE, {**place("n"), "spec": {"clusterIP": "None"}}, {**place("n"), "spec": {}}, ["spec.clusterIP"]),
        (
            "kubernetes:core/v1:Pod",
            {**place("n"), "spec": {"containers": [{"name": "a", "env": []}]}},
            {**place("n"), "spec": {"containers": [{"name": "a", "env": [{"name": "b"}]}]}},
            ["spec.containers[0].env[0]"],
        ),
    ],
)
def test_what_kubernetes_cannot_change_replaces(
    plugin: Plugin, token: str, old: dict[str, Any], new: dict[str, Any], replaces: list[str]
) -> None:
    found = plugin.diff(token, old, new)
    assert list(found.replaces) == replaces
    assert found.deleteBeforeReplace == (bool(replaces) and old["metadata"] == new["metadata"])


def test_the_server_says_what_else_cannot_change(plugin: Plugin, namespace: str) -> None:
    token = "kubernetes:scheduling.k8s.io/v1:PriorityClass"
    old, _ = plugin.check(token, {"metadata": {"name": f"c-{namespace}"}, "value": 5})
    identity, state = plugin.create(token, old)
    found = plugin.diff(token, old, {**old, "value": 6}, state)
    assert list(found.replaces) == ["value"]
    assert found.deleteBeforeReplace
    plugin.delete(token, identity, state)


def test_another_spelling_of_the_same_is_no_change(plugin: Plugin, namespace: str) -> None:
    token = "kubernetes:core/v1:ResourceQuota"
    old, _ = plugin.check(token, {**place(namespace), "spec": {"hard": {"requests.cpu": "1"}}})
    _, state = plugin.create(token, old)
    new = {**old, "spec": {"hard": {"requests.cpu": "1000m"}}}
    assert plugin.diff(token, old, new, state).changes == provider_pb2.DiffResponse.DIFF_NONE
    more = {**old, "spec": {"hard": {"requests.cpu": "2"}}}
    assert plugin.diff(token, old, more, state).changes == provider_pb2.DiffResponse.DIFF_SOME


def test_an_update_removes_what_the_program_no_longer_says(plugin: Plugin, eks: Eks, namespace: str) -> None:
    token = "kubernetes:core/v1:ServiceAccount"
    old = place(namespace, labels={"a": "1", "b": "2"})
    identity, state = plugin.create(token, old)
    assert identity == f"{namespace}/thing"
    state = plugin.update(token, identity, state, {"apiVersion": "v1", "kind": "ServiceAccount", **place(namespace)})
    live = eks.client.get(f"/api/v1/namespaces/{namespace}/serviceaccounts/thing")
    assert "labels" not in live["metadata"]
    assert "managedFields" not in state["metadata"]


def test_reading_shows_drift_and_absence(plugin: Plugin, eks: Eks, namespace: str) -> None:
    inputs = {"apiVersion": "v1", "kind": "ConfigMap", **place(namespace), "data": {"a": "1"}}
    identity, state = plugin.create(MAP, inputs)
    path = f"/api/v1/namespaces/{namespace}/configmaps/thing"
    eks.client.request("PATCH", path, body={"data": {"a": "9"}}, content_type="application/merge-patch+json")
    found = plugin.read(MAP, identity, inputs, state)
    assert found is not None
    assert found[1]["data"] == {"a": "9"}
    eks.client.delete(path)
    assert plugin.read(MAP, identity, inputs, state) is None


def test_a_field_of_another_manager_is_taken_over_only_when_told(plugin: Plugin, eks: Eks, namespace: str) -> None:
    old, _ = plugin.check(MAP, {**place(namespace), "data": {"a": "1"}})
    identity, state = plugin.create(MAP, old)
    path = f"/api/v1/namespaces/{namespace}/configmaps/thing"
    eks.client.request("PATCH", path, body={"data": {"a": "9"}}, content_type="application/merge-patch+json")
    reason = refused(plugin.update, MAP, identity, state, {**old, "data": {"a": "2"}})
    assert 'Apply failed with 1 conflict: conflict with "python-httpx"' in reason
    assert "pulumi.com/patchForce" in reason
    forced = {**old, **place(namespace, annotations={"pulumi.com/patchForce": "true"}), "data": {"a": "2"}}
    assert plugin.update(MAP, identity, state, forced)["data"] == {"a": "2"}


def test_an_existing_object_is_not_taken_over(plugin: Plugin, namespace: str) -> None:
    inputs = {**place(namespace), "data": {"a": "1"}}
    identity, _ = plugin.create(MAP, inputs)
    assert "already exists" in refused(plugin.create, MAP, inputs)
    imported = plugin.read(MAP, identity, {}, {})
    assert imported is not None
    assert imported[1]["data"] == {"a": "1"}
    assert set(imported[1]["metadata"]) == {"name", "namespace"}


def test_a_custom_resource_follows_its_definition(plugin: Plugin, namespace: str) -> None:
    group = f"g{uuid.uuid4().hex[:6]}.example.com"
    schema = {"type": "object", "properties": {"spec": {"type": "object", "properties": {"size": {"type": "integer"}}}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    names = {"plural": "widgets", "singular": "widget", "kind": "Widget", "listKind": "WidgetList"}
    spec = {"group": group, "scope": "Namespaced", "names": names, "versions": [version]}
    definition, state = plugin.create(DEFINITION, {"metadata": {"name": f"widgets.{group}"}, "spec": spec})
    token = f"kubernetes:{group}/v1:Widget"
    identity, made = plugin.create(token, {**place(namespace), "spec": {"size": 3}})
    assert made["spec"] == {"size": 3}
    assert "size" in "".join(plugin.check(token, {**place(namespace), "spec": {"size": "big"}})[1])
    plugin.delete(token, identity, made)
    plugin.delete(DEFINITION, definition, state)


def test_a_patch_owns_its_fields_only(plugin: Plugin, eks: Eks, namespace: str) -> None:
    plugin.create(MAP, {**place(namespace), "data": {"theirs": "1"}})
    token = "kubernetes:core/v1:ConfigMapPatch"
    inputs = {"kind": "ConfigMap", **place(namespace), "data": {"ours": "2"}}
    identity, state = plugin.create(token, inputs)
    assert plain(state)["data"] == {"theirs": "1", "ours": "2"}
    plugin.delete(token, identity, state)
    assert eks.client.get(f"/api/v1/namespaces/{namespace}/configmaps/thing")["data"] == {"theirs": "1"}
    missing = {"kind": "ConfigMap", **place(namespace, "missing")}
    assert "a patch changes an object that exists" in refused(plugin.create, token, missing)


def test_deleting_waits_and_names_what_holds_the_object(plugin: Plugin, eks: Eks, namespace: str) -> None:
    inputs = place(namespace, finalizers=["example.com/hold"])
    identity, state = plugin.create(MAP, inputs)
    assert "example.com/hold" in refused(plugin.delete, MAP, identity, state, timeout_s=0.3)
    path = f"/api/v1/namespaces/{namespace}/configmaps/thing"
    body = {"metadata": {"finalizers": []}}
    eks.client.request("PATCH", path, body=body, content_type="application/merge-patch+json")
    plugin.delete(MAP, identity, state)
    assert eks.client.find(path) is None
    plugin.delete(MAP, identity, state)


def test_an_object_that_does_not_become_ready_goes_into_state(plugin: Plugin, namespace: str) -> None:
    annotations = {"pulumi.com/waitFor": "jsonpath={.data.state}=done"}
    inputs = {**place(namespace, annotations=annotations), "data": {"state": "open"}}
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create(MAP, inputs, timeout_s=0.3)
    assert "waiting for jsonpath={.data.state}=done" in str(caught.value.details())
    details = dict(caught.value.trailing_metadata())["grpc-status-details-bin"]
    failed = provider_pb2.ErrorResourceInitFailed()
    assert status_pb2.Status.FromString(details).details[0].Unpack(failed)
    assert failed.id == f"{namespace}/thing"
    assert decode(failed.properties)["metadata"]["uid"]
    skipped = place(namespace, "skipped", annotations={**annotations, "pulumi.com/skipAwait": "true"})
    plugin.create(MAP, skipped, timeout_s=0.3)


def test_an_unreachable_cluster_does_not_stop_a_preview(eks: Eks, monkeypatch: pytest.MonkeyPatch) -> None:
    plugin = Plugin(kubeconfig=eks.kubeconfig(endpoint="https://127.0.0.1:9"))
    inputs, failures = plugin.check(MAP, {"data": {"a": "1"}})
    assert failures == []
    assert plugin.diff(MAP, inputs, {**inputs, "data": {"a": "2"}}).replaces == ["data.a"]
    assert "https://127.0.0.1:9 does not answer" in refused(plugin.create, MAP, inputs)
    assert "PULUMI_K8S_DELETE_UNREACHABLE=true" in refused(plugin.delete, MAP, "default/thing", inputs)
    plugin.close()
    monkeypatch.setenv("PULUMI_K8S_DELETE_UNREACHABLE", "true")
    allowed = Plugin(kubeconfig=eks.kubeconfig(endpoint="https://127.0.0.1:9"))
    allowed.delete(MAP, "default/thing", inputs)
    allowed.close()


def test_a_principal_without_permission_learns_it_while_previewing(eks: Eks, namespace: str) -> None:
    plugin = Plugin(kubeconfig=eks.kubeconfig(role=eks.role("plan-only", "View")))
    _, failures = plugin.check(MAP, place(namespace))
    assert "cannot patch resource" in failures[0]
    plugin.close()


def test_without_an_api_server_the_published_schema_decides(eks: Eks) -> None:
    plugin = Plugin(kubeconfig=eks.kubeconfig(endpoint=SCHEMA_ONLY_URL))
    assert "prots" in "".join(plugin.check(SERVICE, {"spec": {"prots": []}})[1])
    assert "port" in "".join(plugin.check(SERVICE, {"spec": {"ports": [{"port": "many"}]}})[1])
    identity, state = plugin.create(DEPLOYMENT, deployment("n"))
    assert identity == "n/thing"
    assert "published schema only" in state["__notEmulated"]
    assert plugin.create(NAMESPACE, {"metadata": {"name": "n"}})[0] == "n"
    plugin.delete(DEPLOYMENT, identity, state)
    plugin.close()


def test_yaml_text_is_decoded_for_the_sdk(plugin: Plugin) -> None:
    text = "kind: List\nitems:\n- {kind: A}\n---\nkind: B\n"
    from sandbox.aws.provider.codec import encode

    answer = plugin.stub.Invoke(provider_pb2.InvokeRequest(tok="kubernetes:yaml:decode", args=encode({"text": text})))
    assert decode(getattr(answer, "return")) == {"result": [{"kind": "A"}, {"kind": "B"}]}
    assert "not served" in refused(plugin.stub.Invoke, provider_pb2.InvokeRequest(tok="kubernetes:helm:template"))


def test_the_exec_plugins_token_is_kept_until_it_expires(eks: Eks, monkeypatch: pytest.MonkeyPatch) -> None:
    from sandbox.kubernetes.provider import kubeconfig

    runs = []
    original = kubeconfig._run
    monkeypatch.setattr(kubeconfig, "_run", lambda *arguments: runs.append(1) or original(*arguments))
    client = connect(eks.kubeconfig())
    client.get("/version")
    client.get("/api/v1/namespaces")
    assert len(runs) == 1
