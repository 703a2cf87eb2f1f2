"""Movements of a pair's writer: what they do, what they refuse, and what is left when they are killed."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest
from recovery_world import ALICE, AWAY, BOB, HOME, PRIMARY, REPLICA, Killed, World, archived, made, pair_of

from contracts.epoch import FENCE_S, OUTBOX_H, WriterState
from operations.declared import note_writer
from operations.errors import CellError, ExitCode
from operations.project import Project
from operations.recovery import machine, session, timeline
from operations.recovery.calls import CALLS, explained
from operations.recovery.machine import RefusedError
from operations.recovery.run import Kind, Status
from operations.recovery.steps import move
from operations.recovery.store import Store
from sandbox.aws.planes import is_data
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


def test_a_group_that_may_not_grow_to_the_planned_size_gets_its_maximum_and_is_named(world: World) -> None:
    planned = {key: group.desired for key, group in world.pair.primary.node_groups.items()}
    most = world.most_nodes = max(planned.values()) - 1
    run = world.command(Kind.SWITCHOVER)
    assert run is not None
    assert sorted(world.nodes[REPLICA].values()) == sorted(min(size, most) for size in planned.values())
    said = [size for size in run.facts("scale")["nodes"].values() if isinstance(size, str)]
    assert said == [f"{most}, its maximum, of {size}" for size in planned.values() if size > most]


def test_payments_are_made_through_the_clients_name_in_test_mode(world: World) -> None:
    run = world.command(Kind.SWITCHOVER)
    assert run is not None
    assert run.facts("verify") == {"payments": 8, "statuses": ["succeeded"]}
    assert len(world.paid) == 8


def test_a_payment_that_is_not_taken_ends_the_step_with_what_was_answered(world: World) -> None:
    world.refuses_payments = True
    with pytest.raises(CellError, match=r"POST /v1/payments was answered 400 .*card_number") as refused:
        world.command(Kind.SWITCHOVER)
    assert refused.value.code is ExitCode.TIMEOUT
    world.refuses_payments = False
    run = world.command(Kind.SWITCHOVER)
    assert run is not None
    assert (run.status, len(world.paid)) == (Status.DONE, 8)


def test_two_movements_pay_with_keys_of_their_own(world: World) -> None:
    assert world.command(Kind.SWITCHOVER) is not None
    assert world.command(Kind.FAILBACK, REPLICA, PRIMARY) is not None
    assert len(world.paid) == 16


def test_no_call_goes_to_the_dead_region_and_all_are_explained(world: World) -> None:
    dead_letters(world)
    archived(world, REPLICA, "pay_1")
    world.dead.add(HOME)
    world.command(Kind.FAILOVER, loss=True)
    assert {region for _, _, region in world.calls} == {AWAY}
    made_ = {(service, action) for service, action, _ in world.calls}
    explained_ = {(call.service, call.action) for call in CALLS}
    assert made_ <= explained_
    unseen = {action for _, action in explained_ - made_}
    assert unseen == {"GetCallerIdentity", "AssumeRole", "SwitchoverGlobalCluster"}
    creating = ("Create", "Run", "Register", "Allocate", "Restore")
    assert not [action for _, action in made_ if action.startswith(creating)]
    assert {row["region"] for row in explained(AWAY)} == {AWAY}


def test_the_table_says_which_calls_a_control_plane_answers_as_the_sandbox_does() -> None:
    names = {"cloudwatch": "monitoring"}
    for call in CALLS:
        data = is_data(names.get(call.service, call.service), call.action)
        assert (call.plane == "data") is data, f"{call.service}:{call.action}"


def test_a_mute_cell_is_given_up_only_when_asked_for_and_the_bounds_are_told(world: World) -> None:
    world.dead.add(HOME)
    with pytest.raises(RefusedError, match="accept-data-loss") as refused:
        world.command(Kind.FAILOVER)
    for store in ("database", "event archive", "s00 0.2 s"):
        assert store in str(refused.value)
    assert world.record().epoch == 0, "it was refused before anybody was fenced"


@pytest.mark.parametrize("lag_ms", [31_000.0, None])
def test_a_lag_above_the_objective_or_unknown_is_refused(world: World, lag_ms: float | None) -> None:
    del world.lag_ms[world.pair.cluster(REPLICA, "s00")]
    if lag_ms is not None:
        world.lag_ms[world.pair.cluster(REPLICA, "s00")] = lag_ms
    for kind in (Kind.FAILOVER, Kind.SWITCHOVER):
        with pytest.raises(RefusedError, match="rpoSeconds 30"):
            world.command(kind)
    run = world.command(Kind.FAILOVER, loss=True)
    assert run is not None
    assert run.facts("lag")["lag_s"] == {"s00": None if lag_ms is None else 31.0}


def test_a_lag_that_rises_after_the_fence_lets_the_old_cell_write_again(world: World) -> None:
    def rises() -> None:
        if world.record().state is WriterState.FENCED:
            world.lag_ms[world.pair.cluster(REPLICA, "s00")] = 60_000.0

    world.on_tick = rises
    with pytest.raises(RefusedError):
        world.command(Kind.FAILOVER)
    world.sleep(5.0)
    assert (world.record().epoch, world.record().cell, world.holds(PRIMARY)) == (2, PRIMARY, True)
    assert set(world.writers.values()) == {PRIMARY}


def test_a_cancelled_switchover_is_rolled_back(world: World) -> None:
    world.cancels = True
    with pytest.raises(RefusedError, match="cancelled"):
        world.command(Kind.SWITCHOVER)
    world.sleep(5.0)
    assert (world.record().epoch, world.record().run, world.holds(PRIMARY)) == (2, None, True)
    world.cancels = False
    run = world.command(Kind.SWITCHOVER)
    assert run is not None
    assert world.record().epoch == 4


def test_all_shards_are_asked_for_before_any_is_waited_for(tmp_path: Path) -> None:
    with made(pair_of(tmp_path, shards=2)) as world:
        world.sleep(3.0)
        world.command(Kind.SWITCHOVER)
        calls = [action for service, action, _region in world.calls if service == "rds"]
        assert calls.count("SwitchoverGlobalCluster") == 2
        asked = len(calls) - calls[::-1].index("SwitchoverGlobalCluster")
        assert "DescribeDBClusters" not in calls[:asked], "each shard's wait begins after the last request"


def test_a_roll_back_waits_for_the_move_that_is_under_way(tmp_path: Path) -> None:
    with made(pair_of(tmp_path, shards=2)) as world:
        world.sleep(3.0)
        world.slow = {"s01": 3}
        world.cancelled = {"s00"}
        with pytest.raises(RefusedError, match="s00: RDS cancelled"):
            world.command(Kind.SWITCHOVER)
        assert world.count["s01 -> " + REPLICA] == world.count["s01 -> " + PRIMARY] == 1
        assert set(world.writers.values()) == {PRIMARY}
        assert (world.record().cell, world.record().state) == (PRIMARY, WriterState.SERVING)


def test_promoted_shards_go_back_when_a_later_one_is_cancelled(tmp_path: Path) -> None:
    with made(pair_of(tmp_path, shards=2)) as world:
        world.sleep(3.0)

        def cancels() -> None:
            world.cancels = world.writers["s00"] == REPLICA and world.writers["s01"] == PRIMARY

        world.on_call = cancels
        with pytest.raises((RefusedError, CellError)):
            world.command(Kind.SWITCHOVER)
        world.on_call = lambda: None
        world.cancels = False
        with pytest.raises(RefusedError):
            world.command(Kind.SWITCHOVER)
        assert set(world.writers.values()) == {PRIMARY}
        assert (world.record().cell, world.record().state) == (PRIMARY, WriterState.SERVING)


def test_the_old_region_stays_fenced_when_it_returns(world: World) -> None:
    world.dead.add(HOME)
    world.command(Kind.FAILOVER, loss=True)
    world.dead.clear()
    world.sleep(30.0)
    assert not world.holds(PRIMARY)
    assert world.holds(REPLICA)


def test_a_failback_waits_until_the_old_region_follows(world: World) -> None:
    world.dead.add(HOME)
    world.command(Kind.FAILOVER, loss=True)
    world.dead.clear()
    world.members[PRIMARY] = "pending-resync"
    with pytest.raises(CellError, match="pending-resync"):
        world.command(Kind.FAILBACK, REPLICA, PRIMARY)
    assert world.holds(REPLICA), "nobody is fenced by waiting"
    world.members.clear()
    world.lag_ms[world.pair.cluster(PRIMARY, "s00")] = 1_500.0
    with pytest.raises(CellError, match=r"lag of s00 1\.5 s"):
        world.command(Kind.FAILBACK, REPLICA, PRIMARY)
    world.lag_ms[world.pair.cluster(PRIMARY, "s00")] = 300.0
    run = world.command(Kind.FAILBACK, REPLICA, PRIMARY)
    assert run is not None
    assert (world.record().epoch, world.record().cell) == (4, PRIMARY)
    world.sleep(5.0)
    assert world.holds(PRIMARY)


def test_somebody_else_approves_and_never_the_one_who_started(pair: PairPlan) -> None:
    with made(replace(pair, approvals=1)) as world:
        world.sleep(3.0)
        with pytest.raises(CellError, match="cell recovery approve"):
            world.command(Kind.SWITCHOVER)
        (run,) = store(world).runs()
        assert world.record().epoch == 0, "nobody is fenced while people are asked"
        with pytest.raises(CellError, match="somebody else"):
            machine.approve(store(world), run.id, BOB, world)  # type: ignore[arg-type]
        machine.approve(store(world), run.id, ALICE, world)  # type: ignore[arg-type]
        done = world.command(Kind.SWITCHOVER)
        assert done is not None
        assert (done.id, done.facts("approve")["by"]) == (run.id, [ALICE])


def test_of_two_failovers_at_once_one_wins_and_the_other_is_told_who(world: World) -> None:
    second = world.plan(Kind.FAILOVER, PRIMARY, REPLICA, True, ALICE)
    refusals: list[str] = []

    def race() -> None:
        if world.record().state is WriterState.FENCED and not refusals:
            refusals.append("")
            context = world.context(second.run, ALICE)
            session.begin(context, second)
            with pytest.raises(RefusedError) as refused:
                move(context, 1.0)
            refusals.append(str(refused.value))

    world.on_tick = race
    run = world.command(Kind.FAILOVER, loss=True)
    assert run is not None
    assert run.status is Status.DONE
    assert run.id in refusals[1]
    assert BOB in refusals[1]
    assert world.record().epoch == 2


def test_a_run_that_somebody_drives_is_not_driven_a_second_time(world: World) -> None:
    refusals: list[str] = []

    def again() -> None:
        if world.record().state is WriterState.FENCED and not refusals:
            refusals.append("")
            planned = world.plan(Kind.FAILOVER, PRIMARY, REPLICA, True, ALICE)
            first = world.context(planned.run, ALICE)
            # Its driver lives: the version that the other process sees moves on.
            world.on_sleep = lambda: store(world).save(planned.run.version, replace(planned.run, version=99))
            with pytest.raises(CellError) as refused:
                move(first, 1.0)
            refusals.append(str(refused.value))
            raise Killed

    world.on_tick = again
    with pytest.raises(Killed):
        world.command(Kind.FAILOVER, loss=True)
    assert "is being driven by" in refusals[1]


def test_another_movement_under_way_is_refused_until_it_is_abandoned(world: World) -> None:
    world.relays = False
    with pytest.raises(CellError, match="waited"):
        world.command(Kind.FAILOVER, loss=True)
    (run,) = store(world).runs()
    with pytest.raises(CellError, match=f"{run.id} is under way .*{BOB}"):
        world.command(Kind.FAILOVER, REPLICA, PRIMARY, loss=True)
    session.abandon(store(world), run.id)
    world.relays = True
    back = world.command(Kind.FAILOVER, REPLICA, PRIMARY, loss=True)
    assert back is not None
    assert world.record().epoch == 4


def test_dead_letters_go_back_and_a_queue_that_is_not_there_holds_nothing_up(world: World) -> None:
    letter = dead_letters(world)
    run = world.command(Kind.SWITCHOVER)
    assert run is not None
    assert len(world.moved_letters) == 1
    found = run.facts("redrive")["dead_letters"]
    assert found[letter] == 1
    assert {str(value).partition(":")[0] for name, value in found.items() if name != letter} == {"not moved"}


def test_events_are_sent_again_from_before_the_newest_replicated_object(world: World) -> None:
    archived(world, REPLICA, "pay_1")
    run = world.command(Kind.FAILOVER, loss=True)
    assert run is not None
    since = datetime.fromisoformat(str(world.record().regenerate_since))
    newest = datetime.now(UTC)
    assert timedelta(seconds=900) < newest - since < timedelta(seconds=1200)


def test_without_an_archive_all_of_the_outbox_is_sent_again(world: World) -> None:
    run = world.command(Kind.FAILOVER, loss=True)
    assert run is not None
    since = datetime.fromisoformat(str(world.record().regenerate_since))
    assert timedelta(0) <= world.now() - since - timedelta(hours=OUTBOX_H) < timedelta(minutes=2)
    assert "0 buckets" in run.facts("grant")["because"]


def test_a_payment_that_only_the_old_cell_archived_is_named(world: World) -> None:
    archived(world, REPLICA, "pay_kept", "pay_lost")
    archived(world, REPLICA, "pay_kept", replica=False)
    run = world.command(Kind.FAILOVER, loss=True)
    assert run is not None
    found = run.facts("missing")
    assert [one["id"] for one in found["payments"]] == ["pay_lost"]
    assert found["compared"] == 2
    assert any("eu-west-1: outboxes" in source for source in found["not_read"])


def test_a_table_that_is_not_there_says_what_to_do(world: World) -> None:
    world.real("dynamodb", AWAY).delete_table(TableName=world.pair.epoch_table)
    with pytest.raises(CellError, match="cell up eu-west-1-pair"):
        world.plan(Kind.FAILOVER, PRIMARY, REPLICA, False)


def test_the_file_follows_the_record_and_keeps_its_comments(tmp_path: Path) -> None:
    (tmp_path / "stacks").mkdir()
    pair_of(tmp_path / "stacks")
    project = Project(tmp_path)
    path = project.stack_file(f"{PRIMARY}-pair")
    before = path.read_text()
    assert note_writer(project, f"{PRIMARY}-pair", REPLICA)
    assert path.read_text() == before.replace(f"writer: {PRIMARY} #", f"writer: {REPLICA} #")
    assert not note_writer(project, f"{PRIMARY}-pair", REPLICA)


def test_a_timeline_has_every_step_in_all_three_forms(world: World, tmp_path: Path) -> None:
    run = world.command(Kind.SWITCHOVER)
    assert run is not None
    folder = timeline.write(tmp_path, run, emulated=True)
    told = json.loads((folder / "timeline.json").read_text())
    assert [row["step"] for row in told["timeline"]] == list(run.steps)
    fenced = next(row for row in told["timeline"] if row["step"] == "fence")
    assert fenced["seconds"] >= FENCE_S - 1
    picture = (folder / "timeline.svg").read_text()
    ElementTree.fromstring(picture)
    for name in run.steps:
        assert f"| {name} | done |" in (folder / "timeline.md").read_text()
        assert f">{name}<" in picture


def end_state(world: World) -> object:
    record = world.record()
    return (
        (record.epoch, record.cell, record.state, record.run),
        dict(world.writers),
        dict(world.count),
        dict(world.nodes[REPLICA]),
        len(world.paid),
        [(run.status, sorted(run.steps), {step.state for step in run.steps.values()}) for run in store(world).runs()],
    )


@pytest.mark.parametrize("kind", [Kind.FAILOVER, Kind.SWITCHOVER])
@pytest.mark.parametrize("when", ["before", "reply-lost", "after"])
def test_killed_at_any_side_effect_and_run_again_it_ends_the_same(pair: PairPlan, kind: Kind, when: str) -> None:
    def begun() -> World:
        return world

    with made(pair) as world:
        world.sleep(3.0)
        world.command(kind)
        wanted, effects = end_state(begun()), world.effects
    assert effects > 30
    for number in range(effects):
        with made(pair) as world:
            world.sleep(3.0)
            if when == "reply-lost":
                world.lose_at = number
                try:
                    world.command(kind)
                except CellError:
                    world.command(kind)
            else:
                world.kill_at = (number, when == "after")
                with pytest.raises(Killed):
                    world.command(kind)
                world.kill_at = None
                world.command(kind)
            assert end_state(world) == wanted, f"{when} effect {number}"


def store(world: World) -> Store:
    return Store(world, (AWAY,), world.pair.epoch_table, PRIMARY)


def dead_letters(world: World) -> str:
    """One message in the first consumer's dead-letter queue; its name."""
    consumer = world.pair.replica.consumers[0]
    name = f"{REPLICA}-{consumer.name}-dlq{'.fifo' if consumer.ordered else ''}"
    sqs = world.real("sqs", AWAY)
    url = sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"} if consumer.ordered else {})["QueueUrl"]
    fifo = {"MessageGroupId": "a", "MessageDeduplicationId": "a"} if consumer.ordered else {}
    sqs.send_message(QueueUrl=url, MessageBody="{}", **fifo)
    return name
