"""`cell failover` and the like before they ask AWS: what is explained, and what is refused with which exit code."""

import json
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import Mock

import pytest
from recovery_world import AWAY, PRIMARY, REPLICA, pair_of

from contracts.epoch import Writer
from operations import preflight_checks
from operations.cli import app
from operations.errors import CellError, ExitCode
from operations.preflight_aws import Clients
from operations.recovery import session
from operations.recovery.rehearse import Rehearsal
from stacks.fleet import load_fleet
from stacks.models import AccountSettings


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: payment-cell\nruntime: python\n")
    (tmp_path / "stacks").mkdir()
    pair_of(tmp_path / "stacks")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_call_is_explained_without_asking_aws(capsys: pytest.CaptureFixture[str]) -> None:
    app(["failover", PRIMARY, "--to", REPLICA, "--explain", "-o", "json"], standalone_mode=False)
    rows = json.loads(capsys.readouterr().out)
    assert {row["region"] for row in rows} == {AWAY}
    assert {"action": "FailoverGlobalCluster", "plane": "control"}.items() <= next(
        row for row in rows if row["action"] == "FailoverGlobalCluster"
    ).items()
    assert all(row["when_down"] for row in rows)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["failover", PRIMARY, "--to", REPLICA], ExitCode.CONFIGURATION),
        (["switchover", PRIMARY, "--to", PRIMARY], ExitCode.CONFIGURATION),
        (["switchover", "dev", "--to", REPLICA], ExitCode.CONFIGURATION),
        (["failback", PRIMARY, "--to", "dev"], ExitCode.STACK_NOT_FOUND),
        (["recovery", "abandon", "run", PRIMARY], ExitCode.CONFIGURATION),
        (["recovery", "status", "dev"], ExitCode.STACK_NOT_FOUND),
        (["recovery", "collect", "dev"], ExitCode.STACK_NOT_FOUND),
        (["recovery", "missing", "run", "dev"], ExitCode.STACK_NOT_FOUND),
    ],
    ids=[
        "no terminal and no --yes",
        "to itself",
        "from elsewhere",
        "no pair",
        "abandon unasked",
        "status of no pair",
        "collect of no pair",
        "missing of no pair",
    ],
)
def test_what_cannot_be_is_refused_with_its_exit_code(words: list[str], code: ExitCode) -> None:
    with pytest.raises(CellError) as refused:
        app(words, standalone_mode=False)
    assert refused.value.code is code


def test_a_movement_acts_as_the_pairs_recovery_role_in_the_region_that_stays(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[AccountSettings] = []

    def entered(account: AccountSettings, _purpose: str, _role: str) -> Clients:
        asked.append(account)
        raise CellError("recovery role: AccessDenied", ExitCode.AUTHENTICATION)

    monkeypatch.setattr(session, "entered", entered)
    with pytest.raises(
        CellError, match=r"AccessDenied \(`cell up eu-west-1-pair` makes the role, `operators`"
    ) as refused:
        app(["failover", PRIMARY, "--to", REPLICA, "--accept-data-loss", "--yes"], standalone_mode=False)
    assert refused.value.code is ExitCode.AUTHENTICATION
    plan = load_fleet(project / "stacks", check_quotas=False).pair(f"{PRIMARY}-pair")
    assert [(one.home_region, one.deploy_role_arn) for one in asked] == [(AWAY, plan.recovery_role_arn)]


def test_a_drill_notes_how_it_ended_whether_it_began_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    ssm, store = Mock(), SimpleNamespace(writer=lambda: Writer(epoch=2, cell=REPLICA))
    monkeypatch.setattr(session, "opened", lambda *_: SimpleNamespace(store=store))
    own = SimpleNamespace(get=lambda service, region: ssm if (service, region) == ("ssm", PRIMARY) else None)
    monkeypatch.setattr(preflight_checks, "own_clients", lambda *_: own)
    with pytest.raises(CellError, match="not begun"):
        app(["recovery", "rehearse", PRIMARY, "--yes"], standalone_mode=False)
    noted = ssm.put_parameter.call_args.kwargs
    assert noted["Name"] == "/payment-cell/eu-west-1/last-drill"
    assert noted["Value"].startswith(f"failed: switchover: not begun: {REPLICA} writes")
    monkeypatch.setattr(Rehearsal, "act", lambda _self: "there and back")
    app(["recovery", "rehearse", PRIMARY, "--yes"], standalone_mode=False)
    assert ssm.put_parameter.call_args.kwargs["Value"] == "passed: switchover: there and back"
