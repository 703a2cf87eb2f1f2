"""Objects of one cluster, as its API server gives them, which is as the provider of Pulumi has them.

Never asked: secrets, logs, the inside of a pod. Of a literal value (a variable, an entry of a config map) only its kind
is kept, as far as a control tells values apart: what was judged is in the evidence, and no secret is.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from operations.audit.live.collect import MAX_PER_TYPE, Account, Found
from operations.audit.live.kubernetes_owners import RBAC, owner
from operations.audit.live.question import TooLarge, measure
from operations.audit.live.reader import LiveProps
from operations.audit.live.region import Recorder, meta
from operations.audit.result import Population
from operations.upgrade.live import OK, Answer, ClusterApi, Unreachable
from policies.controls.k8s_04 import VALUES
from policies.resources import NotObservedError, Resource

PAGE = 100
"""Objects of one answer; the API server chunks lists for as long as a client continues them
(https://kubernetes.io/docs/reference/using-api/api-concepts/#retrieving-large-results-sets-in-chunks)."""

GET = "kubernetes:GET"

ROLE = "payment-cell-audit"


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """How the objects of one type are listed, and what of each is kept beside its metadata."""

    group: str
    """"" for the core API."""
    plural: str
    keep: tuple[str, ...] = ("spec",)
    version: str = "v1"

    @property
    def path(self) -> str:
        """The list over all namespaces."""
        root = f"/apis/{self.group}" if self.group else "/api"
        return f"{root}/{self.version}/{self.plural}"

    @property
    def api_version(self) -> str:
        """As an object says it."""
        return f"{self.group}/{self.version}" if self.group else self.version


_BOUND = ("roleRef", "subjects")

KINDS: Mapping[str, Kind] = {
    "kubernetes:apps/v1:DaemonSet": Kind(group="apps", plural="daemonsets"),
    "kubernetes:apps/v1:Deployment": Kind(group="apps", plural="deployments"),
    "kubernetes:apps/v1:ReplicaSet": Kind(group="apps", plural="replicasets"),
    "kubernetes:apps/v1:StatefulSet": Kind(group="apps", plural="statefulsets"),
    "kubernetes:autoscaling/v2:HorizontalPodAutoscaler": Kind(
        group="autoscaling", plural="horizontalpodautoscalers", version="v2"
    ),
    "kubernetes:batch/v1:CronJob": Kind(group="batch", plural="cronjobs"),
    "kubernetes:batch/v1:Job": Kind(group="batch", plural="jobs"),
    "kubernetes:core/v1:ConfigMap": Kind(group="", plural="configmaps", keep=("data",)),
    "kubernetes:core/v1:LimitRange": Kind(group="", plural="limitranges"),
    "kubernetes:core/v1:Namespace": Kind(group="", plural="namespaces"),
    "kubernetes:core/v1:Pod": Kind(group="", plural="pods"),
    "kubernetes:core/v1:ResourceQuota": Kind(group="", plural="resourcequotas"),
    "kubernetes:core/v1:Service": Kind(group="", plural="services"),
    "kubernetes:core/v1:ServiceAccount": Kind(
        group="", plural="serviceaccounts", keep=("automountServiceAccountToken",)
    ),
    "kubernetes:networking.k8s.io/v1:NetworkPolicy": Kind(group="networking.k8s.io", plural="networkpolicies"),
    "kubernetes:policy/v1:PodDisruptionBudget": Kind(group="policy", plural="poddisruptionbudgets"),
    f"kubernetes:{RBAC}/v1:ClusterRole": Kind(group=RBAC, plural="clusterroles", keep=("rules", "aggregationRule")),
    f"kubernetes:{RBAC}/v1:ClusterRoleBinding": Kind(group=RBAC, plural="clusterrolebindings", keep=_BOUND),
    f"kubernetes:{RBAC}/v1:Role": Kind(group=RBAC, plural="roles", keep=("rules",)),
    f"kubernetes:{RBAC}/v1:RoleBinding": Kind(group=RBAC, plural="rolebindings", keep=_BOUND),
    "kubernetes:scheduling.k8s.io/v1:PriorityClass": Kind(
        group="scheduling.k8s.io", plural="priorityclasses", keep=("value", "globalDefault", "preemptionPolicy")
    ),
}
"""Pulumi type -> how a cluster shows it, by type."""

_METADATA = ("name", "namespace", "uid", "labels", "ownerReferences")
"""Annotations are left out: one of them may hold a former version of the whole object."""

_COMMANDS = frozenset({"args", "command", "lifecycle", "livenessProbe", "readinessProbe", "startupProbe"})
"""Of a container: no control reads them, and any may hold a password."""

_CONTAINERS = frozenset({"containers", "ephemeralContainers", "initContainers"})


def cluster_role() -> dict[str, Any]:
    """What the audit may do in a cluster, to be bound to the group of its access entry."""
    groups: dict[str, list[str]] = {}
    for kind in KINDS.values():
        groups.setdefault(kind.group, []).append(kind.plural)
    return {
        "apiVersion": f"{RBAC}/v1",
        "kind": "ClusterRole",
        "metadata": {"name": ROLE},
        "rules": [
            {"apiGroups": [group], "resources": sorted(plurals), "verbs": ["get", "list"]}
            for group, plurals in sorted(groups.items())
        ],
    }


def collect_cluster(
    api: ClusterApi, account: str, region: str, cluster: str, types: Iterable[str], recorder: Recorder
) -> Account:
    """Reads the objects of these types (those that a cluster has) in one cluster."""
    asking = _Cluster(api=api, account=account, region=region, name=cluster, recorder=recorder)
    read = Account()
    listed = {type_: _read(asking, type_) for type_ in sorted(set(types) & KINDS.keys())}
    by_uid = {item["metadata"].get("uid"): item for items, _ in listed.values() for item, _ in items}
    for type_, (items, population) in listed.items():
        found = [_found(asking, type_, item, number, by_uid) for item, number in items]
        read.found.extend(found)
        owned = sum(bool(one.made_by_aws) for one in found)
        read.populations.append(population.model_copy(update={"owned_by_aws": owned}))
        if population.listed is None:
            read.unobserved[type_] = f"{cluster}: {population.reason}"
    read.found.sort(key=lambda one: one.key)
    return read


@dataclass(frozen=True, kw_only=True, slots=True)
class _Cluster:
    api: ClusterApi
    account: str
    region: str
    name: str
    recorder: Recorder


def _read(cluster: _Cluster, type_: str) -> tuple[list[tuple[dict[str, Any], int]], Population]:
    about: dict[str, Any] = {"type": type_, "account": cluster.account, "region": cluster.region, "source": GET}
    items: list[tuple[dict[str, Any], int]] = []
    numbers: list[int] = []
    try:
        for one in _items(cluster, KINDS[type_], numbers):
            items.append(one)
            if len(items) > MAX_PER_TYPE:
                raise NotObservedError(f"more than {MAX_PER_TYPE:,} of them")
    except NotObservedError as error:
        return [], Population(**about, listed=None, reason=str(error), evidence=tuple(numbers))
    return items, Population(**about, listed=len(items), evidence=tuple(numbers))


def _items(cluster: _Cluster, kind: Kind, numbers: list[int]) -> Iterator[tuple[dict[str, Any], int]]:
    """All objects of a list with the number of the record that holds each."""
    token = ""
    for page in range(1, MAX_PER_TYPE // PAGE + 2):
        path = f"{kind.path}?limit={PAGE}" + (f"&continue={quote(token)}" if token else "")
        listed, number = _ask(cluster, kind, path, page)
        numbers.append(number)
        yield from ((item, number) for item in listed["items"])
        token = listed["continue"]
        if not token:
            return
    raise NotObservedError(f"GET {kind.path}: pages without end")


def _ask(cluster: _Cluster, kind: Kind, path: str, page: int) -> tuple[dict[str, Any], int]:
    about = {
        "endpoint": cluster.api.url,
        "account": cluster.account,
        "region": cluster.region,
        "caller": "",
        "operation": GET,
        "parameters": {"cluster": cluster.name, "path": path},
        "page": page,
    }
    sent = datetime.now(UTC)
    try:
        answer = cluster.api.get(path)
    except Unreachable as error:
        cluster.recorder.add(**about, **_meta(None, sent), error="Unreachable", answer={})
        raise NotObservedError(str(error)) from None
    try:
        if answer.status != OK:
            raise NotObservedError(f"GET {kind.path}: the API server answers {answer.status} {answer.reason}")
        listed = _listed(kind, answer.body)
    except (NotObservedError, TooLarge, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        code = str(answer.status) if answer.status != OK else type(error).__name__
        cluster.recorder.add(**about, **_meta(answer, sent), error=code, answer={})
        raise NotObservedError(
            str(error) if isinstance(error, NotObservedError) else f"GET {kind.path}: no list of objects"
        ) from None
    return listed, cluster.recorder.add(**about, **_meta(answer, sent), error="", answer=listed).number


def _listed(kind: Kind, body: bytes) -> dict[str, Any]:
    """The kept fields of a page. Raises TooLarge, and the errors of a body that is no list."""
    answer = json.loads(body)
    measure(answer)
    items = [_kept(kind, item) for item in answer["items"]]
    return {"continue": str(answer["metadata"].get("continue") or ""), "items": items}


def _kept(kind: Kind, item: Mapping[str, Any]) -> dict[str, Any]:
    metadata = item["metadata"]
    kept: dict[str, Any] = {
        "metadata": {name: metadata[name] for name in _METADATA if metadata.get(name)},
        # Of the fields' managers the names: who applied the object.
        "managers": sorted({str(one.get("manager", "")) for one in metadata.get("managedFields") or ()}),
    }
    if not isinstance(metadata["name"], str):
        raise TypeError(f"{kind.plural}: a name that is no text")
    for name in kind.keep:
        if item.get(name) is not None:
            kept[name] = {key: shape(value) for key, value in item[name].items()} if name == "data" else item[name]
    if "spec" in kept:
        kept["spec"] = _without_values(kept["spec"])
    return kept


def _without_values(value: Any) -> Any:
    """A spec without what its containers are told."""
    if isinstance(value, list):
        return [_without_values(member) for member in value]
    if isinstance(value, Mapping):
        return {name: _member(name, member) for name, member in value.items()}
    return value


def _member(name: str, value: Any) -> Any:
    if name in _CONTAINERS and isinstance(value, list):
        return [_container(one) for one in value]
    if name == "metadata" and isinstance(value, Mapping):
        return {key: value[key] for key in _METADATA if value.get(key)}
    return _without_values(value)


def _container(container: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: value for name, value in container.items() if name not in _COMMANDS}
    return {**told, "env": [_variable(one) for one in told["env"]]} if told.get("env") else told


def _variable(variable: Mapping[str, Any]) -> dict[str, Any]:
    return {**variable, "value": shape(variable["value"])} if variable.get("value") else dict(variable)


def shape(value: Any) -> str:
    """What stands for a value: control K8S-04 says the same of it as of the value."""
    found = VALUES.search(str(value))
    if not found:
        return "[value]"
    if found.group(1):
        return found.group(1) + "X" * 16
    return found.group() if found.group().startswith("-----") else "://[user]:[secret]@"


def _found(
    cluster: _Cluster, type_: str, item: Mapping[str, Any], number: int, by_uid: Mapping[str, Mapping[str, Any]]
) -> Found:
    metadata = item["metadata"]
    object_id = "/".join(filter(None, (metadata.get("namespace"), metadata["name"])))
    key = "|".join((type_, cluster.account, cluster.name, object_id))
    body = {name: value for name, value in item.items() if name != "managers"}
    kind = {"apiVersion": KINDS[type_].api_version, "kind": type_.rpartition(":")[2]}
    return Found(
        key=key,
        resource=Resource(
            type=type_, name=metadata["name"], urn=key, props=LiveProps({"id": object_id, **kind, **body})
        ),
        identity=(object_id,),
        made_by_aws=owner(type_, item, by_uid),
        evidence=(number,),
    )


def _meta(answer: Answer | None, sent: datetime) -> dict[str, Any]:
    if answer is None:
        return meta({}, sent)
    return meta(
        {
            "ResponseMetadata": {
                "RequestId": answer.headers.get("audit-id", ""),
                "HTTPHeaders": answer.headers,
                "HTTPStatusCode": answer.status,
                "BodySha256": hashlib.sha256(answer.body).hexdigest(),
            }
        },
        sent,
    )
