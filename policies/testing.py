"""Judges controls in tests as the engine would: properties behind the SDK's own proxy for unknowns.

Usable for any pack written with this catalogue:

    key = resource("aws:kms/key:Key", "payments", enableKeyRotation=UNKNOWN)
    assert verdicts("KEY-03", key) == {("payments", "rotates_within_a_year"): Status.UNDETERMINED}
"""

from collections.abc import Iterable, Mapping
from typing import Any

from pulumi_policy.proxy import UNKNOWN_STRING_VALUE, unknown_checking_proxy

from policies.catalogue import control
from policies.control import Status, answers
from policies.resources import Resource, Stack

MADE_UP = {"payment-cell:environment": "development", "payment-cell:data-origin": "synthetic"}
"""Tags of what most clauses about redundancy and time spare."""

UNKNOWN = UNKNOWN_STRING_VALUE
"""A value that a preview cannot know."""


def resource(
    type_: str,
    name: str,
    references: Mapping[str, Iterable[Resource]] | None = None,
    provider_region: str | None = None,
    **props: Any,
) -> Resource:
    """A resource as a policy sees it. ``references`` names what a property's value comes from."""
    return Resource(
        type=type_,
        name=name,
        urn=f"urn:pulumi:test::payment-cell::{type_}::{name}",
        props=unknown_checking_proxy(props),
        provider_props={"region": provider_region} if provider_region else {},
        references={key: tuple(found.urn for found in targets) for key, targets in (references or {}).items()},
    )


def verdicts(control_id: str, *resources: Resource) -> dict[tuple[str, str], Status]:
    """The control's answers about a stack of these resources: (resource name, clause) -> status."""
    names = {found.urn: found.name for found in resources}
    return {
        (names[finding.urn], finding.clause): finding.verdict.status
        for finding in answers(control(control_id), Stack(resources))
    }
