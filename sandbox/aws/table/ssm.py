"""SSM parameters. The value is a secret property, or write-only."""

from typing import Any

from sandbox.aws.provider.calls import without_none
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType, Tags
from sandbox.aws.provider.shapes import tag_list, tag_map
from sandbox.aws.table.parts import only_item

SECURE = "SecureString"


def _value(props: Props) -> str:
    given = [props[name] for name in ("value", "insecureValue", "valueWo") if props.get(name) is not None]
    if len(given) != 1:
        raise ValueError("value, insecureValue, valueWo: exactly one of them is needed")
    return str(given[0])


def _request(props: Props) -> dict[str, Any]:
    return without_none(
        {
            "Name": props["name"],
            "Type": props["type"],
            "Value": _value(props),
            "Description": props.get("description"),
            "AllowedPattern": props.get("allowedPattern"),
            "DataType": props.get("dataType"),
            "Tier": props.get("tier"),
            "KeyId": props.get("keyId") if props["type"] == SECURE else None,
        }
    )


def _create(ctx: Context, props: Props) -> str:
    """Tags and Overwrite exclude each other (PutParameter)."""
    overwrite = bool(props.get("overwrite"))
    tags = None if overwrite else tag_list(props.get("tags")) or None
    ctx.client("ssm").put_parameter(**_request(props), Overwrite=overwrite, **without_none({"Tags": tags}))
    return str(props["name"])


def _settle(ctx: Context, name: str, props: Props) -> None:
    if props.get("overwrite") and props.get("tags"):
        ctx.client("ssm").add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tag_list(props["tags"]))


def _update(ctx: Context, _name: str, _old: Props, new: Props) -> None:
    request = _request(new) | {"Description": new.get("description") or ""}
    ctx.client("ssm").put_parameter(**request, Overwrite=True)


def _read(ctx: Context, name: str, last: Props) -> Props | None:
    client = ctx.client("ssm")
    found = client.get_parameter(Name=name, WithDecryption=True)["Parameter"]
    described = only_item(
        client.describe_parameters(ParameterFilters=[{"Key": "Name", "Option": "Equals", "Values": [name]}]),
        "Parameters",
    )
    tags = client.list_tags_for_resource(ResourceType="Parameter", ResourceId=name).get("TagList")
    details = described or {}
    return {
        "arn": found["ARN"],
        "name": found["Name"],
        "type": found["Type"],
        "version": found["Version"],
        "dataType": found.get("DataType"),
        "description": details.get("Description") or None,
        "allowedPattern": details.get("AllowedPattern") or None,
        "tier": details.get("Tier"),
        "keyId": details.get("KeyId") if found["Type"] == SECURE else None,
        "tags": tag_map(tags),
        **_value_outputs(found, last),
    }


def _value_outputs(found: Props, last: Props) -> dict[str, Any]:
    """The value where the program put it: a write-only one is never an output, an insecure one is not a secret."""
    if last.get("hasValueWo") or last.get("valueWoVersion") is not None:
        return {"hasValueWo": True}
    if last.get("insecureValue") is not None and found["Type"] != SECURE:
        return {"hasValueWo": False, "insecureValue": found["Value"], "value": found["Value"]}
    return {"hasValueWo": False, "value": found["Value"]}


def _tag(ctx: Context, name: str, _last: Props, added: Tags, removed: list[str]) -> None:
    client = ctx.client("ssm")
    if removed:
        client.remove_tags_from_resource(ResourceType="Parameter", ResourceId=name, TagKeys=removed)
    if added:
        client.add_tags_to_resource(ResourceType="Parameter", ResourceId=name, Tags=tag_list(added))


TYPES = [
    ResourceType(
        token="aws:ssm/parameter:Parameter",
        service="ssm",
        create=_create,
        settle=_settle,
        read=_read,
        update=_update,
        delete=lambda ctx, name, _last: ctx.client("ssm").delete_parameter(Name=name),
        tag=_tag,
        force_new=frozenset({"name"}),
        autoname=Autoname(max_length=2048),
        unread=frozenset({"arn", "dataType", "tier", "keyId", "value"}),
    )
]
