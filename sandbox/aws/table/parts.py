"""Small pieces that the entries of several services share beside ``provider.calls``."""

from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from sandbox.aws.provider.model import Context, Props, Tag, Tags
from sandbox.aws.provider.shapes import tag_list


def refused(operation: str, code: str, message: str) -> ClientError:
    """An error as AWS would give it, where its API reports failure inside a good answer."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def only_item(answer: Mapping[str, Any] | None, key: str) -> Any:
    """The single item of a describe call's list, or None when there is no answer or no item."""
    items = (answer or {}).get(key) or []
    return items[0] if items else None


def pair_tagger(service: str, *, tag: str, untag: str, arn: str, tags: str) -> Tag:
    """A ``tag`` function where tags are removed by the same key/value pairs that set them (ACM, CloudTrail)."""

    def apply(ctx: Context, _id: str, last: Props, put: Tags, drop: list[str]) -> None:
        client = ctx.client(service)
        if drop:
            getattr(client, untag)(**{arn: last["arn"], tags: [{"Key": key} for key in drop]})
        if put:
            getattr(client, tag)(**{arn: last["arn"], tags: tag_list(put)})

    return apply


def until_status(
    ctx: Context, look: Callable[[], str | None], what: str, *, good: tuple[str, ...], bad: tuple[str, ...] = ()
) -> None:
    """Wait until ``look`` returns one of ``good``; one of ``bad`` is an error. ``what`` names the resource."""

    def probe() -> bool:
        status = look()
        if status in bad:
            raise refused("wait", "ResourceFailed", f"{what} became {status}")
        return status in good

    ctx.wait(probe, f"{what} to be {' or '.join(good)}")
