"""`cell recovery missing`: what the archive tells after a movement of the payments that the movement named."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from recovery_world import AWAY, PRIMARY, REPLICA, World, archived, made, pair_of

from contracts.events import new_id
from operations.recovery.again import look_again
from operations.recovery.archive import Archive
from operations.recovery.machine import text
from operations.recovery.run import Kind, Run, Status, StepRecord
from stacks.pairs import PairPlan


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> PairPlan:
    return pair_of(tmp_path_factory.mktemp("stacks"))


@pytest.fixture
def world(pair: PairPlan) -> Iterator[World]:
    with made(pair) as found:
        yield found


def ran(*named: str, granted_s: float = 60.0, reported_s: float = 90.0) -> Run:
    """A failover whose report named payments. Times are seconds from now: objects of the archive are of now."""
    now = datetime.now(UTC)

    def done(after_s: float, **facts: Any) -> StepRecord:
        moment = text(now + timedelta(seconds=after_s))
        return StepRecord(state="done", began_at=moment, ended_at=moment, facts=facts)

    payments = [{"id": one, "last_event": "payment.accepted"} for one in named]
    since = (now - timedelta(seconds=1000)).isoformat(timespec="seconds")
    report = {"since": since, "compared": 2, "not_read": ["eu-west-1: outboxes"], "payments": payments}
    return Run(
        id="failover-1",
        kind=Kind.FAILOVER,
        origin=PRIMARY,
        target=REPLICA,
        started_by="arn",
        started_at=text(now),
        epoch=4,
        status=Status.DONE,
        steps={"grant": done(granted_s, regenerate_since=since), "missing": done(reported_s, **report)},
    )


def looked(world: World, run: Run, hours: float = 1.0) -> Mapping[str, Any]:
    return look_again(run, Archive(s3=world.get("s3", AWAY), cell=REPLICA, region=AWAY), hours)


def states(found: Mapping[str, Any]) -> Sequence[tuple[str, str, str]]:
    return [(one["id"], one["state"], one["named"]) for one in found["payments"]]


def test_a_named_payment_that_nobody_told_of_since_is_still_missing(world: World) -> None:
    archived(world, REPLICA, "pay_kept", "pay_lost")
    archived(world, REPLICA, "pay_kept", replica=False)
    found = looked(world, ran("pay_lost"))
    assert states(found) == [("pay_lost", "missing", "then")]
    assert found["payments"][0]["last_event"] == "payment.succeeded", "as the archive has it"
    assert found["compared"] == {"then": 2, "now": 2}
    assert found["counts"] == {"missing": 1}
    assert found["not_read"] == ["eu-west-1: outboxes"]


def test_a_payment_whose_event_was_sent_again_meanwhile_is_told_from_one_that_went_on(world: World) -> None:
    same = new_id("evt")
    archived(world, REPLICA, "pay_again", event_id=same)
    archived(world, REPLICA, "pay_on")
    archived(world, REPLICA, "pay_again", replica=False, event_id=same)
    archived(world, REPLICA, "pay_on", replica=False)
    found = looked(world, ran("pay_again", "pay_on"))
    assert states(found) == [("pay_again", "sent again", "then"), ("pay_on", "gone on", "then")]


def test_what_was_replicated_after_the_report_is_named_now(world: World) -> None:
    archived(world, REPLICA, "pay_named", "pay_late")
    archived(world, REPLICA, "pay_other", replica=False)
    assert states(looked(world, ran("pay_named"))) == [
        ("pay_late", "missing", "since"),
        ("pay_named", "missing", "then"),
    ]


def test_a_named_payment_of_which_the_archive_has_nothing_stays_named(world: World) -> None:
    archived(world, REPLICA, "pay_other", replica=False)
    found = looked(world, ran("pay_lost"))
    assert states(found) == [("pay_lost", "missing", "then")]
    assert found["payments"][0]["last_event"] == "payment.accepted", "as the run's report had it"


def test_what_the_old_cell_writes_after_it_came_back_is_not_missing(world: World) -> None:
    archived(world, REPLICA, "pay_new")
    assert states(looked(world, ran(granted_s=-600.0))) == []


def test_events_of_the_new_writer_are_read_for_the_hours_that_were_asked_for(world: World) -> None:
    archived(world, REPLICA, "pay_one", replica=False)
    run = ran("pay_one", granted_s=-7000.0, reported_s=-6900.0)
    run = replace(run, steps={**run.steps, "missing": replace(run.steps["missing"], facts=_since(run, -7200))})
    assert states(looked(world, run, hours=1.0)) == [("pay_one", "missing", "then")]
    assert states(looked(world, run, hours=2.0)) == [("pay_one", "gone on", "then")]


def _since(run: Run, seconds: float) -> Mapping[str, Any]:
    since = (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat(timespec="seconds")
    return {**run.facts("missing"), "since": since}


def test_an_archive_that_cannot_be_read_leaves_the_runs_own_report_with_the_reason(world: World) -> None:
    found = looked(world, ran("pay_lost"))
    assert states(found) == [("pay_lost", "not read", "then")]
    assert "0 buckets" in found["unreadable"]
    assert found["counts"] == {"not read": 1}
