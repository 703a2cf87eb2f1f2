"""The completeness proof finds each kind of loss, and nothing where there is none."""

from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from contracts import shard_map
from contracts.reconciliation import Acknowledged, EventRow, PaymentRow, Reconciliation, reconcile

SHARDS = ("s00", "s01")


def shard_of(account: str) -> str:
    return SHARDS[shard_map.slot_of(account) * len(SHARDS) // shard_map.SLOTS]


class World:
    """Payments, each with one event, in order, of some accounts; everything as it should be."""

    def __init__(self, accounts: Sequence[int]) -> None:
        self.told: list[Acknowledged] = []
        self.rows: list[PaymentRow] = []
        self.events: list[EventRow] = []
        last: dict[str, EventRow] = {}
        for number, which in enumerate(accounts):
            account, payment = f"acct_{which:04d}", f"pay_{number:04d}"
            before = last.get(account)
            event = EventRow(
                id=f"evt_{number:04d}",
                account=account,
                sequence=before.sequence + 1 if before else 1,
                previous=before.hash if before else "genesis",
                hash=f"sha256:{number:04d}",
                shard=shard_of(account),
                payment_id=payment,
                age_s=60.0,
            )
            last[account] = event
            self.events.append(event)
            self.told.append(Acknowledged(payment_id=payment, account=account, status="succeeded"))
            self.rows.append(PaymentRow(payment_id=payment, account=account, shard=event.shard, status="succeeded"))
        self.archived = list(self.events)

    def check(self, **settings: object) -> Reconciliation:
        return reconcile(self.told, self.rows, self.events, self.archived, shard_of, **settings)  # type: ignore[arg-type]


WORLDS = st.lists(st.integers(0, 4), min_size=1, max_size=30).map(World)


@given(WORLDS, st.randoms(use_true_random=False))
def test_a_whole_world_has_no_problem_in_any_order_and_with_repeated_deliveries(world: World, random: object) -> None:
    world.archived += world.archived[::2]
    random.shuffle(world.archived)  # type: ignore[attr-defined]
    found = world.check()
    assert found.problems() == []
    assert (found.payments, found.events, found.lag_s) == (len(world.told), len(world.told), 0.0)
    assert found.repeated == len(world.archived) - len(world.told)


@given(WORLDS, st.data())
def test_what_is_taken_away_is_named(world: World, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(world.told) - 1))
    victim = world.events[at]
    world.archived.remove(victim)
    assert world.check().lost_events == [victim.id]
    assert world.check(wait_s=61.0).waiting_events == 1
    assert world.check(wait_s=61.0).problems() == []
    assert world.check(quarantined={victim.id}).problems() == []
    assert world.check().lag_s == 60.0
    del world.rows[at]
    assert world.check().lost_payments == [victim.payment_id]


def test_a_hole_in_the_archive_that_no_outbox_explains_breaks_the_chain() -> None:
    world = World([1, 1, 1])
    del world.events[1], world.archived[1]
    assert world.check().broken_chains == ["acct_0001 at 3: the event before it is missing"]


def test_an_archive_read_from_a_date_on_may_begin_in_the_middle() -> None:
    world = World([1, 1, 1])
    del world.events[0], world.archived[0]
    assert world.check().broken_chains == ["acct_0001 at 2: the event before it is missing"]
    assert world.check(whole=False).broken_chains == []


def test_an_event_that_follows_another_than_the_one_before_it_breaks_the_chain() -> None:
    world = World([1, 1])
    world.archived[1] = world.events[1] = replace(world.events[1], previous="sha256:other")
    assert world.check().broken_chains == ["acct_0001 at 2: it does not follow the event before it"]
    world.archived[0] = world.events[0] = replace(world.events[0], previous="sha256:other")
    assert "acct_0001 at 1: the first event follows sha256:other" in world.check().broken_chains


def test_two_events_at_one_place_and_two_contents_of_one_id_are_doubled() -> None:
    world = World([1])
    world.archived.append(replace(world.events[0], id="evt_other"))
    world.archived.append(replace(world.events[0], hash="sha256:other"))
    assert world.check().doubled_events == ["acct_0001 at 1: evt_0000 and evt_other", "evt_0000 with two contents"]


def test_an_archived_event_that_differs_from_its_outbox_row_is_named() -> None:
    world = World([1])
    world.archived[0] = replace(world.archived[0], hash="sha256:other")
    assert world.check().doubled_events == ["evt_0000 with two contents"]


def test_payments_in_two_rows_or_in_a_wrong_shard_or_account_are_named() -> None:
    world = World([1, 2, 3])
    world.rows.append(world.rows[0])
    wrong = next(shard for shard in SHARDS if shard != world.rows[1].shard)
    world.rows[1] = replace(world.rows[1], shard=wrong)
    world.events[1] = replace(world.events[1], shard=wrong)
    world.rows[2] = replace(world.rows[2], account="acct_0009", shard=shard_of("acct_0009"))
    found = world.check()
    assert found.doubled_payments == ["pay_0000"]
    assert found.misplaced_payments == ["pay_0001", "pay_0002"]
    assert found.misplaced_events == ["evt_0001"]
    assert found.problems()[0] == "1 doubled payments: pay_0000"


def test_a_payment_without_event_and_a_final_status_that_changed_are_named() -> None:
    world = World([1, 2])
    del world.events[1], world.archived[1]
    world.rows[0] = replace(world.rows[0], status="declined")
    found = world.check()
    assert (found.silent_payments, found.differing_payments) == (["pay_0001"], ["pay_0000"])


def test_a_pending_payment_may_become_final_later() -> None:
    world = World([1])
    world.told[0] = replace(world.told[0], status="pending")
    assert world.check().problems() == []
