"""The project on disk: its root, its stack files, and the order in which stacks come up."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from operations.errors import CellError, ExitCode

PROJECT_NAME = "payment-cell"
POLICY_PACKS = ("policies/gdpr", "policies/soc2")


@dataclass(frozen=True)
class Project:
    """The folder that holds ``Pulumi.yaml``."""

    root: Path

    @classmethod
    def find(cls, start: Path | None = None) -> "Project":
        """The project that holds ``start`` (default: the working directory).

        Raises CellError (configuration) outside of one.
        """
        here = (start or Path.cwd()).resolve()
        for folder in (here, *here.parents):
            if (folder / "Pulumi.yaml").is_file():
                return cls(folder)
        raise CellError(f"no Pulumi.yaml in {here} or above: run cell inside the project", ExitCode.CONFIGURATION)

    @cached_property
    def name(self) -> str:
        """The project's name in ``Pulumi.yaml``; state is kept under it."""
        return str(yaml.safe_load((self.root / "Pulumi.yaml").read_text())["name"])

    @property
    def policy_packs(self) -> tuple[Path, ...]:
        """The two packs that every stack is checked against."""
        return tuple(self.root / pack for pack in POLICY_PACKS)

    @property
    def stacks_folder(self) -> Path:
        """Where the ``Pulumi.<stack>.yaml`` files are."""
        return self.root / "stacks"

    def stack_file(self, stack: str) -> Path:
        """Path of a stack's file, whether or not it exists."""
        return self.stacks_folder / f"Pulumi.{stack}.yaml"

    @property
    def exceptions_folder(self) -> Path:
        """Where the exceptions and the keys of their approvers are."""
        return self.root / "exceptions"

    def exceptions_file(self, stack: str) -> Path:
        """Path of a stack's exceptions, whether or not there are any."""
        return self.exceptions_folder / f"{stack}.yaml"

    def secrets_provider(self, stack: str) -> str | None:
        """``awskms://...`` where the stack file names one."""
        provider: Any = (yaml.safe_load(self.stack_file(stack).read_text()) or {}).get("secretsprovider")
        return None if provider is None else str(provider)
