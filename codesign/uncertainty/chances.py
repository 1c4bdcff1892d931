"""How likely is a design of a front to stay feasible, and not to be dominated by another one?"""

import numpy as np

from codesign.pareto import nondominated

TOLERANCE = 1e-9
"""Limits and logarithms of objectives that differ by less are the same: a table's units round."""


def feasible(objectives: np.ndarray, violation: np.ndarray) -> np.ndarray:
    """Mask (d, draws): every limit is kept and every objective (o, d, draws) is a number."""
    return (violation <= TOLERANCE) & np.all(np.isfinite(objectives), axis=0)


def undominated(objectives: np.ndarray, allowed: np.ndarray) -> np.ndarray:
    """Mask (d, draws) of designs that are allowed in a draw and that no other allowed one dominates in it.

    Equal designs do not dominate each other.
    """
    found = np.zeros(allowed.shape, dtype=bool)
    for draw in range(allowed.shape[1]):
        rows = np.flatnonzero(allowed[:, draw])
        points, which = np.unique(np.round(objectives[:, rows, draw].T / TOLERANCE), axis=0, return_inverse=True)
        found[rows, draw] = nondominated(points)[which.ravel()]
    return found
