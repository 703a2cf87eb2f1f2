"""What a drill of a movement found: verdicts, one document as JSON and as Markdown, and the line of `cell status`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from operations.drill.losses import Losses
from operations.drill.measure import Figures
from operations.drill.movement import Movement
from operations.drill.plan import DrillPlan, Kind

SANDBOX = "Measured in the sandbox: how long AWS takes for its part is not in these figures."


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """One objective and whether it was kept."""

    objective: str
    found: str
    kept: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """Everything that a drill knows at its end."""

    plan: DrillPlan
    began: datetime
    fault_at: datetime
    command_s: float
    """Seconds from the fault to the command."""
    lag_s: float
    """Of the worst shard at the fault."""
    figures: Figures
    movement: Movement
    losses: Losses
    back: Movement | None
    """The failback; None where the writer was left where it is."""
    back_by_cell: Mapping[str, int]
    """Stack -> payments that it acknowledged after the failback."""


def verdicts(found: Found) -> list[Verdict]:
    """A drill is good where all of them are kept."""
    plan, losses, figures = found.plan, found.losses, found.figures
    bound = plan.bound(found.lag_s)
    lost = len(losses.lost)
    result = [
        Verdict(
            objective="payments are acknowledged before and after",
            found=f"{figures.before} before, {figures.by_cell.get(plan.target, 0)} by {plan.target}",
            kept=figures.before > 0 and figures.by_cell.get(plan.target, 0) > 0,
        ),
        Verdict(objective="0 payments applied twice", found=str(len(losses.doubled)), kept=not losses.doubled),
        Verdict(
            objective=f"at most {bound} acknowledged payments lost, {plan.bound_s(found.lag_s):g} s of {plan.rate:g}/s",
            found=str(lost),
            kept=lost <= bound,
        ),
        Verdict(
            objective="every lost payment is named",
            found=f"{lost - len(losses.unnamed)} of {lost}",
            kept=not losses.unnamed,
        ),
        Verdict(
            objective="the failover's list is true, and has all that the archive had",
            found=f"{len(losses.misreported)} wrong, {len(losses.unreported)} left out",
            kept=not losses.misreported and not losses.unreported,
        ),
        Verdict(
            objective=f"{plan.target} takes all payments at the end",
            found=_seconds(figures.full_rate_s),
            kept=figures.full_rate_s is not None,
        ),
    ]
    if found.back is not None:
        result.append(
            Verdict(
                objective=f"after the failback {plan.origin} alone takes payments",
                found=", ".join(f"{cell or 'nobody'}: {count}" for cell, count in found.back_by_cell.items()) or "none",
                kept=set(found.back_by_cell) == {plan.origin},
            )
        )
    return result


def document(found: Found) -> dict[str, Any]:
    """All of it, as JSON takes it."""
    plan, figures, losses, given = found.plan, found.figures, found.losses, verdicts(found)
    fenced = found.movement.ended("fence")
    fault_s, calls = found.fault_at.timestamp(), dict(found.movement.calls)
    return {
        "kind": plan.kind.value,
        "pair": plan.pair,
        "origin": plan.origin,
        "target": plan.target,
        "sandbox": SANDBOX,
        "began": found.began.isoformat(timespec="seconds"),
        "faultAt": found.fault_at.isoformat(timespec="milliseconds"),
        "payments": figures.payments,
        "rate": plan.rate,
        "injectedLagS": plan.lag_s,
        "lagAtFaultS": round(found.lag_s, 3),
        "seconds": {
            "detected": figures.detected_s,
            "commanded": round(found.command_s, 3),
            "fenced": None if fenced is None else round(max(0.0, fenced - fault_s), 1),
            "firstSuccess": figures.first_success_s,
            "fullRate": figures.full_rate_s,
            "silence": figures.silence_s,
        },
        "full": None if figures.full is None else asdict(figures.full),
        "acknowledged": figures.acknowledged,
        "acknowledgedByCell": figures.by_cell,
        "failedTries": figures.failed_tries,
        "bound": plan.bound(found.lag_s),
        "losses": {**asdict(losses), "counts": counts(losses)},
        "steps": found.movement.seconds(),
        "calls": calls,
        "callsInOriginRegion": sum(n for name, n in calls.items() if name.split()[0] == plan.origin_region),
        "run": found.movement.said.get("id"),
        "failback": None if found.back is None else found.back.seconds(),
        "verdicts": [asdict(one) for one in given],
        "problems": [f"{one.objective}: {one.found}" for one in given if not one.kept],
    }


def counts(losses: Losses) -> dict[str, int]:
    """The lists as numbers, and how many of the lost each witness names."""
    by = Counter(f"namedBy-{witness}" for witnesses in losses.named.values() for witness in witnesses)
    return {
        "acknowledged": losses.acknowledged,
        "lost": len(losses.lost),
        "unnamed": len(losses.unnamed),
        "appliedTwice": len(losses.doubled),
        "paidAgain": len(losses.paid_again),
        "takenBack": len(losses.taken_back),
        **by,
    }


def summary(numbers: Mapping[str, Any]) -> dict[str, Any]:
    """The few numbers that fit a screen."""
    kept = ("kind", "origin", "target", "began", "rate", "lagAtFaultS", "seconds", "acknowledged", "bound")
    found = {name: numbers[name] for name in kept} | {"losses": numbers["losses"]["counts"]}
    return found | {"verdicts": [f"{_mark(one)} {one['objective']}: {one['found']}" for one in numbers["verdicts"]]}


def markdown(numbers: Mapping[str, Any]) -> str:
    """The document as a page of Markdown."""
    seconds, losses = numbers["seconds"], numbers["losses"]
    move = "switchover" if numbers["kind"] == Kind.SWITCHOVER else "failover"
    lines = [
        f"# Drill of {numbers['pair']}: {numbers['kind']}",
        "",
        f"Began {numbers['began']}; {move} {numbers['origin']} to {numbers['target']}, run {numbers['run']}. {SANDBOX}",
        "",
        *_table(("objective", "found", ""), [(v["objective"], v["found"], _mark(v)) for v in numbers["verdicts"]]),
        *_table(("seconds after the fault", ""), [(name, _seconds(value)) for name, value in seconds.items()]),
        *_table(("payments", ""), list(losses["counts"].items())),
        *_table(("step", "seconds"), [(name, f"{value:.1f}") for name, value in numbers["steps"].items()]),
    ]
    lines += _table(("region, service and call of the movement", "times"), list(numbers["calls"].items()))
    if numbers["failback"] is not None:
        lines += _table(("step of the failback", "seconds"), [(n, f"{v:.1f}") for n, v in numbers["failback"].items()])
    if losses["named"]:
        lines += _table(("lost payment", "named by"), [(id_, ", ".join(by)) for id_, by in losses["named"].items()])
    if losses["paid_again"]:
        lines += _table(("paid again, to be refunded",), [(id_,) for id_ in losses["paid_again"]])
    return "\n".join(lines)


def line(numbers: Mapping[str, Any]) -> str:
    """`region-dead: kept, first success after 31.0 s, 4 of at most 6 lost`"""
    state = "broken: " + "; ".join(numbers["problems"]) if numbers["problems"] else "kept"
    first = _seconds(numbers["seconds"]["firstSuccess"])
    lost = numbers["losses"]["counts"]["lost"]
    return f"{numbers['kind']}: {state}, first success after {first}, {lost} of at most {numbers['bound']} lost"


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    texts = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    return ["| " + " | ".join(head) + " |", "|---" * len(head) + "|", *texts, ""]


def _mark(verdict: Mapping[str, Any]) -> str:
    return "kept" if verdict["kept"] else "BROKEN"


def _seconds(value: float | None) -> str:
    return "never" if value is None else f"{value:.1f} s"
