"""The preconditions of an operation: AWS's own rules that the emulator does not enforce."""

import importlib
import importlib.util
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sandbox.aws.provider.errors import OperationError
from sandbox.aws.provider.model import Context, Props

if TYPE_CHECKING:
    from sandbox.aws.provider.lifecycle import Resource


class Op(StrEnum):
    """Which operation is about to happen."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


DOING = {Op.CREATE: "creating", Op.UPDATE: "updating", Op.DELETE: "deleting"}


def require(op: Op, ctx: Context, what: "Resource", *, props: Props, olds: Props, id_: str) -> None:
    """Raise with every violated rule; the first line is AWS's answer in AWS's words."""
    package: Any = _package()
    if package is None:
        return
    model = importlib.import_module("sandbox.aws.preconditions.model")
    request = model.Request(
        op=model.Op[op.name], token=what.token, name=what.name, id=id_, props=props, olds=olds, context=ctx
    )
    broken = package.violations(request)
    if broken:
        raise OperationError(DOING[op], what.token, what.name, "\n".join(broken))


def _package() -> Any:
    if importlib.util.find_spec("sandbox.aws.preconditions") is None:
        return None
    return importlib.import_module("sandbox.aws.preconditions")
