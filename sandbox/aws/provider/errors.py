"""Errors as the engine shows them: ``creating aws:eks/cluster:Cluster (eu-west-1-cluster): Code: message``."""

import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from sandbox.aws.provider.calls import code, message


class OperationError(Exception):
    """One operation on one resource failed; the text names both and AWS's code."""

    def __init__(self, doing: str, token: str, name: str, cause: BaseException | str) -> None:
        super().__init__(f"{doing} {token} ({name}): {explain(cause)}")


class Partial(OperationError):
    """The resource exists but is not as it should be: id and what is known must be kept in state."""

    def __init__(
        self,
        doing: str,
        token: str,
        name: str,
        cause: BaseException,
        *,
        id_: str,
        outputs: Mapping[str, Any],
        inputs: Mapping[str, Any],
    ) -> None:
        super().__init__(doing, token, name, cause)
        self.id = id_
        self.outputs = outputs
        self.inputs = inputs


def explain(cause: BaseException | str) -> str:
    """``AccessDenied: ... (operation CreateRole)`` for AWS's errors, the text for others."""
    if isinstance(cause, ClientError):
        return f"{code(cause)}: {message(cause)} (operation {cause.operation_name})"
    if isinstance(cause, str):
        return cause
    if type(cause).__module__.startswith(("sandbox.", "botocore.")):
        return str(cause)
    frames = traceback.extract_tb(cause.__traceback__)
    where = f" ({Path(frames[-1].filename).name}:{frames[-1].lineno})" if frames else ""
    return f"{type(cause).__name__}: {cause}{where}"
