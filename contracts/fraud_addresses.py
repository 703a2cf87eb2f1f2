"""Where an address is and what kind of network it is in, from a table with source and date.

The table beside this module covers documentation ranges only (RFC 3849, RFC 5737): the country and kind of each are
made up, so that demos and training have something to look up. No public geolocation data is bundled, and no real
address is found in it: a cell that takes real payments puts its provider's table in its place (`AddressTable.parse`,
same form).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path

from contracts.fraud import FraudError


class Network(StrEnum):
    """Kind of the network that an address is in."""

    ACCESS = "access"
    MOBILE = "mobile"
    HOSTING = "hosting"
    ANONYMISER = "anonymiser"

    @property
    def rank(self) -> int:
        """Value of the signal `address_network`."""
        return list(Network).index(self)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What the table says of an address."""

    country: str
    """ISO 3166-1 alpha-2."""
    network: Network


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressTable:
    """Address -> place, the longest prefix first."""

    source: str
    date: str
    by_length: tuple[tuple[int, int, dict[int, Place]], ...]
    """(IP version, prefix length, {first bits: place}), longest prefix first."""

    @classmethod
    def parse(cls, text: str) -> AddressTable:
        """Raises FraudError for a row that is not a network, country and kind."""
        data = json.loads(text)
        found: dict[tuple[int, int], dict[int, Place]] = {}
        for row in data["networks"]:
            try:
                network = ip_network(row["network"])
                place = Place(country=row["country"], network=Network(row["kind"]))
            except (KeyError, ValueError) as error:
                raise FraudError(f"addresses: {row}: {error}") from None
            bits = network.max_prefixlen - network.prefixlen
            key = int(network.network_address) >> bits
            found.setdefault((network.version, network.prefixlen), {})[key] = place
        lengths = sorted(found, reverse=True)
        return cls(source=data["source"], date=data["date"], by_length=tuple((*key, found[key]) for key in lengths))

    def place(self, address: str) -> Place | None:
        """None for what is no address or in no network of the table."""
        try:
            parsed: IPv4Address | IPv6Address = ip_address(address)
        except ValueError:
            return None
        for version, length, places in self.by_length:
            if version == parsed.version:
                found = places.get(int(parsed) >> (parsed.max_prefixlen - length))
                if found is not None:
                    return found
        return None


@cache
def bundled() -> AddressTable:
    """The table beside this module."""
    return AddressTable.parse((Path(__file__).parent / "fraud_addresses.json").read_text(encoding="utf-8"))
