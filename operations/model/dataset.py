"""From payments with their outcome, rows to learn from: signals as the scorer had them, and what came out.

made-up payments   replayed in order through `contracts/fraud_features.py`
a cell's own       decision records, which keep their signals, joined with the outcomes that came later
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from contracts.fraud import DAY_S, SIGNAL_NAMES, DecisionRecord, FraudError, Mode, parse_decision
from contracts.fraud_addresses import bundled
from contracts.fraud_features import Memory, changes, compute, read_request
from operations.model.generator import Payment

KEY = b"training: made-up payments have nobody to protect"
"""Pseudonyms of made-up payments. A cell's own records have theirs already."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rows:
    """Signals, labels and days, in order of time."""

    signals: np.ndarray[Any, np.dtype[np.float32]]
    """(payments, signals), columns as `SIGNAL_NAMES`."""
    fraud: np.ndarray[Any, np.dtype[np.int64]]
    day: np.ndarray[Any, np.dtype[np.int64]]
    facts: tuple[Mapping[str, str], ...]

    def part(self, chosen: np.ndarray[Any, np.dtype[np.bool_]]) -> Rows:
        """The rows that are chosen."""
        facts = tuple(fact for fact, wanted in zip(self.facts, chosen, strict=True) if wanted)
        return Rows(signals=self.signals[chosen], fraud=self.fraud[chosen], day=self.day[chosen], facts=facts)

    def split(self, held_out_days: int) -> tuple[Rows, Rows]:
        """Earlier days and the last ones. Never at random: tomorrow's payments would teach about yesterday's."""
        first = self.day.max() - held_out_days + 1
        return self.part(self.day < first), self.part(self.day >= first)


def replay(payments: Iterable[Payment]) -> Rows:
    """Signals of made-up payments, each computed from what was before it."""
    memory, table = Memory(), bundled()
    signals, fraud, day, facts = list[list[float]](), list[int](), list[int](), list[Mapping[str, str]]()
    for payment in payments:
        request = read_request(payment.account, payment.body, KEY, table)
        found = compute(request, payment.time_s, memory.read(request))
        for change in changes(request, payment.time_s):
            memory.apply(change)
        signals.append([found[name] for name in SIGNAL_NAMES])
        fraud.append(int(payment.fraud))
        day.append(int(payment.time_s // DAY_S))
        facts.append(request.facts)
    return _rows(signals, fraud, day, facts)


def from_records(decisions: Path, outcomes: Path) -> Rows:
    """Rows of a cell's own decisions: lines of `DecisionRecord.to_json()` and of {"decision": ..., "fraud": true}.

    Decisions without an outcome are left out: nobody knows yet. So are fail-open ones, which have no signals.
    """
    truth: dict[str, bool] = {}
    for number, line in enumerate(outcomes.read_text(encoding="utf-8").splitlines(), 1):
        data = json.loads(line)
        if not isinstance(data.get("decision"), str) or not isinstance(data.get("fraud"), bool):
            raise FraudError(f'{outcomes}:{number}: write {{"decision": "dec_...", "fraud": true or false}}')
        truth[data["decision"]] = data["fraud"]
    records = [parse_decision(line) for line in decisions.read_text(encoding="utf-8").splitlines()]
    known = [r for r in {r.id: r for r in records}.values() if r.id in truth and r.mode is not Mode.FAILED_OPEN]
    known = sorted((r for r in known if r.signals), key=lambda record: record.time)
    if not known:
        raise FraudError(f"{decisions}: no decision with an outcome in {outcomes}; nothing to learn from")
    days = {text: number for number, text in enumerate(sorted({r.time[:10] for r in known}))}
    return _rows(
        [[record.signals[name] for name in SIGNAL_NAMES] for record in known],
        [int(truth[record.id]) for record in known],
        [days[record.time[:10]] for record in known],
        [record.facts for record in known],
    )


def of_decisions(decisions: Path) -> Rows:
    """Rows of decisions of which nobody knows the outcome yet: for drift, not to learn from."""
    scored = [r for r in map(parse_decision, decisions.read_text(encoding="utf-8").splitlines()) if r.signals]
    if not scored:
        raise FraudError(f"{decisions}: no decision with signals")
    return of_records(scored)


def of_records(scored: Sequence[DecisionRecord]) -> Rows:
    """The same of records, each with signals."""
    signals = [[record.signals[name] for name in SIGNAL_NAMES] for record in scored]
    return _rows(signals, [0] * len(scored), [0] * len(scored), [record.facts for record in scored])


def _rows(signals: list[list[float]], fraud: list[int], day: list[int], facts: list[Mapping[str, str]]) -> Rows:
    return Rows(
        signals=np.asarray(signals, dtype=np.float32),
        fraud=np.asarray(fraud, dtype=np.int64),
        day=np.asarray(day, dtype=np.int64),
        facts=tuple(facts),
    )
