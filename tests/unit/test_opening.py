"""What `cell new` writes for a region, and the list of what a person must still do."""

from dataclasses import replace
from typing import Any

import pytest
import yaml
from test_clone import fleet, project

from components.vocabulary import Environment
from operations.declared import new_cell_files
from operations.errors import CellError
from operations.opening import Opening, opened
from operations.project import Project
from stacks.problems import ConfigError

__all__ = ["project"]

VAULT = "arn:aws:backup:eu-west-3:111122223333:backup-vault:copies"
PARIS = Opening(
    region="eu-west-3",
    name="eu-west-3",
    environment=Environment.PRODUCTION,
    account="account",
    domain=None,
    peak=100,
    copy_vault=VAULT,
)


def tasks(found: dict[str, Any]) -> dict[str, str]:
    return {task["what"]: task["how"] for task in found["checklist"]}


def contents(project: Project) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in project.stacks_folder.rglob("*.yaml")}


def test_a_region_opens_with_its_own_addresses_jurisdiction_and_recovery_region(project: Project) -> None:
    new_cell_files(project, PARIS)

    found = opened(fleet(project), PARIS.name)

    assert (found["jurisdiction"], found["recoveryRegion"]) == ("eu", "eu-central-1")
    taken = [fleet(project).plan(name).vpc_cidr for name in fleet(project).cells if name != PARIS.name]
    assert found["addresses"] not in taken
    assert found["markets"] == []


def test_a_market_takes_the_cell_and_keeps_every_other_line(project: Project) -> None:
    path = project.stacks_folder / "markets" / "eu-sepa.yaml"
    before = path.read_text().splitlines()

    written = new_cell_files(project, replace(PARIS, markets=("eu-sepa",)))

    changed = [(old, new) for old, new in zip(before, path.read_text().splitlines(), strict=True) if old != new]
    assert changed == [("cells: [eu-west-1, eu-central-1, dev]", "cells: [eu-west-1, eu-central-1, dev, eu-west-3]")]
    assert path in written
    assert [market.name for market in fleet(project).markets_of(PARIS.name)] == ["eu-sepa"]


def test_each_bank_of_its_markets_needs_a_contract(project: Project) -> None:
    new_cell_files(project, replace(PARIS, markets=("eu-sepa",)))

    asked = tasks(opened(fleet(project), PARIS.name))

    banks = yaml.safe_load((project.stacks_folder / "markets" / "eu-sepa.yaml").read_text())["banks"]
    assert {what for what in asked if what.startswith("contract")} == {
        f"contract with {one} (eu-sepa)" for one in banks
    }
    assert "choose markets" not in asked


def test_the_checklist_of_a_production_cell_names_what_no_command_does(project: Project) -> None:
    new_cell_files(project, PARIS)

    asked = tasks(opened(fleet(project), PARIS.name))

    assert "choose markets" in asked
    assert "delegate eu-west-3.cell.example.com" in asked
    assert asked["replicate it to eu-central-1"] == "cell replicate eu-west-3"
    assert any(what.startswith("push images: ") and "gateway" in what for what in asked)


def test_a_region_that_has_to_be_switched_on_says_so(project: Project) -> None:
    opt_in = replace(
        PARIS, region="eu-south-1", name="milan", environment=Environment.DEVELOPMENT, account="account-dev"
    )
    new_cell_files(project, opt_in)

    asked = tasks(opened(fleet(project), "milan"))

    assert asked["switch on eu-south-1 in account-dev"] == "aws account enable-region --region-name eu-south-1"
    assert not any(what.startswith("replicate") for what in asked), "a development cell has no replica"


def test_a_peak_above_the_quotas_is_refused_with_the_requests_and_taken_once_they_are_granted(project: Project) -> None:
    large, before = replace(PARIS, peak=2_284), contents(project)

    with pytest.raises(CellError) as refused:
        new_cell_files(project, large)

    assert contents(project) == before
    assert "--service-code events --quota-code" in str(refused.value)
    options = str(refused.value).rpartition("say so: ")[2].partition(";")[0].split()
    granted = [text for text in options if text != "--quota"]
    assert granted
    new_cell_files(project, replace(large, quotas=granted))
    assert fleet(project).cells[PARIS.name].peak_payments_per_second == 2_284


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"markets": ("eu-sepa", "atlantis")}, "--markets: atlantis is no market; use australia, brazil"),
        ({"quotas": ("elastic-ip=20",)}, "did you mean elastic-ips="),
        ({"quotas": ("elastic-ips=many",)}, "--quota: elastic-ips=many is not NAME=VALUE"),
        ({"copy_vault": None}, "production needs a vault in another account"),
        ({"account": "nowhere", "markets": ("eu-sepa",)}, "account: nowhere is not an account's stack"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_what_is_not_valid_leaves_every_file_as_it_was(project: Project, change: dict[str, Any], message: str) -> None:
    before = contents(project)

    with pytest.raises((CellError, ConfigError), match=message):
        new_cell_files(project, replace(PARIS, **change))

    assert contents(project) == before
