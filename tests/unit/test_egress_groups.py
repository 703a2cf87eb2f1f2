"""Egress groups: a market stays where it is whatever is added, and a group fits into a ConfigMap."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.banks import Bank, Ejection, Endpoint, Limits, Market
from components.egress_groups import MARGIN, MAX_CONFIG_MAP_BYTES, PLACES, egress_groups, places
from components.envoy.bank_clusters import egress_files

LIMITS = Limits(
    connections=1024,
    pending=1024,
    requests=2048,
    retries=3,
    retry_budget_percent=50,
    rate_per_second=5000,
    timeout_ms=60_000,
    try_timeout_ms=59_999,
    connect_timeout_ms=9_999,
    idle_timeout_ms=3_599_999,
)
EJECTION = Ejection(
    consecutive_errors=100,
    interval_ms=59_999,
    base_ms=299_999,
    maximum_ms=899_999,
    failure_percent=100,
    minimum_success_percent=100,
)


def host(name: str) -> Endpoint:
    return Endpoint(host=name, port=443, server_name=name)


def bank(name: str) -> Bank:
    """With long names, two hosts and a second route of another name."""
    domain = f"{name}.gateway.payments.a-bank-with-a-long-name.example.com"
    return Bank(
        id=name,
        rail="sct-inst",
        endpoints=(host(f"a.{domain}"),),
        second_route=(host(f"b.{domain}"),),
        limits=LIMITS,
        ejection=EJECTION,
    )


def market(index: int, banks: int) -> Market:
    named = [f"m{index}-bank-with-a-long-id-{number}" for number in range(banks)]
    return Market(
        name=f"market-with-a-long-name-{index}",
        index=index,
        currency="EUR",
        cells=frozenset({"eu-west-1"}),
        banks={name: bank(name) for name in named},
    )


SIZES = st.lists(st.integers(1, PLACES), min_size=1, max_size=20)


def numbers(groups: Mapping[int, tuple[Market, ...]]) -> dict[str, int]:
    return {market.name: number for number, members in groups.items() for market in members}


def small(index: int, banks: int) -> Market:
    """As `market`, its banks without content: only their number counts."""
    one = bank("b")
    return replace(market(index, 0), banks={f"b{number}": one for number in range(banks)})


@settings(max_examples=100, deadline=None)
@given(SIZES, st.integers(1, PLACES))
def test_a_new_market_moves_no_other(sizes: list[int], added: int) -> None:
    before = [small(index * 2, size) for index, size in enumerate(sizes)]
    after = [*before, small(len(sizes) * 2, added)]
    known, now = numbers(egress_groups(before)), numbers(egress_groups(reversed(after)))
    assert {name: now[name] for name in known} == known


@settings(max_examples=100, deadline=None)
@given(SIZES, st.data())
def test_a_bank_more_moves_no_market_while_there_is_room(sizes: list[int], data: st.DataObject) -> None:
    grown = [data.draw(st.integers(size, places(size))) for size in sizes]
    before = egress_groups([small(index, size) for index, size in enumerate(sizes)])
    assert numbers(egress_groups([small(index, size) for index, size in enumerate(grown)])) == numbers(before)


@settings(max_examples=100, deadline=None)
@given(SIZES)
def test_every_market_is_in_one_group_and_no_group_is_too_full(sizes: list[int]) -> None:
    groups = egress_groups([small(index, size) for index, size in enumerate(sizes)])
    members = [market.name for group in groups.values() for market in group]
    assert len(members) == len(set(members)) == len(sizes)
    assert all(sum(len(market.banks) for market in group) <= PLACES for group in groups.values())
    assert sorted(groups) == list(range(len(groups)))


def test_a_full_group_of_large_banks_fits_into_a_config_map() -> None:
    files = egress_files([market(0, PLACES)], "eu-west-1/egress-0")
    size = sum(map(len, files.values()))
    assert size < MAX_CONFIG_MAP_BYTES * MARGIN
    assert 3_000 < size / PLACES < 6_000, "docs/banks.md and PLACES name about 4 to 5 KiB a bank"


def test_a_market_with_more_banks_than_a_gateway_takes_is_refused() -> None:
    with pytest.raises(ValueError, match=r"market-with-a-long-name-0.*129 are more than the 128"):
        egress_groups([small(0, PLACES + 1)])


def test_two_markets_of_one_index_are_refused() -> None:
    with pytest.raises(ValueError, match="take the next"):
        egress_groups([small(1, 1), replace(small(1, 1), name="other")])


def test_the_same_markets_give_the_same_text() -> None:
    assert egress_files([market(0, 3)], "x") == egress_files([market(0, 3)], "x")
