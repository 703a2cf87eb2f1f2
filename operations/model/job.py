"""`python -m operations.model.job`: the scheduled training (`components/fraud_scoring.py` declares it).

Reads what the decision stream has, learns from the decisions whose outcome is known, judges the candidate beside the
serving model and stages it as shadow if it passes. `cell model promote` takes it further: nothing decides for customers
without a person or a pipeline that looked at the shadow's scores.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import boto3

from contracts.fraud import EVENT_TYPE, FraudError, moment
from contracts.fraud_outcomes import labels
from operations.errors import CellError
from operations.model.command import RULES
from operations.model.dataset import Rows, from_records
from operations.model.evaluation import HELD_OUT_DAYS, evaluate, gate
from operations.model.rollout import stage
from operations.model.store import ModelStore
from operations.model.training import CALIBRATION_DAYS, train

LEAST_FRAUDS: Final = 50
"""Known frauds below which nothing is learnt: a model of fewer repeats them and no more."""

MATURE_H: Final = 24
"""Hours after which a payment that was taken counts as good until something else is heard of it."""


def records(client: Any, stream: str) -> Iterator[dict[str, Any]]:
    """All that the stream has, shard by shard, up to now."""
    shards = [shard for page in _pages(client, stream) for shard in page["Shards"]]
    for shard in shards:
        at = client.get_shard_iterator(StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        while at:
            answer = client.get_records(ShardIterator=at, Limit=10_000)
            yield from (json.loads(record["Data"]) for record in answer["Records"])
            # An empty answer far from the end says that there is a gap, not that it is over.
            at = answer.get("NextShardIterator") if answer["Records"] or answer["MillisBehindLatest"] else None


def _pages(client: Any, stream: str) -> Iterator[dict[str, Any]]:
    page = client.list_shards(StreamName=stream)
    yield page
    while page.get("NextToken"):
        page = client.list_shards(NextToken=page["NextToken"])
        yield page


def written(found: Iterable[Mapping[str, Any]], decisions: Path, outcomes: Path, until: str = "9") -> None:
    """Decisions until that time, and what is known of them, as the files that `cell model train` reads."""
    entries = []
    with decisions.open("w", encoding="utf-8") as kept:
        for data in found:
            if data.get("type") != EVENT_TYPE:
                entries.append(data)
            elif data["time"] <= until:
                kept.write(json.dumps(data) + "\n")
    lines = [json.dumps({"decision": decision, "fraud": fraud}) + "\n" for decision, fraud in labels(entries).items()]
    outcomes.write_text("".join(lines), encoding="utf-8")


def history(found: Iterable[Mapping[str, Any]], now: datetime) -> Rows:
    """Decisions with what became of them. Raises FraudError where nothing is known of any.

    The youngest are left out: of them only frauds would be known that somebody saw at once.
    """
    with tempfile.TemporaryDirectory() as folder:
        decisions, outcomes = Path(folder) / "decisions.jsonl", Path(folder) / "outcomes.jsonl"
        written(found, decisions, outcomes, moment(now - timedelta(hours=MATURE_H)))
        return from_records(decisions, outcomes)


def run(rows: Rows, store: ModelStore) -> str:
    """What was done, in one line."""
    days = int(rows.day.max()) + 1
    if rows.fraud.sum() < LEAST_FRAUDS or days <= HELD_OUT_DAYS + CALIBRATION_DAYS:
        return f"{int(rows.fraud.sum())} known frauds in {days} days are too few; nothing was trained"
    from contracts.fraud_rules import load_rules

    earlier, held_out = rows.split(HELD_OUT_DAYS)
    content, rules = train(earlier).content, load_rules(RULES.read_text(encoding="utf-8"))
    pointer, tag = store.pointer()
    report = evaluate(content, held_out, rules)
    problems = gate(report, evaluate(store.model(pointer.serving), held_out, rules))
    digest = store.put(content, {**report.data(), "problems": problems})
    if problems:
        return f"{digest} stays out: {'; '.join(problems)}"
    store.move(stage(pointer, digest), tag)
    return f"{digest} is the shadow, AUC {report.auc:.3f}"


def main() -> int:
    """Exit code: 0 also where there is too little history, which is no error."""
    session: Any = boto3.Session()
    store = ModelStore(session.client("s3"), os.environ["MODEL_BUCKET"])
    try:
        rows = history(records(session.client("kinesis"), os.environ["DECISION_STREAM"]), datetime.now(UTC))
        sys.stdout.write(run(rows, store) + "\n")
    except (CellError, FraudError) as error:
        sys.stdout.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
