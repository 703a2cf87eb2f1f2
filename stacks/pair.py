"""The stack kind `pair`: what joins a cell and its replica, owned by neither region."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pulumi

from stacks.fleet import load_fleet

HERE = Path(__file__).parent


def run(stack: str) -> Mapping[str, pulumi.Input[object]]:
    """Declares the pair and returns the stack's outputs."""
    plan = load_fleet(HERE).pair(stack)
    return {"domainName": plan.domain, "epochTable": plan.epoch_table}
