"""An account that answers badly: throttled, broken, cut, without end. What it did not answer is not taken for nothing.

The clients are botocore's own as an audit makes them; what comes over the wire is made here.
"""

import json
from functools import cache

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ConnectionClosedError, EndpointConnectionError
from wire_faults import Wire, breaks, no_pauses, says

from operations.audit import access
from operations.audit.access import Access
from operations.audit.live import region as asked
from operations.audit.live.collect import Account, collect
from operations.audit.live.region import ATTEMPTS, Recorder
from operations.audit.result import Population
from operations.errors import CellError, ExitCode

REGION = "eu-west-1"
KEYS, VPCS, TOPICS = "aws:kms/key:Key", "aws:ec2/vpc:Vpc", "aws:sns/topic:Topic"
ZONES, VAULTS = "aws:route53/zone:Zone", "aws:backup/vault:Vault"

IDENTITY = (
    "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/a</Arn>"
    "<Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)


def refused(code: str, status: int = 400) -> Wire:
    """An error of a service that speaks JSON."""
    return says(status, json.dumps({"__type": code, "message": "no"}))


_ASKED: dict[str, "FaultyAccount"] = {}


@cache
def _session() -> boto3.Session:
    """One for all tests: reading botocore's models takes longer than all of them."""
    made = boto3.Session(aws_access_key_id="a", aws_secret_access_key="b", region_name=REGION)
    made._session.register("before-send", lambda event_name, **_: _ASKED["account"].answer(event_name))
    return made


class FaultyAccount:
    """Answers each operation from a list, the last of which it repeats; what is not listed is an empty answer."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **answers: list[Wire]) -> None:
        """``answers``: kms_ListKeys=[...]."""
        self.sent: dict[str, int] = {}
        self._answers = {"sts_GetCallerIdentity": [says(200, IDENTITY)], **answers}
        self.recorder = Recorder()
        monkeypatch.setitem(_ASKED, "account", self)
        monkeypatch.setattr(access, "_session", lambda *_: _session())

    def collect(self, *types: str) -> Account:
        return collect([Access(REGION, self.recorder).region(REGION)], types)

    def answer(self, event_name: str) -> AWSResponse:
        """To a call that is about to be sent."""
        name = "_".join(event_name.split(".")[1:])
        number = self.sent[name] = self.sent.get(name, 0) + 1
        given = self._answers.get(name) or [says(200, "{}")]
        return given[min(number, len(given)) - 1]()


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    no_pauses(monkeypatch)


def only(account: Account) -> Population:
    (population,) = account.populations
    return population


EMPTY = says(200, '{"Keys": []}')

PASSING: dict[str, Wire] = {
    "throttled": refused("ThrottlingException"),
    "many requests": refused("TooManyRequestsException", 429),
    "slow down": refused("SlowDown", 503),
    "500": says(500),
    "503 of a proxy": says(503, "<html>busy</html>"),
    "reset": breaks(ConnectionClosedError(endpoint_url="https://aws.example")),
    "no connection": breaks(EndpointConnectionError(endpoint_url="https://aws.example")),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_a_fault_that_passes_is_asked_again(monkeypatch: pytest.MonkeyPatch, fault: Wire) -> None:
    account = FaultyAccount(monkeypatch, kms_ListKeys=[fault] * (ATTEMPTS - 1) + [EMPTY])
    assert only(account.collect(KEYS)).listed == 0
    (call,) = account.recorder.calls
    assert (call.error, call.retries) == ("", ATTEMPTS - 1)


LASTING = {
    **{name: (fault, "kms:ListKeys: ") for name, fault in PASSING.items()},
    "denied": (refused("AccessDeniedException"), "AccessDeniedException"),
}


@pytest.mark.parametrize(("fault", "reason"), LASTING.values(), ids=LASTING)
def test_a_fault_that_stays_is_not_observed_after_a_bounded_number_of_attempts(
    monkeypatch: pytest.MonkeyPatch, fault: Wire, reason: str
) -> None:
    account = FaultyAccount(monkeypatch, kms_ListKeys=[fault])
    found = account.collect(KEYS)
    assert only(found).listed is None
    assert reason in only(found).reason
    assert found.unobserved.keys() == {KEYS}
    assert account.sent["kms_ListKeys"] <= ATTEMPTS
    (call,) = account.recorder.calls
    assert call.error


def test_only_what_was_throttled_is_not_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    account = FaultyAccount(
        monkeypatch, kms_ListKeys=[refused("ThrottlingException")], backup_ListBackupVaults=[says(200, "{}")]
    )
    listed = {one.type: one.listed for one in account.collect(KEYS, VAULTS).populations}
    assert listed == {KEYS: None, VAULTS: 0}


def test_a_detail_that_stays_throttled_leaves_its_type_not_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    account = FaultyAccount(
        monkeypatch,
        kms_ListKeys=[says(200, '{"Keys": [{"KeyId": "a"}]}')],
        kms_DescribeKey=[refused("ThrottlingException")],
    )
    assert only(account.collect(KEYS)).reason == "kms:DescribeKey: ThrottlingException"


PAGE_OF_A_PROXY = "<html><body>Sign in to the network</body></html>"

WRONG = {
    "JSON that is cut": (KEYS, "kms_ListKeys", '{"Keys": [{"KeyId": "a"'),
    "JSON without anything": (KEYS, "kms_ListKeys", ""),
    "another JSON": (KEYS, "kms_ListKeys", "[]"),
    "null": (KEYS, "kms_ListKeys", "null"),
    "another shape": (KEYS, "kms_ListKeys", '{"Keys": "abc"}'),
    "a page for JSON": (KEYS, "kms_ListKeys", PAGE_OF_A_PROXY),
    "a page for JSON over paths": (VAULTS, "backup_ListBackupVaults", PAGE_OF_A_PROXY),
    "XML that is cut": (VPCS, "ec2_DescribeVpcs", "<DescribeVpcsResponse><vpcSet><item>"),
    "XML without anything": (VPCS, "ec2_DescribeVpcs", ""),
    "a page for XML": (VPCS, "ec2_DescribeVpcs", PAGE_OF_A_PROXY),
    "a page for a query": (TOPICS, "sns_ListTopics", f"<!DOCTYPE html>\n{PAGE_OF_A_PROXY}"),
    "a page for XML over paths": (ZONES, "route-53_ListHostedZones", PAGE_OF_A_PROXY),
}


@pytest.mark.parametrize(("type_", "operation", "body"), WRONG.values(), ids=WRONG)
def test_a_body_that_is_no_answer_is_not_taken_for_an_empty_one(
    monkeypatch: pytest.MonkeyPatch, type_: str, operation: str, body: str
) -> None:
    account = FaultyAccount(monkeypatch, **{operation: [says(200, body)]})
    population = only(account.collect(type_))
    assert population.listed is None
    assert population.source in population.reason
    assert account.recorder.calls[-1].error


def marked(service: str, marker: str) -> Wire:
    bodies = {
        "kms": {"Keys": [], "Truncated": True, "NextMarker": marker},
        "wafv2": {"WebACLs": [{"Name": "a", "Id": "i", "ARN": "arn"}], "NextMarker": marker},
    }
    return says(200, json.dumps(bodies[service]))


def test_a_page_that_leads_to_itself_ends_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    account = FaultyAccount(monkeypatch, kms_ListKeys=[marked("kms", "again")])
    assert "same next token was received twice" in only(account.collect(KEYS)).reason
    assert account.sent["kms_ListKeys"] == 2


def test_pages_that_lead_to_each_other_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "MAX_PAGES", 7)
    account = FaultyAccount(monkeypatch, kms_ListKeys=[marked("kms", mark) for mark in "ab" * 10])
    assert only(account.collect(KEYS)).reason == "kms:ListKeys: more than 7 pages"
    assert account.sent["kms_ListKeys"] <= 8


def test_a_list_over_many_pages_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asked, "MAX_ITEMS", 5)
    page = {"Keys": [{"KeyId": "a"}, {"KeyId": "b"}], "Truncated": True}
    pages = [says(200, json.dumps({**page, "NextMarker": str(number)})) for number in range(10)]
    account = FaultyAccount(monkeypatch, kms_ListKeys=pages)
    assert only(account.collect(KEYS)).reason == "kms:ListKeys: more than 5 items"
    assert account.sent["kms_ListKeys"] == 3


TOO_LARGE = {
    "members": (json.dumps({"Keys": [{"KeyId": "a"}] * 100_001}), "a list of more than 100,000 members"),
    "text": (json.dumps({"Keys": [{"KeyId": "a" * 1_000_001}]}), "a text of more than 1,000,000 characters"),
}


@pytest.mark.parametrize(("body", "reason"), TOO_LARGE.values(), ids=TOO_LARGE)
def test_an_answer_beyond_the_limits_is_not_observed_with_the_limit(
    monkeypatch: pytest.MonkeyPatch, body: str, reason: str
) -> None:
    account = FaultyAccount(monkeypatch, kms_ListKeys=[says(200, body)])
    assert only(account.collect(KEYS)).reason == f"kms:ListKeys: {reason}"


def test_an_answer_nested_without_end_is_not_observed(monkeypatch: pytest.MonkeyPatch) -> None:
    account = FaultyAccount(monkeypatch, kms_ListKeys=[says(200, '{"Keys":' + "[" * 100_000)])
    assert only(account.collect(KEYS)).listed is None


@pytest.mark.parametrize("body", [PAGE_OF_A_PROXY, "<cut", ""])
def test_an_account_that_does_not_say_who_it_is_cannot_be_entered(monkeypatch: pytest.MonkeyPatch, body: str) -> None:
    FaultyAccount(monkeypatch, sts_GetCallerIdentity=[says(200, body)])
    with pytest.raises(CellError) as raised:
        Access(REGION, Recorder())
    assert raised.value.code is ExitCode.AUTHENTICATION
