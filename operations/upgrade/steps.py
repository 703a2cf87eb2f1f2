"""The steps of an upgrade. Pure: what runs, what is declared and what is wanted decide."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any

import catalogue
from components.vocabulary import Compute
from operations.errors import CellError, ExitCode
from operations.upgrade import running as types
from operations.upgrade.running import Running, number
from stacks.versions import CellVersions, installed

EKS = "https://docs.aws.amazon.com/eks/latest/userguide"
AURORA = "https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide"


class Kind(StrEnum):
    """What a step changes."""

    CONTROL_PLANE = "control plane"
    AUTO_MODE = "control plane and Auto Mode nodes"
    ADD_ONS = "add-ons"
    NODES = "nodes"
    WORKLOADS = "workloads"
    SHARD = "shard"
    SHARD_MAJOR = "shard, major"
    TIDY = "tidy"


INTERRUPTION: Mapping[Kind, tuple[str, str]] = MappingProxyType(
    {
        Kind.CONTROL_PLANE: (
            "none for pods; API servers are replaced one by one and clients reconnect; cannot be paused or undone",
            f"{EKS}/update-cluster.html",
        ),
        Kind.AUTO_MODE: (
            "API servers are replaced one by one and clients reconnect; then AWS replaces the nodes by itself, within "
            "the disruption budgets of node pools and pods: each pod moves once; cannot be paused or undone",
            f"{EKS}/auto-upgrade.html",
        ),
        Kind.ADD_ONS: (
            "none meant: agents restart node by node, CoreDNS keeps a replica by its PodDisruptionBudget",
            f"{EKS}/managing-coredns.html",
        ),
        Kind.NODES: (
            "each pod moves once, a third of a group at a time, new nodes first; a pod that does not leave in 15 "
            "minutes stops the step (PodEvictionFailure): nothing is forced",
            f"{EKS}/managed-node-update-behavior.html",
        ),
        Kind.WORKLOADS: (
            "none: labels of namespaces",
            "https://kubernetes.io/docs/concepts/security/pod-security-admission/",
        ),
        Kind.SHARD: (
            "accounts of this shard only: connections are kept where zero-downtime patching can, else its instances "
            "restart",
            f"{AURORA}/USER_UpgradeDBInstance.PostgreSQL.MinorUpgrade.html",
        ),
        Kind.SHARD_MAJOR: (
            "accounts of this shard only: it is offline while pg_upgrade runs; logical replication slots have to be "
            "dropped before",
            f"{AURORA}/USER_UpgradeDBInstance.PostgreSQL.MajorVersion.html",
        ),
        Kind.TIDY: ("none: flags of the upgrade are taken back", "stacks/versions.py"),
    }
)
"""Kind -> expected interruption and where that is said."""

_SHARD_TYPES = frozenset({types.SHARD, types.INSTANCE, types.GLOBAL})
MAY_CHANGE: Mapping[Kind, frozenset[str]] = MappingProxyType(
    {
        Kind.CONTROL_PLANE: frozenset({types.CLUSTER}),
        Kind.AUTO_MODE: frozenset({types.CLUSTER}),
        Kind.ADD_ONS: frozenset({types.ADD_ON}),
        Kind.NODES: frozenset({types.NODE_GROUP}),
        Kind.WORKLOADS: frozenset({types.NAMESPACE}),
        Kind.SHARD: _SHARD_TYPES,
        Kind.SHARD_MAJOR: _SHARD_TYPES | {types.PARAMETERS},
        Kind.TIDY: _SHARD_TYPES | {types.PARAMETERS},
    }
)
"""Kind -> types of which a step's preview may change resources; anything else is not this upgrade's business."""


DRAINS = frozenset({Kind.AUTO_MODE, Kind.NODES})
"""Kinds in which pods have to leave their nodes: a PodDisruptionBudget that lets none go stands in the way."""

IN_CLUSTER = DRAINS | {Kind.CONTROL_PLANE}
"""Kinds before which the API server is asked what stands in the way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One `pulumi up`."""

    name: str
    kind: Kind
    touches: tuple[str, ...]
    """What a person calls the parts that change."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """`versions` settings that the cell's file has in this step; None: the setting is taken out. Absolute, so that
    a step can be repeated."""
    remark: str = ""

    @property
    def interruption(self) -> str:
        """What users of the cell may notice."""
        return INTERRUPTION[self.kind][0]

    @property
    def source(self) -> str:
        """Where that is said."""
        return INTERRUPTION[self.kind][1]


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """Versions that are wanted; None: what the stack file declares."""

    kubernetes: str | None = None
    aurora: str | None = None


def plan_upgrade(now: Running, declared: CellVersions, target: Target) -> tuple[Step, ...]:
    """The steps that are left, in order; none where all of it runs already.

    Kubernetes first, one minor version after the other, each with its add-ons and then its nodes: EKS wants the nodes
    at the control plane's version before that moves on. Then shard after shard. Raises CellError where a version is not
    in the catalogue or lies behind what runs.
    """
    _check(now, declared, target)
    return (*_kubernetes(now, target.kubernetes or declared.kubernetes), *_aurora(now, declared, target))


def _check(now: Running, declared: CellVersions, target: Target) -> None:
    known = catalogue.versions()
    for wanted, versions, option in (
        (target.kubernetes, known.kubernetes.versions, "--to-kubernetes"),
        (target.aurora, known.aurora_postgresql.versions, "--to-aurora"),
    ):
        if wanted is not None and wanted not in versions:
            raise CellError(
                f"{option} {wanted}: not a version of catalogue/versions.yaml, which has {', '.join(versions)}",
                ExitCode.CONFIGURATION,
            )
    kubernetes, aurora = target.kubernetes or declared.kubernetes, target.aurora or declared.aurora
    ahead = [f"the control plane runs {now.kubernetes}"] if number(now.kubernetes) > number(kubernetes) else []
    if ahead:
        raise CellError(
            f"{now.cell}: {ahead[0]}, {kubernetes} is behind that; EKS is upgraded only", ExitCode.CONFIGURATION
        )
    for shard, version in now.shards.items():
        if number(version) > number(aurora):
            raise CellError(
                f"{now.cell}: shard {shard} runs {version}, {aurora} is behind that; an engine version cannot go back",
                ExitCode.CONFIGURATION,
            )


def _kubernetes(now: Running, goal: str) -> Iterator[Step]:
    catalogued = catalogue.versions().addons
    auto = now.compute is Compute.AUTO

    def addons(version: str) -> dict[str, str]:
        return installed(catalogued.of(version), now.compute)

    first, last = number(now.kubernetes)[1], number(goal)[1]
    before = min([now.kubernetes, *now.nodes.values()], key=number)
    for minor in range(first, last + 1):
        version = f"1.{minor}"
        wanted = addons(version)
        running = addons(f"1.{minor - 1}") if minor > first else dict(now.addons)
        changed = sorted(name for name in wanted if running.get(name) != wanted[name])
        if minor > first:
            yield Step(
                name=f"control plane to {version}",
                kind=Kind.AUTO_MODE if auto else Kind.CONTROL_PLANE,
                touches=(f"EKS cluster {now.cell}", *(("all nodes",) if auto else ())),
                settings={
                    "kubernetes": version,
                    "addons": before if changed else None,
                    "nodes": None if auto else before,
                },
            )
        if changed:
            lag = None if auto or before == version else before
            yield Step(
                name=f"add-ons of {version}",
                kind=Kind.ADD_ONS,
                touches=tuple(f"{name} {wanted[name]}" for name in changed),
                settings={"kubernetes": version, "addons": None, "nodes": lag},
            )
        if behind := sorted(g for g, own in now.nodes.items() if minor > first or number(own) < number(version)):
            yield Step(
                name=f"nodes to {version}",
                kind=Kind.NODES,
                touches=tuple(f"node group {name}" for name in behind),
                settings={"kubernetes": version, "addons": None, "nodes": None},
            )
        before = version
    if now.pinned is not None and number(now.pinned) < number(goal):
        yield Step(
            name=f"workloads to {goal}",
            kind=Kind.WORKLOADS,
            touches=(f"Pod Security rules of {goal} in the namespaces",),
            settings={"kubernetes": goal, "addons": None, "nodes": None},
        )


def _aurora(now: Running, declared: CellVersions, target: Target) -> Iterator[Step]:
    goal = target.aurora or declared.aurora
    waiting = {shard: now.shards[shard] for shard in sorted(now.shards) if now.shards[shard] != goal}
    if not (waiting or declared.shards or declared.upgrading or now.flagged):
        return
    for shard, version in tuple(waiting.items()):
        del waiting[shard]
        major = number(version)[0] != number(goal)[0]
        settings = {"aurora": goal, "shards": dict(waiting) or None, "upgrading": shard}
        yield Step(
            name=f"shard {shard} from {version} to {goal}",
            kind=Kind.SHARD_MAJOR if major else Kind.SHARD,
            touches=(f"Aurora cluster {now.cell}-{shard} with its instances", *_groups(now, goal, major=major)),
            settings=settings,
            remark=_remark(now, shard, major=major),
        )
    yield Step(
        name="flags of the shards' upgrade",
        kind=Kind.TIDY,
        touches=("allow_major_version_upgrade, apply_immediately", "parameter groups that no shard uses"),
        settings={"aurora": goal, "shards": None, "upgrading": None},
    )


def _groups(now: Running, goal: str, *, major: bool) -> tuple[str, ...]:
    return (f"parameter group of aurora-postgresql{number(goal)[0]} for {now.cell}",) if major else ()


def _remark(now: Running, shard: str, *, major: bool) -> str:
    """What is different for a member of a global database."""
    if shard not in now.global_members:
        return ""
    whole = f"member of global cluster {now.cell}-{shard}-global, which is upgraded as a whole: replicas go with it"
    # https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_ModifyGlobalCluster.html
    reset = "; AWS then gives it the default parameter group, the step puts the cell's back: restart its instances"
    return whole + (reset if major else "")
