"""A workload without fault for the tests of controls, and copies of it with one."""

import copy
from collections.abc import Mapping
from typing import Any

from policies.resources import Resource
from policies.testing import resource

DEPLOYMENT = "kubernetes:apps/v1:Deployment"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/cell/relay@sha256:" + "0" * 64
LABELS = {"app.kubernetes.io/name": "relay"}
CONTAINER: Mapping[str, Any] = {
    "name": "relay",
    "image": IMAGE,
    "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
    "securityContext": {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    },
}
POD: Mapping[str, Any] = {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 65532.0, "seccompProfile": {"type": "RuntimeDefault"}},
    "topologySpreadConstraints": [
        {"topologyKey": "topology.kubernetes.io/zone", "labelSelector": {"matchLabels": LABELS}}
    ],
}


def workload(
    container: Mapping[str, Any] | None = None,
    pod: Mapping[str, Any] | None = None,
    *,
    namespace: str | None = "payments",
    type_: str = DEPLOYMENT,
    init: Mapping[str, Any] | None = None,
    replicas: Any = None,
) -> Resource:
    """A workload; properties of container and pod replace those of the healthy one."""
    spec = {**copy.deepcopy(dict(POD)), "containers": [{**copy.deepcopy(dict(CONTAINER)), **(container or {})}]}
    spec |= pod or {}
    if init is not None:
        spec["initContainers"] = [init]
    pods = {"metadata": {"labels": LABELS}, "spec": spec}
    metadata = {"name": "relay", **({"namespace": namespace} if namespace else {})}
    wrapped: dict[str, Any] = {"template": pods} if replicas is None else {"template": pods, "replicas": replicas}
    if type_.endswith(":CronJob"):
        wrapped = {"jobTemplate": {"spec": wrapped}}
    if type_.endswith(":Pod"):
        wrapped = spec
    return resource(type_, "relay", metadata={**metadata, "labels": LABELS}, spec=wrapped)
