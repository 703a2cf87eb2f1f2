"""One workload of a cell: a program that runs in pods, with all that a production cluster wants beside them.

    gateway = WorkloadArgs(cell="eu-west-1", namespace="gateway", name="gateway", ..., needs=("payments",))
    declared_matrix([gateway, payments], outside).check()    what each needs is what its policies will allow
    Workload("eu-west-1-gateway", gateway, ResourceOptions(providers=[provider]))

Its AWS role is made in the cell's stack (`components/pod_identity.py`), bound to the service account `name`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pulumi
from pulumi_kubernetes import apps, core, networking
from pulumi_kubernetes import policy as budgets

from components.base import type_token
from components.matrix import Edge, Matrix
from components.nodes import WORKLOAD_CLASS_LABEL
from components.reachability import (
    DNS,
    IDENTITY,
    Party,
    Pods,
    Policy,
    Port,
    baseline,
    reachability,
    rule,
)
from components.scaling import CpuScaling, QueueScaling, scale
from components.workloads import PRIORITIES

NAME_LABEL = "app.kubernetes.io/name"
"""Carries the workload's name; selectors of Deployment, policies and budget read it and nothing else."""

USER = 65532
"""User and group of the container: what distroless images call `nonroot`
(https://github.com/GoogleContainerTools/distroless)."""

UNAVAILABLE = "33%"
"""Pods that a drain may take at a time, rounded up by Kubernetes: the fleet's rolling rule."""

SURGE = "25%"
"""Pods that a rollout adds before it removes others; none is removed before its successor is ready."""

POD_IP = "POD_IP"
"""Environment variable with the pod's address: what a program listens on."""

ZONE, HOST = "topology.kubernetes.io/zone", "kubernetes.io/hostname"

IMAGE = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/[a-z0-9-]+/[a-z0-9._-]+@sha256:[0-9a-f]{64}")
"""Of a cell's registry (`components.registry.image_of`): nodes pull from nowhere else."""
_CPU, _MEMORY, _NAME = re.compile(r"\d+m?"), re.compile(r"\d+(Mi|Gi)"), re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Probe:
    """How the kubelet asks whether the program works. TLS is not verified by kubelets."""

    path: str
    port: int
    tls: bool = False

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ValueError(f"workload.probe.path: {self.path!r} does not begin with '/'")


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkloadArgs:
    """What one workload is. `name`, `namespace`, `needs` and `serves` are known before anything is declared."""

    cell: str
    name: str
    """Of the Deployment, service account, service and policies; also what others write in `needs`."""
    namespace: str
    image: str
    """By digest, of the cell's own registry or, in a replica cell, of its primary's, which ECR replicates:
    `components.registry.image_of` writes it."""
    replicas: int
    """Pods, or the least number of them where `scaling` is given."""
    cpu: str
    memory: str
    """Request, and limit: memory is never overcommitted."""
    priority: str
    """One of `components.workloads.PRIORITIES`."""
    probe: Probe
    """Answers 200 when requests are welcome. Liveness asks the same with six times the patience."""
    ports: Mapping[str, int] = field(default_factory=dict)
    """Name -> TCP port that others call."""
    needs: Sequence[str] = ()
    """Parties that it calls: other workloads and what the stack lists (`database`, `aws`). DNS and the pod identity
    agent go without saying."""
    serves: Sequence[str] = ()
    """Parties that may call it: both ends have to agree."""
    scaling: CpuScaling | QueueScaling | None = None
    node_group: str | None = None
    """Workload class whose nodes it runs on; None: wherever there is room without a taint."""
    arguments: Sequence[pulumi.Input[str]] = ()
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    config_maps: Mapping[str, str] = field(default_factory=dict)
    """ConfigMap of the namespace -> folder at which the container reads it."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    """Secret of the namespace -> folder at which the container reads it."""
    calls_kubernetes: bool = False
    """Whether its pods get a token for the API server: controllers only."""
    drain_s: int = 5
    """Seconds that a leaving pod goes on serving while others learn of it: longer behind a load balancer."""
    grace_s: int = 30
    """Seconds after that until it is ended."""
    start_s: int = 60
    """Seconds that it may take to answer its probe for the first time."""

    def __post_init__(self) -> None:
        at = f"workload.{self.name}"
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{at}: {self.name!r} is no name; use a-z, 0-9 and '-', a letter first, at most 40 long")
        if not IMAGE.fullmatch(self.image):
            form = "<account>.dkr.ecr.<region>.amazonaws.com/<cell>/<program>@sha256:<64 hex digits>"
            raise ValueError(f"{at}.image: {self.image!r} is no digest of a cell's registry; write {form}")
        if self.priority not in PRIORITIES:
            raise ValueError(f"{at}.priority: {self.priority!r} is unknown; choose from {', '.join(PRIORITIES)}")
        if self.replicas < 1 or (self.scaling and self.replicas > self.scaling.maximum):
            raise ValueError(f"{at}.replicas: {self.replicas} is below 1 or above scaling.maximum")
        if not _CPU.fullmatch(self.cpu) or not _MEMORY.fullmatch(self.memory):
            raise ValueError(f"{at}.cpu, .memory: {self.cpu!r}, {self.memory!r}; write 500m or 2, and 512Mi or 4Gi")
        if self.serves and not self.ports:
            raise ValueError(f"{at}.serves: {', '.join(self.serves)} would call it, but it has no ports; name them")
        folders = [*self.config_maps.values(), *self.secrets.values()]
        if wrong := [folder for folder in folders if not folder.startswith("/")]:
            raise ValueError(f"{at}.config_maps, .secrets: {wrong[0]!r} is not an absolute folder")

    @property
    def labels(self) -> dict[str, str]:
        """What selects its pods."""
        return {NAME_LABEL: self.name}

    @property
    def party(self) -> Party:
        """The workload as others see it on the network."""
        ports = tuple(Port(number=number) for _, number in sorted(self.ports.items()))
        return Party(name=self.name, place=Pods(namespace=self.namespace, labels=self.labels), ports=ports)

    def network_policies(self, parties: Mapping[str, Party]) -> list[Policy]:
        """Its own policy, from `needs` and `serves`. Raises `ValueError` for a party that is not in `parties`."""
        for key, names in (("needs", self.needs), ("serves", self.serves)):
            for name in names:
                if name not in parties:
                    raise ValueError(
                        f"workload.{self.name}.{key}: {name!r} is unknown; choose from {', '.join(sorted(parties))}"
                    )
        spec: dict[str, Any] = {"podSelector": {"matchLabels": self.labels}, "policyTypes": ["Ingress", "Egress"]}
        if self.needs:
            called = [parties[name] for name in sorted(self.needs)]
            spec["egress"] = [rule([party], "to", party.ports) for party in called]
        if self.serves:
            callers = [parties[name] for name in sorted(self.serves)]
            spec["ingress"] = [rule(callers, "from", self.party.ports)]
        return [{"metadata": {"name": self.name, "namespace": self.namespace}, "spec": spec}]


def declared_matrix(
    workloads: Sequence[WorkloadArgs],
    outside: Sequence[Party],
    dns: Party = DNS,
    policies: Sequence[Policy] | None = None,
) -> Matrix:
    """Who reaches whom, beside what these workloads need.

    `outside`: everybody who is no workload of the list, such as the database, AWS and the load balancer. `policies`:
    all that are declared (`components/declared_policies.py`); without them those that `Workload` and `Workloads` would
    declare.
    """
    everybody = [dns, IDENTITY]
    parties = [*(workload.party for workload in workloads), *everybody, *outside]
    names = {workload.name for workload in workloads}
    wanted = [
        *(Edge(client=w.name, server=need) for w in workloads for need in w.needs),
        *(Edge(client=w.name, server=party.name) for w in workloads for party in everybody),
        *(Edge(client=caller, server=w.name) for w in workloads for caller in w.serves if caller not in names),
    ]
    return reachability(parties, _would_be(workloads, parties, dns) if policies is None else policies, wanted)


def _would_be(workloads: Sequence[WorkloadArgs], parties: Sequence[Party], dns: Party) -> list[Policy]:
    by_name = {party.name: party for party in parties}
    own = [policy for workload in workloads for policy in workload.network_policies(by_name)]
    return own + [policy for space in sorted({w.namespace for w in workloads}) for policy in baseline(space, dns)]


class Workload(pulumi.ComponentResource):
    """Service account, Deployment, Service, network policy, disruption budget and scaling. Creation: one rollout."""

    service_account: pulumi.Output[str]
    service: core.v1.Service | None
    """Where others call it; None without ports."""

    def __init__(
        self,
        name: str,
        args: WorkloadArgs,
        parties: Mapping[str, Party],
        opts: pulumi.ResourceOptions | None = None,
        *,
        namespace: pulumi.Input[str] | None = None,
        after: Sequence[pulumi.Resource] = (),
    ) -> None:
        """`parties`: whoever `needs` and `serves` may name. `namespace`: `Workloads.namespaces[...]`, which is known
        once the namespace is guarded; without it the caller sees to that. `after`: what pods need before they start.
        """
        super().__init__(type_token(type(self)), name, {}, opts)
        self._prefix, self._args, self._child = name, args, pulumi.ResourceOptions(parent=self)
        self._namespace = args.namespace if namespace is None else namespace
        account = core.v1.ServiceAccount(
            name, metadata=self._metadata(), automount_service_account_token=False, opts=self._child
        )
        guards = self._policies(parties)
        self._budget()
        self.service = self._service() if args.ports else None
        deployment = apps.v1.Deployment(
            name,
            metadata=self._metadata(),
            spec=self._deployment(account),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[*guards, *after]),
        )
        if args.scaling is not None:
            scale(name, args.scaling, self._metadata(), deployment, minimum=args.replicas, opts=self._child)
        self.service_account = account.metadata.name
        self.register_outputs({"serviceAccount": self.service_account})

    def _metadata(self) -> dict[str, Any]:
        labels = {
            **self._args.labels,
            "app.kubernetes.io/managed-by": "pulumi",
            "payment-cell/cell": self._args.cell,
        }
        return {"name": self._args.name, "namespace": self._namespace, "labels": labels}

    def _policies(self, parties: Mapping[str, Party]) -> list[pulumi.Resource]:
        return [
            networking.v1.NetworkPolicy(self._prefix, metadata=self._metadata(), spec=policy["spec"], opts=self._child)
            for policy in self._args.network_policies(parties)
        ]

    def _budget(self) -> None:
        budgets.v1.PodDisruptionBudget(
            self._prefix,
            metadata=self._metadata(),
            spec={
                "selector": {"matchLabels": self._args.labels},
                "maxUnavailable": UNAVAILABLE,
                # A pod that is broken anyway does not hold up the drain of its node.
                "unhealthyPodEvictionPolicy": "AlwaysAllow",
            },
            opts=self._child,
        )

    def _service(self) -> core.v1.Service:
        ports = [
            {"name": name, "port": number, "targetPort": number, "protocol": "TCP"}
            for name, number in sorted(self._args.ports.items())
        ]
        return core.v1.Service(
            self._prefix,
            metadata=self._metadata(),
            # Kept in the zone while it has pods there: no charge for crossing, and a zone that fails is left sooner.
            spec={"selector": self._args.labels, "ports": ports, "trafficDistribution": "PreferSameZone"},
            opts=self._child,
        )

    def _deployment(self, account: core.v1.ServiceAccount) -> dict[str, Any]:
        args = self._args
        spec: dict[str, Any] = {
            "selector": {"matchLabels": args.labels},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 0, "maxSurge": SURGE}},
            "revisionHistoryLimit": 3,
            "template": {
                "metadata": {"labels": {**args.labels, "payment-cell/cell": args.cell}},
                "spec": pod_spec(args, account.metadata.name),
            },
        }
        # Whoever scales decides the number: a declared one would be put back by every update.
        return spec if args.scaling else {**spec, "replicas": args.replicas}


def pod_spec(args: WorkloadArgs, service_account: pulumi.Input[str]) -> dict[str, Any]:
    """The pod: what Pod Security `restricted` asks for and a read-only root beside, spread over zones."""
    spec: dict[str, Any] = {
        "serviceAccountName": service_account,
        "automountServiceAccountToken": args.calls_kubernetes,
        "enableServiceLinks": False,
        "priorityClassName": args.priority,
        "terminationGracePeriodSeconds": args.drain_s + args.grace_s,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "topologySpreadConstraints": [_spread(args, ZONE, "DoNotSchedule"), _spread(args, HOST, "ScheduleAnyway")],
        "containers": [_container(args)],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
            *({"name": name, "configMap": {"name": name}} for name in sorted(args.config_maps)),
            *({"name": name, "secret": {"secretName": name}} for name in sorted(args.secrets)),
        ],
    }
    if args.node_group is not None:
        spec["nodeSelector"] = {WORKLOAD_CLASS_LABEL: args.node_group}
        spec["tolerations"] = [
            {"key": WORKLOAD_CLASS_LABEL, "operator": "Equal", "value": args.node_group, "effect": "NoSchedule"}
        ]
    return spec


def _spread(args: WorkloadArgs, key: str, otherwise: str) -> dict[str, Any]:
    """Zones in balance at any price, hosts where there is room; each revision counted by itself."""
    return {
        "maxSkew": 1,
        "topologyKey": key,
        "whenUnsatisfiable": otherwise,
        "labelSelector": {"matchLabels": args.labels},
        "matchLabelKeys": ["pod-template-hash"],
    }


CONTAINER_SECURITY: Final[Mapping[str, Any]] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def _container(args: WorkloadArgs) -> dict[str, Any]:
    scheme = "HTTPS" if args.probe.tls else "HTTP"
    asked = {"httpGet": {"path": args.probe.path, "port": args.probe.port, "scheme": scheme}, "timeoutSeconds": 2}
    return {
        "name": args.name,
        "image": args.image,
        "args": list(args.arguments),
        "env": [
            {"name": POD_IP, "valueFrom": {"fieldRef": {"fieldPath": "status.podIP"}}},
            *({"name": key, "value": value} for key, value in sorted(args.environment.items())),
        ],
        "ports": [
            {"name": name, "containerPort": number, "protocol": "TCP"} for name, number in sorted(args.ports.items())
        ],
        "resources": {
            "requests": {"cpu": args.cpu, "memory": args.memory},
            "limits": {"memory": args.memory},
        },
        "securityContext": dict(CONTAINER_SECURITY),
        "startupProbe": {**asked, "periodSeconds": 2, "failureThreshold": -(-args.start_s // 2)},
        "readinessProbe": {**asked, "periodSeconds": 5, "failureThreshold": 2},
        "livenessProbe": {**asked, "periodSeconds": 10, "failureThreshold": 6},
        "lifecycle": {"preStop": {"sleep": {"seconds": args.drain_s}}},
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            *(
                {"name": name, "mountPath": folder, "readOnly": True}
                for name, folder in sorted({**args.config_maps, **args.secrets}.items())
            ),
        ],
    }
