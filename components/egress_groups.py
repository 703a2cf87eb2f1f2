"""Which egress gateway serves which market. Pure.

Envoy reads one file of clusters a process, and a ConfigMap holds 1 MiB, so a gateway serves a group of markets. Markets
are placed in the order of their index, each into the first group with room. A market takes room for 8, 16, 32 ...
banks, so that a bank more moves nobody; the next market comes after all others, so it moves nobody either.
"""

from collections.abc import Iterable, Mapping

from components.banks import Market

MAX_CONFIG_MAP_BYTES = 1_048_576
"""Of all values of a ConfigMap (https://kubernetes.io/docs/concepts/configuration/configmap/)."""

PLACES = 128
"""Banks of a group: 8 KiB for each. One with a second route takes about 4 KiB; a further server name 0.7 KiB (a test
measures it)."""

MARGIN = 0.95
"""Of a ConfigMap's room that is used at most."""

LEAST_PLACES = 8
"""Room of the smallest market."""


def places(banks: int) -> int:
    """Room that a market with so many banks takes: a power of two."""
    return max(LEAST_PLACES, 1 << (banks - 1).bit_length())


def egress_groups(markets: Iterable[Market]) -> Mapping[int, tuple[Market, ...]]:
    """Number of the group -> its markets. Raises ValueError where two have one index, or one has too many banks."""
    ordered = sorted(markets, key=lambda market: market.index)
    groups: dict[int, tuple[Market, ...]] = {}
    free: list[int] = []
    for before, market in zip([None, *ordered], ordered, strict=False):
        if before is not None and before.index == market.index:
            raise ValueError(f"markets.{market.name}.index: {market.index} is the one of {before.name}; take the next")
        wanted = places(len(market.banks))
        if wanted > PLACES:
            raise ValueError(
                f"markets.{market.name}.banks: {len(market.banks)} are more than the {PLACES} of an egress gateway; "
                "split the market in two files"
            )
        number = next((number for number, room in enumerate(free) if room >= wanted), len(free))
        if number == len(free):
            free.append(PLACES)
        free[number] -= wanted
        groups[number] = (*groups.get(number, ()), market)
    return groups


def group_name(number: int) -> str:
    """Of the workload, its Service and its ConfigMap."""
    return f"egress-{number}"
