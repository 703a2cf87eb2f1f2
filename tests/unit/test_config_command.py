"""``cell config``: explain, check, schema, with Pulumi's exit codes."""

import json
from pathlib import Path

import pytest
import yaml
from config_files import cell, fleet, write
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from operations.config import app
from operations.errors import CellError, ExitCode
from stacks.schema import schema_text, stack_schema

ROOT = Path(__file__).parents[2]
runner = CliRunner()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a small valid fleet; the working directory is its root."""
    (tmp_path / "Pulumi.yaml").write_text("name: payment-cell\n")
    (tmp_path / "stacks").mkdir()
    monkeypatch.chdir(tmp_path)
    return fleet(tmp_path / "stacks")


in_project = pytest.mark.usefixtures("project")


@in_project
def test_check_of_a_valid_fleet_ends_with_zero() -> None:
    result = runner.invoke(app, ["check", "-o", "json"])
    assert result.exit_code == ExitCode.OK, result.output
    assert {row["stack"] for row in json.loads(result.stdout)} == {"account", "one", "one-workloads"}


def test_check_reports_all_files_at_once_with_the_code_for_configuration(project: Path) -> None:
    write(project, "one", cell(region="eu-west-9", zones="8"))
    write(project, "two", cell(region="us-east-1", domain="two.example.com", account="none"))
    result = runner.invoke(app, ["check"])
    assert result.exit_code == ExitCode.CONFIGURATION
    lines = result.stdout.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("region: eu-west-9 is not a region")
    assert lines[0].endswith("(stacks/Pulumi.one.yaml:8)")
    assert all("Pulumi." in line for line in lines)


def test_problems_are_data_for_programs(project: Path) -> None:
    write(project, "one", cell(shards="{count: 5}"))
    result = runner.invoke(app, ["check", "-o", "json"])
    assert result.exit_code == ExitCode.CONFIGURATION
    [problem] = json.loads(result.stdout)
    assert problem["file"] == "stacks/Pulumi.one.yaml"
    assert (problem["line"], problem["key"], problem["fix"]) == (9, "shards.count", "use 4 or 8")


def test_check_of_one_stack_leaves_the_others_out(project: Path) -> None:
    write(project, "two", cell(region="us-east-1", domain="two.example.com", zones="9"))
    assert runner.invoke(app, ["check", "one"]).exit_code == ExitCode.OK
    assert runner.invoke(app, ["check", "two"]).exit_code == ExitCode.CONFIGURATION


@in_project
def test_an_unknown_stack_is_named_with_the_nearest() -> None:
    for command in ("check", "explain"):
        result = runner.invoke(app, [command, "onne"])
        assert isinstance(result.exception, CellError)
        assert result.exception.code is ExitCode.STACK_NOT_FOUND
        assert "did you mean one?" in str(result.exception)


@in_project
@pytest.mark.parametrize("form", ["json", "yaml"])
def test_explain_gives_each_number_with_formula_and_the_first_bound(form: str) -> None:
    result = runner.invoke(app, ["explain", "one", "-o", form])
    assert result.exit_code == ExitCode.OK, result.output
    explained = json.loads(result.stdout) if form == "json" else yaml.safe_load(result.stdout)
    names = {entry["name"] for entry in explained["derived"]}
    assert {"vpc", "shards.count", "stream.shards", "recoveryRegion", "nodes.application"} <= names
    assert explained["firstCap"] in {cap["dimension"] for cap in explained["caps"]}
    assert explained["carriesPaymentsPerSecond"] >= 100


@in_project
def test_explain_for_people_names_the_first_bound_last() -> None:
    result = runner.invoke(app, ["explain", "one"])
    assert result.exit_code == ExitCode.OK
    assert result.stdout.splitlines()[-1].startswith("First bound: ")
    assert "shards.count" in result.stdout


@in_project
def test_explain_of_what_is_no_cell_is_a_configuration_error() -> None:
    result = runner.invoke(app, ["explain", "account"])
    assert isinstance(result.exception, CellError)
    assert result.exception.code is ExitCode.CONFIGURATION


def test_explain_of_a_broken_file_says_what_is_wrong(project: Path) -> None:
    write(project, "one", cell(zones="9"))
    result = runner.invoke(app, ["explain", "one"])
    assert result.exit_code == ExitCode.CONFIGURATION
    assert "zones: 9 is more than 3" in result.stdout


def test_the_committed_schema_is_the_models_own() -> None:
    assert (ROOT / "docs/schema/stack.json").read_text() == schema_text(), "cell config schema > docs/schema/stack.json"
    assert runner.invoke(app, ["schema"]).stdout == schema_text()


@pytest.mark.parametrize("path", sorted((ROOT / "stacks").glob("Pulumi.*.yaml")), ids=lambda path: path.name)
def test_every_stack_file_fits_the_schema_and_names_it_for_editors(path: Path) -> None:
    Draft202012Validator.check_schema(stack_schema())
    assert list(Draft202012Validator(stack_schema()).iter_errors(yaml.safe_load(path.read_text()))) == []
    header = "# yaml-language-server: $schema=../docs/schema/stack.json"
    assert path.read_text().startswith(header)


def test_the_schema_refuses_what_the_models_refuse() -> None:
    validator = Draft202012Validator(stack_schema())
    good = yaml.safe_load(cell())
    assert validator.is_valid(good)
    assert not validator.is_valid(yaml.safe_load(cell(region="mars-1")))
    assert not validator.is_valid(yaml.safe_load(cell(regoin="eu-west-1")))
    assert not validator.is_valid({"config": {**good["config"], "payment-cell:workloads": {"cell": "one"}}})
    assert not validator.is_valid({"config": {}})


def test_the_documentation_shows_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    last = runner.invoke(app, ["explain", "eu-west-1"]).stdout.splitlines()[-1]
    assert last in (ROOT / "docs/configuration.md").read_text()


def market(project: Path, cell: str, currency: str = "GBP") -> None:
    """The committed British market, of another cell."""
    text = (ROOT / "stacks" / "markets" / "uk.yaml").read_text(encoding="utf-8")
    lines = [f"cells: [{cell}]" if line.startswith("cells:") else line for line in text.splitlines()]
    lines = [line for line in lines if "regist" not in line]  # of cells that are not here
    (project / "markets").mkdir()
    (project / "markets" / "uk.yaml").write_text("\n".join(lines).replace("currency: GBP", f"currency: {currency}"))


def test_check_reports_what_is_wrong_in_a_market(project: Path) -> None:
    market(project, "two")
    result = runner.invoke(app, ["check"])
    assert result.exit_code == ExitCode.CONFIGURATION
    assert "is no cell's stack" in result.stdout
    assert "markets/uk.yaml" in result.stdout


def test_check_warns_of_banks_that_would_not_let_the_cell_in(project: Path) -> None:
    market(project, "one")
    result = runner.invoke(app, ["check"])
    assert result.exit_code == ExitCode.OK
    assert "warning: one is not registered with" in result.output


def test_check_warns_of_a_cell_that_no_market_names(project: Path) -> None:
    market(project, "one")
    assert "no market names it" not in runner.invoke(app, ["check"]).output
    (project / "markets" / "uk.yaml").unlink()
    result = runner.invoke(app, ["check"])
    assert result.exit_code == ExitCode.OK
    assert "warning: one: no market names it" in result.output
