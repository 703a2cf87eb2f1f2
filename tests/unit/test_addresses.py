"""The address plan: no two cells share an address, in all regions and environments."""

from ipaddress import IPv4Network
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalogue
from components.addresses import (
    DEFAULT_SUPERNET,
    REGION_LIMIT,
    SERVICE_CIDR,
    AddressError,
    Slot,
    address_plan,
    overlaps,
    vpc_block,
)
from components.vocabulary import Environment, Tier

ZONES = ("euw1-az1", "euw1-az2", "euw1-az3")

regions = st.sampled_from(list(catalogue.regions().values()))
slots = st.sampled_from([slot.value for slot in Slot])
places = st.tuples(st.integers(0, REGION_LIMIT - 1), slots)
supernets = st.sampled_from(["10.0.0.0/8", "172.16.0.0/12", "10.128.0.0/9", "10.64.0.0/10"]).map(IPv4Network)


def test_no_two_cells_of_any_region_and_slot_overlap() -> None:
    blocks = {
        f"{name}/{slot}": vpc_block(region.index, slot) for name, region in catalogue.regions().items() for slot in Slot
    }
    assert overlaps(blocks) == []


def test_every_index_and_slot_fills_the_supernet_exactly_once() -> None:
    blocks = [vpc_block(index, slot) for index in range(REGION_LIMIT) for slot in Slot]
    assert len(set(blocks)) == len(blocks)
    assert sum(block.num_addresses for block in blocks) == DEFAULT_SUPERNET.num_addresses


@given(places, places, supernets)
def test_two_different_places_never_overlap_in_any_supernet(
    one: tuple[int, str], other: tuple[int, str], supernet: IPv4Network
) -> None:
    first, second = vpc_block(*one, supernet), vpc_block(*other, supernet)
    assert first.overlaps(second) == (one == other)
    assert first.subnet_of(supernet)


@given(regions, slots, st.integers(1, 3), supernets)
def test_subnets_lie_apart_within_their_vpc(
    region: catalogue.Region, slot: str, count: int, supernet: IPv4Network
) -> None:
    vpc = vpc_block(region.index, slot, supernet)
    zones = (region.zones * 2)[:count] if len(region.zones) < count else region.zones[:count]
    plan = address_plan(vpc, tuple(dict.fromkeys(zones)))
    subnets = [IPv4Network(cidr) for zones_of in plan.subnets.values() for cidr in zones_of.values()]
    assert all(subnet.subnet_of(vpc) for subnet in subnets)
    assert not any(a.overlaps(b) for a, b in combinations(subnets, 2))
    assert all(subnet.prefixlen <= 28 for subnet in subnets), "AWS takes no subnet smaller than /28"


@given(st.integers(1, 2))
def test_adding_a_zone_moves_no_subnet_of_the_others(count: int) -> None:
    vpc = vpc_block(3, "production")
    before, after = address_plan(vpc, ZONES[:count]), address_plan(vpc, ZONES[: count + 1])
    for tier in Tier:
        assert before.subnets[tier].items() <= after.subnets[tier].items()


def test_a_cell_has_room_for_a_pod_on_each_address() -> None:
    plan = address_plan(vpc_block(0, "production"), ZONES)
    assert plan.vpc_cidr == "10.0.0.0/16"
    assert plan.usable(Tier.WORKLOAD) == 3 * (8192 - 5)
    assert plan.subnets[Tier.DATA]["euw1-az2"] == "10.0.96.0/21"


def test_every_environment_has_a_slot_of_its_name() -> None:
    assert {environment.value for environment in Environment} < {slot.value for slot in Slot}


def test_services_share_no_address_with_any_cell() -> None:
    assert not SERVICE_CIDR.overlaps(DEFAULT_SUPERNET)


@pytest.mark.parametrize("index", [-1, REGION_LIMIT, True, 1.0, "0"])
def test_an_index_outside_the_plan_is_refused_with_the_way_out(index: object) -> None:
    with pytest.raises(AddressError, match=r"outside 0\.\.63; give the region a free index in catalogue/regions\.yaml"):
        vpc_block(index, "production")  # type: ignore[arg-type]


def test_an_unknown_slot_is_refused() -> None:
    with pytest.raises(AddressError, match="'test' is not one of production, staging"):
        vpc_block(0, "test")


@pytest.mark.parametrize(
    ("supernet", "rule"), [("8.0.0.0/8", "not private"), ("10.0.0.0/13", "a /21"), ("10.0.0.0/30", "a /38")]
)
def test_a_supernet_without_room_is_refused(supernet: str, rule: str) -> None:
    with pytest.raises(AddressError, match=rule):
        vpc_block(0, "production", IPv4Network(supernet))


@pytest.mark.parametrize(
    ("vpc", "zones", "rule"),
    [
        ("10.0.0.0/15", ZONES, "a /15"),
        ("10.0.0.0/21", ZONES, "a /21"),
        ("10.0.0.0/16", (), "0 zones"),
        ("10.0.0.0/16", (*ZONES, "euw1-az4"), "4 zones"),
        ("10.0.0.0/16", ("euw1-az1", "euw1-az1"), "each may appear once"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(vpc: str, zones: tuple[str, ...], rule: str) -> None:
    with pytest.raises(AddressError, match=rule):
        address_plan(IPv4Network(vpc), zones)
