"""No split brain: failovers, crashes, stalls, partitions, a region that dies and returns, in any order, against the
real store, journal, steps and leases. Only time, RDS and what clients see are made up (recovery_world.py)."""

import tempfile
from contextlib import ExitStack, suppress
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from recovery_world import ALICE, AWAY, BOB, HOME, PRIMARY, REPLICA, Killed, made, pair_of

from operations.errors import CellError
from operations.recovery import aftermath, databases, session
from operations.recovery.run import Kind
from operations.recovery.store import Store
from stacks.pairs import PairPlan

LIMITS = (
    (aftermath, "REGENERATION_S"),
    (aftermath, "TRAFFIC_S"),
    (aftermath, "PAYMENT_S"),
    (aftermath, "ARCHIVED_S"),
    (databases, "PROMOTION_S"),
)
"""How long a step waits: shortened, since each second of the world is looked at."""


KINDS = st.sampled_from([Kind.FAILOVER, Kind.FAILOVER, Kind.FAILOVER, Kind.SWITCHOVER, Kind.FAILBACK])
ASTRAY = st.sampled_from([False, False, False, True])


@cache
def one_pair() -> PairPlan:
    return pair_of(Path(tempfile.mkdtemp()))


class Movements(RuleBasedStateMachine):
    """`World.check` runs at every call and every second of the world's time: two leases at once fail there."""

    def __init__(self) -> None:
        super().__init__()
        self._made = ExitStack()
        patch = self._made.enter_context(pytest.MonkeyPatch.context())
        for module, name in LIMITS:
            patch.setattr(module, name, 12.0)
        self.world = self._made.enter_context(made(one_pair()))
        self.world.sleep(3.0)

    def teardown(self) -> None:
        self.world.on_tick = None
        self._made.close()

    def moves(self, kind: Kind, astray: bool, by: str) -> None:
        """The command; it may be refused, time out, or be killed. `astray`: to the cell that writes."""
        origin = self.world.record().cell
        to = one_pair().other(origin)
        if astray:
            origin, to = to, origin
        with suppress(CellError, Killed):
            self.world.command(kind, origin, to, loss=kind is Kind.FAILOVER, by=by)

    @rule(kind=KINDS, astray=ASTRAY)
    def move(self, kind: Kind, astray: bool) -> None:
        self.moves(kind, astray, BOB)

    @rule(
        kind=KINDS,
        astray=ASTRAY,
        effect=st.integers(0, 40),
        took_place=st.booleans(),
    )
    def move_and_crash(self, kind: Kind, astray: bool, effect: int, took_place: bool) -> None:
        self.world.kill_at = (self.world.effects + effect, took_place)
        self.moves(kind, astray, BOB)
        self.world.kill_at = None

    @rule(
        kind=KINDS,
        astray=ASTRAY,
        effect=st.integers(0, 40),
    )
    def move_and_lose_a_reply(self, kind: Kind, astray: bool, effect: int) -> None:
        self.world.lose_at = self.world.effects + effect
        self.moves(kind, astray, BOB)
        self.world.lose_at = None

    @rule(
        astray=ASTRAY,
        call=st.integers(0, 60),
        other_astray=ASTRAY,
        stalls_s=st.sampled_from([0.0, 12.0, 40.0]),
        abandons=st.booleans(),
    )
    def move_while_another_process_stalls(
        self, astray: bool, call: int, other_astray: bool, stalls_s: float, abandons: bool
    ) -> None:
        """A process stands still before a call, for as long as another one needs, and goes on as if nothing was."""
        world, left = self.world, [call]

        def stall() -> None:
            left[0] -= 1
            if left[0] != 0:
                return
            world.sleep(stalls_s)
            if abandons:
                self.abandon()
            self.moves(Kind.FAILOVER, other_astray, ALICE)

        world.on_call = stall
        self.moves(Kind.FAILOVER, astray, BOB)
        world.on_call = lambda: None

    @rule(writers=st.sampled_from([True, True, False]))
    @precondition(lambda self: not self.world.dead)
    def region_dies(self, writers: bool) -> None:
        cell = self.world.record().cell
        self.world.dead.add(one_pair().cells[cell if writers else one_pair().other(cell)].region)

    @rule()
    @precondition(lambda self: not self.world.dead)
    def lose_the_writer_and_fail_over_at_once(self) -> None:
        """While the lost cell's lease still holds."""
        self.region_dies(writers=True)
        self.moves(Kind.FAILOVER, False, BOB)

    @rule()
    @precondition(lambda self: self.world.dead)
    def region_returns(self) -> None:
        self.world.dead.clear()

    @rule(cell=st.sampled_from([PRIMARY, REPLICA]), cut=st.booleans())
    def partition(self, cell: str, cut: bool) -> None:
        """The cell's programs and the epoch store do not reach each other."""
        (self.world.cut.add if cut else self.world.cut.discard)(cell)

    @rule(seconds=st.integers(1, 30))
    def time_passes(self, seconds: int) -> None:
        self.world.killed = False
        self.world.sleep(float(seconds))

    @rule()
    def abandon(self) -> None:
        self.world.killed = False
        store = Store(self.world, (AWAY, HOME), one_pair().epoch_table, PRIMARY)
        with suppress(CellError):
            for run in store.runs():
                if run.open:
                    session.abandon(store, run.id)

    @invariant()
    def one_writer_and_epochs_that_grow(self) -> None:
        self.world.check()
        record = self.world.record()
        assert record.epoch == max(self.world.epochs)
        if record.lets(REPLICA):
            assert set(self.world.writers.values()) == {REPLICA}, "a cell is let before its shards are promoted"


Movements.TestCase.settings = settings(
    max_examples=30,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

TestMovements = Movements.TestCase
