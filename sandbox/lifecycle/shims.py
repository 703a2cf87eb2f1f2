"""The sandbox's own bin directory: the only place where its plugins are found, so an official install is never shadowed
outside `cell sandbox env`."""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from sandbox.engine import tools
from sandbox.lifecycle.home import CHECKOUT, Home, SandboxError

ENGINE_VARIABLE = "PAYMENT_CELL_PULUMI"
"""Environment variable with the path of a `pulumi` to use instead of the found or built one."""

ENGINE_COMMAND = "sandbox.engine.pulumi_command"

LANGUAGE_HOST = ("pulumi-language-python", "sandbox.engine.language_host")

PLUGINS = (
    ("pulumi-resource-aws", "sandbox.aws.provider"),
    ("pulumi-resource-kubernetes", "sandbox.kubernetes.provider"),
)

TOKEN_COMMAND = ("aws", "sandbox.kubernetes.get_token")
"""Answers `aws eks get-token`, which every EKS kubeconfig runs; a machine need not have the AWS CLI for that."""


PULUMI_COMMAND = "sandbox.engine.pulumi_command"
"""Runs the engine and afterwards restores what the engine notes in stack files but belongs to this sandbox only."""


def write(home: Home) -> str:
    """Write both bin directories afresh; the checkout or its virtual environment may have moved.

    Returns why there is no engine, or nothing when there is one.
    """
    path = outside_path(home)
    official_host = shutil.which(LANGUAGE_HOST[0], path=path)
    engine, reason = _engine(path)
    common = {TOKEN_COMMAND[0]: _script(TOKEN_COMMAND[1])}
    if engine:
        common["pulumi"] = _script(PULUMI_COMMAND, str(engine))
    host = {LANGUAGE_HOST[0]: _script(LANGUAGE_HOST[1])}
    _fill(home.official_bin, common if official_host else {**common, **host})
    _fill(home.bin, {**common, **host, **{name: _script(module) for name, module in PLUGINS}})
    return reason


def outside_path(home: Home) -> str:
    """PATH without the sandbox's own directories."""
    ours = {str(home.bin), str(home.official_bin)}
    return os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if part not in ours)


def _fill(folder: Path, scripts: Mapping[str, str]) -> None:
    """Make the folder hold these scripts and nothing else; each appears in one step."""
    for name, text in scripts.items():
        temporary = folder / f".{name}"
        temporary.write_text(text)
        temporary.chmod(0o755)
        temporary.replace(folder / name)
    for found in folder.iterdir():
        if found.name not in scripts:
            found.unlink()


def _script(module: str, *arguments: str) -> str:
    root = shlex.quote(str(CHECKOUT))
    command = shlex.join([sys.executable, "-m", module, *arguments])
    # Last on the path, because the language host hands it on: a program's own modules come before ours. Byte code is
    # kept whatever the shell says: compiling the SDKs anew takes each program four seconds (2 cores).
    environment = f'PYTHONDONTWRITEBYTECODE= PYTHONPATH="${{PYTHONPATH:+$PYTHONPATH:}}"{root}'
    return f'#!/bin/sh\n{environment} exec {command} "$@"\n'


def _engine(path: str) -> tuple[Path | None, str]:
    """The Pulumi engine: the named one, else what `sandbox.engine` knows of; or why there is none."""
    if named := os.environ.get(ENGINE_VARIABLE):
        if not os.access(named, os.X_OK):
            raise SandboxError(f"{ENGINE_VARIABLE}: {named} is not an executable file; name a pulumi or unset it")
        return Path(named).resolve(), ""
    located = tools.locate(tools.PULUMI, path=path)
    return located.path, located.reason
