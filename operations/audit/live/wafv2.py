"""WAF: web ACLs, what stands behind them, and their logs."""

from collections.abc import Iterator
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags
from operations.audit.live.words import camel, given
from policies.resources import NotObservedError

_PAGE = 100
"""Items of a page, the most that WAF gives (WAFV2 API reference, ListWebACLs)."""

_MAX_PAGES = 1_000

_EDGE = "us-east-1"
"""Where WAF keeps the ACLs of CloudFront (https://docs.aws.amazon.com/waf/latest/developerguide/waf-chapter.html)."""

_GONE = frozenset({"WAFNonexistentItemException"})
"""What is deleted while it is being read is no longer there, and that is all."""

ACLS = Question(service="wafv2", operation="list_web_acls", keep=("NextMarker", "WebACLs"), action="wafv2:ListWebACLs")
_RULE = tuple(
    f"WebACL.Rules.{name}"
    for name in (
        *("Name", "Priority", "Action", "OverrideAction"),
        *(f"Statement.RateBasedStatement.{part}" for part in ("Limit", "EvaluationWindowSec", "AggregateKeyType")),
        *(f"Statement.ManagedRuleGroupStatement.{part}" for part in ("VendorName", "Name", "Version")),
        "Statement.RuleGroupReferenceStatement.ARN",
    )
)
"""Of a rule's statement what controls read: the rest may hold any bytes that requests are searched for."""

ACL = Question(
    service="wafv2",
    operation="get_web_acl",
    keep=("WebACL.Capacity", "WebACL.DefaultAction", "WebACL.ManagedByFirewallManager", *_RULE),
    absent=_GONE,
    action="wafv2:GetWebACL",
)
RESOURCES = Question(
    service="wafv2",
    operation="list_resources_for_web_acl",
    keep=("ResourceArns",),
    absent=_GONE,
    action="wafv2:ListResourcesForWebACL",
)
LOGGING = Question(
    service="wafv2",
    operation="list_logging_configurations",
    keep=(
        "NextMarker",
        *(
            f"LoggingConfigurations.{name}"
            for name in ("ResourceArn", "LogDestinationConfigs", "ManagedByFirewallManager", "RedactedFields")
        ),
    ),
)
TAGS = Question(service="wafv2", operation="list_tags_for_resource", keep=("TagInfoForResource.TagList",))

_GUARDED = (
    *("APPLICATION_LOAD_BALANCER", "API_GATEWAY", "APPSYNC", "COGNITO_USER_POOL", "APP_RUNNER_SERVICE"),
    *("VERIFIED_ACCESS_INSTANCE", "AMPLIFY"),
)
"""What an ACL can stand before, each asked by itself (WAFV2 API reference, ListResourcesForWebACL)."""


def acls(region: Region) -> Iterator[Live]:
    """ACLs with their rules, of the region and, where AWS keeps these, of CloudFront."""
    for scope, one in _acls(region):
        answer = region.ask(ACL, Name=one["Name"], Scope=scope, Id=one["Id"])
        if answer is None:
            continue
        acl = answer["WebACL"]
        yield Live(
            id=one["Id"],
            name=one["Name"],
            made_by_aws="Firewall Manager web ACL" if acl.get("ManagedByFirewallManager") else "",
            props={
                **given(description=one.get("Description"), capacity=acl.get("Capacity")),
                "arn": one["ARN"],
                "name": one["Name"],
                "scope": scope,
                "defaultAction": camel(acl.get("DefaultAction") or {}),
                "rules": camel(acl.get("Rules") or []),
                "tags": region.field(
                    TAGS,
                    lambda answer: tags((answer.get("TagInfoForResource") or {}).get("TagList")),
                    ResourceARN=one["ARN"],
                ),
            },
        )


def associations(region: Region) -> Iterator[Live]:
    """What stands behind an ACL of the region; CloudFront's distributions name theirs themselves."""
    for _, one in _acls(region, scopes=("REGIONAL",)):
        for kind in _GUARDED:
            answer = region.ask(RESOURCES, WebACLArn=one["ARN"], ResourceType=kind) or {}
            for resource in answer.get("ResourceArns") or ():
                yield Live(
                    id=f"{one['ARN']},{resource}",
                    name=f"{one['Name']} {resource.rpartition(':')[2]}",
                    props={"webAclArn": one["ARN"], "resourceArn": resource},
                )


def logging(region: Region) -> Iterator[Live]:
    """Where ACLs send their logs, and what these leave out."""
    for scope in _scopes(region):
        for one in _marked(region, LOGGING, "LoggingConfigurations", Scope=scope):
            yield Live(
                id=one["ResourceArn"],
                made_by_aws="Firewall Manager web ACL" if one.get("ManagedByFirewallManager") else "",
                props={
                    "resourceArn": one["ResourceArn"],
                    "logDestinationConfigs": one.get("LogDestinationConfigs") or [],
                    "redactedFields": camel(one.get("RedactedFields") or []),
                },
            )


def _acls(region: Region, scopes: tuple[str, ...] = ()) -> Iterator[tuple[str, dict[str, Any]]]:
    for scope in scopes or _scopes(region):
        for one in _marked(region, ACLS, "WebACLs", Scope=scope):
            yield scope, one


def _scopes(region: Region) -> tuple[str, ...]:
    return ("REGIONAL", "CLOUDFRONT") if region.name == _EDGE else ("REGIONAL",)


def _marked(region: Region, question: Question, member: str, **parameters: Any) -> Iterator[dict[str, Any]]:
    """All items of a list of WAF, whose pages botocore does not know."""
    marker: dict[str, str] = {}
    for _ in range(_MAX_PAGES):
        answer = region.ask(question, Limit=_PAGE, **parameters, **marker) or {}
        yield from answer.get(member) or ()
        # WAF may give a marker with the last page; the next one is empty then.
        if not answer.get("NextMarker") or not answer.get(member):
            return
        marker = {"NextMarker": answer["NextMarker"]}
    raise NotObservedError(f"{question.name}: more than {_MAX_PAGES:,} pages")


Reader(type="aws:wafv2/webAcl:WebAcl", read=acls, source=ACLS)
Reader(type="aws:wafv2/webAclAssociation:WebAclAssociation", read=associations, source=ACLS)
Reader(type="aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration", read=logging, source=LOGGING)
