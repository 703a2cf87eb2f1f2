"""`cell failover` and the like before they ask AWS: what is explained, and what is refused with which exit code."""

import json
from pathlib import Path

import pytest
from recovery_world import AWAY, PRIMARY, REPLICA, pair_of

from operations.cli import app
from operations.errors import CellError, ExitCode


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
