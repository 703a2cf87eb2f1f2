"""What a probe found: one document of numbers, and one page with plots that needs nothing but itself."""

from __future__ import annotations

import io
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined

from operations.probe.evidence import Found
from operations.probe.load import Answer
from operations.probe.plan import Plan

QUANTILES = (0.5, 0.9, 0.99)
WINDOWS = 60
"""Points of a plot over time."""

NONE_TAKEN = "none of {} payments was acknowledged: nothing is proven; see the refusals"

TOTAL = "total"
STAGES: Final[Mapping[str, str]] = {
    TOTAL: "from the moment a call was due until its answer",
    "fraud": "gateway: limits and fraud decision, until payments is called",
    "api": "payments API: all of the following",
    "auth": "API key checked",
    "keys": "personal fields sealed under their people's keys",
    "tx1": "idempotency key and payment kept",
    "bank": "the bank's answer, through the egress gateway",
    "tx2": "outcome and event written",
    "release": "both given up again: nothing was sent to the bank",
}
"""Stage of a call -> what it is, in the order of a report. All but the first are what gateway and API say themselves,
in Server-Timing."""


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed. `values`: not empty, in any order."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, max(0, -(-int(len(ordered) * share * 1_000_000) // 1_000_000) - 1))]


def document(plan: Plan, answers: Sequence[Answer], evidence: Found, began: datetime) -> dict[str, Any]:
    """All numbers of a probe, as JSON takes them."""
    found = evidence.reconciliation
    acknowledged = sum(answer.payment_id is not None for answer in answers)
    lags = [(at - began.timestamp(), lag) for at, lag in evidence.lags if at >= began.timestamp()]
    return {
        "stack": plan.stack,
        "began": began.isoformat(timespec="seconds"),
        "payments": len(plan.calls),
        "rate": plan.rate,
        "seed": plan.seed,
        "faults": [asdict(fault) for fault in plan.faults],
        "acknowledged": acknowledged,
        "statuses": dict(Counter(answer.status for answer in answers).most_common()),
        "refusals": dict(Counter(one.reason for answer in answers for one in answer.tries if one.reason).most_common()),
        "decisions": dict(Counter(answer.fraud for answer in answers if answer.fraud).most_common()),
        "latencyMs": _latency(answers),
        "banks": _banks(answers),
        "eventLagS": {f"p{q * 100:g}": round(quantile([lag for _, lag in lags], q), 3) for q in QUANTILES}
        if lags
        else {},
        "reconciliation": asdict(found),
        "problems": ([] if acknowledged else [NONE_TAKEN.format(len(answers))]) + found.problems(),
        "series": {
            "latency": _series(plan, answers),
            "banks": _bank_series(plan, answers),
            "lag": _lag_series(plan, lags),
        },
    }


def _latency(answers: Iterable[Answer]) -> dict[str, dict[str, float]]:
    stages: dict[str, list[float]] = defaultdict(list)
    for answer in answers:
        for one in answer.tries:
            stages[TOTAL].append(one.seconds * 1000)
            for stage, milliseconds in one.stages_ms.items():
                stages[stage].append(milliseconds)
    return {
        stage: {f"p{share * 100:g}": round(quantile(values, share), 2) for share in QUANTILES}
        for stage, values in sorted(stages.items(), key=lambda item: _place(item[0]))
    }


def _place(stage: str) -> tuple[int, str]:
    """Known stages in their order, others behind them by name."""
    return (list(STAGES).index(stage) if stage in STAGES else len(STAGES)), stage


def _banks(answers: Iterable[Answer]) -> dict[str, dict[str, Any]]:
    """Bank -> calls, those acknowledged at the first try, and how long first tries took."""
    by_bank: dict[str, list[Answer]] = defaultdict(list)
    for answer in answers:
        by_bank[answer.call.bank].append(answer)
    return {
        bank: {
            "payments": len(found),
            "firstTry": sum(_at_once(answer) for answer in found),
            "acknowledged": sum(answer.payment_id is not None for answer in found),
            "p99Ms": round(quantile([answer.tries[0].seconds * 1000 for answer in found], 0.99), 2),
        }
        for bank, found in sorted(by_bank.items())
    }


def _at_once(answer: Answer) -> bool:
    return answer.payment_id is not None and len(answer.tries) == 1


def _window(plan: Plan, at_s: float) -> int:
    return min(WINDOWS - 1, int(at_s / plan.seconds * WINDOWS))


def _series(plan: Plan, answers: Iterable[Answer]) -> list[list[float]]:
    """(seconds, p50, p99 in milliseconds) of the calls that were due in each window."""
    windows: dict[int, list[float]] = defaultdict(list)
    for answer in answers:
        for one in answer.tries:
            windows[_window(plan, one.at_s)].append(one.seconds * 1000)
    width = plan.seconds / WINDOWS
    return [
        [round(number * width, 1), round(quantile(values, 0.5), 2), round(quantile(values, 0.99), 2)]
        for number, values in sorted(windows.items())
    ]


def _lag_series(plan: Plan, lags: Iterable[tuple[float, float]]) -> list[list[float]]:
    """(seconds, longest seconds from outbox to stream) of the events that were written in each window."""
    windows: dict[int, float] = defaultdict(float)
    for at_s, lag_s in lags:
        windows[_window(plan, at_s)] = max(windows[_window(plan, at_s)], lag_s)
    width = plan.seconds / WINDOWS
    return [[round(number * width, 1), round(lag_s, 3)] for number, lag_s in sorted(windows.items())]


def _bank_series(plan: Plan, answers: Iterable[Answer]) -> dict[str, list[list[float]]]:
    """Bank -> (seconds, part of the payments acknowledged at the first try)."""
    windows: dict[str, dict[int, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for answer in answers:
        windows[answer.call.bank][_window(plan, answer.call.at_s)].append(_at_once(answer))
    width = plan.seconds / WINDOWS
    return {
        bank: [[round(number * width, 1), sum(good) / len(good)] for number, good in sorted(found.items())]
        for bank, found in sorted(windows.items())
    }


def page(numbers: Mapping[str, Any]) -> str:
    """The HTML page: no script, no reference to anything outside; names are escaped."""
    templates = Environment(loader=PackageLoader("operations.probe"), autoescape=True, undefined=StrictUndefined)
    return templates.get_template("report.html").render(found=numbers, plots=_plots(numbers), stages=STAGES)


def write(numbers: Mapping[str, Any], path: Path) -> None:
    """Writes the page; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page(numbers), encoding="utf-8")


def _plots(numbers: Mapping[str, Any]) -> dict[str, str]:
    series = numbers["series"]
    latency = [("p50", [(x, a) for x, a, _ in series["latency"]]), ("p99", [(x, b) for x, _, b in series["latency"]])]
    return {
        "Latency, milliseconds from when a call was due": _plot(numbers, latency, log=True),
        "Acknowledged at the first try, by bank": _plot(numbers, list(series["banks"].items())),
        "Longest way of an event from outbox to stream, seconds": _plot(numbers, [("lag", series["lag"])]),
    }


def _plot(
    numbers: Mapping[str, Any], lines: Sequence[tuple[str, Sequence[Sequence[float]]]], *, log: bool = False
) -> str:
    """An SVG with the faults' times shaded."""
    # Loaded here: it takes most of a second, and only a probe draws.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3), layout="constrained")
    axes = figure.subplots()
    for fault in numbers["faults"]:
        axes.axvspan(fault["start_s"], fault["end_s"] or fault["start_s"] + 1, alpha=0.12, label=fault["name"])
    for name, points in lines:
        axes.plot([point[0] for point in points], [point[1] for point in points], linewidth=1.2, label=name)
    axes.set_xlabel("seconds")
    if log:
        axes.set_yscale("log")
    axes.legend(fontsize="x-small", ncols=4, loc="upper center", bbox_to_anchor=(0.5, -0.2), frameon=False)
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]
