"""The parts of `docs/edge-gateway.md` that are made from the code: the way of a request, limits, refusals, fail modes.

python tests/unit/gateway_page.py

`make docs` runs this; a test says when the page is old.
"""

from itertools import groupby, pairwise
from pathlib import Path

from components.gateway_filters import chain
from components.gateway_replies import REPLIES
from components.gateway_settings import (
    ACCOUNT_RATES,
    FAIL_MODES,
    Caller,
    Endpoint,
    Gateway,
    Priority,
    Rates,
    limits_for,
)
from components.payments import ACCOUNT_CONCURRENCY
from components.trace_agent import ENDPOINT
from operations.picture import Box, Picture, mermaid

PAGE = Path(__file__).parents[2] / "docs" / "edge-gateway.md"
PEAK = 250
"""Payments a second of the pod whose limits the page shows."""

STEPS = {
    "health_check": "health",
    "kept": "refusals traced",
    "lua": "caller",
    "class-rate": "rates",
    "account-rate": "rates",
    "at-a-time": "requests at a time",
    "adaptive": "requests at a time",
    "buffer": "body",
    "fraud": "fraud decision",
    "forced": "undecided traced",
    "admission": "admission control",
    "router": "router",
}
"""Beginning of a filter's name -> the step it belongs to."""

BY_CALLER = {"no-key": 401, "no-account": 400, "wrong-cell": 421}
"""What the caller filter refuses by itself."""


def step_of(filter_name: str) -> str:
    """The step of a filter; an error for one that the page does not know."""
    name = filter_name.removeprefix("envoy.filters.http.")
    return next(step for beginning, step in STEPS.items() if name.startswith(beginning))


def way() -> Picture:
    """The filters in their order, and whom they call."""
    gateway = Gateway(cell="cell", limits=limits_for(PEAK), otlp_endpoint=ENDPOINT)
    names = [one.name.removeprefix("envoy.filters.http.") for one in chain(gateway)]
    steps = [(step, tuple(found)) for step, found in groupby(names, step_of)]
    boxes = [Box(key=step, title=step, lines=found, frame="gateway") for step, found in steps]
    order = [step for step, _ in steps]
    arrows = [*pairwise(order), ("load balancer", order[0])]
    others = {"load balancer": (), "scorer": ("grpc 9001",), "payments": ("http 8080",), "collector": ("otlp 4318",)}
    outside = [Box(key=name, title=name, lines=lines) for name, lines in others.items()]
    calls = [("fraud decision", "scorer"), ("router", "payments"), ("refusals traced", "collector")]
    return Picture(boxes=(*boxes, *outside), arrows=(*arrows, *calls))


def limits() -> str:
    """Rates and shares of one pod."""
    found = limits_for(PEAK)
    shares = [
        f"| {priority} | {found.shares.get(priority, 100)} % | {found.at_a_time(priority)} |" for priority in Priority
    ]
    return "\n".join(
        [
            f"Of a pod that takes {PEAK} payments a second at the peak. Requests a second, with bursts of two seconds:",
            "",
            *_table("one account", ACCOUNT_RATES),
            "",
            *_table("all callers of a class", found.class_rates),
            "",
            f"| one account, at a pod of the payments API | {' | '.join(Caller)} |",
            "|---|" + "---|" * len(Caller),
            f"| requests at a time | {' | '.join(str(ACCOUNT_CONCURRENCY[caller]) for caller in Caller)} |",
            "",
            "| priority | share of the requests at a time, with all below | requests |",
            "|---|---|---|",
            *shares,
        ]
    )


def _table(what: str, rates: Rates) -> list[str]:
    head = [f"| {what} | {' | '.join(Endpoint)} |", "|---|" + "---|" * len(Endpoint)]
    return head + [
        f"| {caller} | {' | '.join(str(rates[caller][endpoint].per_s) for endpoint in Endpoint)} |" for caller in Caller
    ]


def refusals() -> str:
    """Every answer of the gateway's own."""
    rows = [
        f"| {status} | `{reason}` | {'0' if status == 421 else '-'} | yes |" for reason, status in BY_CALLER.items()
    ]
    rows += [
        f"| {reply.status} | `{reply.reason}` | {'-' if reply.retry_after_s is None else reply.retry_after_s} | "
        f"{'yes' if reply.refused else 'unknown'} |"
        for reply in REPLIES
    ]
    return "\n".join(["| status | reason | Retry-After, s | nothing was done |", "|---|---|---|---|", *rows])


def modes() -> str:
    """Fail mode of each class."""
    rows = [f"| {caller} | {FAIL_MODES[caller]} |" for caller in Caller]
    return "\n".join(["| class | without a decision |", "|---|---|", *rows])


def page(text: str) -> str:
    """The page with its made parts made anew."""
    parts = {
        "way": f"```mermaid\n{mermaid(way())}```",
        "limits": limits(),
        "refusals": refusals(),
        "modes": modes(),
    }
    for name, content in parts.items():
        begin, end = f"<!-- {name}:begin -->", f"<!-- {name}:end -->"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}\n{content}\n{end}{rest.partition(end)[2]}"
    return text


def main() -> None:
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
