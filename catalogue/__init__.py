"""Dated facts with their source: regions, jurisdictions, versions, quotas, creation times, instance types, workload,
prices, rails.

One YAML file a subject beside this module. Each is checked whole when it is first asked for and then kept. Every value
has a source and the date on which it was true, either its own or its file's.
"""

from __future__ import annotations

from catalogue.load import (
    CatalogueError,
    creation_times,
    deploy_role,
    instances,
    jurisdictions,
    permissions,
    prices,
    quota,
    quotas,
    quotas_date,
    rails,
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
from catalogue.rail_model import Rail

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
    "Rail",
    "Region",
    "RemovedApi",
    "Versions",
    "creation_times",
    "deploy_role",
    "instances",
    "jurisdictions",
    "permissions",
    "prices",
    "quota",
    "quotas",
    "quotas_date",
    "rails",
    "region",
    "regions",
    "regions_of",
    "removed_apis",
    "stale",
    "versions",
    "workload",
]
