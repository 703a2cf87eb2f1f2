"""A stack file as text: plain values with the line of each key, and nothing that YAML could do beyond that.

Aliases, tags, merge keys and repeated keys are refused: they hide what a reviewer sees, and an alias can blow up a
small file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from stacks.problems import ConfigError, Problem, shown_path
from stacks.secret_scan import hidden_if_secret, secret_lines

MAX_BYTES = 65_536
"""A stack file is a page; what is larger is not one."""

Path_ = tuple[str | int, ...]
"""Place in a document: keys and positions from the top."""

_TAG = "tag:yaml.org,2002:"
_KINDS = frozenset({"map", "seq", "str", "int", "float", "bool", "null", "timestamp"})


def shown_key(place: Path_) -> str:
    """A place as a person names it: dotted, below the stack's kind."""
    words = _words(place)
    return ".".join(words[1:] if len(words) > 1 and ":" in words[0] else words)


def _words(place: Path_) -> list[str]:
    return [str(part) for part in place if part != "config"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """One file's content."""

    path: Path
    data: Any
    """dicts, lists, str, int, float, bool and None"""
    lines: Mapping[Path_, int]
    """Line, from 1, of each key or list entry."""

    @property
    def file(self) -> str:
        """The path as it is shown."""
        return shown_path(self.path)

    def line(self, place: Path_) -> int | None:
        """The line of a place, or of the nearest place above it that stands in the file."""
        for length in range(len(place), 0, -1):
            if place[:length] in self.lines:
                return self.lines[place[:length]]
        return None

    def at(self, place: Path_) -> Any:
        """The value at a place, or None where nothing stands there."""
        value = self.data
        for part in place:
            try:
                value = value[part]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def problem(self, place: Path_, rule: str, fix: str, *, nearest: str | None = None) -> Problem:
        """A problem at a place; keys are shown as a person writes them in the file."""
        value = self.at(place)
        shown = "" if value is None or isinstance(value, dict | list) else hidden_if_secret(_words(place), str(value))
        return Problem(
            file=self.file,
            line=self.line(place),
            key=shown_key(place),
            value=shown,
            rule=rule,
            fix=fix,
            nearest=nearest,
        )


def read_source(path: Path) -> tuple[Source, list[Problem]]:
    """A file's content, and the problems that do not keep it from being read: repeated keys and secrets in plain text.

    Raises ConfigError where the file cannot be read or is not plain YAML.
    """
    text = _text(path)
    reader = YAML(typ="rt", pure=True)
    reader.version = (1, 2)
    try:
        node = reader.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise _refused(
            path, mark.line + 1 if mark else None, f"is not YAML: {error.problem or error.context}"
        ) from None
    except (YAMLError, ValueError, RecursionError) as error:
        raise _refused(path, None, f"is not YAML: {str(error).splitlines()[0]}") from None
    walk = _Walk(path=path)
    data = walk.value(node, ()) if node is not None else None
    source = Source(path=path, data=data, lines=walk.lines)
    return source, [*walk.problems, *_secrets(source, text)]


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _refused(path, None, f"cannot be read: {error.strerror}") from None
    if len(content) > MAX_BYTES:
        raise _refused(path, None, f"has {len(content):,} bytes, more than {MAX_BYTES:,}")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise _refused(path, None, f"is not UTF-8 (byte {error.start})") from None


def _refused(path: Path, line: int | None, rule: str) -> ConfigError:
    fix = "correct the file; docs/configuration.md shows one"
    return ConfigError([Problem(file=shown_path(path), line=line, key="", value="", rule=rule, fix=fix)])


class _Walk:
    """Turns nodes into plain values and notes lines on the way."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: set[int] = set()
        self._seen: set[int] = set()
        self.lines: dict[Path_, int] = {}
        self.problems: list[Problem] = []

    def value(self, node: Node, place: Path_) -> Any:
        line = node.start_mark.line + 1
        if id(node) in self._seen:
            raise _refused(self._path, line, "uses a YAML alias; write the value out")
        self._seen.add(id(node))
        tag = str(node.tag)
        if tag.removeprefix(_TAG) not in _KINDS:
            raise _refused(self._path, line, f"uses the YAML tag {tag}; plain values only")
        if isinstance(node, MappingNode):
            return self._mapping(node, place)
        if isinstance(node, SequenceNode):
            for position, item in enumerate(node.value):
                self.lines[(*place, position)] = item.start_mark.line + 1
            return [self.value(item, (*place, position)) for position, item in enumerate(node.value)]
        assert isinstance(node, ScalarNode)
        return self._scalar(node, tag.removeprefix(_TAG), line)

    def _mapping(self, node: MappingNode, place: Path_) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode) or key_node.value == "<<":
                raise _refused(self._path, line, "uses a merge key or a key that is not a word")
            key = str(key_node.value)
            here = (*place, key)
            if key in result:
                self.problems.append(
                    Problem(
                        file=shown_path(self._path),
                        line=line,
                        key=shown_key(here),
                        value="",
                        rule=f"stands twice (first in line {self.lines[here]})",
                        fix="keep one",
                    )
                )
                continue
            self.lines[here] = line
            result[key] = self.value(value_node, here)
        return result

    def _scalar(self, node: ScalarNode, kind: str, line: int) -> Any:
        text = str(node.value)
        try:
            match kind:
                case "null":
                    return None
                case "bool":
                    return text.lower() == "true"
                case "int":
                    return int(text.replace("_", ""), 0) if not text.lstrip("+-").isdigit() else int(text)
                case "float":
                    return float(text.replace("_", ""))
                case _:
                    return text
        except ValueError:
            raise _refused(self._path, line, f"has the number {text!r}, which cannot be read") from None


def _secrets(source: Source, text: str) -> list[Problem]:
    """Places where a secret stands in plain text: by what the value looks like, and by what its key says."""
    lines = secret_lines(text)
    places = {line: place for place, line in source.lines.items()}
    found = {
        line: Problem(
            file=source.file,
            line=line,
            key=shown_key(places[line]) if line in places else "",
            value="(hidden)",
            rule=f"is {what} in plain text",
            fix="remove it, and replace it where it is valid: it is in the history now",
        )
        for line, what in lines.items()
    }
    for place in source.lines:
        value = source.at(place)
        if source.lines[place] in lines or not isinstance(value, str):
            continue
        if hidden_if_secret(_words(place), value) == value:
            continue
        found[source.lines[place]] = source.problem(
            place,
            "is a secret in plain text",
            "remove it: cells make their own secrets; others go in with pulumi config set --secret",
        )
    return list(found.values())
