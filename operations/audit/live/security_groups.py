"""EC2: security groups, and their rules by themselves."""

from collections.abc import Iterator, Mapping
from typing import Any

from operations.audit.live.question import Question
from operations.audit.live.reader import Live, Reader
from operations.audit.live.region import Region
from operations.audit.live.tags import tags
from operations.audit.live.vpc import VPCS
from operations.audit.live.words import arn, given

GROUPS = Question(service="ec2", operation="describe_security_groups", keep=("SecurityGroups",), items="SecurityGroups")
RULES = Question(
    service="ec2", operation="describe_security_group_rules", keep=("SecurityGroupRules",), items="SecurityGroupRules"
)

_EKS_TAG = "aws:eks:cluster-name"
"""On the group that EKS makes for a cluster; nobody else may write tags that begin with ``aws:``."""


def groups(region: Region) -> Iterator[Live]:
    """Groups that somebody made, or EKS for a cluster."""
    for group in region.pages(GROUPS):
        if group["GroupName"] != "default":
            yield _group(region, group, "EKS cluster security group" if _of_eks(group) else "")


def default_groups(region: Region) -> Iterator[Live]:
    """The group that AWS makes with each VPC. In the default VPC it is AWS's own while it holds AWS's rules only; who
    makes a VPC is asked to empty its group."""
    default = {vpc["VpcId"] for vpc in region.pages(VPCS) if vpc.get("IsDefault")}
    for group in region.pages(GROUPS):
        if group["GroupName"] == "default":
            untouched = all(_from_aws(rule) for rule in _rules_of(region, group["GroupId"]))
            ours = group.get("VpcId") not in default
            yield _group(region, group, "default security group" if untouched and not ours else "")


def _group(region: Region, group: Mapping[str, Any], made_by_aws: str) -> Live:
    return Live(
        id=group["GroupId"],
        name=group["GroupName"],
        made_by_aws=made_by_aws,
        props={
            **given(vpcId=group.get("VpcId"), description=group.get("Description")),
            "arn": group.get("SecurityGroupArn") or arn(region, "ec2", f"security-group/{group['GroupId']}"),
            "name": group["GroupName"],
            "ownerId": group.get("OwnerId", region.account),
            "ingress": [_permission(one) for one in group.get("IpPermissions") or ()],
            "egress": [_permission(one) for one in group.get("IpPermissionsEgress") or ()],
            "tags": tags(group.get("Tags")),
        },
    )


def _permission(one: Mapping[str, Any]) -> dict[str, Any]:
    """Rules of one protocol and port range, as the provider keeps them inside of a group."""
    return {
        "protocol": one["IpProtocol"],
        "fromPort": max(0, one.get("FromPort", 0)),
        "toPort": max(0, one.get("ToPort", 0)),
        "cidrBlocks": [each["CidrIp"] for each in one.get("IpRanges") or ()],
        "ipv6CidrBlocks": [each["CidrIpv6"] for each in one.get("Ipv6Ranges") or ()],
        "prefixListIds": [each["PrefixListId"] for each in one.get("PrefixListIds") or ()],
        "securityGroups": [each["GroupId"] for each in one.get("UserIdGroupPairs") or () if each.get("GroupId")],
    }


def ingress_rules(region: Region) -> Iterator[Live]:
    """What may come in, a source at a time."""
    yield from _rules(region, egress=False)


def egress_rules(region: Region) -> Iterator[Live]:
    """What may go out, a destination at a time."""
    yield from _rules(region, egress=True)


def _rules(region: Region, *, egress: bool) -> Iterator[Live]:
    found = [rule for rule in region.pages(RULES) if bool(rule.get("IsEgress")) is egress]
    groups = {group["GroupId"]: group for group in region.pages(GROUPS)}
    for rule in found:
        group = groups.get(rule["GroupId"], {})
        owners = {
            "default security group": group.get("GroupName") == "default",
            "EKS cluster security group": _of_eks(group),
        }
        yield Live(
            id=rule["SecurityGroupRuleId"],
            name=f"{group.get('GroupName', rule['GroupId'])} {rule['SecurityGroupRuleId']}",
            made_by_aws=next((name for name, its in owners.items() if its), "") if _from_aws(rule) else "",
            props=_rule(region, rule),
        )


def _rule(region: Region, rule: Mapping[str, Any]) -> dict[str, Any]:
    every_port = rule["IpProtocol"] == "-1"
    return {
        **given(
            cidrIpv4=rule.get("CidrIpv4"),
            cidrIpv6=rule.get("CidrIpv6"),
            prefixListId=rule.get("PrefixListId"),
            referencedSecurityGroupId=(rule.get("ReferencedGroupInfo") or {}).get("GroupId"),
            description=rule.get("Description"),
            fromPort=None if every_port else rule.get("FromPort"),
            toPort=None if every_port else rule.get("ToPort"),
        ),
        "arn": rule.get("SecurityGroupRuleArn")
        or arn(region, "ec2", f"security-group-rule/{rule['SecurityGroupRuleId']}"),
        "ipProtocol": rule["IpProtocol"],
        "securityGroupId": rule["GroupId"],
        "securityGroupRuleId": rule["SecurityGroupRuleId"],
        "tags": tags(rule.get("Tags")),
    }


def _rules_of(region: Region, group_id: str) -> list[Mapping[str, Any]]:
    return [rule for rule in region.pages(RULES) if rule["GroupId"] == group_id]


def _from_aws(rule: Mapping[str, Any]) -> bool:
    """Whether a rule is as those that AWS puts into its groups: in from the members themselves, out to everywhere."""
    if rule["IpProtocol"] != "-1" or rule.get("Tags"):
        return False
    if rule.get("IsEgress") and (rule.get("CidrIpv4") == "0.0.0.0/0" or rule.get("CidrIpv6") == "::/0"):
        return True
    return bool((rule.get("ReferencedGroupInfo") or {}).get("GroupId") == rule["GroupId"])


def _of_eks(group: Mapping[str, Any]) -> bool:
    return _EKS_TAG in tags(group.get("Tags"))


Reader(type="aws:ec2/securityGroup:SecurityGroup", read=groups, source=GROUPS)
Reader(type="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup", read=default_groups, source=GROUPS)
Reader(type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", read=ingress_rules, source=RULES)
Reader(type="aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule", read=egress_rules, source=RULES)
