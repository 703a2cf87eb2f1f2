"""Live logs of queries, in the words of the provider."""

from recorded import Refusal, read

QUERY_LOG = "aws:route53/queryLog:QueryLog"
RESOLVER_LOG = "aws:route53/resolverQueryLogConfig:ResolverQueryLogConfig"
GROUP = "arn:aws:logs:us-east-1:123456789012:log-group:queries"


def test_a_log_of_a_zone_is_read_once_for_all_regions() -> None:
    config = {"Id": "q", "HostedZoneId": "Z1", "CloudWatchLogsLogGroupArn": GROUP}
    (found,) = read(QUERY_LOG, {"route53.list_query_logging_configs": {"QueryLoggingConfigs": [config]}}).found
    assert found.key == f"{QUERY_LOG}|123456789012||q"
    assert (found.resource.props["zoneId"], found.resource.props["cloudwatchLogGroupArn"]) == ("Z1", GROUP)


def test_a_resolvers_log_of_another_account_is_not_this_ones() -> None:
    configs = [
        {"Id": "own", "OwnerId": "123456789012", "DestinationArn": GROUP, "Name": "queries"},
        {"Id": "shared", "OwnerId": "210987654321", "DestinationArn": GROUP},
    ]
    recorded = {"route53resolver.list_resolver_query_log_configs": {"ResolverQueryLogConfigs": configs}}
    (found,) = read(RESOLVER_LOG, recorded).found
    assert (found.identity, found.resource.props["destinationArn"]) == (("own",), GROUP)


def test_logs_that_cannot_be_listed_are_not_observed() -> None:
    assert QUERY_LOG in read(QUERY_LOG, {"route53.list_query_logging_configs": Refusal("AccessDenied")}).unobserved
