"""What `cell cost` shows: rows for a table, plain data for programs, and the words around both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import catalogue
from operations.cost.estimate import Estimate
from operations.cost.free import FREE, FREE_PREFIXES, LEFT_OUT
from operations.cost.replica import LEAVES_OUT, MODEL
from operations.cost.usage import HOURS, Usage


@dataclass(frozen=True, kw_only=True, slots=True)
class Replica:
    """The additional cost of a warm standby."""

    recovery_region: str
    home: str
    """Region whose prices stand in for those that are borrowed."""
    borrowed: tuple[str, ...]
    """Prices that the recovery region lacks."""
    estimate: Estimate


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """A stack's cost as it is declared."""

    stack: str
    region: str
    usage: Usage
    estimate: Estimate
    ceiling_usd: float | None = None
    replica: Replica | None = None


def rows(found: Estimate) -> list[dict[str, Any]]:
    """A row a component and price, the dearest component first; then the sum."""
    result: list[dict[str, Any]] = [
        {
            "component": line.component,
            "price": line.price,
            "for": line.resource,
            "quantity": f"{line.quantity:,.2f}",
            "unit": line.unit,
            "usd": "not priced" if line.unit_usd is None else f"{line.unit_usd:,.6g}{'' if line.verified else ' ?'}",
            "usd a month": "" if line.unit_usd is None else f"{line.usd:,.2f}",
        }
        for line in found.items()
    ]
    return [*result, {"component": "TOTAL", "usd a month": f"{found.usd:,.2f}"}]


def component_rows(found: Estimate) -> list[dict[str, Any]]:
    """A row a component with its share of the sum."""
    return [
        {"component": name, "usd a month": f"{usd:,.2f}", "share": f"{usd / found.usd:.0%}"}
        for name, usd in found.by_component().items()
        if usd
    ]


def notes(report: Report) -> list[str]:
    """What the numbers rest on and what they leave out."""
    found, prices = report.estimate, catalogue.prices()
    least = "" if found.complete else "at least "
    lines = [
        f"{report.stack} in {report.region}: {least}USD {found.usd:,.2f} a month; "
        f"{_share(found)} of it at confirmed prices, ? marks the others",
        f"prices of {prices.date}, to be looked at again by {prices.review_by} (catalogue/prices.yaml)",
        *(f"assumed: {text}" for text in report.usage.assumptions),
        *(f"not priced: {what}: {why}" for what, why in found.not_priced.items()),
        *(f"left out: {text}" for text in LEFT_OUT),
        f"without a charge of their own: {sum(found.free.values())} resources of {len(found.free)} types",
    ]
    if report.ceiling_usd is not None:
        lines.append(f"monthlyCeilingUsd: {report.ceiling_usd:,.0f}, {report.ceiling_usd - found.usd:,.2f} left")
    if replica := report.replica:
        more = "" if replica.estimate.complete else "at least "
        lines.append(
            f"a warm replica in {replica.recovery_region} would add {more}USD {replica.estimate.usd:,.2f} a month; "
            f"{_share(replica.estimate)} of it at confirmed prices"
        )
        if replica.borrowed:
            lines.append(
                f"replica, at the prices of {replica.home}, for want of {replica.recovery_region}'s: "
                f"{', '.join(replica.borrowed)}"
            )
        lines += [f"replica, assumed: {text}" for text in MODEL]
        lines += [f"replica, left out: {text}" for text in LEAVES_OUT]
    return lines


def as_data(report: Report) -> dict[str, Any]:
    """Everything, for programs."""
    prices = catalogue.prices()
    data: dict[str, Any] = {
        "stack": report.stack,
        "region": report.region,
        "currency": prices.currency,
        "hours": HOURS,
        "pricesOf": prices.date,
        "reviewBy": prices.review_by,
        **_estimate_data(report.estimate),
        "assumptions": list(report.usage.assumptions),
        "leftOut": list(LEFT_OUT),
        "monthlyCeilingUsd": report.ceiling_usd,
    }
    if replica := report.replica:
        data["replica"] = {
            "recoveryRegion": replica.recovery_region,
            "borrowedFrom": replica.home,
            "borrowed": list(replica.borrowed),
            **_estimate_data(replica.estimate),
            "assumptions": list(MODEL),
            "leftOut": list(LEAVES_OUT),
        }
    return data


def _estimate_data(found: Estimate) -> dict[str, Any]:
    return {
        "usd": round(found.usd, 2),
        "verifiedUsd": round(found.verified_usd, 2),
        "complete": found.complete,
        "byComponent": {name: round(usd, 2) for name, usd in found.by_component().items()},
        "lines": [{**asdict(line), "usd": round(line.usd, 4)} for line in found.lines],
        "notPriced": dict(found.not_priced),
        "free": _reasons(found.free),
    }


def _reasons(free: Mapping[str, int]) -> list[dict[str, Any]]:
    def why(type_: str) -> str:
        return FREE.get(type_) or next(reason for prefix, reason in FREE_PREFIXES.items() if type_.startswith(prefix))

    return [{"type": type_, "resources": count, "why": why(type_)} for type_, count in free.items()]


def _share(found: Estimate) -> str:
    return f"{found.verified_usd / found.usd:.0%}" if found.usd else "0%"


COLUMNS: Sequence[str] = ("component", "price", "for", "quantity", "unit", "usd", "usd a month")
"""Of the table; the last row is the sum."""
