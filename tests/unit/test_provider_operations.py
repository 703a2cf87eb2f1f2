"""The sandbox's AWS provider: one operation on one resource, over an entry and an account made up for the test."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.aws.provider import guards, lifecycle, retries, schema
from sandbox.aws.provider.codec import Secret
from sandbox.aws.provider.config import ProviderConfig
from sandbox.aws.provider.errors import OperationError, Partial
from sandbox.aws.provider.lifecycle import Operations, Resource
from sandbox.aws.provider.model import Context, Props, ResourceType

TOKEN = "aws:sqs/queue:Queue"


def aws_error(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "DoThing")


@dataclass
class Account:
    """Things by id; what each call should do before it works is in ``failures``."""

    account_id: str = "123456789012"
    partition: str = "aws"
    things: dict[str, dict[str, Any]] = field(default_factory=dict)
    failures: dict[str, list[BaseException]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def client(self, _service: str, _region: str) -> "Account":
        return self

    def call(self, name: str) -> None:
        self.calls.append(name)
        waiting = self.failures.get(name)
        if waiting:
            raise waiting.pop(0)


def create(ctx: Context, props: Props) -> str:
    ctx.client("sqs").call("create")
    ctx.client("sqs").things["q"] = dict(props)
    return "q"


def read(ctx: Context, id_: str, _last: Props) -> Props | None:
    ctx.client("sqs").call("read")
    found = ctx.client("sqs").things.get(id_)
    return {"arn": "arn:q", "name": found.get("name"), "tags": found.get("tags", {})} if found is not None else None


def delete(ctx: Context, id_: str, _last: Props) -> None:
    ctx.client("sqs").call("delete")
    del ctx.client("sqs").things[id_]


def entry(**options: Any) -> ResourceType:
    return ResourceType(token=TOKEN, service="sqs", create=create, read=read, delete=delete, **options)


def settle(ctx: Context, _id: str, _props: Props) -> None:
    ctx.client("sqs").call("settle")


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setattr(guards, "violations", lambda _request: [])
    monkeypatch.setattr(retries, "NOT_YET_S", 1.0)
    monkeypatch.setattr(lifecycle, "VISIBLE_S", 0.3)
    return Account()


def operations(account: Account) -> Operations:
    return Operations(config=ProviderConfig(region="eu-west-1"), clients=account)  # type: ignore[arg-type]


def queue(timeout_s: float = 0.0, **options: Any) -> Resource:
    types = schema.resource(TOKEN)
    assert types
    return Resource(token=TOKEN, name="q-name", types=types, entry=entry(**options), timeout_s=timeout_s)


def test_outputs_keep_the_inputs_that_aws_does_not_tell_and_their_secrecy(account: Account) -> None:
    made = operations(account).create(queue(), {"name": Secret("q"), "delaySeconds": 5})
    assert made.id == "q"
    assert made.outputs["name"] == Secret("q")
    assert made.outputs["delaySeconds"] == 5
    assert made.outputs["region"] == "eu-west-1"


def test_what_was_just_made_may_take_a_while_to_be_readable(account: Account) -> None:
    account.failures["read"] = [aws_error("QueueDoesNotExist")]
    assert operations(account).create(queue(), {"name": "q"}).outputs["arn"] == "arn:q"
    assert account.calls == ["create", "read", "read"]


def test_a_dependency_that_aws_has_not_heard_of_yet_is_waited_for(account: Account) -> None:
    account.failures["create"] = [aws_error("InvalidVpcID.NotFound"), aws_error("InvalidVpcID.NotFound")]
    operations(account).create(queue(), {"name": "q"})
    assert account.calls.count("create") == 3


def test_a_refusal_is_not_repeated_and_names_resource_and_code(account: Account) -> None:
    account.failures["create"] = [aws_error("AccessDenied", "may not sqs:CreateQueue")]
    expected = r"creating aws:sqs/queue:Queue \(q-name\): AccessDenied: may not sqs:CreateQueue \(operation DoThing\)"
    with pytest.raises(OperationError, match=expected):
        operations(account).create(queue(), {"name": "q"})
    assert account.calls == ["create"]


@pytest.mark.parametrize("failure", [aws_error("InvalidParameterValue"), TypeError("a mistake in the table")])
def test_what_exists_is_never_lost_when_finishing_it_fails(account: Account, failure: BaseException) -> None:
    account.failures["settle"] = [failure]
    with pytest.raises(Partial) as caught:
        operations(account).create(queue(settle=settle), {"name": "q"})
    assert caught.value.id == "q"
    assert caught.value.outputs["arn"] == "arn:q"
    assert caught.value.inputs == {"name": "q"}


def test_something_made_that_never_becomes_readable_is_kept_too(account: Account) -> None:
    account.failures["read"] = [aws_error("NoSuchThing")] * 100
    with pytest.raises(Partial, match="it was made but cannot be read"):
        operations(account).create(queue(), {"name": "q"})


def test_waiting_ends_with_the_timeout_and_says_for_what(account: Account) -> None:
    def never(ctx: Context, _id: str, _props: Props) -> None:
        ctx.wait(lambda: None, "the queue to be ready")

    started = time.monotonic()
    with pytest.raises(Partial, match="timeout while waiting for the queue to be ready"):
        operations(account).create(queue(timeout_s=0.5, settle=never), {"name": "q"})
    assert time.monotonic() - started < 5


def test_cancelling_ends_what_waits(account: Account) -> None:
    running = operations(account)

    def never(ctx: Context, _id: str, _props: Props) -> None:
        threading.Timer(0.05, running.cancelled.set).start()
        ctx.wait(lambda: None, "the queue to be ready")

    with pytest.raises(Partial, match="cancelled while waiting for the queue to be ready"):
        running.create(queue(settle=never), {"name": "q"})


def test_deleting_what_has_gone_is_fine_and_what_is_in_use_is_tried_again(account: Account) -> None:
    account.things["q"] = {}
    account.failures["delete"] = [aws_error("DependencyViolation")]
    operations(account).delete(queue(), "q", {})
    assert account.calls == ["delete", "delete"]
    account.failures["delete"] = [aws_error("AWS.SimpleQueueService.NonExistentQueue")]
    operations(account).delete(queue(), "q", {})


def test_a_deletion_waits_until_the_thing_has_gone(account: Account) -> None:
    def slowly(ctx: Context, id_: str, _last: Props) -> None:
        threading.Timer(0.3, ctx.client("sqs").things.pop, [id_]).start()

    account.things["q"] = {}
    what = queue()
    slow = ResourceType(token=TOKEN, service="sqs", create=create, read=read, delete=slowly, settles_gone=True)
    operations(account).delete(Resource(token=TOKEN, name="q", types=what.types, entry=slow), "q", {})
    assert not account.things


def test_only_what_changed_is_sent(account: Account) -> None:
    account.things["q"] = {"tags": {}}
    sent: list[Any] = []
    what = queue(
        update=lambda _ctx, _id, _old, new: sent.append(("update", new["delaySeconds"])),
        tag=lambda _ctx, _id, _last, put, drop: sent.append(("tag", put, drop)),
    )
    before: dict[str, Any] = {"delaySeconds": 1, "tags": {"a": "1", "b": "2"}}

    def update(news: dict[str, Any]) -> None:
        operations(account).update(what, "q", {**before, "tagsAll": before["tags"]}, before, news)

    update({"delaySeconds": 1, "tags": {"a": "1", "c": "3"}})
    update({"delaySeconds": 2, "tags": before["tags"]})
    assert sent == [("tag", {"c": "3"}, ["b"]), ("update", 2)]


@pytest.mark.parametrize(
    ("given", "asked", "region"),
    [("q", "q", "eu-west-1"), ("q@us-east-1", "q", "us-east-1"), ("a@b", "a@b", "eu-west-1")],
)
def test_an_import_may_name_its_region(account: Account, given: str, asked: str, region: str) -> None:
    account.things[asked] = {"name": "found"}
    found = operations(account).read(queue(), given, {}, {})
    assert found
    assert (found.id, found.outputs["region"]) == (asked, region)
    assert found.inputs.get("region") == (region if region != "eu-west-1" else None)


def test_what_is_gone_reads_as_gone(account: Account) -> None:
    assert operations(account).read(queue(), "q", {"name": "q"}, {"name": "q"}) is None


def test_a_broken_precondition_stops_before_the_first_call(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse: Callable[[Any], list[str]] = lambda _request: ["InvalidThing: it cannot be. AWS's rule."]  # noqa: E731
    monkeypatch.setattr(guards, "violations", refuse)
    with pytest.raises(OperationError, match=r"creating aws:sqs/queue:Queue \(q-name\): InvalidThing"):
        operations(account).create(queue(), {"name": "q"})
    assert account.calls == []
