"""Rules of the fraud decision as data: the model of `rules.yaml`, its validator, and a dry run over past decisions.

    rules = load_rules(path.read_text(), "rules.yaml")     every mistake at once: rules.yaml:12: rules[1].action: ...
    verdict = rules.judge(score, signals, facts)           decision, reasons, rule ids
    dry_run(old, new, past_decisions)                      what would change

The strictest rule that matches holds: block over authenticate over review over allow. Against the score: a rule that
allows is stronger than the thresholds, any other only makes the decision stricter. Needs PyYAML, for line numbers.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from contracts.fraud import BLOCK_FROM, REVIEW_FROM, SCORE_MAX, SIGNAL_NAMES, Decision, DecisionRecord, FraudError
from contracts.fraud_features import FACTS

_ID = re.compile(r"[a-z][a-z0-9-]{0,38}[a-z0-9]")
SCORE_REASONS: Final = {Decision.BLOCK: "score-block", Decision.REVIEW: "score-review"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Condition:
    """One comparison: a signal with numbers, or a fact with a list."""

    signal: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    fact: str | None = None
    among: str | None = None
    """List that has the fact; a fact that is not there is in no list."""
    outside: str | None = None
    """List that lacks the fact; a fact that is not there is outside of none."""

    def holds(
        self, signals: Mapping[str, float], facts: Mapping[str, str], lists: Mapping[str, frozenset[str]]
    ) -> bool:
        """Whether a payment fulfils it."""
        if self.signal is not None:
            value = signals[self.signal]
            low = self.at_least is None or value >= self.at_least
            return low and (self.at_most is None or value <= self.at_most)
        fact = facts.get(self.fact or "")
        if fact is None:
            return False
        return fact in lists[self.among] if self.among is not None else fact not in lists[self.outside or ""]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """All conditions hold: then the action."""

    id: str
    when: tuple[Condition, ...]
    action: Decision
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What rules and thresholds make of a payment."""

    decision: Decision
    reasons: tuple[str, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Rules:
    """A validated rules.yaml."""

    block_from: int = BLOCK_FROM
    review_from: int = REVIEW_FROM
    lists: Mapping[str, frozenset[str]] = field(default_factory=dict)
    rules: tuple[Rule, ...] = ()

    def matching(self, signals: Mapping[str, float], facts: Mapping[str, str]) -> list[Rule]:
        """Rules whose conditions all hold, in the file's order."""
        return [rule for rule in self.rules if all(c.holds(signals, facts, self.lists) for c in rule.when)]

    def judge(self, score: int | None, signals: Mapping[str, float], facts: Mapping[str, str]) -> Verdict:
        """The decision. `score`: None where no model scored, so that rules decide alone."""
        matched = self.matching(signals, facts)
        by_rules = max((rule.action for rule in matched), key=lambda action: action.strictness, default=None)
        by_score = self._of(score)
        reasons = [rule.reason for rule in matched]
        if by_rules is Decision.ALLOW:
            decision = Decision.ALLOW
        else:
            decision = max(by_score, by_rules or Decision.ALLOW, key=lambda action: action.strictness)
            if by_score is not Decision.ALLOW:
                reasons.append(SCORE_REASONS[by_score])
        return Verdict(
            decision=decision, reasons=tuple(dict.fromkeys(reasons)), rules=tuple(rule.id for rule in matched)
        )

    def _of(self, score: int | None) -> Decision:
        if score is None or score < self.review_from:
            return Decision.ALLOW
        return Decision.BLOCK if score >= self.block_from else Decision.REVIEW

    def rank(self, signals: Mapping[str, float], facts: Mapping[str, str]) -> float:
        """How suspicious the rules alone find a payment: the strictest action, then how many matched. For comparing
        them with a model; no decision depends on it."""
        matched = self.matching(signals, facts)
        strictest = max((rule.action.strictness for rule in matched), default=0)
        return strictest + len(matched) / (len(self.rules) + 1)


class _Reader:
    """Walks the YAML nodes and collects what is wrong, each with its line."""

    def __init__(self, file: str) -> None:
        self._file, self.problems = file, list[str]()

    def problem(self, node: yaml.Node, key: str, text: str) -> None:
        self.problems.append(f"{self._file}:{node.start_mark.line + 1}: {key}: {text}")

    def mapping(self, node: yaml.Node | None, key: str, allowed: Sequence[str]) -> dict[str, yaml.Node]:
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            self.problem(node, key, f"not a mapping; write {', '.join(allowed) or 'name: ...'}")
            return {}
        found: dict[str, yaml.Node] = {}
        for name, value in node.value:
            if allowed and name.value not in allowed:
                self.problem(name, f"{key}.{name.value}".lstrip("."), f"unknown; choose from {', '.join(allowed)}")
            elif name.value in found:
                self.problem(name, f"{key}.{name.value}".lstrip("."), "is there twice; keep one")
            else:
                found[name.value] = value
        return found

    def items(self, node: yaml.Node | None, key: str) -> list[yaml.Node]:
        if node is None:
            return []
        if not isinstance(node, yaml.SequenceNode):
            self.problem(node, key, "not a list; begin its lines with '- '")
            return []
        return list(node.value)

    def word(self, node: yaml.Node, key: str) -> str:
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith(":str") and node.value:
            return str(node.value)
        self.problem(node, key, f"{getattr(node, 'value', '')!r} is not a text; put it in quotes")
        return ""

    def number(self, node: yaml.Node | None, key: str) -> float | None:
        if node is None:
            return None
        if isinstance(node, yaml.ScalarNode) and node.tag.endswith((":int", ":float")):
            return float(yaml.safe_load(node.value))
        self.problem(node, key, f"{getattr(node, 'value', '')!r} is not a number")
        return None


def load_rules(text: str, file: str = "rules.yaml") -> Rules:
    """The rules of a file. Raises FraudError with every mistake: `file:line: key: value, rule, fix`."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        raise FraudError(f"{file}:{mark.line + 1 if mark else 1}: no YAML: {error}") from None
    reader = _Reader(file)
    if root is None:
        raise FraudError(f"{file}:1: empty; write at least `rules: []`")
    top = reader.mapping(root, "", ("thresholds", "lists", "rules"))
    block, review = _thresholds(reader, top.get("thresholds"))
    lists = _lists(reader, top.get("lists"))
    rules, seen = list[Rule](), set[str]()
    for number, node in enumerate(reader.items(top.get("rules"), "rules")):
        rule = _rule(reader, node, f"rules[{number}]", lists)
        if rule is not None and rule.id in seen:
            reader.problem(node, f"rules[{number}].id", f"{rule.id!r} is another rule's; give each its own")
        elif rule is not None:
            seen.add(rule.id)
            rules.append(rule)
    if reader.problems:
        raise FraudError("\n".join(reader.problems))
    return Rules(block_from=block, review_from=review, lists=lists, rules=tuple(rules))


def _thresholds(reader: _Reader, node: yaml.Node | None) -> tuple[int, int]:
    given = reader.mapping(node, "thresholds", ("block", "review"))
    values = {"block": BLOCK_FROM, "review": REVIEW_FROM}
    for name, value in given.items():
        number = reader.number(value, f"thresholds.{name}")
        if number is None:
            continue
        if number != int(number) or not 1 <= number <= SCORE_MAX:
            reader.problem(value, f"thresholds.{name}", f"{number:g} is outside 1..{SCORE_MAX}, whole scores")
            continue
        values[name] = int(number)
    if node is not None and values["review"] > values["block"]:
        reader.problem(
            node,
            "thresholds",
            f"review {values['review']} is above block {values['block']}; nothing would ever wait for a person",
        )
    return values["block"], values["review"]


def _lists(reader: _Reader, node: yaml.Node | None) -> dict[str, frozenset[str]]:
    found = {}
    for name, values in reader.mapping(node, "lists", ()).items():
        key = f"lists.{name}"
        found[name] = frozenset(reader.word(item, key) for item in reader.items(values, key))
    return found


def _rule(reader: _Reader, node: yaml.Node, key: str, lists: Mapping[str, Any]) -> Rule | None:
    before = len(reader.problems)
    parts = reader.mapping(node, key, ("id", "when", "action", "reason"))
    if missing := [name for name in ("id", "when", "action") if name not in parts]:
        reader.problem(node, key, f"{', '.join(missing)} missing; a rule has id, when and action")
        return None
    id_ = reader.word(parts["id"], f"{key}.id")
    if id_ and not _ID.fullmatch(id_):
        reader.problem(parts["id"], f"{key}.id", f"{id_!r} is no id; use a-z, 0-9 and '-', a letter first, 2 to 40")
    action = reader.word(parts["action"], f"{key}.action")
    if action and action not in list(Decision):
        reader.problem(parts["action"], f"{key}.action", f"{action!r} is unknown; choose from {', '.join(Decision)}")
    conditions = [
        _condition(reader, item, f"{key}.when[{number}]", lists)
        for number, item in enumerate(reader.items(parts["when"], f"{key}.when"))
    ]
    if not conditions:
        reader.problem(parts["when"], f"{key}.when", "no condition: the rule would hold for every payment")
    reason = reader.word(parts["reason"], f"{key}.reason") if "reason" in parts else id_
    if reason and not _ID.fullmatch(reason):
        reader.problem(node, f"{key}.reason", f"{reason!r} is no word; use a-z, 0-9 and '-': it goes into a header")
    if len(reader.problems) > before:
        return None
    return Rule(id=id_, when=tuple(c for c in conditions if c), action=Decision(action), reason=reason)


def _condition(reader: _Reader, node: yaml.Node, key: str, lists: Mapping[str, Any]) -> Condition | None:
    before = len(reader.problems)
    parts = reader.mapping(node, key, ("signal", "at_least", "at_most", "fact", "in", "not_in"))
    if "signal" in parts and not parts.keys() & {"fact", "in", "not_in"}:
        name = reader.word(parts["signal"], f"{key}.signal")
        if name and name not in SIGNAL_NAMES:
            reader.problem(parts["signal"], f"{key}.signal", f"{name!r}; choose from {', '.join(SIGNAL_NAMES)}")
        low, high = (reader.number(parts.get(word), f"{key}.{word}") for word in ("at_least", "at_most"))
        if not parts.keys() & {"at_least", "at_most"}:
            reader.problem(node, key, "a signal is compared: add at_least or at_most")
        elif low is not None and high is not None and low > high:
            reader.problem(node, key, f"at_least {low:g} is above at_most {high:g}: it can never hold")
        found = Condition(signal=name, at_least=low, at_most=high)
    elif "fact" in parts and len(parts.keys() & {"in", "not_in"}) == 1 and len(parts) == 2:
        name = reader.word(parts["fact"], f"{key}.fact")
        if name and name not in FACTS:
            reader.problem(parts["fact"], f"{key}.fact", f"{name!r} is unknown; choose from {', '.join(FACTS)}")
        word = "in" if "in" in parts else "not_in"
        list_ = reader.word(parts[word], f"{key}.{word}")
        if list_ and list_ not in lists:
            known = ", ".join(sorted(lists)) or "none"
            reader.problem(parts[word], f"{key}.{word}", f"list {list_!r} is not under `lists`; there are: {known}")
        found = Condition(fact=name, among=list_ if word == "in" else None, outside=list_ if word == "not_in" else None)
    else:
        reader.problem(node, key, "write {signal, at_least and/or at_most} or {fact, in or not_in}")
        return None
    return found if len(reader.problems) == before else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Changed:
    """One past decision that would be another."""

    id: str
    before: Decision
    after: Decision
    rules: tuple[str, ...]
    """That would match."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DryRun:
    """What a change of rules would have done to past decisions."""

    total: int
    changed: tuple[Changed, ...]
    by_change: Mapping[str, int]
    """`allow -> block`: how many."""


def dry_run(old: Rules, new: Rules, past: Iterable[DecisionRecord]) -> DryRun:
    """Judges past decisions by both. Records without signals cannot be judged again and are left out."""
    total, found = 0, list[Changed]()
    for record in past:
        if not record.signals:
            continue
        total += 1
        score = None if record.model == "none" else record.score
        before = old.judge(score, record.signals, record.facts).decision
        after = new.judge(score, record.signals, record.facts)
        if before is not after.decision:
            found.append(Changed(id=record.id, before=before, after=after.decision, rules=after.rules))
    counts = Counter(f"{one.before} -> {one.after}" for one in found)
    return DryRun(total=total, changed=tuple(found), by_change=dict(sorted(counts.items())))
