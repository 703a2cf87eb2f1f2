"""What guards the ways into and through a network."""

import json

from marks import OWN_ACCOUNT, QUIET
from pulumi_aws import ec2, lb, wafv2

SEEN = {"cloudwatch_metrics_enabled": True, "metric_name": "acl", "sampled_requests_enabled": False}


def declare() -> None:
    _flow_logs()
    _endpoints()
    _machines()
    _web_acls()


def _flow_logs() -> None:
    for name in ("bad", "good"):
        net = ec2.Vpc(f"net-07-{name}", cidr_block="10.7.0.0/16", tags=QUIET)
        ec2.DefaultSecurityGroup(f"net-07-{name}", vpc_id=net.id, tags=QUIET)
        if name == "good":
            destination = "arn:aws:s3:::flow-logs"
            ec2.FlowLog(
                "net-07",
                vpc_id=net.id,
                traffic_type="ALL",
                log_destination_type="s3",
                log_destination=destination,
                tags=QUIET,
            )


def _endpoints() -> None:
    for name, policy in (("bad", None), ("good", json.dumps({"Version": "2012-10-17", "Statement": [OWN_ACCOUNT]}))):
        ec2.VpcEndpoint(
            f"net-04-{name}", vpc_id="vpc-4", service_name="com.amazonaws.eu-west-1.s3", policy=policy, tags=QUIET
        )


def _machines() -> None:
    for name, hops in (("bad", 2), ("good", 1)):
        ec2.LaunchTemplate(
            f"net-08-{name}",
            metadata_options={"http_tokens": "required", "http_put_response_hop_limit": hops},
            tags=QUIET,
        )


def _web_acls() -> None:
    for name in ("bad", "good"):
        balancer = lb.LoadBalancer(f"net-05-{name}", load_balancer_type="application", subnets=["subnet-5"], tags=QUIET)
        acl = wafv2.WebAcl(
            f"net-06-{name}",
            scope="REGIONAL",
            default_action={"allow": {}},
            visibility_config=SEEN,
            rules=[
                {
                    "name": "rate",
                    "priority": 0,
                    "action": {"block": {}},
                    "statement": {"rate_based_statement": {"limit": 1000, "aggregate_key_type": "IP"}},
                    "visibility_config": SEEN,
                },
                {
                    "name": "common",
                    "priority": 1,
                    "override_action": {"none": {}},
                    "statement": {
                        "managed_rule_group_statement": {"vendor_name": "AWS", "name": "AWSManagedRulesCommonRuleSet"}
                    },
                    "visibility_config": SEEN,
                },
            ],
            tags=QUIET,
        )
        if name == "good":
            wafv2.WebAclAssociation("net-05", resource_arn=balancer.arn, web_acl_arn=acl.arn)
            wafv2.WebAclLoggingConfiguration(
                "net-06",
                resource_arn=acl.arn,
                log_destination_configs=["arn:aws:logs:eu-west-1:123456789012:log-group:aws-waf-logs-net"],
                redacted_fields=[{"single_header": {"name": header}} for header in ("authorization", "cookie")],
            )
