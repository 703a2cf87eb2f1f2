"""Live load balancers, listeners and targets, in the words of the provider."""

from typing import Any

from recorded import Refusal, read, region

from operations.audit.live.collect import collect, linked
from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

BALANCER, LISTENER, RULE = (
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/listener:Listener",
    "aws:lb/listenerRule:ListenerRule",
)
GROUP, ATTACHMENT = "aws:lb/targetGroup:TargetGroup", "aws:lb/targetGroupAttachment:TargetGroupAttachment"
REDIRECT = {"Type": "redirect", "RedirectConfig": {"Protocol": "HTTPS", "Port": "443", "StatusCode": "HTTP_301"}}
FORWARD = {"Type": "forward", "TargetGroupArn": "arn:group"}


def recorded(*, target_type: str = "ip", rule: dict[str, Any] = REDIRECT, **listener: Any) -> dict[str, Any]:
    balancer = {"LoadBalancerArn": "arn:lb", "LoadBalancerName": "edge", "Type": "application", "Scheme": "internal"}
    one = {"ListenerArn": "arn:listener", "LoadBalancerArn": "arn:lb", "DefaultActions": [REDIRECT], **listener}
    attributes = {"access_logs.s3.enabled": "true", "access_logs.s3.bucket": "logs"}
    rules = [
        {"RuleArn": "arn:rule", "Priority": "1", "IsDefault": False, "Actions": [rule]},
        {"RuleArn": "arn:default", "Priority": "default", "IsDefault": True, "Actions": [REDIRECT]},
    ]
    return {
        "elbv2.describe_load_balancers": {"LoadBalancers": [balancer]},
        "elbv2.describe_load_balancer_attributes": {
            "Attributes": [{"Key": key, "Value": value} for key, value in attributes.items()]
        },
        "elbv2.describe_listeners": {"Listeners": [one]},
        "elbv2.describe_rules": {"Rules": rules},
        "elbv2.describe_ssl_policies": {"SslPolicies": [{"Name": "Own-2031", "SslProtocols": ["TLSv1.3"]}]},
        "elbv2.describe_target_groups": {
            "TargetGroups": [{"TargetGroupArn": "arn:group", "TargetGroupName": "pods", "TargetType": target_type}]
        },
        "elbv2.describe_target_health": {"TargetHealthDescriptions": [{"Target": {"Id": "arn:alb", "Port": 443}}]},
        "elbv2.describe_tags": {"TagDescriptions": [{"Tags": [{"Key": "a", "Value": "b"}]}]},
    }


def statuses(answers_: dict[str, Any]) -> dict[str, Status]:
    stack = Stack(linked(collect([region(answers_)], [LISTENER, RULE, BALANCER]).found))
    return {one.clause: one.verdict.status for one in answers(control("TLS-01"), stack, live=True)}


def test_a_balancer_is_read_with_its_logs_and_tags() -> None:
    (found,) = read(BALANCER, recorded()).found
    props = found.resource.props
    assert (props["internal"], props["loadBalancerType"], props["tags"]["a"]) == (True, "application", "b")
    assert (props["accessLogs"]["bucket"], props["accessLogs"]["enabled"]) == ("logs", True)


def test_attributes_that_are_refused_leave_where_logs_go_not_observed() -> None:
    refused = recorded() | {"elbv2.describe_load_balancer_attributes": Refusal("AccessDenied")}
    stack = Stack(tuple(one.resource for one in read(BALANCER, refused).found))
    (finding,) = answers(control("RES-07"), stack, live=True)
    assert finding.verdict.status is Status.NOT_OBSERVED


def test_a_listener_is_read_with_the_versions_that_its_policy_speaks() -> None:
    (found,) = read(LISTENER, recorded(Protocol="HTTPS", Port=443, SslPolicy="Own-2031")).found
    props = found.resource.props
    assert (props["protocol"], props["port"], props["sslProtocols"]) == ("HTTPS", 443, ["TLSv1.3"])


def test_a_policy_of_a_name_that_nobody_knows_is_judged_by_its_protocols() -> None:
    assert statuses(recorded(Protocol="HTTPS", SslPolicy="Own-2031"))["listener_speaks_tls_1_2"] is Status.PASS
    old = {"elbv2.describe_ssl_policies": {"SslPolicies": [{"Name": "Own-2031", "SslProtocols": ["TLSv1.1"]}]}}
    answers_ = recorded(Protocol="HTTPS", SslPolicy="Own-2031")
    assert statuses(answers_ | old)["listener_speaks_tls_1_2"] is Status.FAIL
    refused = {"elbv2.describe_ssl_policies": Refusal("AccessDenied")}
    assert statuses(answers_ | refused)["listener_speaks_tls_1_2"] is Status.NOT_OBSERVED


def test_plain_http_whose_rule_forwards_fails_tls_01() -> None:
    assert statuses(recorded(Protocol="HTTP", Port=80))["plain_http_only_redirects"] is Status.PASS
    assert statuses(recorded(Protocol="HTTP", Port=80, rule=FORWARD))["plain_http_only_redirects"] is Status.FAIL


def test_the_last_rule_is_the_listeners_own() -> None:
    assert [one.identity for one in read(RULE, recorded()).found] == [("arn:rule",)]


def test_an_action_keeps_what_the_provider_keeps_and_no_clients_secret() -> None:
    login = {"Type": "authenticate-oidc", "AuthenticateOidcConfig": {"ClientSecret": "s3cret"}}
    weighted = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "arn:group", "Weight": 1}]}}
    here = region(recorded(DefaultActions=[login, FORWARD, weighted]))
    (found,) = collect([here], [LISTENER]).found
    assert found.resource.props["defaultActions"] == [
        {"type": "authenticate-oidc"},
        {"type": "forward", "targetGroupArn": "arn:group"},
        {"type": "forward", "forward": {"targetGroups": [{"arn": "arn:group", "weight": 1}]}},
    ]
    assert "s3cret" not in str([call.answer for call in here._recorder.calls])


def test_a_balancer_behind_another_is_an_attachment_that_somebody_made() -> None:
    (found,) = read(ATTACHMENT, recorded(target_type="alb")).found
    assert (found.identity, found.made_by_aws) == (("arn:group", "arn:alb"), "")
    assert read(ATTACHMENT, recorded(target_type="ip")).found[0].made_by_aws == "registered target"
    assert read(GROUP, recorded(target_type="alb")).found[0].resource.props["targetType"] == "alb"
