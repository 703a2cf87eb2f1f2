"""A YAML file that is one list of plain entries, read as text with the line of each word.

Nothing is made of what stands there: aliases, repeated keys and deeper structures are refused, because they hide what a
reviewer sees. A policy pack reads such a file while an update waits: PyYAML's C parser does it in milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml

MAX_BYTES = 262_144
"""A few hundred entries; what is larger is no file that somebody reviews."""

_NULL = "tag:yaml.org,2002:null"


class MalformedError(Exception):
    """The file is refused as a whole."""

    def __init__(self, line: int, rule: str) -> None:
        super().__init__(rule)
        self.line = line


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A mapping of words to text, some of them to a list of such mappings."""

    line: int
    """From 1."""
    texts: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[Entry, ...]] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)

    def line_of(self, name: str) -> int:
        """The line of a word, or of the entry where it is missing."""
        return self.lines.get(name, self.line)


def read_entries(path: Path) -> tuple[Entry, ...]:
    """The entries of a file; none where there is no file. Raises MalformedError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise MalformedError(1, f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise MalformedError(1, f"has {len(content):,} bytes, more than {MAX_BYTES:,}")
    try:
        # The loader only composes nodes here: no tag makes an object.
        node = yaml.compose(content.decode("utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise MalformedError(mark.line + 1 if mark else 1, f"is not YAML: {error.problem or error.context}") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedError(1, f"is not YAML: {type(error).__name__}") from None
    return () if node is None or node.tag == _NULL else _entries(node, set())


def _entries(node: yaml.Node, seen: set[int]) -> tuple[Entry, ...]:
    if not isinstance(node, yaml.SequenceNode):
        raise MalformedError(_line(node), "is not a list of entries")
    return tuple(_entry(item, seen) for item in node.value)


def _entry(node: yaml.Node, seen: set[int]) -> Entry:
    if not isinstance(node, yaml.MappingNode):
        raise MalformedError(_line(node), "is not an entry: words with values")
    _once(node, seen)
    texts: dict[str, str] = {}
    lists: dict[str, tuple[Entry, ...]] = {}
    lines: dict[str, int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<" or key.value in lines:
            raise MalformedError(_line(key), "is a key that stands twice, or no word")
        lines[key.value] = _line(key)
        _once(value, seen)
        if isinstance(value, yaml.ScalarNode):
            texts[key.value] = "" if value.tag == _NULL else str(value.value)
        else:
            lists[key.value] = _entries(value, seen)
    return Entry(line=_line(node), texts=texts, lists=lists, lines=lines)


def _once(node: yaml.Node, seen: set[int]) -> None:
    if id(node) in seen:
        raise MalformedError(_line(node), "is used again by a YAML alias; write it out")
    seen.add(id(node))


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1
