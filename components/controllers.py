"""The controllers that a cluster with managed compute runs itself: AWS Load Balancer Controller and Cluster Autoscaler,
as typed objects, from images in the cell's registry. Their AWS roles are in `components/controller_roles.py`.

The Cluster Autoscaler and not Karpenter: node groups keep their launch template, key and pace of updates, it needs no
types, queue or rights to start instances of its own; who wants Karpenter's choice of machines takes Auto Mode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi
from pulumi_kubernetes import core, rbac

from components.base import type_token
from components.controller_roles import AUTOSCALER, BALANCER, NAMESPACE
from components.reachability import Party
from components.self_signed import self_signed
from components.workload import Probe, Workload, WorkloadArgs

READ: Final = ["get", "list", "watch"]
CHANGE: Final = [*READ, "patch", "update"]
SERVING = "load-balancer-serving"
"""Secret with the certificate of the controller's webhook server, which has to be there for it to start. Nobody calls
that server: no webhook is declared, the binding says itself what one would fill in."""


def _rule(groups: str, resources: str, verbs: list[str], names: tuple[str, ...] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {"apiGroups": [groups], "resources": resources.split(), "verbs": verbs}
    return {**found, "resourceNames": list(names)} if names else found


LEASES: Final = "coordination.k8s.io"
CLUSTER_RULES: Final[Mapping[str, list[dict[str, Any]]]] = {
    # Less than upstream's role: it makes no binding and changes no service or ingress here.
    BALANCER: [
        _rule("", "endpoints namespaces nodes pods services", READ),
        _rule("", "events", ["create", "patch"]),
        _rule("", "pods/status", ["patch", "update"]),
        _rule("discovery.k8s.io", "endpointslices", READ),
        _rule("elbv2.k8s.aws", "targetgroupbindings", CHANGE),
        _rule("elbv2.k8s.aws", "targetgroupbindings/status", ["patch", "update"]),
        _rule("elbv2.k8s.aws", "ingressclassparams", READ),
        _rule("networking.k8s.io", "ingresses ingressclasses", READ),
    ],
    AUTOSCALER: [
        _rule("", "events", ["create", "patch"]),
        _rule("", "pods/eviction", ["create"]),
        _rule("", "pods/status", ["update"]),
        _rule("", "nodes", [*READ, "update"]),
        _rule("", "namespaces pods services replicationcontrollers persistentvolumeclaims persistentvolumes", READ),
        _rule("policy", "poddisruptionbudgets", READ),
        _rule("apps", "daemonsets replicasets statefulsets", READ),
        _rule("batch", "jobs", READ),
        _rule("storage.k8s.io", "csidrivers csinodes csistoragecapacities storageclasses volumeattachments", READ),
        _rule("resource.k8s.io", "deviceclasses resourceclaims resourceslices", READ),
    ],
}
"""Controller -> rights in the whole cluster. From upstream's config/rbac/role.yaml and examples (read 2026-11-23)."""

OWN_RULES: Final[Mapping[str, list[dict[str, Any]]]] = {
    BALANCER: [_rule(LEASES, "leases", ["create", *CHANGE]), _rule("", "configmaps", ["create", *CHANGE])],
    AUTOSCALER: [_rule(LEASES, "leases", ["create", *CHANGE]), _rule("", "configmaps", ["create", *CHANGE])],
}
"""Controller -> rights in its own namespace: to agree on who leads."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ControllersArgs:
    """What the controllers of one cluster need to know."""

    cell: str
    region: str
    cluster_name: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    images: Mapping[str, str]
    """Controller -> image by digest; the controllers that are named run."""
    parties: Mapping[str, Party]
    """Has `aws` and `kubernetes`: the VPC endpoints and the API server."""
    replicas: int = 2
    after: Sequence[pulumi.Resource] = ()
    """The definitions of the types that they watch."""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.images) - CLUSTER_RULES.keys()):
            raise ValueError(f"controllers.images: {unknown} unknown; choose from {', '.join(sorted(CLUSTER_RULES))}")


def workloads(args: ControllersArgs) -> dict[str, WorkloadArgs]:
    """The controllers as workloads, for the matrix as well as for the cluster."""
    arguments: dict[str, tuple[list[pulumi.Input[str]], Probe]] = {
        BALANCER: (
            [
                pulumi.Output.concat("--cluster-name=", args.cluster_name),
                pulumi.Output.concat("--aws-vpc-id=", args.vpc_id),
                f"--aws-region={args.region}",
                f"--leader-election-namespace={NAMESPACE}",
                "--webhook-cert-dir=/serving",
                "--enable-shield=false",
                "--enable-waf=false",
                "--enable-wafv2=false",
                "--feature-gates=EnableServiceController=false,NLBGatewayAPI=false,ALBGatewayAPI=false",
            ],
            Probe(path="/readyz", port=61779),
        ),
        AUTOSCALER: (
            [
                "--cloud-provider=aws",
                pulumi.Output.concat(
                    "--node-group-auto-discovery=asg:tag=k8s.io/cluster-autoscaler/enabled,k8s.io/cluster-autoscaler/",
                    args.cluster_name,
                ),
                "--balance-similar-node-groups",
                "--expander=least-waste",
                "--skip-nodes-with-system-pods=false",
                f"--namespace={NAMESPACE}",
                "--v=2",
            ],
            Probe(path="/health-check", port=8085),
        ),
    }
    return {
        name: WorkloadArgs(
            cell=args.cell,
            name=name,
            namespace=NAMESPACE,
            image=image,
            replicas=args.replicas,
            cpu="100m",
            memory="512Mi",
            priority="payment-critical",
            probe=arguments[name][1],
            arguments=arguments[name][0],
            environment={"AWS_REGION": args.region},
            needs=("aws", "kubernetes"),
            secrets={SERVING: "/serving"} if name == BALANCER else {},
            calls_kubernetes=True,
        )
        for name, image in args.images.items()
    }


class Controllers(pulumi.ComponentResource):
    """Rights and workload of each controller. Creation: one rollout."""

    def __init__(
        self,
        name: str,
        args: ControllersArgs,
        namespace: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`namespace`: `Workloads.namespaces["controllers"]`."""
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args, self._namespace = name, args, namespace
        self._child = pulumi.ResourceOptions(parent=self)
        for controller, declared in workloads(args).items():
            self._rights(controller)
            before = [self._serving_certificate()] if controller == BALANCER else []
            Workload(
                f"{name}-{controller}",
                declared,
                args.parties,
                self._child,
                namespace=namespace,
                after=[*before, *args.after],
            )
        self.register_outputs({"controllers": sorted(args.images)})

    def _rights(self, controller: str) -> None:
        name, labels = f"{self._prefix}-{controller}", {"payment-cell/cell": self._args.cell}
        subjects = [{"kind": "ServiceAccount", "name": controller, "namespace": NAMESPACE}]
        wide = {"name": f"payment-cell:{controller}", "labels": labels}
        own = {"name": controller, "namespace": self._namespace, "labels": labels}
        rbac.v1.ClusterRole(name, metadata=wide, rules=CLUSTER_RULES[controller], opts=self._child)
        rbac.v1.ClusterRoleBinding(
            name, metadata=wide, role_ref=_ref("ClusterRole", wide["name"]), subjects=subjects, opts=self._child
        )
        rbac.v1.Role(name, metadata=own, rules=OWN_RULES[controller], opts=self._child)
        rbac.v1.RoleBinding(name, metadata=own, role_ref=_ref("Role", controller), subjects=subjects, opts=self._child)

    def _serving_certificate(self) -> core.v1.Secret:
        """Made once: later runs make another one, which is ignored."""
        return core.v1.Secret(
            f"{self._prefix}-{SERVING}",
            metadata={"name": SERVING, "namespace": self._namespace, "labels": {"payment-cell/cell": self._args.cell}},
            type="kubernetes.io/tls",
            data=pulumi.Output.secret(self_signed(SERVING)),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["data"]),
        )


def _ref(kind: str, name: object) -> dict[str, object]:
    return {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": name}
