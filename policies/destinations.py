"""Where what leaves a resource goes: regions of destinations, and whether all lie in its jurisdiction."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from policies.control import Status, Verdict, passed
from policies.residency import stays_inside
from policies.resources import Resource, Stack


def all_inside(regions: Iterable[str | None], resource: Resource, stack: Stack, what: str) -> Verdict:
    """Whether all regions lie in the resource's jurisdiction; a known violation counts before what is not known.

    What stays in its region goes nowhere: whether it may be there is asked of the resource itself (RES-01).
    """
    elsewhere = [region for region in regions if region is None or region != resource.region]
    found = [stays_inside(region, resource, stack, what) for region in elsewhere]
    for status in (Status.FAIL, Status.UNDETERMINED):
        for verdict in found:
            if verdict.status is status:
                return verdict
    return passed()


def destinations(
    resource: Resource, stack: Stack, name: str, types: Iterable[str], literal: Sequence[str | None]
) -> tuple[str | None, ...]:
    """Regions of the resources of these types that a property comes from, and those that its own value says. None for
    each place that neither says."""
    wanted = frozenset(types)
    sources = tuple(one.region for one in stack.sources(resource, name) if one.type in wanted)
    unplaced = max(0, literal.count(None) - len(sources))
    return (*sources, *(region for region in literal if region), *(None,) * unplaced)


def known(value: Mapping[str, Any], name: str) -> str | None:
    """A word of a mapping; None where it is absent or unknown, so that it hides nothing that stands after it."""
    try:
        return value.get(name)
    except UnknownValueError:
        return None
