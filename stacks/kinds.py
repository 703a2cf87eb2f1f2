"""The kinds of stack files."""

from __future__ import annotations

from stacks.models import AccountSettings, CellSettings, WorkloadsSettings
from stacks.pair_models import PairSettings, ReplicaSettings

AnySettings = AccountSettings | CellSettings | ReplicaSettings | WorkloadsSettings | PairSettings

KINDS: dict[str, type[AnySettings]] = {
    "account": AccountSettings,
    "cell": CellSettings,
    "replica": ReplicaSettings,
    "workloads": WorkloadsSettings,
    "pair": PairSettings,
}
"""Kind -> its model; the kind is the key ``payment-cell:<kind>`` of a stack file. A replica's stack is a cell's."""
