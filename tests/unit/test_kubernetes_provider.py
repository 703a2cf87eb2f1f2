"""Pure parts of the Kubernetes provider: configuration, type tokens, comparisons, conditions, quantities."""

from pathlib import Path
from typing import Any

import pytest

from sandbox.kubernetes.errors import ApiError, ConfigError
from sandbox.kubernetes.provider import awaits, diff, kubeconfig, manifests, settings, validation
from sandbox.kubernetes.quota import quantity

KUBECONFIG = """
current-context: a
contexts: [{name: a, context: {cluster: c, user: u, namespace: n}}, {name: b, context: {cluster: d, user: u}}]
clusters: [{name: c, cluster: {server: "https://c"}}, {name: d, cluster: {server: "https://d"}}]
users: [{name: u, user: {}}]
"""


def test_the_current_context_decides_unless_told_otherwise() -> None:
    target = kubeconfig.load(KUBECONFIG)
    assert (target.server, target.namespace) == ("https://c", "n")
    target = kubeconfig.load(KUBECONFIG, context="b", namespace="m")
    assert (target.server, target.namespace) == ("https://d", "m")
    assert kubeconfig.load(KUBECONFIG, cluster="d").server == "https://d"


def test_a_kubeconfig_may_be_a_path(tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text(KUBECONFIG)
    assert kubeconfig.load(str(file)).server == "https://c"


@pytest.mark.parametrize(
    ("text", "context", "reason"),
    [
        ("/no/such/file", "", "neither a kubeconfig nor the path"),
        (KUBECONFIG, "z", "no context 'z' (it has: a, b)"),
        ("{}\n", "", "no current-context"),
        ("a: [\n", "", "not YAML"),
    ],
)
def test_a_bad_kubeconfig_says_what_is_wrong(text: str, context: str, reason: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kubeconfig.load(text, context=context)
    assert reason in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "replaces"),
    [
        ({"clusterIdentifier": "x"}, {"clusterIdentifier": "y"}, ["clusterIdentifier"]),
        ({"clusterIdentifier": "x", "kubeconfig": KUBECONFIG}, {"clusterIdentifier": "x", "context": "b"}, []),
        ({"kubeconfig": KUBECONFIG}, {"kubeconfig": KUBECONFIG, "context": "b"}, ["context"]),
        ({"kubeconfig": KUBECONFIG}, {"kubeconfig": KUBECONFIG + "preferences: {}\n"}, []),
        ({"namespace": "a"}, {"namespace": "b"}, []),
    ],
)
def test_another_cluster_replaces_and_another_way_to_it_does_not(
    old: dict[str, Any], new: dict[str, Any], replaces: list[str]
) -> None:
    changed, found = settings.changes(old, new)
    assert found == replaces
    assert changed


@pytest.mark.parametrize(
    ("inputs", "reason"),
    [
        ({"kubeconfg": ""}, "did you mean kubeconfig?"),
        ({"renderYamlToDirectory": "out"}, "writes to an API server only"),
        ({"enableServerSideApply": "false"}, "applies server-side only"),
        ({"strictMode": "true"}, 'strict mode requires Provider "kubeconfig"'),
    ],
)
def test_an_input_that_cannot_be_served_is_refused(inputs: dict[str, Any], reason: str) -> None:
    assert reason in settings.failures(inputs, {})[0][1]


def test_environment_variables_are_the_defaults() -> None:
    environment = {"PULUMI_K8S_DELETE_UNREACHABLE": "true", "PULUMI_K8S_CLIENT_TIMEOUT": "7"}
    assert settings.read({}, environment).delete_unreachable
    assert settings.read({}, environment).timeout_s == 7
    assert not settings.read({"deleteUnreachable": "false"}, environment).delete_unreachable


@pytest.mark.parametrize(
    ("token", "declared", "expected"),
    [
        ("kubernetes:core/v1:Secret", "Secret", ("v1", "Secret", False)),
        ("kubernetes:apps/v1:DeploymentPatch", "Deployment", ("apps/v1", "Deployment", True)),
        ("kubernetes:example.com/v1:Patch", "Patch", ("example.com/v1", "Patch", False)),
    ],
)
def test_a_type_token_names_a_kind(token: str, declared: str, expected: tuple[str, str, bool]) -> None:
    kind = manifests.kind_of(token, declared)
    assert (kind.api_version, kind.kind, kind.patch) == expected


def test_changes_are_named_as_pulumi_writes_paths() -> None:
    old = {"metadata": {"labels": {"app.kubernetes.io/name": "a"}}, "spec": {"items": [1, 2], "gone": 1}}
    new = {"metadata": {"labels": {"app.kubernetes.io/name": "b"}}, "spec": {"items": [1, 3, 4], "new": 1}}
    assert {(change.path, change.operation) for change in diff.changes(old, new)} == {
        ('metadata.labels["app.kubernetes.io/name"]', "UPDATE"),
        ("spec.items[1]", "UPDATE"),
        ("spec.items[2]", "ADD"),
        ("spec.gone", "DELETE"),
        ("spec.new", "ADD"),
    }


def test_a_live_object_is_reduced_to_what_the_program_says() -> None:
    wanted = {"spec": {"containers": [{"name": "b", "image": "1"}], "replicas": 1}, "stringData": {"a": "x"}}
    live = {
        "spec": {"containers": [{"name": "b", "image": "2", "ports": []}], "paused": False},
        "data": {"a": "eQ=="},
        "status": {},
    }
    expected = {"spec": {"containers": [{"name": "b", "image": "2"}]}, "stringData": {"a": "y"}}
    assert manifests.inputs_from(wanted, live) == expected


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("jsonpath={.status.phase}=Active", True),
        ("jsonpath={.status.phase}=Gone", False),
        ("jsonpath={.status.absent}", False),
        ("condition=Ready", True),
        ("condition=Ready=False", False),
        ('jsonpath={.status.conditions[?(@.type=="Ready")].status}=True', True),
        ("jsonpath={.status.items[1].n}=2", True),
        ('["condition=Ready", "jsonpath={.status.phase}=Gone"]', False),
    ],
)
def test_wait_for_understands_conditions_and_paths(text: str, holds: bool) -> None:
    live = {
        "status": {
            "phase": "Active",
            "conditions": [{"type": "Ready", "status": "True"}],
            "items": [{"n": 1}, {"n": 2}],
        }
    }
    assert all(ready(live) for _, ready in awaits.parse(text)) is holds


def test_a_wrong_wait_for_says_what_is_accepted() -> None:
    with pytest.raises(ConfigError, match=r"neither jsonpath=.* nor condition=Ready"):
        awaits.parse("ready")


@pytest.mark.parametrize(
    ("message", "immutable"),
    [
        ("field is immutable", True),
        ("may not be changed in an update.", True),
        ("updates to statefulset spec for fields other than 'replicas' are forbidden", True),
        ("Required value", False),
    ],
)
def test_a_field_that_cannot_change_is_told_from_one_that_is_wrong(message: str, immutable: bool) -> None:
    assert validation.is_immutable(ApiError(422, "Invalid", "x", (("spec.a", message),))) is immutable


@pytest.mark.parametrize(("text", "value"), [("250m", 0.25), ("1Gi", 2**30), ("2", 2), ("1.5k", 1500), ("10M", 10**7)])
def test_quantities_have_their_suffixes_value(text: str, value: float) -> None:
    assert float(quantity(text)) == value
