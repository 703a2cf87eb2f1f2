"""The monthly cost of a set of resources. Pure: resources, use and prices decide."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import catalogue
from catalogue import Prices
from operations.cost.free import FREE, FREE_PREFIXES, NOT_PRICED
from operations.cost.resources import Resource
from operations.cost.rules import PRICED, Charge, Context, UnknownQuantity
from operations.cost.usage import Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One charge: quantity x unit price. All amounts are USD."""

    component: str
    resource: str
    """Type and logical name"""
    price: str
    """Name in catalogue/prices.yaml"""
    region: str
    quantity: float
    unit: str
    unit_usd: float | None
    """None: not priced in this region"""
    verified: bool
    formula: str
    source: str

    @property
    def usd(self) -> float:
        """A month's amount; zero where there is no price, which ``Estimate.not_priced`` reports."""
        return 0.0 if self.unit_usd is None else self.quantity * self.unit_usd


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a month costs, and what that leaves out."""

    lines: tuple[Line, ...]
    free: Mapping[str, int]
    """Type -> number of resources that cost nothing by themselves"""
    not_priced: Mapping[str, str] = field(default_factory=dict)
    """Type or price -> why no amount is given"""

    @property
    def usd(self) -> float:
        """The month's sum."""
        return sum(line.usd for line in self.lines)

    @property
    def verified_usd(self) -> float:
        """The part of it whose prices were confirmed."""
        return sum(line.usd for line in self.lines if line.verified)

    @property
    def complete(self) -> bool:
        """Every charge that is computed has a price."""
        return all(line.unit_usd is not None for line in self.lines)

    def by_component(self) -> dict[str, float]:
        """Component -> USD, the dearest first."""
        sums: dict[str, float] = {}
        for line in self.lines:
            sums[line.component] = sums.get(line.component, 0.0) + line.usd
        return dict(sorted(sums.items(), key=lambda item: (-item[1], item[0])))

    def items(self) -> list[Line]:
        """Lines of the same component and price together, by component, the dearest first."""
        groups: dict[tuple[str, str, str], list[Line]] = {}
        for line in self.lines:
            groups.setdefault((line.component, line.price, line.region), []).append(line)
        order = list(self.by_component())
        merged = [_together(lines) for lines in groups.values()]
        return sorted(merged, key=lambda line: (order.index(line.component), -line.usd, line.price))


def estimate(resources: Sequence[Resource], usage: Usage, region: str, prices: Prices | None = None) -> Estimate:
    """Prices each resource in its own region; ``region`` is that of resources that name none."""
    prices = prices or catalogue.prices()
    context = Context(usage=usage, stack=resources)
    lines: list[Line] = []
    free: Counter[str] = Counter()
    not_priced: dict[str, str] = {}
    for resource in resources:
        if resource.type in PRICED:
            try:
                charges = list(PRICED[resource.type](resource, context))
            except UnknownQuantity as unknown:
                not_priced[resource.type] = str(unknown)
                continue
            lines += [_line(resource, charge, resource.region(region), prices) for charge in charges]
        elif resource.type in FREE or resource.type.startswith(tuple(FREE_PREFIXES)):
            free[resource.type] += 1
        else:
            not_priced[resource.type] = NOT_PRICED.get(resource.type, "no rule knows this type")
    for line in lines:
        if line.unit_usd is None:
            not_priced[line.price] = f"not priced in {line.region} (catalogue/prices.yaml)"
    return Estimate(
        lines=tuple(line for line in lines if line.quantity),
        free=dict(sorted(free.items())),
        not_priced=dict(sorted(not_priced.items())),
    )


def _line(resource: Resource, charge: Charge, region: str, prices: Prices) -> Line:
    price = prices.prices.get(charge.price)
    entry = price.of(region) if price else None
    return Line(
        component=resource.component,
        resource=f"{resource.type} {resource.name}",
        price=charge.price,
        region=region,
        quantity=charge.quantity,
        unit=price.unit if price else "",
        unit_usd=entry.usd if entry else None,
        verified=bool(entry and entry.verified),
        formula=charge.formula,
        source=prices.seen[entry.seen] if entry and entry.seen else price.source if price else "",
    )


def _together(lines: Sequence[Line]) -> Line:
    first = lines[0]
    count = Counter(line.resource.partition(" ")[0] for line in lines)
    what = ", ".join(f"{number} {type_.rpartition(':')[2]}" for type_, number in count.items())
    return Line(
        component=first.component,
        resource=what,
        price=first.price,
        region=first.region,
        quantity=sum(line.quantity for line in lines),
        unit=first.unit,
        unit_usd=first.unit_usd,
        verified=first.verified,
        formula=first.formula if len(lines) == 1 else f"{len(lines)} of them, the first: {first.formula}",
        source=first.source,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How a month's cost changes."""

    before_usd: float
    after_usd: float
    by_component: Mapping[str, float]
    """Component -> USD more (or, negative, less), the largest change first; those that stay are left out"""
    complete: bool = True
    """Every charge of both has a price."""

    @property
    def usd(self) -> float:
        """More or, negative, less a month."""
        return self.after_usd - self.before_usd


def difference(before: Estimate, after: Estimate) -> Difference:
    """From one estimate to another."""
    old, new = before.by_component(), after.by_component()
    changes = {name: new.get(name, 0.0) - old.get(name, 0.0) for name in {*old, *new}}
    kept = {name: usd for name, usd in changes.items() if abs(usd) >= 0.005}
    ordered = dict(sorted(kept.items(), key=lambda item: (-abs(item[1]), item[0])))
    complete = before.complete and after.complete
    return Difference(before_usd=before.usd, after_usd=after.usd, by_component=ordered, complete=complete)
