"""Live security groups: which rules are AWS's own, and which open something."""

from typing import Any

from recorded import Refusal, read, region

from operations.audit.live.collect import collect, linked
from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Stack

GROUP = "aws:ec2/securityGroup:SecurityGroup"
DEFAULT = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"

MEMBERS = {"IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "IsEgress": False}
OUT = {"IpProtocol": "-1", "FromPort": -1, "ToPort": -1, "IsEgress": True, "CidrIpv4": "0.0.0.0/0"}
OPEN = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IsEgress": False, "CidrIpv4": "0.0.0.0/0"}


def rule(number: int, group: str, values: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"SecurityGroupRuleId": f"sgr-{number}", "GroupId": group, **values, **more}


def recorded(*rules: dict[str, Any]) -> dict[str, Any]:
    eks = [{"Key": "aws:eks:cluster-name", "Value": "cell"}]
    permission = {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}
    return {
        "ec2.describe_security_groups": {
            "SecurityGroups": [
                {"GroupId": "sg-1", "GroupName": "edge", "VpcId": "vpc-1", "IpPermissions": [permission]},
                {"GroupId": "sg-2", "GroupName": "eks-cluster-sg-cell-1", "VpcId": "vpc-1", "Tags": eks},
                {"GroupId": "sg-3", "GroupName": "default", "VpcId": "vpc-1"},
            ]
        },
        "ec2.describe_security_group_rules": {"SecurityGroupRules": list(rules)},
    }


def test_groups_are_read_with_their_rules_and_that_of_a_cluster_is_known() -> None:
    own, of_eks = read(GROUP, recorded()).found
    assert own.resource.props["ingress"][0]["cidrBlocks"] == ["0.0.0.0/0"]
    assert (own.made_by_aws, of_eks.made_by_aws) == ("", "EKS cluster security group")


def test_the_default_group_of_the_default_network_is_aws_own_while_it_holds_its_rules_only() -> None:
    def owner(is_default: bool, *rules: dict[str, Any]) -> str:
        vpcs = {"ec2.describe_vpcs": {"Vpcs": [{"VpcId": "vpc-1", "IsDefault": is_default}]}}
        return read(DEFAULT, recorded(*rules) | vpcs).found[0].made_by_aws

    own_rules = (rule(1, "sg-3", MEMBERS, ReferencedGroupInfo={"GroupId": "sg-3"}), rule(2, "sg-3", OUT))
    assert owner(True, *own_rules) == "default security group"
    assert owner(True, *own_rules, rule(3, "sg-3", OPEN)) == ""
    assert owner(False, *own_rules) == ""


def test_a_rule_that_somebody_adds_to_the_group_of_a_cluster_is_nobodys_of_aws() -> None:
    found = read(
        INGRESS, recorded(rule(1, "sg-2", MEMBERS, ReferencedGroupInfo={"GroupId": "sg-2"}), rule(2, "sg-2", OPEN))
    )
    assert {one.identity[0]: one.made_by_aws for one in found.found} == {
        "sgr-1": "EKS cluster security group",
        "sgr-2": "",
    }
    assert [one.identity for one in read(EGRESS, recorded(rule(3, "sg-1", OUT))).found] == [("sgr-3",)]


def test_a_rule_for_every_port_names_none() -> None:
    (found,) = read(EGRESS, recorded(rule(1, "sg-1", OUT))).found
    assert (found.resource.props["ipProtocol"], "fromPort" in found.resource.props) == ("-1", False)


def test_a_port_that_was_opened_by_hand_fails_net_01() -> None:
    found = collect([region(recorded(rule(1, "sg-1", OPEN)))], [INGRESS, GROUP]).found
    stack = Stack(linked(found))
    statuses = {one.urn.split("|")[3]: one.verdict.status for one in answers(control("NET-01"), stack, live=True)}
    assert statuses == {"sgr-1": Status.FAIL, "sg-1": Status.FAIL, "sg-2": Status.PASS}


def test_rules_that_cannot_be_listed_are_not_observed() -> None:
    refused = recorded() | {"ec2.describe_security_group_rules": Refusal("UnauthorizedOperation")}
    assert INGRESS in read(INGRESS, refused).unobserved
    assert DEFAULT in read(DEFAULT, refused).unobserved
