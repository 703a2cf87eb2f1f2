"""The longest chain of published creation times in a resource graph: how long a region takes at least.

Computed, not measured: as if everything that need not wait were made at once, and each resource took its type's time in
catalogue/creation_times.yaml. Types without one count as nothing and are named.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

from catalogue import CreationTime
from operations.resources import Resource, waits_for

UNAVOIDABLE: Final = (
    "aws:ec2/vpc:Vpc",
    "aws:eks/cluster:Cluster",
    "aws:eks/nodeGroup:NodeGroup",
    "aws:eks/addon:Addon",
)
"""What no cell can do side by side: network, control plane, nodes, and the first workload on them. That is the
cluster's DNS, which every other workload needs and which EKS installs as an add-on."""

CLUSTER, NODE_GROUP, ADD_ON = UNAVOIDABLE[1:]
FIRST_NODE: Final = "kubernetes:karpenter.sh/v1:NodePool"

UNAVOIDABLE_IN_AUTO_MODE: Final = (UNAVOIDABLE[0], CLUSTER, FIRST_NODE, ADD_ON)
"""The same with EKS Auto Mode, where a node pool launches the first node once a workload waits for it: AWS's own pool,
for the metrics server (components/auto_mode.py)."""

NOT_TIMED: Final = "not timed"
COMPUTED: Final = "computed from published creation times, not measured"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One resource of a chain. ``time`` is None where no time is published for its type."""

    type: str
    name: str
    time: CreationTime | None

    @property
    def seconds(self) -> int:
        """What it adds to the chain."""
        return 0 if self.time is None else self.time.typical_s

    def row(self) -> dict[str, Any]:
        """As plain data."""
        if self.time is None:
            return {"type": self.type, "name": self.name, "seconds": NOT_TIMED, "source": None, "verified": None}
        return {
            "type": self.type,
            "name": self.name,
            "seconds": self.time.typical_s,
            "source": self.time.source,
            "verified": self.time.verified,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Chain:
    """Resources of which each waits for the one before."""

    steps: tuple[Step, ...]

    @property
    def seconds(self) -> int:
        """Sum of the published times."""
        return sum(step.seconds for step in self.steps)


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """What the creation times say about a graph."""

    longest: Chain
    unavoidable: Chain
    """Without steps where the graph has no cluster."""
    not_timed: Mapping[str, int]
    """Type without a published time -> how many there are."""

    @property
    def ratio(self) -> float | None:
        """Longest chain to the unavoidable one: 1 is the floor. None without the latter."""
        return self.longest.seconds / self.unavoidable.seconds if self.unavoidable.seconds else None


def timing(resources: Sequence[Resource], times: Mapping[str, CreationTime]) -> Timing:
    """Longest and unavoidable chain of a graph. Raises ValueError where resources wait for each other."""
    cloud = [resource for resource in resources if resource.cloud]
    types = {resource.type for resource in cloud}
    if CLUSTER in types and NODE_GROUP not in types:  # a cluster in Auto Mode
        unavoidable = unavoidable_chain(times, UNAVOIDABLE_IN_AUTO_MODE)
        longest = _with_first_node(resources, times)
    else:
        unavoidable = unavoidable_chain(times) if NODE_GROUP in types else Chain(steps=())
        longest = longest_chain(resources, times)
    return Timing(
        longest=longest,
        unavoidable=unavoidable,
        not_timed=dict(sorted(Counter(one.type for one in cloud if one.type not in times).items())),
    )


def unavoidable_chain(times: Mapping[str, CreationTime], types: Sequence[str] = UNAVOIDABLE) -> Chain:
    """The floor, from the same table."""
    return Chain(steps=tuple(Step(type=type_, name="", time=times.get(type_)) for type_ in types))


def _with_first_node(resources: Sequence[Resource], times: Mapping[str, CreationTime]) -> Chain:
    """The longest chain in Auto Mode: an add-on is there once a node is, which no resource of the stack stands for."""
    node, add_on = times[FIRST_NODE], times[ADD_ON]
    together = add_on.model_copy(update={"typical_s": node.typical_s + add_on.typical_s})
    steps: list[Step] = []
    for step in longest_chain(resources, {**times, ADD_ON: together}).steps:
        if step.type == ADD_ON:
            steps += [Step(type=FIRST_NODE, name="first node", time=node), replace(step, time=add_on)]
        else:
            steps.append(step)
    return Chain(steps=tuple(steps))


def longest_chain(resources: Sequence[Resource], times: Mapping[str, CreationTime]) -> Chain:
    """The chain that ends last. Of equally long ones the one with more resources, which says more.

    Raises ValueError where resources wait for each other.
    """
    known = {resource.urn: resource for resource in resources}
    waits = waits_for(resources)
    ends: dict[str, tuple[int, int]] = {}
    before: dict[str, str | None] = {}
    for urn in _order(waits):
        last = max(waits[urn], key=lambda one: (*ends[one], one), default=None)
        start_s, length = (0, 0) if last is None else ends[last]
        time = times.get(known[urn].type)
        before[urn] = last
        ends[urn] = (start_s + (time.typical_s if time else 0), length + known[urn].cloud)
    timed = [urn for urn in ends if known[urn].type in times]
    at = max(timed, key=lambda one: (*ends[one], one), default=None)
    steps: list[Step] = []
    while at is not None:
        resource = known[at]
        if resource.cloud:
            steps.append(Step(type=resource.type, name=resource.name, time=times.get(resource.type)))
        at = before[at]
    return Chain(steps=tuple(reversed(steps)))


def _order(waits: Mapping[str, frozenset[str]]) -> list[str]:
    try:
        return list(TopologicalSorter({urn: sorted(waits[urn]) for urn in sorted(waits)}).static_order())
    except CycleError as error:
        circle = " -> ".join(urn.rpartition("::")[2] for urn in error.args[1])
        raise ValueError(f"resources wait for each other: {circle}") from error
