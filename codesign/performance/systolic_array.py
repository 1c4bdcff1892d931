"""How busy are the cells of a systolic array, and what does an array gain whose rows can be exchanged for columns?

Weight stationary: tiles of R x C weights are loaded while the last ones are used, and m tokens stream through each. Depth K is the
reduction, N the columns of the product. Area, energy and time of exchanging the shape are ignored.
"""

import jax.numpy as jnp

from codesign.fields import Scalar

HALVINGS = 10
"""Shapes of an adaptive array: R, R/2, R/4 ... for as long as a row is left."""


def array_cycles(tokens: Scalar, depth: Scalar, columns: Scalar, array_rows: Scalar, array_columns: Scalar) -> Scalar:
    """Cycles ceil(K/R) ceil(N/C) max(m, R) + R + C of a product of m x K by K x N."""
    tiles = jnp.ceil(depth / array_rows) * jnp.ceil(columns / array_columns)
    return tiles * jnp.maximum(tokens, array_rows) + array_rows + array_columns


def utilisation(tokens: Scalar, depth: Scalar, columns: Scalar, array_rows: Scalar, array_columns: Scalar) -> Scalar:
    """Share m K N / (cycles R C) of the cells' cycles that multiply."""
    cycles = array_cycles(tokens, depth, columns, array_rows, array_columns)
    return tokens * depth * columns / (cycles * array_rows * array_columns)


def _shape_utilisations(tokens: Scalar, depth: Scalar, columns: Scalar, array_rows: Scalar, array_columns: Scalar) -> Scalar:
    """Utilisation of every shape with R' = R, R/2, R/4 ... rows and as many cells, (..., shapes); 0 where R' < 1."""
    tokens, depth, columns, rows, wide = (jnp.asarray(a)[..., None] for a in (tokens, depth, columns, array_rows, array_columns))
    halved = 2.0 ** jnp.arange(HALVINGS + 1)
    return jnp.where(rows >= halved, utilisation(tokens, depth, columns, rows / halved, wide * halved), 0.0)


def best_adaptive_utilisation(tokens: Scalar, depth: Scalar, columns: Scalar, array_rows: Scalar, array_columns: Scalar) -> Scalar:
    """Utilisation of the best shape with R' = R, R/2, R/4 ... 1 rows and R C / R' columns."""
    return jnp.max(_shape_utilisations(tokens, depth, columns, array_rows, array_columns), axis=-1)


def smooth_adaptive_utilisation(
    tokens: Scalar, depth: Scalar, columns: Scalar, array_rows: Scalar, array_columns: Scalar, power: float
) -> Scalar:
    """`best_adaptive_utilisation` without its kinks: sum u^(p+1) / sum u^p over the shapes, never above the best."""
    each = _shape_utilisations(tokens, depth, columns, array_rows, array_columns)
    best = jnp.max(each, axis=-1, keepdims=True) + 1e-12
    weights = (each / best) ** power
    return jnp.sum(weights * each, axis=-1) / (jnp.sum(weights, axis=-1) + 1e-12)


def feed_demand(array_columns: Scalar, weight_bytes: Scalar, clock: Scalar) -> Scalar:
    """Bytes per second C b_w f that the buffer above the array must deliver to load a row of weights every cycle."""
    return array_columns * weight_bytes * clock


def fixed_array_ratio(array_rows: Scalar, bandwidth: Scalar, peak: Scalar, weight_bytes: Scalar, sustained: Scalar) -> Scalar:
    """r_0 = 2 R BW / (eta b_w Peak): compute over memory time of experts with fewer tokens than the array has rows.

    Bandwidth BW [B/s], peak [FLOP/s], bytes per weight b_w, sustained share eta of the peak. An adaptive array gains up to r_0 at
    the same bandwidth, and nothing below 1.
    """
    return 2 * array_rows * bandwidth / (sustained * weight_bytes * peak)
