"""CodeBuild projects."""

from typing import Any

from sandbox.aws.provider.calls import tag_map
from sandbox.aws.provider.model import Autoname, Context, Props, ResourceType, Tags
from sandbox.aws.provider.shapes import outputs, request, tag_list

TOKEN = "aws:codebuild/project:Project"

RENAMES = {"buildTimeout": "timeoutInMinutes", "queuedTimeout": "queuedTimeoutInMinutes"}

NO_LIMIT = -1
"""Takes a limit of builds away (API reference, UpdateProject)."""

_NAMED = {"key": "key", "value": "value"}


def _asked(operation: str, props: Props) -> dict[str, Any]:
    found = request("codebuild", operation, props, renames=RENAMES, omit={"tags"})
    return found | {"tags": tag_list(props.get("tags"), **_NAMED)}


def _create(ctx: Context, props: Props) -> str:
    made = ctx.client("codebuild").create_project(**_asked("CreateProject", props))
    return str(made["project"]["arn"])


def _update(ctx: Context, _id: str, _old: Props, new: Props) -> None:
    limit = {} if new.get("concurrentBuildLimit") else {"concurrentBuildLimit": NO_LIMIT}
    ctx.client("codebuild").update_project(**_asked("UpdateProject", new) | limit)


def _read(ctx: Context, id_: str, _last: Props) -> Props | None:
    """By name where it is imported."""
    rows = ctx.client("codebuild").batch_get_projects(names=[id_])["projects"]
    if not rows:
        return None
    live = rows[0]
    found = outputs(TOKEN, live, renames=RENAMES)
    return found | {
        "badgeEnabled": (live.get("badge") or {}).get("badgeEnabled", False),
        "concurrentBuildLimit": live.get("concurrentBuildLimit"),
        "tags": tag_map(live.get("tags")),
    }


def _tag(ctx: Context, id_: str, last: Props, put: Tags, drop: list[str]) -> None:
    """UpdateProject replaces all tags."""
    kept = {key: value for key, value in (last.get("tags") or {}).items() if key not in drop}
    ctx.client("codebuild").update_project(name=_name(id_), tags=tag_list({**kept, **put}, **_NAMED))


def _name(id_: str) -> str:
    return id_.rpartition("/")[2]


TYPES = [
    ResourceType(
        token=TOKEN,
        service="codebuild",
        create=_create,
        read=_read,
        update=_update,
        delete=lambda ctx, id_, _last: ctx.client("codebuild").delete_project(name=_name(id_)),
        tag=_tag,
        # CodeBuild answers NO_CACHE where none was asked for.
        unread=frozenset({"cache"}),
        force_new=frozenset({"name"}),
        autoname=Autoname(max_length=150),
        defaults={"buildTimeout": 60, "queuedTimeout": 480, "badgeEnabled": False, "projectVisibility": "PRIVATE"},
    )
]
