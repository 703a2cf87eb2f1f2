"""Live zones, records and logs of queries, in the words of the provider."""

from typing import Any

from recorded import Refusal, read

from operations.audit.live.collect import linked
from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

ZONE, RECORD = "aws:route53/zone:Zone", "aws:route53/record:Record"
CHECK = "aws:route53/healthCheck:HealthCheck"

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


def zone(*records: dict[str, Any], **more: Any) -> dict[str, Any]:
    hosted = {"Id": "/hostedzone/Z1", "Name": "cell.example.com.", "CallerReference": "c", **more}
    return {
        "route53.list_hosted_zones": {"HostedZones": [hosted]},
        "route53.list_resource_record_sets": {"ResourceRecordSets": list(records)},
        "route53.list_tags_for_resource": {"ResourceTagSet": {"Tags": [{"Key": "a", "Value": "b"}]}},
    }


def alias(region: str, name: str = "cell.example.com.") -> dict[str, Any]:
    target = {"HostedZoneId": "Z2", "DNSName": f"edge-1.{region}.elb.amazonaws.com.", "EvaluateTargetHealth": True}
    return {"Name": name, "Type": "A", "SetIdentifier": region, "Region": region, "AliasTarget": target}


def test_zones_are_read_and_those_of_a_service_are_known() -> None:
    (own,) = read(ZONE, zone()).found
    assert (own.identity, own.resource.props["name"], own.resource.props["tags"]["a"]) == (
        ("Z1",),
        "cell.example.com",
        "b",
    )
    of_service = zone(LinkedService={"ServicePrincipal": "servicediscovery.amazonaws.com"})
    assert read(ZONE, of_service).found[0].made_by_aws == "zone or check of a service"


def test_records_have_the_providers_ids_and_the_first_ones_are_the_zones() -> None:
    star = {"Name": "\\052.cell.example.com.", "Type": "CNAME", "TTL": 60, "ResourceRecords": [{"Value": "x.example"}]}
    first = {"Name": "cell.example.com.", "Type": "SOA", "TTL": 900, "ResourceRecords": [{"Value": "ns"}]}
    found = read(RECORD, zone(star, first, alias("eu-west-1"))).found
    assert {one.identity[0]: one.made_by_aws for one in found} == {
        "Z1_*.cell.example.com_CNAME": "",
        "Z1_cell.example.com_SOA": "first records of a zone",
        "Z1_cell.example.com_A_eu-west-1": "",
    }


def test_a_name_that_leads_abroad_fails_res_11() -> None:
    def status(*records: dict[str, Any]) -> set[Status]:
        stack = Stack(linked(read(RECORD, zone(*records)).found))
        return {one.verdict.status for one in answers(control("RES-11"), stack, live=True)}

    assert status(alias("eu-west-1"), alias("eu-central-1")) == {Status.PASS}
    assert status(alias("eu-west-1"), alias("us-east-1")) == {Status.FAIL}


def test_a_health_check_says_what_it_asks() -> None:
    config = {"Type": "HTTPS", "FullyQualifiedDomainName": "cell.example.com", "Port": 443, "ResourcePath": "/ready"}
    check = {"Id": "h", "CallerReference": "c", "HealthCheckConfig": config, "HealthCheckVersion": 1}
    (found,) = read(CHECK, {"route53.list_health_checks": {"HealthChecks": [check]}}).found
    props = found.resource.props
    assert (props["fqdn"], props["port"], props["resourcePath"]) == ("cell.example.com", 443, "/ready")
