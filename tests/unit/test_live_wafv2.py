"""Live web ACLs, in the words of the provider."""

from typing import Any

from recorded import Refusal, read, region

from operations.audit.live.collect import collect, linked
from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

ACL, LOGGING = "aws:wafv2/webAcl:WebAcl", "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
ASSOCIATION = "aws:wafv2/webAclAssociation:WebAclAssociation"
ARN = "arn:aws:wafv2:eu-west-1:123456789012:regional/webacl/edge/1"
BALANCER = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/app/edge/1"
RATE = {"RateBasedStatement": {"Limit": 100, "AggregateKeyType": "IP"}}
MANAGED = {"ManagedRuleGroupStatement": {"VendorName": "AWS", "Name": "AWSManagedRulesCommonRuleSet"}}
SEARCH = {"ByteMatchStatement": {"SearchString": b"\xff\xfe", "PositionalConstraint": "CONTAINS"}}


def rule(name: str, statement: dict[str, Any], action: str = "Block") -> dict[str, Any]:
    kind = "OverrideAction" if "ManagedRuleGroupStatement" in statement else "Action"
    return {"Name": name, "Priority": 1, "Statement": statement, kind: {action: {}}}


def recorded(*rules: dict[str, Any], redacted: tuple[str, ...] = ("authorization", "cookie")) -> dict[str, Any]:
    logging = {
        "ResourceArn": ARN,
        "LogDestinationConfigs": ["arn:aws:logs:eu-west-1:123456789012:log-group:aws-waf-logs-a"],
        "RedactedFields": [{"SingleHeader": {"Name": name}} for name in redacted],
    }

    def resources(*, ResourceType: str, **_: Any) -> dict[str, Any]:
        return {"ResourceArns": [BALANCER] if ResourceType == "APPLICATION_LOAD_BALANCER" else []}

    return {
        "wafv2.list_web_acls": {"WebACLs": [{"Name": "edge", "Id": "1", "ARN": ARN}]},
        "wafv2.get_web_acl": {"WebACL": {"DefaultAction": {"Allow": {}}, "Rules": list(rules)}},
        "wafv2.list_resources_for_web_acl": resources,
        "wafv2.list_logging_configurations": {"LoggingConfigurations": [logging]},
    }


def statuses(answers_: dict[str, Any]) -> dict[str, Status]:
    stack = Stack(linked(collect([region(answers_)], [ACL, LOGGING, ASSOCIATION]).found))
    return {one.clause: one.verdict.status for one in answers(control("NET-06"), stack, live=True)}


def test_an_acl_with_rate_and_managed_rules_and_a_redacted_log_passes() -> None:
    assert set(statuses(recorded(rule("rate", RATE), rule("common", MANAGED, "None"))).values()) == {Status.PASS}


def test_rules_that_somebody_set_to_count_and_a_log_that_keeps_cookies_fail() -> None:
    found = statuses(recorded(rule("rate", RATE, "Count"), rule("c", MANAGED, "Count"), redacted=("authorization",)))
    assert found == {
        "acl_limits_the_rate": Status.FAIL,
        "acl_uses_managed_rules": Status.FAIL,
        "acl_is_logged": Status.PASS,
        "log_redacts_credentials": Status.FAIL,
    }


def test_bytes_that_requests_are_searched_for_are_not_kept() -> None:
    here = region(recorded(rule("search", SEARCH)))
    (found,) = collect([here], [ACL]).found
    assert found.resource.props["rules"][0]["statement"] == {}
    assert "xff" not in str([call.answer for call in here._recorder.calls])


def test_an_association_has_the_providers_id() -> None:
    (found,) = read(ASSOCIATION, recorded()).found
    assert found.identity == (f"{ARN},{BALANCER}",)


def test_all_pages_of_a_list_are_read() -> None:
    def listed(*, NextMarker: str = "", **_: Any) -> dict[str, Any]:
        if not NextMarker:
            return {"WebACLs": [{"Name": "a", "Id": "1", "ARN": ARN}], "NextMarker": "a"}
        return {"WebACLs": [{"Name": "b", "Id": "2", "ARN": f"{ARN}b"}], "NextMarker": "b"} if NextMarker == "a" else {}

    assert len(read(ACL, recorded() | {"wafv2.list_web_acls": listed}).found) == 2


def test_the_acls_of_cloudfront_are_asked_for_where_aws_keeps_them() -> None:
    found = collect([region(recorded(), "us-east-1")], [ACL]).found
    assert sorted(one.resource.props["scope"] for one in found) == ["CLOUDFRONT", "REGIONAL"]


def test_logging_that_cannot_be_listed_is_not_taken_for_none() -> None:
    refused = recorded(rule("rate", RATE)) | {"wafv2.list_logging_configurations": Refusal("WAFInternalErrorException")}
    account = collect([region(refused)], [ACL, LOGGING])
    stack = Stack(linked(account.found), account.unobserved)
    found = {one.clause: one.verdict.status for one in answers(control("NET-06"), stack, live=True)}
    assert found["acl_is_logged"] is Status.NOT_OBSERVED


def test_an_acl_that_is_deleted_while_it_is_read_is_left_out() -> None:
    gone = {"wafv2.get_web_acl": Refusal("WAFNonexistentItemException")}
    assert read(ACL, recorded() | gone).populations[0].listed == 0
