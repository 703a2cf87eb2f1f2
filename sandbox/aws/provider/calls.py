"""Small helpers that table entries share: tags, errors that mean "not found", changed properties."""

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from sandbox.aws.provider.model import Context, Props, Tag, Tags
from sandbox.aws.provider.shapes import service_model, tag_list, tag_map

NOT_FOUND = (
    "NotFound",
    "NoSuch",
    "NonExistent",
    "DoesNotExist",
    "NotExist",
    "Nonexistent",
    "Unknown",
)
"""Parts of AWS error codes that say a thing does not exist (``InvalidVpcID.NotFound``, ``NoSuchEntity``,
``WAFNonexistentItemException``...).
"""


def code(error: BaseException) -> str:
    """AWS's error code, ``""`` when the error is not AWS's."""
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def message(error: BaseException) -> str:
    """AWS's error message."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Message", ""))
    return str(error)


def is_not_found(error: BaseException) -> bool:
    """Whether AWS says that the thing asked for does not exist."""
    name = code(error)
    if name in ("404", "UnknownOperationException", "UnknownOperation", "UnknownError"):
        return name == "404"
    return any(part in name for part in NOT_FOUND)


def or_none(call: Callable[..., Any], *codes: str, **params: Any) -> Any:
    """The call's response, or None for the given error codes (default: whatever means not found)."""
    try:
        return call(**params)
    except ClientError as error:
        if code(error) in codes or (not codes and is_not_found(error)):
            return None
        raise


def changed(old: Props, new: Props, *names: str) -> bool:
    """Whether one of the named properties differs (None and absent are the same)."""
    return any(old.get(name) != new.get(name) for name in names)


def pick(props: Props, *names: str) -> dict[str, Any]:
    """The named properties that are there and not None."""
    return {name: props[name] for name in names if props.get(name) is not None}


def json_text(document: Any) -> str:
    """A JSON document as text, whether it is one already or an object."""
    return document if isinstance(document, str) else json.dumps(document)


def flatten(rows: Iterable[Iterable[Any]]) -> list[Any]:
    """One list from the pages of a paginated call."""
    return [item for row in rows for item in row]


def pages(ctx: Context, service: str, operation: str, key: str, **params: Any) -> list[Any]:
    """All items of a paginated call: ``pages(ctx, "iam", "list_role_policies", "PolicyNames", RoleName=...)``."""
    paginator = ctx.client(service).get_paginator(operation)
    return flatten(page.get(key, []) for page in paginator.paginate(**params))


def tagging(
    service: str,
    *,
    tag: str = "tag_resource",
    untag: str = "untag_resource",
    arn: str = "ResourceArn",
    of: str = "arn",
    tags: str = "Tags",
    keys: str = "TagKeys",
) -> Tag:
    """The ``tag`` function of an entry, for services with TagResource / UntagResource style calls.

    ``arn`` and ``tags``/``keys`` name the parameters; ``of`` the output that identifies the resource (``id`` for the
    Pulumi id). Whether AWS wants a map, a list of pairs and how the pair is spelled is read from the operation's shape.
    """

    def apply(ctx: Context, id_: str, props: Props, put: Tags, drop: list[str]) -> None:
        client = ctx.client(service)
        target = id_ if of == "id" else props[of]
        if drop:
            getattr(client, untag)(**{arn: target, keys: drop})
        if put:
            getattr(client, tag)(
                **{arn: target, tags: tag_argument(service, client.meta.method_to_api_mapping[tag], tags, put)}
            )

    return apply


def tag_argument(service: str, operation: str, member: str, tags: Tags) -> Any:
    """Tags in the form that one parameter of an operation has."""
    whole: Any = service_model(service).operation_model(operation).input_shape
    shape = whole.members[member]
    if shape.type_name == "map":
        return dict(tags)
    names = list(shape.member.members)
    key = next(name for name in names if name.lower() in ("key", "tagkey"))
    value = next(name for name in names if name.lower() in ("value", "tagvalue"))
    return tag_list(tags, key, value)


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    """A call's parameters without those that are None."""
    return {name: value for name, value in values.items() if value is not None}


def void(_result: object) -> None:
    """Throws a result away, where an entry's function must return nothing."""


__all__ = [
    "changed",
    "code",
    "flatten",
    "is_not_found",
    "json_text",
    "message",
    "or_none",
    "pages",
    "pick",
    "tag_argument",
    "tag_list",
    "tag_map",
    "tagging",
    "void",
    "without_none",
]
