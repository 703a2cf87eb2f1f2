"""NET-06: web ACLs limit the rate, use managed rules, and log without credentials."""

from collections.abc import Iterator, Mapping
from typing import Any

from policies.control import (
    SAFEGUARDS,
    SOC2,
    Clause,
    Control,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    passed,
    undetermined,
)
from policies.relations import may_name, naming
from policies.resources import Resource, Stack

REDACTED = ("authorization", "cookie")
"""Headers with credentials or a session (RFC 9110, 11.6.2; RFC 6265)."""

_ACL = frozenset({"aws:wafv2/webAcl:WebAcl"})
_RULE = "aws:wafv2/webAclRule:WebAclRule"
_GROUP_RULE = "aws:wafv2/webAclRuleGroupAssociation:WebAclRuleGroupAssociation"
_LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"


def acl_limits_the_rate(acl: Resource, stack: Stack) -> Verdict:
    """A rule whose action is ``count`` lets everything pass (https://docs.aws.amazon.com/waf/latest/developerguide/waf-rule-action.html)."""
    for rule in _rules(acl, stack):
        statement: Mapping[str, Any] = rule.get("statement") or {}
        if statement.get("rateBasedStatement") and not _counts(rule.get("action")):
            return passed()
    return _lacking(acl, stack, "no rule has a rateBasedStatement that does more than count")


def acl_uses_managed_rules(acl: Resource, stack: Stack) -> Verdict:
    for rule in _rules(acl, stack):
        statement: Mapping[str, Any] = rule.get("statement") or {}
        if statement.get("managedRuleGroupStatement") and not _counts(rule.get("overrideAction")):
            return passed()
    for association in naming(acl, stack, [_GROUP_RULE], "webAclArn"):
        if association.props.get("managedRuleGroup") and association.props.get("overrideAction") != "count":
            return passed()
    return _lacking(acl, stack, "no rule has a managedRuleGroupStatement that does more than count")


def acl_is_logged(acl: Resource, stack: Stack) -> Verdict:
    if any(naming(acl, stack, [_LOGGING], "resourceArn")):
        return passed()
    if unknown := may_name(acl, stack, [_LOGGING], "resourceArn"):
        return undetermined(unknown)
    return failed("no WebAclLoggingConfiguration names this ACL")


def log_redacts_credentials(logging: Mapping[str, Any]) -> Verdict:
    fields = [field.get("singleHeader") or {} for field in logging.get("redactedFields") or ()]
    headers = {str(header.get("name", "")).lower() for header in fields}
    kept = [name for name in REDACTED if name not in headers]
    return failed(f"redactedFields lacks the headers {', '.join(kept)}") if kept else passed()


def _rules(acl: Resource, stack: Stack) -> Iterator[Mapping[str, Any]]:
    yield from acl.given("rules") or ()
    for rule in naming(acl, stack, [_RULE], "webAclArn"):
        yield rule.props


def _counts(action: Any) -> bool:
    return isinstance(action, Mapping) and action.get("count") is not None


def _lacking(acl: Resource, stack: Stack, reason: str) -> Verdict:
    """A rule that is not found may still be in a place that declarations do not show."""
    if acl.given("ruleJson"):
        return undetermined("the rules are in ruleJson, which is not read here")
    if any((rule.get("statement") or {}).get("ruleGroupReferenceStatement") for rule in _rules(acl, stack)):
        return undetermined("what the rule group of a ruleGroupReferenceStatement holds is not read here")
    if unknown := may_name(acl, stack, [_RULE, _GROUP_RULE], "webAclArn"):
        return undetermined(unknown)
    return failed(reason)


NET_06 = Control(
    id="NET-06",
    title="Web ACLs limit the rate, use managed rules, and log without credentials",
    severity=Severity.MEDIUM,
    clauses=(
        *(
            StackClause(resource_types=_ACL, check=check)
            for check in (acl_limits_the_rate, acl_uses_managed_rules, acl_is_logged)
        ),
        Clause(resource_types=frozenset({_LOGGING}), check=log_redacts_credentials),
    ),
    maps_to=(SOC2("CC7.2", Strength.PARTIAL), *SAFEGUARDS),
    risk="An attack passes unlimited or unseen, or its log hands session and key to whoever reads logs.",
    remediation="Add a rate-based and a managed rule that block, and a logging configuration that redacts"
    " authorization and cookie.",
)
