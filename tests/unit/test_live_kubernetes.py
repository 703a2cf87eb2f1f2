"""Live objects of a cluster, on recorded answers of its API server."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from operations.audit.live.collect import Account
from operations.audit.live.kubernetes import KINDS, cluster_role, collect_cluster, shape
from operations.audit.live.kubernetes_owners import CONTROLLED, MADE
from operations.audit.live.ownership import OWNED
from operations.audit.live.region import Recorder
from operations.upgrade.live import Answer, Unreachable
from policies.catalogue import control, controls
from policies.control import Status, answers
from policies.controls.k8s_04 import VALUES
from policies.resources import Stack

REPLICA_SET = "kubernetes:apps/v1:ReplicaSet"
POD, NAMESPACE = "kubernetes:core/v1:Pod", "kubernetes:core/v1:Namespace"
DEPLOYMENT, CONFIG_MAP = "kubernetes:apps/v1:Deployment", "kubernetes:core/v1:ConfigMap"
BINDING = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"
ACCOUNT = "kubernetes:core/v1:ServiceAccount"
BOOTSTRAP = {"kubernetes.io/bootstrapping": "rbac-defaults"}
ADMIN = {"kind": "ClusterRole", "name": "cluster-admin"}


class Server:
    """Answers of an API server by path without a query: lists of pages, a status, or bytes."""

    url = "https://cluster.example"

    def __init__(self, recorded: Mapping[str, list[list[dict[str, Any]]] | int | bytes]) -> None:
        self._recorded = recorded

    def get(self, path: str) -> Answer:
        known, _, query = path.partition("?")
        found = self._recorded.get(known, [[]])
        if isinstance(found, int):
            return Answer(status=found, reason="Forbidden", headers={}, body=b"")
        if isinstance(found, bytes):
            return Answer(status=200, reason="OK", headers={}, body=found)
        page = int(query.partition("&continue=")[2] or 0)
        more = {"continue": str(page + 1)} if page + 1 < len(found) else {}
        body = json.dumps({"metadata": more, "items": found[page]}).encode()
        return Answer(status=200, reason="OK", headers={"audit-id": "a1"}, body=body)


class Silent(Server):
    def get(self, path: str) -> Answer:
        raise Unreachable(f"GET {path}: cannot be reached from here")


def listed(type_: str, *items: dict[str, Any], recorder: Recorder | None = None) -> Account:
    return read(Server({KINDS[type_].path: [list(items)]}), type_, recorder=recorder)


def read(server: Server, *types: str, recorder: Recorder | None = None) -> Account:
    api: Any = server
    return collect_cluster(api, "123456789012", "eu-west-1", "cell", types, recorder or Recorder())


def named(name: str, namespace: str = "", **metadata: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **({"namespace": namespace} if namespace else {}), **metadata}}


def deployment(**container: Any) -> dict[str, Any]:
    labels = {"app": "a", "lifecycle": "spot"}
    template = {"metadata": {"labels": labels, "annotations": {"note": "s3cret"}}, "spec": {"containers": [container]}}
    return {**named("a", "payments"), "spec": {"selector": {"matchLabels": labels}, "template": template}}


def statuses(control_id: str, account: Account) -> set[Status]:
    stack = Stack(tuple(one.resource for one in account.found), account.unobserved)
    return {one.verdict.status for one in answers(control(control_id), stack, live=True)}


def test_an_object_is_known_by_the_id_that_a_state_has() -> None:
    (pod,), (namespace,) = listed(POD, named("p", "payments")).found, listed(NAMESPACE, named("payments")).found
    assert (pod.identity, namespace.identity) == (("payments/p",), ("payments",))
    assert pod.key == f"{POD}|123456789012|cell|payments/p"
    assert (pod.resource.props["id"], pod.resource.props["kind"], pod.resource.props["apiVersion"]) == (
        "payments/p",
        "Pod",
        "v1",
    )


def test_all_pages_are_read_and_each_is_a_record() -> None:
    recorder = Recorder()
    account = read(Server({KINDS[POD].path: [[named("a", "n")], [named("b", "n")]]}), POD, recorder=recorder)
    assert [one.identity for one in account.found] == [("n/a",), ("n/b",)]
    assert [(call.page, call.operation, call.request_id) for call in recorder.calls] == [
        (1, "kubernetes:GET", "a1"),
        (2, "kubernetes:GET", "a1"),
    ]
    assert account.populations[0].listed == 2
    assert account.populations[0].evidence == (0, 1)


def test_a_type_that_is_refused_is_not_observed_and_the_others_are() -> None:
    server = Server({KINDS[POD].path: 403, KINDS[NAMESPACE].path: [[named("payments")]]})
    account = read(server, POD, NAMESPACE)
    assert account.unobserved == {POD: "cell: GET /api/v1/pods: the API server answers 403 Forbidden"}
    assert [one.identity for one in account.found] == [("payments",)]


@pytest.mark.parametrize(
    "body",
    [
        b"<html>",
        b"[]",
        b"{}",
        b'{"metadata": {}, "items": [{"metadata": {"name": {}}}]}',
        b'{"metadata": {}, "items": ' + b"[" * 100_000,
        b'{"metadata": {}, "items": [{"metadata": {"name": "n"}, "spec": ' + b'{"a": ' * 40 + b"1" + b"}" * 43,
    ],
)
def test_an_answer_that_is_no_list_is_not_observed(body: bytes) -> None:
    recorder = Recorder()
    account = read(Server({KINDS[POD].path: body}), POD, recorder=recorder)
    assert POD in account.unobserved
    assert recorder.calls[0].error


def test_a_cluster_that_does_not_answer_is_not_observed() -> None:
    assert read(Silent({}), POD).unobserved == {POD: "cell: GET /api/v1/pods?limit=100: cannot be reached from here"}


def test_what_containers_are_told_is_in_no_record() -> None:
    recorder = Recorder()
    told = {
        "name": "a",
        "args": ["--password=s3cret"],
        "env": [
            {"name": "DB_PASSWORD", "value": "s3cret"},
            {"name": "URL", "value": "postgres://eve:s3cret@db/x"},
            {"name": "FROM", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
        ],
        "livenessProbe": {"httpGet": {"httpHeaders": [{"name": "Authorization", "value": "s3cret"}]}},
    }
    last = {"kubectl.kubernetes.io/last-applied-configuration": "s3cret"}
    one = deployment(**told)
    one["metadata"]["annotations"] = last
    account = listed(DEPLOYMENT, one, recorder=recorder)
    assert "s3cret" not in str([call.answer for call in recorder.calls])
    assert statuses("K8S-04", account) == {Status.FAIL}
    (found,) = account.found
    spec = found.resource.props["spec"]
    assert spec["selector"]["matchLabels"]["lifecycle"] == spec["template"]["metadata"]["labels"]["lifecycle"] == "spot"


def test_a_config_map_is_read_without_its_values() -> None:
    recorder = Recorder()
    values = {"settings": "colour: s3cret", "key": "-----BEGIN PRIVATE KEY-----\nMIIs3cret"}
    account = listed(CONFIG_MAP, {**named("c", "payments"), "data": values}, recorder=recorder)
    assert "s3cret" not in str([call.answer for call in recorder.calls])
    assert statuses("K8S-04", account) == {Status.FAIL}
    del values["key"]
    assert statuses("K8S-04", listed(CONFIG_MAP, {**named("c"), "data": values})) == {Status.PASS}


@pytest.mark.parametrize(
    "value",
    ["AKIA0123456789ABCDEF", "ASIA0123456789ABCDEF", "x -----BEGIN RSA PRIVATE KEY----- y", "a://b:c@d", "plain"],
)
def test_the_control_says_the_same_of_a_values_shape_as_of_the_value(value: str) -> None:
    assert bool(VALUES.search(shape(value))) is bool(VALUES.search(value))
    assert shape(value) != value


def owner_of(type_: str, item: dict[str, Any]) -> str:
    return listed(type_, item).found[0].made_by_aws


def test_what_the_cluster_makes_itself_is_known() -> None:
    assert owner_of(NAMESPACE, named("kube-system")) == "object of Kubernetes"
    assert owner_of(NAMESPACE, named("payments")) == ""
    assert owner_of(CONFIG_MAP, named("kube-root-ca.crt", "payments")) == "object of Kubernetes"
    assert owner_of(CONFIG_MAP, named("extension-apiserver-authentication", "payments")) == ""
    accounts = {"managedFields": [{"manager": "kube-controller-manager"}]}
    assert owner_of(ACCOUNT, named("default", "payments")) == "object of Kubernetes"
    assert owner_of(ACCOUNT, named("job-controller", "kube-system", **accounts)) == "object of Kubernetes"
    assert owner_of(ACCOUNT, named("job-controller", "payments", **accounts)) == ""
    assert owner_of("kubernetes:core/v1:Service", named("kubernetes", "default")) == "object of Kubernetes"
    assert owner_of("kubernetes:scheduling.k8s.io/v1:PriorityClass", named("critical")) == ""
    by_eks = {"managedFields": [{"manager": "eks"}, {"manager": "kube-controller-manager"}]}
    assert owner_of(DEPLOYMENT, named("coredns", "kube-system", **by_eks)) == "object of EKS"


def pod_of_a_controller(uid: str = "u-1", **changed: Any) -> str:
    """Who made a pod that says that a replica set did."""
    spec = {"serviceAccountName": "payments", "containers": [{"name": "a", "image": "good@sha256:1"}]}
    reference = {"kind": "ReplicaSet", "name": "a-1", "controller": True, "uid": uid}
    controller = {**named("a-1", "payments", uid="u-1"), "spec": {"template": {"spec": spec}}}
    pod = {**named("p", "payments", ownerReferences=[reference]), "spec": {**spec, **changed}}
    account = read(Server({KINDS[REPLICA_SET].path: [[controller]], KINDS[POD].path: [[pod]]}), REPLICA_SET, POD)
    assert sum(one.owned_by_aws for one in account.populations) == sum(bool(one.made_by_aws) for one in account.found)
    return next(one.made_by_aws for one in account.found if one.resource.type == POD)


def test_a_pod_is_its_controllers_only_while_it_is_what_the_template_says() -> None:
    assert pod_of_a_controller() == "object of a controller"
    assert pod_of_a_controller(containers=[{"name": "a", "image": "evil"}]) == ""
    assert pod_of_a_controller(serviceAccountName="admin") == ""
    assert pod_of_a_controller(hostNetwork=True) == ""
    assert pod_of_a_controller(ephemeralContainers=[{"name": "debug", "image": "shell"}]) == ""


def test_an_owner_that_is_not_there_made_nothing() -> None:
    assert pod_of_a_controller(uid="u-2") == ""


def test_an_add_on_that_somebody_edited_is_not_eks_own_any_more() -> None:
    edited = {"managedFields": [{"manager": "eks"}, {"manager": "kubectl-edit"}]}
    assert owner_of(DEPLOYMENT, named("coredns", "kube-system", **edited)) == ""


def test_a_default_binding_that_was_given_to_somebody_else_is_not_the_clusters_own() -> None:
    masters = {"kind": "Group", "name": "system:masters"}
    eve = {"kind": "User", "name": "eve"}
    own = {**named("cluster-admin", labels=BOOTSTRAP), "roleRef": ADMIN, "subjects": [masters]}
    assert owner_of(BINDING, own) == "object of Kubernetes"
    assert owner_of(BINDING, {**own, "subjects": [masters, eve]}) == ""
    assert owner_of(BINDING, {**own, **named("mine", labels=BOOTSTRAP)}) == ""
    assert owner_of(BINDING, {**own, **named("eks:mine"), "subjects": [eve]}) == ""
    assert statuses("IAM-04", listed(BINDING, {**own, "subjects": [eve]})) == {Status.FAIL}


def test_every_owner_is_in_the_ownership_table() -> None:
    assert {CONTROLLED, *MADE} <= OWNED.keys()


def test_every_kubernetes_type_of_the_controls_is_read() -> None:
    asked = {type_ for one in controls() for clause in one.clauses for type_ in clause.resource_types}
    used = {type_ for type_ in asked if type_.startswith("kubernetes:")}
    assert used <= KINDS.keys()


def test_the_rights_of_the_audit_are_to_look_at_what_it_reads_and_nothing_else() -> None:
    rules = cluster_role()["rules"]
    allowed = {(group, plural) for rule in rules for group in rule["apiGroups"] for plural in rule["resources"]}
    assert allowed == {(kind.group, kind.plural) for kind in KINDS.values()}
    assert {tuple(rule["verbs"]) for rule in rules} == {("get", "list")}
    assert not [plural for _, plural in allowed if plural == "secrets" or "/" in plural or "*" in plural]
