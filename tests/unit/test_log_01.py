"""LOG-01: a validated, encrypted trail of all regions."""

import pytest
from judged import status, unasked

from policies.catalogue import control as find_control
from policies.control import Status, answers
from policies.resources import Stack
from policies.testing import UNKNOWN, resource, verdicts

TRAIL = "aws:cloudtrail/trail:Trail"


def test_asks_each_property_of_the_trail_by_itself() -> None:
    found = verdicts(
        "LOG-01",
        resource(TRAIL, "t", isMultiRegionTrail=UNKNOWN, enableLogFileValidation=True, kmsKeyId="arn:aws:kms:a"),
    )
    assert {clause: verdict for (_, clause), verdict in found.items()} == {
        "covers_all_regions": Status.UNDETERMINED,
        "validates_its_files": Status.PASS,
        "is_logging": Status.PASS,
        "records_management_events": Status.PASS,
        "is_encrypted_with_a_key": Status.PASS,
    }


@pytest.mark.parametrize(
    ("clause", "broken"),
    [
        ("covers_all_regions", {"isMultiRegionTrail": False}),
        ("validates_its_files", {"enableLogFileValidation": False}),
        ("is_logging", {"enableLogging": False}),
        ("records_management_events", {"eventSelectors": [{"includeManagementEvents": False}]}),
        (
            "records_management_events",
            {
                "advancedEventSelectors": [
                    {"fieldSelectors": [{"field": "eventCategory", "equals": ["NetworkActivity"]}]}
                ]
            },
        ),
        ("is_encrypted_with_a_key", {"kmsKeyId": None}),
    ],
)
def test_catches_each_broken_property_by_its_own_clause(clause: str, broken: dict[str, object]) -> None:
    whole = {"isMultiRegionTrail": True, "enableLogFileValidation": True, "kmsKeyId": "arn:aws:kms:a"}
    found = verdicts("LOG-01", resource(TRAIL, "t", **{**whole, **broken}))
    assert [name for (_, name), verdict in found.items() if verdict is Status.FAIL] == [clause]


def test_takes_advanced_selectors_of_management_events() -> None:
    chosen = [{"fieldSelectors": [{"field": "eventCategory", "equals": ["Management"]}]}]
    found = verdicts("LOG-01", resource(TRAIL, "t", advancedEventSelectors=chosen))
    assert found["t", "records_management_events"] is Status.PASS


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ({"isLogging": True}, Status.PASS),
        ({"isLogging": False}, Status.FAIL),
        ({}, Status.FAIL),
        ({"isLogging": True, "latestDeliveryError": "AccessDenied"}, Status.FAIL),
    ],
)
def test_asks_a_live_trail_whether_it_delivers(now: dict[str, object], expected: Status) -> None:
    trail = resource(TRAIL, "t", enableLogging=True, **now)
    found = {one.clause: one.verdict.status for one in answers(find_control("LOG-01"), Stack((trail,)), live=True)}
    assert found["delivers_its_files_now"] is expected
    assert ("t", "delivers_its_files_now") not in verdicts("LOG-01", trail)


def test_leaves_regions_and_management_events_of_a_trail_of_data_events_alone() -> None:
    basic = {"includeManagementEvents": False, "dataResources": [{"type": "AWS::S3::Object", "values": ["arn:aws:s3"]}]}
    category = [{"field": "eventCategory", "equals": ["Data"]}]
    for selectors in ({"eventSelectors": [basic]}, {"advancedEventSelectors": [{"fieldSelectors": category}]}):
        found = verdicts("LOG-01", resource(TRAIL, "t", isMultiRegionTrail=False, **selectors))
        assert {name for (_, name), verdict in found.items() if verdict is Status.NOT_APPLICABLE} == {
            "covers_all_regions",
            "records_management_events",
        }
        assert found["t", "validates_its_files"] is Status.FAIL


@pytest.mark.parametrize(
    ("clause", "unknown"),
    [
        ("validates_its_files", {"enableLogFileValidation": UNKNOWN}),
        ("is_logging", {"enableLogging": UNKNOWN}),
        ("records_management_events", {"eventSelectors": [{"includeManagementEvents": UNKNOWN}]}),
    ],
)
def test_what_a_preview_cannot_know_is_undetermined(clause: str, unknown: dict[str, object]) -> None:
    assert status("LOG-01", resource(TRAIL, "t", **unknown), clause=clause) is Status.UNDETERMINED


def test_a_key_that_is_not_known_yet_is_one_where_it_comes_from_the_stack() -> None:
    key, clause = resource("aws:kms/key:Key", "k"), "is_encrypted_with_a_key"
    assert status("LOG-01", resource(TRAIL, "t", kmsKeyId=UNKNOWN), clause=clause) is Status.UNDETERMINED
    trail = resource(TRAIL, "t", {"kmsKeyId": [key]}, kmsKeyId=UNKNOWN)
    assert status("LOG-01", trail, key, clause=clause) is Status.PASS


def test_a_live_status_that_is_not_known_is_undetermined() -> None:
    trail = resource(TRAIL, "t", isLogging=UNKNOWN)
    assert status("LOG-01", trail, clause="delivers_its_files_now", live=True) is Status.UNDETERMINED


@pytest.mark.parametrize("live", [False, True])
def test_an_event_data_store_is_no_trail(live: bool) -> None:
    assert unasked("LOG-01", resource("aws:cloudtrail/eventDataStore:EventDataStore", "lake"), live=live)
