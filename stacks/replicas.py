"""A replica's settings as a cell's: the primary's, with its own place."""

from __future__ import annotations

import catalogue
from components.addresses import Slot, vpc_block
from stacks.models import CellSettings
from stacks.pair_models import ReplicaSettings, StandbySettings

OWN = ("zones", "hosted_zone_id", "quotas", "endpoint", "administrators", "viewers", "runner", "disarmed")
"""Settings of a place: none of the primary's is right for its replica."""


def standby(primary: CellSettings, replica: ReplicaSettings) -> StandbySettings:
    """Not validated again: the primary was, and what a replica may lack is what a primary may not."""
    own = {name: getattr(replica, name) for name in OWN}
    backups = primary.backups.model_copy(
        update={name: getattr(replica.backups, name) for name in ("copy_vault_arn", "no_copy_reason")}
    )
    block = vpc_block(catalogue.region(primary.region).index, Slot.REPLICA)
    place = {
        "region": replica.region,
        "domain": replica.domain,
        "cidr": replica.cidr or str(block),
        "backups": backups,
        "monthly_ceiling_usd": replica.monthly_ceiling_usd,
        "jurisdiction": primary.effective_jurisdiction,
        # Its shards are members of the primary's global databases, and have none of their own.
        "recovery_region": "none",
        # Models are trained where payments are decided.
        "training_image": None,
    }
    standing = {"replica_of": replica.of, "home_region": primary.region, "strategy": replica.strategy}
    kept = {name: getattr(primary, name) for name in CellSettings.model_fields}
    return StandbySettings.model_construct(**{**kept, **own, **place, **standing})
