"""What RDS answers of Aurora global databases, read from `global_answers.yaml`, which has the sources.

table().clusters["ReplicationSourceIdentifier"].of(Part.SECONDARY).value    Word.WRITER: the writer's ARN
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).with_suffix(".yaml")


class Part(StrEnum):
    """What a cluster is in a global database."""

    WRITER = "writer"
    SECONDARY = "secondary"
    BEHIND = "behind"
    """A secondary that gets nothing from the writer."""
    ALONE = "alone"
    """In none."""


class Move(StrEnum):
    """What a global database is doing."""

    STILL = "still"
    SWITCHING = "switching"
    FAILING = "failing"


class Word(StrEnum):
    """Values that depend on the global database; the file says what they stand for."""

    ABSENT = "$absent"
    KEPT = "$kept"
    GROUP = "$group"
    WRITER = "$writer"
    SECONDARIES = "$secondaries"
    TARGET = "$target"


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """One cell of the table: a `Word`, or what RDS answers."""

    value: Any
    source: str | None = None
    """Address of the page that says so. None: the value is the emulator's choice."""
    unverified: str | None = None
    """Why nobody knows."""

    def __post_init__(self) -> None:
        if (self.source is None) == (self.unverified is None):
            raise ValueError(f"{FILE.name}: {self.value!r} has a source, or says why it is unverified; not both")


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One attribute."""

    answers: Mapping[str, Answer]
    """By part or movement; `all` for the others."""
    argument: str | None = None
    """Pulumi property whose value the official plugin compares with the program's."""
    replaces: bool = False
    """Whether a difference would replace the resource."""
    seen: str | None = None
    """Why a difference is to be seen in a preview."""

    def of(self, column: Part | Move) -> Answer | None:
        """None where the attribute is not there at all."""
        return self.answers.get(column.value) or self.answers.get("all")

    @property
    def certain(self) -> bool:
        """Whether a source says that movements leave it as it is."""
        return all(answer.value == Word.KEPT and answer.source for answer in self.answers.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """The rows by attribute, dotted for what is inside of one."""

    clusters: Mapping[str, Row]
    members: Mapping[str, Row]
    groups: Mapping[str, Row]


@cache
def table() -> Table:
    """The file, read once. Raises KeyError or ValueError where it does not hold what it should."""
    read = yaml.safe_load(FILE.read_text(encoding="utf-8"))

    def rows(kind: str) -> Mapping[str, Row]:
        return {name: _row(cells, read["sources"]) for name, cells in read[kind].items()}

    return Table(clusters=rows("DBCluster"), members=rows("GlobalClusterMember"), groups=rows("GlobalCluster"))


def _row(cells: Mapping[str, Any], sources: Mapping[str, str]) -> Row:
    argument = cells.get("argument") or {}
    return Row(
        answers=dict(_answers(cells, sources)),
        argument=argument.get("name"),
        replaces=argument.get("effect") == "replaces",
        seen=cells.get("seen"),
    )


def _answers(cells: Mapping[str, Any], sources: Mapping[str, str]) -> Iterator[tuple[str, Answer]]:
    for column in ("all", *Part, *Move):
        if (cell := cells.get(column)) is not None:
            source = sources[cell["source"]] if "source" in cell else None
            yield str(column), Answer(value=cell["is"], source=source, unverified=cell.get("unverified"))
