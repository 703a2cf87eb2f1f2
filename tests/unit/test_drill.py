"""A drill's plan, what it measures, its proof over both cells, its verdicts and its report, without a cell."""

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from botocore.client import BaseClient
from hypothesis import given
from hypothesis import strategies as st

from contracts.reconciliation import Acknowledged
from contracts.shard_plan import declared_map
from operations.drill import command, counted, findings, measure, movement, rehearsal
from operations.drill import plan as drill_plan
from operations.drill.evidence import row_of
from operations.drill.findings import Found, document
from operations.drill.losses import Losses, Row, Witness, account
from operations.drill.measure import measured
from operations.drill.movement import Movement
from operations.drill.plan import DrillPlan, Kind, refuse_sizes
from operations.drill.rehearsal import Customers, Rehearsal
from operations.errors import CellError, ExitCode
from operations.probe import load, target
from operations.probe.load import Answer, Patience, Progress, Try
from operations.probe.plan import Call, Plan, plan_probe
from operations.probe.target import GATEWAY, RESOLVE, Target
from operations.project import Project

ROOT = Path(__file__).parents[2]
OLD, NEW = "home", "away"
FAULT_S = 10.0
FINAL = ("succeeded", "declined")


def plan(**changes: Any) -> DrillPlan:
    made = DrillPlan(
        pair="home-pair",
        kind=Kind.REGION_DEAD,
        origin=OLD,
        target=NEW,
        origin_region="eu-west-1",
        target_region="eu-central-1",
        domain="pay.example.com",
        payments=300,
        rate=5.0,
        lag_s=0.0,
        failback=True,
    )
    return replace(made, **changes)


# ---- plan


def test_the_fault_is_of_the_region_that_writes_and_happens_after_a_share_of_the_payments() -> None:
    assert (plan().fault, plan().fault_at_s) == ("region-dead:eu-west-1", 18.0)
    assert plan(kind=Kind.SWITCHOVER).fault is None


def test_the_lag_is_of_the_other_region_and_some_payments_arrive_before_the_fault() -> None:
    late = plan(lag_s=30.0)
    assert (late.lag, plan().lag) == ("replication-lag:eu-central-1:30", None)
    assert late.fault_at_s > 30.0


def test_the_bound_is_the_lag_at_the_rate_and_a_lease_more_where_the_old_cell_goes_on_alone() -> None:
    assert plan().bound(4.0) == 25
    assert plan(lag_s=6.0).bound(4.0) == 35
    assert plan(kind=Kind.NETWORK_CUT).bound(4.0) == 75
    assert plan(kind=Kind.SWITCHOVER).bound(4.0) == 0


@pytest.mark.parametrize(
    ("kind", "sizes", "said"),
    [
        (Kind.REGION_DEAD, (10, 5.0, 0.0), "--payments: 10 is outside 20..10,000"),
        (Kind.REGION_DEAD, (300, 51.0, 0.0), "--rate: 51 is outside"),
        (Kind.REGION_DEAD, (300, 5.0, 301.0), "--lag: 301 is outside"),
        (Kind.REGION_DEAD, (300, 0.1, 0.0), "3,000 s is longer than 900 s"),
        (Kind.SWITCHOVER, (300, 5.0, 1.0), "a switchover waits for the lag"),
    ],
)
def test_a_drill_out_of_bounds_is_refused(kind: Kind, sizes: tuple[int, float, float], said: str) -> None:
    with pytest.raises(CellError, match=said) as refused:
        refuse_sizes(kind, *sizes)
    assert refused.value.code is ExitCode.CONFIGURATION


# ---- what customers see


def call(at_s: float) -> Call:
    return Call(at_s=at_s, account="acct_probe1", key_class="live", bank="b", idempotency_key=f"k{at_s}", body={})


def paid(at_s: float, *tries: tuple[float, int, str]) -> Answer:
    """A payment due at `at_s`; tries: (when answered, status, cell)."""
    made = [Try(at_s=at_s if n == 0 else end - 0.1, seconds=end - at_s if n == 0 else 0.1, status=status, cell=cell)
            for n, (end, status, cell) in enumerate(tries)]  # fmt: skip
    acknowledged = made[-1].status == 201
    return Answer(call=call(at_s), tries=made, payment_id=f"pay_{at_s}" if acknowledged else None, status="succeeded")


def outage(back_s: float = 20.0, end_s: float = 40.0) -> list[Answer]:
    """A payment a second; from second 10 on nobody answers until the new cell does at `back_s`."""
    found = []
    for second in map(float, range(int(end_s))):
        if second < FAULT_S:
            found.append(paid(second, (second + 0.1, 201, OLD)))
        elif second < back_s:
            found.append(paid(second, (second + 0.5, 0, OLD), (back_s + 0.5, 201, NEW)))
        else:
            found.append(paid(second, (second + 0.1, 201, NEW)))
    return found


def test_times_count_from_the_fault_as_customers_saw_it() -> None:
    found = measured(outage(), FAULT_S, NEW)
    assert (found.detected_s, found.first_success_s, found.full_rate_s) == (0.5, 10.1, 10.0)
    assert found.silence_s == pytest.approx(11.0)
    assert (found.payments, found.acknowledged, found.before, found.by_cell) == (40, 40, 10, {OLD: 10, NEW: 30})


def test_full_rate_is_not_reached_while_later_payments_fail() -> None:
    answers = outage()
    answers[39] = paid(39.0, (39.5, 503, NEW), (41.0, 201, NEW))
    assert measured(answers, FAULT_S, NEW).full_rate_s is None


def test_a_cell_that_never_answers_has_no_first_success() -> None:
    found = measured(outage(back_s=40.0)[:30], FAULT_S, "third")
    assert (found.first_success_s, found.full_rate_s) == (None, None)


def test_a_refusal_for_what_was_asked_is_not_noticed_as_an_outage() -> None:
    assert measured([paid(12.0, (12.1, 400, OLD))], FAULT_S, NEW).detected_s is None


# ---- the name is followed


def test_each_call_goes_where_the_name_leads_then(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = tmp_path / "hosts.json"
    monkeypatch.setenv(RESOLVE, str(names))
    gateways = {f"{OLD}/{GATEWAY}": "127.0.0.2:8443", f"{NEW}/{GATEWAY}": "127.0.0.3:8443"}
    for cell, address in (("", None), (OLD, "127.0.0.2:443"), (NEW, "127.0.0.3:443"), ("", "127.0.0.4:443")):
        names.write_text(json.dumps({**gateways, **({"pay.example.com": address} if address else {})}))
        found = target.follow("pay.example.com")
        assert (found.stack if found else "") == cell
    names.write_text(json.dumps({"pay.example.com": "203.0.113.9:443"}))
    with pytest.raises(CellError, match="is not on this machine"):
        target.follow("pay.example.com")


def test_a_payment_is_tried_again_at_the_cell_to_which_the_name_has_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = httpx.AsyncClient
    seen: list[tuple[str, str]] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append((request.url.host, request.headers["idempotency-key"]))
        if request.url.host == "127.0.0.2":
            return httpx.Response(503, headers={"retry-after": "0"}, json={})
        return httpx.Response(201, json={"id": "pay_1", "status": "succeeded"})

    def client(**settings: Any) -> httpx.AsyncClient:
        return whole(transport=httpx.MockTransport(handler), timeout=settings["timeout"])

    monkeypatch.setattr(load.httpx, "AsyncClient", client)
    gateways = [
        Target(domain="pay.example.com", address=f"127.0.0.{n}", port=1, stack=cell) for n, cell in ((2, OLD), (3, NEW))
    ]
    leads = iter([None, *gateways])
    monkeypatch.setattr(load, "_retry_after", lambda _response: 0.0)
    calls = Plan(stack=OLD, calls=[call(0.0)], faults=(), rate=1.0, seed=0)

    async def never(_name: str, _on: bool) -> None:
        raise AssertionError

    patience = Patience(tries=9, longest_wait_s=0.0)
    (answer,) = asyncio.run(load.run(calls, lambda: next(leads), lambda _: "sk", never, Progress(), patience=patience))
    assert [(one.cell, one.status, one.reason) for one in answer.tries] == [
        ("", 0, "no-address"), (OLD, 503, "503"), (NEW, 201, ""),
    ]  # fmt: skip
    assert seen == [("127.0.0.2", "k0.0"), ("127.0.0.3", "k0.0")]


def test_payments_end_when_the_drill_is_over() -> None:
    calls = Plan(stack=OLD, calls=[call(n / 1000) for n in range(50)], faults=(), rate=1000.0, seed=0)
    progress = Progress()

    async def never(_name: str, _on: bool) -> None:
        raise AssertionError

    answers = asyncio.run(
        load.run(calls, lambda: None, lambda _: "sk", never, progress, patience=Patience(tries=1, longest_wait_s=0.0),
                 over=lambda: progress.sent == 20)
    )  # fmt: skip
    assert len(answers) <= 21


# ---- the proof


def told(*ids: str, status: str = "succeeded") -> list[Acknowledged]:
    return [Acknowledged(payment_id=id_, account="acct_probe1", status=status) for id_ in ids]


def row(id_: str, key: str | None = None, status: str = "succeeded") -> Row:
    return Row(payment_id=id_, account="acct_probe1", key=key or f"key-{id_}", status=status)


def proved(told_: Sequence[Acknowledged], new: Sequence[Row], **changes: Any) -> Losses:
    asked: dict[str, Any] = {"old": (), "archived": (), "reported": (), "final": FINAL}
    return account(told_, new, **{**asked, **changes})


@given(st.integers(1, 20), st.integers(0, 20))
def test_what_is_in_the_new_writer_is_not_lost_and_all_else_is(count: int, lost: int) -> None:
    ids = [f"pay_{n:02d}" for n in range(count)]
    kept = ids[min(lost, count) :]
    found = proved(told(*ids), [row(id_) for id_ in kept], old=[row(id_) for id_ in ids])
    assert sorted([*found.lost, *kept]) == ids
    assert (found.unnamed, found.problems()) == ([], [])


def test_a_lost_payment_is_named_by_archive_report_or_old_volume() -> None:
    ids = ("pay_1", "pay_2", "pay_3", "pay_4")
    found = proved(
        told(*ids), [], old=[row("pay_2"), row("pay_1")], archived={"pay_1", "pay_3"}, reported=["pay_1", "pay_3"]
    )
    assert found.named == {
        "pay_1": [Witness.REPORT, Witness.ARCHIVE, Witness.OLD_VOLUME],
        "pay_2": [Witness.OLD_VOLUME],
        "pay_3": [Witness.REPORT, Witness.ARCHIVE],
        "pay_4": [],
    }
    assert found.unnamed == ["pay_4"]
    assert found.problems() == ["1 lost payments that nobody names: pay_4"]


def test_two_payments_of_one_key_were_applied_twice() -> None:
    found = proved(told("pay_2"), [row("pay_1", "key-a"), row("pay_2", "key-a")])
    assert found.doubled == ["acct_probe1: pay_1, pay_2"]
    assert proved(told("pay_1"), [row("pay_1"), row("pay_1")]).doubled == ["acct_probe1: pay_1"]


def test_a_payment_that_was_lost_and_sent_again_is_named_for_a_refund() -> None:
    found = proved(told("pay_2"), [row("pay_2", "key-a")], old=[row("pay_1", "key-a"), row("pay_3", "key-c")])
    assert (found.paid_again, found.doubled, found.lost) == (["pay_1"], [], [])


def test_a_status_that_went_back_is_shown() -> None:
    assert proved(told("pay_1"), [row("pay_1", status="submitting")]).taken_back == ["pay_1"]
    assert proved(told("pay_1", status="pending"), [row("pay_1")]).taken_back == []


def test_the_failovers_list_is_held_against_what_is_there() -> None:
    found = proved(told("pay_1", "pay_2"), [row("pay_1")], reported=["pay_1"], archived={"pay_2"},
                   archived_at_report={"pay_1", "pay_2"})  # fmt: skip
    assert (found.misreported, found.unreported) == (["pay_1"], ["pay_2"])


def test_a_row_is_read_as_the_database_writes_it() -> None:
    line = '{"id" : "pay_1", "account" : "acct_probe1", "key" : "a1", "status" : "pending"}'
    assert row_of(line) == Row(payment_id="pay_1", account="acct_probe1", key="a1", status="pending")


# ---- verdicts and report

AT = datetime(2026, 11, 29, 14, 0, tzinfo=UTC)


def ran(missing: Sequence[str] = (), **calls: int) -> Movement:
    steps = {
        "fence": {"state": "done", "began_at": "2026-11-29T14:00:02Z", "ended_at": "2026-11-29T14:00:13Z",
                  "seconds": 11.0, "facts": {}},
        "missing": {"state": "done", "began_at": "2026-11-29T14:00:20Z", "ended_at": "2026-11-29T14:00:21Z",
                    "seconds": 1.0, "facts": {"payments": [{"id": id_, "last_event": "x"} for id_ in missing]}},
    }  # fmt: skip
    return Movement(said={"id": "run-1", "steps": steps}, calls=calls or {"eu-central-1 rds FailoverGlobalCluster": 8})


def found(losses: Losses | None = None, back: dict[str, int] | None = None, **changes: Any) -> Found:
    return Found(
        plan=plan(**changes),
        began=AT,
        fault_at=AT,
        command_s=1.5,
        lag_s=2.0,
        figures=measured(outage(), FAULT_S, NEW),
        movement=ran(),
        losses=losses or proved(told("pay_1"), [row("pay_1")]),
        back=ran(),
        back_by_cell={OLD: 9} if back is None else back,
    )


def lost_of(count: int) -> Losses:
    ids = [f"pay_{n}" for n in range(count)]
    return proved(told(*ids), [], old=[row(id_) for id_ in ids])


def test_a_drill_within_its_bound_is_kept_and_one_beyond_is_broken() -> None:
    assert document(found(lost_of(15)))["problems"] == []
    assert document(found(lost_of(16)))["problems"] == ["at most 15 acknowledged payments lost, 3 s of 5/s: 16"]


def test_a_switchover_may_lose_nothing() -> None:
    assert document(found(kind=Kind.SWITCHOVER))["problems"] == []
    assert document(found(lost_of(1), kind=Kind.SWITCHOVER))["problems"] != []


def test_nothing_doubled_or_unnamed_is_within_any_bound() -> None:
    twice = proved(told("pay_1"), [row("pay_1", "a"), row("pay_2", "a")])
    assert document(found(twice))["problems"] == ["0 payments applied twice: 1"]
    assert document(found(proved(told("pay_1"), [])))["problems"] == ["every lost payment is named: 0 of 1"]


def test_a_drill_whose_writer_did_not_come_back_is_broken() -> None:
    (problem,) = document(found(back={OLD: 4, NEW: 1}))["problems"]
    assert problem == "after the failback home alone takes payments: home: 4, away: 1"
    assert document(found(back={}))["problems"] != []


def test_the_document_has_the_times_from_outside_and_is_json() -> None:
    numbers = document(found())
    assert numbers["seconds"] == {
        "detected": 0.5, "commanded": 1.5, "fenced": 13.0, "firstSuccess": 10.1, "fullRate": 10.0, "silence": 11.0,
    }  # fmt: skip
    assert numbers["steps"] == {"fence": 11.0, "missing": 1.0}
    assert json.loads(json.dumps(numbers)) == numbers


def test_calls_that_went_to_the_region_that_was_lost_are_counted() -> None:
    calls = ran(**{"eu-west-1 rds DescribeDBClusters": 2, "eu-central-1 rds FailoverGlobalCluster": 8})
    assert document(replace(found(), movement=calls))["callsInOriginRegion"] == 2


def test_the_page_names_every_lost_payment(tmp_path: Path) -> None:
    numbers = document(found(lost_of(3)))
    command.write(numbers, tmp_path, findings.markdown)
    text = (tmp_path / "drill.md").read_text()
    assert all(f"| pay_{n} | old-volume |" in text for n in range(3))
    assert json.loads((tmp_path / "drill.json").read_text()) == numbers


def test_cell_status_is_told_of_the_objectives() -> None:
    assert findings.line(document(found(lost_of(3)))) == (
        "region-dead: kept, first success after 10.1 s, 3 of at most 15 lost"
    )
    assert findings.line(document(found(lost_of(16)))).startswith("region-dead: broken: at most 15")


# ---- the commands


def test_the_real_command_is_run_and_its_timeline_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran_: list[list[str]] = []
    timeline = tmp_path / ".recovery" / "run-1" / "timeline.json"
    timeline.parent.mkdir(parents=True)
    timeline.write_text(json.dumps(ran(["pay_9"]).said))

    def run(arguments: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        ran_.append(arguments)
        Path(arguments[3]).write_text('{"eu-central-1 sts GetCallerIdentity": 1}')
        return subprocess.CompletedProcess(arguments, 0, stdout='{"run": "run-1", "writer": "away"}')

    monkeypatch.setattr(movement.subprocess, "run", run)
    found_ = movement.move(["failover", OLD, "--to", NEW, "--accept-data-loss"], tmp_path, tmp_path)
    assert ran_[0][4:] == ["failover", OLD, "--to", NEW, "--accept-data-loss", "--yes", "-o", "json"]
    assert (found_.missing, found_.ended("fence")) == (["pay_9"], AT.timestamp() + 13.0)
    assert found_.calls == {"eu-central-1 sts GetCallerIdentity": 1}


def test_a_command_that_fails_ends_the_drill_with_its_last_words(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def run(arguments: list[str], stderr: Any, **_: Any) -> subprocess.CompletedProcess[str]:
        stderr.write("fence ...\naway does not follow\n")
        return subprocess.CompletedProcess(arguments, 4, stdout="")

    monkeypatch.setattr(movement.subprocess, "run", run)
    with pytest.raises(CellError, match="exit code 4: away does not follow"):
        movement.move(["failback", NEW, "--to", OLD], tmp_path, tmp_path)


def test_calls_are_counted_by_region_service_and_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    import boto3

    def answer(*_: Any) -> dict[str, str]:
        return {"Account": "123456789012"}

    monkeypatch.setattr(BaseClient, "_make_api_call", answer)
    calls: Counter[str] = Counter()
    counted.count(calls)
    client = boto3.client("sts", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b")
    assert [client.get_caller_identity()["Account"] for _ in range(2)] == ["123456789012"] * 2
    assert calls == {"eu-central-1 sts GetCallerIdentity": 2}


# ---- in order


class World:
    """A drill against a gateway that is none: what was switched, run and asked, in order."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, fails: str = "") -> None:
        self.told: list[str] = []
        self.writer, self.fails = OLD, fails
        whole = httpx.AsyncClient

        def client(**settings: Any) -> httpx.AsyncClient:
            return whole(transport=httpx.MockTransport(self.answer), timeout=settings["timeout"])

        monkeypatch.setattr(load.httpx, "AsyncClient", client)
        monkeypatch.setattr(rehearsal, "PATIENCE", Patience(tries=60, longest_wait_s=0.01))
        for name, value in (("TAIL_S", 0.1), ("BACK_S", 0.1), ("DECIDE_S", 0.05), ("LOOK_S", 0.01)):
            monkeypatch.setattr(rehearsal, name, value)
        monkeypatch.setattr(drill_plan, "ARRIVED_S", 0.0)
        monkeypatch.setattr(measure, "WINDOW_S", 0.03)
        monkeypatch.setattr(rehearsal, "switch", lambda name, on: self.told.append(f"{name} {'on' if on else 'off'}"))
        monkeypatch.setattr(rehearsal, "move", self.move)
        market = {"eu": {"currency": "EUR", "banks": {"a": {}}}}
        made = plan_probe(
            OLD, payments=500, rate=50.0, markets=market, only=(), faults=(), shard_map=declared_map(2, [])
        )
        self.rows: list[Row] = []
        self.plan = plan(payments=20, rate=50.0, lag_s=0.1)
        self.rehearsal = Rehearsal(
            plan=self.plan,
            customers=Customers(plan=made, where=self.where, key_of=lambda _: "sk"),
            evidence=self,  # type: ignore[arg-type]
            project=folder,
            folder=folder,
            say=lambda _: None,
            progress=Progress(),
        )

    def where(self) -> Target:
        return Target(domain="pay.example.com", address="127.0.0.1", port=1, stack=self.writer)

    def answer(self, request: httpx.Request) -> httpx.Response:
        key = request.headers["idempotency-key"]
        self.rows.append(Row(payment_id=f"pay_{key}", account="acct_probe1", key=key, status="succeeded"))
        return httpx.Response(201, json={"id": f"pay_{key}", "status": "succeeded"})

    def move(self, arguments: Sequence[str], _project: Path, _folder: Path) -> Movement:
        self.told.append(" ".join(arguments))
        if arguments[0] == self.fails:
            raise CellError("it does not move")
        self.writer = arguments[arguments.index("--to") + 1]
        return ran()

    def lag_s(self) -> float:
        return 0.1

    def rows_of(self, _cell: str) -> list[Row]:
        return self.rows

    def kept_rows(self, _since: datetime) -> list[Row]:
        self.told.append("kept volumes read")
        return []

    def archived(self, _cell: str) -> set[str]:
        return set()


def test_a_drill_breaks_moves_mends_proves_and_comes_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = World(monkeypatch, tmp_path)
    numbers = document(world.rehearsal.act())
    assert world.told == [
        "replication-lag:eu-central-1:0.1 on",
        "region-dead:eu-west-1 on",
        "failover home --to away --accept-data-loss",
        "region-dead:eu-west-1 off",
        "replication-lag:eu-central-1:0.1 off",
        "kept volumes read",
        "failback away --to home",
    ]
    assert (numbers["problems"], numbers["losses"]["lost"]) == ([], [])
    assert set(numbers["acknowledgedByCell"]) == {OLD, NEW}


def test_faults_are_off_after_a_failover_that_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    world = World(monkeypatch, tmp_path, fails="failover")
    with pytest.raises(CellError, match="it does not move"):
        world.rehearsal.act()
    assert world.told[-2:] == ["region-dead:eu-west-1 off", "replication-lag:eu-central-1:0.1 off"]


# ---- dispatch


def options(kind: Kind) -> command.Options:
    return command.Options(kind=kind, payments=60, rate=5.0, lag_s=0.0, failback=True, shard="s00", at=None)


def test_a_live_region_is_never_drilled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(RESOLVE, raising=False)
    for kind in Kind:
        with pytest.raises(CellError, match="runs in the sandbox only"):
            command.drill(None, "eu-west-1", options(kind), lambda _: True)  # type: ignore[arg-type]


def test_payments_after_a_failback_are_new_ones() -> None:
    market = {"eu": {"currency": "EUR", "banks": {"a": {}}}}
    made = plan_probe(OLD, payments=50, rate=5.0, markets=market, only=(), faults=(), shard_map=declared_map(2, []))
    some = Customers(plan=made, where=lambda: None, key_of=lambda _: "").some(30, 10).calls
    assert [one.idempotency_key for one in some] == [one.idempotency_key for one in made.calls[30:40]]
    assert (some[0].at_s, some[-1].at_s) == (0.0, pytest.approx(1.8))


def test_a_restore_goes_to_its_own_drill(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, Any] = {}

    def run(_clients: Any, cell: str, region: str, **more: Any) -> dict[str, Any]:
        asked.update(cell=cell, region=region, **more)
        return {"kind": "restore", "same": True}

    monkeypatch.setenv(RESOLVE, str(tmp_path / "hosts.json"))
    monkeypatch.setattr(command, "entered", lambda *_: None)
    monkeypatch.setattr(command.restore, "run", run)
    session: Any = SimpleNamespace(project=Project(ROOT), console=None)
    found_ = command.drill(session, "eu-west-1", replace(options(Kind.RESTORE), shard="s03"), lambda _: True)
    assert found_ == {"kind": "restore", "same": True}
    assert (asked["cell"], asked["region"], asked["shard"], asked["at"]) == ("eu-west-1", "eu-west-1", "s03", None)


def test_a_cell_without_a_replica_is_not_drilled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(RESOLVE, str(tmp_path / "hosts.json"))
    session: Any = SimpleNamespace(project=Project(ROOT), console=None)
    with pytest.raises(CellError, match="dev: is in no pair") as refused:
        command.drill(session, "dev", options(Kind.REGION_DEAD), lambda _: True)
    assert refused.value.code is ExitCode.STACK_NOT_FOUND


def test_only_the_cell_to_which_the_name_leads_is_drilled(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    names = tmp_path / "hosts.json"
    monkeypatch.setenv(RESOLVE, str(names))
    pair: Any = SimpleNamespace(domain="pay.example.com")
    gateways = {f"{OLD}/{GATEWAY}": "127.0.0.2:8443", f"{NEW}/{GATEWAY}": "127.0.0.3:8443"}
    names.write_text(json.dumps(gateways))
    with pytest.raises(CellError, match="leads nowhere, and not to home"):
        command._refuse_unless_writer(pair, OLD)
    names.write_text(json.dumps({**gateways, "pay.example.com": "127.0.0.3:443"}))
    with pytest.raises(CellError, match="leads to away, and not to home"):
        command._refuse_unless_writer(pair, OLD)
    command._refuse_unless_writer(pair, NEW)
