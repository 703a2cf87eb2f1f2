"""SQS: attributes that stay, and messages as AWS hands them out: order and de-duplication of FIFO queues, dead letters,
long polls that wait instead of asking again.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/FIFO-queues-understanding-logic.html
"""

import copy
import functools
import itertools
import secrets
import time
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, ClassVar

from moto.core.utils import unix_time_millis
from moto.sqs import models
from moto.sqs.exceptions import ReceiptHandleIsInvalid

from sandbox.aws.extensions.wiring import replace_backend

REDRIVE_ALLOW_POLICY = "RedriveAllowPolicy"

FIRST_SEQUENCE_NUMBER = 18_870_000_000_000_000_000
"""20 digits that grow with each message
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html)."""

DEDUPLICATION_MS = 300_000
"""Five minutes, whether the message is still there or not
(https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/using-messagededuplicationid-property.html)."""

Message = Any
"""moto's, which has no types."""


class Queue(models.Queue):  # type: ignore[misc]
    BASE_ATTRIBUTES: ClassVar = [*models.Queue.BASE_ATTRIBUTES, REDRIVE_ALLOW_POLICY]
    redrive_allow_policy = None

    def _set_attributes(self, attributes: dict[str, Any], now: float | None = None) -> None:
        # For moto an absent policy is an empty one.
        super()._set_attributes({"Policy": getattr(self, "policy", None), **attributes}, now)

    @property
    def attributes(self) -> dict[str, Any]:
        return {name: value for name, value in super().attributes.items() if name != REDRIVE_ALLOW_POLICY or value}

    # moto's list of messages, which it looks through for everything, is a view on these.
    @property
    def _messages(self) -> list[Message]:
        return list(self._stored.values())

    @_messages.setter
    def _messages(self, messages: list[Message]) -> None:
        self._stored: dict[str, Message] = {message.id: message for message in messages}
        self._in_flight: dict[str, Message] = {}
        self._delayed: dict[str, Message] = {}
        self._receipts: dict[str, str] = {}
        self._recent: OrderedDict[tuple[str | None, str], Message] = OrderedDict()
        self._numbers = itertools.count(FIRST_SEQUENCE_NUMBER, 256)

    @property
    def messages(self) -> list[Message]:
        now = unix_time_millis()
        return [message for message in self._messages if _available_at(message) <= now]

    @property
    def approximate_number_of_messages(self) -> int:
        hidden = self.approximate_number_of_messages_not_visible + self.approximate_number_of_messages_delayed
        return len(self._stored) - hidden

    @property
    def approximate_number_of_messages_not_visible(self) -> int:
        now = unix_time_millis()
        return sum(message.visible_at > now for message in list(self._in_flight.values()))

    @property
    def approximate_number_of_messages_delayed(self) -> int:
        return sum(message.delayed for message in list(self._delayed.values()))

    def add_message(self, message: Message) -> None:
        with self._messages_lock:
            if self.fifo_queue:
                original = self._original(message)
                if original is not None:
                    message.id, message.sequence_number = original.id, original.sequence_number
                    return
                message.sequence_number = str(next(self._numbers))
            self._stored[message.id] = message
            if message.delayed_until:
                self._delayed[message.id] = message
            self._messages_lock.notify_all()

    def _original(self, message: Message) -> Message | None:
        """The message that this one repeats; else this one is remembered."""
        while self._recent and message.sent_timestamp - self._oldest().sent_timestamp >= DEDUPLICATION_MS:
            self._recent.popitem(last=False)
        scope = message.group_id if self.deduplication_scope == "messageGroup" else None
        known: Message = self._recent.setdefault((scope, message.deduplication_id), message)
        return None if known is message else known

    def _oldest(self) -> Message:
        return next(iter(self._recent.values()))

    def take(self, count: int, visibility_timeout: int) -> list[Message]:
        """Up to `count` messages that nobody works on; those that came back too often move to the dead letters."""
        taken, now = [], unix_time_millis()
        for message in self._deliverable(now):
            limit = self.redrive_policy["maxReceiveCount"] if self.dead_letter_queue is not None else None
            if limit is not None and message.approximate_receive_count >= limit:
                self._forget(message)
                self.dead_letter_queue.bury(message)
                continue
            message.mark_received(visibility_timeout=visibility_timeout)
            self._receipts[message.receipt_handle] = message.id
            self._in_flight[message.id] = message
            taken.append(message)
            if len(taken) == count:
                break
        return taken

    def _deliverable(self, now: float) -> Iterator[Message]:
        """Oldest first; of a group in which one is worked on, or not yet due, none."""
        expires = now - self.message_retention_period * 1000
        for message in [one for one in self._in_flight.values() if one.visible_at <= now]:
            del self._in_flight[message.id]
        closed = {message.group_id for message in self._in_flight.values()} if self.fifo_queue else set()
        for message in list(self._stored.values()):
            if message.sent_timestamp < expires:
                self._forget(message)
            elif self.fifo_queue and message.group_id in closed:
                continue
            elif _available_at(message) > now:
                closed |= {message.group_id} if self.fifo_queue else set()
            else:
                yield message

    def bury(self, message: Message) -> None:
        """Take over a message that another queue gave up on."""
        with self._messages_lock:
            message.visible_at = 0.0
            self._stored[message.id] = message
            self._messages_lock.notify_all()

    def delete_message(self, receipt_handle: str) -> None:
        with self._messages_lock:
            if receipt_handle in self.deleted_messages:
                return
            self._forget(self.received(receipt_handle))
            self._messages_lock.notify_all()  # the next of its group is free

    def received(self, receipt_handle: str) -> Message:
        """The message that was handed out with this receipt. Raises ReceiptHandleIsInvalid."""
        message = self._stored.get(self._receipts.get(receipt_handle, ""))
        if message is None:
            raise ReceiptHandleIsInvalid
        return message

    def _forget(self, message: Message) -> None:
        self._stored.pop(message.id, None)
        self._in_flight.pop(message.id, None)
        self._delayed.pop(message.id, None)
        for receipt in filter(None, message.all_receipt_handles):
            self._receipts.pop(receipt, None)
            self.deleted_messages.add(receipt)

    def change_visibility(self, receipt_handle: str, timeout_s: int) -> None:
        with self._messages_lock:
            self.received(receipt_handle).change_visibility(timeout_s)
            self._messages_lock.notify_all()

    def wait(self, deadline: float) -> None:
        """Until something happens here, a message becomes visible, or the deadline (monotonic)."""
        now = unix_time_millis()
        waiting = itertools.chain(self._in_flight.values(), self._delayed.values())
        due = [left for message in waiting if (left := (_available_at(message) - now) / 1000) > 0]
        self._messages_lock.wait(max(0.0, min([deadline - time.monotonic(), *due]) + 0.001))


def _available_at(message: Message) -> float:
    return float(max(message.visible_at, message.delayed_until))


class SQSBackend(models.SQSBackend):  # type: ignore[misc]
    def receive_message(
        self,
        queue_name: str,
        count: int,
        wait_seconds_timeout: int,
        visibility_timeout: int,
        message_attribute_names: list[str] | None = None,
    ) -> list[Message]:
        queue = self.get_queue(queue_name)
        deadline = time.monotonic() + wait_seconds_timeout
        with queue._messages_lock:
            while not (found := queue.take(count, visibility_timeout)) and time.monotonic() < deadline:
                queue.wait(deadline)
            return [_copy(message, message_attribute_names or []) for message in found]

    def change_message_visibility(self, queue_name: str, receipt_handle: str, visibility_timeout: int) -> None:
        self.get_queue(queue_name).change_visibility(receipt_handle, int(visibility_timeout))


def _copy(message: Message, attribute_names: list[str]) -> Message:
    """With the attributes that were asked for, and the receipt of this delivery."""
    delivered = copy.copy(message)
    models._filter_message_attributes(delivered, attribute_names)
    return delivered


def install() -> None:
    models.Queue = Queue
    # Asked for every attribute of a queue at every message, and for 185 random letters at every receipt.
    models.camelcase_to_underscores = functools.lru_cache(models.camelcase_to_underscores)
    models.generate_receipt_handle = functools.partial(secrets.token_urlsafe, 138)
    replace_backend(models.sqs_backends, models, SQSBackend)
