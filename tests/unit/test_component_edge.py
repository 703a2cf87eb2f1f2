"""The edge of a cell: TLS, web ACL, names, and who reaches what."""

from dataclasses import replace

import pytest
from answers import PROOF, answers
from mocks import Registered, assert_children_of_components, assert_regional, is_unknown, run

from components.edge import Edge, EdgeArgs
from components.web_acl import WebAclArgs

ACCOUNT, REGION = "123456789012", "eu-west-1"
ARGS = EdgeArgs(
    region=REGION,
    account_id=ACCOUNT,
    jurisdiction="eu",
    domain_name="eu-west-1.pay.example.com",
    vpc_id="vpc-1",
    subnet_ids=["subnet-1", "subnet-2", "subnet-3"],
    target_security_group_id="sg-workload",
    access_log_bucket="lb-logs",
    tls_policy="ELBSecurityPolicy-TLS13-1-2-2021-06",
    rate_limit=60_000,
    logs_key_arn="arn:aws:kms:eu-west-1:123456789012:key/logs",
)
BALANCER, LISTENER, TARGETS = (
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/listener:Listener",
    "aws:lb/targetGroup:TargetGroup",
)
ACL, ASSOCIATION = "aws:wafv2/webAcl:WebAcl", "aws:wafv2/webAclAssociation:WebAclAssociation"
LOGGING = "aws:wafv2/webAclLoggingConfiguration:WebAclLoggingConfiguration"
ZONE, RECORD, CERTIFICATE = "aws:route53/zone:Zone", "aws:route53/record:Record", "aws:acm/certificate:Certificate"
INGRESS, EGRESS = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)


def made(args: EdgeArgs = ARGS, *, preview: bool = False) -> Registered:
    return run(lambda: Edge("test", args), preview=preview, outputs=answers)


@pytest.fixture(scope="module")
def edge() -> Registered:
    return made()


def test_everything_is_regional_and_has_a_parent(edge: Registered) -> None:
    assert_regional(edge, REGION)
    assert_children_of_components(edge)


def test_the_load_balancer_is_an_application_one_on_public_subnets(edge: Registered) -> None:
    balancer = edge.one(BALANCER)
    assert balancer.inputs["loadBalancerType"] == "application"
    assert balancer.inputs["internal"] is False
    assert balancer.inputs["subnets"] == ["subnet-1", "subnet-2", "subnet-3"]
    assert balancer.inputs["enableDeletionProtection"] is True
    assert balancer.protect


def test_ambiguous_requests_are_dropped(edge: Registered) -> None:
    balancer = edge.one(BALANCER).inputs
    assert balancer["dropInvalidHeaderFields"] is True
    assert balancer["desyncMitigationMode"] == "defensive"
    assert balancer["xffHeaderProcessingMode"] == "append"


def test_access_is_logged_under_the_cells_prefix(edge: Registered) -> None:
    assert edge.one(BALANCER).inputs["accessLogs"] == {"bucket": "lb-logs", "prefix": "test", "enabled": True}


def test_a_zone_can_be_left(edge: Registered) -> None:
    assert edge.one(BALANCER).inputs["enableZonalShift"] is True


def test_clients_speak_tls_13_or_12(edge: Registered) -> None:
    listener = edge.one(LISTENER, "test-https").inputs
    assert (listener["port"], listener["protocol"]) == (443, "HTTPS")
    assert listener["sslPolicy"] == "ELBSecurityPolicy-TLS13-1-2-2021-06"
    assert listener["routingHttpResponseStrictTransportSecurityHeaderValue"].startswith("max-age=63072000")
    assert listener["defaultActions"][0]["type"] == "forward"


def test_port_80_only_redirects(edge: Registered) -> None:
    listener = edge.one(LISTENER, "test-http").inputs
    assert listener["port"] == 80
    (action,) = listener["defaultActions"]
    assert action == {
        "type": "redirect",
        "redirect": {"port": "443", "protocol": "HTTPS", "statusCode": "HTTP_301"},
    }


def test_the_listener_waits_for_an_issued_certificate(edge: Registered) -> None:
    validation = "aws:acm/certificateValidation:CertificateValidation"
    waits = edge.waits_for(edge.one(LISTENER, "test-https"))
    assert {f"{validation} test", f"{RECORD} test-proof", f"{CERTIFICATE} test"} <= waits
    assert edge.one(CERTIFICATE).inputs["validationMethod"] == "DNS"
    proof = edge.one(RECORD, "test-proof").inputs
    assert proof["name"] == PROOF["resourceRecordName"]
    assert proof["records"] == [PROOF["resourceRecordValue"]]


def test_the_gateways_pods_are_targets_behind_tls(edge: Registered) -> None:
    targets = edge.one(TARGETS).inputs
    assert (targets["targetType"], targets["protocol"], targets["port"]) == ("ip", "HTTPS", 8443)
    assert targets["healthCheck"]["path"] == "/ready"
    assert targets["healthCheck"]["timeout"] < targets["healthCheck"]["interval"]
    assert targets["deregistrationDelay"] == 30


def test_the_world_reaches_443_and_80_only(edge: Registered) -> None:
    open_ = [r.inputs for r in edge.of(INGRESS).values() if r.inputs.get("cidrIpv4") == "0.0.0.0/0"]
    assert {(rule["fromPort"], rule["toPort"]) for rule in open_} == {(443, 443), (80, 80)}
    assert {rule["securityGroupId"] for rule in open_} == {"test-edge-id"}


def test_the_load_balancer_reaches_the_gateway_only(edge: Registered) -> None:
    (egress,) = [r.inputs for r in edge.of(EGRESS).values()]
    assert egress["referencedSecurityGroupId"] == "sg-workload"
    assert (egress["fromPort"], egress["toPort"]) == (8443, 8443)
    gateway = edge.of(INGRESS)["test-gateway-from-edge"].inputs
    assert gateway["securityGroupId"] == "sg-workload"
    assert gateway["referencedSecurityGroupId"] == "test-edge-id"


def test_a_regional_web_acl_stands_before_the_load_balancer(edge: Registered) -> None:
    assert edge.one(ACL).inputs["scope"] == "REGIONAL"
    association = edge.one(ASSOCIATION).inputs
    assert association["resourceArn"].endswith(":test")
    assert edge.one(BALANCER).inputs["enableWafFailOpen"] is False


def test_the_web_acl_limits_each_address_and_uses_managed_rules(edge: Registered) -> None:
    rules = {rule["name"]: rule for rule in edge.one(ACL).inputs["rules"]}
    rate = rules["rate-per-address"]
    assert rate["statement"]["rateBasedStatement"] == {
        "limit": 60_000,
        "evaluationWindowSec": 300,
        "aggregateKeyType": "IP",
    }
    assert "block" in rate["action"]
    groups = {
        rule["statement"]["managedRuleGroupStatement"]["name"]
        for rule in rules.values()
        if "managedRuleGroupStatement" in rule["statement"]
    }
    assert groups == {
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesKnownBadInputsRuleSet",
        "AWSManagedRulesCommonRuleSet",
    }
    assert len({rule["priority"] for rule in rules.values()}) == 4


def test_the_web_acls_log_has_a_key_and_hides_credentials(edge: Registered) -> None:
    group = edge.one("aws:cloudwatch/logGroup:LogGroup").inputs
    assert group["name"] == "aws-waf-logs-test"
    assert (group["retentionInDays"], group["kmsKeyId"]) == (365, ARGS.logs_key_arn)
    logging = edge.one(LOGGING)
    redacted = {field["singleHeader"]["name"] for field in logging.inputs["redactedFields"]}
    assert {"authorization", "cookie"} <= redacted
    assert "aws:cloudwatch/logResourcePolicy:LogResourcePolicy test-waf" in edge.waits_for(logging)
    samples = [rule["visibilityConfig"]["sampledRequestsEnabled"] for rule in edge.one(ACL).inputs["rules"]]
    assert samples == [False] * 4


def test_names_point_to_the_load_balancer(edge: Registered) -> None:
    record = edge.one(RECORD, "test-edge").inputs
    assert (record["name"], record["type"]) == ("eu-west-1.pay.example.com", "A")
    assert record["aliases"] == [{"name": "test.elb.example", "zoneId": "Z32O12XQLNTSW2", "evaluateTargetHealth": True}]
    assert edge.one(ZONE).protect
    assert edge.one("payment-cell:components:Edge").outputs["nameServers"] == ["ns-1.example"]


def test_a_given_zone_is_used_and_none_is_made() -> None:
    edge = made(replace(ARGS, zone_id="Z99"))
    assert edge.of(ZONE) == {}
    assert {record.inputs["zoneId"] for record in edge.of(RECORD).values()} == {"Z99"}


def test_development_can_be_taken_down() -> None:
    edge = made(replace(ARGS, protected=False))
    assert edge.one(BALANCER).inputs["enableDeletionProtection"] is False
    assert edge.one(ZONE).inputs["forceDestroy"] is True
    assert not [r.name for r in edge if r.protect]


def test_a_preview_registers_the_same_resources(edge: Registered) -> None:
    preview = made(preview=True)
    assert sorted(r.urn for r in preview) == sorted(r.urn for r in edge)
    assert is_unknown(preview.one(RECORD, "test-proof").inputs["name"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"domain_name": "Pay.example.com"}, "not a lower-case domain name"),
        ({"domain_name": "a." + "b" * 60 + ".example.com"}, "takes 64 at most"),
        ({"tls_policy": "ELBSecurityPolicy-2016-08"}, r"has no TLS 1\.3"),
        ({"subnet_ids": ["subnet-1"]}, "two zones or more"),
        ({"gateway_port": 0}, r"0 is outside 1\.\.65535"),
    ],
)
def test_what_aws_would_refuse_is_refused_at_once(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        replace(ARGS, **change)  # type: ignore[arg-type]


def test_a_rate_limit_below_wafs_least_is_refused() -> None:
    with pytest.raises(ValueError, match="9 is below 10 requests"):
        WebAclArgs(
            region=REGION,
            account_id=ACCOUNT,
            jurisdiction="eu",
            resource_arn="arn",
            rate_limit=9,
            logs_key_arn="arn",
            log_retention_days=365,
        )


def test_a_name_that_leaves_no_room_is_refused() -> None:
    with pytest.raises(ValueError, match="a load balancer's name leaves 24"):
        run(lambda: Edge("t" * 25, ARGS))
