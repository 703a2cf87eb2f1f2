"""What the weekly drill runs: there and back with real movements, and the condition that stops it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError
from recovery_world import AWAY, HOME, PRIMARY, REPLICA, World, made, pair_of

from operations.errors import CellError
from operations.recovery.rehearse import STAY_S, Rehearsal, ringing
from operations.recovery.run import Kind
from stacks.pairs import PairPlan


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> PairPlan:
    return pair_of(tmp_path_factory.mktemp("stacks"))


@pytest.fixture
def world(pair: PairPlan) -> Iterator[World]:
    with made(pair) as found:
        found.sleep(3.0)
        yield found


def rehearsal(world: World, rings: Callable[[Sequence[str]], list[str]] = lambda _regions: []) -> Rehearsal:
    def move(kind: Kind, origin: str, target: str) -> None:
        assert world.command(kind, origin, target) is not None

    return Rehearsal(
        pair=world.pair,
        writer=lambda: world.record().cell,
        rings=rings,
        move=move,
        clock=world,
        say=lambda _line: None,
    )


def test_the_writer_goes_to_the_replica_and_comes_home(world: World) -> None:
    line = rehearsal(world).act()
    assert line.startswith(f"there and back: {REPLICA} wrote for {STAY_S:.0f} s")
    assert (world.record().cell, set(world.writers.values())) == (PRIMARY, {PRIMARY})
    assert world.record().epoch == 4, "two movements, each fences and grants"


def test_nothing_begins_while_an_alarm_of_either_region_rings(world: World) -> None:
    asked: list[tuple[str, ...]] = []

    def rings(regions: Sequence[str]) -> list[str]:
        asked.append(tuple(regions))
        return ["eu-west-1-slow"]

    with pytest.raises(CellError, match="not begun: eu-west-1-slow rings"):
        rehearsal(world, rings).act()
    assert asked == [(HOME, AWAY)]
    assert world.record().epoch == 0


def test_an_alarm_where_the_replica_writes_ends_the_stay_at_once(world: World) -> None:
    def rings(regions: Sequence[str]) -> list[str]:
        return ["eu-west-1-replica-slow"] if tuple(regions) == (AWAY,) and world.s > 120 else []

    with pytest.raises(CellError, match=r"cut short: .* until eu-west-1-replica-slow rings; eu-west-1 writes again"):
        rehearsal(world, rings).act()
    assert world.record().cell == PRIMARY
    assert world.s < STAY_S, "it waited for the whole stay"


def test_what_cannot_be_looked_at_stops_it_too(pair: PairPlan) -> None:
    def refused(**_: Any) -> Any:
        raise ClientError({"Error": {"Code": "AccessDenied", "Message": ""}}, "DescribeAlarms")

    pages = SimpleNamespace(get_paginator=lambda _name: SimpleNamespace(paginate=refused))
    found = ringing(SimpleNamespace(get=lambda *_: pages), pair, (AWAY,))
    assert len(found) == 1
    assert found[0].startswith(f"alarms of {AWAY} cannot be looked at")


def test_composite_alarms_of_the_pair_and_of_both_cells_are_looked_at(pair: PairPlan) -> None:
    states = {
        HOME: {"eu-west-1-edge": "ALARM", "eu-west-1-pair-eu-west-1-lag": "ALARM", "us-east-1-edge": "ALARM"},
        AWAY: {"eu-west-1-replica-edge": "ALARM", "eu-west-1-replica-path": "OK"},
    }

    def pages(region: str) -> Any:
        def paginate(AlarmNamePrefix: str, AlarmTypes: list[str], StateValue: str) -> Any:
            assert AlarmTypes == ["CompositeAlarm"]
            names = [n for n, state in states[region].items() if n.startswith(AlarmNamePrefix) and state == StateValue]
            return [{"CompositeAlarms": [{"AlarmName": name}]} for name in names]

        return SimpleNamespace(get_paginator=lambda _name: SimpleNamespace(paginate=paginate))

    clients = SimpleNamespace(get=lambda _service, region: pages(region))
    assert ringing(clients, pair, (HOME, AWAY)) == [
        "eu-west-1-edge",
        "eu-west-1-pair-eu-west-1-lag",
        "eu-west-1-replica-edge",
    ]
    other = replace(pair, replica=replace(pair.replica, cell="frankfurt"))
    states[AWAY] = {"frankfurt-edge": "ALARM"}
    assert "frankfurt-edge" in ringing(clients, other, (AWAY,))


def test_a_writer_that_is_not_at_home_is_not_drilled(world: World) -> None:
    world.command(Kind.FAILOVER, PRIMARY, REPLICA, loss=True)
    before = len(world.calls)
    with pytest.raises(CellError, match=f"not begun: {REPLICA} writes; bring the writer home first: cell failback"):
        rehearsal(world).act()
    assert len(world.calls) == before


def test_a_drill_that_cannot_come_back_says_so_and_leaves_the_writer_where_it_is(world: World) -> None:
    def rings(_regions: Sequence[str]) -> list[str]:
        if world.s > 120:
            world.members[PRIMARY] = "pending-resync"
        return []

    with pytest.raises(CellError, match="pending-resync"):
        rehearsal(world, rings).act()
    assert world.record().lets(REPLICA)
    assert not world.record().lets(PRIMARY)
