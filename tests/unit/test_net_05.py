"""NET-05: web ACLs in front of what the internet reaches."""

from typing import Any

import pytest

from policies.control import Status
from policies.resources import Resource
from policies.testing import UNKNOWN, resource, verdicts

ALB, NLB = "internet_facing_alb_has_a_web_acl", "internet_facing_nlb_stands_before_a_guarded_alb"
APPLICATION = resource("aws:lb/loadBalancer:LoadBalancer", "app", loadBalancerType="application", internal=True)
NETWORK = resource("aws:lb/loadBalancer:LoadBalancer", "net", loadBalancerType="network", internal=False)


def balancer(**props: Any) -> Resource:
    return resource("aws:lb/loadBalancer:LoadBalancer", "edge", arn="arn:edge", **props)


def acl_of(*guarded: Resource, **props: Any) -> Resource:
    return resource("aws:wafv2/webAclAssociation:WebAclAssociation", "waf", {"resourceArn": guarded}, **props)


def group(kind: str) -> Resource:
    return resource("aws:lb/targetGroup:TargetGroup", "group", targetType=kind)


def listener(of: Resource, *groups: Resource, **props: Any) -> Resource:
    references = {"loadBalancerArn": [of], "defaultActions": groups}
    return resource("aws:lb/listener:Listener", f"{of.name}-listener", references, loadBalancerArn=UNKNOWN, **props)


def holds(held_by: Resource, *targets: Resource) -> Resource:
    references = {"targetGroupArn": [held_by], "targetId": targets}
    return resource("aws:lb/targetGroupAttachment:TargetGroupAttachment", "held", references, targetGroupArn=UNKNOWN)


@pytest.mark.parametrize("type_", ["aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer"])
def test_an_internet_facing_alb_needs_a_web_acl(type_: str) -> None:
    edge = resource(type_, "edge", arn="arn:edge")

    def judged(*others: Resource) -> Status:
        return verdicts("NET-05", edge, *others)["edge", ALB]

    assert judged() is Status.FAIL
    assert judged(acl_of(edge, resourceArn=UNKNOWN)) is Status.PASS
    assert judged(acl_of(resourceArn="arn:edge")) is Status.PASS
    assert judged(acl_of(resourceArn="arn:other")) is Status.FAIL
    assert judged(acl_of(resourceArn=UNKNOWN)) is Status.UNDETERMINED


def test_what_faces_no_internet_needs_none() -> None:
    assert verdicts("NET-05", balancer(internal=True))["edge", ALB] is Status.NOT_APPLICABLE
    gateway = balancer(loadBalancerType="gateway")
    assert set(verdicts("NET-05", gateway).values()) == {Status.NOT_APPLICABLE}


def test_a_balancer_whose_place_is_unknown_is_not_passed() -> None:
    setting = resource("aws:ssm/parameter:Parameter", "setting")
    edge = resource("aws:lb/loadBalancer:LoadBalancer", "edge", {"internal": [setting]}, internal=UNKNOWN)
    assert verdicts("NET-05", edge, setting)["edge", ALB] is Status.UNDETERMINED
    left_to_aws = resource("aws:lb/loadBalancer:LoadBalancer", "edge", internal=UNKNOWN)
    assert verdicts("NET-05", left_to_aws)["edge", ALB] is Status.FAIL


def network(*others: Resource) -> Status:
    return verdicts("NET-05", NETWORK, *others)["net", NLB]


def test_an_internet_facing_nlb_stands_before_an_alb_with_a_web_acl() -> None:
    to_alb = group("alb")
    path = (to_alb, APPLICATION, holds(to_alb, APPLICATION), listener(NETWORK, to_alb, protocol="TCP"))
    assert network(*path) is Status.FAIL
    assert network(*path, acl_of(APPLICATION, resourceArn=UNKNOWN)) is Status.PASS


@pytest.mark.parametrize(("mode", "expected"), [("verify", Status.PASS), ("passthrough", Status.FAIL)])
def test_or_before_one_that_asks_for_client_certificates(mode: str, expected: Status) -> None:
    to_alb = group("alb")
    asks = listener(APPLICATION, mutualAuthentication={"mode": mode}, protocol="HTTPS")
    path = (to_alb, APPLICATION, holds(to_alb, APPLICATION), listener(NETWORK, to_alb, protocol="TCP"))
    assert network(*path, asks) is expected


def test_an_nlb_that_ends_tls_itself_is_neither() -> None:
    to_ip = group("ip")
    assert network(to_ip, listener(NETWORK, to_ip, protocol="TLS")) is Status.FAIL
    assert network(to_ip, listener(NETWORK, to_ip, protocol="TCP")) is Status.UNDETERMINED
    assert network() is Status.UNDETERMINED


def test_a_known_way_past_is_reported_beside_an_unknown_one() -> None:
    to_ip = group("ip")
    through = listener(NETWORK, to_ip, protocol="TCP")
    assert network(to_ip, through, listener(NETWORK, to_ip, protocol="TLS")) is Status.FAIL
