"""Events of payments: what became of each goes to the decision stream, and those that passed while nobody scored are
scored afterwards and counted.

Of such a payment the event has what the decision would have read (`signals`: token, device, payer's country), sealed
for fraud: the scorer opens that, and nothing that was sealed for another purpose. Where the payer was erased meanwhile
those signals have their value when missing; what account and amount say is judged in full.
"""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from contracts.events import Envelope, EventError, parse
from contracts.fraud import Decision, DecisionRecord, Mode, rescored_id
from contracts.fraud_failures import FailOpenBudget
from contracts.fraud_features import Request
from contracts.personal import FieldCipher, KeyGone
from workloads.logs import Log
from workloads.scorer import metrics
from workloads.scorer.decide import Scorer
from workloads.scorer.features import FeatureStore
from workloads.scorer.outcomes import outcome_of

WAIT_S: Final = 10
"""Of one ReceiveMessage; SQS takes up to 20."""
REMEMBERED: Final = 10_000
"""Payments that are not rescored again by this process: each has several events."""
RESCORES_PER_S: Final = 5
"""By one scorer: what passed while all were away waits in the queue by the thousand, and each of it reads and writes
the table that decisions need, for which callers wait."""
_log = Log("rescore")


def unscored(envelope: Envelope) -> bool:
    """Whether the event is of a payment that passed in fail mode."""
    return envelope.type.startswith("payment.") and envelope.data["fraud"]["mode"] == Mode.FAILED_OPEN


class Rescorer:
    """Reads the queue of the cell's bus and scores what was let through."""

    def __init__(
        self, client: Any, queue_url: str, scorer: Scorer, features: FeatureStore, cipher: FieldCipher
    ) -> None:
        """`client`: boto3's sqs client. `cipher`: opens what was sealed for fraud."""
        self._client, self._queue_url, self._scorer, self._features = client, queue_url, scorer, features
        self._cipher = cipher
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._rescored = 0

    async def poll(self) -> None:
        """One batch. A message that cannot be read stays, and ends in the dead-letter queue."""
        loop = asyncio.get_running_loop()
        try:
            answer = await loop.run_in_executor(None, self._receive)
        except Exception as error:  # the queue may be away for hours: decisions go on
            _log.warning("queue not read", error=type(error).__name__)
            await asyncio.sleep(1)
            return
        for message in answer:
            try:
                if await self.handle(message["Body"]) is not None:
                    await asyncio.sleep(1 / RESCORES_PER_S)
            except (EventError, KeyError, TypeError, ValueError, BotoCoreError, ClientError) as error:
                _log.error("event not rescored", error)
                continue
            await loop.run_in_executor(None, self._delete, message["ReceiptHandle"])

    def _receive(self) -> list[Mapping[str, Any]]:
        answer = self._client.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10, WaitTimeSeconds=WAIT_S)
        return list(answer.get("Messages", ()))

    def _delete(self, receipt: str) -> None:
        self._client.delete_message(QueueUrl=self._queue_url, ReceiptHandle=receipt)

    async def handle(self, body: str) -> DecisionRecord | None:
        """The new decision of an event as the bus delivers it; None where there is nothing to decide.

        Delivery is at least once: an outcome may be on the stream twice, which says no more than once.
        """
        event = json.loads(body)["detail"]["event"]
        envelope = parse(event if isinstance(event, str) else json.dumps(event))
        if (outcome := outcome_of(envelope)) is not None:
            metrics.OUTCOMES.add(fate=outcome.fate)
            self._scorer.report(envelope.account, outcome)
        payment = str(envelope.data.get("payment"))
        if not unscored(envelope) or payment in self._seen:
            return None
        request = await asyncio.to_thread(self._request, envelope)
        memory = await self._features.memory(request, wait_s=1.0)
        record = replace(self._scorer.judge(request, memory, Mode.RESCORED, payment), id=rescored_id(payment))
        let_through = replace(
            record,
            id=f"dec_{envelope.id.removeprefix('evt_')}",
            decision=Decision(envelope.data["fraud"]["decision"]),
            score=0,
            reasons=("fail-mode",),
            rules=(),
            model="none",
            mode=Mode.FAILED_OPEN,
            time=envelope.time,
            signals={},
            shadow={},
        )
        for one in (let_through, record):
            self._scorer.keep(one)
        self._seen[payment] = None
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        self._count(record)
        return record

    def _request(self, envelope: Envelope) -> Request:
        """Blocking: a key may have to be fetched."""
        data = envelope.data
        body = {**{name: data[name] for name in ("amount", "currency", "market")}, "payment_method": data["instrument"]}
        try:
            if data.get("signals") is not None:
                body |= self._cipher.open(data["payment"], "signals", data["signals"])
        except KeyGone:
            metrics.SIGNALS_MISSING.add(entity="erased")
        return self._scorer.read(envelope.account, body)

    def _count(self, record: DecisionRecord) -> None:
        metrics.FAIL_OPEN.add(decision=record.decision)
        self._rescored += 1
        metrics.BUDGET_LEFT.set(FailOpenBudget().left(self._scorer.decided + self._rescored, self._rescored))
