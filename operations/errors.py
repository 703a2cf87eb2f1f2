"""Exit codes and the error that carries one.

The codes are those of the Pulumi CLI itself (``pulumi help exit-codes``), so that a script reads ``cell`` and
``pulumi`` alike.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What a ``cell`` command answers to the shell."""

    OK = 0
    ERROR = 1
    CONFIGURATION = 2
    AUTHENTICATION = 3
    RESOURCE = 4
    POLICY_VIOLATION = 5
    STACK_NOT_FOUND = 6
    NO_CHANGES = 7
    CANCELLED = 8
    TIMEOUT = 9


class CellError(Exception):
    """A failure that the user can act on: printed as it stands, without a traceback."""

    def __init__(self, message: str, code: ExitCode = ExitCode.ERROR) -> None:
        super().__init__(message)
        self.code = code
