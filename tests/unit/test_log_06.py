"""LOG-06: retention of log groups."""

from dataclasses import replace
from typing import Any

import pytest
from pulumi_policy.proxy import unknown_checking_proxy

from policies.control import Status
from policies.resources import Resource
from policies.testing import MADE_UP, UNKNOWN, resource, verdicts

YEAR, FORGETS = "security_log_is_kept_a_year", "log_group_forgets"
WRITERS = {
    "aws:cloudtrail/trail:Trail": "cloudWatchLogsGroupArn",
    "aws:ec2/flowLog:FlowLog": "logDestination",
    "aws:route53/queryLog:QueryLog": "cloudwatchLogGroupArn",
    "aws:route53/resolverQueryLogConfig:ResolverQueryLogConfig": "destinationArn",
}
WAF = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"


def group(**props: Any) -> Resource:
    return resource("aws:cloudwatch/logGroup:LogGroup", "logs", arn="arn:logs", **props)


def named(found: Resource, name: str, **props: Any) -> Resource:
    return replace(found, props=unknown_checking_proxy({"name": name, **props}))


def writer(type_: str, name: str, of: Resource) -> Resource:
    return resource(type_, "writer", {name: [of]}, **{name: UNKNOWN})


@pytest.mark.parametrize(("days", "expected"), [(365, Status.PASS), (364, Status.FAIL), (0, Status.PASS)])
@pytest.mark.parametrize(("type_", "name"), WRITERS.items())
def test_what_security_logs_are_written_to_is_kept_a_year(type_: str, name: str, days: int, expected: Status) -> None:
    logs = group(retentionInDays=days)
    assert verdicts("LOG-06", logs, writer(type_, name, logs))["logs", YEAR] is expected


def test_literal_arns_of_trails_and_web_acls_are_read() -> None:
    short = group(retentionInDays=7)
    trail = resource("aws:cloudtrail/trail:Trail", "trail", cloudWatchLogsGroupArn="arn:logs:*")
    assert verdicts("LOG-06", short, trail)["logs", YEAR] is Status.FAIL
    waf = resource(WAF, "waf", logDestinationConfigs=["arn:logs"])
    assert verdicts("LOG-06", short, waf)["logs", YEAR] is Status.FAIL
    hidden = replace(group(retentionInDays=UNKNOWN), references={"retentionInDays": (trail.urn,)})
    assert verdicts("LOG-06", hidden, trail)["logs", YEAR] is Status.UNDETERMINED
    assert verdicts("LOG-06", trail, waf) == {}, "only groups are asked"


def test_the_group_of_a_cluster_is_known_by_its_name() -> None:
    cluster = named(resource("aws:eks/cluster:Cluster", "cluster"), "main")
    its_own = named(group(), "/aws/eks/main/cluster", retentionInDays=7)
    assert verdicts("LOG-06", its_own, cluster)["logs", YEAR] is Status.FAIL
    other = named(group(), "/aws/eks/other/cluster", retentionInDays=7)
    assert verdicts("LOG-06", other, cluster)["logs", YEAR] is Status.NOT_APPLICABLE


def test_other_groups_and_synthetic_data_may_be_forgotten_sooner() -> None:
    assert verdicts("LOG-06", group(retentionInDays=7))["logs", YEAR] is Status.NOT_APPLICABLE
    made_up = group(retentionInDays=7, tags=MADE_UP)
    log = writer("aws:ec2/flowLog:FlowLog", "logDestination", made_up)
    assert verdicts("LOG-06", made_up, log)["logs", YEAR] is Status.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("props", "expected"),
    [
        ({}, Status.FAIL),
        ({"retentionInDays": 0}, Status.FAIL),
        ({"retentionInDays": 365}, Status.PASS),
        ({"retentionInDays": 400}, Status.FAIL),
        ({"retentionInDays": 400, "tags": {"payment-cell:data-class": "internal"}}, Status.FAIL),
        ({"retentionInDays": UNKNOWN}, Status.UNDETERMINED),
    ],
)
def test_no_group_keeps_for_longer_than_the_register_allows(props: dict[str, Any], expected: Status) -> None:
    assert verdicts("LOG-06", group(**props))["logs", FORGETS] is expected
