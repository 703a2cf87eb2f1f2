"""The stack files as operations see them: what is declared, and the few changes that commands make to them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

import catalogue
from components.vocabulary import Environment
from operations.errors import CellError, ExitCode
from operations.opening import Opening, refuse_small_quotas
from operations.plan import Declared, Kind
from operations.project import Project
from stacks.fleet import WORKLOADS_SUFFIX, Fleet, load_fleet, published_problems, read_fleet
from stacks.market_files import MARKETS, load_markets
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
    change_file(path, kind, "disarmed", True)


def note_writer(project: Project, pair: str, writer: str) -> bool:
    """Notes in a pair's file which of its cells writes, keeping comments and order. False: it says so already."""
    path = project.stack_file(pair)
    stack = load_stack_file(path)
    if getattr(stack.settings, "writer", None) == writer:
        return False
    change_file(path, stack.kind, "writer", writer)
    return True


def change_file(path: Path, kind: str, key: str, value: str | bool | Mapping[str, Any] | None) -> None:
    """Sets one key of a stack file, or with None removes it; comments and order stay. Raises ConfigError where the file
    is not valid any more: it is written all the same."""
    yaml = _editor()
    document = yaml.load(path.read_text())
    settings = document["config"][f"{NAMESPACE}:{kind}"]
    if value is None:
        settings.pop(key, None)
    else:
        settings[key] = value
    with path.open("w") as target:
        yaml.dump(document, target)
    load_stack_file(path)


def new_cell_files(project: Project, opening: Opening) -> list[Path]:
    """Writes the stack files of a new cell and its workloads, and the cell into its markets' files; nothing is written
    unless all of it is valid.

    Raises CellError where the region or a market is not known or a file exists already, and ConfigError where the new
    files do not fit the others.
    """
    known_region(opening.region)
    if opening.environment is Environment.PRODUCTION and opening.copy_vault is None:
        raise CellError(
            "production needs a vault in another account: give --copy-vault (docs/components/backups.md), or write the "
            "file by hand with backups.noCopyReason",
            ExitCode.CONFIGURATION,
        )
    cell = render_cell(
        opening.region,
        account=opening.account,
        environment=opening.environment,
        peak=opening.peak,
        domain=opening.domain,
        copy_vault_arn=opening.copy_vault,
        quotas=opening.granted(),
    )
    refuse_small_quotas(opening.name, cell)
    texts = {opening.name: cell, opening.name + WORKLOADS_SUFFIX: render_workloads(opening.name)}
    return write_stacks(project, texts, [_market_file(project, market) for market in opening.markets])


def _market_file(project: Project, market: str) -> Path:
    folder = project.stacks_folder / MARKETS
    known = sorted(path.stem for path in folder.glob("*.yaml"))
    if market not in known:
        raise CellError(f"--markets: {market} is no market; use {', '.join(known)}", ExitCode.CONFIGURATION)
    return folder / f"{market}.yaml"


def known_region(region: str) -> None:
    """Raises CellError with the nearest name where the catalogue does not have the region."""
    if region not in catalogue.regions():
        hint = f"did you mean {near}?" if (near := nearest(region, catalogue.regions())) else "name one of its regions"
        raise CellError(f"{region} is not a region of catalogue/regions.yaml; {hint}", ExitCode.CONFIGURATION)


def write_stacks(project: Project, texts: Mapping[str, str], markets: Sequence[Path] = ()) -> list[Path]:
    """Writes new stack files, stack -> text, and the first of them into the files of its markets. Everything is as it
    was unless all of it is valid, all stacks and markets together.

    Raises CellError where a stack's file exists already, and ConfigError where the files do not fit the others.
    """
    paths = {project.stack_file(stack): text for stack, text in texts.items()}
    if taken := [str(path) for path in paths if path.exists()]:
        raise CellError(f"{', '.join(taken)} exists already", ExitCode.CONFIGURATION)
    before = {path: path.read_bytes() for path in markets}
    try:
        for path, text in paths.items():
            path.write_text(text)
        for path in markets:
            _add_cell(path, next(iter(texts)))
        fleet = load_fleet(project.stacks_folder)
        load_markets(project.stacks_folder / MARKETS, fleet.cells)
    except BaseException:
        for path in paths:
            path.unlink(missing_ok=True)
        for path, content in before.items():
            path.write_bytes(content)
        raise
    return [*paths, *markets]


def _add_cell(path: Path, cell: str) -> None:
    """Adds a cell to a market's file, keeping its comments and order."""
    yaml = _editor()
    yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(path.read_text())
    document["cells"].append(cell)
    with path.open("w") as target:
        yaml.dump(document, target)


def _editor() -> YAML:
    """Changes a file and keeps the rest of it, line by line."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 1_000
    return yaml


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
