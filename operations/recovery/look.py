"""`cell recovery status`: what is known of a pair, and what could not be asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from operations.recovery import databases, session
from operations.recovery.run import Run
from operations.recovery.web import Says, Web
from stacks.fleet import Fleet
from stacks.pairs import PairPlan


def look(fleet: Fleet, pair: PairPlan) -> Mapping[str, Any]:
    """By the first region of the pair that answers. All are asked at once: each takes its seconds not to answer."""
    found = session.opened(fleet, pair, session.both(pair))
    region = found.store.regions[0]
    writer, runs = found.store.writer(), found.store.runs()
    web, other = Web(), pair.other(writer.cell)
    under_way = [run for run in runs if run.open]
    domains = {cell: plan.domain for cell, plan in pair.cells.items()}
    with ThreadPoolExecutor() as pool:
        said = {name: pool.submit(web.writer, name) for name in (*domains.values(), pair.domain)}
        shards = pool.submit(_asked, lambda: databases.roles(found.clients.get("rds", region), pair))
        lags = pool.submit(databases.lags, found.clients, pair, other, datetime.now(UTC))
    return {
        "pair": pair.name,
        "writer": writer.cell,
        "state": writer.state.value,
        "epoch": writer.epoch,
        "since": writer.changed_at or None,
        "file": pair.writer if pair.writer == writer.cell else f"{pair.writer}: does not follow the record",
        "asked": region,
        "cells": {cell: _said(said[name].result()) for cell, name in domains.items()},
        "name": {pair.domain: _said(said[pair.domain].result())},
        "shards": shards.result(),
        "lag_s": {other: lags.result()},
        "under_way": [_about(run) for run in under_way],
        "last": _about(runs[-1]) if runs else None,
    }


def _said(says: Says | None) -> str:
    if says is None:
        return "does not answer"
    return f"{says.cell} {'writes' if says.writes else 'does not write'}, epoch {says.epoch}"


def _about(run: Run) -> dict[str, Any]:
    step = list(run.steps)[-1] if run.steps else None
    return {
        "run": run.id,
        "status": run.status.value,
        "moves": f"{run.origin} -> {run.target}",
        "by": run.started_by,
        "since": run.started_at,
        "step": step,
        "approvals": [approval.by for approval in run.approvals],
    }


def _asked(call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (ClientError, BotoCoreError) as error:
        return f"not observed: {error}"
