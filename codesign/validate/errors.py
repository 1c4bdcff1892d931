"""How are predictions summed up: mean, median and largest error, bias, rank correlation?"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np


def ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, equal values sharing their mean rank.

    >>> ranks(np.array([3.0, 1.0, 3.0])).tolist()
    [2.5, 1.0, 2.5]
    """
    order = np.sort(values)
    return (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right") + 1) / 2


def spearman(measured: Sequence[float], predicted: Sequence[float]) -> float:
    """Rank correlation; NaN where fewer than three values or no spread."""
    a, b = ranks(np.asarray(measured)), ranks(np.asarray(predicted))
    if len(a) < 3 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def summary(measured: Sequence[float], predicted: Sequence[float]) -> dict[str, Any]:
    """n, mean, median and largest absolute error, and bias, as fractions of the measured value."""
    errors = np.asarray(predicted) / np.asarray(measured) - 1
    size = np.abs(errors)
    return {
        "n": len(errors),
        "mape": float(size.mean()),
        "median": float(np.median(size)),
        "max": float(size.max()),
        "bias": float(errors.mean()),
    }
