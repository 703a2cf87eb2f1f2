"""Queues and streams of the emulator: order, repeats, dead letters and waiting, in moto's models as extended."""

import json
import threading
import time
from typing import Any

import pytest
from moto.sqs import models
from moto.sqs.exceptions import ReceiptHandleIsInvalid

from sandbox.aws.extensions import kinesis, sqs

Backend = sqs.SQSBackend


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    """SQS with the extension, one region of one account."""
    for name in ("Queue", "camelcase_to_underscores", "generate_receipt_handle"):
        monkeypatch.setattr(models, name, getattr(models, name))
    monkeypatch.setattr(models.sqs_backends, "backend", models.sqs_backends.backend)
    sqs.install()
    made = sqs.SQSBackend("eu-west-1", "111122223333")
    monkeypatch.setitem(models.sqs_backends["111122223333"], "eu-west-1", made)
    return made


def fifo(backend: Backend, name: str = "q", **attributes: Any) -> models.Queue:
    return backend.create_queue(f"{name}.fifo", region="eu-west-1", FifoQueue="true", **attributes)


def send(backend: Backend, group: str, event: str) -> models.Message:
    return backend.send_message("q.fifo", event, group_id=group, deduplication_id=event)


def receive(backend: Backend, count: int = 10, wait_s: int = 0, hidden_s: int = 30) -> list[models.Message]:
    return backend.receive_message("q.fifo", count, wait_s, hidden_s)


def bodies(messages: list[models.Message]) -> list[str]:
    return [message.body for message in messages]


def test_a_group_waits_for_the_message_that_somebody_works_on(backend: Backend) -> None:
    fifo(backend)
    for group, event in (("a", "a1"), ("a", "a2"), ("b", "b1")):
        send(backend, group, event)
    (first,) = receive(backend, count=1)
    assert first.body == "a1"
    assert bodies(receive(backend)) == ["b1"]
    assert receive(backend) == []
    backend.delete_message("q.fifo", first.receipt_handle)
    assert bodies(receive(backend)) == ["a2"]


def test_sequence_numbers_grow_and_messages_keep_their_order(backend: Backend) -> None:
    fifo(backend)
    sent = [send(backend, "a", f"e{number}") for number in range(20)]
    numbers = [message.sequence_number for message in sent]
    assert numbers == sorted(numbers)
    assert {len(number) for number in numbers} == {20}
    first = receive(backend)
    backend.delete_message_batch("q.fifo", [{"Id": m.body, "ReceiptHandle": m.receipt_handle} for m in first])
    assert bodies(first) + bodies(receive(backend)) == [f"e{number}" for number in range(20)]


def test_a_repeat_is_dropped_even_when_the_first_one_is_already_deleted(backend: Backend) -> None:
    fifo(backend)
    first = send(backend, "a", "e1")
    (got,) = receive(backend)
    backend.delete_message("q.fifo", got.receipt_handle)
    again = send(backend, "a", "e1")
    assert (again.id, again.sequence_number) == (first.id, first.sequence_number)
    assert receive(backend) == []


@pytest.mark.parametrize(("scope", "delivered"), [("queue", ["e1"]), ("messageGroup", ["e1", "e1"])])
def test_repeats_are_looked_for_in_the_declared_scope(backend: Backend, scope: str, delivered: list[str]) -> None:
    fifo(backend, DeduplicationScope=scope)
    send(backend, "a", "e1")
    send(backend, "b", "e1")
    assert bodies(receive(backend)) == delivered


def test_a_message_that_comes_back_too_often_is_a_dead_letter_and_lets_its_group_pass(backend: Backend) -> None:
    dead = fifo(backend, "dead")
    fifo(backend, RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.queue_arn, "maxReceiveCount": 2}))
    send(backend, "a", "bad")
    send(backend, "a", "good")
    for _ in range(2):
        (got,) = receive(backend, count=1)
        assert got.body == "bad"
        backend.change_message_visibility("q.fifo", got.receipt_handle, 0)
    assert bodies(receive(backend)) == ["good"]
    assert bodies(backend.receive_message("dead.fifo", 10, 0, 30)) == ["bad"]


def test_a_deleted_receipt_may_be_deleted_again_and_a_made_up_one_not(backend: Backend) -> None:
    fifo(backend)
    send(backend, "a", "e1")
    (got,) = receive(backend)
    backend.delete_message("q.fifo", got.receipt_handle)
    backend.delete_message("q.fifo", got.receipt_handle)
    with pytest.raises(ReceiptHandleIsInvalid):
        backend.delete_message("q.fifo", "made-up")


def test_a_long_poll_ends_when_a_message_arrives_and_asks_for_nothing_in_between(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, looked = fifo(backend), []
    take = queue.take
    monkeypatch.setattr(queue, "take", lambda *arguments: looked.append(1) or take(*arguments))
    send(backend, "a", "e1")
    receive(backend)  # the group is blocked from here on, which made moto spin
    sender = threading.Timer(0.3, send, (backend, "b", "e2"))
    sender.start()
    begun = time.monotonic()
    assert bodies(receive(backend, wait_s=10)) == ["e2"]
    assert time.monotonic() - begun < 5
    assert len(looked) <= 4


def test_a_long_poll_gets_what_becomes_visible_again(backend: Backend) -> None:
    fifo(backend)
    send(backend, "a", "e1")
    receive(backend, hidden_s=1)
    begun = time.monotonic()
    assert bodies(receive(backend, wait_s=10)) == ["e1"]
    assert 0.5 < time.monotonic() - begun < 5


def test_a_queue_gives_back_what_may_redrive_to_it_and_keeps_its_policy(backend: Backend) -> None:
    allowed = json.dumps({"redrivePermission": "denyAll"})
    queue = fifo(backend, RedriveAllowPolicy=allowed, Policy=json.dumps({"Statement": [{"Effect": "Deny"}]}))
    backend.set_queue_attributes("q.fifo", {"VisibilityTimeout": 7})
    shown = backend.get_queue_attributes("q.fifo", ["RedriveAllowPolicy", "Policy", "VisibilityTimeout"])
    assert shown["RedriveAllowPolicy"] == allowed
    assert json.loads(shown["Policy"])["Statement"] == [{"Effect": "Deny"}]
    assert shown["VisibilityTimeout"] == 7
    assert "RedriveAllowPolicy" not in fifo(backend, "other").attributes
    assert queue.attributes["FifoQueue"] == "true"


def test_counts_are_of_what_waits_and_what_is_worked_on(backend: Backend) -> None:
    queue = fifo(backend)
    for number in range(3):
        send(backend, str(number), f"e{number}")
    receive(backend, count=1)
    assert queue.attributes["ApproximateNumberOfMessages"] == 2
    assert queue.attributes["ApproximateNumberOfMessagesNotVisible"] == 1
    backend.purge_queue("q.fifo")
    assert queue.attributes["ApproximateNumberOfMessages"] == 0


def shard_with(count: int) -> kinesis.Shard:
    shard = kinesis.Shard(0, 0, 2**128 - 1)
    for number in range(count):
        shard.put_record("a", str(number), "")
    return shard


def test_sequence_numbers_of_a_shard_grow_as_text_too() -> None:
    numbers = [str(record.sequence_number) for record in shard_with(12).get_records("0", None)[0]]
    assert numbers == sorted(numbers)
    assert {len(number) for number in numbers} == {56}


def test_a_reader_goes_on_where_it_stopped_and_sees_each_record_once() -> None:
    shard, seen, position = shard_with(25), [], "0"
    while found := shard.get_records(position, 10)[0]:
        seen += [record.data for record in found]
        position = str(found[-1].sequence_number)
    assert seen == [str(number) for number in range(25)]
    assert shard.get_records(position, 10)[1] == int(position)


def test_a_reader_from_a_time_begins_with_the_first_record_of_that_time() -> None:
    shard = shard_with(3)
    for index, record in enumerate(shard.records.values()):
        record.created_at = 100.0 + index
    found, _, _ = shard.get_records(str(shard.get_sequence_number_at(101.0)), None)
    assert [record.data for record in found] == ["1", "2"]
    assert shard.get_sequence_number_at(99.0) == kinesis.BEFORE_ALL


def test_records_put_from_many_threads_get_numbers_of_their_own() -> None:
    shard = kinesis.Shard(0, 0, 2**128 - 1)
    numbers: list[str] = []

    def put() -> None:
        numbers.extend(shard.put_record("a", "x", "") for _ in range(200))

    threads = [threading.Thread(target=put) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(numbers)) == 800
