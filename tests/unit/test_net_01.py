"""NET-01: what the world reaches."""

import pytest
from judged import status, unasked

from policies.control import Status
from policies.testing import UNKNOWN, resource

RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
BALANCER = "aws:lb/loadBalancer:LoadBalancer"
LISTENER = "aws:lb/listener:Listener"


@pytest.mark.parametrize("network", ["0.0.0.0/0", "128.0.0.0/1", "::/0"])
def test_refuses_the_world(network: str) -> None:
    name = "cidrIpv6" if ":" in network else "cidrIpv4"
    assert (
        status("NET-01", resource(RULE, "r", ipProtocol="tcp", fromPort=22.0, toPort=22.0, **{name: network}))
        is Status.FAIL
    )


def test_knows_networks_groups_and_unknowns() -> None:
    def rule(**props: object) -> Status:
        return status("NET-01", resource(RULE, "r", ipProtocol="tcp", fromPort=5432.0, toPort=5432.0, **props))

    assert rule(cidrIpv4="10.0.0.0/8") is Status.PASS
    assert rule(referencedSecurityGroupId="sg-1") is Status.PASS
    assert rule(cidrIpv4=UNKNOWN) is Status.UNDETERMINED
    assert rule(prefixListId="pl-1") is Status.UNDETERMINED


def test_allows_443_only_at_the_edge() -> None:
    group = resource(GROUP, "g")
    open_443 = resource(
        RULE, "r", {"securityGroupId": [group]}, ipProtocol="tcp", fromPort=443.0, toPort=443.0, cidrIpv4="0.0.0.0/0"
    )
    edge = resource(BALANCER, "lb", {"securityGroups": [group]}, securityGroups=[UNKNOWN], internal=False)
    inner = resource(BALANCER, "lb", {"securityGroups": [group]}, securityGroups=[UNKNOWN], internal=True)
    assert status("NET-01", open_443, group, edge) is Status.PASS
    assert status("NET-01", open_443, group, inner) is Status.FAIL
    assert status("NET-01", open_443, group) is Status.FAIL


def test_allows_80_where_every_rule_redirects() -> None:
    group = resource(GROUP, "g")
    open_80 = resource(
        RULE, "r", {"securityGroupId": [group]}, ipProtocol="tcp", fromPort=80.0, toPort=80.0, cidrIpv4="0.0.0.0/0"
    )
    edge = resource(BALANCER, "lb", {"securityGroups": [group]}, securityGroups=[UNKNOWN])
    redirect = resource(LISTENER, "l", port=80.0, defaultActions=[{"type": "redirect"}])
    forward = resource(LISTENER, "l", port=80.0, defaultActions=[{"type": "forward"}])
    assert status("NET-01", open_80, group, edge, redirect) is Status.PASS
    assert status("NET-01", open_80, group, edge, forward) is Status.FAIL
    assert status("NET-01", open_80, group, edge) is Status.FAIL


def test_reads_inline_rules_too() -> None:
    ingress = [{"protocol": "-1", "fromPort": 0.0, "toPort": 0.0, "cidrBlocks": ["0.0.0.0/0"]}]
    assert status("NET-01", resource(GROUP, "g", ingress=ingress)) is Status.FAIL
    assert status("NET-01", resource(GROUP, "g")) is Status.PASS
    assert status("NET-01", resource(GROUP, "g", ingress=UNKNOWN)) is Status.PASS, (
        "AWS decides: there are no inline rules"
    )
    address = resource("aws:ec2/eip:Eip", "address")
    assert (
        status("NET-01", resource(GROUP, "g", {"ingress": [address]}, ingress=UNKNOWN), address) is Status.UNDETERMINED
    )


def test_rules_of_what_leaves_are_not_asked() -> None:
    leaving = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    assert unasked("NET-01", resource(leaving, "out", ipProtocol="-1", cidrIpv4="0.0.0.0/0"))
