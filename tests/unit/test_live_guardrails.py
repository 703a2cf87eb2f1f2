"""Live detectors, hubs and recorders in the words of the provider."""

from typing import Any

import pytest
from recorded import ACCOUNT, Refusal, read

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

DETECTOR, HUB = "aws:guardduty/detector:Detector", "aws:securityhub/account:Account"
HUB_V2, STATUS = "aws:securityhub/accountV2:AccountV2", "aws:cfg/recorderStatus:RecorderStatus"
RECORDER, CHANNEL = "aws:cfg/recorder:Recorder", "aws:cfg/deliveryChannel:DeliveryChannel"


def test_a_detector_is_on_or_off() -> None:
    def enabled(status: str) -> Any:
        recordings = {
            "guardduty.list_detectors": {"DetectorIds": ["d"]},
            "guardduty.get_detector": {"Status": status, "Tags": {"a": "b"}},
        }
        (found,) = read(DETECTOR, recordings).found
        assert (found.identity, found.resource.props["tags"]["a"]) == (("d",), "b")
        return found.resource.props["enable"]

    assert enabled("ENABLED") is True
    assert enabled("DISABLED") is False


def test_an_account_that_is_not_subscribed_has_no_hub() -> None:
    assert read(HUB, {"securityhub.describe_hub": Refusal("InvalidAccessException")}).found == []
    assert read(HUB_V2, {"securityhub.describe_security_hub_v2": Refusal("ResourceNotFoundException")}).found == []
    (found,) = read(HUB, {"securityhub.describe_hub": {"HubArn": "arn:hub", "AutoEnableControls": True}}).found
    assert (found.identity, found.resource.props["arn"]) == ((ACCOUNT,), "arn:hub")
    (newer,) = read(HUB_V2, {"securityhub.describe_security_hub_v2": {"HubV2Arn": "arn:v2"}}).found
    assert newer.identity == ("arn:v2",)


def test_a_recorder_is_read_and_one_of_a_service_known() -> None:
    group = {"allSupported": True, "recordingStrategy": {"useOnly": "ALL_SUPPORTED_RESOURCE_TYPES"}}
    recordings = {
        "config.describe_configuration_recorders": {
            "ConfigurationRecorders": [
                {"name": "default", "roleARN": "arn:role", "recordingGroup": group},
                {"name": "AWSConfigurationRecorderForX", "roleARN": "arn:slr", "servicePrincipal": "x.amazonaws.com"},
            ]
        }
    }
    theirs, own = read(RECORDER, recordings).found
    assert (bool(theirs.made_by_aws), own.made_by_aws) == (True, "")
    assert own.resource.props["roleArn"] == "arn:role"
    assert own.resource.props["recordingGroup"]["recordingStrategies"] == [{"useOnly": "ALL_SUPPORTED_RESOURCE_TYPES"}]


@pytest.mark.parametrize(
    ("recording", "last", "expected"),
    [(True, "Success", Status.PASS), (True, "Failure", Status.FAIL), (False, "Success", Status.FAIL)],
)
def test_a_recorder_that_stopped_or_fails_is_found(recording: bool, last: str, expected: Status) -> None:
    statuses = [{"name": "default", "recording": recording, "lastStatus": last}]
    recordings = {"config.describe_configuration_recorder_status": {"ConfigurationRecordersStatus": statuses}}
    stack = Stack(tuple(one.resource for one in read(STATUS, recordings).found))
    (found,) = answers(control("LOG-07"), stack, live=True)
    assert (found.clause, found.verdict.status) == ("recorder_records_now", expected)


def test_a_channel_is_read_with_its_bucket() -> None:
    channel = {"name": "c", "s3BucketName": "b", "snsTopicARN": "arn:t"}
    (found,) = read(CHANNEL, {"config.describe_delivery_channels": {"DeliveryChannels": [channel]}}).found
    assert (found.identity, found.resource.props["s3BucketName"]) == (("c",), "b")
    assert "s3KmsKeyArn" not in found.resource.props


@pytest.mark.parametrize(
    ("type_", "call"),
    [
        (DETECTOR, "guardduty.list_detectors"),
        (HUB, "securityhub.describe_hub"),
        (HUB_V2, "securityhub.describe_security_hub_v2"),
        (RECORDER, "config.describe_configuration_recorders"),
        (STATUS, "config.describe_configuration_recorder_status"),
        (CHANNEL, "config.describe_delivery_channels"),
    ],
)
def test_what_cannot_be_asked_is_not_observed(type_: str, call: str) -> None:
    assert list(read(type_, {call: Refusal("AccessDeniedException")}).unobserved) == [type_]
