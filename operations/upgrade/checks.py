"""What stands in the way of an upgrade. Pure: objects and metrics are read elsewhere (`live.py`, the state)."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any

import catalogue
from operations.upgrade.running import number

METRIC = "apiserver_requested_deprecated_apis"
"""Gauge of the API server: 1 for each deprecated API that was asked for since it started
(https://kubernetes.io/docs/reference/using-api/deprecation-policy/)."""

_SAMPLE = re.compile(METRIC + r"\{(?P<labels>[^}]*)\}\s+(?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

Manifest = Mapping[str, Any]
"""A Kubernetes object as JSON."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Finding:
    """A use of an API that Kubernetes does not serve for ever."""

    api: str
    """`group/version kind or resource`."""
    where: str
    removed_in: str | None
    """None: deprecated, without a release named."""
    blocks: bool
    """The wanted version does not serve it any more."""
    use: str

    def __str__(self) -> str:
        when = f"removed in {self.removed_in}" if self.removed_in else "deprecated, no release named"
        return f"{'blocks: ' if self.blocks else ''}{self.api} ({self.where}): {when}; {self.use}"


def removed_in_objects(objects: Iterable[tuple[str, Manifest]], goal: str) -> list[Finding]:
    """Objects of (name, manifest) whose API the catalogue knows to be removed in some release."""
    known = {(f"{a.group}/{a.version}", kind): a for a in catalogue.removed_apis().apis for kind in a.kinds}
    findings = []
    for name, manifest in objects:
        api_version, kind = str(manifest.get("apiVersion")), str(manifest.get("kind"))
        if (api := known.get((api_version, kind))) is not None:
            findings.append(
                Finding(
                    api=f"{api_version} {kind}",
                    where=name,
                    removed_in=api.removed_in,
                    blocks=number(api.removed_in) <= number(goal),
                    use=f"declare it as {api.use}" if api.use else "see its replacement in the deprecation guide",
                )
            )
    return sorted(findings, key=str)


def requested_deprecated(metrics: str, goal: str) -> list[Finding]:
    """What clients asked the API server for, from the text of its /metrics."""
    findings = []
    for sample in _SAMPLE.finditer(metrics):
        if float(sample["value"]) == 0:
            continue
        labels = dict(_LABEL.findall(sample["labels"]))
        group = f"{labels.get('group')}/{labels.get('version')}" if labels.get("group") else str(labels.get("version"))
        removed = labels.get("removed_release") or None
        part = f"/{labels['subresource']}" if labels.get("subresource") else ""
        findings.append(
            Finding(
                api=f"{group} {labels.get('resource')}{part}",
                where="asked for since the API server started",
                removed_in=removed,
                blocks=removed is not None and number(removed) <= number(goal),
                use="find the client in the audit log by its annotation k8s.io/deprecated",
            )
        )
    return sorted(findings, key=str)


@dataclass(frozen=True, kw_only=True, slots=True)
class Stuck:
    """A PodDisruptionBudget that lets no pod go: a node could not be drained."""

    name: str
    """`namespace/name`"""
    why: str

    def __str__(self) -> str:
        return f"PodDisruptionBudget {self.name} lets no pod go: {self.why}"


def stuck_budgets(budgets: Sequence[Manifest], controllers: Sequence[Manifest]) -> list[Stuck]:
    """Budgets that allow no disruption, by their own words and the replicas that their controllers are to have.

    The status is what the disruption controller counted last; the specification is asked too, because a budget that can
    never allow one is a mistake also while its pods are not there yet. `controllers`: Deployments and StatefulSets.
    """
    found = []
    for budget in budgets:
        if why := _stuck_by_spec(budget, controllers) or _stuck_now(budget):
            metadata = budget["metadata"]
            found.append(Stuck(name=f"{metadata['namespace']}/{metadata['name']}", why=why))
    return sorted(found, key=str)


def _stuck_now(budget: Manifest) -> str | None:
    status = budget.get("status") or {}
    counted = status.get("observedGeneration") == budget["metadata"].get("generation")
    if not counted or not status.get("expectedPods") or status.get("disruptionsAllowed"):
        return None
    return f"{status.get('currentHealthy', 0)} pods are healthy, {status.get('desiredHealthy', 0)} have to be"


def _stuck_by_spec(budget: Manifest, controllers: Sequence[Manifest]) -> str | None:
    spec = budget.get("spec") or {}
    selected = [c for c in controllers if _selects(budget, c)]
    replicas = sum(int(c["spec"].get("replicas", 1)) for c in selected)
    unavailable, available = spec.get("maxUnavailable"), spec.get("minAvailable")
    if unavailable is not None:
        return f"maxUnavailable is {unavailable}" if _amount(unavailable, 100) == 0 else None
    if available is None:
        # Kubernetes takes 1 where both are left out.
        available = 1
    if str(available) == "100%":
        return "minAvailable is 100%"
    if replicas and _amount(available, replicas) >= replicas:
        names = ", ".join(sorted(str(c["metadata"]["name"]) for c in selected))
        return f"minAvailable is {available}, {names} has {replicas} {'replica' if replicas == 1 else 'replicas'}"
    return None


def _amount(value: Any, of: int) -> int:
    """A number of pods, or a percentage of `of`, rounded up as Kubernetes does."""
    text = str(value)
    return ceil(int(text[:-1]) * of / 100) if text.endswith("%") else int(text)


def _selects(budget: Manifest, controller: Manifest) -> bool:
    if budget["metadata"]["namespace"] != controller["metadata"]["namespace"]:
        return False
    labels = (controller["spec"]["template"].get("metadata") or {}).get("labels") or {}
    selector = (budget.get("spec") or {}).get("selector") or {}
    wanted = selector.get("matchLabels") or {}
    return all(labels.get(key) == value for key, value in wanted.items()) and all(
        _holds(expression, labels) for expression in selector.get("matchExpressions") or ()
    )


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def kubernetes_objects(resources: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, Manifest]]:
    """(name, manifest) of each Kubernetes object in a stack's state."""
    for resource in resources:
        outputs = resource.get("outputs") or {}
        if str(resource["type"]).startswith("kubernetes:") and "apiVersion" in outputs and "kind" in outputs:
            yield str(resource["urn"]).rpartition("::")[2], outputs
