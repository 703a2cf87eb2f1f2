"""What a region's image registry copies to others: the images of cells that have a replica there.

An account has one configuration a region, so it is the account stack's. Copies keep the repository's name; what was
pushed before is not copied (https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_aws import ecr

from components.base import type_token

MAX_RULES = 10
"""Rules of a configuration; MAX_FILTERS of each
(https://docs.aws.amazon.com/AmazonECR/latest/userguide/replication.html)."""

MAX_FILTERS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageReplicationArgs:
    """Which cells' images go where."""

    region: str
    """Of the primaries."""
    account_id: str
    targets: Mapping[str, Sequence[str]]
    """Region of replicas -> their primaries, whose repositories are `<primary>/<program>`."""

    def __post_init__(self) -> None:
        if not 1 <= len(self.targets) <= MAX_RULES:
            raise ValueError(f"image_replication.targets: {len(self.targets)} regions is outside 1..{MAX_RULES}")
        for region, cells in self.targets.items():
            if region == self.region:
                raise ValueError(f"image_replication.targets: {region} is the primaries' own; name the replicas'")
            if len(cells) > MAX_FILTERS:
                raise ValueError(f"image_replication.targets: {len(cells)} cells to {region}, over {MAX_FILTERS}")


class ImageReplication(pulumi.ComponentResource):
    """The configuration of one region. Creation: seconds. Cost: transfer between regions, storage of the copies."""

    def __init__(self, name: str, args: ImageReplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__(type_token(type(self)), name, {}, opts)
        rules = [
            {
                "destinations": [{"region": region, "registry_id": args.account_id}],
                "repository_filters": [{"filter": f"{cell}/", "filter_type": "PREFIX_MATCH"} for cell in cells],
            }
            for region, cells in args.targets.items()
        ]
        ecr.ReplicationConfiguration(
            name,
            region=args.region,
            replication_configuration={"rules": rules},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
