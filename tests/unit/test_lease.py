"""The writer's lease: what an answer lets, how long, and who has none."""

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError

from contracts.epoch import FENCE_S, LEASE_S, RENEW_S, Writer, WriterState
from workloads.lease import EpochStore, Lease, clock, lease_from_environment

PRIMARY, REPLICA = "eu-west-1", "eu-west-1-replica"
FENCED = Writer(epoch=1, cell=PRIMARY, state=WriterState.FENCED)
MOVED = Writer(epoch=2, cell=REPLICA)
UNREACHABLE = ConnectTimeoutError(endpoint_url="https://dynamodb")


class Store:
    """The table, the time, and what goes wrong on the way."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.writer: Writer | None = None
        self.fails: Exception | None = None
        self.takes_s = 0.0

    def get_item(self, **asked: Any) -> Mapping[str, Any]:
        assert asked["ConsistentRead"]
        found = self.writer
        self.now += self.takes_s
        if self.fails is not None:
            raise self.fails
        return {"Item": found.to_item()} if found is not None else {}

    def lease(self, cell: str = PRIMARY) -> Lease:
        store = EpochStore(client=self, table="eu-west-1-epoch", cell=cell, primary=PRIMARY)
        return Lease(store, lambda: self.now)


@pytest.fixture
def store() -> Store:
    return Store()


def gone() -> ClientError:
    return ClientError({"Error": {"Code": "ResourceNotFoundException", "Message": ""}}, "GetItem")


def test_a_cell_without_a_recovery_region_always_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EPOCH_TABLE", raising=False)
    lease = lease_from_environment()
    lease.start()
    assert (lease.held, lease.epoch, lease.denied) == (True, 0, False)


def test_nobody_holds_before_the_first_answer(store: Store) -> None:
    assert not store.lease().held


def test_a_read_that_began_before_the_fence_has_run_out_when_the_fence_is_over(store: Store) -> None:
    lease, store.takes_s = store.lease(), 1.0
    began = store.now
    lease.ask()
    store.writer, store.fails = FENCED, UNREACHABLE
    store.now = began + LEASE_S - 0.1
    assert lease.held
    store.now = began + LEASE_S
    assert not lease.held
    assert LEASE_S < FENCE_S


def test_a_read_after_the_fence_ends_the_lease_at_once(store: Store) -> None:
    lease = store.lease()
    lease.ask()
    store.writer = FENCED
    lease.ask()
    assert (lease.held, lease.epoch, lease.denied) == (False, 1, True)


def test_the_cell_that_is_let_by_the_record_holds_and_the_other_does_not(store: Store) -> None:
    store.writer = MOVED
    primary, replica = store.lease(PRIMARY), store.lease(REPLICA)
    primary.ask()
    replica.ask()
    assert (primary.held, replica.held) == (False, True)
    assert (primary.epoch, replica.writer) == (2, MOVED)


def test_four_lost_questions_are_survived(store: Store) -> None:
    lease = store.lease()
    lease.ask()
    store.fails = UNREACHABLE
    for _ in range(4):
        store.now += RENEW_S
        lease.ask()
        assert lease.held
    assert not lease.denied
    store.now += RENEW_S
    assert not lease.held
    store.fails = None
    lease.ask()
    assert lease.held


def test_a_process_that_was_paused_finds_its_lease_run_out(store: Store) -> None:
    lease = store.lease()
    lease.ask()
    store.now += 3_600
    assert not lease.held


def test_an_answer_that_came_late_is_as_old_as_its_question(store: Store) -> None:
    lease, store.takes_s = store.lease(), 3_600.0
    lease.ask()
    assert not lease.held


def test_a_record_that_cannot_be_read_lets_nobody(store: Store) -> None:
    lease = store.lease()
    lease.ask()
    store.get_item = lambda **_: {"Item": {"id": {"S": "writer"}}}  # type: ignore[method-assign]
    store.now += LEASE_S
    lease.ask()
    assert not lease.held


def test_a_primary_that_never_saw_the_table_is_unpaired_and_holds(store: Store) -> None:
    lease, store.fails = store.lease(PRIMARY), gone()
    lease.ask()
    assert (lease.held, lease.writer, lease.epoch) == (True, None, 0)


def test_a_replica_without_the_table_does_not_hold(store: Store) -> None:
    lease, store.fails = store.lease(REPLICA), gone()
    lease.ask()
    assert (lease.held, lease.denied) == (False, True)


def test_a_primary_that_saw_the_table_does_not_hold_without_it(store: Store) -> None:
    lease = store.lease(PRIMARY)
    lease.ask()
    store.fails = gone()
    lease.ask()
    assert (lease.held, lease.denied) == (False, True)


def test_the_clock_only_grows_and_counts_what_a_monotonic_one_does() -> None:
    first, second = clock(), clock()
    assert second >= first > 0


def test_a_started_lease_has_its_first_answer(store: Store) -> None:
    lease = store.lease()
    lease.start()
    assert lease.held
    lease.stop()
