"""Which jurisdiction a resource belongs to, and whether a region lies in it."""

from pulumi_policy.proxy import UnknownValueError

from catalogue import regions_of
from policies.control import Verdict, failed, passed, undetermined
from policies.resources import Resource, Stack

UNTAGGABLE = {"aws:cloudwatch/eventArchive:EventArchive": "eventSourceArn"}
"""Types that AWS gives no tags -> the property with what they belong to: of EventBridge, rules and buses have tags
(https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_TagResource.html)."""

STRICTEST = "eu"
"""What an untagged resource of a stack without any jurisdiction tag is held to."""


def jurisdiction(resource: Resource, stack: Stack) -> str:
    """The ``payment-cell:jurisdiction`` tag of the resource, or of what it belongs to where it can have none; else the
    one that all tagged resources of the stack share, else the strictest."""
    if own := resource.tag("payment-cell:jurisdiction"):
        return own
    belongs = UNTAGGABLE.get(resource.type)
    owners = stack.sources(resource, belongs) if belongs else ()
    if theirs := next((word for one in owners if (word := _tag(one))), None):
        return theirs
    shared = {word for other in stack.resources if (word := _tag(other))}
    return shared.pop() if len(shared) == 1 else STRICTEST


def stays_inside(region: str | None, resource: Resource, stack: Stack, what: str = "the resource") -> Verdict:
    """Whether a region lies in the resource's jurisdiction."""
    return inside(region, jurisdiction(resource, stack), what)


def inside(region: str | None, home: str, what: str) -> Verdict:
    """Whether a region lies in a jurisdiction."""
    allowed = regions_of(home)
    if not allowed:
        return failed(f"payment-cell:jurisdiction is {home}, which the catalogue does not know")
    if region is None:
        return undetermined(f"the region of {what} is not known here")
    return passed() if region in allowed else failed(f"{what} is in {region}, outside jurisdiction {home}")


def _tag(resource: Resource) -> str | None:
    try:
        return resource.tag("payment-cell:jurisdiction")
    except UnknownValueError:
        return None
