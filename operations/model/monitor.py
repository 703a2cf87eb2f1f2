"""`python -m operations.model.monitor watch|retreat`: what looks after a model between trainings
(`components/fraud_scoring.py` declares both).

watch      every hour: drift of the last day's signals, and how many of the last hour's payments the newest model
           blocked; to CloudWatch, whose alarms call a person, and to the model store, for `cell model status`
retreat    on the alarm of blocked payments: takes the last step of the rollout back
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import boto3

from contracts.fraud import EVENT_TYPE, Decision, DecisionRecord, FraudError, Mode, moment, parse_record
from contracts.fraud_models import DIMENSION, METRICS, MODEL_BLOCKED, MODEL_DRIFT, Pointer
from operations.errors import CellError
from operations.model.dataset import Rows, of_records, replay
from operations.model.drift import drift
from operations.model.generator import Volume, generate
from operations.model.job import records
from operations.model.rollout import retreat
from operations.model.store import ModelStore

RECENT_H, BLOCKED_H = 24, 1
"""Hours of payments that drift and blocks are measured on."""
LEAST_BEFORE: Final = 1_000
"""Earlier decisions from which on they are what the last day is compared with; before, the made-up history is, that the
image's model learnt from."""
LEAST: Final = 100
"""Payments below which a share or an index is chance."""
MADE_UP: Final = Volume(days=30)


def seen(decisions: Iterable[DecisionRecord], pointer: Pointer, now: datetime) -> dict[str, Any]:
    """What the monitor says; `drift` and `blockedPercent` are None where there are too few payments to tell."""
    scored = [one for one in decisions if one.mode is Mode.SCORED and one.signals]
    day, hour = (moment(now - timedelta(hours=hours)) for hours in (RECENT_H, BLOCKED_H))
    after, before = [o for o in scored if o.time > day], [o for o in scored if o.time <= day]
    newest = pointer.canary or pointer.serving
    own = [one for one in after if one.time > hour and one.model == newest]
    blocked = sum(one.decision is Decision.BLOCK for one in own)
    return {
        "time": moment(now),
        "decisions": len(after),
        "model": newest,
        "blockedPercent": round(100 * blocked / len(own), 2) if len(own) >= LEAST else None,
        "drift": drift(_reference(before), of_records(after)) if len(after) >= LEAST else None,
    }


def _reference(before: list[DecisionRecord]) -> Rows:
    return of_records(before) if len(before) >= LEAST_BEFORE else replay(generate(MADE_UP, 1))


def metrics(found: Mapping[str, Any], stream: str) -> list[dict[str, Any]]:
    """As CloudWatch takes them; what cannot be told is not sent."""
    largest = max(found["drift"].values()) if found["drift"] else None
    return [
        {"MetricName": name, "Dimensions": [{"Name": DIMENSION, "Value": stream}], "Value": value, "Unit": unit}
        for name, value, unit in (
            (MODEL_DRIFT, largest, "None"),
            (MODEL_BLOCKED, found["blockedPercent"], "Percent"),
        )
        if value is not None
    ]


def watch(session: Any, store: ModelStore, stream: str, now: datetime) -> str:
    """Looks, tells, and says it in one line."""
    found = records(session.client("kinesis"), stream)
    decisions = {data["id"]: parse_record(data) for data in found if data.get("type") == EVENT_TYPE}
    told = seen(decisions.values(), store.pointer()[0], now)
    store.keep_monitor(told)
    if data := metrics(told, stream):
        session.client("cloudwatch").put_metric_data(Namespace=METRICS, MetricData=data)
    largest = next(iter(told["drift"].items())) if told["drift"] else "too few payments"
    return f"{told['decisions']} decisions; drift: {largest}; blocked: {told['blockedPercent']} %"


def go_back(store: ModelStore, now: datetime) -> str:
    """Takes the last step back, if it is young enough to be the cause."""
    pointer, tag = store.pointer()
    moved = retreat(pointer, store.moved_at(), now)
    if moved is None:
        return f"{pointer.serving} stays: no step of the last days to take back"
    store.move(moved, tag)
    return f"{pointer.canary or pointer.serving} decides no more; {moved.serving} does"


def main(arguments: list[str]) -> int:
    """Exit code: 0 where it was done."""
    session: Any = boto3.Session()
    store, now = ModelStore(session.client("s3"), os.environ["MODEL_BUCKET"]), datetime.now(UTC)
    try:
        if arguments == ["watch"]:
            sys.stdout.write(watch(session, store, os.environ["DECISION_STREAM"], now) + "\n")
        elif arguments == ["retreat"]:
            sys.stdout.write(go_back(store, now) + "\n")
        else:
            sys.stderr.write("usage: python -m operations.model.monitor watch|retreat\n")
            return 2
    except (CellError, FraudError) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
