"""How resources of a stack point at each other, and which nested values the program gave: helpers of controls."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pulumi_policy.proxy import UnknownValueError

from policies.resources import Resource, Stack

LOAD_BALANCERS = ("aws:lb/loadBalancer:LoadBalancer", "aws:alb/loadBalancer:LoadBalancer")
LISTENERS = ("aws:lb/listener:Listener", "aws:alb/listener:Listener")
TARGET_GROUPS = ("aws:lb/targetGroup:TargetGroup", "aws:alb/targetGroup:TargetGroup")
"""Types that the SDK has under two names."""


def naming(target: Resource, stack: Stack, types: Iterable[str], name: str) -> Iterator[Resource]:
    """Resources whose property ``name`` is, or holds, the target: by reference or by literal id or ARN."""
    known = {word for attribute in ("id", "arn") if (word := target.maybe(attribute))}
    known |= {f"{word}:*" for word in known}  # How CloudTrail names a log group.
    for resource in stack.of(*types):
        if target.urn in resource.references.get(name, ()) or known & set(_texts(resource, name) or ()):
            yield resource


def may_name(target: Resource, stack: Stack, types: Iterable[str], name: str) -> str | None:
    """The first resource whose property is unknown and comes from none of the target's type: it may name the target."""
    for resource in stack.of(*types):
        sources = stack.sources(resource, name)
        if _texts(resource, name) is None and not any(source.type == target.type for source in sources):
            return f"whether {resource.name} names it is not known here"
    return None


def given_at(resource: Resource, path: str) -> Any:
    """A nested value, "metadataOptions.httpTokens", that the program gave; None where it left it to AWS.

    Raises ``UnknownValueError`` where the value is unknown and comes from another resource.
    """
    top, *rest = path.split(".")
    value = resource.given(top)
    for name in rest:
        if not isinstance(value, Mapping):
            return None
        try:
            value = value.get(name)
        except UnknownValueError:
            if resource.references.get(top):
                raise
            return None
    return value


def _texts(resource: Resource, name: str) -> tuple[str, ...] | None:
    """The words of a property that is a word or a list of words; None where they are unknown."""
    try:
        value = resource.props.get(name)
        return (value,) if isinstance(value, str) else tuple(map(str, value or ()))
    except UnknownValueError:
        return None
