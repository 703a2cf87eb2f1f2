"""The shapes of the catalogue's files. A file that does not fit is refused with the place in it."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

ZoneId = Annotated[str, StringConstraints(pattern=r"^[a-z]{2,5}\d-az\d$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Url = Annotated[str, StringConstraints(pattern=r"^https://")]


class Entry(BaseModel):
    """Base of all shapes: no unknown keys, no change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Dated(Entry):
    """A file: when its values were true and when they are to be looked at again."""

    date: datetime.date
    review_by: datetime.date

    @model_validator(mode="after")
    def _review_follows(self) -> Self:
        if self.review_by <= self.date:
            raise ValueError("review_by must lie after date")
        return self


class Region(Entry):
    """A region as a cell sees it."""

    index: int = Field(ge=0, lt=64)
    """Place in the address plan; never changes, never goes to another region."""
    name: str
    partition: Literal["aws"]
    jurisdiction: str
    country: Country
    opt_in: bool
    """Must be switched on in an account before it can be used."""
    zones: tuple[ZoneId, ...] = Field(min_length=2)
    """Zones that may be used, in the order in which cells take them. EKS, RDS and ALB each want two."""
    excluded: dict[ZoneId, str] = Field(default_factory=dict)
    """Zones that exist and may not be used, with the reason."""
    recovery: str | None = None
    """Region of the same jurisdiction that holds the replica."""
    no_recovery: str | None = None
    """Why there is none."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if set(self.zones) & set(self.excluded):
            raise ValueError("a zone is both usable and excluded")
        if (self.recovery is None) == (self.no_recovery is None):
            raise ValueError("give either recovery or no_recovery (the reason)")
        return self


class Regions(Dated):
    """regions.yaml"""

    source: Url
    zone_source: Url
    exclusion_source: Url
    strong_consistency_source: Url
    strong_consistency: tuple[tuple[str, ...], ...]
    """Sets of regions over which a DynamoDB table can be strongly consistent."""
    regions: dict[str, Region]

    def witness(self, one: str, other: str) -> str | None:
        """A third region of the same jurisdiction and set; None: the two can have no strongly consistent table."""
        jurisdiction = self.regions[one].jurisdiction
        for group in self.strong_consistency:
            if one in group and other in group:
                own = [name for name in group if name in self.regions and name not in (one, other)]
                return next((name for name in own if self.regions[name].jurisdiction == jurisdiction), None)
        return None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        indices = [region.index for region in self.regions.values()]
        if len(set(indices)) != len(indices):
            raise ValueError("an index of the address plan is used twice")
        for name, region in self.regions.items():
            if region.recovery is None:
                continue
            other = self.regions.get(region.recovery)
            if other is None or other.jurisdiction != region.jurisdiction or region.recovery == name:
                raise ValueError(f"{name}: recovery {region.recovery} is not another region of {region.jurisdiction}")
        return self


class Jurisdiction(Entry):
    """Where data may be, and by which rule."""

    name: str
    source: Url
    rule: str
    countries: frozenset[Country]


class Adequacy(Entry):
    """A decision under GDPR Article 45."""

    country: Country
    decision: str | None = None
    scope: str | None = None
    review_by: datetime.date | None = None
    verified: bool


class Jurisdictions(Dated):
    """jurisdictions.yaml"""

    jurisdictions: dict[str, Jurisdiction]
    adequacy_source: Url
    adequacy: tuple[Adequacy, ...]


class KubernetesVersion(Entry):
    """A version of EKS and the ends of its support."""

    released: datetime.date
    standard_until: datetime.date
    extended_until: datetime.date
    verified: bool


class Kubernetes(Entry):
    """EKS versions, and the one that new cells get."""

    source: Url
    default: str
    versions: dict[str, KubernetesVersion]

    @model_validator(mode="after")
    def _default_exists(self) -> Self:
        if self.default not in self.versions:
            raise ValueError(f"default {self.default} is not among the versions")
        return self


class Addon(Entry):
    """An EKS add-on's version."""

    version: Annotated[str, StringConstraints(pattern=r"^v\d+\.\d+\.\d+-eksbuild\.\d+$")]
    verified: bool


class Addons(Entry):
    """Add-on versions: Kubernetes version -> add-on -> version."""

    source: Url
    versions: dict[str, dict[str, Addon]]

    def of(self, kubernetes: str) -> dict[str, str]:
        """Add-on -> version for a Kubernetes version. Raises KeyError for one that is not listed."""
        return {name: addon.version for name, addon in self.versions[kubernetes].items()}


class NodeImage(Entry):
    """The operating system of the nodes."""

    source: Url
    name: str
    until: datetime.date
    verified: bool


class AuroraMajor(Entry):
    """A major version of the database engine and the ends of its support."""

    standard_until: datetime.date
    extended_until: datetime.date
    verified: bool


class AuroraVersion(Entry):
    """A minor version of the database engine. Each ends by itself, long before its major version."""

    released: datetime.date
    standard_until: datetime.date
    long_term: bool = False
    """AWS's long-term release of its major version."""
    verified: bool


class AuroraPostgresql(Entry):
    """The database engine: `17.7` is minor version 7 of major version 17."""

    source: Url
    default: str
    majors: dict[str, AuroraMajor]
    versions: dict[str, AuroraVersion]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.default not in self.versions:
            raise ValueError(f"default {self.default} is not among the versions")
        for name, version in self.versions.items():
            major = self.majors.get(name.split(".")[0])
            if major is None or version.standard_until > major.standard_until:
                raise ValueError(f"{name} outlives its major version, or that is not listed")
        return self


class DatabaseCa(Entry):
    """The authority that signs the database servers' certificates."""

    source: Url
    identifier: str
    valid_until: datetime.date
    verified: bool


class LoadBalancerTls(Entry):
    """The negotiation policy of TLS listeners."""

    source: Url
    policy: str
    verified: bool


class Versions(Dated):
    """versions.yaml"""

    kubernetes: Kubernetes
    addons: Addons
    node_image: NodeImage
    aurora_postgresql: AuroraPostgresql
    database_ca: DatabaseCa
    load_balancer_tls: LoadBalancerTls

    @model_validator(mode="after")
    def _addons_fit(self) -> Self:
        if set(self.addons.versions) != set(self.kubernetes.versions):
            raise ValueError("addons are not listed for each Kubernetes version")
        if len({frozenset(addons) for addons in self.addons.versions.values()}) != 1:
            raise ValueError("the Kubernetes versions do not list the same add-ons")
        return self


class QuotaCode(Entry):
    """A quota in Service Quotas: what ``aws service-quotas get-service-quota`` and an increase request take."""

    service: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]+$")]
    code: Annotated[str, StringConstraints(pattern=r"^L-[0-9A-F]{8}$")]
    verified: bool
    """Read on a page of AWS."""
    source: Url


class RemovedApi(Entry):
    """A version of a Kubernetes API that a later release does not serve any more."""

    group: str
    version: str
    kinds: tuple[str, ...]
    removed_in: Annotated[str, StringConstraints(pattern=r"^1\.\d+$")]
    use: str | None = None
    """The group version that takes its place, where the source names one."""


class RemovedApis(Dated):
    """removed_apis.yaml"""

    source: Url
    verified: bool
    apis: tuple[RemovedApi, ...]


class Quota(Entry):
    """A default quota of an account in a region."""

    default: int = Field(gt=0)
    unit: str
    adjustable: bool
    verified: bool
    """Read on the source's page on the file's date."""
    regions: dict[str, int] = Field(default_factory=dict)
    """Where it differs from ``default``."""
    source: Url
    raised_by_use: bool = False
    """AWS raises it by itself as an account is used: ``default`` is a new account's, only the account knows its own."""
    request: QuotaCode | None = None
    """How Service Quotas names it; None where AWS does not list it there and a support case raises it."""

    def of(self, region: str) -> int:
        """The quota in a region."""
        return self.regions.get(region, self.default)


class Quotas(Dated):
    """quotas.yaml"""

    quotas: dict[str, Quota]


class CreationTime(Entry):
    """How long AWS takes to create one resource."""

    typical_s: int = Field(gt=0)
    source: Url
    verified: bool


class CreationTimes(Dated):
    """creation_times.yaml"""

    resources: dict[str, CreationTime]


class NodeType(Entry):
    """An EC2 instance type for nodes."""

    vcpus: int = Field(gt=0)
    memory_gib: int = Field(gt=0)
    enis: int = Field(gt=0)
    addresses_per_eni: int = Field(gt=1)

    @property
    def pods(self) -> int:
        """Pods a node takes: the VPC CNI's formula without prefix delegation, and its upper bound."""
        return min(self.enis * (self.addresses_per_eni - 1) + 2, 110 if self.vcpus <= 30 else 250)


class DatabaseType(Entry):
    """An Aurora instance class."""

    vcpus: int = Field(gt=0)
    memory_gib: int = Field(gt=0)
    burstable: bool = False
    """Has CPU credits: never for production."""


class NodeTypes(Entry):
    """EC2 instance types by name."""

    source: Url
    pods_source: Url
    types: dict[str, NodeType]


class DatabaseTypes(Entry):
    """Aurora instance classes by name, smallest first."""

    source: Url
    types: dict[str, DatabaseType]


class Instances(Dated):
    """instances.yaml"""

    nodes: NodeTypes
    databases: DatabaseTypes


class Figure(Entry):
    """A figure of the design, with unit and the side on which it errs."""

    value: float = Field(gt=0)
    unit: str
    errs: Literal["high", "low"]
    meaning: str


class Workload(Dated):
    """workload.yaml"""

    source: str
    figures: dict[str, Figure]

    def __getitem__(self, name: str) -> float:
        return self.figures[name].value


class RegionPrice(Entry):
    """What AWS charges in one region."""

    usd: float = Field(gt=0)
    verified: bool
    seen: str | None = None
    """Where it was read: a name under ``seen`` of the file."""

    @model_validator(mode="after")
    def _verified_where_seen(self) -> Self:
        if self.verified != (self.seen is not None):
            raise ValueError("verified is true where seen names the place, and only there")
        return self


class Price(Entry):
    """An on-demand price per unit, region by region."""

    unit: str
    source: Url
    """AWS's page of it."""
    regions: dict[str, RegionPrice] = Field(min_length=1)

    def of(self, region: str) -> RegionPrice | None:
        """The price in a region, or the one for all regions; None where it is not known."""
        return self.regions.get(region) or self.regions.get("global")


class Prices(Dated):
    """prices.yaml"""

    currency: Literal["USD"]
    seen: dict[str, Url]
    prices: dict[str, Price]

    @model_validator(mode="after")
    def _sources_exist(self) -> Self:
        for name, price in self.prices.items():
            for region, entry in price.regions.items():
                if entry.seen is not None and entry.seen not in self.seen:
                    raise ValueError(f"{name}: {region}: seen names {entry.seen}, which is not there")
        return self

    def regions(self) -> tuple[str, ...]:
        """Regions that have prices, by name."""
        named = {region for price in self.prices.values() for region in price.regions}
        return tuple(sorted(named - {"global"}))


class ServiceLinkedRole(Entry):
    """A role that a service makes for itself with the first resource of a type."""

    type: str
    service: str
    source: str


class Indirect(Entry):
    """Actions that a resource type needs beside its own calls."""

    type: str
    actions: tuple[str, ...]
    source: str
    verified: bool
    """Whether somebody has seen AWS ask for them."""


class DeployRole(Dated):
    """On which resources a deploy role acts, and what AWS does in its name."""

    source: str
    scopes: dict[str, tuple[str, ...]]
    """IAM service prefix -> ARNs with `{region}`, `{account}` and `{prefix}` (the stack's name)."""
    global_services: tuple[str, ...]
    """Prefixes of services that answer in one region for all."""
    preflight: tuple[str, ...]
    """Actions of what `cell preflight` and `cell status` ask beside."""
    service_linked_roles: tuple[ServiceLinkedRole, ...]
    indirect: tuple[Indirect, ...]


class Permissions(Dated):
    """IAM actions of resource types; generated by tests/permissions.py."""

    source: str
    verified: bool
    stacks: dict[str, tuple[str, ...]]
    """Stack kind -> types that it declares."""
    passes: dict[str, tuple[str, ...]]
    """Stack kind -> services that its roles are handed to."""
    types: dict[str, tuple[str, ...]]
    unscoped: frozenset[str]
    """Actions that take no resource but `*`."""
