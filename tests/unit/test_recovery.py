"""Movements of a pair's writer: what they do, what they refuse, and what is left when they are killed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from recovery_world import ALICE, AWAY, BOB, EFFECTS, HOME, PRIMARY, REPLICA, Killed, World, made, pair_of

from contracts.epoch import WriterState
from operations.errors import CellError
from operations.recovery.machine import RefusedError
from operations.recovery.run import Kind, Status
from stacks.pairs import PairPlan


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> PairPlan:
    return pair_of(tmp_path_factory.mktemp("stacks"))


@pytest.fixture
def world(pair: PairPlan) -> Iterator[World]:
    with made(pair) as found:
        found.sleep(3.0)
        yield found


def test_a_failover_of_a_dead_region_moves_the_writer(world: World) -> None:
    world.dead.add(HOME)
    run = world.command(Kind.FAILOVER, loss=True)
    assert run is not None
    assert run.status is Status.DONE
    assert set(world.writers.values()) == {REPLICA}
    record = world.record()
    assert (record.epoch, record.cell, record.state, record.run) == (2, REPLICA, WriterState.SERVING, None)
    assert record.regenerate_since
    planned = {key: group.desired for key, group in world.pair.primary.node_groups.items()}
    assert sorted(world.nodes[REPLICA].values()) == sorted(planned.values())
