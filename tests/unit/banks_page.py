"""The parts of `docs/banks.md` that are made from the code: a call's way, the markets, what egress gateways answer.

python tests/unit/banks_page.py

`make docs` runs this; a test says when the page is old.
"""

import json
from pathlib import Path
from typing import Any

import catalogue
from components.bank_egress import CALLERS
from components.egress_groups import egress_groups, group_name
from components.envoy.bank_clusters import egress_files
from components.envoy.bank_listener import LOCAL_ANSWERS
from operations.picture import Box, Picture, mermaid
from stacks.fleet import load_fleet
from stacks.market_files import Markets, load_markets

STACKS = Path(__file__).parents[2] / "stacks"
PAGE = Path(__file__).parents[2] / "docs" / "banks.md"
SHOWN = "eu-sepa"
"""Market whose banks the picture has."""

WITHOUT_FLAG = ((503, "rate-limit"), (503, "overload"))
"""Answers that Envoy writes before it sets a flag: of the rate limiter, and of admission control."""


def markets() -> Markets:
    return load_markets(STACKS / "markets", load_fleet(STACKS).cells)


def way() -> Picture:
    """Callers, the listener's filters, each bank's cluster with what it has of its own, and the bank's hosts."""
    found = next(market for market in markets().all if market.name == SHOWN)
    files = {name: json.loads(text) for name, text in egress_files([found], "page").items()}
    (listener,) = files["lds.json"]["resources"]
    manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
    entry = Box(
        key="listener", title=listener["name"], lines=tuple(map(_word, manager["http_filters"])), frame="egress"
    )
    callers = [Box(key=name, title=name) for name in CALLERS]
    boxes, arrows = [*callers, entry], [(name, entry.key) for name in CALLERS]
    for cluster in files["cds.json"]["resources"]:
        boxes.append(Box(key=cluster["name"], title=cluster["name"], lines=_parts(cluster), frame="egress"))
        arrows.append((entry.key, cluster["name"]))
        for priority, route in enumerate(cluster["load_assignment"]["endpoints"]):
            hosts = tuple(one["endpoint"]["address"]["socket_address"]["address"] for one in route["lb_endpoints"])
            key = f"{cluster['name']}-{priority}"
            boxes.append(Box(key=key, title="second route" if priority else "bank", lines=hosts))
            arrows.append((cluster["name"], key))
    return Picture(boxes=tuple(boxes), arrows=tuple(arrows))


def _word(filter_: dict[str, Any]) -> str:
    return str(filter_["name"]).rpartition(".")[2]


def _parts(cluster: dict[str, Any]) -> tuple[str, ...]:
    own = [part for part in ("circuit_breakers", "outlier_detection") if part in cluster]
    (protocol,) = cluster["typed_extension_protocol_options"].values()
    return (*own, *map(_word, protocol["http_filters"]))


def market_table() -> str:
    """The markets that there are, and the gateway that serves them."""
    found = markets()
    groups = {
        market.name: group_name(number) for number, members in egress_groups(found.all).items() for market in members
    }
    rows = [
        f"| {market.name} | {market.currency} | {', '.join(found.files[market.name].settings.rails)} | "
        f"{', '.join(market.banks)} | {', '.join(found.files[market.name].settings.cells)} | {groups[market.name]} |"
        for market in found.all
    ]
    return "\n".join(["| market | currency | rails | banks | cells | gateway |", "|---|---|---|---|---|---|", *rows])


def rail_table() -> str:
    """Every rail, with what was not checked yet marked."""

    def shown(fact: Any, text: str) -> str:
        return text if fact.verified else f"{text} (?)"

    rows = []
    for word, rail in catalogue.rails().items():
        cutoff = shown(rail.cutoff, f"{', '.join(rail.cutoff.times)} {rail.cutoff.zone}") if rail.cutoff else "-"
        most = "-"
        if rail.limit:
            units = rail.limit.minor_units
            most = shown(rail.limit, "none of the scheme" if units is None else f"{units / 100:,.2f}")
        rows.append(f"| `{word}` | {rail.currency} | {rail.speed.value} | {rail.hours.value} | {cutoff} | {most} |")
    return "\n".join(["| rail | currency | speed | hours | cut-off | limit |", "|---|---|---|---|---|---|", *rows])


def answers() -> str:
    """What an egress gateway says itself."""
    known = [(status, word) for _, status, word in LOCAL_ANSWERS]
    rows = [
        f"| {status} | `{'x-refused' if status == 503 else 'x-bank-unknown'}: {word}` | "
        f"{'nothing was sent' if status == 503 else 'the bank may have it: ask'} |"
        for status, word in dict.fromkeys([*known, *WITHOUT_FLAG])
    ]
    return "\n".join(["| status | header | |", "|---|---|---|", *rows])


def page(text: str) -> str:
    """The page with its made parts made anew."""
    parts = {
        "way": f"```mermaid\n{mermaid(way())}```",
        "markets": market_table(),
        "rails": rail_table(),
        "answers": answers(),
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
