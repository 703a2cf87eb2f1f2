"""The provider's inputs, with the names, the defaults and the environment variables of the official plugin."""

import difflib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sandbox.aws.provider.codec import UNKNOWN, Secret, unsecret
from sandbox.kubernetes.provider import kubeconfig

_FLAGS = {
    "deleteUnreachable": "PULUMI_K8S_DELETE_UNREACHABLE",
    "skipUpdateUnreachable": "PULUMI_K8S_SKIP_UPDATE_UNREACHABLE",
    "enableServerSideApply": "PULUMI_K8S_ENABLE_SERVER_SIDE_APPLY",
    "enableConfigMapMutable": "PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE",
    "enableSecretMutable": "PULUMI_K8S_ENABLE_SECRET_MUTABLE",
    "enablePatchForce": "PULUMI_K8S_ENABLE_PATCH_FORCE",
    "upsertExistingObjects": "PULUMI_K8S_UPSERT_EXISTING_OBJECTS",
    "suppressDeprecationWarnings": "PULUMI_K8S_SUPPRESS_DEPRECATION_WARNINGS",
    "suppressHelmHookWarnings": "PULUMI_K8S_SUPPRESS_HELM_HOOK_WARNINGS",
    "alwaysRender": "",
}
"""Boolean input -> environment variable that is its default."""

_TEXTS = ("kubeconfig", "context", "cluster", "namespace", "clusterIdentifier", "renderYamlToDirectory")
_OTHERS = ("kubeClientSettings", "helmReleaseSettings", "strictMode", "version", "pluginDownloadURL")

KNOWN = frozenset({*_FLAGS, *_TEXTS, *_OTHERS})


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the provider was configured with. Texts are empty when not given; `timeout_s` is that of one request."""

    kubeconfig: str = ""
    context: str = ""
    cluster: str = ""
    namespace: str = ""
    delete_unreachable: bool = False
    skip_update_unreachable: bool = False
    config_map_mutable: bool = False
    secret_mutable: bool = False
    patch_force: bool = False
    upsert: bool = False
    suppress_deprecation_warnings: bool = False
    timeout_s: float = 30.0


def read(values: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> Settings:
    """From the inputs of the provider resource; call `failures` first."""
    flags = {name: _flag(values, name, environment) for name in _FLAGS}
    texts = {name: str(unsecret(values.get(name)) or "") for name in _TEXTS}
    timeout_s = _json(values.get("kubeClientSettings")).get("timeout") or environment.get("PULUMI_K8S_CLIENT_TIMEOUT")
    return Settings(
        kubeconfig=texts["kubeconfig"],
        context=texts["context"],
        cluster=texts["cluster"],
        namespace=texts["namespace"],
        delete_unreachable=flags["deleteUnreachable"],
        skip_update_unreachable=flags["skipUpdateUnreachable"],
        config_map_mutable=flags["enableConfigMapMutable"],
        secret_mutable=flags["enableSecretMutable"],
        patch_force=flags["enablePatchForce"],
        upsert=flags["upsertExistingObjects"],
        suppress_deprecation_warnings=flags["suppressDeprecationWarnings"],
        timeout_s=float(timeout_s or 30),
    )


def failures(values: Mapping[str, Any], environment: Mapping[str, str] = os.environ) -> list[tuple[str, str]]:
    """(input, reason) of each input that this provider cannot serve."""
    found = []
    for name in sorted(set(values) - KNOWN):
        near = difflib.get_close_matches(name, KNOWN, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        found.append((name, f"unknown provider input {name}{hint}"))
    for name in ("renderYamlToDirectory", "alwaysRender"):
        if unsecret(values.get(name)) not in (None, "", False, "false"):
            found.append((name, f"{name}: the sandbox's provider writes to an API server only; remove this input"))
    if not _known(values.get("enableServerSideApply"), environment):
        reason = "the sandbox's provider applies server-side only; remove enableServerSideApply=false"
        found.append(("enableServerSideApply", reason))
    if _true(values.get("strictMode")):
        found += [
            (name, f'strict mode requires Provider "{name}" argument')
            for name in ("kubeconfig", "context")
            if not values.get(name)
        ]
    return found


def changes(olds: Mapping[str, Any], news: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """(changed inputs, those of them that mean another cluster and so replace everything in it).

    With a `clusterIdentifier` on both sides only its change replaces: an endpoint, a port or an authority may move.
    When one side has none, the cluster's entry in the kubeconfig decides, as without identifiers.
    """
    changed = sorted(name for name in {*olds, *news} if unsecret(olds.get(name)) != unsecret(news.get(name)))
    before, now = unsecret(olds.get("clusterIdentifier")), unsecret(news.get("clusterIdentifier"))
    if before and now:
        return changed, ["clusterIdentifier"] if before != now else []
    places = [name for name in changed if name in {"kubeconfig", "context", "cluster"}]
    if not places or any(unsecret(news.get(name)) is UNKNOWN for name in places):
        return changed, places
    clusters = [kubeconfig.active_cluster(unsecret(dict(side))) for side in (olds, news)]
    return changed, places if None not in clusters and clusters[0] != clusters[1] else []


def _flag(values: Mapping[str, Any], name: str, environment: Mapping[str, str]) -> bool:
    value = unsecret(values.get(name))
    return _true(environment.get(_FLAGS[name]) if value in (None, "") else value)


def _known(value: Any, environment: Mapping[str, str]) -> bool:
    """Whether server-side apply is on; a value that is not known yet is taken as on."""
    value = unsecret(value)
    if value in (None, ""):
        value = environment.get(_FLAGS["enableServerSideApply"], "true")
    return value is UNKNOWN or _true(value)


def _true(value: Any) -> bool:
    value = unsecret(value)
    return value is True or (isinstance(value, str) and value.lower() in {"true", "1"})


def _json(value: Any) -> dict[str, Any]:
    """A nested input, which SDKs send as JSON text."""
    if isinstance(value, Secret):
        value = value.value
    if isinstance(value, str) and value:
        value = json.loads(value)
    return value if isinstance(value, dict) else {}
