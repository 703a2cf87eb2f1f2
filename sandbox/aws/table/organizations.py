"""Policies of an organisation and what they are attached to: the management account's."""

from sandbox.aws.provider.calls import or_none, tagging
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType
from sandbox.aws.provider.shapes import tag_list, tag_map

POLICY = "aws:organizations/policy:Policy"


def _create_policy(ctx: Context, props: Props) -> str:
    answer = ctx.client("organizations").create_policy(
        Content=props["content"],
        Description=props.get("description") or "",
        Name=props["name"],
        Type=props.get("type", "SERVICE_CONTROL_POLICY"),
        Tags=tag_list(props.get("tags")),
    )
    return str(answer["Policy"]["PolicySummary"]["Id"])


def _read_policy(ctx: Context, id_: str, _last: Props) -> Props | None:
    client = ctx.client("organizations")
    answer = or_none(client.describe_policy, PolicyId=id_)
    if answer is None:
        return None
    summary = answer["Policy"]["PolicySummary"]
    return {
        "arn": summary["Arn"],
        "content": answer["Policy"]["Content"],
        "description": summary.get("Description", ""),
        "name": summary["Name"],
        "type": summary["Type"],
        "tags": tag_map(client.list_tags_for_resource(ResourceId=id_).get("Tags")),
    }


def _update_policy(ctx: Context, id_: str, _old: Props, new: Props) -> None:
    ctx.client("organizations").update_policy(
        PolicyId=id_, Name=new["name"], Description=new.get("description") or "", Content=new["content"]
    )


def _attach(ctx: Context, props: Props) -> str:
    target, policy = str(props["targetId"]), str(props["policyId"])
    ctx.client("organizations").attach_policy(PolicyId=policy, TargetId=target)
    return f"{target}:{policy}"


def _read_attachment(ctx: Context, id_: str, _last: Props) -> Props | None:
    target, _, policy = id_.partition(":")
    answer = or_none(ctx.client("organizations").list_targets_for_policy, PolicyId=policy)
    if answer is None or target not in {row["TargetId"] for row in answer["Targets"]}:
        return None
    return {"policyId": policy, "targetId": target}


def _detach(ctx: Context, id_: str, _last: Props) -> None:
    target, _, policy = id_.partition(":")
    ctx.client("organizations").detach_policy(PolicyId=policy, TargetId=target)


TYPES = [
    ResourceType(
        token=POLICY,
        service="organizations",
        create=_create_policy,
        read=_read_policy,
        update=_update_policy,
        delete=lambda ctx, id_, _last: ctx.client("organizations").delete_policy(PolicyId=id_),
        tag=tagging("organizations", arn="ResourceId", of="id"),
        force_new=frozenset({"type"}),
        autoname=Autoname(max_length=128),
        global_service=True,
    ),
    ResourceType(
        token="aws:organizations/policyAttachment:PolicyAttachment",
        service="organizations",
        create=_attach,
        read=_read_attachment,
        delete=_detach,
        force_new=frozenset({"policyId", "targetId"}),
        global_service=True,
    ),
]
