"""The Python environment that a program asked for, and what is installed there."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any


class EnvironmentMissing(Exception):
    """The environment named in Pulumi.yaml or PulumiPolicy.yaml is not there; the text says how to get it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Environment:
    """An interpreter; `home` is its virtual environment, None for the host's own interpreter."""

    python: Path
    home: Path | None = None

    def variables(self, base: Mapping[str, str]) -> dict[str, str]:
        """`base` with the virtual environment activated in it."""
        changed = dict(base)
        if self.home:
            changed["VIRTUAL_ENV"] = str(self.home)
            changed["PATH"] = os.pathsep.join([str(self.home / "bin"), base.get("PATH", os.defpath)])
            changed.pop("PYTHONHOME", None)
        return changed

    def python_version(self) -> str:
        """Such as 3.11.7."""
        asked = subprocess.run(
            [self.python, "-c", "import platform; print(platform.python_version())"],
            capture_output=True,
            text=True,
            check=True,
        )
        return asked.stdout.strip()

    def packages(self, *, direct_only: bool) -> list[tuple[str, str]]:
        """Names and versions of what is installed, sorted; with `direct_only` without what others need."""
        found = list(distributions(path=self._site_packages()))
        needed = {_normal(name) for one in found for name in _needs(one)} if direct_only else set()
        names = {(one.metadata["Name"], one.version) for one in found}
        return sorted(pair for pair in names if _normal(pair[0]) not in needed)

    def required_plugins(self) -> list[dict[str, str]]:
        """The resource plugins that installed SDKs name (pulumi-plugin.json): name, kind, version, server."""
        plugins = []
        for folder in self._site_packages():
            for file in sorted(Path(folder).glob("*/pulumi-plugin.json")):
                said: dict[str, Any] = json.loads(file.read_text())
                if said.get("resource"):
                    name = said.get("name") or file.parent.name.removeprefix("pulumi_").replace("_", "-")
                    version, server = said.get("version", ""), said.get("server", "")
                    plugins.append({"name": name, "kind": "resource", "version": version, "server": server})
        return plugins

    def _site_packages(self) -> list[str]:
        home = self.home or Path(sys.prefix)
        return [str(folder) for folder in home.glob("lib/python3*/site-packages")]


def environment_of(root: Path, options: Mapping[str, Any]) -> Environment:
    """The environment of a project at `root` with the `runtime.options` of its file. Raises EnvironmentMissing."""
    named = options.get("virtualenv")
    if not named:
        return Environment(python=Path(sys.executable))
    home = Path(os.path.normpath(root / named))
    if not (home / "bin" / "python").exists():
        raise EnvironmentMissing(
            f"runtime.options.virtualenv: {named} is no virtual environment ({home} has no bin/python); "
            "make it (in this project: `make up`), or name another"
        )
    return Environment(python=home / "bin" / "python", home=home)


def _needs(distribution: Distribution) -> Iterable[str]:
    for requirement in distribution.requires or ():
        if "extra ==" not in requirement and (name := re.match(r"[A-Za-z0-9._-]+", requirement)):
            yield name[0]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
