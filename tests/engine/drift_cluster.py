"""What runs in the cluster: pods and their rights, who may do what there, and images."""

import copy
from collections.abc import Callable
from typing import Any

from drift import Change, Hands, Undo

from operations.audit.result import Reconciled
from sandbox.kubernetes.client import JSON_PATCH, Client, Manifest

AUTOSCALER = "kubernetes:autoscaling/v2:HorizontalPodAutoscaler"
BINDING = "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding"
BUDGET = "kubernetes:policy/v1:PodDisruptionBudget"
CONFIG_MAP = "kubernetes:core/v1:ConfigMap"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
NAMESPACE = "kubernetes:core/v1:Namespace"
POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
ROLE = "kubernetes:rbac.authorization.k8s.io/v1:Role"

REPOSITORY = "aws:ecr/repository:Repository"
SCANNING = "aws:ecr/registryScanningConfiguration:RegistryScanningConfiguration"

RBAC = "/apis/rbac.authorization.k8s.io/v1"
FRAUD = "/namespaces/fraud"
SCORER = f"/apis/apps/v1{FRAUD}/deployments/scorer"
POLICIES = f"/apis/networking.k8s.io/v1{FRAUD}/networkpolicies"
NOBODY = {"matchLabels": {"app.kubernetes.io/name": "nobody"}}


def _client(hands: Hands) -> Client:
    api = hands.api
    return Client(
        url=api.url,
        context=api.context,
        headers=lambda: {"Authorization": f"Bearer {api.token}"},
        server_name=api.certified,
    )


def _edit(path: str, change: Callable[[Any], object]) -> Callable[[Hands], Undo]:
    """``kubectl edit``: ``change`` gets the object and changes it in place."""

    def does(hands: Hands) -> Undo:
        client = _client(hands)
        was = client.get(path)
        wanted = copy.deepcopy(was)
        change(wanted)

        def write(manifest: Manifest) -> None:
            # A patch: a controller that writes the status in between does not make it fail, as it would an update.
            parts = {f"/{name}": manifest[name] for name in ("data", "rules", "spec") if name in manifest}
            parts |= {"/metadata/labels": manifest["metadata"]["labels"]}
            patch = [{"op": "replace", "path": part, "value": value} for part, value in parts.items()]
            client.request("PATCH", path, body=patch, content_type=JSON_PATCH)

        write(wanted)
        return lambda: write(was)

    return does


def _pod(change: Callable[[Any], object]) -> Callable[[Hands], Undo]:
    """Changes the pod's spec in the template of the scorer."""
    return _edit(SCORER, lambda deployment: change(deployment["spec"]["template"]["spec"]))


def _container(change: Callable[[Any], object]) -> Callable[[Hands], Undo]:
    """Changes the one container of the scorer."""
    return _pod(lambda pod: change(pod["containers"][0]))


def _rule(**rule: list[str]) -> Callable[[Hands], Undo]:
    """Gives one more rule to the autoscaler's role."""
    return _edit(f"{RBAC}/namespaces/controllers/roles/autoscaler", lambda role: role["rules"].append(rule))


def _select_no_pods(hands: Hands) -> Undo:
    """The scorer's own policy and the one of its namespace let come in what wants to."""
    own = _edit(f"{POLICIES}/scorer", lambda policy: policy["spec"].update(podSelector=NOBODY))(hands)
    all_ = _edit(f"{POLICIES}/default-deny", lambda policy: policy["spec"].update(policyTypes=["Egress"]))(hands)

    def undo() -> None:
        all_()
        own()

    return undo


def _bind_to_cluster_admin(hands: Hands) -> Undo:
    client, group = _client(hands), "rbac.authorization.k8s.io"
    binding = {
        "apiVersion": f"{group}/v1",
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "somebody"},
        "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": group, "kind": "User", "name": "somebody"}],
    }
    client.request("POST", f"{RBAC}/clusterrolebindings", body=binding)
    return lambda: client.delete(f"{RBAC}/clusterrolebindings/somebody")


def _let_tags_move(hands: Hands) -> Undo:
    ecr, repository = hands.client("ecr"), hands.outputs(REPOSITORY, "-payments")["id"]

    def mutability(word: str) -> None:
        ecr.put_image_tag_mutability(repositoryName=repository, imageTagMutability=word)

    mutability("MUTABLE")
    return lambda: mutability("IMMUTABLE")


def _scan_some_repositories(hands: Hands) -> Undo:
    ecr = hands.client("ecr")
    was = ecr.get_registry_scanning_configuration()["scanningConfiguration"]
    some = [{"filter": "some/*", "filterType": "WILDCARD"}]
    rules = [{**rule, "repositoryFilters": some} for rule in was["rules"]]
    ecr.put_registry_scanning_configuration(scanType=was["scanType"], rules=rules)
    return lambda: ecr.put_registry_scanning_configuration(**was)


def _scan_no_images(hands: Hands) -> Undo:
    """A repository that is scanned neither by itself nor by its registry."""
    ecr, repository = hands.client("ecr"), hands.outputs(REPOSITORY, "-payments")["id"]
    registry = _scan_some_repositories(hands)

    def scan(on: bool) -> None:
        ecr.put_image_scanning_configuration(repositoryName=repository, imageScanningConfiguration={"scanOnPush": on})

    scan(False)

    def undo() -> None:
        scan(True)
        registry()

    return undo


CHANGES = (
    Change(
        sees="IAM-04 binds_nobody_to_cluster_admin",
        does=_bind_to_cluster_admin,
        reads=(BINDING,),
        reconciled=Reconciled.UNMANAGED,
    ),
    Change(
        sees="K8S-01 admits_restricted_pods_only",
        does=_edit(
            f"/api/v1{FRAUD}",
            lambda namespace: namespace["metadata"]["labels"].update(
                {"pod-security.kubernetes.io/enforce": "baseline"}
            ),
        ),
        reads=(NAMESPACE,),
    ),
    Change(
        sees="K8S-02 runs_as_no_root",
        does=_pod(lambda pod: pod["securityContext"].pop("runAsNonRoot")),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="K8S-02 has_a_read_only_root",
        does=_container(lambda one: one["securityContext"].pop("readOnlyRootFilesystem")),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="K8S-02 drops_all_capabilities",
        does=_container(lambda one: one["securityContext"].pop("capabilities")),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="K8S-02 gains_no_privileges",
        does=_container(lambda one: one["securityContext"].pop("allowPrivilegeEscalation")),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="K8S-02 has_a_seccomp_profile",
        does=_pod(lambda pod: pod["securityContext"].pop("seccompProfile")),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="K8S-03 is_fixed_by_digest",
        does=_container(lambda one: one.update(image=f"{one['image'].partition('@')[0]}:latest")),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="K8S-03 comes_from_a_private_registry",
        does=_container(lambda one: one.update(image=f"example.com/scorer@{one['image'].partition('@')[2]}")),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="K8S-04 no_variable_holds_a_secret",
        does=_container(lambda one: one["env"].append({"name": "API_TOKEN", "value": "not-a-real-one"})),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="K8S-04 no_entry_holds_a_secret",
        does=_edit(
            f"/api/v1{FRAUD}/configmaps/fraud-rules",
            lambda rules: rules["data"].update(database="postgresql://scorer:not-a-real-one@database/fraud"),
        ),
        reads=(CONFIG_MAP,),
    ),
    Change(
        sees="K8S-05 limits_memory",
        does=_container(lambda one: one["resources"].pop("limits")),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="K8S-05 requests_processor_time",
        does=_container(lambda one: one["resources"].pop("requests")),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="K8S-05 has_three_replicas",
        does=_edit(
            f"/apis/autoscaling/v2{FRAUD}/horizontalpodautoscalers/scorer",
            lambda scaler: scaler["spec"].update(minReplicas=2),
        ),
        reads=(AUTOSCALER,),
    ),
    Change(
        sees="K8S-05 has_a_disruption_budget",
        does=_edit(
            f"/apis/policy/v1{FRAUD}/poddisruptionbudgets/scorer",
            lambda budget: budget["spec"].update(selector=NOBODY),
        ),
        reads=(BUDGET,),
    ),
    Change(
        sees="K8S-05 is_spread_over_zones",
        does=_pod(lambda pod: pod.pop("topologySpreadConstraints")),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="K8S-06 names_what_it_allows",
        does=_rule(apiGroups=[""], resources=["*"], verbs=["get"]),
        reads=(ROLE,),
    ),
    Change(
        sees="K8S-06 hands_out_no_rights",
        does=_rule(apiGroups=["rbac.authorization.k8s.io"], resources=["roles"], verbs=["bind"]),
        reads=(ROLE,),
    ),
    Change(
        sees="K8S-06 enters_no_pods",
        does=_rule(apiGroups=[""], resources=["pods/exec"], verbs=["create"]),
        reads=(ROLE,),
    ),
    Change(sees="K8S-07 keeps_its_tags", does=_let_tags_move, reads=(REPOSITORY,)),
    Change(
        sees="K8S-07 scans_its_images",
        does=_scan_no_images,
        reads=(REPOSITORY, SCANNING),
        also=frozenset({"K8S-07 registry_scans_its_images"}),
    ),
    Change(sees="K8S-07 registry_scans_its_images", does=_scan_some_repositories, reads=(SCANNING,)),
    Change(
        sees="NET-09 denies_by_default",
        does=_edit(f"{POLICIES}/default-deny", lambda policy: policy["spec"].update(policyTypes=["Ingress"])),
        reads=(POLICY,),
    ),
    Change(
        sees="NET-09 keeps_off_the_nodes_network",
        does=_pod(lambda pod: pod.update(hostNetwork=True)),
        reads=(DEPLOYMENT,),
    ),
    Change(
        sees="NET-10 is_selected_by_a_policy",
        does=_select_no_pods,
        reads=(POLICY,),
        also=frozenset({"NET-09 denies_by_default"}),
    ),
    Change(
        sees="NET-10 leaves_no_way_out_open",
        does=_edit(f"{POLICIES}/scorer", lambda policy: policy["spec"]["egress"].append({})),
        reads=(POLICY,),
    ),
)
