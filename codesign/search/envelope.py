"""How does an optimum move with a constant, told from the optimum alone?

Envelope theorem, in logs: d F*/d c = dF/dc + sum over active limits of lambda dg/dc, with the
multipliers lambda >= 0 that make dF/dx + sum lambda dg/dx nearest to 0 over the variables that can move.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from codesign.search.space import Space

Outcome = Callable[[np.ndarray, np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(values (d, n), cells (n,), constants (n,)) -> objective (n,), violations (g, n), in float64."""

NUDGE = 1e-4
ACTIVE = 0.005


class Slopes(NamedTuple):
    """d log optimum / d log constant: of the design as it stands, and with what the active limits then allow."""

    fixed: float
    free: float


def slopes(outcome: Outcome, space: Space, x: np.ndarray, cell: int, constant: float) -> Slopes:
    """Both slopes at an optimum x (d,), by central differences of the function.

    A limit is active when less than ACTIVE of it, or than one step of the lattice takes, is left. Ignored:
    moves to other cells, rounding to the lattice, variables with a table of values, and kinks.
    """
    broken, to_x, to_constant = _differences(outcome, x, cell, constant)
    steps = space.lattice.steps / x
    active = broken > -np.maximum(ACTIVE, np.abs(to_x[1:]) @ steps)
    inside = (np.log(x / space.low) > NUDGE) & (np.log(space.high / x) > NUDGE)
    inside &= ~np.isin(np.arange(len(x)), list(space.lattice.tables))
    rows = 1 + np.flatnonzero(active)
    weights, rows = multipliers(to_x[0, inside], to_x[rows][:, inside], rows)
    return Slopes(float(to_constant[0]), float(to_constant[0] + weights @ to_constant[rows]))


def _differences(outcome: Outcome, x: np.ndarray, cell: int, constant: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Violations (g,), and the derivatives of objective and violations to log x (1 + g, d) and to the log of the constant (1 + g,)."""
    point = np.append(np.log(x), np.log(constant))
    moves = NUDGE * np.concatenate([np.zeros((1, len(point))), np.eye(len(point)), -np.eye(len(point))])
    moved = np.exp(point + moves).T
    objective, broken = outcome(moved[:-1], np.full(len(moves), cell), moved[-1])
    values = np.concatenate([objective[None], broken])
    up, down = values[:, 1 : 1 + len(point)], values[:, 1 + len(point) :]
    slope = (up - down) / (2 * NUDGE)
    return broken[:, 0], slope[:, :-1], slope[:, -1]


def multipliers(gradient: np.ndarray, limits: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weights >= 0 of limits (k, d) that balance a gradient (d,), and the rows (k,) that keep one: least squares, the most negative leave.

    >>> multipliers(np.array([-2.0]), np.array([[1.0]]), np.array([7]))[0].tolist()
    [2.0]
    """
    while len(rows):
        weights = np.linalg.lstsq(limits.T, -gradient, rcond=1e-9)[0]
        if weights.min() >= 0:
            return weights, rows
        keep = np.arange(len(rows)) != np.argmin(weights)
        limits, rows = limits[keep], rows[keep]
    return np.zeros(0), rows
