"""To how many different ranks does a token go when it picks k of E experts?"""

import jax.numpy as jnp

from codesign.fields import Scalar


def log_falling_ratio(y: Scalar, x: Scalar, k: Scalar) -> Scalar:
    """log of [y (y - 1) ... (y - k + 1)] / [x (x - 1) ... (x - k + 1)] for real y, x, k above k - 1.

    The products are gamma(x + 1) / gamma(x - k + 1), by Stirling's series four steps up, where
    it is exact to 1e-8, and down again. Ratios are taken before logarithms, so that float32
    keeps four digits at thousands of experts.
    """
    ay, ax, by, bx = y + 5, x + 5, y - k + 5, x - k + 5
    down_y = (by - 4) * (by - 3) * (by - 2) * (by - 1) / ((ay - 4) * (ay - 3) * (ay - 2) * (ay - 1))
    down_x = (bx - 4) * (bx - 3) * (bx - 2) * (bx - 1) / ((ax - 4) * (ax - 3) * (ax - 2) * (ax - 1))
    series = (1 / ay - 1 / by - 1 / ax + 1 / bx) / 12 - (1 / ay**3 - 1 / by**3 - 1 / ax**3 + 1 / bx**3) / 360
    slope = (bx - 0.5) * jnp.log1p(-k / ax) - (by - 0.5) * jnp.log1p(-k / ay)
    return k * jnp.log1p((y - x) / ax) + slope + series + jnp.log(down_y / down_x)


def distinct_destinations(experts: Scalar, ranks: Scalar, top_k: Scalar) -> Scalar:
    """Expected ranks that hold at least one of a token's experts.

    ranks (1 - C(E - E/ranks, k) / C(E, k)) for k of E experts drawn without replacement and
    uniformly, E / ranks on each rank; the binomials are continued by gamma functions so that
    the formula holds for real E, k and ranks. Equals k when every rank has one expert.
    Skewed and correlated routing are ignored. Zero experts give zero.
    """
    experts = jnp.maximum(experts, 1.0)
    others = experts - experts / ranks
    possible = others - top_k > -1
    safe = jnp.maximum(others, jnp.where(possible, top_k - 1, top_k))  # a maximum, so that bounds see it above k - 1
    hit = jnp.where(possible, -jnp.expm1(jnp.minimum(log_falling_ratio(safe, experts, top_k), 0.0)), 1.0)
    return jnp.where(top_k > 0, ranks * hit, 0.0)
