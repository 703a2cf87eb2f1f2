"""Judges a model as it serves: the ONNX bytes through onnxruntime, on days that its training never saw.

report = evaluate(content, rows, rules)      AUC against the rules alone, what is stopped rightly and wrongly
problems = gate(report, serving_report)      why it may not go on; empty: it may
ablation(earlier, held_out)                  AUC lost by training without each signal
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
import onnxruntime
from sklearn.metrics import roc_auc_score

from contracts.fraud import BLOCK_FROM, REVIEW_FROM, SIGNAL_NAMES
from contracts.fraud_models import digest_of
from contracts.fraud_rules import Rules
from contracts.fraud_scores import read_metadata
from operations.model.dataset import Rows
from operations.model.training import log_odds, train

MARGIN: Final = 0.10
"""AUC by which a model has to beat the rules alone: below it, rules are simpler to explain and as good."""
WORSE: Final = 0.005
"""AUC that a candidate may lose against the serving model: two trainings of one kind differ by less."""
MAX_BLOCKED_GOOD: Final = 0.01
"""Share of the good payments that a model may block, 65-and-over not counted. Each is a customer turned away."""
MAX_BYTES: Final = 200_000
"""Of a model: all scorers load it at once, and a single row has to take microseconds."""
HELD_OUT_DAYS: Final = 7


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """How a model did on held-out days."""

    model: str
    size_bytes: int
    payments: int
    frauds: int
    auc: float
    rules_auc: float
    blocked_fraud: float
    """Share of the frauds at 75 and over."""
    blocked_good: float
    """Share of the good payments at 75 and over."""
    stopped_fraud: float
    """Share of the frauds at 65 and over."""
    stopped_good: float
    """Share of the good payments at 65 and over."""

    def data(self) -> dict[str, Any]:
        """As the store keeps it."""
        return {name: round(value, 5) if isinstance(value, float) else value for name, value in asdict(self).items()}


def scores(content: bytes, rows: Rows) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Log odds and scores 0..99 of every row. Raises FraudError for a model of other signals."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    scale = read_metadata(session.get_modelmeta().custom_metadata_map)
    outputs: Any = session.run(None, {session.get_inputs()[0].name: rows.signals})
    odds = np.asarray(outputs[1])[:, -1]
    return odds, np.array([scale.score(float(value)) for value in odds])


def evaluate(content: bytes, rows: Rows, rules: Rules) -> Report:
    """The report of a model on `rows`."""
    odds, scored = scores(content, rows)
    ranks = [
        rules.rank(dict(zip(SIGNAL_NAMES, map(float, signals), strict=True)), facts)
        for signals, facts in zip(rows.signals, rows.facts, strict=True)
    ]
    bad, good = scored[rows.fraud == 1], scored[rows.fraud == 0]
    return Report(
        model=digest_of(content),
        size_bytes=len(content),
        payments=len(rows.fraud),
        frauds=int(rows.fraud.sum()),
        auc=float(roc_auc_score(rows.fraud, odds)),
        rules_auc=float(roc_auc_score(rows.fraud, ranks)),
        blocked_fraud=float((bad >= BLOCK_FROM).mean()),
        blocked_good=float((good >= BLOCK_FROM).mean()),
        stopped_fraud=float((bad >= REVIEW_FROM).mean()),
        stopped_good=float((good >= REVIEW_FROM).mean()),
    )


def gate(candidate: Report, serving: Report | None) -> list[str]:
    """Why a candidate may not go on, both judged on the same rows. Empty: it may."""
    found = []
    if candidate.auc < candidate.rules_auc + MARGIN:
        found.append(f"AUC {candidate.auc:.3f} is not {MARGIN:g} above the rules' {candidate.rules_auc:.3f}")
    if serving is not None and candidate.auc < serving.auc - WORSE:
        found.append(f"AUC {candidate.auc:.3f} is more than {WORSE:g} below the serving model's {serving.auc:.3f}")
    if candidate.blocked_good > MAX_BLOCKED_GOOD:
        found.append(f"blocks {candidate.blocked_good:.2%} of the good payments, at most {MAX_BLOCKED_GOOD:.0%}")
    if candidate.blocked_fraud <= candidate.blocked_good:
        found.append("blocks good payments as readily as frauds")
    if candidate.size_bytes > MAX_BYTES:
        found.append(f"has {candidate.size_bytes:,} bytes, at most {MAX_BYTES:,}")
    return found


def shuffled(rows: Rows, seed: int = 1) -> Rows:
    """The same payments with the labels of others: what a model learns from them is nothing."""
    return replace(rows, fraud=np.random.default_rng(seed).permutation(rows.fraud))


def ablation(earlier: Rows, held_out: Rows, names: Sequence[str] = SIGNAL_NAMES, seed: int = 1) -> dict[str, float]:
    """Signal -> AUC that a model trained without it loses on the held-out days."""

    def auc(signals: tuple[str, ...]) -> float:
        columns = [SIGNAL_NAMES.index(name) for name in signals]
        odds = log_odds(train(earlier, seed, signals).classifier, held_out.signals[:, columns])
        return float(roc_auc_score(held_out.fraud, odds))

    whole = auc(SIGNAL_NAMES)
    return {name: round(whole - auc(tuple(n for n in SIGNAL_NAMES if n != name)), 4) for name in names}
