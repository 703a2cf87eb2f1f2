"""Movements of the writer and drills in an audit: what of `.recovery/` is taken, what it supports, what is unknown."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from audit_outputs import Page
from audit_samples import audit, recovery
from recovery_world import HOME, PRIMARY, REPLICA, made, pair_of

from operations.audit import recoveries
from operations.audit.evidence.bundle import summary, write
from operations.audit.evidence.canonical import digest
from operations.audit.evidence.signing import LocalSigner
from operations.audit.evidence.verify import verify
from operations.audit.report import reading, sarif, table
from operations.audit.report.oscal.recoveries import recoveries as observations
from operations.audit.report.page import page
from operations.audit.result import Calls
from operations.errors import CellError
from operations.recovery import session, timeline
from operations.recovery.collect import Collected
from operations.recovery.collect import write as collect
from operations.recovery.run import Kind, Run, Status
from operations.recovery.steps import move
from operations.recovery.store import Store
from stacks.fleet import Fleet, load_fleet

PAIR = f"{PRIMARY}-pair"
BY = "arn:aws:iam::111122223333:user/ada"
MOVED = Run(
    id="switchover-20261120T060000Z-abcdef",
    kind=Kind.SWITCHOVER,
    origin=PRIMARY,
    target=REPLICA,
    started_by=BY,
    started_at="2026-11-20T06:00:00Z",
    epoch=4,
    status=Status.DONE,
    ended_at="2026-11-20T06:02:00Z",
)
DRILL: Mapping[str, Any] = {
    "kind": "region-dead",
    "origin": PRIMARY,
    "target": REPLICA,
    "sandbox": "Measured in the sandbox",
    "began": "2026-11-21T06:00:00+00:00",
    "seconds": {"firstSuccess": 31.04},
    "acknowledged": 300,
    "bound": 6,
    "losses": {"counts": {"lost": 4}},
    "steps": {"fence": 11.0},
    "problems": [],
}
RESTORE: Mapping[str, Any] = {
    "kind": "restore",
    "cell": PRIMARY,
    "source": f"{PRIMARY}-s00",
    "at": "2026-11-22T05:55:00+00:00",
    "began": "2026-11-22T06:00:00+00:00",
    "same": False,
    "different": ["payments"],
    "checkedS": 13.0,
    "steps": [{"name": "restore", "seconds": 12.3}],
}


@pytest.fixture(scope="module")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stacks")
    pair_of(folder)
    return folder


@pytest.fixture(scope="module")
def fleet(stacks: Path) -> Fleet:
    return load_fleet(stacks, check_quotas=False)


def drilled(root: Path, document: Mapping[str, Any], name: str = "2026-11-21T06-00-00Z") -> Path:
    path = root / timeline.FOLDER / timeline.DRILLS / name / "drill.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(document))
    return path


def collected(root: Path, *runs: Run, emulated: bool = False) -> None:
    collect(root, Collected(pair=PAIR, by=BY, runs=runs, emulated=emulated), datetime(2026, 11, 29, tzinfo=UTC))


def known(root: Path, fleet: Fleet, *stacks: str, emulated: bool = False) -> recoveries.Known:
    return recoveries.known(root, stacks or (PRIMARY,), fleet, emulated=emulated)


def test_a_planned_movement_supports_both_criteria(tmp_path: Path, fleet: Fleet) -> None:
    collected(tmp_path, MOVED)
    (one,) = known(tmp_path, fleet).records
    assert (one.id, one.what, one.cells, one.outcome) == (MOVED.id, "switchover", f"{PRIMARY} -> {REPLICA}", "done")
    assert (one.by, one.started, one.ended) == (BY, MOVED.started_at, MOVED.ended_at)
    assert one.supports == "SOC 2 A1.2, SOC 2 A1.3"
    assert one.sha256 == digest((tmp_path / one.file).read_bytes())


@pytest.mark.parametrize(
    ("run", "supports"),
    [
        (replace(MOVED, kind=Kind.FAILOVER), "SOC 2 A1.2"),
        (replace(MOVED, status=Status.ROLLED_BACK), "SOC 2 A1.2, SOC 2 A1.3"),
        (replace(MOVED, status=Status.RUNNING, ended_at=""), "nothing: did not come to an end"),
        (replace(MOVED, status=Status.REFUSED), "nothing: did not come to an end"),
        (replace(MOVED, status=Status.ABANDONED), "nothing: did not come to an end"),
    ],
    ids=["an emergency is no test", "rolled back", "under way", "refused", "abandoned"],
)
def test_what_a_movement_supports_depends_on_kind_and_end(
    tmp_path: Path, fleet: Fleet, run: Run, supports: str
) -> None:
    collected(tmp_path, run)
    assert [one.supports for one in known(tmp_path, fleet).records] == [supports]


def test_drills_are_told_with_what_they_found(tmp_path: Path, fleet: Fleet) -> None:
    drilled(tmp_path, DRILL)
    drilled(tmp_path, {**DRILL, "problems": ["0 payments applied twice: 3"]}, "2026-11-20T06-00-00Z")
    drilled(tmp_path, {**RESTORE, "sandbox": "yes"}, "2026-11-22T06-00-00Z")
    restore, *moved = known(tmp_path, fleet, emulated=True).records
    assert (restore.what, restore.cells, restore.outcome) == ("drill of restore", PRIMARY, "broken")
    assert "different: payments" in restore.found
    assert sorted(one.outcome for one in moved) == ["broken", "kept"]
    assert any("missed: 0 payments applied twice: 3" in one.found for one in moved)
    assert all("31.0 s, 4 of 300 acknowledged payments lost, at most 6" in one.found for one in moved)
    assert {one.supports for one in (restore, *moved)} == {"SOC 2 A1.2, SOC 2 A1.3"}


def test_what_an_emulator_rehearsed_supports_nothing_in_an_audit_of_aws(tmp_path: Path, fleet: Fleet) -> None:
    drilled(tmp_path, DRILL)
    collected(tmp_path, MOVED, emulated=True)
    assert {one.supports for one in known(tmp_path, fleet).records} == {
        "nothing: rehearsed where the endpoint was not AWS"
    }
    assert {one.supports for one in known(tmp_path, fleet, emulated=True).records} == {"SOC 2 A1.2, SOC 2 A1.3"}


def test_a_timeline_that_does_not_say_where_it_ran_claims_nothing_of_aws(tmp_path: Path, fleet: Fleet) -> None:
    collected(tmp_path, MOVED)
    path = tmp_path / known(tmp_path, fleet).records[0].file
    old = json.loads(path.read_text())
    del old["emulated"]
    path.write_text(json.dumps(old))
    assert known(tmp_path, fleet).records[0].emulated


def test_only_the_audited_cells_movements_are_taken(tmp_path: Path, fleet: Fleet) -> None:
    collected(tmp_path, MOVED)
    for stacks, count in (((REPLICA,), 1), ((PAIR,), 1), (("dev",), 0), (("account",), 0)):
        assert len(known(tmp_path, fleet, *stacks).records) == count, stacks
    assert known(tmp_path, fleet, "dev").problems == ()


def test_runs_that_may_be_missing_are_said(tmp_path: Path, fleet: Fleet) -> None:
    (never,) = known(tmp_path, fleet).problems
    assert never.startswith(f"{PAIR}: its journal was not collected")
    other = replace(MOVED, id="failback-20261121T060000Z-abcdef")
    collected(tmp_path, MOVED, other)
    assert known(tmp_path, fleet).problems == ()
    (tmp_path / timeline.FOLDER / other.id / "timeline.json").unlink()
    (gone,) = known(tmp_path, fleet).problems
    assert gone.startswith(f"{PAIR}: 1 movements that its journal had on 2026-11-29T00:00:00Z are not here")


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"origin": "eu-west-1"}', json.dumps({**DRILL, "steps": {"fence": float("nan")}}),
     json.dumps({**DRILL, "began": "yesterday"}), json.dumps({**DRILL, "steps": {"fence": -1}}), "\ud800", "[" * 9999],
)  # fmt: skip
def test_a_file_that_is_no_record_is_said_and_hides_no_other(tmp_path: Path, fleet: Fleet, text: str) -> None:
    collected(tmp_path)
    drilled(tmp_path, DRILL)
    drilled(tmp_path, {}, "bad").write_bytes(text.encode("utf-8", "surrogatepass"))
    found = known(tmp_path, fleet)
    assert len(found.records) == 1
    (problem,) = found.problems
    assert problem.startswith(".recovery/drills/bad/drill.json: no record of a movement or drill")


def test_two_machines_write_the_same_timeline_of_a_run(tmp_path: Path, fleet: Fleet) -> None:
    """What the driver wrote at the end, and what is made of the journal later, have one digest."""
    with made(fleet.pair(PAIR)) as world:
        world.sleep(3.0)
        planned = world.plan(Kind.SWITCHOVER, PRIMARY, REPLICA, False)
        context = world.context(planned.run, BY)
        session.begin(context, planned)
        move(context, 20.0)
        driven = timeline.write(tmp_path / "driver", context.run, emulated=False)
        there = Store(world, (HOME,), world.pair.epoch_table, PRIMARY).runs()
    collect(tmp_path / "other", Collected(pair=PAIR, by=BY, runs=there, emulated=False))
    for path in driven.iterdir():
        assert (tmp_path / "other" / timeline.FOLDER / planned.run.id / path.name).read_bytes() == path.read_bytes()


def test_a_run_leads_out_of_no_folder(tmp_path: Path) -> None:
    for name in ("../../etc", "a/b", "", ".", "drills"):
        with pytest.raises(CellError, match="an id of a run names a folder"):
            collected(tmp_path, replace(MOVED, id=name))
    assert not (tmp_path / timeline.FOLDER).exists()


def test_the_signed_head_names_each_with_the_digest_of_its_file(tmp_path: Path) -> None:
    signer = LocalSigner(tmp_path / "key.pem")
    told = audit(recoveries=(recovery(),), calls=Calls(by_operation={}), answers=(), populations=())
    bundle = write(tmp_path / "evidence", told, (), signer)
    head = json.loads((bundle / "head.json").read_text())
    assert [(one["id"], one["file_sha256"]) for one in head["recoveries"]] == [(recovery().id, recovery().sha256)]
    assert verify(bundle, [signer.public_key()]).proven


def test_an_audit_of_before_has_none_and_its_head_says_nothing_of_them() -> None:
    old = audit().model_dump(mode="json")
    assert "recoveries" in summary(old)
    del old["recoveries"]
    assert "recoveries" not in summary(old)


def test_every_report_with_a_place_for_them_shows_them() -> None:
    told = audit(recoveries=(recovery(), recovery(outcome="abandoned", maps_to=(), note="did not come to an end")))
    html = Page(page(told)).text
    assert "switchover" in html
    assert "nothing: did not come to an end" in html
    text = table.render(told)
    assert "Movements and drills" in text
    assert "SOC 2 A1.2, SOC 2 A1.3" in text
    (run,) = json.loads(sarif.render(told))["runs"]
    notes = [one for one in run["invocations"][0]["toolExecutionNotifications"] if one["level"] == "note"]
    assert [note["message"]["text"].split(" ")[0] for note in notes] == ["switchover", "switchover"]
    one, other = observations(told)
    properties = {prop["name"]: prop["value"] for prop in one["props"]}
    assert properties["supports"] == "SOC 2 A1.2, SOC 2 A1.3"
    assert len(one["subjects"]) == 1, "its cell; the replica is not of this audit"
    assert "supports" not in {prop["name"] for prop in other["props"]}


def test_a_criterion_counts_those_that_support_it() -> None:
    told = audit(recoveries=(recovery(), recovery(maps_to=(), note="did not come to an end")))
    counted = {row.criterion: row.recoveries for row in reading.criteria(told)}
    assert (counted["A1.2"], counted["A1.3"], counted["A1.1"], counted["CC7.5"]) == (1, 1, 0, 0)
