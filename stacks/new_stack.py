"""Renders stack files for a new cell: pure text, valid by construction and tested for every region of the catalogue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

import catalogue
from components.vocabulary import Controller, Environment, Program, Strategy

DEFAULT_PEAK = 100
"""payments/s of a new cell: within the default quotas of every region."""

PLACEHOLDER = "sha256:" + "0" * 64
"""Digest of no image: stands where the real one is known only once somebody has pushed it."""

SYNTHETIC_LINE = "    syntheticData: true  # Remove this line before data of a real person or payment comes here.\n"
"""In files of cells that are not production."""

SCHEMA_HEADER = "# yaml-language-server: $schema=../docs/schema/stack.json\n"
"""First line of a stack file: editors complete and check it."""


def cell_name(region: str, environment: Environment) -> str:
    """Name of a region's cell: the region in production, else with the environment, short enough for an edge."""
    suffix = "dev" if environment is Environment.DEVELOPMENT else environment
    return region if environment is Environment.PRODUCTION else f"{region}-{suffix}"


def render_cell(
    region: str,
    *,
    account: str = "account",
    environment: Environment = Environment.PRODUCTION,
    peak: int = DEFAULT_PEAK,
    domain: str | None = None,
    copy_vault_arn: str | None = None,
    quotas: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """A cell's stack file, valid for production where a vault for copies is named. `quotas`: name -> what AWS granted.

    Raises CatalogueError where the region is not in the catalogue.
    """
    entry = catalogue.region(region)
    name = cell_name(region, environment)
    synthetic = "" if environment is Environment.PRODUCTION else SYNTHETIC_LINE
    copies = f"    backups:\n      copyVaultArn: {copy_vault_arn}\n" if copy_vault_arn else ""
    return (
        f"{SCHEMA_HEADER}"
        f"# {entry.name}. Everything left out follows from these lines: cell config explain {name}\n"
        "config:\n"
        "  payment-cell:cell:\n"
        f"    region: {region}\n"
        f"    environment: {environment}\n{synthetic}"
        f"    account: {account}\n"
        f"    peakPaymentsPerSecond: {peak}\n"
        f"    domain: {domain or f'{name}.cell.example.com'}\n"
        f"{copies}{_granted(quotas)}"
    )


def render_workloads(cell: str) -> str:
    """The stack file of a cell's Kubernetes objects."""
    images = "".join(f"      {program}: {PLACEHOLDER}\n" for program in sorted([*Controller, *Program]))
    return (
        f"{SCHEMA_HEADER}"
        "config:\n"
        "  payment-cell:workloads:\n"
        f"    cell: {cell}\n"
        "    # Placeholders: mirror each image to the cell's registry and put its digest here (make images).\n"
        f"    images:\n{images}"
    )


def render_replica(
    primary: str,
    name: str,
    region: str,
    strategy: Strategy,
    *,
    domain: str,
    copy_vault_arn: str | None = None,
    no_copy_reason: str | None = None,
    quotas: Mapping[str, int] = MappingProxyType({}),
) -> str:
    """A replica's stack file. `quotas`: name -> what AWS has to grant there first."""
    copies = f"      copyVaultArn: {copy_vault_arn}\n" if copy_vault_arn else ""
    copies += f"      noCopyReason: {json.dumps(no_copy_reason)}\n" if no_copy_reason else ""
    asked = "    # Not granted by being here: ask AWS. `cell preflight` compares them with what the account has.\n"
    return (
        f"{SCHEMA_HEADER}"
        f"# Stands by for {primary}. Everything left out is the primary's: cell config explain {name}\n"
        "config:\n"
        "  payment-cell:replica:\n"
        f"    of: {primary}\n"
        f"    region: {region}\n"
        f"    strategy: {strategy}\n"
        f"    domain: {domain}\n"
        + (f"    backups:\n{copies}" if copies else "")
        + (f"{asked}{_granted(quotas)}" if quotas else "")
    )


def _granted(quotas: Mapping[str, int]) -> str:
    lines = "".join(f"      {name}: {value}\n" for name, value in sorted(quotas.items()))
    return f"    quotas:\n{lines}" if lines else ""


def render_pair(primary: str, replica: str, domain: str) -> str:
    """The stack file of what joins a cell and its replica."""
    return (
        f"{SCHEMA_HEADER}"
        "config:\n"
        "  payment-cell:pair:\n"
        f"    primary: {primary}\n"
        f"    replica: {replica}\n"
        f"    writer: {primary} # changed by cell failover, switchover and failback\n"
        f"    domain: {domain} # what clients call; it follows the writer\n"
    )


def render_account(account_id: str, home_region: str, contact_email: str) -> str:
    """An account's stack file; its alarms go to `contact_email`, where somebody has to confirm."""
    catalogue.region(home_region)
    return (
        f"{SCHEMA_HEADER}"
        "config:\n"
        "  payment-cell:account:\n"
        f'    accountId: "{account_id}"\n'
        f"    homeRegion: {home_region}\n"
        f"    contactEmail: {contact_email}\n"
    )
