"""Route 53: who asked for which name."""

from collections.abc import Iterator

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.words import given

QUERY_LOGS = Question(
    service="route53",
    operation="list_query_logging_configs",
    keep=("QueryLoggingConfigs",),
    items="QueryLoggingConfigs",
)
RESOLVER_LOGS = Question(
    service="route53resolver",
    operation="list_resolver_query_log_configs",
    keep=("ResolverQueryLogConfigs",),
    items="ResolverQueryLogConfigs",
)


def query_logs(region: Region) -> Iterator[Live]:
    """Logs of public zones, which AWS keeps once for all regions."""
    for log in region.pages(QUERY_LOGS):
        yield Live(
            id=log["Id"],
            props={
                "arn": f"arn:aws:route53:::queryloggingconfig/{log['Id']}",
                "zoneId": log["HostedZoneId"],
                "cloudwatchLogGroupArn": log["CloudWatchLogsLogGroupArn"],
            },
        )


def resolver_logs(region: Region) -> Iterator[Live]:
    """Logs of what networks of this account asked; another account's that is shared with this one is not its."""
    for log in region.pages(RESOLVER_LOGS):
        if log.get("OwnerId", region.account) == region.account:
            yield Live(
                id=log["Id"],
                name=log.get("Name", ""),
                props={
                    **given(name=log.get("Name"), arn=log.get("Arn"), ownerId=log.get("OwnerId")),
                    "destinationArn": log["DestinationArn"],
                },
            )


Reader(type="aws:route53/queryLog:QueryLog", read=query_logs, source=QUERY_LOGS, everywhere=False)
Reader(type="aws:route53/resolverQueryLogConfig:ResolverQueryLogConfig", read=resolver_logs, source=RESOLVER_LOGS)
