"""How does a direction turn several objectives and limits into one number to descend?

Weighted sums reach the convex part of a front, smooth Tchebycheff (arXiv 2402.19078) the
rest; half of the lanes use each. Limits enter as a softplus penalty with a back-off that is
annealed, so that ends lie just inside; feasibility is decided by the model alone.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign.search.space import Lanes

UTOPIA = -0.15


class Direction(NamedTuple):
    """Per lane: weights (one array per objective) and 1 where Tchebycheff is used."""

    weights: Lanes
    tchebycheff: jax.Array


class Annealing(NamedTuple):
    """Sharpness `mu` of the smooth maximum, strength `rho` and back-off of the penalty."""

    mu: jax.Array
    rho: jax.Array
    back_off: jax.Array


def directions(count: int, objectives: int, generator: np.random.Generator) -> np.ndarray:
    """`count` weight vectors on the simplex, corners first, the others spread by a Dirichlet draw."""
    corners = np.eye(objectives) * 0.97 + 0.03 / objectives
    inside = generator.dirichlet(np.ones(objectives), max(count - objectives, 0))
    return np.concatenate([corners, 0.97 * inside + 0.03 / objectives])[:count]


def scalar_gradient(objectives: Lanes, violations: Lanes, direction: Direction, at: Annealing) -> tuple[jax.Array, Lanes, Lanes]:
    """The scalar to descend and its derivative to every objective and violation.

    s = (1 - c) sum w f + c mu log sum exp(w (f - u) / mu) + rho sum b softplus((g + b) / b).
    """
    shifted = [w * (f - UTOPIA) for w, f in zip(direction.weights, objectives, strict=True)]
    peak = jnp.stack(shifted).max(axis=0)
    powers = [jnp.exp((s - peak) / at.mu) for s in shifted]
    total = sum(powers)
    cheby, plain = direction.tchebycheff, 1 - direction.tchebycheff
    value = plain * sum(shifted) + cheby * (peak + at.mu * jnp.log(total))
    to_objectives = tuple(w * (plain + cheby * p / total) for w, p in zip(direction.weights, powers, strict=True))
    steep = [(g + at.back_off) / at.back_off for g in violations]
    value = value + at.rho * at.back_off * sum(jax.nn.softplus(s) for s in steep)
    to_violations = tuple(at.rho * jax.nn.sigmoid(s) for s in steep)
    return value, to_objectives, to_violations
