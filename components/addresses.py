"""Address plan of all cells: one VPC a cell, out of one private block, without overlap and without a registry.

A cell's block follows from two fixed numbers: its region's index (``catalogue/regions.yaml``, given once, never reused)
and its slot in that region. Nothing is looked up and nothing has to be remembered: two people who add two cells on the
same day cannot choose the same addresses.

    supernet   10.0.0.0/8       all cells
    region     /14              64 regions, one entry in a firewall or a route table each
    cell       /16              4 slots a region: production, staging, development, replica
    zone       /18              4 blocks, of which a cell uses one to three; the fourth stays free
    tier       /19 workload     8,187 usable addresses, one a pod (the VPC CNI gives every pod an address of the subnet)
               /21 data         2,043
               /22 public       1,019

AWS keeps five addresses of each subnet (VPC user guide, "Subnet CIDR blocks") and takes VPC blocks of /16 to /28.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from itertools import combinations
from types import MappingProxyType

from components.vocabulary import Tier

DEFAULT_SUPERNET = IPv4Network("10.0.0.0/8")
"""Where all cells live. RFC 1918; the only private block with room for 256 VPCs of the largest size."""

SERVICE_CIDR = IPv4Network("172.20.0.0/16")
"""Addresses of Kubernetes services, the same in each cell: they never leave a cluster. EKS would choose this or
10.100.0.0/16 by itself (EKS API reference, KubernetesNetworkConfigRequest); the second is a cell's block: it is set."""

REGION_LIMIT = 64
"""Regions the plan has room for: six bits of the supernet."""

ZONE_LIMIT = 3
"""Zones a cell uses at most; the fourth block of the VPC stays free for a zone that has to be replaced."""

RESERVED_PER_SUBNET = 5
"""Addresses AWS keeps in each subnet (VPC user guide, "Subnet sizing")."""

_REGION_BITS, _SLOT_BITS, _ZONE_BITS = 6, 2, 2
_VPC_PREFIX_RANGE = range(16, 21)


class Slot(StrEnum):
    """What a region's block is for. Not the same as an environment: a replica is production's."""

    PRODUCTION = "production"
    STAGING = "staging"
    DEVELOPMENT = "development"
    REPLICA = "replica"
    """The standby of this region's production cell. It stands in the recovery region with a block of the home
    region's, so that one region can hold the replicas of several."""


_TIER_BITS = MappingProxyType({Tier.WORKLOAD: 1, Tier.DATA: 3, Tier.PUBLIC: 4})
"""Prefix bits of a tier below its zone's block, in the order in which the tiers fill it: largest first."""


class AddressError(ValueError):
    """An address plan that cannot be: the message names the value, the rule and the way out."""


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressPlan:
    """The addresses of one cell."""

    vpc_cidr: str
    subnets: Mapping[str, Mapping[str, str]]
    """tier -> zone id -> CIDR"""

    def usable(self, tier: str) -> int:
        """Addresses of a tier that AWS leaves to the cell, over all its zones."""
        networks = [IPv4Network(cidr) for cidr in self.subnets[tier].values()]
        return sum(network.num_addresses - RESERVED_PER_SUBNET for network in networks)


def vpc_block(region_index: int, slot: str, supernet: IPv4Network = DEFAULT_SUPERNET) -> IPv4Network:
    """The block of the cell in ``slot`` of the region with ``region_index``.

    Raises AddressError where the index or slot is not in the plan or the supernet has no room for it.
    """
    if isinstance(region_index, bool) or not isinstance(region_index, int) or not 0 <= region_index < REGION_LIMIT:
        raise AddressError(
            f"region index {region_index!r} is outside 0..{REGION_LIMIT - 1}; give the region a free index in "
            "catalogue/regions.yaml"
        )
    slots = [known.value for known in Slot]
    if slot not in slots:
        raise AddressError(f"slot {slot!r} is not one of {', '.join(slots)}")
    if not supernet.is_private:
        raise AddressError(f"supernet {supernet} is not private; use a block of 10.0.0.0/8 or 172.16.0.0/12")
    prefix = supernet.prefixlen + _REGION_BITS + _SLOT_BITS
    if prefix not in _VPC_PREFIX_RANGE:
        raise AddressError(
            f"supernet {supernet} gives each VPC a /{prefix}; a cell needs /16 to /20, so use a supernet of /8 to /12"
        )
    number = (region_index << _SLOT_BITS) + slots.index(slot)
    return IPv4Network((int(supernet.network_address) + (number << (32 - prefix)), prefix))


def address_plan(vpc: IPv4Network, zone_ids: Sequence[str]) -> AddressPlan:
    """Subnets of a VPC: for each zone one a tier. A zone's block follows from its place in ``zone_ids``.

    Raises AddressError where the VPC has no fitting size or there are too many, too few or repeated zones.
    """
    if vpc.prefixlen not in _VPC_PREFIX_RANGE:
        raise AddressError(f"VPC {vpc} is a /{vpc.prefixlen}; a cell needs /16 (largest that AWS takes) to /20")
    if not 1 <= len(zone_ids) <= ZONE_LIMIT:
        raise AddressError(f"{len(zone_ids)} zones: a cell uses 1 to {ZONE_LIMIT}")
    if len(set(zone_ids)) != len(zone_ids):
        raise AddressError(f"zones {', '.join(zone_ids)}: each may appear once")
    blocks = dict(zip(zone_ids, vpc.subnets(prefixlen_diff=_ZONE_BITS), strict=False))
    tiers = {zone: _tiers(block) for zone, block in blocks.items()}
    return AddressPlan(
        vpc_cidr=str(vpc),
        subnets=MappingProxyType(
            {tier.value: MappingProxyType({zone: str(tiers[zone][tier]) for zone in zone_ids}) for tier in _TIER_BITS}
        ),
    )


def overlaps(networks: Mapping[str, IPv4Network]) -> list[tuple[str, str]]:
    """Pairs of names whose networks share an address, in the order given."""
    return [(a, b) for a, b in combinations(networks, 2) if networks[a].overlaps(networks[b])]


def _tiers(zone: IPv4Network) -> Mapping[Tier, IPv4Network]:
    """The tiers of one zone's block, largest first so that each starts on its own boundary."""
    address, result = int(zone.network_address), dict[Tier, IPv4Network]()
    for tier, bits in _TIER_BITS.items():
        prefix = zone.prefixlen + bits
        result[tier] = IPv4Network((address, prefix))
        address += result[tier].num_addresses
    return result
