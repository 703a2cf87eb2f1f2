"""Dated facts with their source: regions, jurisdictions, versions, quotas, creation times, instance types, workload,
prices.

One YAML file a subject beside this module. Each is checked whole when it is first asked for and then kept. Every value
has a source and the date on which it was true, either its own or its file's.
"""

from __future__ import annotations

from catalogue.load import (
    CatalogueError,
    creation_times,
    instances,
    jurisdictions,
    prices,
    quota,
    quotas,
    quotas_date,
    region,
    regions,
    regions_of,
    removed_apis,
    stale,
    versions,
    workload,
)
from catalogue.model import (
    Addon,
    Adequacy,
    CreationTime,
    DatabaseType,
    Figure,
    Jurisdiction,
    KubernetesVersion,
    NodeType,
    Price,
    Prices,
    Quota,
    QuotaCode,
    Region,
    RemovedApi,
    Versions,
)

__all__ = [
    "Addon",
    "Adequacy",
    "CatalogueError",
    "CreationTime",
    "DatabaseType",
    "Figure",
    "Jurisdiction",
    "KubernetesVersion",
    "NodeType",
    "Price",
    "Prices",
    "Quota",
    "QuotaCode",
    "Region",
    "RemovedApi",
    "Versions",
    "creation_times",
    "instances",
    "jurisdictions",
    "prices",
    "quota",
    "quotas",
    "quotas_date",
    "region",
    "regions",
    "regions_of",
    "removed_apis",
    "stale",
    "versions",
    "workload",
]
