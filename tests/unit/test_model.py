"""The life of a model: made-up history, training, gate, staged rollout, rollback, drift."""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import numpy as np
import pytest
from moto import mock_aws
from test_fraud_rules import STARTING, record
from typer.testing import CliRunner

from contracts.fraud import SIGNAL_NAMES, Decision, DecisionRecord, FraudError, Mode, moment
from contracts.fraud_models import Pointer, digest_of
from contracts.fraud_outcomes import Fate, PaymentOutcome
from contracts.fraud_rules import load_rules
from contracts.fraud_scores import Scale
from operations.errors import CellError
from operations.model import command, job, monitor
from operations.model.dataset import Rows, from_records, replay
from operations.model.drift import LOOK, RETRAIN, psi
from operations.model.evaluation import MARGIN, ablation, evaluate, gate, shuffled
from operations.model.generator import Volume, generate
from operations.model.rollout import promote, retreat, rollback, stage
from operations.model.store import BASELINE, ModelStore
from operations.model.training import Trained, train

SMALL = Volume(days=14, merchants=15, customers=500, payments_per_day=250, attacks_per_day=4)
A, B = (f"sha256:{letter * 64}" for letter in "ab")


@pytest.fixture(scope="module")
def rows() -> tuple[Rows, Rows]:
    return replay(generate(SMALL, seed=3)).split(4)


@pytest.fixture(scope="module")
def trained(rows: tuple[Rows, Rows]) -> Trained:
    return train(rows[0])


def test_the_same_seed_makes_the_same_history_in_order_of_time() -> None:
    tiny = replace(SMALL, days=3)
    first, again, other = (list(generate(tiny, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert [p.time_s for p in first] == sorted(p.time_s for p in first)
    assert 0.005 < sum(p.fraud for p in first) / len(first) < 0.15


def test_the_generator_shares_no_code_with_the_features() -> None:
    from operations.model import generator

    text = Path(generator.__file__).read_text()
    assert not [line for line in text.splitlines() if line.startswith(("import contracts", "from contracts"))]


def test_days_are_held_out_whole_and_last(rows: tuple[Rows, Rows]) -> None:
    earlier, held_out = rows
    assert earlier.day.max() < held_out.day.min()
    assert len(np.unique(held_out.day)) == 4


def test_training_is_reproducible_to_the_byte(rows: tuple[Rows, Rows], trained: Trained) -> None:
    assert digest_of(train(rows[0]).content) == digest_of(trained.content)


def test_the_model_beats_the_rules_alone_by_the_margin(rows: tuple[Rows, Rows], trained: Trained) -> None:
    report = evaluate(trained.content, rows[1], load_rules(STARTING.read_text()))
    assert report.auc >= report.rules_auc + MARGIN
    assert not [problem for problem in gate(report, None) if "AUC" in problem]


def test_a_model_of_shuffled_labels_fails_the_gate(rows: tuple[Rows, Rows]) -> None:
    report = evaluate(train(shuffled(rows[0])).content, rows[1], load_rules(STARTING.read_text()))
    assert any("above the rules'" in problem for problem in gate(report, None))


def test_a_candidate_worse_than_the_serving_model_fails_the_gate(rows: tuple[Rows, Rows], trained: Trained) -> None:
    report = evaluate(trained.content, rows[1], load_rules(STARTING.read_text()))
    better = replace(report, auc=report.auc + 0.01)
    assert any("below the serving model's" in problem for problem in gate(report, better))
    assert any("bytes" in problem for problem in gate(replace(report, size_bytes=300_000), None))
    assert any("good payments" in problem for problem in gate(replace(report, blocked_good=0.02), None))


def test_the_image_s_model_passes_the_gate_on_history_it_never_saw() -> None:
    held_out = replay(generate(SMALL, seed=9))
    report = evaluate(BASELINE.read_bytes(), held_out.split(7)[1], load_rules(STARTING.read_text()))
    assert report.auc >= report.rules_auc + MARGIN
    assert report.size_bytes < 200_000


def test_a_signal_that_is_taken_away_costs_what_it_was_worth(rows: tuple[Rows, Rows]) -> None:
    lost = ablation(*rows, names=("amount_deviation", "address_network"))
    assert lost["amount_deviation"] > lost["address_network"]


def test_training_without_frauds_is_refused(rows: tuple[Rows, Rows]) -> None:
    with pytest.raises(FraudError, match="add days"):
        train(replace(rows[0], fraud=np.zeros_like(rows[0].fraud)))


def test_scores_rise_with_the_odds_and_meet_the_thresholds() -> None:
    scale = Scale(review=-2.0, block=-0.5)
    found = [scale.score(odds) for odds in np.linspace(-20, 20, 500)]
    assert found == sorted(found)
    assert (min(found), max(found)) == (0, 98)
    assert [scale.score(odds) for odds in (-2.001, -2.0, -0.501, -0.5)] == [64, 65, 74, 75]
    with pytest.raises(FraudError, match="below block"):
        Scale(review=1.0, block=0.0)


def test_a_cells_own_history_is_decisions_joined_with_outcomes(tmp_path: Path) -> None:
    known, unknown = record(time="2026-11-02T00:00:00.000Z"), record()
    failed = record(mode=Mode.FAILED_OPEN, signals={})
    decisions, outcomes = tmp_path / "decisions.jsonl", tmp_path / "outcomes.jsonl"
    decisions.write_text("\n".join(one.to_json() for one in (known, known, unknown, failed)))
    outcomes.write_text("\n".join(json.dumps({"decision": one.id, "fraud": True}) for one in (known, failed)))
    rows = from_records(decisions, outcomes)
    assert rows.fraud.tolist() == [1]
    assert rows.signals.shape == (1, len(SIGNAL_NAMES))
    outcomes.write_text('{"decision": 5}')
    with pytest.raises(FraudError, match=r"outcomes\.jsonl:1"):
        from_records(decisions, outcomes)


def test_a_model_goes_from_shadow_to_canary_to_full_and_back() -> None:
    shadow = stage(Pointer(version=0, serving=A), B)
    canary = promote(shadow)
    full = promote(canary)
    assert (shadow.shadow, canary.canary, canary.canary_percent, full.serving, full.previous) == (B, B, 10, B, A)
    assert [p.version for p in (shadow, canary, full)] == [1, 2, 3]
    assert rollback(canary) == Pointer(version=3, serving=A)
    assert rollback(full).serving == A


def test_steps_that_make_no_sense_are_refused() -> None:
    start = Pointer(version=0, serving=A)
    steps: list[Callable[[], Pointer]] = [lambda: promote(start), lambda: rollback(start), lambda: stage(start, A)]
    for step in steps:
        with pytest.raises(CellError):
            step()
    with pytest.raises(CellError, match="promote it or roll it back"):
        stage(promote(stage(start, B)), "sha256:" + "c" * 64)


def test_drift_is_nothing_for_the_same_payments_and_large_for_others() -> None:
    rng = np.random.default_rng(1)
    before = rng.normal(size=5_000)
    assert psi(before, rng.normal(size=5_000)) < LOOK
    assert psi(before, rng.normal(loc=1.0, size=5_000)) > RETRAIN
    flags = (rng.random(5_000) < 0.05).astype(float)
    assert psi(flags, (rng.random(5_000) < 0.05).astype(float)) < LOOK
    assert psi(flags, (rng.random(5_000) < 0.5).astype(float)) > RETRAIN


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelStore]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client: Any = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="models")
        found = ModelStore(client, "models")
        monkeypatch.setattr(command, "_store", lambda _stack: found)
        yield found


def test_two_who_move_the_pointer_at_once_do_not_undo_each_other(store: ModelStore) -> None:
    pointer, tag = store.pointer()
    first = stage(pointer, A)
    store.move(first, tag)
    with pytest.raises(CellError, match="somebody else"):
        store.move(stage(pointer, B), tag)
    assert store.pointer()[0] == first


def invoke(*arguments: str) -> Any:
    return CliRunner().invoke(command.app, list(arguments))


def test_the_commands_take_a_trained_model_to_full_and_back(
    store: ModelStore, trained: Trained, rows: tuple[Rows, Rows]
) -> None:
    report = evaluate(trained.content, rows[1], load_rules(STARTING.read_text()))
    digest = store.put(trained.content, {**report.data(), "problems": []})
    pointer, tag = store.pointer()
    store.move(stage(pointer, digest), tag)
    for expected in ("canary", "serving"):
        result = invoke("promote", "dev", "-o", "json")
        assert json.loads(result.stdout)[expected] == digest
    back = json.loads(invoke("rollback", "dev", "-o", "json").stdout)
    assert (back["serving"], back["previous"]) == (digest_of(BASELINE.read_bytes()), digest)


def test_a_model_that_failed_its_gate_or_was_never_judged_is_not_promoted(store: ModelStore) -> None:
    pointer, tag = store.pointer()
    digest = store.put(b"model", {"auc": 0.5, "problems": ["too weak"]})
    store.move(stage(pointer, digest), tag)
    assert "too weak" in str(invoke("promote", "dev").exception)
    pointer, tag = store.pointer()
    store.move(stage(pointer, A), tag)
    assert "nobody judged it" in str(invoke("promote", "dev").exception)


def test_a_rollback_on_alarm_waits_for_the_alarm(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    pointer, tag = store.pointer()
    store.move(stage(pointer, A), tag)
    monkeypatch.setattr(command, "_raised", lambda _stack, _names: [])
    assert invoke("rollback", "dev", "--if-alarm", "errors").exit_code == 0
    assert store.pointer()[0].shadow == A
    monkeypatch.setattr(command, "_raised", lambda _stack, names: names)
    invoke("rollback", "dev", "--if-alarm", "errors")
    assert store.pointer()[0].shadow is None


def test_a_dry_run_of_rules_counts_what_would_change(tmp_path: Path) -> None:
    old, new, past = (tmp_path / name for name in ("old.yaml", "new.yaml", "past.jsonl"))
    old.write_text("rules: []")
    new.write_text("thresholds: {block: 68}")
    past.write_text("\n".join(record(score=score).to_json() for score in (10, 66, 70)))
    result = invoke("try-rules", str(old), str(new), "--decisions", str(past), "-o", "json")
    assert json.loads(result.stdout)["byChange"] == {"review -> block": 1}


LATER = datetime(2026, 12, 1, tzinfo=UTC)
NUMBERS = itertools.count()


def judged(count: int, hours: float, **changes: Any) -> list[DecisionRecord]:
    """Decisions that were made so many hours before LATER."""
    time = moment(LATER - timedelta(hours=hours))
    signals = {"signals": dict.fromkeys(SIGNAL_NAMES, 1.0)}
    return [record(id=f"dec_{next(NUMBERS):026}", time=time, **{**signals, **changes}) for _ in range(count)]


def test_the_monitor_sees_drift_against_earlier_days_and_the_share_that_the_newest_model_blocks() -> None:
    pointer = Pointer(version=2, serving=A, canary=B, canary_percent=10)
    calm = monitor.seen(judged(1_000, 48) + judged(100, 2), pointer, LATER)
    assert (calm["decisions"], max(calm["drift"].values()), calm["blockedPercent"]) == (100, 0, None)
    other = dict.fromkeys(SIGNAL_NAMES, 5.0)
    own = judged(90, 0.5, model=B, signals=other) + judged(10, 0.5, model=B, signals=other, decision=Decision.BLOCK)
    found = monitor.seen(judged(1_000, 48) + own + judged(50, 0.5, model=A, decision=Decision.BLOCK), pointer, LATER)
    assert (found["model"], found["blockedPercent"]) == (B, 10)
    assert min(found["drift"].values()) > RETRAIN
    told = {one["MetricName"]: one["Value"] for one in monitor.metrics(found, "decisions")}
    assert told == {"ModelDrift": max(found["drift"].values()), "ModelBlockedPercent": 10}


def test_with_too_few_payments_the_monitor_tells_nothing() -> None:
    found = monitor.seen(judged(99, 0.5, model=A), Pointer(version=0, serving=A), LATER)
    assert monitor.metrics(found, "decisions") == []


def test_an_alarm_takes_back_a_young_step_once_and_leaves_an_old_model_in_place() -> None:
    canary, full = Pointer(version=1, serving=A, canary=B, canary_percent=10), Pointer(version=2, serving=B, previous=A)
    assert retreat(canary, LATER, LATER) == Pointer(version=2, serving=A)
    back = retreat(full, LATER - timedelta(days=6), LATER)
    assert back == Pointer(version=3, serving=A)
    assert retreat(back, LATER, LATER) is None, "the alarm's second word does not bring the bad model back"
    assert retreat(full, LATER - timedelta(days=8), LATER) is None
    assert retreat(Pointer(version=1, serving=A, shadow=B), LATER, LATER) is None, "a shadow decides nothing"


def test_the_monitors_last_look_is_in_the_store_and_the_status_and_the_retreat_moves_the_pointer(
    store: ModelStore,
) -> None:
    kinesis: Any = boto3.client("kinesis", region_name="us-east-1")
    kinesis.create_stream(StreamName="decisions", ShardCount=1)
    for one in judged(120, 0.5, model=digest_of(BASELINE.read_bytes())) + judged(1_000, 48):
        kinesis.put_record(StreamName="decisions", PartitionKey=one.id, Data=one.to_json().encode())
    session = boto3.Session(region_name="us-east-1")
    assert "decisions; drift:" in monitor.watch(session, store, "decisions", LATER)
    shown = json.loads(invoke("status", "dev", "-o", "json").stdout)["monitor"]
    assert (shown, shown["decisions"]) == (store.monitored(), 120)
    store.move(Pointer(version=1, serving=A, canary=B, canary_percent=10), None)
    assert "decides no more" in monitor.go_back(store, LATER)
    assert store.pointer()[0].canary is None
    assert "stays" in monitor.go_back(store, LATER)


def streamed(rows: Rows) -> Iterator[dict[str, Any]]:
    """What the stream of a cell would have of these payments: decisions, then what became of them."""
    for number, (signals, fraud, day) in enumerate(zip(rows.signals, rows.fraud, rows.day, strict=True)):
        time = f"2026-11-{1 + day - rows.day.min():02}T00:00:00.000Z"
        values = dict(zip(SIGNAL_NAMES, map(float, signals), strict=True))
        yield record(id=f"dec_{number:026}", time=time, signals=values).data()
        outcome = "upheld" if fraud else "reversed"
        yield {"type": "fraud.review", "decision": f"dec_{number:026}", "outcome": outcome}


def test_the_scheduled_training_stages_what_passes_and_nothing_without_history(store: ModelStore) -> None:
    rows = replay(generate(replace(SMALL, days=16), seed=4))
    few = job.run(job.history(itertools.islice(streamed(rows), 200), LATER), store)
    assert "nothing was trained" in few
    assert store.pointer()[0].shadow is None
    done = job.run(job.history(streamed(rows), LATER), store)
    shadow = store.pointer()[0].shadow
    judged = store.report(done.split()[0])
    assert judged is not None
    assert (shadow is not None) is (judged["problems"] == [])
    assert (shadow == done.split()[0]) is ("is the shadow" in done)


def test_the_training_learns_from_outcomes_and_leaves_out_what_is_too_young() -> None:
    days = {"dec_" + str(day) * 26: f"2026-11-0{day}T12:00:00.000Z" for day in (1, 2, 3)}
    entries: list[dict[str, Any]] = [record(id=id_, time=time).data() for id_, time in days.items()]
    fates = ((Fate.CHARGEBACK, "1"), (Fate.PAID, "2"), (Fate.PAID, "3"))
    entries += [
        PaymentOutcome(decision="dec_" + day * 26, fate=fate, source="evt_x", time=days["dec_" + day * 26]).data()
        for fate, day in fates
    ]
    rows = job.history(entries, datetime(2026, 11, 4, tzinfo=UTC))
    assert rows.fraud.tolist() == [1, 0], "the third is half a day old"


@pytest.mark.usefixtures("store")
def test_the_whole_decision_stream_is_read() -> None:
    kinesis: Any = boto3.client("kinesis", region_name="us-east-1")
    kinesis.create_stream(StreamName="decisions", ShardCount=2)
    for number in range(30):
        data = json.dumps({"type": "x", "number": number}).encode()
        kinesis.put_record(StreamName="decisions", PartitionKey=str(number), Data=data)
    found = {entry["number"] for entry in job.records(kinesis, "decisions")}
    assert found == set(range(30))
