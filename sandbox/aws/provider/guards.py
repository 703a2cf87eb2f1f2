"""The preconditions of an operation: AWS's own rules that the emulator does not enforce."""

import time
from typing import TYPE_CHECKING

from sandbox.aws.preconditions import Op, Request, violations
from sandbox.aws.provider.errors import OperationError
from sandbox.aws.provider.model import POLL_S, Context, Props
from sandbox.aws.provider.retries import IN_USE_S

if TYPE_CHECKING:
    from sandbox.aws.provider.lifecycle import Resource

__all__ = ["Op", "require"]

DOING = {Op.CREATE: "creating", Op.UPDATE: "updating", Op.DELETE: "deleting"}


def require(op: Op, ctx: Context, what: "Resource", *, props: Props, olds: Props, id_: str) -> None:
    """Raise with every violated rule; the first line is AWS's answer in AWS's words.

    A deletion waits as the official plugin does: what still uses the thing may be going in parallel.
    """
    end = min(time.monotonic() + IN_USE_S, ctx.deadline) if op is Op.DELETE else 0.0
    while broken := violations(
        Request(op=op, token=what.token, name=what.name, id=id_, props=props, olds=olds, context=ctx)
    ):
        if time.monotonic() + POLL_S > end or ctx.cancelled.wait(POLL_S):
            raise OperationError(DOING[op], what.token, what.name, "\n".join(broken))
