"""Which points are not dominated, and how much do they dominate?

Objectives are minimised; arrays are (points, objectives). moocore does the work.
"""

import moocore
import numpy as np


def nondominated(points: np.ndarray) -> np.ndarray:
    """Mask of the points that no other point dominates; of equal points the first is kept."""
    if len(points) == 0:
        return np.zeros(0, dtype=bool)
    return np.asarray(moocore.is_nondominated(points, keep_weakly=False))


def hypervolume(points: np.ndarray, reference: np.ndarray) -> float:
    """Volume dominated by `points` up to `reference`."""
    inside = points[np.all(points < reference, axis=1)]
    return float(moocore.hypervolume(inside, ref=reference)) if len(inside) else 0.0


def ideal(points: np.ndarray) -> np.ndarray:
    """The best value of each objective."""
    return points.min(axis=0)


def nadir(points: np.ndarray) -> np.ndarray:
    """The worst value of each objective over the points."""
    return points.max(axis=0)


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    """Is `a` nowhere worse and somewhere better than `b`?"""
    return bool(np.all(a <= b) and np.any(a < b))


def thin(points: np.ndarray, count: int) -> np.ndarray:
    """Indices of at most `count` of the points, the best of each objective and a spread of the others.

    The unit box of the points is cut into cells, as finely as `count` allows; each cell
    keeps the point nearest to the ideal.
    """
    if len(points) <= count:
        return np.arange(len(points))
    span = np.maximum(nadir(points) - ideal(points), 1e-300)
    unit = (points - ideal(points)) / span
    corners = np.unique(unit.argmin(axis=0))
    fine, coarse = 4096.0, 1.0
    for _ in range(40):
        middle = np.sqrt(fine * coarse)
        kept = _first_of_cell(unit, middle)
        fine, coarse = (middle, coarse) if len(kept) > count - len(corners) else (fine, middle)
    others = np.setdiff1d(_first_of_cell(unit, coarse), corners)
    return np.sort(np.concatenate([corners, others[: max(count - len(corners), 0)]]))


def _first_of_cell(unit: np.ndarray, cells: float) -> np.ndarray:
    order = np.argsort(unit.sum(axis=1), kind="stable")
    places = np.floor(unit[order] * cells).astype(np.uint64)
    keys = np.zeros(len(order), dtype=np.uint64)
    for column in places.T:  # one number per cell sorts much faster than a row
        keys = (keys ^ column) * np.uint64(0xD6E8FEB86659FD93)
        keys ^= keys >> np.uint64(32)
    _, first = np.unique(keys, return_index=True)
    return order[first]
