"""`cell replicate`: the files that it writes, what it says of them, and what it refuses."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from components.vocabulary import Strategy
from operations.cli import app
from operations.errors import CellError, ExitCode
from operations.project import Project
from operations.replicate import Wanted, plan_replicate, shown, write_replicate
from stacks.fleet import load_fleet
from stacks.problems import ConfigError
from stacks.standby import PROMISES

ROOT = Path(__file__).parents[2]
WANTED = Wanted(primary="eu-west-1")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """The committed stack files in a project of their own."""
    (tmp_path / "stacks").mkdir()
    shutil.copy(ROOT / "Pulumi.yaml", tmp_path)
    for path in (ROOT / "stacks").glob("Pulumi.*.yaml"):
        shutil.copy(path, tmp_path / "stacks")
    shutil.copytree(ROOT / "stacks" / "markets", tmp_path / "stacks" / "markets")
    return Project(tmp_path)


def names(project: Project) -> set[str]:
    return {path.name for path in project.stacks_folder.iterdir()}


def test_planning_writes_nothing(project: Project) -> None:
    before = names(project)
    plan = plan_replicate(project, WANTED)
    assert names(project) == before
    assert [path.name for path in plan.missing] == [
        "Pulumi.eu-west-1-replica.yaml",
        "Pulumi.eu-west-1-replica-workloads.yaml",
        "Pulumi.eu-west-1-pair.yaml",
    ]


def test_what_is_written_is_a_pair_in_the_recovery_region(project: Project) -> None:
    write_replicate(project, plan_replicate(project, WANTED))
    fleet = load_fleet(project.stacks_folder)
    pair = fleet.pair("eu-west-1-pair")
    assert (pair.primary.cell, pair.replica.cell, pair.replica.region) == (
        "eu-west-1",
        "eu-west-1-replica",
        "eu-central-1",
    )
    assert pair.writer == "eu-west-1"
    assert fleet.workloads["eu-west-1-replica-workloads"].images == fleet.workloads["eu-west-1-workloads"].images


def test_a_replica_is_on_no_other_cells_map(project: Project) -> None:
    alone = load_fleet(project.stacks_folder)
    before = {name: alone.hosts(name) for name in alone.cells}
    write_replicate(project, plan_replicate(project, WANTED))
    fleet = load_fleet(project.stacks_folder)
    assert {name: fleet.hosts(name) for name in before} == before, "what the others declare stays as it was"
    assert fleet.hosts("eu-west-1-replica").keys() == {*before, "eu-west-1-replica"}


def test_a_development_cell_and_its_replica_have_classes_that_a_global_database_takes(project: Project) -> None:
    file = project.stack_file("dev")
    file.write_text(file.read_text().replace("    domain:", "    recoveryRegion: eu-central-1\n    domain:"))
    write_replicate(project, plan_replicate(project, Wanted(primary="dev")))
    fleet = load_fleet(project.stacks_folder)
    assert {shard.instance_class for name in ("dev", "dev-replica") for shard in fleet.plan(name).shards} == {
        "db.r7g.large"
    }


def test_copies_go_to_the_vault_of_the_same_name_in_the_recovery_region(project: Project) -> None:
    write_replicate(project, plan_replicate(project, WANTED))
    fleet = load_fleet(project.stacks_folder)
    own, other = (fleet.cells[name].backups.copy_vault_arn for name in ("eu-west-1", "eu-west-1-replica"))
    assert own is not None
    assert other == own.replace(f":{own.split(':')[3]}:", ":eu-central-1:")


def test_quotas_above_the_default_are_written_and_have_to_be_asked_for(project: Project) -> None:
    plan = plan_replicate(project, WANTED)
    text = plan.files[project.stack_file("eu-west-1-replica")]
    assert plan.quotas
    assert yaml.safe_load(text)["config"]["payment-cell:replica"]["quotas"] == plan.quotas
    assert "ask AWS. `cell preflight`" in text
    said = {row["what"] for row in shown(plan)}
    assert {f"quota to ask for: {name}" for name in plan.quotas} <= said


@pytest.mark.parametrize("strategy", [Strategy.PILOT_LIGHT, Strategy.WARM_STANDBY, Strategy.HOT])
def test_what_is_shown_is_what_the_strategy_promises(project: Project, strategy: Strategy) -> None:
    said = [row["value"] for row in shown(plan_replicate(project, replace(WANTED, strategy=strategy)))]
    promise = PROMISES[strategy]
    assert {promise.rto, promise.cost, promise.leaves_out, *promise.rpo.values()} <= set(said)


def test_name_region_and_domain_can_be_chosen(project: Project) -> None:
    wanted = replace(WANTED, name="eu-second", region="eu-west-3", domain="pay.example.com")
    write_replicate(project, plan_replicate(project, wanted))
    pair = load_fleet(project.stacks_folder).pair("eu-west-1-pair")
    assert (pair.replica.cell, pair.replica.region, pair.domain) == ("eu-second", "eu-west-3", "pay.example.com")


def test_the_same_again_goes_on_where_it_stopped(project: Project) -> None:
    plan = plan_replicate(project, WANTED)
    write_replicate(project, plan)
    project.stack_file(plan.pair).unlink()
    again = plan_replicate(project, WANTED)
    assert again.missing == [project.stack_file(plan.pair)]
    write_replicate(project, again)
    assert plan_replicate(project, WANTED).missing == []


def test_a_file_that_says_something_else_is_left_alone(project: Project) -> None:
    write_replicate(project, plan_replicate(project, WANTED))
    with pytest.raises(CellError, match=r"Pulumi\.eu-west-1-pair\.yaml: exists and says something else"):
        plan_replicate(project, replace(WANTED, domain="other.example.com"))


@pytest.mark.parametrize(
    ("wanted", "says", "code"),
    [
        (Wanted(primary="eu-nowhere-1"), "no such cell", ExitCode.STACK_NOT_FOUND),
        (Wanted(primary="eu-west-1", region="us-east-1"), "stays in eu", ExitCode.CONFIGURATION),
        (Wanted(primary="eu-west-1", region="eu-west-1"), "stays in eu", ExitCode.CONFIGURATION),
        (Wanted(primary="dev"), "has no recovery region", ExitCode.CONFIGURATION),
        (
            Wanted(primary="eu-west-1", strategy=Strategy.BACKUP_RESTORE),
            "name backups.copyVaultArn",
            ExitCode.CONFIGURATION,
        ),
    ],
)
def test_what_cannot_be_a_pair_is_refused_with_a_way_out(
    project: Project, wanted: Wanted, says: str, code: ExitCode
) -> None:
    before = names(project)
    with pytest.raises(CellError, match=says) as refused:
        plan_replicate(project, wanted)
    assert refused.value.code == code
    assert names(project) == before


def test_a_replica_is_not_replicated(project: Project) -> None:
    write_replicate(project, plan_replicate(project, WANTED))
    with pytest.raises(CellError, match="is a replica itself: replicate eu-west-1"):
        plan_replicate(project, Wanted(primary="eu-west-1-replica"))


def test_nothing_is_written_where_the_files_do_not_fit_the_others(project: Project) -> None:
    before = names(project)
    with pytest.raises(ConfigError, match="the stack's name has 28 characters, more than 24"):
        plan_replicate(project, replace(WANTED, name="a-name-of-more-than-24-chars"))
    assert names(project) == before


def test_the_page_on_recovery_has_what_each_strategy_promises() -> None:
    page = (ROOT / "docs" / "recovery.md").read_text()
    for strategy, promise in PROMISES.items():
        cells = (f"`{strategy}`", promise.rto, promise.rpo["database"], promise.cost, promise.leaves_out)
        assert f"| {' | '.join(cells)} |" in page
    for store, lost in PROMISES[Strategy.WARM_STANDBY].rpo.items():
        assert f"| {store} | {lost} |" in page


def test_the_command_shows_the_plan_and_writes_nothing_where_it_cannot_ask(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(project.root)
    before = names(project)
    result = CliRunner().invoke(app, ["replicate", "eu-west-1"])
    assert isinstance(result.exception, CellError)
    assert result.exception.code == ExitCode.CONFIGURATION
    assert PROMISES[Strategy.WARM_STANDBY].rto in result.stderr
    assert names(project) == before
