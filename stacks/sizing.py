"""From a cell's settings to its plan: each number by a formula that is kept beside it.

    derive("eu-west-1", settings).shards        what to declare
    derive("eu-west-1", settings).derived       why, for ``cell config explain``
    derive("eu-west-1", settings).caps          how far it carries, fullest first

Figures of AWS and of the design come from the catalogue, never from here. The sizing case is 137,000 payments a minute.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from ipaddress import IPv4Network
from math import ceil
from types import MappingProxyType

from pydantic.alias_generators import to_camel

import catalogue
from components.addresses import SERVICE_CIDR, AddressPlan, Slot, address_plan, vpc_block
from components.vocabulary import Environment
from contracts.shard_map import ShardMap, ShardState
from contracts.shard_plan import declared_map, equal_counts
from stacks.backups import backups
from stacks.capacity import Load, caps
from stacks.models import CellSettings, RunnerSettings
from stacks.plan import CellPlan, ConsumerSpec, Derived, NodeGroupSpec, Retention, RunnerSpec, ShardSpec
from stacks.standby import standby_of, warm
from stacks.versions import chosen_versions

MINIMUM_SUBNET_ZONES = 2
"""EKS, RDS subnet groups and Application Load Balancers each refuse fewer (EKS user guide, "View Amazon EKS networking
requirements"; RDS API, CreateDBSubnetGroup; ELBv2 API, CreateLoadBalancer)."""

LARGE_FLEET = 8
"""Shards up to which a larger instance class is preferred to more shards: fewer clusters to operate."""

MANY_NODES = 12
"""Nodes of a group up to which a smaller instance type is preferred: losing one loses less."""

DEFAULT_CONSUMERS = MappingProxyType({"ledger": True, "invoicing": True, "tax": False, "fraud": False})
"""Consumer -> ordered. Money is booked and billed in the account's order; tax and fraud take events as they come."""

_CLASS_TAINT = "payment-cell/workload-class"
_DATABASES = ("db.r7g.large", "db.r7g.xlarge", "db.r7g.2xlarge", "db.r7g.4xlarge", "db.r7g.8xlarge", "db.r7g.16xlarge")
_GATEWAYS = ("c7g.xlarge", "c7g.2xlarge", "c7g.4xlarge")
_APPLICATIONS = ("m7g.large", "m7g.xlarge", "m7g.2xlarge", "m7g.4xlarge")

_RETENTION = MappingProxyType(
    {
        Environment.PRODUCTION: Retention(
            log_days=365,
            archive_days=2557,
            backup_days=35,
            replay_days=30,
            stream_hours=168,
            key_deletion_days=30,
        ),
        Environment.STAGING: Retention(
            log_days=365,
            archive_days=30,
            backup_days=7,
            replay_days=7,
            stream_hours=24,
            key_deletion_days=30,
        ),
        Environment.DEVELOPMENT: Retention(
            log_days=7, archive_days=1, backup_days=7, replay_days=1, stream_hours=24, key_deletion_days=7
        ),
    }
)
"""Production keeps audit logs a year (LOG-06) and the archive seven; 7 days of recovery are the least of BCK-01."""


class _Ledger:
    """Collects how each number was found."""

    def __init__(self) -> None:
        self.entries: list[Derived] = []

    def note(self, name: str, value: str | int | float | bool, unit: str, formula: str, source: str) -> None:
        self.entries.append(Derived(name=name, value=value, unit=unit, formula=formula, source=source))


def derive(cell: str, settings: CellSettings) -> CellPlan:
    """The plan of one cell. Pure: the same settings give the same plan.

    Raises AddressError or ShardMapError where the settings were not checked before (``stacks/settings.py``).
    """
    ledger = _Ledger()
    load = _load(settings, ledger)
    subnet_zones, zones = _zones(settings, ledger)
    network = _network(settings, subnet_zones, ledger)
    consumers = _consumers(settings)
    shard_map, shards = _shards(settings, load, len(zones), ledger)
    groups = _node_groups(settings, load, len(zones), ledger)
    standing, whole = standby_of(settings), (shards, groups)
    if standing is not None:
        shards, groups = warm(standing.strategy, shards, groups, ledger.note)
    stream_shards = _stream_shards(settings, load, consumers, ledger)
    versions = chosen_versions(settings.versions)
    return CellPlan(
        cell=cell,
        account=settings.account,
        region=settings.region,
        environment=settings.environment,
        jurisdiction=settings.effective_jurisdiction,
        peak_payments_per_second=settings.peak_payments_per_second,
        domain=settings.domain,
        hosted_zone_id=settings.hosted_zone_id,
        recovery_region=_recovery(settings, ledger),
        standby=standing,
        network=network,
        subnet_zone_ids=subnet_zones,
        zone_ids=zones,
        service_cidr=str(SERVICE_CIDR),
        kubernetes_version=versions.kubernetes,
        node_version=versions.nodes,
        addons=versions.addons,
        compute=settings.cluster.compute,
        node_groups=groups,
        administrators=MappingProxyType(dict(settings.administrators)),
        viewers=MappingProxyType(dict(settings.viewers)),
        endpoint_cidrs=settings.endpoint.allowed_cidrs,
        shards=shards,
        shard_map=shard_map,
        master_password_version=settings.shards.master_password_version,
        engine_version=versions.aurora,
        shard_versions=versions.shards,
        upgrading_shard=versions.upgrading,
        ca_identifier=catalogue.versions().database_ca.identifier,
        tls_policy=catalogue.versions().load_balancer_tls.policy,
        stream_shards=stream_shards,
        consumers=consumers,
        retention=_retention(settings, ledger),
        backups=backups(settings, ledger.note),
        runner=_runner(settings.runner),
        training_image=settings.training_image,
        slo=settings.slo,
        protected=settings.environment is not Environment.DEVELOPMENT and not settings.disarmed,
        object_lock_mode="COMPLIANCE" if settings.environment is Environment.PRODUCTION else "GOVERNANCE",
        derived=tuple(ledger.entries),
        # A replica is to carry its primary's peak once it is whole.
        caps=caps(settings, load, network, *whole, consumers, stream_shards, len(zones)),
    )


def _runner(settings: RunnerSettings | None) -> RunnerSpec | None:
    if settings is None:
        return None
    return RunnerSpec(image=settings.image, state_bucket=settings.state_bucket, state_key_arns=settings.state_key_arns)


def _load(settings: CellSettings, ledger: _Ledger) -> Load:
    """What the peak means in events, bytes and accounts."""
    peak, w = settings.peak_payments_per_second, catalogue.workload()
    mean = peak / w["peak_to_mean"]
    row_bytes = mean * w["row_bytes_per_payment"] * 86_400 * w["online_days"]
    accounts = settings.accounts or ceil(peak * w["accounts_per_peak_payment"])
    load = Load(
        peak=peak,
        events=peak * w["events_per_payment"],
        event_bytes=peak * w["events_per_payment"] * w["event_bytes"],
        accounts=accounts,
        row_bytes=row_bytes,
    )
    note, figures = ledger.note, "catalogue/workload.yaml"
    note("peak", peak, "payments/s", f"peakPaymentsPerSecond; {peak * 60:,} a minute", "setting")
    note("events", round(load.events), "events/s", f"{peak:,} * {w['events_per_payment']:g} events a payment", figures)
    note(
        "rows",
        round(row_bytes),
        "bytes",
        f"{peak:,} / {w['peak_to_mean']:g} payments/s in the mean * {w['row_bytes_per_payment']:,.0f} bytes * "
        f"{w['online_days']:g} days",
        figures,
    )
    if settings.accounts:
        note("accounts", accounts, "accounts", "accounts", "setting")
    else:
        note("accounts", accounts, "accounts", f"{peak:,} * {w['accounts_per_peak_payment']:g} a payment/s", figures)
    return load


def _zones(settings: CellSettings, ledger: _Ledger) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Zones with subnets, and those of them in which things run."""
    usable = catalogue.region(settings.region).zones
    development = settings.environment is Environment.DEVELOPMENT
    count = settings.zones or (1 if development else min(3, len(usable)))
    why = "zones" if settings.zones else "1 in development" if development else f"min(3, {len(usable)} usable)"
    subnet_zones = usable[: max(count, MINIMUM_SUBNET_ZONES)]
    source = "setting" if settings.zones else "catalogue/regions.yaml"
    ledger.note("zones", ", ".join(usable[:count]), "zone ids", f"the first {count}: {why}", source)
    ledger.note(
        "subnetZones",
        ", ".join(subnet_zones),
        "zone ids",
        f"max({count}, {MINIMUM_SUBNET_ZONES}): EKS, RDS and ALB refuse subnets in one zone only",
        "https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html",
    )
    return subnet_zones, usable[:count]


def _network(settings: CellSettings, zones: tuple[str, ...], ledger: _Ledger) -> AddressPlan:
    """The cell's block: its own, or the plan's for region and environment."""
    network = vpc_network(settings)
    index = catalogue.region(settings.region).index
    formula = f"10.0.0.0/8 + (4 * index {index} + slot {settings.environment}) * 65,536"
    if settings.cidr:
        ledger.note("vpc", str(network), "CIDR", "cidr", "setting")
    else:
        ledger.note("vpc", str(network), "CIDR", formula, "components/addresses.py, catalogue/regions.yaml")
    plan = address_plan(network, zones)
    for tier in plan.subnets:
        ledger.note(
            f"addresses.{tier}",
            plan.usable(tier),
            "addresses",
            f"{len(zones)} subnets, less 5 each",
            "AWS VPC user guide",
        )
    return plan


def vpc_network(settings: CellSettings) -> IPv4Network:
    """The block of the cell's VPC: its own ``cidr``, or the address plan's for region and environment."""
    if settings.cidr:
        return IPv4Network(settings.cidr)
    return vpc_block(catalogue.region(settings.region).index, Slot(settings.environment.value))


def _recovery(settings: CellSettings, ledger: _Ledger) -> str | None:
    region, target = catalogue.region(settings.region), settings.effective_recovery_region
    if settings.recovery_region is not None:
        formula, source = "recoveryRegion", "setting"
    elif settings.environment is not Environment.PRODUCTION:
        formula, source = f"none in {settings.environment}", "stacks/sizing.py"
    else:
        formula = region.no_recovery or f"pair of {settings.region} in {region.jurisdiction}"
        source = "catalogue/regions.yaml"
    ledger.note("recoveryRegion", target or "none", "region", formula, source)
    return target


def _consumers(settings: CellSettings) -> tuple[ConsumerSpec, ...]:
    if settings.consumers is None:
        return tuple(ConsumerSpec(name=name, ordered=ordered) for name, ordered in DEFAULT_CONSUMERS.items())
    return tuple(ConsumerSpec(name=name, ordered=c.ordered) for name, c in settings.consumers.items())


def _shards(settings: CellSettings, load: Load, zones: int, ledger: _Ledger) -> tuple[ShardMap, tuple[ShardSpec, ...]]:
    """The shard map and the clusters behind it."""
    chosen, w = settings.shards, catalogue.workload()
    by_bytes = ceil(load.row_bytes / w["database_bytes_per_shard"])
    by_accounts = ceil(load.accounts / w["accounts_per_shard"])
    instance_class = chosen.instance_class or _database_class(settings, load)
    by_payments = ceil(load.peak / shard_payments(instance_class))
    floor = 2 if settings.environment is Environment.PRODUCTION else 1
    needed = max(by_payments, by_bytes, by_accounts, floor)
    count = chosen.count or next(n for n in equal_counts() if n >= needed)
    readers = chosen.readers if chosen.readers is not None else zones - 1
    shard_map = declared_map(count, [change.as_change() for change in chosen.changes], chosen.overrides)
    vcpus = catalogue.instances().databases.types[instance_class].vcpus
    each = f"{vcpus} vCPUs * {w['payments_per_database_vcpu']:g} * {w['database_headroom']:g}"
    ledger.note(
        "shards.instanceClass",
        instance_class,
        "class",
        "instanceClass"
        if chosen.instance_class
        else f"smallest with which {LARGE_FLEET} shards or fewer take the peak",
        "setting" if chosen.instance_class else "catalogue/instances.yaml, catalogue/workload.yaml",
    )
    ledger.note(
        "shards.count",
        count,
        "shards",
        "shards.count"
        if chosen.count
        else f"max(payments: ceil({load.peak:,} / ({each})) = {by_payments}, bytes: {by_bytes}, "
        f"accounts: {by_accounts}, {settings.environment}: {floor}), then the next divisor of 4,096",
        "setting" if chosen.count else "catalogue/workload.yaml",
    )
    ledger.note(
        "shards.readers",
        readers,
        "readers a shard",
        "shards.readers" if chosen.readers is not None else f"{zones} zones - 1: an instance in each zone",
        "setting" if chosen.readers is not None else "stacks/sizing.py",
    )
    specs = tuple(
        ShardSpec(id=s.id, instance_class=instance_class, readers=readers, weight=s.weight, state=s.state)
        for s in shard_map.shards
        if s.state is not ShardState.RETIRED
    )
    return shard_map, specs


def shard_payments(instance_class: str) -> float:
    """Payments a second that one shard is planned for."""
    w = catalogue.workload()
    vcpus = catalogue.instances().databases.types[instance_class].vcpus
    return vcpus * w["payments_per_database_vcpu"] * w["database_headroom"]


def _database_class(settings: CellSettings, load: Load) -> str:
    replicated = settings.effective_recovery_region is not None or standby_of(settings) is not None
    # A global database refuses burstable classes.
    if settings.environment is Environment.DEVELOPMENT and not replicated:
        return "db.t4g.medium"
    fitting = (name for name in _DATABASES if load.peak / shard_payments(name) <= LARGE_FLEET)
    return next(fitting, _DATABASES[-1])


def _node_groups(settings: CellSettings, load: Load, zones: int, ledger: _Ledger) -> Mapping[str, NodeGroupSpec]:
    """Groups by workload class, in each a node a zone at least."""
    w = catalogue.workload()
    if settings.environment is Environment.DEVELOPMENT:
        groups = {"system": _group(("t4g.large",), 1, zones, {})}
        ledger.note("nodes.system", "1 * t4g.large", "nodes", "development: one group for all", "stacks/sizing.py")
    else:
        groups = {"system": _group(("m7g.large",), zones, zones, {})}
        ledger.note("nodes.system", f"{zones} * m7g.large", "nodes", "add-ons: one a zone", "stacks/sizing.py")
        for name, per_vcpu, ladder in (
            ("gateway", w["payments_per_gateway_vcpu"], _GATEWAYS),
            ("application", w["payments_per_application_vcpu"], _APPLICATIONS),
        ):
            vcpus = load.peak / per_vcpu / w["node_headroom"]
            kind, desired = _nodes(vcpus, ladder, zones)
            groups[name] = _group((kind,), zones, desired, {_CLASS_TAINT: name})
            ledger.note(
                f"nodes.{name}",
                f"{desired} * {kind}",
                "nodes",
                f"{load.peak:,} / {per_vcpu:g} payments/s a vCPU / {w['node_headroom']:g} = {vcpus:.1f} vCPUs, "
                f"a multiple of {zones} zones",
                "catalogue/workload.yaml",
            )
    for name, chosen in settings.nodes.items():
        taints = groups[name].taints if name in groups else {_CLASS_TAINT: name}
        groups[name] = NodeGroupSpec(
            instance_types=chosen.instance_types,
            minimum=chosen.minimum,
            desired=chosen.minimum,
            maximum=chosen.maximum,
            disk_gib=50,
            taints=taints,
        )
        ledger.note(f"nodes.{name}", f"{chosen.minimum} to {chosen.maximum}", "nodes", f"nodes.{name}", "setting")
    pods = sum(_pods(group) * group.desired for group in groups.values())
    ledger.note("pods", pods, "pods", "what the groups take at their desired size", "catalogue/instances.yaml")
    return MappingProxyType(groups)


def _pods(group: NodeGroupSpec) -> int:
    """Pods that a node of the group takes, of whichever of its types."""
    return min(catalogue.instances().nodes.types[kind].pods for kind in group.instance_types)


def _nodes(vcpus: float, ladder: tuple[str, ...], zones: int) -> tuple[str, int]:
    """Smallest type with which the group stays small, and its number, a multiple of the zones."""
    types = catalogue.instances().nodes.types
    fitting = (name for name in ladder if ceil(vcpus / types[name].vcpus) <= MANY_NODES)
    kind = next(fitting, ladder[-1])
    per_zone = max(1, ceil(vcpus / types[kind].vcpus / zones))
    return kind, per_zone * zones


def _group(types: tuple[str, ...], minimum: int, desired: int, taints: Mapping[str, str]) -> NodeGroupSpec:
    """Twice the planned nodes at most: a rollout replaces them beside the old ones."""
    return NodeGroupSpec(
        instance_types=types, minimum=minimum, desired=desired, maximum=2 * desired, disk_gib=50, taints=dict(taints)
    )


def _stream_shards(settings: CellSettings, load: Load, consumers: tuple[ConsumerSpec, ...], ledger: _Ledger) -> int:
    """Kinesis shards: the largest of what records, bytes in and bytes out ask for."""

    def limit(name: str) -> int:
        return catalogue.quota(name, settings.region)

    headroom, readers = catalogue.workload()["stream_headroom"], stream_readers(consumers)
    by_records = ceil(load.events / limit("kinesis-shard-records") / headroom)
    by_bytes = ceil(load.event_bytes / limit("kinesis-shard-bytes-in") / headroom)
    by_reads = ceil(load.event_bytes * readers / limit("kinesis-shard-bytes-out") / headroom)
    shards = max(by_records, by_bytes, by_reads)
    ledger.note(
        "stream.shards",
        shards,
        "shards",
        f"max(records {by_records}, bytes in {by_bytes}, bytes out to {readers} readers {by_reads}) "
        f"at {headroom:.0%} of 1,000 records/s, 1 MiB/s in, 2 MiB/s out",
        "catalogue/quotas.yaml, catalogue/workload.yaml",
    )
    return shards


def stream_readers(consumers: tuple[ConsumerSpec, ...]) -> int:
    """Readers of the stream: each ordered consumer, the bus for the others, the archive."""
    return sum(consumer.ordered for consumer in consumers) + 2


def _retention(settings: CellSettings, ledger: _Ledger) -> Retention:
    default = _RETENTION[settings.environment]
    own = {k: v for k, v in settings.retention.model_dump().items() if v is not None}
    retention = replace(default, **own)
    for name, value in asdict(retention).items():
        source = "setting" if name in own else "stacks/sizing.py"
        unit, shown = "hours" if name.endswith("hours") else "days", f"retention.{to_camel(name)}"
        ledger.note(shown, value, unit, shown if name in own else f"default of {settings.environment}", source)
    return retention
