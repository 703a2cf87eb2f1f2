"""`cell capacity --without REGION --against DRILL`: what is computed beside what a drill measured."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from recovery_world import HOME, PRIMARY, REPLICA, STACKS, pair_of

from operations.capacity_check import Checked, as_data, checked, read, remarks, rows
from operations.cli import app
from operations.drill.measure import measured
from operations.errors import CellError, ExitCode
from operations.probe.load import Answer, Try
from operations.probe.plan import Call
from stacks.fleet import Fleet, load_fleet
from stacks.market_files import MARKETS, Markets, load_markets

RATE, FAULT_S = 4.0, 10.0


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Fleet:
    folder = tmp_path_factory.mktemp("stacks")
    pair_of(folder)
    return load_fleet(folder, check_quotas=False)


@pytest.fixture(scope="module")
def markets(fleet: Fleet) -> Markets:
    return load_markets(STACKS / MARKETS, fleet.cells)


def answers(*, slower: float = 0.0, refused_in: int = 0, by: str = REPLICA) -> Sequence[Answer]:
    """Four payments a second for a minute; from second 10 to 20 nobody answers. After it each takes `slower` seconds
    longer than the one before, and every `refused_in`th is refused at first."""
    found = []
    for number in range(int(60 * RATE)):
        at = number / RATE
        call = Call(at_s=at, account="acct_probe1", key_class="live", bank="b", idempotency_key=f"k{number}", body={})
        late = max(0.0, at - 20) * slower
        good = Try(at_s=at, seconds=0.1 + late, status=201, cell=by if at >= FAULT_S else PRIMARY)
        bad = Try(at_s=at, seconds=0.1, status=503, cell=by)
        refused = FAULT_S <= at < 20 or (refused_in and number % refused_in == 0)
        found.append(Answer(call=call, tries=[bad, good] if refused else [good], payment_id=f"p{number}", status="x"))
    return found


def drill(given: Sequence[Answer], **changed: Any) -> Mapping[str, Any]:
    """As operations/drill/findings.py writes it: the part that is compared."""
    figures = measured(given, FAULT_S, REPLICA)
    full = figures.full
    return {
        "kind": "region-dead",
        "origin": PRIMARY,
        "target": REPLICA,
        "began": "2026-11-29T14:00:00+00:00",
        "rate": RATE,
        "full": None if full is None else {"due": full.due, "served": full.served, "rate": full.rate},
        "acknowledgedByCell": figures.by_cell,
        **changed,
    }


def compared(fleet: Fleet, markets: Markets, given: Mapping[str, Any]) -> Checked:
    return checked(fleet, markets, HOME, given)


def test_a_taker_that_serves_the_whole_rate_is_as_computed(fleet: Fleet, markets: Markets) -> None:
    found = compared(fleet, markets, drill(answers()))
    taken, first, others = found.rows
    assert taken.what.startswith(REPLICA)
    assert (taken.computed, taken.measured) == (pytest.approx(RATE), pytest.approx(RATE, rel=0.02))
    assert (first.computed, first.measured) == (1.0, 1.0)
    assert others.measured == 0
    assert found.code is ExitCode.OK, remarks(found)
    assert as_data(found)["within"] is True
    assert len(rows(found)) == 3


def test_a_taker_that_falls_behind_its_customers_is_off(fleet: Fleet, markets: Markets) -> None:
    found = compared(fleet, markets, drill(answers(slower=0.5)))
    assert found.rows[0].measured == pytest.approx(RATE / 1.5, rel=0.05), "each answer comes later than the one before"
    assert [row.what for row in found.off] == [f"{REPLICA}: payments that it serves"]
    assert found.code is ExitCode.ERROR
    assert any("33% apart, more than 10%" in line for line in remarks(found))


def test_a_taker_that_never_had_its_full_rate_serves_nothing_of_what_was_computed(
    fleet: Fleet, markets: Markets
) -> None:
    found = compared(fleet, markets, drill(answers(refused_in=4)))
    assert [row.difference for row in found.rows] == [1.0, 1.0, 0.0]
    assert found.code is ExitCode.ERROR


def test_a_cell_that_takes_what_was_computed_of_another_is_off(fleet: Fleet, markets: Markets) -> None:
    given = drill(answers())
    found = compared(fleet, markets, {**given, "target": "us-east-1", "acknowledgedByCell": {REPLICA: 9}})
    taker, other, first, third = found.rows
    assert (taker.what.split(":")[0], taker.measured) == (REPLICA, 0)
    assert (other.what.split(":")[0], other.computed) == ("us-east-1", 0)
    assert (first.computed, third.measured) == (0, 9)
    assert len(found.off) == 4
    assert "nothing was computed" in rows(found)[1]["difference"]
    json.dumps(as_data(found), allow_nan=False)


def test_what_the_taker_cannot_carry_is_not_computed_as_served(fleet: Fleet, markets: Markets) -> None:
    peak = fleet.cells[PRIMARY].peak_payments_per_second
    found = compared(fleet, markets, drill(answers(), rate=100.0 * peak))
    assert 0 < found.rows[0].computed < 100.0 * peak
    assert found.rows[1].computed < 1
    assert found.result.first is not None
    assert found.rows[0].computed == pytest.approx(100.0 * peak / found.result.first.used)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"origin": REPLICA}, "a drill of eu-west-1-replica; eu-west-1 loses eu-west-1"),
        ({"origin": "us-east-1"}, "a drill of us-east-1; eu-west-1 loses eu-west-1"),
        ({"full": {}}, "not of a drill that moves a writer, or of one before it told its full rate"),
        ({"rate": "fast"}, "not of a drill that moves a writer"),
    ],
)
def test_a_drill_of_something_else_is_refused(
    fleet: Fleet, markets: Markets, changed: Mapping[str, Any], said: str
) -> None:
    with pytest.raises(CellError, match=said) as refused:
        compared(fleet, markets, drill(answers(), **changed))
    assert refused.value.code is ExitCode.CONFIGURATION


def test_a_file_that_is_no_drill_is_refused(tmp_path: Path) -> None:
    for text in ("", "[]", "{"):
        (tmp_path / "drill.json").write_text(text)
        with pytest.raises(CellError, match=r"give \.recovery/drills"):
            read(tmp_path / "drill.json")
    with pytest.raises(CellError, match=r"give \.recovery/drills"):
        read(tmp_path / "none.json")


def test_the_command_ends_with_one_beyond_ten_per_cent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: payment-cell\nruntime: python\n")
    (tmp_path / "stacks").mkdir()
    pair_of(tmp_path / "stacks")
    monkeypatch.chdir(tmp_path)
    for given, code in ((answers(), ExitCode.OK), (answers(slower=0.5), ExitCode.ERROR)):
        path = tmp_path / "drill.json"
        path.write_text(json.dumps(drill(given)))
        ended = app(["capacity", "--without", HOME, "--against", str(path), "-o", "json"], standalone_mode=False)
        assert ended == code
        assert json.loads(capsys.readouterr().out)["within"] is (code is ExitCode.OK)
    with pytest.raises(CellError, match="leave out --peak"):
        app(["capacity", "--without", HOME, "--against", str(path), "--peak", "9"], standalone_mode=False)
