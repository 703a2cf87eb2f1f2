"""Bounded retries above botocore's own: what AWS says while one part of it has not heard of what another part just
did.
"""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

from sandbox.aws.provider.calls import code, is_not_found, message
from sandbox.aws.provider.model import Context

T = TypeVar("T")

NOT_YET_S = 8.0
"""Seconds that "not found" is retried while making or changing something: a dependency may just have been made."""

VISIBLE_S = 20.0
"""Seconds until what was just made must be readable."""

IN_USE_S = 20.0
"""Seconds that a deletion is retried while AWS still sees what used the thing."""

IN_USE = (
    "DependencyViolation",
    "DeleteConflict",
    "ResourceInUseException",
    "ResourceInUse",
    "InvalidIPAddress.InUse",
    "OperationAborted",
    "ConcurrentModification",
    "TooManyUpdates",
)
"""Codes of deletions that succeed once the last user has gone (EC2, IAM, EKS, ELB, S3 API references)."""

ROLE_NOT_READY = (
    "cannot be assumed",
    "Invalid principal in policy",
    "is not authorized to perform",
    "does not have permission",
)
"""Messages about a role or policy that IAM has not spread yet (IAM user guide, "Changes that I make are not always
immediately visible").
"""


def making(ctx: Context, call: Callable[[], T]) -> T:
    """Create or change, waiting for eventual consistency."""
    return _retry(ctx, call, _not_ready, NOT_YET_S)


def deleting(ctx: Context, call: Callable[[], T]) -> T:
    """Delete, waiting for the last user to go."""
    return _retry(ctx, call, lambda error: code(error) in IN_USE, IN_USE_S)


def _not_ready(error: ClientError) -> bool:
    if code(error).startswith("AccessDenied"):
        return False
    return is_not_found(error) or (
        code(error)
        in (
            "InvalidParameterValue",
            "InvalidParameterValueException",
            "InvalidParameterException",
            "MalformedPolicyDocument",
        )
        and any(part in message(error) for part in ROLE_NOT_READY)
    )


def _retry(ctx: Context, call: Callable[[], T], again: Callable[[ClientError], bool], limit_s: float) -> T:
    end = min(time.monotonic() + limit_s, ctx.deadline)
    pause_s = 0.25
    while True:
        try:
            return call()
        except ClientError as error:
            if (
                not again(error)
                or time.monotonic() + pause_s > end
                or ctx.cancelled.wait(pause_s * random.uniform(0.5, 1))
            ):
                raise
            pause_s = min(pause_s * 2, 2.0)
