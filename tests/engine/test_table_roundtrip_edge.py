"""Load balancers, WAF, certificates and DNS: they come up, stay, change, show drift and go."""

from typing import Any

import pulumi
import pytest
from inline_stack import fails, stack
from pulumi_aws import acm, cloudwatch, ec2, lb, route53, s3, wafv2
from table_programs import after, comes_up_and_changes, document, network, repairs

from conftest import Sandbox

pytestmark = pytest.mark.engine

DOMAIN = "cell.example.com"


def certificate(version: int, zone: route53.Zone) -> acm.CertificateValidation:
    made = acm.Certificate(
        "api",
        domain_name=f"api.{DOMAIN}",
        subject_alternative_names=[f"*.{DOMAIN}"],
        validation_method="DNS",
        tags={"version": str(version)},
    )
    options = [made.domain_validation_options[index] for index in range(2)]
    records = [
        route53.Record(
            f"validation-{index}",
            zone_id=zone.zone_id,
            name=option.resource_record_name,
            type=option.resource_record_type,
            records=[option.resource_record_value],
            ttl=60,
        )
        for index, option in enumerate(options)
    ]
    names = [record.fqdn for record in records]
    return acm.CertificateValidation("api", certificate_arn=made.arn, validation_record_fqdns=names)


def balancer(version: int, net: ec2.Vpc, subnets: list[ec2.Subnet], group: ec2.SecurityGroup) -> lb.LoadBalancer:
    gateway = ec2.InternetGateway("net", vpc_id=net.id)
    logs = s3.Bucket("logs", force_destroy=True)
    delivery = {"Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"}, "Action": "s3:PutObject"}
    policy = logs.arn.apply(lambda arn: document({**delivery, "Resource": f"{arn}/*"}))
    allowed = s3.BucketPolicy("logs", bucket=logs.id, policy=policy)
    return lb.LoadBalancer(
        "edge",
        load_balancer_type="application",
        security_groups=[group.id],
        subnets=[subnet.id for subnet in subnets],
        drop_invalid_header_fields=True,
        idle_timeout=60 * version,
        desync_mitigation_mode="strictest",
        access_logs={"bucket": logs.id, "enabled": True, "prefix": "alb"},
        tags={"version": str(version)},
        opts=after(gateway, allowed),
    )


def listeners(version: int, made: lb.LoadBalancer, net: ec2.Vpc, valid: acm.CertificateValidation) -> None:
    group = lb.TargetGroup(
        "gateway",
        port=8443,
        protocol="HTTPS",
        target_type="ip",
        vpc_id=net.id,
        deregistration_delay=30,
        health_check={
            "path": "/healthz",
            "protocol": "HTTPS",
            "interval": 10 * version,
            "timeout": 5,
            "matcher": "200",
        },
        load_balancing_algorithm_type="least_outstanding_requests",
    )
    lb.Listener(
        "https",
        load_balancer_arn=made.arn,
        port=443,
        protocol="HTTPS",
        ssl_policy="ELBSecurityPolicy-TLS13-1-2-2021-06" if version == 1 else "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        certificate_arn=valid.certificate_arn,
        default_actions=[{"type": "forward", "target_group_arn": group.arn}],
        routing_http_response_server_enabled=False,
    )
    away = {"port": "443", "protocol": "HTTPS", "status_code": "HTTP_301"}
    lb.Listener(
        "http",
        load_balancer_arn=made.arn,
        port=80,
        protocol="HTTP",
        default_actions=[{"type": "redirect", "redirect": away}],
    )
    weighted = {"target_groups": [{"arn": group.arn, "weight": 1}], "stickiness": {"enabled": False, "duration": 1}}
    lb.Listener(
        "weighted",
        load_balancer_arn=made.arn,
        port=8081,
        protocol="HTTP",
        default_actions=[{"type": "forward", "forward": weighted}],
    )
    pulumi.export("group", group.arn)


def records(version: int, zone: route53.Zone, made: lb.LoadBalancer) -> None:
    target = {"name": made.dns_name, "zone_id": made.zone_id, "evaluate_target_health": True}
    route53.Record("alias", zone_id=zone.zone_id, name="api", type="A", aliases=[target])
    route53.Record("text", zone_id=zone.zone_id, name=DOMAIN, type="TXT", ttl=60 * version, records=["v=spf1 -all"])
    route53.Record(
        "weighted",
        zone_id=zone.zone_id,
        name=f"*.{DOMAIN}",
        type="CNAME",
        ttl=60,
        records=["api.example.com"],
        set_identifier="one",
        weighted_routing_policies=[{"weight": 10 * version}],
    )


def seen_as(name: str) -> dict[str, Any]:
    return {"cloudwatch_metrics_enabled": True, "metric_name": name, "sampled_requests_enabled": True}


def rules(version: int) -> list[dict[str, Any]]:
    """Nested statements, managed rules with overrides, labels; version 2 only counts what version 1 blocks."""
    plain = [{"priority": 0, "type": "NONE"}]
    path = {
        "search_string": "/v1/payments",
        "positional_constraint": "STARTS_WITH",
        "field_to_match": {"uri_path": {}},
        "text_transformations": plain,
    }
    rate = {"limit": 1000, "aggregate_key_type": "IP", "scope_down_statement": {"byte_match_statement": path}}
    managed = {
        "vendor_name": "AWS",
        "name": "AWSManagedRulesCommonRuleSet",
        "rule_action_overrides": [{"name": "SizeRestrictions_BODY", "action_to_use": {"count": {}}}],
    }
    large = {
        "comparison_operator": "GT",
        "size": 8192,
        "field_to_match": {"body": {"oversize_handling": "MATCH"}},
        "text_transformations": plain,
    }
    elsewhere = {"not_statement": {"statement": {"geo_match_statement": {"country_codes": ["DE", "FR"]}}}}
    both = {"and_statement": {"statements": [elsewhere, {"size_constraint_statement": large}]}}
    return [
        {
            "name": "rate",
            "priority": 10,
            "action": {"block": {}} if version == 1 else {"count": {}},
            "statement": {"rate_based_statement": rate},
            "visibility_config": seen_as("rate"),
        },
        {
            "name": "common",
            "priority": 20,
            "override_action": {"none": {}},
            "statement": {"managed_rule_group_statement": managed},
            "visibility_config": seen_as("common"),
        },
        {
            "name": "large-from-elsewhere",
            "priority": 30,
            "action": {"block": {}},
            "statement": both,
            "rule_labels": [{"name": "geo:elsewhere"}],
            "visibility_config": seen_as("elsewhere"),
        },
    ]


def firewall(version: int, made: lb.LoadBalancer) -> None:
    acl = wafv2.WebAcl(
        "edge",
        scope="REGIONAL",
        default_action={"allow": {}},
        visibility_config=seen_as("edge"),
        custom_response_bodies=[{"key": "limited", "content": "slow down", "content_type": "TEXT_PLAIN"}],
        rules=rules(version),
    )
    wafv2.WebAclAssociation("edge", resource_arn=made.arn, web_acl_arn=acl.arn)
    logs = cloudwatch.LogGroup("waf", name="aws-waf-logs-edge", retention_in_days=30)
    wafv2.WebAclLoggingConfiguration(
        "edge",
        resource_arn=acl.arn,
        log_destination_configs=[logs.arn],
        redacted_fields=[{"single_header": {"name": "authorization"}}],
    )
    pulumi.export("acl", {"Name": acl.name, "Id": acl.id})


def program(version: int) -> None:
    net, subnets, group = network()
    zone = route53.Zone("cell", name=DOMAIN, comment=f"v{version}", force_destroy=True)
    made = balancer(version, net, subnets, group)
    listeners(version, made, net, certificate(version, zone))
    records(version, zone, made)
    firewall(version, made)
    pulumi.export("balancer", made.arn)
    pulumi.export("zone", zone.zone_id)


def drift(sandbox: Sandbox, outputs: dict[str, Any]) -> None:
    """Three changes behind the program's back; the record is one that nobody declared."""
    waf, key = sandbox.client("wafv2"), {**outputs["acl"], "Scope": "REGIONAL"}
    live = waf.get_web_acl(**key)
    kept = {name: live["WebACL"][name] for name in ("Rules", "VisibilityConfig", "CustomResponseBodies")}
    waf.update_web_acl(**key, LockToken=live["LockToken"], DefaultAction={"Block": {}}, **kept)
    client = sandbox.client("elbv2")
    off = {"Key": "routing.http.drop_invalid_header_fields.enabled", "Value": "false"}
    client.modify_load_balancer_attributes(LoadBalancerArn=outputs["balancer"], Attributes=[off])
    client.modify_target_group(TargetGroupArn=outputs["group"], HealthCheckPath="/")
    record = {"Name": f"extra.{DOMAIN}", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    batch = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    sandbox.client("route53").change_resource_record_sets(HostedZoneId=outputs["zone"], ChangeBatch=batch)


def test_an_edge_comes_up_changes_in_place_and_goes(sandbox: Sandbox) -> None:
    with stack(sandbox, lambda: program(1)) as made:
        # Zone, certificate, balancer, group, HTTPS listener, two records, web ACL.
        comes_up_and_changes(made, program, update=8)
        drift(sandbox, made.outputs())
        repairs(made, 3)
    assert sandbox.client("elbv2").describe_load_balancers()["LoadBalancers"] == []
    assert sandbox.client("elbv2").describe_target_groups()["TargetGroups"] == []
    assert sandbox.client("wafv2").list_web_acls(Scope="REGIONAL")["WebACLs"] == []
    assert sandbox.client("acm").list_certificates()["CertificateSummaryList"] == []
    assert sandbox.client("route53").list_hosted_zones()["HostedZones"] == []


def test_a_validation_without_its_record_names_the_record(sandbox: Sandbox) -> None:
    def without_record() -> None:
        made = acm.Certificate("api", domain_name=f"api.{DOMAIN}", validation_method="DNS")
        acm.CertificateValidation("api", certificate_arn=made.arn, validation_record_fqdns=["_other.example.com"])

    with stack(sandbox, without_record) as made:
        assert f"api.{DOMAIN} is missing" in fails(made.up)
