"""Which parameters make residuals small, robustly, near a prior and inside bounds?

Levenberg-Marquardt with exact derivatives on

    sum_i w_i huber(r_i / s) + sum_j ((x_j - m_j) / s_j)^2,   low <= x <= high,

huber the pseudo-Huber loss with its knee at HUBER. x are logarithms of the parameters, r
logarithms of predicted over measured.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

HUBER = 0.05
SPREAD = 0.05
STEPS = 60
Residual = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Logarithms of the parameters (p,) -> residuals (n,), Jacobian (n, p)."""


class Box(NamedTuple):
    """Prior mean and spread and bounds of every parameter, all logarithms."""

    middle: np.ndarray
    spread: np.ndarray
    low: np.ndarray
    high: np.ndarray


class Minimum(NamedTuple):
    """The point found, the standard deviation of every parameter there, and the cost."""

    x: np.ndarray
    deviation: np.ndarray
    cost: float


def robust(residuals: np.ndarray) -> np.ndarray:
    """Weights of iteratively reweighted least squares for the pseudo-Huber loss."""
    return 1 / np.sqrt(1 + (residuals / HUBER) ** 2)


def cost(residual: np.ndarray, weights: np.ndarray, x: np.ndarray, box: Box) -> float:
    """The sum above."""
    data = weights * HUBER**2 * 2 * (np.sqrt(1 + (residual / HUBER) ** 2) - 1) / SPREAD**2
    return float(data.sum() + (((x - box.middle) / box.spread) ** 2).sum())


def _hessian(residual: np.ndarray, jacobian: np.ndarray, weights: np.ndarray, box: Box) -> tuple[np.ndarray, np.ndarray]:
    w = weights * robust(residual) / SPREAD**2
    return jacobian.T @ (w[:, None] * jacobian) + np.diag(box.spread**-2.0), jacobian.T @ (w * residual)


def minimise(function: Residual, weights: np.ndarray, box: Box, start: np.ndarray | None = None) -> Minimum:
    """The minimum reached from `start`, or from the prior."""
    x = np.clip(box.middle if start is None else start, box.low, box.high)
    residual, jacobian = function(x)
    best, damping = cost(residual, weights, x, box), 1e-2
    for _ in range(STEPS):
        hessian, gradient = _hessian(residual, jacobian, weights, box)
        gradient = gradient + (x - box.middle) / box.spread**2
        free = ~(((x <= box.low) & (gradient > 0)) | ((x >= box.high) & (gradient < 0)))
        step = np.zeros_like(x)
        damped = hessian + damping * np.diag(np.diag(hessian))
        step[free] = np.linalg.solve(damped[np.ix_(free, free)], -gradient[free])
        trial = np.clip(x + step, box.low, box.high)
        r, j = function(trial)
        now = cost(r, weights, trial, box)
        gain, damping = best - now, damping / 4 if now < best else damping * 6
        if gain > 0:
            x, residual, jacobian, best = trial, r, j, now
        if 0 <= gain < 1e-9 * best or damping > 1e8:
            break
    hessian, _ = _hessian(residual, jacobian, weights, box)
    return Minimum(x, np.sqrt(np.diag(np.linalg.inv(hessian))), best)
