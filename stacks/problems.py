"""What is wrong with the configuration, so that a person can put it right: file, line, key, value, rule, fix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

HIDDEN = "(hidden)"
"""Stands for a value that looks like a secret: reports and logs never repeat it."""


@dataclass(frozen=True, kw_only=True, slots=True, order=True)
class Problem:
    """One mistake in one place."""

    file: str
    """Path as it was given."""
    line: int | None
    """From 1; None where the file as a whole is meant."""
    key: str
    """Dotted path below the kind's key, for example ``shards.count``; empty for the file."""
    value: str
    """As it stands in the file, shortened; ``(hidden)`` for secrets; empty where nothing stands there."""
    rule: str
    """What it has to be, with units."""
    fix: str
    """What to do."""
    nearest: str | None = None
    """The valid choice that is closest to the value."""

    def __str__(self) -> str:
        place = self.file if self.line is None else f"{self.file}:{self.line}"
        value = "" if self.rule.startswith(self.value) else f"{self.value} "
        suggestion = f"; nearest: {self.nearest}" if self.nearest else ""
        return f"{self.key + ': ' if self.key else ''}{value}{self.rule}; {self.fix}{suggestion} ({place})"


class ConfigError(Exception):
    """The configuration is refused; ``problems`` has every reason, sorted by file and line."""

    partial: object | None = None
    """What could be read in spite of them (a ``StackFile``): rules between files are checked on it as well."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (p.file, p.line or 0, p.key, p.rule)))
        super().__init__("\n".join(map(str, self.problems)))


def nearest(word: str, choices: Iterable[str]) -> str | None:
    """The choice that is most like ``word``, or None where none is."""
    found = get_close_matches(word, list(choices), n=1, cutoff=0.6)
    return found[0] if found else None


def listed(choices: Sequence[str], limit: int = 14) -> str:
    """``a, b or c``; long lists are cut."""
    shown = list(choices[:limit])
    if len(choices) > limit:
        return ", ".join(shown) + f" ({len(choices) - limit} more)"
    return shown[0] if len(shown) == 1 else ", ".join(shown[:-1]) + " or " + shown[-1]


def shown_path(path: Path) -> str:
    """The path as a person would write it: relative to the working directory where it lies below it."""
    try:
        return str(path.resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)
