"""Whether payments still look like those that a model learnt from: the population stability index of each signal.

    psi(before, after) -> 0.03            below 0.1 nothing, to 0.25 look, above it the model has to be trained again

The index is the sum over bins of (after - before) * ln(after / before), with bins at the tenths of `before` (Siddiqi,
Credit Risk Scorecards, 2006, which is where the two limits come from).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from contracts.fraud import SIGNAL_NAMES
from operations.model.dataset import Rows

LOOK, RETRAIN = 0.1, 0.25
BINS: Final = 10
FLOOR: Final = 1e-4
"""Least share of a bin: an empty one would make the index infinite."""


def psi(before: np.ndarray[Any, Any], after: np.ndarray[Any, Any]) -> float:
    """Index of one signal. Values that many payments share make one bin of their own."""
    edges = np.unique(np.quantile(before, np.linspace(0, 1, BINS + 1)[1:-1]))
    bins = len(edges) + 1
    shares = [
        np.maximum(np.bincount(np.searchsorted(edges, values, side="left"), minlength=bins) / len(values), FLOOR)
        for values in (before, after)
    ]
    return float(np.sum((shares[1] - shares[0]) * np.log(shares[1] / shares[0])))


def drift(before: Rows, after: Rows) -> dict[str, float]:
    """Signal -> index, the largest first."""
    found = {
        name: round(psi(before.signals[:, column], after.signals[:, column]), 4)
        for column, name in enumerate(SIGNAL_NAMES)
    }
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))
