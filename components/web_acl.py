"""The regional web ACL of a cell's edge: a rate per address, AWS's managed rules, and a log without credentials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_aws import cloudwatch, wafv2

from components.alarms import Dimensions
from components.base import type_token
from components.iam import allow, from_source, policy, service
from components.vocabulary import DataClass, tags

RATE_WINDOW_S = 300
"""Seconds over which WAF counts an address's requests; 60, 120, 300 or 600."""

MIN_RATE = 10
"""Lowest limit WAF takes (WAF API reference, RateBasedStatement)."""

MANAGED_RULES = (
    ("ip-reputation", "AWSManagedRulesAmazonIpReputationList"),
    ("known-bad-inputs", "AWSManagedRulesKnownBadInputsRuleSet"),
    ("common", "AWSManagedRulesCommonRuleSet"),
)
"""Cheapest first: 25, 200 and 700 capacity units of the ACL's 1,500
(https://docs.aws.amazon.com/waf/latest/developerguide/aws-managed-rule-groups-list.html)."""

RATE_RULE = "rate-per-address"

REDACTED_HEADERS = ("authorization", "cookie", "idempotency-key", "x-api-key")
"""Headers that open something, or that tie a log line to a payment."""

LOG_GROUP_PREFIX = "aws-waf-logs-"
"""WAF writes to no log group with another name."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WebAclArgs:
    """What the web ACL of one edge needs to know."""

    region: str
    account_id: str
    jurisdiction: str
    resource_arn: pulumi.Input[str]
    """The load balancer it stands in front of: an ALB, WAF takes no NLB."""
    rate_limit: int
    """Requests an address may send in `RATE_WINDOW_S`. Large callers share addresses: not the limit per merchant."""
    logs_key_arn: pulumi.Input[str]
    log_retention_days: int

    def __post_init__(self) -> None:
        if self.rate_limit < MIN_RATE:
            raise ValueError(f"web_acl.rate_limit: {self.rate_limit} is below {MIN_RATE} requests, the least WAF takes")


class WebAcl(pulumi.ComponentResource):
    """ACL, association and log. Creation: seconds."""

    arn: pulumi.Output[str]
    watched: Mapping[str, Dimensions]
    """Rule -> dimensions of its metrics; `ALL` is all of them together."""

    def __init__(self, name: str, args: WebAclArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        self._child = pulumi.ResourceOptions(parent=self)
        acl = wafv2.WebAcl(
            name,
            region=args.region,
            description=f"{name}: edge",
            scope="REGIONAL",
            default_action={"allow": {}},
            rules=list(_rules(args)),
            # The name is a dimension of the ACL's metrics: two cells of a region must not add up.
            visibility_config=_visibility(name),
            tags=tags(DataClass.INTERNAL),
            opts=self._child,
        )
        wafv2.WebAclAssociation(
            name, region=args.region, resource_arn=args.resource_arn, web_acl_arn=acl.arn, opts=self._child
        )
        self._logging(name, args, acl)
        self.arn = acl.arn
        rules = ["ALL", RATE_RULE, *(key for key, _ in MANAGED_RULES)]
        self.watched = {rule: {"WebACL": name, "Region": args.region, "Rule": rule} for rule in rules}
        self.register_outputs({"arn": self.arn})

    def _logging(self, name: str, args: WebAclArgs, acl: wafv2.WebAcl) -> None:
        group_name = f"{LOG_GROUP_PREFIX}{name}"
        group = cloudwatch.LogGroup(
            f"{name}-waf",
            region=args.region,
            name=group_name,
            retention_in_days=args.log_retention_days,
            kms_key_id=args.logs_key_arn,
            tags=tags(DataClass.PERSONAL, jurisdiction=args.jurisdiction),
            opts=self._child,
        )
        log_group_arn = f"arn:aws:logs:{args.region}:{args.account_id}:log-group:{group_name}"
        delivery = cloudwatch.LogResourcePolicy(
            f"{name}-waf",
            region=args.region,
            policy_name=f"{name}-waf",
            policy_document=policy(
                allow(
                    "WebAclLogs",
                    ["logs:CreateLogStream", "logs:PutLogEvents"],
                    [f"{log_group_arn}:log-stream:*"],
                    principal=service("delivery.logs"),
                    when=from_source(args.account_id, f"arn:aws:logs:{args.region}:{args.account_id}:*"),
                )
            ),
            opts=self._child,
        )
        wafv2.WebAclLoggingConfiguration(
            name,
            region=args.region,
            resource_arn=acl.arn,
            log_destination_configs=[group.arn],
            redacted_fields=[{"single_header": {"name": header}} for header in REDACTED_HEADERS],
            opts=pulumi.ResourceOptions(parent=self, depends_on=[delivery]),
        )


def _rules(args: WebAclArgs) -> Sequence[Mapping[str, Any]]:
    rate = {
        "name": RATE_RULE,
        "priority": 0,
        "action": {"block": {"custom_response": {"response_code": 429}}},
        "statement": {
            "rate_based_statement": {
                "limit": args.rate_limit,
                "evaluation_window_sec": RATE_WINDOW_S,
                "aggregate_key_type": "IP",
            }
        },
        "visibility_config": _visibility(RATE_RULE),
    }
    managed = [
        {
            "name": key,
            "priority": number,
            "override_action": {"none": {}},
            "statement": {"managed_rule_group_statement": {"vendor_name": "AWS", "name": group}},
            "visibility_config": _visibility(key),
        }
        for number, (key, group) in enumerate(MANAGED_RULES, start=1)
    ]
    return [rate, *managed]


def _visibility(metric: str) -> Mapping[str, Any]:
    # Sampled requests show bodies and headers unredacted in the console: the log is the only place to look.
    return {"cloudwatch_metrics_enabled": True, "metric_name": metric, "sampled_requests_enabled": False}
