"""``cell capacity --without REGION``: whether the cells that remain can take what a lost region carried.

    found = without(fleet, markets, "eu-west-1")     pure: stack files and catalogue, no call
    found.short                                       dimensions that would not carry, after the scale-up
    found.first                                       the bound that is reached first

A lost cell's payments go to its replica; without one, those of each of its markets go to the other cells of that
market in equal parts. Nothing says how a cell's peak divides into its markets: each counts as the same part.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import catalogue
from components.vocabulary import Environment
from operations.errors import CellError, ExitCode
from stacks.fleet import Fleet, only_the_account_knows
from stacks.market_files import Markets
from stacks.models import CellSettings
from stacks.plan import Cap, CellPlan
from stacks.problems import listed
from stacks.programs import pods
from stacks.sizing import shard_payments


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """Payments that go from a lost cell to one that remains."""

    lost: str
    taker: str
    """Empty: nobody takes them."""
    payments: float
    """payments/s"""
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Bound:
    """One dimension of a cell that takes payments over, as it runs and after its scale-up."""

    cell: str
    dimension: str
    demand: float
    now: float
    """Limit as the cell runs while nothing is lost."""
    grown: float
    """Limit with every node group at its maximum, and a replica at its primary's size."""
    unit: str
    formula: str
    source: str
    remedy: str
    grows: bool
    """The demand grows with payments."""

    @property
    def used(self) -> float:
        """Share of the limit after the scale-up."""
        return self.demand / self.grown

    @property
    def used_now(self) -> float:
        """Share of the limit before it."""
        return self.demand / self.now


@dataclass(frozen=True, kw_only=True, slots=True)
class Result:
    """What happens to the payments of a region."""

    region: str
    moved: Sequence[Moved]
    bounds: Sequence[Bound]
    """The fullest after the scale-up first."""
    notes: Sequence[str]

    @property
    def lost(self) -> Sequence[Moved]:
        """What nobody takes."""
        return [one for one in self.moved if not one.taker]

    @property
    def short(self) -> Sequence[Bound]:
        """What would not carry."""
        return [bound for bound in self.bounds if bound.used > 1]

    @property
    def first(self) -> Bound | None:
        """Of what grows with payments, the fullest."""
        return next((bound for bound in self.bounds if bound.grows), None)

    @property
    def code(self) -> ExitCode:
        """0 where everything is taken and carried."""
        return ExitCode.ERROR if self.lost or self.short else ExitCode.OK


def lost_cells(fleet: Fleet, region: str) -> Mapping[str, CellSettings]:
    """Cells that carry payments in a region; replicas wait, and nobody waits for a development cell. Raises CellError
    where there is none."""
    paying = {name: cell for name, cell in fleet.cells.items() if name not in fleet.replicas and _pays(cell)}
    lost = {name: cell for name, cell in paying.items() if cell.region == region}
    if not lost:
        regions = sorted({cell.region for cell in paying.values()})
        raise CellError(f"{region} has no cell that carries payments; use {listed(regions)}", ExitCode.CONFIGURATION)
    return lost


def without(fleet: Fleet, markets: Markets, region: str, peak: float | None = None) -> Result:
    """`peak`: payments/s of all lost cells together in place of their declared peaks, divided as those are.

    Raises CellError for a region in which no cell is.
    """
    lost = lost_cells(fleet, region)
    declared = sum(cell.peak_payments_per_second for cell in lost.values())
    scale = 1 if peak is None else peak / declared
    moved = [
        one
        for name, cell in lost.items()
        for one in _moved(fleet, markets, name, region, cell.peak_payments_per_second * scale)
    ]
    takers = dict.fromkeys(one.taker for one in moved if one.taker)
    bounds = [bound for taker in takers for bound in _bounds(fleet, markets, taker, moved)]
    return Result(
        region=region,
        moved=moved,
        bounds=sorted(bounds, key=lambda bound: -bound.used),
        notes=_notes(fleet, region, moved, takers),
    )


def _pays(cell: CellSettings) -> bool:
    """Nobody waits for a development cell."""
    return cell.environment is not Environment.DEVELOPMENT


def _moved(fleet: Fleet, markets: Markets, lost: str, region: str, payments: float) -> list[Moved]:
    replicas = [name for name, settings in fleet.replicas.items() if settings.of == lost and settings.region != region]
    if replicas:
        return [Moved(lost=lost, taker=replicas[0], payments=payments, why="its replica")]
    served = markets.of(lost)
    if not served:
        return [Moved(lost=lost, taker="", payments=payments, why="no replica, and no market names it")]
    found = []
    for market in served:
        takers = [name for name in sorted(market.cells) if _remains(fleet, name, lost, region)]
        part = payments / len(served)
        if not takers:
            why = f"no replica, and no other cell of its environment serves {market.name}"
            found.append(Moved(lost=lost, taker="", payments=part, why=why))
        found += [
            Moved(lost=lost, taker=taker, payments=part / len(takers), why=f"serves {market.name} too")
            for taker in takers
        ]
    return found


def _remains(fleet: Fleet, name: str, lost: str, region: str) -> bool:
    """A cell that is left, of the same environment: development takes no production."""
    cells = fleet.cells
    return name in cells and cells[name].region != region and cells[name].environment is cells[lost].environment


def _bounds(fleet: Fleet, markets: Markets, taker: str, moved: Sequence[Moved]) -> list[Bound]:
    plan = fleet.plan(taker)
    own = 0 if plan.standby else plan.peak_payments_per_second
    load = own + sum(one.payments for one in moved if one.taker == taker)
    alone = {cap.dimension: cap for cap in plan.caps}
    # A replica's bounds are already those of its primary's size (stacks/sizing.py).
    together = alone | {cap.dimension: cap for cap in fleet.quotas(taker)}
    running = {"payments": sum(shard_payments(shard.instance_class) for shard in plan.shards)}
    found = [
        _of_cap(taker, cap, alone[name], running.get(name, cap.limit), load / plan.peak_payments_per_second)
        for name, cap in together.items()
        if not only_the_account_knows(cap)
    ]
    return [*found, *_nodes(plan, load), *_banks(plan, markets, load)]


def _of_cap(cell: str, cap: Cap, alone: Cap, limit_now: float, times: float) -> Bound:
    """Of a quota that several cells share, what the others need stays as it is."""
    more = alone.demand * (times - 1) if cap.grows else 0
    formula = f"{cap.formula} at the declared peak, of its own * {times:.2f}" if cap.grows else cap.formula
    return Bound(
        cell=cell,
        dimension=cap.dimension,
        demand=cap.demand + more,
        now=limit_now,
        grown=cap.limit,
        unit=cap.unit,
        formula=formula,
        source=cap.source,
        remedy=cap.remedy,
        grows=cap.grows,
    )


def _nodes(plan: CellPlan, load: float) -> Iterable[Bound]:
    """Payments that the nodes carry: those that run at first, then the most that there may be."""
    w, types = catalogue.workload(), catalogue.instances().nodes.types
    for name in ("gateway", "application"):
        if name not in plan.node_groups:
            continue
        group, per_vcpu = plan.node_groups[name], w[f"payments_per_{name}_vcpu"]
        vcpus = min(types[kind].vcpus for kind in group.instance_types)
        each = vcpus * per_vcpu * w["node_headroom"]
        running = group.desired
        yield Bound(
            cell=plan.cell,
            dimension=f"nodes.{name}",
            demand=load,
            now=running * each,
            grown=group.maximum * each,
            unit="payments/s",
            formula=f"{running} to {group.maximum} nodes * {vcpus} vCPUs * {per_vcpu:g} * {w['node_headroom']:g}",
            source="catalogue/workload.yaml, catalogue/instances.yaml",
            remedy=f"a larger nodes.{name}.maximum",
            grows=True,
        )


def _banks(plan: CellPlan, markets: Markets, load: float) -> Iterable[Bound]:
    """What a cell's egress gateways may send to the banks of each of its markets."""
    served, gateways = markets.of(plan.serves), pods(plan)
    for market in served:
        rates = [bank.limits.rate_per_second for bank in market.banks.values()]
        limit = float(sum(rates) * gateways)
        yield Bound(
            cell=plan.cell,
            dimension=f"banks.{market.name}",
            demand=load / len(served),
            now=limit,
            grown=limit,
            unit="payments/s",
            formula=f"an equal part of {len(served)} markets; {gateways} gateways * ({' + '.join(map(str, rates))})",
            source=f"stacks/markets/{market.name}.yaml",
            remedy="a higher limits.ratePerSecond, which the banks agree to",
            grows=True,
        )


def _notes(fleet: Fleet, region: str, moved: Sequence[Moved], takers: Iterable[str]) -> list[str]:
    standing = [name for name, settings in fleet.replicas.items() if settings.region == region]
    notes = [f"{name} is lost too: {fleet.replicas[name].of} writes on, without a replica" for name in standing]
    for lost in dict.fromkeys(one.lost for one in moved if one.taker and one.taker not in fleet.replicas):
        notes.append(f"accounts of {lost} are in none of the others: they wait for a restore")
    for taker in takers:
        grows_with_use = [cap for cap in fleet.quotas(taker) if only_the_account_knows(cap)]
        notes += [
            f"{taker} needs {cap.demand:,.0f} of {cap.dimension}, which AWS raises with use: `cell preflight` asks"
            for cap in grows_with_use
            if cap.used > 1
        ]
    return notes


def rows(found: Result) -> list[Mapping[str, Any]]:
    """A line a bound, for a table."""
    return [
        {
            "cell": bound.cell,
            "dimension": bound.dimension,
            "demand": f"{bound.demand:,.0f}",
            "now": f"{bound.now:,.0f} ({bound.used_now:.0%})",
            "after scale-up": f"{bound.grown:,.0f} ({bound.used:.0%})",
            "unit": bound.unit,
            "formula": bound.formula,
        }
        for bound in found.bounds
    ]


def remarks(found: Result) -> list[str]:
    """Where payments go, what is short, and what is reached first."""
    lines = [
        f"{one.lost}: {one.payments:,.0f} payments/s {f'to {one.taker}' if one.taker else 'are lost'}: {one.why}"
        for one in found.moved
    ]
    lines += found.notes
    lines += [
        f"{one.cell}: {one.dimension} would need {one.demand:,.0f} of {one.grown:,.0f} {one.unit}: {one.remedy}"
        for one in found.short
    ]
    if (first := found.first) is not None:
        lines.append(
            f"First bound: {first.dimension} of {first.cell}, {first.used:.0%} used. To raise it: {first.remedy}."
        )
    return lines


def as_data(found: Result) -> dict[str, Any]:
    """For JSON and YAML."""
    return {
        "without": found.region,
        "carried": found.code is ExitCode.OK,
        "moved": [asdict(one) for one in found.moved],
        "first": found.first.dimension if found.first else None,
        "bounds": [
            {**asdict(bound), "used": round(bound.used, 4), "usedNow": round(bound.used_now, 4)}
            for bound in found.bounds
        ],
        "notes": list(found.notes),
    }
