"""RES-08: where events and messages go."""

import pytest

from policies.control import Status
from policies.controls.res_08 import TARGETS
from policies.testing import UNKNOWN, resource, verdicts

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


def test_a_subscriber_in_aws_is_judged_and_an_address_is_not_known() -> None:
    def status(protocol: str, endpoint: object) -> Status:
        type_ = "aws:sns/topicSubscription:TopicSubscription"
        found = resource(type_, "s", region="eu-west-1", protocol=protocol, endpoint=endpoint)
        return verdicts("RES-08", found)["s", "subscriber_stays_inside"]

    assert status("sqs", "arn:aws:sqs:us-east-1:1:q") is Status.FAIL
    assert status("sqs", "arn:aws:sqs:eu-central-1:1:q") is Status.PASS
    assert status("email", "somebody@example.com") is Status.NOT_OBSERVED
    assert status(UNKNOWN, OUTSIDE) is Status.UNDETERMINED
