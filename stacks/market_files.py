"""Reads `stacks/markets/*.yaml`: every mistake at once, with file, line, key, rule and fix.

markets = load_markets(HERE / "markets", cells=["eu-west-1", ...])
markets.of("eu-west-1")                        components.banks.Market of that cell
markets.unregistered("eu-west-1")              banks that would not let this cell in
markets.registrations("eu-west-1-replica", of="eu-west-1")     what banks know of a replica
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from components.banks import Market
from stacks.market_models import MarketSettings, RegistrationSettings
from stacks.problems import ConfigError, Problem, listed, nearest
from stacks.settings import validated
from stacks.source import Source, read_source

MARKETS = "markets"
"""Folder of the stacks' folder with a file for each market."""

REPLICA_SUFFIX = "-replica"
"""A replica's stack is named after its primary."""

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class MarketFile:
    """One market's file, valid by itself."""

    name: str
    settings: MarketSettings
    source: Source


@dataclass(frozen=True, kw_only=True, slots=True)
class Unregistered:
    """A bank that has not registered the addresses and certificates of a cell."""

    market: str
    bank: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Markets:
    """All markets."""

    files: Mapping[str, MarketFile]
    replicas: Mapping[str, str] = field(default_factory=dict)
    """Replica -> its primary, whose markets it serves."""

    @property
    def all(self) -> tuple[Market, ...]:
        """In the order of their index. Egress gateways are computed of all, so that they are the same in each cell."""
        found = [file.settings.as_market(name) for name, file in self.files.items()]
        for replica, primary in sorted(self.replicas.items()):
            found = [replace(one, cells=one.cells | {replica}) if primary in one.cells else one for one in found]
        return tuple(sorted(found, key=lambda market: market.index))

    def of(self, cell: str) -> tuple[Market, ...]:
        """Those that a cell serves."""
        return tuple(market for market in self.all if cell in market.cells)

    def registrations(self, cell: str, of: str) -> Mapping[tuple[str, str], RegistrationSettings | None]:
        """(market, bank) -> what the bank knows of a cell that serves the markets of `of`; None: nothing."""
        return {
            (name, bank): settings.registrations.get(cell)
            for name, file in sorted(self.files.items())
            if of in file.settings.cells
            for bank, settings in file.settings.banks.items()
        }

    def unregistered(self, cell: str, *, of: str | None = None) -> tuple[Unregistered, ...]:
        """Banks that do not know a cell that serves the markets of `of`; None: its own."""
        found = self.registrations(cell, of=of or cell)
        return tuple(Unregistered(market=market, bank=bank) for (market, bank), known in found.items() if known is None)


def load_market_file(path: Path) -> MarketFile:
    """One market. Raises ConfigError with everything that is wrong in it."""
    name = path.name.removesuffix(".yaml")
    source, problems = read_source(path)
    if not _NAME.fullmatch(name):
        rule = "is not named <market>.yaml with a name of a-z, 0-9 and -, at most 30 long"
        problems.append(source.problem((), rule, "rename the file"))
    settings, found = validated(MarketSettings, source, ())
    if settings is None or found or problems:
        raise ConfigError([*problems, *found])
    return MarketFile(name=name, settings=settings, source=source)


def load_markets(folder: Path, cells: Collection[str], replicas: Mapping[str, str] = MappingProxyType({})) -> Markets:
    """All markets of a folder; a replica serves those of its primary. Raises ConfigError with everything that is wrong,
    between files as well."""
    files: dict[str, MarketFile] = {}
    problems: list[Problem] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            file = load_market_file(path)
        except ConfigError as error:
            problems += error.problems
        else:
            files[file.name] = file
    problems += [
        *_same_index(list(files.values())),
        *_unknown_cells(files, cells),
        *_unknown_registrations(files, cells),
    ]
    if problems:
        raise ConfigError(problems)
    return Markets(files=files, replicas=replicas)


def _same_index(files: Sequence[MarketFile]) -> list[Problem]:
    first: dict[int, str] = {}
    free = max((file.settings.index for file in files), default=-1) + 1
    found = []
    for file in files:
        owner = first.setdefault(file.settings.index, file.name)
        if owner != file.name:
            rule = f"is the index of {owner}, and never goes to another market"
            found.append(file.source.problem(("index",), rule, f"use the next free number, {free}"))
    return found


def _unknown_cells(files: Mapping[str, MarketFile], cells: Collection[str]) -> list[Problem]:
    known = sorted(cells)
    return [
        file.source.problem(
            ("cells", number), "is no cell's stack", f"use {listed(known)}", nearest=nearest(cell, known)
        )
        for file in files.values()
        for number, cell in enumerate(file.settings.cells)
        if cell not in cells
    ]


def _unknown_registrations(files: Mapping[str, MarketFile], cells: Collection[str]) -> list[Problem]:
    """A replica is registered before its file is there, under the name that it will have."""
    known = sorted({*cells, *(cell + REPLICA_SUFFIX for cell in cells if not cell.endswith(REPLICA_SUFFIX))})
    return [
        file.source.problem(
            ("banks", bank, "registrations", cell),
            "is neither a cell's stack nor a replica's to come",
            f"use {listed(sorted(cells))}, or one of them with {REPLICA_SUFFIX}",
            nearest=nearest(cell, known),
        )
        for file in files.values()
        for bank, settings in file.settings.banks.items()
        for cell in settings.registrations
        if cell not in known
    ]
