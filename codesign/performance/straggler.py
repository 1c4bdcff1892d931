"""How much longer than the mean does the busiest expert rank work?

G ranks receive x slots each in the mean, and the last to finish sets the pace. Slots are taken as independent, so that the counts are
Poisson's: phi = E[max of G counts] / x. Popular experts add `skew_factor`; routing limited to groups of ranks is ignored.
"""

import jax.numpy as jnp
from jax.scipy.special import erfinv, gammaincc

from codesign.fields import Scalar, total


def poisson_straggler(slots: Scalar, ranks: Scalar, terms: int) -> Scalar:
    """phi = (1/x) sum_{n>=0} 1 - Q(n + 1, x)^G, Q the regularised upper incomplete gamma function: exact.

    `terms` of the sum: a good ten standard deviations above x. G at x = 0.
    """
    mean = jnp.maximum(slots, 1e-6)
    below = gammaincc(jnp.arange(1, terms + 1, dtype=float), jnp.asarray(mean)[..., None])
    within = jnp.exp(jnp.asarray(ranks)[..., None] * jnp.log(jnp.maximum(below, 1e-30)))
    return jnp.sum(1 - within, axis=-1) / mean


def normal_maximum(count: Scalar) -> Scalar:
    """Expected largest of n >= 1 standard normal numbers, at the quantile (n - 0.375) / (n + 0.25) of Blom (1958); 0 for one."""
    return jnp.sqrt(2.0) * erfinv(2 * (count - 0.375) / (count + 0.25) - 1)


def _few_slots(slots: Scalar, ranks: Scalar) -> Scalar:
    """`poisson_straggler` for few slots, (1/x) sum_{n=0..3} 1 - P(N <= n)^G; the busiest rank has at least one."""
    two = slots * slots / 2
    shares = (1 + slots, 1 + slots + two, 1 + slots + two + two * slots / 3)
    busiest = -jnp.expm1(-ranks * slots) - total(jnp.expm1(ranks * (jnp.log(share) - slots)) for share in shares)
    return jnp.maximum(busiest, 1.0) / slots


def _many_slots(slots: Scalar, ranks: Scalar) -> Scalar:
    """`poisson_straggler` for many slots: the Cornish-Fisher expansion of Poisson's law at the maximum z of G normals, averaged.

    1 + z/sqrt(x) + m_2 / (6 x) + (m_3 / 24 - m_4 / 36) / x^1.5 with m_2, m_3, m_4 the means of z^2 - 1, z^3 - 3 z and 2 z^3 - 5 z;
    the variance of z is close to 1 / (1 + 0.55 z + 0.5 z^2).
    """
    z, root = normal_maximum(ranks), 1 / jnp.sqrt(slots)
    variance = 1 / (1 + 0.55 * z + 0.5 * z * z)
    square, cube = z * z + variance, z * (z * z + 3 * variance)
    third = (cube - 3 * z) / 24 - (2 * cube - 5 * z) / 36
    return 1 + root * (z + root * ((square - 1) / 6 + root * third))


def straggler(slots: Scalar, ranks: Scalar) -> Scalar:
    """phi in closed form, for real ranks G >= 1 and at least one slot: between 1 and G.

    Exactly 1 for one rank and G for one slot in all; within 7 % of slots drawn at random.
    """
    mean = jnp.maximum(slots, 1e-6)
    return jnp.clip(jnp.maximum(_few_slots(mean, ranks), _many_slots(mean, ranks)), 1.0, ranks)


def skew_factor(probabilities: Scalar, replicas: Scalar, ranks: int) -> Scalar:
    """Mean load of the busiest rank over that of all: (G/k) max_g sum_{e on g} p_e / r_e.

    Probabilities and replicas (E,); experts on ranks in blocks of E / G, each with its first copy. The other copies are taken to be
    on ranks with time to spare.
    """
    loads = jnp.sum((probabilities / replicas).reshape(ranks, -1), axis=-1)
    return ranks * jnp.max(loads) / jnp.sum(probabilities)
