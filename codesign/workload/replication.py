"""How even do copies of popular experts make the load of expert ranks?

With R further copies experts chosen with probability p get r = max(p / tau, 1) of them, tau such that sum_e (r_e - 1) = R:
the copies of every copied expert are then equally busy. Copies are counted as real numbers; ranks are taken to be filled
so that none holds more than the mean, unless a single copy does.
"""

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.workload.popularity import Strata

PASSES = 8
"""Newton steps towards tau from the right, where the convex sum is above R; they stop moving after as many as strata change sides."""


def heaviest_copy(strata: Strata, replicas: Scalar) -> Scalar:
    """tau: the probability that a token chooses the busiest copy of an expert.

    Solves sum_j w_j max(p_j u - 1, 0) = R for u = 1 / tau over strata of w_j experts with probability p_j each; 1 / p_1 without copies.
    """
    hottest = strata.probabilities[0]
    crowd = total(w * p for w, p in zip(strata.weights, strata.probabilities, strict=True))
    count = total(strata.weights)
    inverse = jnp.maximum((replicas + count) / jnp.maximum(crowd, 1e-30), 1 / jnp.maximum(hottest, 1e-30))
    rest = strata.weights[1:], strata.probabilities[1:]
    for _ in range(PASSES):  # the hottest are always among those at or above tau, whatever is rounded
        above = [strata.weights[0], *(jnp.where(p * inverse > 1, w, 0.0) for w, p in zip(*rest, strict=True))]
        slope = total(w * p for w, p in zip(above, strata.probabilities, strict=True))
        inverse = jnp.maximum((replicas + total(above)) / jnp.maximum(slope, 1e-30), 1 / jnp.maximum(hottest, 1e-30))
    return 1 / inverse


def replicated(strata: Strata, replicas: Scalar) -> Strata:
    """The copies as strata: w r of them with probability p / r each."""
    heaviest = jnp.maximum(heaviest_copy(strata, replicas), 1e-30)
    copies = [jnp.maximum(p / heaviest, 1.0) for p in strata.probabilities]
    return Strata(
        tuple(w * r for w, r in zip(strata.weights, copies, strict=True)),
        tuple(p / r for p, r in zip(strata.probabilities, copies, strict=True)),
    )


def placement_skew(heaviest: Scalar, ranks: Scalar, top_k: Scalar) -> Scalar:
    """Load of the busiest of `ranks` expert ranks over the mean k / ranks: 1, or that of the heaviest copy alone."""
    return jnp.maximum(heaviest * ranks / jnp.maximum(top_k, 1.0), 1.0)
