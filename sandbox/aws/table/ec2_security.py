"""Security groups and their rules, the default group of a VPC."""

from collections.abc import Iterable, Mapping
from typing import Any

from sandbox.aws.provider.calls import or_none, tag_map
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.table.ec2 import filters, first, retag, tagged

SECURITY_GROUP = "aws:ec2/securityGroup:SecurityGroup"

ALLOW_ALL = {"fromPort": 0, "toPort": 0, "protocol": "-1", "cidrBlocks": ["0.0.0.0/0"]}
"""What AWS lets out of every new group; the official plugin takes it away."""

Atom = tuple[str, int, int, str, str, str]
"""One rule: protocol, first and last port, kind of peer, peer, description."""

PEERS = {
    "cidrBlocks": ("IpRanges", "CidrIp"),
    "ipv6CidrBlocks": ("Ipv6Ranges", "CidrIpv6"),
    "prefixListIds": ("PrefixListIds", "PrefixListId"),
    "securityGroups": ("UserIdGroupPairs", "GroupId"),
}
"""Property of a rule block -> list and member in IpPermission."""


def atoms(blocks: Iterable[Props] | None, group: str) -> set[Atom]:
    """Rule blocks as single rules, so that the grouping does not matter."""
    found = set()
    for block in blocks or []:
        protocol = str(block["protocol"]).lower().replace("all", "-1")
        ports = (0, 0) if protocol == "-1" else (int(block["fromPort"]), int(block["toPort"]))
        peers = [(kind, peer) for kind in PEERS for peer in block.get(kind) or []]
        peers += [("securityGroups", group)] if block.get("self") else []
        found |= {(protocol, *ports, kind, peer, block.get("description") or "") for kind, peer in peers}
    return found


def permissions(rules: Iterable[Atom]) -> list[dict[str, Any]]:
    """Single rules as IpPermissions."""
    found = []
    for protocol, low, high, kind, peer, description in sorted(rules):
        list_name, member = PEERS[kind]
        about = {member: peer} | ({"Description": description} if description else {})
        ports = {} if protocol == "-1" else {"FromPort": low, "ToPort": high}
        found.append({"IpProtocol": protocol, **ports, list_name: [about]})
    return found


def blocks_of(rows: Iterable[Mapping[str, Any]], group: str) -> list[dict[str, Any]]:
    """IpPermissions as rule blocks, one for each protocol, ports and description."""
    found: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        protocol = row["IpProtocol"]
        low, high = (0, 0) if protocol == "-1" else (row.get("FromPort", 0), row.get("ToPort", 0))
        for kind, (list_name, member) in PEERS.items():
            for peer in row.get(list_name) or []:
                description = peer.get("Description") or ""
                block = found.setdefault(
                    (protocol, low, high, description),
                    {"protocol": protocol, "fromPort": low, "toPort": high, "description": description, "self": False},
                )
                if kind == "securityGroups" and peer.get(member) == group:
                    block["self"] = True
                elif peer.get(member):
                    block.setdefault(kind, []).append(peer[member])
    return list(found.values())


def same_rules(before: Any, after: Any) -> bool:
    """Two lists of rule blocks allow the same."""
    return isinstance(before, list) and isinstance(after, list) and atoms(before, "self") == atoms(after, "self")


def security_group(ctx: Context, id_: str) -> dict[str, Any] | None:
    return first(ctx.client("ec2").describe_security_groups(GroupIds=[id_])["SecurityGroups"])


def set_rules(ctx: Context, id_: str, direction: str, wanted: set[Atom]) -> None:
    """Make the group's rules of one direction (``ingress`` or ``egress``) exactly the wanted ones."""
    ec2 = ctx.client("ec2")
    key = "IpPermissions" if direction == "ingress" else "IpPermissionsEgress"
    there = atoms(blocks_of((security_group(ctx, id_) or {}).get(key, []), id_), id_)
    if there - wanted:
        revoke = getattr(ec2, f"revoke_security_group_{direction}")
        revoke(GroupId=id_, IpPermissions=permissions(there - wanted))
    if wanted - there:
        allow = getattr(ec2, f"authorize_security_group_{direction}")
        allow(GroupId=id_, IpPermissions=permissions(wanted - there))


# ---- aws:ec2/securityGroup:SecurityGroup


def create_security_group(ctx: Context, props: Props) -> str:
    ec2 = ctx.client("ec2")
    vpc = {"VpcId": props["vpcId"]} if props.get("vpcId") else {}
    made = ec2.create_security_group(
        GroupName=props["name"], Description=props["description"], **vpc, **tagged("security-group", props)
    )
    id_ = str(made["GroupId"])
    # Taken away here and not when settling: later runs must not undo rules that are resources of their own.
    or_none(
        ec2.revoke_security_group_egress,
        "InvalidPermission.NotFound",
        GroupId=id_,
        IpPermissions=permissions(atoms([ALLOW_ALL], id_)),
    )
    return id_


def settle_security_group(ctx: Context, id_: str, props: Props) -> None:
    for direction in ("ingress", "egress"):
        if props.get(direction) is not None:
            set_rules(ctx, id_, direction, atoms(props[direction], id_))


def read_security_group(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = security_group(ctx, id_)
    if found is None:
        return None
    owner = found.get("OwnerId") or ctx.account_id
    return {
        "arn": ctx.arn("ec2", f"security-group/{id_}", account_id=owner),
        "description": found["Description"],
        "egress": blocks_of(found.get("IpPermissionsEgress", []), id_),
        "ingress": blocks_of(found.get("IpPermissions", []), id_),
        "name": found["GroupName"],
        "ownerId": owner,
        "tags": tag_map(found.get("Tags")),
        "vpcId": found.get("VpcId"),
    }


def delete_security_group(ctx: Context, id_: str, last: Props) -> None:
    if last.get("revokeRulesOnDelete"):
        set_rules(ctx, id_, "ingress", set())
        set_rules(ctx, id_, "egress", set())
    ctx.client("ec2").delete_security_group(GroupId=id_)


SECURITY_GROUP_TYPE = ResourceType(
    token=SECURITY_GROUP,
    service="ec2",
    create=create_security_group,
    settle=settle_security_group,
    read=read_security_group,
    # Only rules can change in place, and `settle` sets those.
    update=lambda _ctx, _id, _old, _new: None,
    delete=delete_security_group,
    tag=retag,
    force_new=frozenset({"description", "name", "namePrefix", "vpcId"}),
    autoname=Autoname(max_length=255),
    defaults={"description": "Managed by Pulumi", "revokeRulesOnDelete": False},
    equal={"ingress": same_rules, "egress": same_rules},
)

# ---- aws:ec2/defaultSecurityGroup:DefaultSecurityGroup


def adopt_default_group(ctx: Context, props: Props) -> str:
    """The group exists with its VPC: it is taken over, and everything that it allows is taken away."""
    vpc = props.get("vpcId") or default_vpc(ctx)
    rows = ctx.client("ec2").describe_security_groups(Filters=filters(vpc_id=vpc, group_name="default"))
    found = first(rows["SecurityGroups"])
    if found is None:
        raise ValueError(f"VPC {vpc} has no default security group")
    retag(ctx, found["GroupId"], {}, props.get("tags") or {}, [])
    return str(found["GroupId"])


def default_vpc(ctx: Context) -> str:
    found = first(ctx.client("ec2").describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"])
    if found is None:
        raise ValueError(f"vpcId: not given, and region {ctx.region} has no default VPC")
    return str(found["VpcId"])


def settle_default_group(ctx: Context, id_: str, props: Props) -> None:
    for direction in ("ingress", "egress"):
        set_rules(ctx, id_, direction, atoms(props.get(direction), id_))


DEFAULT_SECURITY_GROUP = ResourceType(
    token="aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
    service="ec2",
    create=adopt_default_group,
    settle=settle_default_group,
    read=read_security_group,
    update=lambda _ctx, _id, _old, _new: None,
    # AWS deletes it with its VPC; until then it stays as it is, like with the official plugin.
    delete=lambda _ctx, _id, _last: None,
    tag=retag,
    force_new=frozenset({"vpcId"}),
    # Absent means none, so that rules which someone adds are drift.
    defaults={"egress": lambda _props: [], "ingress": lambda _props: [], "revokeRulesOnDelete": False},
    equal={"ingress": same_rules, "egress": same_rules},
)

# ---- aws:vpc/securityGroupIngressRule, aws:vpc/securityGroupEgressRule


def permission(props: Props) -> dict[str, Any]:
    """One rule resource as an IpPermission."""
    about = {"Description": props["description"]} if props.get("description") else {}
    peers = {
        "cidrIpv4": ("IpRanges", "CidrIp"),
        "cidrIpv6": ("Ipv6Ranges", "CidrIpv6"),
        "prefixListId": ("PrefixListIds", "PrefixListId"),
        "referencedSecurityGroupId": ("UserIdGroupPairs", "GroupId"),
    }
    name, (rows, member) = next(item for item in peers.items() if props.get(item[0]))
    ports = {"FromPort": props.get("fromPort"), "ToPort": props.get("toPort")}
    return {
        "IpProtocol": props["ipProtocol"],
        **{key: int(value) for key, value in ports.items() if value is not None},
        rows: [{member: props[name], **about}],
    }


def rule_request(props: Props) -> dict[str, Any]:
    """One rule resource as a SecurityGroupRuleRequest."""
    names = {
        "ipProtocol": "IpProtocol",
        "fromPort": "FromPort",
        "toPort": "ToPort",
        "cidrIpv4": "CidrIpv4",
        "cidrIpv6": "CidrIpv6",
        "prefixListId": "PrefixListId",
        "referencedSecurityGroupId": "ReferencedGroupId",
        "description": "Description",
    }
    return {api: props[name] for name, api in names.items() if props.get(name) is not None}


def rule_type(direction: str) -> ResourceType:
    """The entry of one direction, ``ingress`` or ``egress``."""

    def create(ctx: Context, props: Props) -> str:
        allow = getattr(ctx.client("ec2"), f"authorize_security_group_{direction}")
        made = allow(
            GroupId=props["securityGroupId"],
            IpPermissions=[permission(props)],
            **tagged("security-group-rule", props),
        )
        return str(made["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def delete(ctx: Context, id_: str, last: Props) -> None:
        revoke = getattr(ctx.client("ec2"), f"revoke_security_group_{direction}")
        revoke(GroupId=last["securityGroupId"], SecurityGroupRuleIds=[id_])

    return ResourceType(
        token=f"aws:vpc/securityGroup{direction.capitalize()}Rule:SecurityGroup{direction.capitalize()}Rule",
        service="ec2",
        create=create,
        read=read_rule,
        update=update_rule,
        delete=delete,
        tag=retag,
        force_new=frozenset({"securityGroupId"}),
    )


def read_rule(ctx: Context, id_: str, _last: Props) -> Props | None:
    found = first(ctx.client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[id_])["SecurityGroupRules"])
    if found is None:
        return None
    every = str(found["IpProtocol"]) == "-1"
    return {
        "arn": ctx.arn("ec2", f"security-group-rule/{id_}", account_id=found.get("GroupOwnerId") or ctx.account_id),
        "cidrIpv4": found.get("CidrIpv4"),
        "cidrIpv6": found.get("CidrIpv6"),
        "description": found.get("Description") or None,
        "fromPort": None if every else found.get("FromPort"),
        "ipProtocol": str(found["IpProtocol"]),
        "prefixListId": found.get("PrefixListId"),
        "referencedSecurityGroupId": (found.get("ReferencedGroupInfo") or {}).get("GroupId"),
        "securityGroupId": found["GroupId"],
        "securityGroupRuleId": id_,
        "tags": tag_map(found.get("Tags")),
        "toPort": None if every else found.get("ToPort"),
    }


def update_rule(ctx: Context, id_: str, _old: Props, new: Props) -> None:
    ctx.client("ec2").modify_security_group_rules(
        GroupId=new["securityGroupId"],
        SecurityGroupRules=[{"SecurityGroupRuleId": id_, "SecurityGroupRule": rule_request(new)}],
    )


TYPES = [SECURITY_GROUP_TYPE, DEFAULT_SECURITY_GROUP, rule_type("ingress"), rule_type("egress")]
