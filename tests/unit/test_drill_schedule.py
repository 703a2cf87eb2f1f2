"""`cell drill STACK --schedule`: what it writes into the pair's file, and what it refuses."""

from pathlib import Path

import pytest
from config_files import paired_fleet, write
from typer.testing import CliRunner

from components.pair_drill import Weekday
from operations.cli import app
from operations.drill.schedule import when
from operations.errors import CellError, ExitCode
from stacks.fleet import load_fleet, read_fleet
from stacks.problems import ConfigError

IMAGE = f"123456789012.dkr.ecr.eu-central-1.amazonaws.com/tools/payment-cell@sha256:{'0a' * 32}"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: payment-cell\nruntime: python\n")
    (tmp_path / "stacks").mkdir()
    monkeypatch.chdir(tmp_path)
    return paired_fleet(tmp_path / "stacks")


def cell(*words: str) -> None:
    app(["drill", *words], standalone_mode=False)


def pair_file(folder: Path) -> str:
    return (folder / "Pulumi.one-pair.yaml").read_text()


@pytest.mark.parametrize("stack", ["one", "one-replica", "one-pair", "one-workloads"])
def test_it_writes_into_the_pairs_file_and_says_what_deploys_it(
    folder: Path, stack: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = pair_file(folder)
    cell(stack, "--schedule", "tuesday 10:00", "--image", IMAGE)
    assert "wrote Pulumi.one-pair.yaml; `cell up one-pair` deploys it" in capsys.readouterr().err
    drill = load_fleet(folder, check_quotas=False).pair("one-pair").drill
    assert drill is not None
    assert (drill.day, drill.hour_utc, drill.image) == (Weekday.TUESDAY, 10, IMAGE)
    assert set(before.splitlines()) <= set(pair_file(folder).splitlines()), "a line or a comment was lost"


def test_another_time_keeps_the_image_and_off_removes_it(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = pair_file(folder)
    cell("one", "--schedule", "tue 10", "--image", IMAGE)
    cell("one", "--schedule", "sunday 4")
    drill = load_fleet(folder, check_quotas=False).pair("one-pair").drill
    assert drill is not None
    assert (drill.day, drill.hour_utc, drill.image) == (Weekday.SUNDAY, 4, IMAGE)
    capsys.readouterr()
    cell("one", "--schedule", "sunday 4")
    assert "says so already" in capsys.readouterr().err
    cell("one", "--schedule", "off")
    assert pair_file(folder) == before
    assert load_fleet(folder, check_quotas=False).pair("one-pair").drill is None


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["one", "--schedule", "weekly"], 'is no weekday and hour; write "tuesday 10:00"'),
        (["one", "--schedule", "tuseday 10"], "names no weekday; did you mean tuesday?"),
        (["one", "--schedule", "tuesday 24"], "is no full hour of a day"),
        (["one", "--schedule", "tuesday 10:30"], "is no full hour of a day"),
        (["one", "--schedule", "off", "--image", IMAGE], "--image: of which drill"),
        (["one", "--image", IMAGE], "--image: goes with --schedule"),
        (["one", "--schedule", "tue 10", "--kind", "region-dead"], "--kind region-dead: is of the sandbox"),
        (["other", "--schedule", "tue 10"], "other: no such stack"),
        (["account", "--schedule", "tue 10"], "account: is in no pair"),
    ],
)
def test_a_bad_input_is_refused_and_changes_nothing(folder: Path, words: list[str], said: str) -> None:
    before = pair_file(folder)
    with pytest.raises(CellError) as refused:
        cell(*words)
    assert said in str(refused.value)
    assert refused.value.code in {ExitCode.CONFIGURATION, ExitCode.STACK_NOT_FOUND}
    assert pair_file(folder) == before


@pytest.mark.parametrize(
    ("image", "said"),
    [([], "drillSchedule.image: is missing, and one has no runner"), (["--image", "payment-cell:latest"], "image")],
)
def test_files_that_would_not_be_valid_stay_as_they_were(folder: Path, image: list[str], said: str) -> None:
    before = pair_file(folder)
    with pytest.raises(ConfigError, match=said):
        cell("one", "--schedule", "tuesday 10", *image)
    assert pair_file(folder) == before


def test_the_primarys_runner_has_an_image_that_does(folder: Path) -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/1234"
    runner = f"    runner: {{image: '{IMAGE}', stateBucket: state, stateKeyArns: ['{key}']}}\n"
    write(folder, "one", (folder / "Pulumi.one.yaml").read_text() + runner)
    cell("one", "--schedule", "tuesday 10")
    assert "image" not in pair_file(folder)
    drill = load_fleet(folder, check_quotas=False).pair("one-pair").drill
    assert drill is not None
    assert drill.image == IMAGE


def test_a_pilot_light_is_not_drilled_every_week(folder: Path) -> None:
    path = folder / "Pulumi.one-replica.yaml"
    path.write_text(path.read_text().replace("warm-standby", "pilot-light"))
    cell("one", "--schedule", "off")
    with pytest.raises(ConfigError, match="drillSchedule: moves the writer every week to a pilot light"):
        cell("one", "--schedule", "tuesday 10", "--image", IMAGE)


def test_hours_and_days_are_read_in_every_form() -> None:
    assert {when(text) for text in ("tuesday 9", "Tue 09:00", "tue-9", " TUESDAY 09 ")} == {(Weekday.TUESDAY, 9)}


def test_operators_are_users_and_roles(folder: Path) -> None:
    text = pair_file(folder)
    role = (
        "arn:aws:iam::123456789012:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_OnCall_0123456789abcdef"
    )
    write(folder, "one-pair", f"{text}    operators: [{role}]\n")
    assert load_fleet(folder, check_quotas=False).pair("one-pair").operators == (role,)
    write(folder, "one-pair", f"{text}    operators: ['arn:aws:sts::123456789012:assumed-role/OnCall/bob']\n")
    _, found = read_fleet(folder)
    assert [problem.rule for problem in found] == ["is not the ARN of an IAM user or role"]


def test_the_help_says_what_a_schedule_is() -> None:
    assert "--schedule" in CliRunner().invoke(app, ["drill", "--help"]).output
