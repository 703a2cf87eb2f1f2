"""Live trails in the words of the provider."""

from typing import Any

from recorded import Refusal, read

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

TRAIL = "aws:cloudtrail/trail:Trail"
ARN = "arn:aws:cloudtrail:eu-west-1:123456789012:trail/t"


def recorded(**more: Any) -> dict[str, Any]:
    trail = {"Name": "t", "TrailARN": ARN, "IsMultiRegionTrail": True, "LogFileValidationEnabled": True}
    return {
        "cloudtrail.describe_trails": {"trailList": [{**trail, "KmsKeyId": "arn:key", "S3BucketName": "b"}]},
        "cloudtrail.get_trail_status": {"IsLogging": True},
        "cloudtrail.get_event_selectors": {
            "EventSelectors": [{"IncludeManagementEvents": True, "ReadWriteType": "All"}]
        },
        "cloudtrail.list_tags": {"ResourceTagList": [{"ResourceId": ARN, "TagsList": [{"Key": "a", "Value": "b"}]}]},
        **more,
    }


def status(clause: str, recordings: dict[str, Any]) -> Status:
    stack = Stack(tuple(one.resource for one in read(TRAIL, recordings).found))
    return {one.clause: one.verdict.status for one in answers(control("LOG-01"), stack, live=True)}[clause]


def test_a_trail_is_read_with_status_selectors_and_tags() -> None:
    (found,) = read(TRAIL, recorded()).found
    props = found.resource.props
    assert (found.identity, props["name"], props["s3BucketName"]) == ((ARN,), "t", "b")
    assert (props["isLogging"], props["enableLogging"], props["tags"]["a"]) == (True, True, "b")
    assert props["eventSelectors"] == [{"includeManagementEvents": True, "readWriteType": "All"}]
    assert "snsTopicArn" not in props


def test_a_trail_that_was_stopped_is_found() -> None:
    stopped = recorded(**{"cloudtrail.get_trail_status": {"IsLogging": False}})
    assert status("delivers_its_files_now", recorded()) is Status.PASS
    assert status("delivers_its_files_now", stopped) is Status.FAIL
    assert status("is_logging", stopped) is Status.FAIL


def test_a_trail_that_cannot_deliver_is_found() -> None:
    failing = recorded(**{"cloudtrail.get_trail_status": {"IsLogging": True, "LatestDeliveryError": "AccessDenied"}})
    assert status("delivers_its_files_now", failing) is Status.FAIL


def test_advanced_selectors_are_read_in_the_providers_words() -> None:
    fields = [{"Field": "eventCategory", "Equals": ["Data"]}, {"Field": "resources.ARN", "StartsWith": ["arn:aws:s3"]}]
    chosen = {"AdvancedEventSelectors": [{"Name": "data", "FieldSelectors": fields}]}
    recordings = recorded(**{"cloudtrail.get_event_selectors": chosen})
    (found,) = read(TRAIL, recordings).found
    (selector,) = found.resource.props["advancedEventSelectors"]
    assert selector["fieldSelectors"] == [
        {"field": "eventCategory", "equals": ["Data"]},
        {"field": "resources.ARN", "startsWiths": ["arn:aws:s3"]},
    ]
    assert status("records_management_events", recordings) is Status.NOT_APPLICABLE


def test_refused_calls_leave_their_clauses_not_observed() -> None:
    refused = Refusal("AccessDeniedException")
    assert status("delivers_its_files_now", recorded(**{"cloudtrail.get_trail_status": refused})) is Status.NOT_OBSERVED
    unread = recorded(**{"cloudtrail.get_event_selectors": refused})
    assert status("records_management_events", unread) is Status.NOT_OBSERVED
    account = read(TRAIL, {"cloudtrail.describe_trails": refused})
    assert list(account.unobserved) == [TRAIL]
