"""An ordered consumer: a FIFO queue whose groups are accounts, read at least once, handled once for each event id.

    Consumer(client, queue_url, "ledger", Ledger(), log).run(stop)

A message is deleted once it is handled, or known. One that cannot be handled stays: SQS shows it again after the
queue's visibility timeout and moves it to the dead-letter queue in the end. Until then its account waits behind it, and
after that too: the events that follow have a gap before them and go the same way, until somebody puts the missing one
right and redrives them in order. A ledger with a hole is worse than a late one.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from contracts.events import Envelope, EventError, parse
from workloads import telemetry
from workloads.logs import Log

WAIT_S = 10
"""Seconds that an empty receive waits; less than a pod's grace."""

REMEMBERED = 1_000
"""Ids remembered for each account, the latest: how far back a repeated event is told from a forged one."""

TROUBLE_S = 1.0

HANDLED = telemetry.Counter("consumer_events_total", "Events handled, each once, by consumer.")
DUPLICATES = telemetry.Counter("consumer_duplicates_total", "Events that came again, by consumer.")
REFUSED = telemetry.Counter("consumer_refused_total", "Messages left in the queue, by consumer and reason.")
TROUBLES = telemetry.Counter("consumer_troubles_total", "Calls that failed, by consumer and error.")
ACCOUNTS = telemetry.Gauge("consumer_accounts", "Accounts of which events were handled, by consumer.")
LAST = telemetry.Gauge("consumer_last_sequences", "Sum of the accounts' last sequences, by consumer.")


class Refusal(StrEnum):
    """Why a message stays in the queue."""

    UNREADABLE = "unreadable"
    """No record of the stream with an envelope."""
    OUT_OF_ORDER = "out-of-order"
    """Events before it are missing."""
    CONFLICT = "conflict"
    """Another event was handled at its place."""
    BEHIND = "behind"
    """An earlier message of the account stays."""
    HANDLER = "handler"
    """The handler refused it."""


class Refused(Exception):
    """Raised by a handler: the event cannot be handled now."""


class Handler(Protocol):
    """What a consumer does with an event."""

    def handle(self, event: Envelope) -> None:
        """Called once for each event id, in each account's order. Raises Refused to see the event again later."""


@dataclass(slots=True)
class Account:
    """Where an account stands."""

    last: int
    ids: dict[int, str] = field(default_factory=dict)
    """Sequence -> event id of the latest events."""

    def handled(self, event: Envelope) -> None:
        self.last = event.sequence
        self.ids[event.sequence] = event.id
        self.ids.pop(event.sequence - REMEMBERED, None)


class Ordered:
    """Each event once, each account in order. In memory: a consumer with a store keeps the last sequence there, in the
    transaction of what the event changed. An account that is met for the first time begins where it is met."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self.accounts: dict[str, Account] = {}

    def take(self, event: Envelope) -> bool | Refusal:
        """True: handled. False: known already. Else why not."""
        account = self.accounts.get(event.account)
        if account is not None:
            if event.sequence <= account.last:
                known = account.ids.get(event.sequence, event.id)
                return False if known == event.id else Refusal.CONFLICT
            if event.sequence > account.last + 1:
                return Refusal.OUT_OF_ORDER
        try:
            self._handler.handle(event)
        except Refused:
            return Refusal.HANDLER
        self.accounts.setdefault(event.account, Account(last=event.sequence)).handled(event)
        return True


def event_of(body: str) -> Envelope:
    """The event in a message as an EventBridge pipe writes it: a record of the stream with its data in base64
    (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-kinesis.html). Raises EventError."""
    try:
        return parse(base64.b64decode(json.loads(body)["data"], validate=True))
    except EventError:
        raise
    except (ValueError, KeyError, TypeError) as error:
        raise EventError(f"message: no record of the stream ({type(error).__name__})") from error


class Consumer:
    """Empties one queue."""

    def __init__(self, client: Any, queue_url: str, name: str, handler: Handler, log: Log) -> None:
        self._client, self._url, self._name, self._log = client, queue_url, name, log
        self.ordered = Ordered(handler)

    def run(self, stop: threading.Event) -> None:
        """Until `stop`; what was received is handled before."""
        while not stop.is_set():
            try:
                self.turn(WAIT_S)
            except (BotoCoreError, ClientError) as error:
                TROUBLES.add(consumer=self._name, error=type(error).__name__)
                self._log.warning("consumer: call failed", consumer=self._name, error=type(error).__name__)
                stop.wait(TROUBLE_S)

    def turn(self, wait_s: int) -> int:
        """Receives once and handles what comes. Returns the number of messages."""
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=wait_s,
            MessageSystemAttributeNames=["MessageGroupId"],
        )
        messages: Sequence[Mapping[str, Any]] = answer.get("Messages", ())
        stuck: set[str] = set()
        done: list[dict[str, str]] = []
        for message in messages:
            group = message["Attributes"]["MessageGroupId"]
            refusal = Refusal.BEHIND if group in stuck else self._take(message)
            if refusal is None:
                done.append({"Id": str(len(done)), "ReceiptHandle": message["ReceiptHandle"]})
            else:
                stuck.add(group)
                REFUSED.add(consumer=self._name, reason=refusal)
        if done:
            # What is not deleted comes back, and is known then.
            self._client.delete_message_batch(QueueUrl=self._url, Entries=done)
        ACCOUNTS.set(len(self.ordered.accounts), consumer=self._name)
        LAST.set(sum(account.last for account in self.ordered.accounts.values()), consumer=self._name)
        return len(messages)

    def _take(self, message: Mapping[str, Any]) -> Refusal | None:
        try:
            event = event_of(message["Body"])
        except EventError as error:
            self._log.error(
                "consumer: unreadable", consumer=self._name, message_id=message["MessageId"], detail=str(error)
            )
            return Refusal.UNREADABLE
        outcome = self.ordered.take(event)
        if isinstance(outcome, Refusal):
            self._log.warning("consumer: refused", consumer=self._name, event=event.id, reason=outcome)
            return outcome
        (HANDLED if outcome else DUPLICATES).add(consumer=self._name)
        return None
