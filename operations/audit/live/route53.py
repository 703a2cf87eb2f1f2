"""Route 53: zones, where their names lead, and who asked for which."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags
from operations.audit.live.words import camel, given

ZONES = Question(service="route53", operation="list_hosted_zones", keep=("HostedZones",), items="HostedZones")
RECORDS = Question(
    service="route53",
    operation="list_resource_record_sets",
    keep=("ResourceRecordSets",),
    items="ResourceRecordSets",
    absent=frozenset({"NoSuchHostedZone"}),
)
CHECKS = Question(service="route53", operation="list_health_checks", keep=("HealthChecks",), items="HealthChecks")
TAGS = Question(service="route53", operation="list_tags_for_resource", keep=("ResourceTagSet.Tags",))

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


_POLICIES: Mapping[str, tuple[str, str]] = {
    "Failover": ("failoverRoutingPolicies", "type"),
    "Region": ("latencyRoutingPolicies", "region"),
    "Weight": ("weightedRoutingPolicies", "weight"),
}
"""AWS's member of a record that says how Route 53 chooses -> the provider's block and what is in it."""


def zones(region: Region) -> Iterator[Live]:
    """Zones of this account; a service of AWS makes some for what it runs."""
    for zone in region.pages(ZONES):
        zone_id, name = _zone_id(zone), zone["Name"].rstrip(".")
        yield Live(
            id=zone_id,
            name=name,
            made_by_aws=_service(zone),
            props={
                "arn": f"arn:aws:route53:::hostedzone/{zone_id}",
                "name": name,
                "zoneId": zone_id,
                "comment": (zone.get("Config") or {}).get("Comment", ""),
                "tags": _tags(region, "hostedzone", zone_id),
            },
        )


def records(region: Region) -> Iterator[Live]:
    """Records of all zones; the first NS and SOA of a zone come with it."""
    for zone in region.pages(ZONES):
        for record in region.pages(RECORDS, HostedZoneId=_zone_id(zone)):
            first = record["Type"] in ("NS", "SOA") and record["Name"] == zone["Name"]
            yield _record(_zone_id(zone), record, _service(zone) or ("first records of a zone" if first else ""))


def _record(zone_id: str, record: Mapping[str, Any], made_by_aws: str) -> Live:
    # Route 53 writes a star as its octal code (DomainNameFormat in the developer guide).
    name = record["Name"].rstrip(".").replace("\\052", "*")
    alias = record.get("AliasTarget")
    target = alias and {
        "name": alias["DNSName"].rstrip("."),
        "zoneId": alias["HostedZoneId"],
        "evaluateTargetHealth": alias["EvaluateTargetHealth"],
    }
    return Live(
        id="_".join(filter(None, (zone_id, name, record["Type"], record.get("SetIdentifier")))),
        name=f"{name} {record['Type']}",
        made_by_aws=made_by_aws,
        props={
            **given(ttl=record.get("TTL"), setIdentifier=record.get("SetIdentifier")),
            **given(healthCheckId=record.get("HealthCheckId")),
            **{
                block: [{key: record[word]}] for word, (block, key) in _POLICIES.items() if record.get(word) is not None
            },
            **({"geolocationRoutingPolicies": [camel(record["GeoLocation"])]} if record.get("GeoLocation") else {}),
            **({"aliases": [target]} if target else {}),
            "records": [value["Value"] for value in record.get("ResourceRecords") or ()],
            "name": name,
            "type": record["Type"],
            "zoneId": zone_id,
        },
    )


def health_checks(region: Region) -> Iterator[Live]:
    """What Route 53 asks to know whether an endpoint is well."""
    for check in region.pages(CHECKS):
        config = check["HealthCheckConfig"]
        yield Live(
            id=check["Id"],
            made_by_aws=_service(check),
            props={
                **given(fqdn=config.get("FullyQualifiedDomainName"), port=config.get("Port")),
                **given(resourcePath=config.get("ResourcePath"), requestInterval=config.get("RequestInterval")),
                "arn": f"arn:aws:route53:::healthcheck/{check['Id']}",
                "type": config["Type"],
                "disabled": config.get("Disabled", False),
                "tags": _tags(region, "healthcheck", check["Id"]),
            },
        )


def _zone_id(zone: Mapping[str, Any]) -> str:
    return str(zone["Id"]).rpartition("/")[2]


def _service(one: Mapping[str, Any]) -> str:
    return "zone or check of a service" if (one.get("LinkedService") or {}).get("ServicePrincipal") else ""


def _tags(region: Region, kind: str, resource_id: str) -> Any:
    return region.field(
        TAGS,
        lambda answer: tags((answer.get("ResourceTagSet") or {}).get("Tags")),
        ResourceType=kind,
        ResourceId=resource_id,
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


Reader(type="aws:route53/zone:Zone", read=zones, source=ZONES, everywhere=False)
Reader(type="aws:route53/record:Record", read=records, source=RECORDS, everywhere=False)
Reader(type="aws:route53/healthCheck:HealthCheck", read=health_checks, source=CHECKS, everywhere=False)
Reader(type="aws:route53/queryLog:QueryLog", read=query_logs, source=QUERY_LOGS, everywhere=False)
Reader(type="aws:route53/resolverQueryLogConfig:ResolverQueryLogConfig", read=resolver_logs, source=RESOLVER_LOGS)
