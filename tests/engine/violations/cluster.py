from typing import Any

from marks import QUIET
from pulumi_aws import ecr
from pulumi_kubernetes import apps, core, networking, policy, rbac

ENFORCE = "pod-security.kubernetes.io/enforce"
IMAGE = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/shop/till"
SAFE = {
    "runAsNonRoot": True,
    "readOnlyRootFilesystem": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def declare() -> None:
    """A preview needs no cluster: without one the provider compares inputs only."""
    _namespace("shop", "restricted")
    _namespace("k8s-01-bad", "baseline")
    policy.v1.PodDisruptionBudget("shop", metadata=_metadata("shop"), spec={"selector": {}, "maxUnavailable": 1})
    _deployment("shop")
    _deployment("k8s-02-bad", securityContext={**SAFE, "readOnlyRootFilesystem": False})
    _deployment("k8s-03-bad", image=f"{IMAGE}:latest")
    _deployment("k8s-04-bad", env=[{"name": "DATABASE", "value": "postgres://till:letmein@database/shop"}])
    _deployment("k8s-05-bad", resources={"limits": {"cpu": "1"}})
    _deployment("net-09-bad", pod={"hostNetwork": True})
    for name in ("good", "bad"):
        rbac.v1.ClusterRole(
            f"k8s-06-{name}",
            metadata={"name": f"k8s-06-{name}"},
            rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get" if name == "good" else "escalate"]}],
        )
        ecr.Repository(
            f"k8s-07-{name}",
            image_tag_mutability="IMMUTABLE" if name == "good" else "MUTABLE",
            image_scanning_configuration={"scan_on_push": True},
            tags=QUIET,
        )
        block = {"ipBlock": {"cidr": "10.0.0.0/16" if name == "good" else "0.0.0.0/0"}}
        networking.v1.NetworkPolicy(
            f"net-10-{name}",
            metadata=_metadata(f"net-10-{name}"),
            spec={"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": [block]}]},
        )


def _metadata(name: str, namespace: str = "shop") -> dict[str, str]:
    return {"name": name, "namespace": namespace}


def _namespace(name: str, level: str) -> None:
    core.v1.Namespace(name, metadata={"name": name, "labels": {ENFORCE: level}})
    networking.v1.NetworkPolicy(
        f"{name}-deny",
        metadata=_metadata("deny", name),
        spec={"podSelector": {}, "policyTypes": ["Ingress", "Egress"]},
    )


def _deployment(name: str, pod: dict[str, Any] | None = None, **container: Any) -> None:
    labels = {"app": name}
    healthy = {
        "name": "till",
        "image": f"{IMAGE}@sha256:{'0' * 64}",
        "resources": {"requests": {"cpu": "100m"}, "limits": {"memory": "64Mi"}},
        "securityContext": SAFE,
    }
    spread = {
        "topologyKey": "topology.kubernetes.io/zone",
        "labelSelector": {"matchLabels": labels},
        "maxSkew": 1,
        "whenUnsatisfiable": "DoNotSchedule",
    }
    spec = {"containers": [{**healthy, **container}], "topologySpreadConstraints": [spread], **(pod or {})}
    apps.v1.Deployment(
        name,
        metadata=_metadata(name),
        spec={"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}, "spec": spec}},
    )
