"""IAM roles, managed policies, inline policies and attachments. IAM is global: no ``region`` argument."""

from typing import Any

from sandbox.aws.provider.calls import changed, json_text, or_none, pages, tag_map, tagging, void
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import outputs, request

MAX_POLICY_VERSIONS = 5
"""Versions a managed policy can have (IAM quotas)."""

# ---- aws:iam/role:Role

ROLE = "aws:iam/role:Role"


def create_role(ctx: Context, props: Props) -> str:
    parameters = request(
        "iam",
        "CreateRole",
        props,
        renames={"name": "RoleName", "assumeRolePolicy": "AssumeRolePolicyDocument"},
        omit={"namePrefix"},
    )
    return str(ctx.client("iam").create_role(**parameters)["Role"]["RoleName"])


def settle_role(ctx: Context, id_: str, props: Props) -> None:
    """Inline and managed policies that the role's own arguments name are exactly those it has."""
    iam = ctx.client("iam")
    if "managedPolicyArns" in props:
        wanted, there = set(props["managedPolicyArns"]), set(attached(ctx, id_))
        for arn in wanted - there:
            iam.attach_role_policy(RoleName=id_, PolicyArn=arn)
        for arn in there - wanted:
            iam.detach_role_policy(RoleName=id_, PolicyArn=arn)
    if "inlinePolicies" in props:
        named = {policy["name"]: policy["policy"] for policy in props["inlinePolicies"] if policy.get("name")}
        for name, policy in named.items():
            iam.put_role_policy(RoleName=id_, PolicyName=name, PolicyDocument=json_text(policy))
        for name in set(inline(ctx, id_)) - set(named):
            iam.delete_role_policy(RoleName=id_, PolicyName=name)


def attached(ctx: Context, role: str) -> list[str]:
    """ARNs of the managed policies attached to a role."""
    found = pages(ctx, "iam", "list_attached_role_policies", "AttachedPolicies", RoleName=role)
    return [str(policy["PolicyArn"]) for policy in found]


def inline(ctx: Context, role: str) -> list[str]:
    """Names of a role's inline policies."""
    return [str(name) for name in pages(ctx, "iam", "list_role_policies", "PolicyNames", RoleName=role)]


def read_role(ctx: Context, id_: str, _last: Props) -> Props | None:
    iam = ctx.client("iam")
    found = iam.get_role(RoleName=id_)["Role"]
    policies = [
        {"name": name, "policy": json_text(iam.get_role_policy(RoleName=id_, PolicyName=name)["PolicyDocument"])}
        for name in inline(ctx, id_)
    ]
    boundary = found.get("PermissionsBoundary") or {}
    return outputs(ROLE, found, renames={"name": "RoleName", "uniqueId": "RoleId"}) | {
        "assumeRolePolicy": json_text(found["AssumeRolePolicyDocument"]),
        "description": found.get("Description"),
        "inlinePolicies": policies,
        "managedPolicyArns": attached(ctx, id_),
        "permissionsBoundary": boundary.get("PermissionsBoundaryArn"),
        "tags": tag_map(found.get("Tags")),
    }


def update_role(ctx: Context, id_: str, old: Props, new: Props) -> None:
    iam = ctx.client("iam")
    if changed(old, new, "assumeRolePolicy"):
        iam.update_assume_role_policy(RoleName=id_, PolicyDocument=json_text(new["assumeRolePolicy"]))
    if changed(old, new, "description", "maxSessionDuration"):
        iam.update_role(
            RoleName=id_, Description=new.get("description", ""), MaxSessionDuration=new["maxSessionDuration"]
        )
    if changed(old, new, "permissionsBoundary"):
        if new.get("permissionsBoundary"):
            iam.put_role_permissions_boundary(RoleName=id_, PermissionsBoundary=new["permissionsBoundary"])
        else:
            iam.delete_role_permissions_boundary(RoleName=id_)


def delete_role(ctx: Context, id_: str, last: Props) -> None:
    """Policies named by the role's own arguments go with it; attachments made elsewhere only with
    ``forceDetachPolicies``.
    """
    iam = ctx.client("iam")
    for profile in pages(ctx, "iam", "list_instance_profiles_for_role", "InstanceProfiles", RoleName=id_):
        iam.remove_role_from_instance_profile(InstanceProfileName=profile["InstanceProfileName"], RoleName=id_)
    force = last.get("forceDetachPolicies")
    mine = attached(ctx, id_) if force else list(last.get("managedPolicyArns") or [])
    for arn in mine:
        or_none(iam.detach_role_policy, RoleName=id_, PolicyArn=arn)
    names = inline(ctx, id_) if force else [policy["name"] for policy in last.get("inlinePolicies") or []]
    for name in names:
        or_none(iam.delete_role_policy, RoleName=id_, PolicyName=name)
    iam.delete_role(RoleName=id_)


ROLE_TYPE = ResourceType(
    token=ROLE,
    service="iam",
    create=create_role,
    settle=settle_role,
    read=read_role,
    update=update_role,
    delete=delete_role,
    tag=tagging("iam", tag="tag_role", untag="untag_role", arn="RoleName", of="id"),
    force_new=frozenset({"name", "namePrefix", "path"}),
    autoname=Autoname(max_length=64),
    defaults={"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/"},
    global_service=True,
)

# ---- aws:iam/policy:Policy

POLICY = "aws:iam/policy:Policy"


def create_policy(ctx: Context, props: Props) -> str:
    parameters = request(
        "iam", "CreatePolicy", props, renames={"name": "PolicyName", "policy": "PolicyDocument"}, omit={"namePrefix"}
    )
    return str(ctx.client("iam").create_policy(**parameters)["Policy"]["Arn"])


def read_policy(ctx: Context, id_: str, _last: Props) -> Props | None:
    iam = ctx.client("iam")
    found = iam.get_policy(PolicyArn=id_)["Policy"]
    version = iam.get_policy_version(PolicyArn=id_, VersionId=found["DefaultVersionId"])["PolicyVersion"]
    return outputs(POLICY, found, renames={"name": "PolicyName"}) | {
        "description": found.get("Description"),
        "policy": json_text(version["Document"]),
        "tags": tag_map(iam.list_policy_tags(PolicyArn=id_).get("Tags")),
    }


def versions(ctx: Context, arn: str) -> list[dict[str, Any]]:
    """A managed policy's versions that are not the default one, oldest first."""
    found = pages(ctx, "iam", "list_policy_versions", "Versions", PolicyArn=arn)
    return sorted((v for v in found if not v["IsDefaultVersion"]), key=lambda v: int(str(v["VersionId"])[1:]))


def update_policy(ctx: Context, id_: str, _old: Props, new: Props) -> None:
    iam = ctx.client("iam")
    others = versions(ctx, id_)
    if len(others) + 1 >= MAX_POLICY_VERSIONS:
        iam.delete_policy_version(PolicyArn=id_, VersionId=others[0]["VersionId"])
    iam.create_policy_version(PolicyArn=id_, PolicyDocument=json_text(new["policy"]), SetAsDefault=True)


def delete_policy(ctx: Context, id_: str, _last: Props) -> None:
    iam = ctx.client("iam")
    for version in versions(ctx, id_):
        iam.delete_policy_version(PolicyArn=id_, VersionId=version["VersionId"])
    iam.delete_policy(PolicyArn=id_)


POLICY_TYPE = ResourceType(
    token=POLICY,
    service="iam",
    create=create_policy,
    read=read_policy,
    update=update_policy,
    delete=delete_policy,
    tag=tagging("iam", tag="tag_policy", untag="untag_policy", arn="PolicyArn", of="id"),
    force_new=frozenset({"description", "name", "namePrefix", "path"}),
    autoname=Autoname(max_length=128),
    defaults={"path": "/"},
    global_service=True,
)

# ---- aws:iam/rolePolicy:RolePolicy


def put_role_policy(ctx: Context, props: Props) -> str:
    ctx.client("iam").put_role_policy(
        RoleName=props["role"], PolicyName=props["name"], PolicyDocument=json_text(props["policy"])
    )
    return f"{props['role']}:{props['name']}"


def read_role_policy(ctx: Context, id_: str, _last: Props) -> Props | None:
    role, _, name = id_.partition(":")
    found = ctx.client("iam").get_role_policy(RoleName=role, PolicyName=name)
    return {"name": name, "policy": json_text(found["PolicyDocument"]), "role": role}


def delete_role_policy(ctx: Context, id_: str, _last: Props) -> None:
    role, _, name = id_.partition(":")
    ctx.client("iam").delete_role_policy(RoleName=role, PolicyName=name)


ROLE_POLICY = ResourceType(
    token="aws:iam/rolePolicy:RolePolicy",
    service="iam",
    create=put_role_policy,
    read=read_role_policy,
    update=lambda ctx, _id, _old, new: void(put_role_policy(ctx, new)),
    delete=delete_role_policy,
    force_new=frozenset({"name", "namePrefix", "role"}),
    autoname=Autoname(max_length=128),
    global_service=True,
)

# ---- aws:iam/rolePolicyAttachment:RolePolicyAttachment


def attach(ctx: Context, props: Props) -> str:
    ctx.client("iam").attach_role_policy(RoleName=props["role"], PolicyArn=props["policyArn"])
    return f"{props['role']}/{props['policyArn']}"


def read_attachment(ctx: Context, id_: str, _last: Props) -> Props | None:
    role, _, arn = id_.partition("/")
    return {"policyArn": arn, "role": role} if arn in attached(ctx, role) else None


def detach(ctx: Context, id_: str, _last: Props) -> None:
    role, _, arn = id_.partition("/")
    ctx.client("iam").detach_role_policy(RoleName=role, PolicyArn=arn)


ROLE_POLICY_ATTACHMENT = ResourceType(
    token="aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    service="iam",
    create=attach,
    read=read_attachment,
    delete=detach,
    force_new=frozenset({"policyArn", "role"}),
    global_service=True,
)

TYPES = [ROLE_TYPE, POLICY_TYPE, ROLE_POLICY, ROLE_POLICY_ATTACHMENT]
