"""What the engine says while it works: its event log, read line by line.

The log is newline-delimited JSON (Pulumi ``apitype.EngineEvent``). It is parsed raw because the SDK's own event class
drops the policy events.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TextIO

COMPONENT_TYPE_PREFIX = "payment-cell:components:"
ACTIONS = frozenset({"create", "update", "delete", "replace", "import", "refresh", "discard", "read"})
"""Engine operations that do something; ``same`` does nothing, and the two halves of a replacement count once."""

_HALVES_OF_A_REPLACEMENT = {"create-replacement": "", "delete-replaced": ""}
_MAKES = frozenset({"create", "import", "read", "create-replacement"})
_REMOVES = frozenset({"delete", "delete-replaced", "discard", "discard-replaced", "read"})
"""Operations after which a resource was not there before, or is not there any more; a replacement says both apart."""
_FOUND_ON_PATH = re.compile(r"using pulumi-\S+ from \$PATH at")
"""The engine says so of every plugin of the sandbox, in every operation; the PATH decides which plugins are used."""

_STEP_OF_PATH = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|([^.\[\]]+)')
"""A step of a property path (https://www.pulumi.com/docs/iac/concepts/options/ignorechanges/)."""

_STACK_TYPE = "pulumi:pulumi:Stack"


def type_and_name(urn: str) -> str:
    """What a person knows a resource by: ``aws:kms/key:Key eu-west-1-payments``."""
    kind, _, name = urn.rpartition("::")
    return f"{kind.rpartition('::')[2].rpartition('$')[2]} {name}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Violation:
    """A policy's answer about one resource."""

    policy: str
    pack: str
    mandatory: bool
    urn: str
    message: str

    @property
    def undetermined(self) -> bool:
        """Whether a preview did not know what the policy asks, so that it gave no answer. In the engine's words, since
        the event has no field for it."""
        return not self.mandatory and self.message.startswith("can't run policy")


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One operation on one resource: begun, finished, or failed."""

    urn: str
    op: str
    component: str
    phase: str
    """``begun`` | ``finished`` | ``failed``"""

    @property
    def resource(self) -> str:
        """``aws:kms/key:Key eu-west-1-payments``"""
        return type_and_name(self.urn)


@dataclass(kw_only=True, slots=True)
class Reading:
    """What one engine operation said, added up."""

    changes: dict[str, int] = field(default_factory=dict)
    duration_s: int = 0
    violations: list[Violation] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    diffs: list[dict[str, Any]] = field(default_factory=list)
    finished: bool = False
    before: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Inputs of what the stack holds before the operation, by URN: those that the engine visited."""
    after: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The same after it, as announced: values that only the deployment knows are placeholders."""
    _parents: dict[str, tuple[str, str]] = field(default_factory=dict)
    _refreshed: set[str] = field(default_factory=set)

    @property
    def actions(self) -> int:
        """Resources that were, or would be, acted upon."""
        return sum(count for op, count in self.changes.items() if op not in {"same", "read"})

    def component_of(self, urn: str) -> str:
        """Name of the innermost component of this package that holds a resource; the stack's name for none."""
        parent, type_ = self._parents.get(urn, ("", ""))
        while urn:
            if type_.startswith(COMPONENT_TYPE_PREFIX):
                return type_.removeprefix(COMPONENT_TYPE_PREFIX)
            urn = parent
            parent, type_ = self._parents.get(urn, ("", ""))
        return "Stack"

    def take(self, event: Mapping[str, Any]) -> Step | None:
        """Adds one engine event; returns the step that it begins or ends."""
        if diagnostic := event.get("diagnosticEvent"):
            self._diagnostic(diagnostic)
        elif policy := event.get("policyEvent"):
            self.violations.append(
                Violation(
                    policy=policy["policyName"],
                    pack=policy["policyPackName"],
                    mandatory=policy["enforcementLevel"] == "mandatory",
                    urn=policy.get("resourceUrn", ""),
                    message=_plain(policy["message"]).strip(),
                )
            )
        elif summary := event.get("summaryEvent"):
            self.changes = dict(summary["resourceChanges"] or {})
            self.duration_s = summary["durationSeconds"]
        elif "cancelEvent" in event:
            self.finished = True
        for key, phase in (
            ("resourcePreEvent", "begun"),
            ("resOutputsEvent", "finished"),
            ("resOpFailedEvent", "failed"),
        ):
            if key in event:
                return self._step(event[key]["metadata"], phase)
        return None

    def _diagnostic(self, diagnostic: Mapping[str, Any]) -> None:
        message = _plain(diagnostic["message"]).strip()
        where = diagnostic.get("urn", "").rpartition("::")[2]
        line = f"{where}: {message}" if where else message
        if diagnostic["severity"] == "error":
            self.errors.append(line)
        elif diagnostic["severity"] == "warning" and not _FOUND_ON_PATH.match(message):
            self.warnings.append(line)

    def _step(self, metadata: Mapping[str, Any], phase: str) -> Step | None:
        state = metadata.get("new") or metadata.get("old") or {}
        self._parents[metadata["urn"]] = (state.get("parent", ""), metadata["type"])
        if phase == "begun":
            self._inputs(metadata)
        op = _HALVES_OF_A_REPLACEMENT.get(metadata["op"], metadata["op"])
        if op not in ACTIONS or metadata["type"] == _STACK_TYPE or metadata["type"].startswith(COMPONENT_TYPE_PREFIX):
            return None
        step = Step(urn=metadata["urn"], op=op, component=self.component_of(metadata["urn"]), phase=phase)
        if phase == "begun" and op == "refresh":
            self._refreshed.add(step.urn)
        elif phase == "begun" or (phase == "finished" and step.urn in self._refreshed):
            # What a refresh finds is known only when it has looked; everything else is announced.
            keys = sorted(metadata.get("detailedDiff") or {})
            diff: dict[str, Any] = {"urn": step.urn, "op": op, "keys": keys}
            if phase == "finished":
                diff["values"] = {key: _before_and_after(metadata, key) for key in keys}
            self.diffs.append(diff)
        if phase != "begun":
            self.steps.append(step)
        return step

    def _inputs(self, metadata: Mapping[str, Any]) -> None:
        urn, op = metadata["urn"], metadata["op"]
        if (old := metadata.get("old")) and op not in _MAKES:
            self.before[urn] = old.get("inputs") or {}
        if (new := metadata.get("new")) and op not in _REMOVES:
            self.after[urn] = new.get("inputs") or {}


def _before_and_after(metadata: Mapping[str, Any], path: str) -> tuple[Any, Any]:
    """What state has at a property path, and what is there. The engine has masked secrets already."""
    old, new = ((metadata.get(side) or {}).get("outputs") or {} for side in ("old", "new"))
    return _value(old, path), _value(new, path)


def _value(document: Any, path: str) -> Any:
    """At ``tags["a.b"]``, ``rules[0].name``; None where nothing is."""
    for quoted, index, name in _STEP_OF_PATH.findall(path):
        try:
            document = document[int(index)] if index else document[quoted.replace('\\"', '"') or name]
        except (KeyError, IndexError, TypeError):
            return None
    return document


def follow(log: TextIO) -> Iterator[dict[str, Any]]:
    """Whole events that are in the log by now; a half-written last line is left for the next call."""
    while True:
        start = log.tell()
        line = log.readline()
        if not line.endswith("\n"):
            log.seek(start)
            return
        yield json.loads(line)


def _plain(text: str) -> str:
    """Engine messages without its colour directives (``<{%fg 1%}>``)."""
    while (start := text.find("<{%")) >= 0 and (end := text.find("%}>", start)) >= 0:
        text = text[:start] + text[end + 3 :]
    return text
