"""RES-08: where events and messages go."""

import pytest
from listed_processors import listed

from policies.control import Status
from policies.controls.res_08 import TARGETS
from policies.testing import UNKNOWN, resource, verdicts

API_DESTINATION = "aws:cloudwatch/eventApiDestination:EventApiDestination"
INSIDE, OUTSIDE = (f"arn:aws:events:{region}:1:event-bus/b" for region in ("eu-central-1", "us-east-1"))


@pytest.mark.parametrize("type_", sorted(TARGETS))
def test_a_target_is_in_the_jurisdiction(type_: str) -> None:
    def status(target: object, source_region: str | None = None) -> Status:
        bus = resource("aws:cloudwatch/eventBus:EventBus", "bus", region=source_region)
        references = {TARGETS[type_]: [bus]} if source_region else None
        sender = resource(type_, "s", references, region="eu-west-1", **{TARGETS[type_]: target})
        return verdicts("RES-08", sender, bus)["s", "target_stays_inside"]

    assert status(INSIDE) is Status.PASS
    assert status(OUTSIDE) is Status.FAIL
    assert status(UNKNOWN, "us-east-1") is Status.FAIL
    assert status(UNKNOWN, "eu-west-1") is Status.PASS
    assert status(UNKNOWN) is Status.UNDETERMINED


def subscribed(protocol: object, endpoint: object, jurisdiction: str = "eu") -> Status:
    type_, tags = "aws:sns/topicSubscription:TopicSubscription", {"payment-cell:jurisdiction": jurisdiction}
    found = resource(type_, "s", region="eu-west-1", protocol=protocol, endpoint=endpoint, tags=tags)
    return verdicts("RES-08", found)["s", "subscriber_stays_inside"]


def test_a_subscriber_in_aws_is_judged_by_its_region() -> None:
    assert subscribed("sqs", "arn:aws:sqs:us-east-1:1:q") is Status.FAIL
    assert subscribed("sqs", "arn:aws:sqs:eu-central-1:1:q") is Status.PASS
    assert subscribed(UNKNOWN, OUTSIDE) is Status.UNDETERMINED
    assert subscribed("sms", "+35315550100") is Status.NOT_OBSERVED


@pytest.mark.parametrize("protocol", ["email", "email-json"])
def test_a_mailbox_is_of_a_listed_processor(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, mail_domains=["example.com"], leaves={"us": "no payment"})
    assert subscribed(protocol, "somebody@example.com") is Status.PASS
    assert subscribed(protocol, "Somebody@Example.COM") is Status.PASS
    assert subscribed(protocol, "somebody@sub.example.com") is Status.FAIL
    assert subscribed(protocol, "example.com@elsewhere.example") is Status.FAIL
    assert subscribed(protocol, "somebody@example.com", "us") is Status.PASS
    assert subscribed(protocol, "somebody@example.com", "br") is Status.FAIL, "the entry does not say why it may leave"
    assert subscribed(protocol, UNKNOWN) is Status.UNDETERMINED
    assert subscribed(protocol, "[secret]") is Status.NOT_OBSERVED


@pytest.mark.parametrize("protocol", ["http", "https"])
def test_a_host_is_of_a_listed_processor(protocol: str, monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, hosts=["pager.example"])
    assert subscribed(protocol, f"{protocol}://pager.example/a") is Status.PASS
    assert subscribed(protocol, f"{protocol}://pager.example@other.example/a") is Status.FAIL
    assert subscribed(protocol, f"{protocol}://a.lambda-url.eu-central-1.on.aws/") is Status.PASS
    assert subscribed(protocol, f"{protocol}://a.lambda-url.us-east-1.on.aws/") is Status.FAIL
    assert subscribed(protocol, UNKNOWN) is Status.UNDETERMINED


def test_an_api_destination_is_judged_where_it_is_declared(monkeypatch: pytest.MonkeyPatch) -> None:
    listed(monkeypatch, hosts=["hooks.example"])

    def status(url: object) -> Status:
        found = resource(API_DESTINATION, "d", region="eu-west-1", invocationEndpoint=url)
        return verdicts("RES-08", found)["d", "api_destination_stays_inside"]

    assert status("https://hooks.example/*") is Status.PASS
    assert status("https://other.example/") is Status.FAIL
    assert status(UNKNOWN) is Status.UNDETERMINED


@pytest.mark.parametrize("type_", sorted(TARGETS))
def test_a_target_that_is_an_api_destination_of_another_stack_is_not_known(type_: str) -> None:
    arn = "arn:aws:events:eu-west-1:1:api-destination/d/1"
    sender = resource(type_, "s", region="eu-west-1", **{TARGETS[type_]: arn})
    ours = resource(API_DESTINATION, "d", region="eu-west-1", arn=arn, invocationEndpoint="https://a.example")
    assert verdicts("RES-08", sender)["s", "target_stays_inside"] is Status.NOT_OBSERVED
    assert verdicts("RES-08", sender, ours)["s", "target_stays_inside"] is Status.PASS
