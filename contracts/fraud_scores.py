"""From a model's log odds to the score 0..99: monotone, with the thresholds 65 and 75 where the training put them."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from contracts.fraud import BLOCK_FROM, REVIEW_FROM, SCORE_MAX, SIGNAL_NAMES, FraudError


@dataclass(frozen=True, kw_only=True, slots=True)
class Scale:
    """Log odds that are the scores 65 and 75."""

    review: float
    block: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.review) and math.isfinite(self.block) and self.review < self.block):
            raise FraudError(f"model.score: review {self.review} has to be below block {self.block}")

    def score(self, log_odds: float) -> int:
        """Below review the score falls towards 0, above block it rises towards 99, between them it is a line."""
        if log_odds < self.review:
            return min(REVIEW_FROM - 1, int(REVIEW_FROM * math.exp((log_odds - self.review) / 2)))
        if log_odds < self.block:
            between = (log_odds - self.review) / (self.block - self.review)
            return min(BLOCK_FROM - 1, REVIEW_FROM + int((BLOCK_FROM - REVIEW_FROM) * between))
        room = SCORE_MAX - BLOCK_FROM
        return BLOCK_FROM + int(room * (1 - math.exp(-(log_odds - self.block))))


def read_metadata(metadata: Mapping[str, str]) -> Scale:
    """The scale in an ONNX file's metadata. Raises FraudError where the model was trained on other signals."""
    signals = tuple(metadata.get("signals", "").split(","))
    if signals != SIGNAL_NAMES:
        missing = sorted(set(SIGNAL_NAMES) ^ set(signals))
        raise FraudError(f"model.signals: differs in {', '.join(missing)}; train it again on this version's signals")
    try:
        data = json.loads(metadata.get("score", ""))
        return Scale(review=float(data["review"]), block=float(data["block"]))
    except (json.JSONDecodeError, KeyError, TypeError) as error:
        raise FraudError(f"model.score: no scale in the file's metadata ({error})") from None
