"""The stack files as operations see them: what is declared, and the few changes that commands make to them."""

from collections.abc import Mapping
from pathlib import Path

from ruamel.yaml import YAML

import catalogue
from components.vocabulary import Environment
from operations.errors import CellError, ExitCode
from operations.plan import Declared, Kind
from operations.project import Project
from stacks.fleet import WORKLOADS_SUFFIX, Fleet, load_fleet, published_problems, read_fleet
from stacks.new_stack import render_cell, render_workloads
from stacks.problems import ConfigError, nearest
from stacks.settings import NAMESPACE, load_stack_file


def declared_stacks(project: Project, *, check_quotas: bool = True) -> Mapping[str, Declared]:
    """Every stack of the project, by name. Raises ConfigError with all that is wrong in the stack files."""
    fleet = load_fleet(project.stacks_folder, check_quotas=check_quotas)
    return {name: _declared(fleet, name) for name in fleet.stacks}


def refuse_lost_accounts(project: Project, stack: str, published: str) -> None:
    """Raises ConfigError where the declared shards would lose accounts that the published shard map places.

    A development cell may move slots: it holds no rows that matter.
    """
    fleet = read_fleet(project.stacks_folder)[0]
    throwaway = fleet.cells[stack].environment is Environment.DEVELOPMENT
    if problems := published_problems(fleet, stack, published, slots_may_move=throwaway):
        raise ConfigError(problems)


def disarm_file(project: Project, stack: str) -> None:
    """Notes in a stack's file that it is to be destroyed, keeping its comments and order."""
    path = project.stack_file(stack)
    kind = load_stack_file(path).kind
    if kind == Kind.WORKLOADS:
        raise CellError(f"{stack} protects nothing: disarm its cell", ExitCode.CONFIGURATION)
    yaml = YAML()
    yaml.preserve_quotes = True
    document = yaml.load(path.read_text())
    document["config"][f"{NAMESPACE}:{kind}"]["disarmed"] = True
    with path.open("w") as target:
        yaml.dump(document, target)
    load_stack_file(path)


def new_cell_files(
    project: Project,
    region: str,
    name: str,
    environment: Environment,
    account: str,
    domain: str | None,
    peak: int,
    copy_vault: str | None,
) -> list[Path]:
    """Writes the stack files of a new cell and its workloads; nothing is written unless all of it is valid.

    Raises CellError where the region is not known or a file exists already, and ConfigError where the new files do not
    fit the others.
    """
    if region not in catalogue.regions():
        hint = f"did you mean {near}?" if (near := nearest(region, catalogue.regions())) else "name one of its regions"
        raise CellError(f"{region} is not a region of catalogue/regions.yaml; {hint}", ExitCode.CONFIGURATION)
    if environment is Environment.PRODUCTION and copy_vault is None:
        raise CellError(
            "production needs a vault in another account: give --copy-vault (docs/components/backups.md), or write the "
            "file by hand with backups.noCopyReason",
            ExitCode.CONFIGURATION,
        )
    texts = {
        name: render_cell(
            region, account=account, environment=environment, peak=peak, domain=domain, copy_vault_arn=copy_vault
        ),
        name + WORKLOADS_SUFFIX: render_workloads(name),
    }
    paths = {project.stack_file(stack): text for stack, text in texts.items()}
    if taken := [str(path) for path in paths if path.exists()]:
        raise CellError(f"{', '.join(taken)} exists already", ExitCode.CONFIGURATION)
    try:
        for path, text in paths.items():
            path.write_text(text)
        load_fleet(project.stacks_folder)
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        raise
    return list(paths)


def _declared(fleet: Fleet, name: str) -> Declared:
    pair = fleet.pairs.get(name)
    if pair is not None:
        environment = fleet.cells[pair.primary].environment
        return Declared(name=name, kind=Kind.PAIR, needs=pair.replica, environment=environment)
    kind = Kind.CELL if name in fleet.replicas else Kind(fleet.stacks[name].kind)
    if kind is Kind.ACCOUNT:
        return Declared(name=name, kind=kind, environment=fleet.accounts[name].environment)
    if kind is Kind.CELL:
        cell = fleet.cells[name]
        before = fleet.replicas[name].of if name in fleet.replicas else cell.account
        return Declared(name=name, kind=kind, needs=before, region=cell.region, environment=cell.environment)
    cell_name = fleet.workloads[name].cell
    cell = fleet.cells[cell_name]
    return Declared(name=name, kind=kind, needs=cell_name, region=cell.region, environment=cell.environment)
