"""NET-06: rules and logs of web ACLs."""

from typing import Any

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

RATE: dict[str, Any] = {"statement": {"rateBasedStatement": {"limit": 100}}, "action": {"block": {}}}
MANAGED = {"statement": {"managedRuleGroupStatement": {"name": "a"}}, "overrideAction": {"none": {}}}
REDACTED = [{"singleHeader": {"name": "Authorization"}}, {"singleHeader": {"name": "cookie"}}]
RATES, MANAGES, LOGS = "acl_limits_the_rate", "acl_uses_managed_rules", "acl_is_logged"


def acl(*rules: object, **props: Any) -> Resource:
    return resource("aws:wafv2/webAcl:WebAcl", "acl", arn="arn:acl", rules=list(rules), **props)


def logging(*sources: Resource, **props: Any) -> Resource:
    type_ = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
    return resource(type_, "log", {"resourceArn": sources}, **props)


def test_a_guarded_and_logged_acl_passes() -> None:
    whole = acl(RATE, MANAGED)
    assert set(verdicts("NET-06", whole, logging(whole, resourceArn=UNKNOWN, redactedFields=REDACTED)).values()) == {
        Status.PASS
    }


def test_each_kind_of_rule_is_asked_for_by_itself() -> None:
    assert verdicts("NET-06", acl(MANAGED))["acl", RATES] is Status.FAIL
    assert verdicts("NET-06", acl(MANAGED))["acl", MANAGES] is Status.PASS
    assert verdicts("NET-06", acl(RATE))["acl", MANAGES] is Status.FAIL
    assert verdicts("NET-06", acl())["acl", RATES] is Status.FAIL
    assert verdicts("NET-06", acl(RATE))["acl", LOGS] is Status.FAIL


def test_a_rule_that_only_counts_guards_nothing() -> None:
    counting = acl({**RATE, "action": {"count": {}}}, {**MANAGED, "overrideAction": {"count": {}}})
    assert verdicts("NET-06", counting)["acl", RATES] is Status.FAIL
    assert verdicts("NET-06", counting)["acl", MANAGES] is Status.FAIL


def test_rules_in_resources_of_their_own_count() -> None:
    empty = acl()
    rule = resource("aws:wafv2/webAclRule:WebAclRule", "rate", {"webAclArn": [empty]}, webAclArn=UNKNOWN, **RATE)
    assert verdicts("NET-06", empty, rule)["acl", RATES] is Status.PASS
    group = resource(
        "aws:wafv2/webAclRuleGroupAssociation:WebAclRuleGroupAssociation",
        "group",
        webAclArn="arn:acl",
        managedRuleGroup={"name": "a", "vendorName": "AWS"},
    )
    assert verdicts("NET-06", empty, group)["acl", MANAGES] is Status.PASS


def test_rules_that_are_not_shown_are_undetermined() -> None:
    group = {"statement": {"ruleGroupReferenceStatement": {"arn": "arn:group"}}}
    assert verdicts("NET-06", acl(group))["acl", RATES] is Status.UNDETERMINED
    assert verdicts("NET-06", acl(ruleJson="[]"))["acl", RATES] is Status.UNDETERMINED
    somewhere = resource("aws:wafv2/webAclRule:WebAclRule", "rate", webAclArn=UNKNOWN)
    assert verdicts("NET-06", acl(), somewhere)["acl", RATES] is Status.UNDETERMINED
    rate = resource("aws:ssm/parameter:Parameter", "rate")
    from_elsewhere = resource("aws:wafv2/webAcl:WebAcl", "acl", {"rules": [rate]}, rules=UNKNOWN)
    assert verdicts("NET-06", from_elsewhere, rate)["acl", RATES] is Status.UNDETERMINED


def test_a_log_of_an_unknown_acl_may_be_this_ones() -> None:
    assert verdicts("NET-06", acl(), logging(resourceArn=UNKNOWN))["acl", LOGS] is Status.UNDETERMINED
    assert verdicts("NET-06", acl(), logging(resourceArn="arn:acl"))["acl", LOGS] is Status.PASS
    assert verdicts("NET-06", acl(), logging(resourceArn="arn:other"))["acl", LOGS] is Status.FAIL


def test_a_log_redacts_authorization_and_cookie() -> None:
    def judged(**props: Any) -> Status:
        return verdicts("NET-06", logging(resourceArn="a", **props))["log", "log_redacts_credentials"]

    assert judged() is Status.FAIL
    assert judged(redactedFields=REDACTED[:1]) is Status.FAIL
    assert judged(redactedFields=[{"uriPath": {}}, *REDACTED]) is Status.PASS
    assert judged(redactedFields=UNKNOWN) is Status.UNDETERMINED
