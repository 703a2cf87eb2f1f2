"""LOG-08: findings reach somebody."""

import json
from pathlib import Path
from typing import Any

import pytest
from attested import assert_attested
from judged import unasked

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import NotObservedError, Resource, Stack
from policies.testing import UNKNOWN, resource, verdicts

REGION = "eu-west-1"
TOPIC = f"arn:aws:sns:{REGION}:123456789012:pages"
REACH, HEARD = "findings_reach_a_topic", "somebody_confirmed_the_subscription"


def detector(region: str = REGION) -> Resource:
    return resource("aws:guardduty/detector:Detector", "detector", region=region)


def rule(source: str = "aws.guardduty", region: str = REGION, **props: Any) -> Resource:
    given = {"eventPattern": json.dumps({"source": [source]}), "region": region, **props}
    return resource("aws:cloudwatch/eventRule:EventRule", "rule", id="rule", **given)


def target(region: str = REGION, **props: Any) -> Resource:
    given = {"rule": "rule", "arn": TOPIC, "region": region, **props}
    return resource("aws:cloudwatch/eventTarget:EventTarget", "target", **given)


def reach(*others: Resource) -> Status:
    return verdicts("LOG-08", detector(), *others)["detector", REACH]


def test_a_rule_with_a_topic_as_its_target_is_a_way() -> None:
    assert reach(rule(), target()) is Status.PASS


def test_a_topic_of_the_stack_may_have_no_arn_yet() -> None:
    topic = resource("aws:sns/topic:Topic", "topic")
    by_reference = resource(
        "aws:cloudwatch/eventTarget:EventTarget", "t", {"arn": [topic]}, rule="rule", arn=UNKNOWN, region=REGION
    )
    assert reach(rule(), by_reference, topic) is Status.PASS


@pytest.mark.parametrize(
    "others",
    [
        [],
        [rule()],
        [rule("aws.securityhub"), target()],
        [rule(region="eu-central-1"), target("eu-central-1")],
        [rule(state="DISABLED"), target()],
        [rule(eventBusName="own"), target()],
        [rule(), target(arn=f"arn:aws:sqs:{REGION}:123456789012:queue")],
    ],
)
def test_anything_else_is_none(others: list[Resource]) -> None:
    assert reach(*others) is Status.FAIL


def test_an_unknown_pattern_is_undetermined() -> None:
    assert reach(rule(eventPattern=UNKNOWN), target()) is Status.UNDETERMINED


def test_what_is_no_detector_is_not_asked() -> None:
    assert verdicts("LOG-08", rule(), target()) == {}


def subscription(**props: Any) -> Resource:
    return resource("aws:sns/topicSubscription:TopicSubscription", "s", topic=TOPIC, **props)


def heard(*others: Resource) -> Status:
    stack = Stack((detector(), rule(), target(), resource("aws:sns/topic:Topic", "topic", arn=TOPIC), *others))
    found = {one.clause: one.verdict.status for one in answers(control("LOG-08"), stack, live=True)}
    return found[HEARD]


def test_only_a_confirmed_subscription_hears() -> None:
    assert heard(subscription(pendingConfirmation=False)) is Status.PASS
    assert heard(subscription(pendingConfirmation=True)) is Status.FAIL
    assert heard() is Status.FAIL


def test_no_program_is_asked_who_confirmed() -> None:
    assert HEARD not in {clause for _, clause in verdicts("LOG-08", detector(), rule(), target())}


def test_subscriptions_that_could_not_be_listed_are_not_taken_for_none() -> None:
    unread = {"aws:sns/topicSubscription:TopicSubscription": "refused"}
    topic = resource("aws:sns/topic:Topic", "topic", arn=TOPIC)
    stack = Stack((detector(), rule(), target(), topic), unread)
    with pytest.raises(NotObservedError):
        list(stack.of(*unread))
    found = {one.clause: one.verdict.status for one in answers(control("LOG-08"), stack, live=True)}
    assert found[HEARD] is Status.NOT_OBSERVED


def test_a_confirmation_that_is_not_known_is_undetermined_and_a_filter_finds_nothing() -> None:
    assert heard(subscription(pendingConfirmation=UNKNOWN)) is Status.UNDETERMINED
    assert unasked("LOG-08", resource("aws:guardduty/filter:Filter", "f"), live=True)


def test_the_question_is_attested_for_90_days_and_no_longer(tmp_path: Path) -> None:
    assert_attested(tmp_path, "LOG-08 delivery_was_tested", days=90)
