"""What a warm standby of a cell would cost in its recovery region: a model of it, before one is declared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import catalogue
from catalogue import Prices
from operations.cost.estimate import Estimate, Line, estimate
from operations.cost.resources import Resource
from operations.cost.rules import INSTANCE, SHARD
from operations.cost.usage import Usage, warm

NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
COMPONENT = "Replication"
NOT_DOUBLED = frozenset({"aws:route53/zone:Zone", "aws:rds/globalCluster:GlobalCluster"})
"""One of each serves both regions."""

MODEL = (
    "the cell's resources again, node groups at their minimum, one database instance a shard, no payments",
    "the rows and the archive a second time; what is written crosses regions once, rows by replicated write I/Os",
)
LEAVES_OUT = (
    "computed from the cell's own resources: of a declared replica `cell cost` and `cell preview` tell what it has",
    "scaling up after a promotion, test failovers, and a replica's own backups",
    "requests and storage of replicated secrets, tables and keys beyond those that the cell has itself",
)


def warm_resources(resources: Sequence[Resource], region: str) -> list[Resource]:
    """The cell's resources at the capacity of a standby, in its region."""
    shards = [resource.name for resource in resources if resource.type == SHARD]
    served: set[str] = set()
    result: list[Resource] = []
    for resource in resources:
        inputs = {**resource.inputs, "region": region}
        if resource.type in NOT_DOUBLED:
            continue
        if resource.type == INSTANCE:
            shard = next((name for name in shards if resource.name.startswith(f"{name}-")), resource.name)
            if shard in served:
                continue
            served.add(shard)
        if resource.type == NODE_GROUP:
            scaling = inputs["scalingConfig"]
            inputs["scalingConfig"] = {**scaling, "desiredSize": scaling["minSize"]}
        result.append(replace(resource, inputs=inputs))
    return result


@dataclass(frozen=True, kw_only=True, slots=True)
class Standby:
    """What a standby adds to a cell's cost."""

    estimate: Estimate
    borrowed: tuple[str, ...]
    """Prices that the recovery region lacks: the cell's own region's stand in for them, as not confirmed."""


def replica_estimate(
    resources: Sequence[Resource], usage: Usage, home: str, recovery: str, prices: Prices | None = None
) -> Standby:
    """At the prices of the recovery region; where it lacks one, at that of the cell's own, which is said."""
    prices = prices or catalogue.prices()
    there = estimate(warm_resources(resources, recovery), warm(usage), recovery, prices)
    lines, borrowed, not_priced = [], set(), dict(there.not_priced)
    for line in there.lines:
        entry = prices.prices[line.price].of(home) if line.unit_usd is None and line.price in prices.prices else None
        if entry is not None:
            borrowed.add(line.price)
            not_priced.pop(line.price, None)
            lines.append(replace(line, region=home, unit_usd=entry.usd, verified=False))
        else:
            lines.append(line)
    found = replace(there, lines=(*lines, *_replication(usage, home, prices)), not_priced=not_priced)
    return Standby(estimate=found, borrowed=tuple(sorted(borrowed)))


def _replication(usage: Usage, home: str, prices: Prices) -> list[Line]:
    crossing = usage.event_gb + usage.rows_written_gb
    wanted = [
        ("aurora.replicated-write", usage.database_ios, f"{usage.database_ios:,.0f} million write I/Os"),
        ("transfer.region", crossing, f"{crossing:,.0f} GB of events and rows"),
    ]
    found = []
    for name, quantity, formula in wanted:
        price = prices.prices[name]
        entry = price.of(home)
        found.append(
            Line(
                component=COMPONENT,
                resource="replication",
                price=name,
                region=home,
                quantity=quantity,
                unit=price.unit,
                unit_usd=entry.usd if entry else None,
                verified=bool(entry and entry.verified),
                formula=formula,
                source=prices.seen[entry.seen] if entry and entry.seen else price.source,
            )
        )
    return [line for line in found if line.quantity]
