"""Reads the catalogue's files, once each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

import yaml
from pydantic import ValidationError

from catalogue.model import (
    CreationTime,
    CreationTimes,
    Dated,
    DeployRole,
    Instances,
    Jurisdictions,
    Permissions,
    Prices,
    Quota,
    Quotas,
    Region,
    Regions,
    RemovedApis,
    Versions,
    Workload,
)
from catalogue.parties_model import Accounts, Processors
from catalogue.processing_model import Processing
from catalogue.rail_model import Rail, Rails

DIRECTORY = Path(__file__).parent
"""Where the files are."""

_File = TypeVar("_File", bound=Dated)
_FILES: Mapping[str, type[Dated]] = {
    "regions.yaml": Regions,
    "jurisdictions.yaml": Jurisdictions,
    "versions.yaml": Versions,
    "quotas.yaml": Quotas,
    "creation_times.yaml": CreationTimes,
    "instances.yaml": Instances,
    "workload.yaml": Workload,
    "prices.yaml": Prices,
    "accounts.yaml": Accounts,
    "processing.yaml": Processing,
    "processors.yaml": Processors,
    "rails.yaml": Rails,
    "removed_apis.yaml": RemovedApis,
    "deploy_role.yaml": DeployRole,
    "permissions.yaml": Permissions,
}


class CatalogueError(ValueError):
    """A catalogue file that does not hold what it should, or a name it does not have."""


def read(path: Path, shape: type[_File]) -> _File:
    """One file, checked. Raises CatalogueError with file, place and rule."""
    try:
        return shape.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CatalogueError(f"{path}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "file"
        raise CatalogueError(f"{path}: {place}: {first['msg']}") from error


@cache
def _regions() -> Regions:
    return read(DIRECTORY / "regions.yaml", Regions)


@cache
def jurisdictions() -> Jurisdictions:
    """Jurisdictions and adequacy decisions."""
    return read(DIRECTORY / "jurisdictions.yaml", Jurisdictions)


@cache
def processing() -> Processing:
    """The register of processing activities."""
    return read(DIRECTORY / "processing.yaml", Processing)


@cache
def accounts() -> Accounts:
    """Accounts that policies of resources may let in."""
    return read(DIRECTORY / "accounts.yaml", Accounts)


@cache
def processors() -> Processors:
    """Who may receive what a cell sends. Raises CatalogueError where one needs a transfer that is not registered."""
    found = read(DIRECTORY / "processors.yaml", Processors)
    for name, one in found.processors.items():
        for word in one.leaves:
            if word not in jurisdictions().jurisdictions:
                raise CatalogueError(f"catalogue/processors.yaml: {name}: leaves: jurisdiction {word!r} is not known")
        if "eu" in one.leaves and not _transferred(name, one.countries):
            raise CatalogueError(
                f"catalogue/processors.yaml: {name}: leaves: eu needs an entry of transfers for each of its countries "
                "in catalogue/processing.yaml (GDPR Articles 44 to 47)"
            )
    return found


def _transferred(recipient: str, countries: Iterable[str]) -> bool:
    inside = jurisdictions().jurisdictions["eu"].countries
    assessed = {one.country for one in processing().transfers if one.recipient == recipient}
    return set(countries) - inside <= assessed


@cache
def versions() -> Versions:
    """Versions that cells run."""
    return read(DIRECTORY / "versions.yaml", Versions)


@cache
def removed_apis() -> RemovedApis:
    """Kubernetes APIs with the release that does not serve them any more."""
    return read(DIRECTORY / "removed_apis.yaml", RemovedApis)


@cache
def _quotas() -> Quotas:
    return read(DIRECTORY / "quotas.yaml", Quotas)


@cache
def _creation_times() -> CreationTimes:
    return read(DIRECTORY / "creation_times.yaml", CreationTimes)


@cache
def instances() -> Instances:
    """Instance types for nodes and databases."""
    return read(DIRECTORY / "instances.yaml", Instances)


@cache
def workload() -> Workload:
    """What one payment costs a cell."""
    return read(DIRECTORY / "workload.yaml", Workload)


@cache
def prices() -> Prices:
    """What AWS charges."""
    return read(DIRECTORY / "prices.yaml", Prices)


@cache
def _rails() -> Rails:
    return read(DIRECTORY / "rails.yaml", Rails)


def rails() -> Mapping[str, Rail]:
    """Rails between banks by their word in market files."""
    return MappingProxyType(_rails().rails)


@cache
def deploy_role() -> DeployRole:
    """Scopes of a deploy role, and what AWS does in its name."""
    return read(DIRECTORY / "deploy_role.yaml", DeployRole)


@cache
def permissions() -> Permissions:
    """IAM actions of resource types."""
    return read(DIRECTORY / "permissions.yaml", Permissions)


@cache
def regions() -> Mapping[str, Region]:
    """All regions by name, in the order of their indices. Raises CatalogueError where a jurisdiction is not known."""
    found = _regions().regions
    for name, entry in found.items():
        if entry.jurisdiction not in jurisdictions().jurisdictions:
            raise CatalogueError(f"catalogue/regions.yaml: {name}: jurisdiction {entry.jurisdiction!r} is not known")
        if entry.country not in jurisdictions().jurisdictions[entry.jurisdiction].countries:
            raise CatalogueError(f"catalogue/regions.yaml: {name}: {entry.country} is outside {entry.jurisdiction}")
    return MappingProxyType(dict(sorted(found.items(), key=lambda item: item[1].index)))


def region(name: str) -> Region:
    """One region. Raises CatalogueError where the catalogue has none of this name."""
    try:
        return regions()[name]
    except KeyError:
        raise CatalogueError(f"region {name!r} is not in catalogue/regions.yaml") from None


def witness(one: str, other: str) -> str | None:
    """A third region of a jurisdiction, for a strongly consistent DynamoDB table over two; None: there is none."""
    return _regions().witness(one, other)


def regions_of(jurisdiction: str) -> tuple[str, ...]:
    """Names of a jurisdiction's regions: the only places for the data of its cells."""
    return tuple(name for name, entry in regions().items() if entry.jurisdiction == jurisdiction)


def quotas() -> Mapping[str, Quota]:
    """All quotas by name."""
    return MappingProxyType(_quotas().quotas)


def quotas_date() -> date:
    """The day on which the default quotas were true."""
    return _quotas().date


def quota(name: str, region_name: str) -> int:
    """A default quota in a region. Raises KeyError for an unknown name: a mistake in our code, not in configuration."""
    return quotas()[name].of(region_name)


def creation_times() -> Mapping[str, CreationTime]:
    """Creation times by resource type."""
    return MappingProxyType(_creation_times().resources)


def stale(today: date) -> Mapping[str, date]:
    """Files whose review date has passed, with that date."""
    dates = {name: read(DIRECTORY / name, shape).review_by for name, shape in _FILES.items()}
    return MappingProxyType({name: due for name, due in dates.items() if due < today})
