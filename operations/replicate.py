"""`cell replicate`: writes the stack files of a cell's replica, of its programs and of the pair that joins them."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ruamel.yaml import YAML

import catalogue
from components.vocabulary import Strategy
from operations.errors import CellError, ExitCode
from operations.project import Project
from stacks.fleet import WORKLOADS_SUFFIX, Fleet, load_fleet, only_the_account_knows, read_fleet
from stacks.market_files import MARKETS
from stacks.models import CellSettings
from stacks.new_stack import render_pair, render_replica
from stacks.pairs import PAIR_SUFFIX
from stacks.standby import PROMISES

REPLICA_SUFFIX = "-replica"
"""A replica's stack is named after its primary, unless told otherwise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What the command line asks for."""

    primary: str
    region: str | None = None
    """None: the primary's recovery region."""
    name: str | None = None
    """Stack of the replica; None: `<primary>-replica`."""
    strategy: Strategy = Strategy.WARM_STANDBY
    domain: str | None = None
    """Name that clients call; None: the primary's, its first label with `-pair`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReplicatePlan:
    """What would be written, and what it means."""

    wanted: Wanted
    region: str
    replica: str
    pair: str
    domain: str
    files: Mapping[Path, str]
    """Path -> text, in the order in which they are brought up."""
    missing: Sequence[Path]
    """Those that are not there yet; the others are there and say the same."""
    quotas: Mapping[str, int]
    """Above the default of the recovery region."""


def plan_replicate(project: Project, wanted: Wanted) -> ReplicatePlan:
    """What `cell replicate` would write; nothing is touched.

    Raises CellError for a cell that cannot be replicated so, and ConfigError where the files would not fit the others.
    """
    fleet = load_fleet(project.stacks_folder)
    primary = _primary(fleet, wanted)
    region = _region(fleet, wanted, primary)
    replica, pair = wanted.name or wanted.primary + REPLICA_SUFFIX, wanted.primary + PAIR_SUFFIX
    domain = wanted.domain or _sibling(primary.domain, PAIR_SUFFIX)

    def texts(quotas: Mapping[str, int]) -> dict[str, str]:
        return {
            replica: render_replica(
                wanted.primary,
                replica,
                region,
                wanted.strategy,
                domain=_sibling(primary.domain, REPLICA_SUFFIX),
                copy_vault_arn=_vault(primary, region),
                no_copy_reason=primary.backups.no_copy_reason,
                quotas=quotas,
            ),
            replica + WORKLOADS_SUFFIX: _workloads(project, wanted.primary, replica),
            pair: render_pair(wanted.primary, replica, domain),
        }

    quotas = _quotas(project, texts({}), replica)
    found = texts(quotas)
    _checked(project, found)
    files = {project.stack_file(stack): text for stack, text in found.items()}
    return ReplicatePlan(
        wanted=wanted,
        region=region,
        replica=replica,
        pair=pair,
        domain=domain,
        files=files,
        missing=_missing(files, pair),
        quotas=quotas,
    )


def write_replicate(project: Project, plan: ReplicatePlan) -> None:
    """Writes the files that are missing; none of them stays unless all of it is valid."""
    try:
        for path in plan.missing:
            path.write_text(plan.files[path])
        load_fleet(project.stacks_folder)
    except BaseException:
        for path in plan.missing:
            path.unlink(missing_ok=True)
        raise


def shown(plan: ReplicatePlan) -> list[dict[str, Any]]:
    """What the plan promises, a row a line."""
    promise = PROMISES[plan.wanted.strategy]
    rows = [
        ("replica", f"{plan.replica} in {plan.region}: {plan.wanted.strategy}"),
        ("clients call", plan.domain),
        ("recovery time", promise.rto),
        *((f"may be lost of {store}", words) for store, words in promise.rpo.items()),
        ("bill beside the primary's", promise.cost),
        ("left out while it waits", promise.leaves_out),
        *((f"quota to ask for: {name}", f"{value:,} in {plan.region}") for name, value in plan.quotas.items()),
        *(("writes" if path in plan.missing else "is there", path.name) for path in plan.files),
    ]
    return [{"what": what, "value": value} for what, value in rows]


def _primary(fleet: Fleet, wanted: Wanted) -> CellSettings:
    name = wanted.primary
    if wanted.strategy is Strategy.BACKUP_RESTORE:
        raise CellError(
            "backup-restore has no replica cell, only copies: name backups.copyVaultArn in the recovery region in "
            f"{fleet.stacks[name].source.file if name in fleet.stacks else 'the stack file'}, or choose pilot-light",
            ExitCode.CONFIGURATION,
        )
    if name not in fleet.cells:
        cells = ", ".join(sorted(set(fleet.cells) - set(fleet.replicas)))
        raise CellError(f"{name}: no such cell; stacks/ declares {cells}", ExitCode.STACK_NOT_FOUND)
    if name in fleet.replicas:
        raise CellError(f"{name} is a replica itself: replicate {fleet.replicas[name].of}", ExitCode.CONFIGURATION)
    if name + WORKLOADS_SUFFIX not in fleet.workloads:
        raise CellError(f"{name} has no programs that a replica could run: add its workloads", ExitCode.CONFIGURATION)
    return fleet.cells[name]


def _region(fleet: Fleet, wanted: Wanted, primary: CellSettings) -> str:
    """The recovery region. Its jurisdiction is checked with the files."""
    recovery = fleet.plan(wanted.primary).recovery_region
    if recovery is None:
        raise CellError(
            f"{wanted.primary} has no recovery region: the shards are in no global database, which a replica could "
            f"join; set recoveryRegion in {fleet.stacks[wanted.primary].source.file} before the cell is created",
            ExitCode.CONFIGURATION,
        )
    region = wanted.region or recovery
    allowed = [name for name in catalogue.regions_of(primary.effective_jurisdiction) if name != primary.region]
    if region not in allowed:
        raise CellError(
            f"{region}: data of {wanted.primary} stays in {primary.effective_jurisdiction} (control RES-01); "
            f"use {', '.join(allowed)}",
            ExitCode.CONFIGURATION,
        )
    return region


def _sibling(domain: str, suffix: str) -> str:
    first, _, rest = domain.partition(".")
    return f"{first}{suffix}.{rest}"


def _vault(primary: CellSettings, region: str) -> str | None:
    """The vault of the same account and name in the replica's region: it outlives the loss of the primary's."""
    arn = primary.backups.copy_vault_arn
    if arn is None:
        return None
    parts = arn.split(":")
    return ":".join([*parts[:3], region, *parts[4:]])


def _workloads(project: Project, primary: str, replica: str) -> str:
    """The primary's file with the other cell: ECR replicates images with their digests."""
    text = project.stack_file(primary + WORKLOADS_SUFFIX).read_text()
    line = f"    cell: {primary}\n"
    if text.count(line) != 1:
        raise CellError(f"{primary}{WORKLOADS_SUFFIX}: no line `cell: {primary}` to change", ExitCode.CONFIGURATION)
    return text.replace(line, f"    cell: {replica}\n")


def _quotas(project: Project, texts: Mapping[str, str], replica: str) -> dict[str, int]:
    """What the replica needs above the defaults: at the primary's peak, with the account's other cells there."""
    with _folder(project, texts) as folder:
        fleet = read_fleet(Path(folder))[0]
        if replica not in fleet.cells:
            return {}
        return {
            cap.dimension: ceil(cap.demand)
            for cap in sorted(fleet.quotas(replica), key=lambda cap: cap.dimension)
            if cap.used > 1 and not only_the_account_knows(cap)
        }


def _checked(project: Project, texts: Mapping[str, str]) -> None:
    """Raises ConfigError where the files do not fit each other or the others."""
    with _folder(project, texts) as folder:
        load_fleet(Path(folder))


def _folder(project: Project, texts: Mapping[str, str]) -> "TemporaryDirectory[str]":
    """The stack files with these among them, elsewhere."""
    folder = TemporaryDirectory()
    for path in project.stacks_folder.glob("Pulumi.*.yaml"):
        shutil.copy(path, folder.name)
    if (markets := project.stacks_folder / MARKETS).is_dir():
        shutil.copytree(markets, Path(folder.name) / MARKETS)
    for stack, text in texts.items():
        (Path(folder.name) / f"Pulumi.{stack}.yaml").write_text(text)
    return folder


def _missing(files: Mapping[Path, str], pair: str) -> list[Path]:
    """Raises CellError where a file is there and says something else."""
    other = [str(path) for path, text in files.items() if path.exists() and not _same(path.read_text(), text)]
    if other:
        raise CellError(
            f"{', '.join(other)}: exists and says something else; to bring up what it says run cell up {pair}",
            ExitCode.CONFIGURATION,
        )
    return [path for path in files if not path.exists()]


def _same(one: str, other: str) -> bool:
    yaml = YAML(typ="safe")
    return bool(yaml.load(one) == yaml.load(other))
