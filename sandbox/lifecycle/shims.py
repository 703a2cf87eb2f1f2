"""The sandbox's own bin directory: the only place where its plugins are found, so an official install is never shadowed
outside `cell sandbox env`."""

import os
import shlex
import shutil
import sys
from pathlib import Path

from sandbox.lifecycle.home import CHECKOUT, Home, SandboxError

ENGINE_VARIABLE = "PAYMENT_CELL_PULUMI"
"""Environment variable with the path of a `pulumi` to use instead of the found or built one."""

LANGUAGE_HOST = ("pulumi-language-python", "sandbox.engine.language_host")

PLUGINS = (
    ("pulumi-resource-aws", "sandbox.aws.provider"),
    ("pulumi-resource-kubernetes", "sandbox.kubernetes.provider"),
)

TOKEN_COMMAND = ("aws", "sandbox.kubernetes.get_token")
"""Answers `aws eks get-token`, which every EKS kubeconfig runs; a machine need not have the AWS CLI for that."""


def write(home: Home) -> None:
    """Write both bin directories afresh; the checkout or its virtual environment may have moved."""
    path = outside_path(home)
    official_host = shutil.which(LANGUAGE_HOST[0], path=path)
    commands = [TOKEN_COMMAND] if official_host else [TOKEN_COMMAND, LANGUAGE_HOST]
    _fill(home.official_bin, commands, path)
    _fill(home.bin, [TOKEN_COMMAND, LANGUAGE_HOST, *PLUGINS], path)


def outside_path(home: Home) -> str:
    """PATH without the sandbox's own directories."""
    ours = {str(home.bin), str(home.official_bin)}
    return os.pathsep.join(part for part in os.environ.get("PATH", "").split(os.pathsep) if part not in ours)


def _fill(folder: Path, commands: list[tuple[str, str]], path: str) -> None:
    names = {name for name, _ in commands}
    for old in folder.iterdir():
        if old.name not in names and old.name != "pulumi":
            old.unlink()
    for name, module in commands:
        _install(folder / name, _script(module))
    if engine := _engine(path):
        temporary = folder / ".pulumi"
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(engine)
        temporary.replace(folder / "pulumi")


def _script(module: str) -> str:
    root = shlex.quote(str(CHECKOUT))
    return (
        "#!/bin/sh\n"
        f'PYTHONPATH={root}"${{PYTHONPATH:+:$PYTHONPATH}}" exec {shlex.quote(sys.executable)} -m {module} "$@"\n'
    )


def _install(file: Path, text: str) -> None:
    temporary = file.with_name(f".{file.name}")
    temporary.write_text(text)
    temporary.chmod(0o755)
    temporary.replace(file)


def _engine(path: str) -> Path | None:
    """The Pulumi engine: the named one, else one on PATH, else the built one. None before `make` built it."""
    if named := os.environ.get(ENGINE_VARIABLE):
        if not os.access(named, os.X_OK):
            raise SandboxError(f"{ENGINE_VARIABLE}: {named} is not an executable file; name a pulumi or unset it")
        return Path(named).resolve()
    if found := shutil.which("pulumi", path=path):
        return Path(found).resolve()
    built = sorted((Path.home() / ".cache" / "payment-cell" / "pulumi").glob("*/pulumi"))
    return built[-1] if built else None
