"""The hosted zone of a name that clients call: one that is there, or one of our own."""

from __future__ import annotations

from collections.abc import Sequence

import pulumi
from pulumi_aws import route53

from components.vocabulary import DataClass, tags


def zone_of(
    name: str,
    domain_name: str,
    given: pulumi.Input[str] | None,
    purpose: str,
    parent: pulumi.Resource,
    *,
    protected: bool,
) -> tuple[pulumi.Input[str], pulumi.Output[Sequence[str]] | None]:
    """Id of the zone `given` or made here, and the name servers of one that is made: a person delegates to them."""
    if given is not None:
        return given, None
    zone = route53.Zone(
        name,
        name=domain_name,
        comment=f"{name}: {purpose}",
        force_destroy=not protected,
        tags=tags(DataClass.PUBLIC),
        opts=pulumi.ResourceOptions(parent=parent, protect=protected),
    )
    return zone.zone_id, zone.name_servers
