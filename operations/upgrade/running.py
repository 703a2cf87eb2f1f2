"""What a cell runs, as its state tells."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.vocabulary import Compute
from operations.errors import CellError, ExitCode
from stacks.support import InUse

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
ADD_ON = "aws:eks/addon:Addon"
SHARD = "aws:rds/cluster:Cluster"
INSTANCE = "aws:rds/clusterInstance:ClusterInstance"
GLOBAL = "aws:rds/globalCluster:GlobalCluster"
PARAMETERS = "aws:rds/clusterParameterGroup:ClusterParameterGroup"
NAMESPACE = "kubernetes:core/v1:Namespace"

PINNED = "pod-security.kubernetes.io/enforce-version"
"""Label of a namespace: the Kubernetes version whose Pod Security rules hold there."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Running:
    """Versions found."""

    cell: str
    kubernetes: str
    nodes: Mapping[str, str]
    """Node group -> Kubernetes version; empty in Auto Mode."""
    addons: Mapping[str, str]
    shards: Mapping[str, str]
    """Shard -> engine version."""
    compute: Compute = Compute.MANAGED
    """Who runs the nodes."""
    global_members: frozenset[str] = frozenset()
    """Shards that are members of a global cluster."""
    flagged: frozenset[str] = frozenset()
    """Shards that may cross a major version: left over from an upgrade that was cut."""
    ca: str = ""
    pinned: str | None = None
    """Lowest version at which a namespace's Pod Security rules are pinned; None without a workloads stack."""

    def in_use(self) -> InUse:
        """The same for `stacks.support.deadlines`."""
        return InUse(kubernetes=self.kubernetes, nodes=self.nodes, addons=self.addons, shards=self.shards, ca=self.ca)


State = Sequence[Mapping[str, Any]]
"""Resources of a stack as the engine exports them."""


def running(cell: str, resources: State, workloads: State = ()) -> Running:
    """What the cell runs. Raises CellError where its stack holds no cluster: it is not up."""
    clusters = [outputs for _name, outputs in _of(CLUSTER, resources)]
    if not clusters:
        raise CellError(f"{cell} is not up: there is nothing to upgrade; run `cell up {cell}`", ExitCode.CONFIGURATION)
    part = f"{cell}-"
    pinned = [version for _name, outputs in _of(NAMESPACE, workloads) if (version := _pin(outputs))]
    return Running(
        cell=cell,
        kubernetes=str(clusters[0]["version"]),
        compute=Compute.AUTO if (clusters[0].get("computeConfig") or {}).get("enabled") else Compute.MANAGED,
        nodes={name.removeprefix(part): outputs["version"] for name, outputs in _of(NODE_GROUP, resources)},
        addons={outputs["addonName"]: outputs["addonVersion"] for _name, outputs in _of(ADD_ON, resources)},
        shards={
            name.removeprefix(part): outputs.get("engineVersionActual") or outputs["engineVersion"]
            for name, outputs in _of(SHARD, resources)
        },
        global_members=frozenset(name.removeprefix(part) for name, _outputs in _of(GLOBAL, resources)),
        flagged=frozenset(
            name.removeprefix(part)
            for name, outputs in _of(SHARD, resources)
            if outputs.get("allowMajorVersionUpgrade")
        ),
        ca=next((outputs.get("caCertIdentifier", "") for _name, outputs in _of(INSTANCE, resources)), ""),
        pinned=min(pinned, key=number) if pinned else None,
    )


def number(version: str) -> tuple[int, ...]:
    """A version to compare by: (17, 10) of 17.10."""
    return tuple(int(part) for part in version.split("."))


def _of(kind: str, resources: State) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(logical name, outputs) of each resource of a type that is not on its way out."""
    for resource in resources:
        if resource["type"] == kind and not resource.get("delete"):
            yield resource["urn"].rpartition("::")[2], resource.get("outputs") or {}


def _pin(outputs: Mapping[str, Any]) -> str | None:
    labels = (outputs.get("metadata") or {}).get("labels") or {}
    found = labels.get(PINNED)
    return str(found).removeprefix("v") if found and found != "latest" else None
