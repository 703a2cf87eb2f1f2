"""One payment, one decision: memory, signals, rules, model, record."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from contracts.fraud import DecisionRecord, Mode, decision_id, moment
from contracts.fraud_addresses import AddressTable
from contracts.fraud_features import Buckets, Request, changes, compute, read_request
from contracts.fraud_outcomes import PaymentOutcome
from contracts.fraud_rules import Rules
from workloads import telemetry
from workloads.scorer import metrics
from workloads.scorer.features import FeatureStore
from workloads.scorer.models import Models
from workloads.scorer.stream import DecisionStream

TEST = "test"
"""Caller class whose payments are judged and change nothing: nobody pays."""


class Scorer:
    """Decides. Everything that it waits for has an end."""

    def __init__(
        self,
        *,
        key: bytes,
        addresses: AddressTable,
        rules: Callable[[], Rules],
        features: FeatureStore,
        models: Models,
        stream: DecisionStream,
        read_s: float,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`key`: of the pseudonyms. `rules`: the rules as they are now."""
        self._key, self._addresses, self._rules = key, addresses, rules
        self._features, self._models, self._stream = features, models, stream
        self._read_s, self._clock = read_s, clock
        self.decided = 0
        """Payments that this process judged in time."""

    async def decide(self, account: str, caller: str, body: Any) -> DecisionRecord:
        """Raises FraudError for a body without amount or payment method."""
        request = self.read(account, body)
        with telemetry.stage("features"):
            memory = await self._features.memory(request, self._read_s)
        record = self.judge(request, memory, Mode.SCORED)
        metrics.DECISIONS.add(decision=record.decision, mode=record.mode, caller=caller)
        if caller != TEST:
            # A blocked attempt counts as well: what is refused again and again is the point of counting.
            self.decided += 1
            self._features.add(changes(request, self._clock()))
            self.keep(record)
        return record

    def read(self, account: str, body: Any) -> Request:
        """What counts of a request. Raises FraudError as `decide` does."""
        return read_request(account, body, self._key, self._addresses)

    def judge(
        self, request: Request, memory: dict[str, Buckets | None], mode: Mode, payment: str | None = None
    ) -> DecisionRecord:
        """The record of a decision, from what is remembered; waits for nothing."""
        now_s = self._clock()
        signals = compute(request, now_s, memory)
        scores = self._models.score(request.account, signals)
        verdict = self._rules().judge(scores.score, signals, request.facts)
        for rule in verdict.rules:
            metrics.RULES_MATCHED.add(rule=rule)
        unread = sorted({f"unread-{e.partition(':')[0]}" for e, known in memory.items() if known is None})
        now = datetime.fromtimestamp(now_s, UTC)
        return DecisionRecord(
            id=decision_id(now),
            account=request.account,
            score=scores.score,
            decision=verdict.decision,
            reasons=(*verdict.reasons, *unread),
            rules=verdict.rules,
            model=scores.model,
            mode=mode,
            time=moment(now),
            payment=payment,
            signals={name: round(value, 6) for name, value in signals.items()},
            facts=request.facts,
            shadow=scores.shadow,
        )

    def report(self, account: str, outcome: PaymentOutcome) -> None:
        """To the stream: what became of the payment of a decision."""
        self._stream.put_entry(account, outcome.data())

    def keep(self, record: DecisionRecord) -> None:
        """To the table, for people; to the stream, for learning."""
        self._features.keep(record)
        self._stream.put(record)
