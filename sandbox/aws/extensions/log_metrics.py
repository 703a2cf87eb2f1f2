"""Metric filters of CloudWatch Logs: what a log event adds to which metric.

Patterns are those for JSON events, `{ ($.class = "live") && ($.status >= 500) }`, and the empty one, which takes every
event. Another pattern is refused aloud: a filter that is not understood would look like a metric that is always 0.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<mark>&&|\|\||[(){}])|(?P<selector>\$(?:\.[A-Za-z0-9_-]+)+)|(?P<compare>!=|>=|<=|=|>|<)
    |"(?P<text>(?:[^"\\]|\\.)*)"|(?P<word>[A-Za-z0-9_.*?:/-]+))""",
    re.VERBOSE,
)
_COMPARE: Mapping[str, Callable[[float, float], bool]] = {
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
}

Event = Any
Test = Callable[[Event], bool]


class PatternError(ValueError):
    """A pattern that CloudWatch refuses, or one that is not understood here."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Datum:
    """One value for one metric."""

    namespace: str
    name: str
    value: float
    dimensions: Mapping[str, str]
    unit: str


@lru_cache(maxsize=1_000)
def matcher(pattern: str) -> Test:
    """Whether an event (parsed JSON, or None for other text) is taken. Raises PatternError. Kept: every event of a
    group is held against each pattern."""
    if not pattern.strip():
        return lambda _event: True
    parser = _Parser(pattern)
    parser.expect("{")
    test = parser.either()
    parser.expect("}")
    parser.expect_end()
    return lambda event: isinstance(event, dict) and test(event)


def data(message: str, filters: Sequence[Mapping[str, Any]]) -> Iterator[Datum]:
    """What one log event adds, by the metric filters of its group."""
    try:
        event = json.loads(message)
    except ValueError:
        event = None
    for each in filters:
        if matcher(each.get("filterPattern") or "")(event):
            for into in each["metricTransformations"]:
                yield from _datum(event, into)


def _datum(event: Event, into: Mapping[str, Any]) -> Iterator[Datum]:
    value = _value(event, str(into["metricValue"]))
    dimensions = {name: select(event, path) for name, path in (into.get("dimensions") or {}).items()}
    # As documented: without a numeric value, or with a dimension that the event has not, nothing is published.
    if value is None or any(found is None or isinstance(found, dict | list) for found in dimensions.values()):
        return
    yield Datum(
        namespace=str(into["metricNamespace"]),
        name=str(into["metricName"]),
        value=value,
        dimensions={name: str(found) for name, found in dimensions.items()},
        unit=str(into.get("unit") or "None"),
    )


def _value(event: Event, text: str) -> float | None:
    found = select(event, text) if text.startswith("$") else text
    try:
        return float(found)
    except (TypeError, ValueError):
        return None


def select(event: Event, path: str) -> Any:
    """The value at `$.a.b`; None where there is none."""
    for key in path.split(".")[1:]:
        if not isinstance(event, dict):
            return None
        event = event.get(key)
    return event


class _Parser:
    """Recursive descent; && binds closer than ||."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = list(self._read(text))
        self._at = 0

    def _read(self, text: str) -> Iterator[tuple[str, str]]:
        at = 0
        while text[at:].strip():
            found = _TOKEN.match(text, at)
            if found is None or found.lastgroup is None:
                raise PatternError(f"filter pattern {text!r}: not understood from {text[at:]!r}")
            yield found.lastgroup, found[found.lastgroup]
            at = found.end()

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise PatternError(f"filter pattern {self._text!r}: ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, mark: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] == ("mark", mark):
            self._at += 1
            return True
        return False

    def expect(self, mark: str) -> None:
        if not self._take(mark):
            raise PatternError(f"filter pattern {self._text!r}: {mark!r} is missing; only patterns for JSON work here")

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise PatternError(f"filter pattern {self._text!r}: something follows its end")

    def either(self) -> Test:
        tests = [self._both()]
        while self._take("||"):
            tests.append(self._both())
        return lambda event: any(test(event) for test in tests)

    def _both(self) -> Test:
        tests = [self._one()]
        while self._take("&&"):
            tests.append(self._one())
        return lambda event: all(test(event) for test in tests)

    def _one(self) -> Test:
        if self._take("("):
            test = self.either()
            self.expect(")")
            return test
        kind, path = self._next()
        if kind != "selector":
            raise PatternError(f"filter pattern {self._text!r}: {path!r} is no property such as $.status")
        kind, word = self._next()
        if kind == "compare":
            return _comparison(path, word, *self._next())
        if (word, self._peek()) == ("NOT", "EXISTS"):
            self._next()
            return lambda event: select(event, path) is None
        if (word, self._peek()) in {("IS", "TRUE"), ("IS", "FALSE"), ("IS", "NULL")}:
            wanted = {"TRUE": True, "FALSE": False, "NULL": None}[self._next()[1]]
            return lambda event: select(event, path) is wanted
        raise PatternError(f"filter pattern {self._text!r}: {word!r} is not understood")

    def _peek(self) -> str:
        return self._tokens[self._at][1] if self._at < len(self._tokens) else ""


def _comparison(path: str, sign: str, kind: str, wanted: str) -> Test:
    """Numbers by value, text by wildcard; a property that is absent equals nothing."""
    if sign in _COMPARE:
        compare, number = _COMPARE[sign], float(wanted)

        def numeric(event: Event) -> bool:
            found = select(event, path)
            return isinstance(found, int | float) and not isinstance(found, bool) and compare(found, number)

        return numeric

    def same(event: Event) -> bool:
        found = select(event, path)
        if isinstance(found, int | float) and not isinstance(found, bool):
            return kind == "word" and _number(wanted) == found
        return isinstance(found, str) and fnmatchcase(found, wanted)

    return same if sign == "=" else lambda event: not same(event)


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
