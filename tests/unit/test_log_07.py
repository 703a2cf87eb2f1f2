"""LOG-07: Config, GuardDuty and Security Hub."""

from typing import Any

from judged import status as answer
from judged import unasked

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Resource, Stack
from policies.testing import UNKNOWN, resource, verdicts

CONFIG, GUARDDUTY, HUB = "config_records", "guardduty_detects", "security_hub_collects"


def recorder(region: str = "eu-west-1") -> Resource:
    return resource("aws:cfg/recorder:Recorder", "recorder", region=region)


def status(*sources: Resource, **props: Any) -> Resource:
    return resource("aws:cfg/recorderStatus:RecorderStatus", "status", {"name": sources}, region="eu-west-1", **props)


def detector(region: str = "eu-west-1", **props: Any) -> Resource:
    return resource("aws:guardduty/detector:Detector", "detector", region=region, **props)


def hub(region: str = "eu-west-1") -> Resource:
    return resource("aws:securityhub/account:Account", "hub", region=region)


def judged(subject: Resource, *others: Resource) -> dict[str, Status]:
    return {
        clause: found for (name, clause), found in verdicts("LOG-07", subject, *others).items() if name == subject.name
    }


def test_all_three_are_on() -> None:
    records = recorder()
    whole = judged(hub(), detector(), records, status(records, isEnabled=True))
    assert whole == {CONFIG: Status.PASS, GUARDDUTY: Status.PASS, HUB: Status.PASS}


def test_each_that_is_missing_or_off_is_named_by_its_own_clause() -> None:
    records = recorder()
    on = status(records, isEnabled=True)
    assert judged(hub(), detector(enable=False), records, on) == {
        CONFIG: Status.PASS,
        GUARDDUTY: Status.FAIL,
        HUB: Status.PASS,
    }
    assert judged(detector(), records, on)[HUB] is Status.FAIL
    assert judged(hub())[GUARDDUTY] is Status.FAIL
    assert judged(hub())[CONFIG] is Status.FAIL
    assert judged(hub(), records)[CONFIG] is Status.FAIL
    assert judged(hub(), records, status(records, isEnabled=False))[CONFIG] is Status.FAIL


def test_what_is_on_in_another_region_does_not_count() -> None:
    elsewhere = recorder("us-east-1")
    found = judged(hub(), detector("us-east-1"), elsewhere, status(elsewhere, isEnabled=True))
    assert found == {CONFIG: Status.FAIL, GUARDDUTY: Status.FAIL, HUB: Status.PASS}


def test_unknown_switches_are_undetermined() -> None:
    records = recorder()
    assert judged(hub(), records, status(records, isEnabled=UNKNOWN))[CONFIG] is Status.UNDETERMINED
    assert judged(hub(), detector(enable=UNKNOWN))[GUARDDUTY] is Status.UNDETERMINED


def test_a_live_recorder_that_is_off_or_fails_is_found() -> None:
    def now(**props: Any) -> Status | None:
        stack = Stack((resource("aws:cfg/recorderStatus:RecorderStatus", "status", **props),))
        found = {one.clause: one.verdict.status for one in answers(control("LOG-07"), stack, live=True)}
        return found["recorder_records_now"]

    assert now(isEnabled=True, lastStatus="Success") is Status.PASS
    assert now(isEnabled=True) is Status.PASS
    assert now(isEnabled=True, lastStatus="Failure") is Status.FAIL
    assert now(isEnabled=False, lastStatus="Success") is Status.FAIL


def test_no_declaration_is_asked_whether_a_recorder_records_now() -> None:
    assert verdicts("LOG-07", status(isEnabled=False)) == {}


def test_a_detector_that_may_be_on_and_a_recorder_that_may_record_are_undetermined() -> None:
    assert judged(hub(), detector(enable=UNKNOWN))[GUARDDUTY] is Status.UNDETERMINED
    hidden = resource("aws:cfg/recorderStatus:RecorderStatus", "status", isEnabled=UNKNOWN)
    assert answer("LOG-07", hidden, live=True) is Status.UNDETERMINED


def test_a_region_that_is_not_known_yet_is_no_other_one() -> None:
    unplaced = resource("aws:securityhub/account:Account", "hub", region=UNKNOWN)
    assert judged(detector(), unplaced)[HUB] is Status.FAIL


def test_an_aggregator_switches_nothing_on() -> None:
    aggregator = resource("aws:cfg/configurationAggregator:ConfigurationAggregator", "all")
    assert unasked("LOG-07", aggregator)
    assert unasked("LOG-07", aggregator, live=True)
