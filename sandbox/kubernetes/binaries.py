"""Where the kube-apiserver binary is. It is built by `sandbox.engine` (`make`), never here: a build takes minutes."""

import os
from pathlib import Path

from sandbox.engine import tools

OVERRIDE = "PAYMENT_CELL_KUBE_APISERVER"
"""Environment variable with the path of a kube-apiserver to use instead of the built one; `none` stands for a machine
that cannot have one, so that the schema-only mode can be tried anywhere."""

VERSION = tools.KUBE_APISERVER.version.removeprefix("v")
"""Such as 1.36.2."""


def kube_apiserver() -> Path | None:
    """The executable, or None when this machine has none: manifests are then validated against the schema only."""
    override = os.environ.get(OVERRIDE)
    if override == "none":
        return None
    if override:
        path = Path(override)
        if not os.access(path, os.X_OK):
            raise RuntimeError(f"{OVERRIDE}: {override} is not an executable file; name a kube-apiserver or unset it")
        return path
    return tools.locate(tools.KUBE_APISERVER).path
