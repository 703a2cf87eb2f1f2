"""Rules and routes that a program writes inside of their group or table are no strangers in the account."""

from collections.abc import Mapping
from typing import Any

import pytest
from recorded import ACCOUNT, REGION, region

from operations.audit.inline import EGRESS, INGRESS, ROUTE
from operations.audit.live.collect import collect
from operations.audit.reconcile import changes
from operations.audit.sights import StateOf, keys_of, live_sight, state_sight

GROUP, TABLE = "aws:ec2/securityGroup:SecurityGroup", "aws:ec2/routeTable:RouteTable"
RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
LIVE_GROUP = {"GroupId": "sg-1", "GroupName": "edge", "VpcId": "vpc-1"}
TLS = {"GroupId": "sg-1", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IsEgress": False}
INSIDE = {"protocol": "tcp", "fromPort": 443.0, "toPort": 443.0}


def row(type_: str, id_: str, outputs: Mapping[str, Any] | None = None, **inputs: Any) -> dict[str, Any]:
    about = {"urn": f"urn:pulumi:s::p::{type_}::{id_}", "custom": True, "type": type_, "id": id_}
    return {**about, "inputs": inputs, "outputs": {"region": REGION, **(outputs or {})}}


def unmanaged(types: list[str], recorded: Mapping[str, Any], *rows: Mapping[str, Any]) -> set[str]:
    """Ids of what the account has and these states do not."""
    states = [StateOf(stack="s", account=ACCOUNT, rows=rows)]
    keys = keys_of(states)
    live = live_sight(collect([region(recorded)], types), [], [], states=states)
    found = changes([state_sight(states, keys, [], asked=False), live], [])
    return {one.resource.id for one in found if one.clause == "nothing_is_unmanaged"}


def rules(*live: Mapping[str, Any]) -> dict[str, Any]:
    numbered = [{**one, "SecurityGroupRuleId": f"sgr-{number}"} for number, one in enumerate(live)]
    return {
        "ec2.describe_security_groups": {"SecurityGroups": [LIVE_GROUP]},
        "ec2.describe_security_group_rules": {"SecurityGroupRules": numbered},
    }


def strange(given: Mapping[str, Any], *live: Mapping[str, Any], name: str = "ingress") -> set[str]:
    group = row(GROUP, "sg-1", **{name: [given]})
    return unmanaged([GROUP, INGRESS, EGRESS], rules(*live), group)


def test_a_rule_inside_of_its_group_is_no_stranger_and_one_beside_it_is() -> None:
    ours, theirs = {**TLS, "CidrIpv4": "10.0.0.0/16"}, {**TLS, "CidrIpv4": "0.0.0.0/0"}
    assert strange({**INSIDE, "cidrBlocks": ["10.0.0.0/16"]}, ours, theirs) == {"sgr-1"}
    assert strange({**INSIDE, "cidrBlocks": ["10.0.0.0/16", "0.0.0.0/0"]}, ours, theirs) == set()
    assert strange({**INSIDE, "fromPort": 80, "cidrBlocks": ["10.0.0.0/16"]}, ours) == {"sgr-0"}
    assert strange({**INSIDE, "cidrBlocks": ["10.0.0.0/16"]}, {**ours, "IsEgress": True}) == {"sgr-0"}


@pytest.mark.parametrize(
    ("given", "live"),
    [
        ({"ipv6CidrBlocks": ["2001:DB8::/32"]}, {"CidrIpv6": "2001:db8::/32"}),
        ({"prefixListIds": ["pl-1"]}, {"PrefixListId": "pl-1"}),
        ({"securityGroups": ["sg-2"]}, {"ReferencedGroupInfo": {"GroupId": "sg-2"}}),
        ({"self": True}, {"ReferencedGroupInfo": {"GroupId": "sg-1"}}),
        ({"protocol": "6", "cidrBlocks": ["10.0.0.9/16"]}, {"CidrIpv4": "10.0.0.0/16"}),
    ],
)
def test_each_kind_of_peer_is_known(given: dict[str, Any], live: dict[str, Any]) -> None:
    assert strange({**INSIDE, **given}, {**TLS, **live}) == set()
    assert strange({**INSIDE, "cidrBlocks": ["192.0.2.0/24"]}, {**TLS, **live}) == {"sgr-0"}


def test_a_rule_for_all_protocols_has_no_ports() -> None:
    given = {"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": ["0.0.0.0/0"]}
    live = {"GroupId": "sg-1", "IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "IsEgress": True}
    assert strange(given, {**live, "CidrIpv4": "0.0.0.0/0"}, name="egress") == set()


def test_what_a_refresh_found_in_a_group_is_a_stranger_all_the_same() -> None:
    found = {**INSIDE, "cidrBlocks": ["0.0.0.0/0"]}
    group = row(GROUP, "sg-1", {"ingress": [found]})
    live = rules({**TLS, "CidrIpv4": "0.0.0.0/0"})
    assert unmanaged([GROUP, INGRESS], live, group) == {"sgr-0"}


def test_one_resource_may_be_several_rules() -> None:
    blocks = ["10.0.0.0/16", "10.1.0.0/16"]
    group = row(GROUP, "sg-1")
    rule = row(RULE, "sgrule-1", type="ingress", securityGroupId="sg-1", **INSIDE, cidrBlocks=blocks)
    live = rules(*({**TLS, "CidrIpv4": block} for block in (*blocks, "10.2.0.0/16")))
    assert unmanaged([GROUP, INGRESS], live, group, rule) == {"sgr-2"}


def test_a_route_inside_of_its_table_is_no_stranger_while_it_leads_to_the_same_place() -> None:
    def strangers(**route: Any) -> int:
        live = {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-1", "Origin": "CreateRoute", **route}
        tables = [{"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Routes": [live]}]
        inside = [{"cidrBlock": "0.0.0.0/0", "natGatewayId": "nat-1", "gatewayId": ""}]
        table = row(TABLE, "rtb-1", routes=inside)
        return len(unmanaged([TABLE, ROUTE], {"ec2.describe_route_tables": {"RouteTables": tables}}, table))

    assert strangers() == 0
    assert strangers(NatGatewayId="nat-2") == 1
    assert strangers(DestinationCidrBlock="10.9.0.0/16") == 1
