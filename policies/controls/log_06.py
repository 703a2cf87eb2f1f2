"""LOG-06: security logs are kept a year, and no log group keeps for longer than the register of retention allows
(catalogue/processing.yaml)."""

from collections.abc import Mapping

from policies.control import (
    GDPR,
    Control,
    Environment,
    Severity,
    StackClause,
    Strength,
    Verdict,
    failed,
    not_applicable,
    passed,
)
from policies.relations import naming
from policies.resources import Resource, Stack
from policies.retention import within_register
from policies.stores import data_class

LEAST_DAYS = 365
"""Intrusions are often found after months; a year shows where one began (PCI DSS 4.0.1, 10.5.1, wants 12 months)."""

GROUP = frozenset({"aws:cloudwatch/logGroup:LogGroup"})

_SOURCES: Mapping[str, str] = {
    "aws:cloudtrail/trail:Trail": "cloudWatchLogsGroupArn",
    "aws:ec2/flowLog:FlowLog": "logDestination",
    "aws:route53/queryLog:QueryLog": "cloudwatchLogGroupArn",
    "aws:route53/resolverQueryLogConfig:ResolverQueryLogConfig": "destinationArn",
    "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration": "logDestinationConfigs",
}
"""What writes security logs -> the property with the group; EKS names its group after the cluster."""


def security_log_is_kept_a_year(group: Resource, stack: Stack) -> Verdict:
    if not _is_security_log(group, stack):
        return not_applicable("nothing in the stack writes security logs to it")
    days = group.given("retentionInDays") or 0
    return passed() if not days or days >= LEAST_DAYS else failed(f"retentionInDays is {days:g}, below {LEAST_DAYS}")


def log_group_forgets(group: Resource, _: Stack) -> Verdict:
    """Without a retention CloudWatch Logs keeps events for ever (API reference, PutRetentionPolicy)."""
    if days := group.props.get("retentionInDays"):
        return within_register(days, "retentionInDays", group.type, data_class(group))
    return failed("retentionInDays is not set: events are kept for ever")


def _is_security_log(group: Resource, stack: Stack) -> bool:
    """Names of EKS: https://docs.aws.amazon.com/eks/latest/userguide/control-plane-logs.html."""
    names = {f"/aws/eks/{cluster.maybe('name')}/cluster" for cluster in stack.of("aws:eks/cluster:Cluster")}
    return group.maybe("name") in names or any(
        any(naming(group, stack, [type_], name)) for type_, name in _SOURCES.items()
    )


LOG_06 = Control(
    id="LOG-06",
    title="Security logs are kept a year, and no log group keeps for longer than the register allows",
    severity=Severity.MEDIUM,
    clauses=(
        StackClause(
            resource_types=GROUP,
            check=security_log_is_kept_a_year,
            environments=frozenset({Environment.PRODUCTION, Environment.STAGING}),
        ),
        StackClause(resource_types=GROUP, check=log_group_forgets),
    ),
    maps_to=(GDPR("5(1)(e)", Strength.PARTIAL),),
    risk="Logs that went too early hide how an attacker came in; logs that never go keep personal data for ever.",
    remediation="Set retentionInDays, to 365 or more where trails, flow logs, web ACLs or clusters write, and to no "
    "more than retention in catalogue/processing.yaml allows.",
)
