"""The sums in docs/availability.md, done again from its own tables."""

import re
from math import prod
from pathlib import Path

import pytest

from contracts.epoch import FENCE_S, RENEW_S

PAGE = (Path(__file__).parents[2] / "docs" / "availability.md").read_text(encoding="utf-8")
YEAR_S = 365.25 * 86_400


def table(header: str) -> list[list[str]]:
    """Cells of the rows below a header's line."""
    rows = PAGE.partition(header)[2].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]


def seconds(text: str) -> float:
    """`2 h 48 min`, `5 min 16 s`."""
    units = {"h": 3600, "min": 60, "s": 1}
    return sum(int(number) * units[unit] for number, unit in re.findall(r"(\d+) (h|min|s)\b", text))


def test_one_cell_is_the_product_of_its_parts() -> None:
    parts = [float(row[1]) / 100 for row in table("| on the way of a payment |")]
    assert len(parts) == 6

    found = re.search(r"product of all = ([\d.]+) %, (.*) a year", PAGE)

    assert found is not None
    assert float(found[1]) == pytest.approx(100 * prod(parts), abs=0.0005)
    assert seconds(found[2]) == pytest.approx((1 - prod(parts)) * YEAR_S, abs=60)


def test_an_outage_a_year_costs_what_it_takes_to_recover() -> None:
    rows = table("| T | one outage a year |")
    assert len(rows) == 4
    for recovery, cost, availability in rows:
        assert seconds(recovery) == seconds(cost)
        assert float(availability.removesuffix(" %")) == pytest.approx(100 * (1 - seconds(cost) / YEAR_S), abs=0.00005)


def test_both_regions_at_once_are_seconds_a_year() -> None:
    parts = [float(row[1]) / 100 for row in table("| on the way of a payment |")]
    assert (1 - prod(parts)) ** 2 * YEAR_S == pytest.approx(3, abs=0.5)
    assert "U(cell)^2 is 3 s a year" in PAGE


def test_a_sixth_of_the_payments_weighs_a_sixth() -> None:
    longest = YEAR_S * 1e-5 * 6
    assert "T up to 31 min 33 s" in PAGE
    assert longest // 60 == 31
    assert longest % 60 == pytest.approx(33, abs=1.5)
    availability = 100 * (1 - 600 / 6 / YEAR_S)
    assert availability == pytest.approx(99.9997, abs=0.00005)


def test_the_time_to_recover_is_the_sum_of_its_steps_with_the_constants_of_the_code() -> None:
    steps = {row[0]: float(row[1]) for row in table("| step | s | from |")}
    total = sum(steps.values())

    assert f"{total:.0f} s, {total // 60:.0f} min {total % 60:.0f} s; without the person {total - 300:.0f} s" in PAGE
    assert f"With five\nminutes it is {total + 240:.0f} s" in PAGE
    assert {steps[name] for name in steps if "FENCE_S" in name} == {FENCE_S}
    assert {steps[name] for name in steps if "RENEW_S" in name} == {RENEW_S}
