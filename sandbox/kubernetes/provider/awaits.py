"""When an object counts as ready, and as gone.

Awaited is what becomes ready with an API server and the sandbox's controllers alone. What needs kubelets, a scheduler
or kube-controller-manager (pods, rollouts, jobs, endpoints, volumes) is not awaited, and the engine's log says so; an
explicit pulumi.com/waitFor always is.
"""

import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from sandbox.kubernetes.errors import ConfigError
from sandbox.kubernetes.provider.cluster import Cluster
from sandbox.kubernetes.provider.manifests import (
    SKIP_AWAIT,
    TIMEOUT,
    WAIT_FOR,
    Kind,
    Manifest,
    annotation,
    is_true,
    metadata,
)

POLL_S = 0.1
LONGEST_POLL_S = 2.0
DEFAULT_TIMEOUT_S = 600.0
"""The official plugin waits 5 to 10 minutes, by kind."""

NEEDS_CONTROLLERS = {
    ("apps", "Deployment"): "pods of a Deployment",
    ("apps", "StatefulSet"): "pods of a StatefulSet",
    ("apps", "DaemonSet"): "pods of a DaemonSet",
    ("apps", "ReplicaSet"): "pods of a ReplicaSet",
    ("", "Pod"): "a pod",
    ("", "ReplicationController"): "pods of a ReplicationController",
    ("batch", "Job"): "a Job",
    ("", "Service"): "endpoints of a Service",
    ("", "PersistentVolumeClaim"): "a volume",
    ("networking.k8s.io", "Ingress"): "an Ingress",
}

Ready = Callable[[Manifest], bool]


def timeout_s(manifest: Mapping[str, Any], requested_s: float) -> float:
    """customTimeouts of the resource, else its annotation, else the default, in seconds."""
    text = annotation(manifest, TIMEOUT)
    if requested_s:
        return requested_s
    if text is None:
        return DEFAULT_TIMEOUT_S
    if not re.fullmatch(r"\d+", text):
        raise ConfigError(f"metadata.annotations.{TIMEOUT}: {text!r} is not a number of seconds, such as '300'")
    return float(text)


def not_awaited(kind: Kind, manifest: Mapping[str, Any]) -> str | None:
    """What is not waited for although the official plugin would, since nothing here brings it about."""
    explicit = is_true(manifest, SKIP_AWAIT) or annotation(manifest, WAIT_FOR)
    return None if explicit else NEEDS_CONTROLLERS.get((kind.group, kind.kind))


def until_ready(cluster: Cluster, kind: Kind, live: Manifest, limit_s: float) -> Manifest:
    """The object once it is ready; TimeoutError naming what is still missing."""
    if is_true(live, SKIP_AWAIT):
        return live
    wanted = annotation(live, WAIT_FOR)
    conditions = parse(wanted) if wanted else _default(kind)
    deadline, pause_s = time.monotonic() + limit_s, POLL_S
    while True:
        missing = [text for text, ready in conditions if not ready(live)]
        if not missing:
            return live
        if time.monotonic() > deadline:
            raise TimeoutError(f"not ready after {limit_s:g} s: waiting for {', '.join(missing)}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_POLL_S)
        found = cluster.live(kind, live)
        if found is None:
            raise TimeoutError("deleted by somebody else while waiting for it to become ready")
        live = found


def until_gone(cluster: Cluster, kind: Kind, manifest: Manifest, limit_s: float) -> None:
    """Return once this very object (by uid) is gone; TimeoutError naming the finalizers that hold it."""
    deadline, pause_s = time.monotonic() + limit_s, POLL_S
    uid = metadata(manifest).get("uid")
    while True:
        found = cluster.live(kind, manifest)
        if found is None or (uid and metadata(found).get("uid") != uid):
            return
        if time.monotonic() > deadline:
            held = [*(metadata(found).get("finalizers") or ()), *((found.get("spec") or {}).get("finalizers") or ())]
            why = f"held by the finalizers {', '.join(held)}" if held else "the server has not removed it"
            raise TimeoutError(f"not deleted after {limit_s:g} s: {why}")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, LONGEST_POLL_S)


def _default(kind: Kind) -> list[tuple[str, Ready]]:
    name = (kind.group, kind.kind)
    if name == ("", "Namespace"):
        return [("phase Active", lambda live: live.get("status", {}).get("phase") == "Active")]
    if name == ("apiextensions.k8s.io", "CustomResourceDefinition"):
        return [("condition Established", lambda live: _condition(live, "Established", "True"))]
    if name == ("", "ResourceQuota"):
        return [("its limits to be in force (status.hard)", _limits_in_force)]
    return []


def _limits_in_force(live: Manifest) -> bool:
    return set(live.get("spec", {}).get("hard") or ()) == set(live.get("status", {}).get("hard") or ())


def _condition(live: Manifest, name: str, status: str) -> bool:
    conditions = live.get("status", {}).get("conditions") or ()
    return any(c.get("type") == name and str(c.get("status")).lower() == status.lower() for c in conditions)


def parse(text: str) -> list[tuple[str, Ready]]:
    """Conditions of pulumi.com/waitFor: `jsonpath={...}[=value]`, `condition=Type[=Status]`, or a JSON array of
    them."""
    try:
        parts = json.loads(text) if text.lstrip().startswith("[") else [text]
    except ValueError:
        raise ConfigError(f"metadata.annotations.{WAIT_FOR}: {text!r} is not a JSON array of strings") from None
    return [(part, _parsed(str(part))) for part in parts]


def _parsed(part: str) -> Ready:
    if match := re.fullmatch(r"condition=([\w.-]+)(?:=(\w+))?", part):
        name, status = match.group(1), match.group(2) or "True"
        return lambda live: _condition(live, name, status)
    if match := re.fullmatch(r"jsonpath=\{\.?([^}]*)\}(?:=(.*))?", part):
        path, wanted = match.group(1), match.group(2)
        return lambda live: _has(json_path(live, path), wanted)
    raise ConfigError(
        f"metadata.annotations.{WAIT_FOR}: {part!r} is neither jsonpath={{.status.phase}}=Active nor condition=Ready"
    )


def _has(values: list[Any], wanted: str | None) -> bool:
    return bool(values) if wanted is None else wanted in [_text(value) for value in values]


def _text(value: Any) -> str:
    return json.dumps(value) if isinstance(value, bool | list | dict) else str(value)


def json_path(value: Any, path: str) -> list[Any]:
    """Values at a JSONPath of names, indexes, `[*]` and `[?(@.name=="value")]`."""
    values = [value]
    for name, inside in re.findall(r"([\w-]+(?:\\\.[\w-]+)*)|\[([^\]]*)\]", path):
        values = [found for value in values for found in _step(value, name.replace("\\.", "."), inside)]
    return values


def _step(value: Any, name: str, inside: str) -> list[Any]:
    if name:
        return [value[name]] if isinstance(value, Mapping) and name in value else []
    if match := re.fullmatch(r"""\?\(\s*@\.([\w-]+)\s*==\s*["']?([^"')]*)["']?\s*\)""", inside):
        items = value if isinstance(value, list) else []
        return [item for item in items if _text(item.get(match.group(1))) == match.group(2)]
    if inside == "*":
        return list(value) if isinstance(value, list) else []
    if inside.lstrip("-").isdigit():
        return value[int(inside) :][:1] if isinstance(value, list) else []
    key = inside.strip("\"'")
    return [value[key]] if isinstance(value, Mapping) and key in value else []
