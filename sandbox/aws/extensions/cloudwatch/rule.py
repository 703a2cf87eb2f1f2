"""The rule of a composite alarm: `ALARM("a") OR (OK(b) AND NOT INSUFFICIENT_DATA("c"))`.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html#CWAlarms-PutCompositeAlarm-request-AlarmRule
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

MAX_LENGTH = 10240
MAX_ALARMS = 100

STATES = ("ALARM", "OK", "INSUFFICIENT_DATA")

_TOKEN = re.compile(
    r'\s*(?:(?P<word>[A-Z_]+)(?![^\s()])|(?P<mark>[()])|"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s()"]+))'
)

StateOf = Callable[[str], str]
"""Name or ARN of an alarm -> its state."""


class RuleError(ValueError):
    """The rule cannot be read; the message says where and why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """holds: whether the rule is true under given states. alarms: names or ARNs it refers to, in order."""

    holds: Callable[[StateOf], bool]
    alarms: tuple[str, ...]


def parse(text: str) -> Rule:
    """RuleError when CloudWatch would refuse the text."""
    if len(text) > MAX_LENGTH:
        raise RuleError(f"AlarmRule has {len(text)} characters, at most {MAX_LENGTH} are allowed")
    parser = _Parser(text)
    holds = parser.disjunction()
    parser.expect_end()
    alarms = tuple(dict.fromkeys(parser.alarms))
    if len(alarms) > MAX_ALARMS:
        raise RuleError(f"AlarmRule refers to {len(alarms)} alarms, at most {MAX_ALARMS} are allowed")
    return Rule(holds=holds, alarms=alarms)


class _Parser:
    """Recursive descent; NOT binds closer than AND, and AND closer than OR."""

    def __init__(self, text: str) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self.alarms: list[str] = []

    def disjunction(self) -> Callable[[StateOf], bool]:
        terms = [self._conjunction()]
        while self._take("OR"):
            terms.append(self._conjunction())
        return lambda state: any(term(state) for term in terms)

    def _conjunction(self) -> Callable[[StateOf], bool]:
        terms = [self._negation()]
        while self._take("AND"):
            terms.append(self._negation())
        return lambda state: all(term(state) for term in terms)

    def _negation(self) -> Callable[[StateOf], bool]:
        if self._take("NOT"):
            inner = self._negation()
            return lambda state: not inner(state)
        if self._take("("):
            inner = self.disjunction()
            self._expect(")")
            return inner
        return self._leaf()

    def _leaf(self) -> Callable[[StateOf], bool]:
        for word, value in (("TRUE", True), ("FALSE", False)):
            if self._take(word):
                return lambda _, value=value: value  # type: ignore[misc]
        for wanted in STATES:
            if self._take(wanted):
                self._expect("(")
                name = self._name()
                self._expect(")")
                return lambda state, wanted=wanted: state(name) == wanted  # type: ignore[misc]
        raise RuleError(f"AlarmRule: {self._here()} is not one of TRUE, FALSE, NOT, ( or a state {', '.join(STATES)}")

    def _name(self) -> str:
        kind, name = self._tokens[self._at] if self._at < len(self._tokens) else ("end", "")
        if kind == "mark" or not name:
            raise RuleError(f"AlarmRule: an alarm name or ARN is expected, not {self._here()}")
        self._at += 1
        self.alarms.append(name)
        return name

    def _take(self, text: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at] in (("word", text), ("mark", text)):
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take(text):
            raise RuleError(f"AlarmRule: {text} is expected, not {self._here()}")

    def expect_end(self) -> None:
        if self._at < len(self._tokens):
            raise RuleError(f"AlarmRule: AND, OR or the end is expected, not {self._here()}")

    def _here(self) -> str:
        return f"{self._tokens[self._at][1]!r}" if self._at < len(self._tokens) else "the end"


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens = []
    position = 0
    end = len(text.rstrip())
    while position < end:
        match = _TOKEN.match(text, position)
        if match is None:
            raise RuleError(
                f"AlarmRule: cannot be read from character {position + 1}: {text[position : position + 30]!r}"
            )
        kind = match.lastgroup or ""
        value = match[kind]
        tokens.append((kind, re.sub(r"\\(.)", r"\1", value) if kind == "quoted" else value))
        position = match.end()
    return tokens
