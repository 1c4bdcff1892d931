"""How many row tiles do experts fill?

The tokens of an expert are padded to tiles of R rows; their number N is Poisson's with mean lambda. E[ceil(N / R)] = sum_{j>=0} P(N > j R).
Every expert has the same mean: sum over experts where popularity differs.
"""

import jax.numpy as jnp
from jax.scipy.special import gammainc
from jax.scipy.stats import norm

from codesign.fields import Scalar, total

STEPS = 6
"""Tiles that `smooth_tiles` counts one by one."""


def expected_tiles(mean: Scalar, rows: Scalar, terms: int) -> Scalar:
    """sum_{j>=0} P(j R + 1, lambda), P the regularised lower incomplete gamma function: exact, smooth in lambda.

    `terms` of the sum: a good (lambda + 12 sqrt(lambda) + 20) / R.

    >>> round(float(expected_tiles(jnp.asarray(16.0), 16.0, 8)), 5)
    1.43417
    """
    shapes = jnp.asarray(rows)[..., None] * jnp.arange(1, terms, dtype=float) + 1
    positive = jnp.maximum(jnp.asarray(mean), 1e-12)[..., None]
    return -jnp.expm1(-mean) + jnp.sum(gammainc(shapes, positive), axis=-1)


def smooth_tiles(mean: Scalar, rows: Scalar) -> Scalar:
    """`expected_tiles` in closed form within 3 % for any lambda and 1 <= R <= 256; every term rises with lambda.

    1 - exp(-lambda) for j = 0; for j = 1 .. J normal distributions in Wilson and Hilferty's cube root of a gamma variable, at most
    lambda^2 / 2 as P(N >= 2) is; for all further j the integral s / R [z Phi(z) + phi(z)] with s = sqrt(lambda),
    z = (lambda - (J + 1/2) R - 1/2) / s.
    """
    positive = jnp.maximum(mean, 1e-12)
    shapes = [step * rows + 1 for step in range(1, STEPS + 1)]
    some = [norm.cdf(3 * jnp.sqrt(a) * (jnp.cbrt(positive / a) - 1 + 1 / (9 * a))) for a in shapes]
    spread = jnp.sqrt(positive)
    z = spread - ((STEPS + 0.5) * rows + 0.5) / spread
    further = spread / rows * (z * norm.cdf(z) + norm.pdf(z))
    return -jnp.expm1(-mean) + total(jnp.minimum(share, mean * mean / 2) for share in some) + further


def row_utilisation(mean: Scalar, rows: Scalar, tiles: Scalar) -> Scalar:
    """Share lambda / (R E[tiles]) of the rows of an expert's tiles that hold a token; 1 / R for a lonely one."""
    return (mean + 1e-12) / (rows * (tiles + 1e-12))
