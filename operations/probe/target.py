"""Where a cell's gateway answers on this machine, and nowhere else: a probe's load stays on loopback."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from operations.errors import CellError, ExitCode

GATEWAY = "gateway.gateway.svc.cluster.local"
"""The gateway's Service."""

RESOLVE = "PAYMENT_CELL_RESOLVE"
"""Environment variable with the path of a file {"<name>": "<address>:<port>"}, which `cell sandbox env` sets."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Target:
    """An HTTPS endpoint."""

    domain: str
    address: str
    port: int
    stack: str
    """Of the cell whose gateway it is."""

    @property
    def url(self) -> str:
        """What is connected to; `domain` is sent as the host."""
        return f"https://{self.address}:{self.port}"


def has_sandbox() -> bool:
    """Whether this shell is one of the sandbox."""
    return RESOLVE in os.environ


def has_gateway(stack: str) -> bool:
    """Whether the cell's gateway is reachable on this machine."""
    return f"{stack}/{GATEWAY}" in _names()


def gateway(stack: str, domain: str) -> Target:
    """The gateway of a cell.

    Raises CellError where the cell's name leads anywhere but to this machine: `cell probe` never loads a live region.
    """
    found = _names().get(f"{stack}/{GATEWAY}")
    if found is None:
        raise CellError(
            f"{stack}: no gateway runs on this machine; a probe needs the sandbox with the cell's workloads: "
            '`cell sandbox start`, eval "$(cell sandbox env)", then '
            f"`cell up {stack}`. Its load stays on loopback: a live cell is never probed with it",
            ExitCode.RESOURCE,
        )
    return _on_this_machine(domain, str(found), stack)


def follow(domain: str) -> Target | None:
    """Where a clients' name leads now, as Route 53 answers; None: nowhere. Raises CellError as `gateway`."""
    names = _names()
    found = names.get(domain)
    if found is None:
        return None
    address = str(found).rpartition(":")[0]
    gateways = {name.removesuffix(f"/{GATEWAY}"): at for name, at in names.items() if name.endswith(f"/{GATEWAY}")}
    stack = next((cell for cell, at in gateways.items() if at.rpartition(":")[0] == address), "")
    return _on_this_machine(domain, str(found), stack)


def _on_this_machine(domain: str, found: str, stack: str) -> Target:
    address, _, port = found.rpartition(":")
    if not ip_address(address).is_loopback:
        raise CellError(f"{domain}: {address} is not on this machine; a probe's load stays on loopback")
    return Target(domain=domain, address=address, port=int(port), stack=stack)


def _names() -> Mapping[str, str]:
    """Name -> address and port, of what runs on this machine."""
    path = os.environ.get(RESOLVE)
    return dict(json.loads(Path(path).read_text())) if path and Path(path).exists() else {}
