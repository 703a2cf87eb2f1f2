"""Trains the model of the fraud decision and writes it as ONNX.

The score 0..99 is the model's own scale, part of the file: metadata `score` holds the log odds that became 65 and 75,
chosen on training days that the trees did not see, by the share of good payments that would be stopped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from skl2onnx import to_onnx
from sklearn.ensemble import GradientBoostingClassifier

from contracts.fraud import SIGNAL_NAMES, FraudError
from contracts.fraud_scores import Scale
from operations.model.dataset import Rows

REVIEW_SHARE, BLOCK_SHARE = 0.01, 0.002
"""Of the good payments: what may wait for a person, and what may be blocked. Errs against blocking."""
CALIBRATION_DAYS = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Trained:
    """A model as the store keeps it."""

    content: bytes
    scale: Scale
    classifier: Any


def train(rows: Rows, seed: int = 1, signals: tuple[str, ...] = SIGNAL_NAMES) -> Trained:
    """Gradient-boosted trees on `signals`. The same rows, seed and packages give the same bytes."""
    fitted, held = rows.split(CALIBRATION_DAYS)
    if not 0 < fitted.fraud.sum() < len(fitted.fraud) or not 0 < held.fraud.sum() < len(held.fraud):
        raise FraudError("training: good and fraudulent payments are needed on early and on late days; add days")
    columns = [SIGNAL_NAMES.index(name) for name in signals]
    classifier = GradientBoostingClassifier(
        n_estimators=80, max_depth=3, learning_rate=0.12, subsample=0.8, min_samples_leaf=20, random_state=seed
    )
    classifier.fit(fitted.signals[:, columns], fitted.fraud)
    odds = log_odds(classifier, held.signals[:, columns])
    good = odds[held.fraud == 0]
    review, block = (float(np.quantile(good, 1 - share)) for share in (REVIEW_SHARE, BLOCK_SHARE))
    scale = Scale(review=round(review, 4), block=round(max(block, review + 0.01), 4))
    return Trained(content=_export(classifier, scale, len(columns), signals), scale=scale, classifier=classifier)


def log_odds(classifier: Any, signals: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """What the trees say before it is made a probability."""
    return np.asarray(classifier.decision_function(signals))


def _export(classifier: Any, scale: Scale, width: int, signals: tuple[str, ...]) -> bytes:
    sample = np.zeros((1, width), dtype=np.float32)
    options = {id(classifier): {"zipmap": False, "raw_scores": True}}
    model = to_onnx(classifier, sample, options=options, target_opset=17)
    # Names that the converter makes up would give other bytes for the same trees.
    model.graph.name, model.producer_version = "fraud", ""
    onnx.helper.set_model_props(
        model, {"signals": ",".join(signals), "score": json.dumps({"review": scale.review, "block": scale.block})}
    )
    return bytes(model.SerializeToString(deterministic=True))
