"""What does a placement cost in wire, area and hot spots?

    total = c_w wire / (W L) + c_a area / A + c_h heat,   L = sqrt(A),

with W the sum of net weights and A the sum of block areas, so that the coefficients c are numbers. Routing
layers, wire congestion and the direction in which a block's interface points are ignored.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign.fields import Scalar
from codesign.physical.blocks import Blocks, Nets, outline, wire_length


class PlacementWeights(NamedTuple):
    """Coefficients of wire length, package area and hot spots [1]; `heat_length` [m], over which heat spreads."""

    wire: float = 1.0
    area: float = 0.25
    heat: float = 0.25
    heat_length: float = 0.01


class PlacementCost(NamedTuple):
    """`wire` [weight m], `area` of the smallest rectangle around all blocks [m2], `heat` [1], and their weighted `total` [1]."""

    wire: Scalar | np.float64
    area: Scalar | np.float64
    heat: Scalar | np.float64
    total: Scalar | np.float64


class Problem(NamedTuple):
    """A placement in units of L: cells (n,) are blocks widened by the gap, pair weights (n, n) sum to the coefficients.

    `room` is the outline, widened by the gap like every cell; `reach` the heat length; cells after the first `blocks` are padding.
    """

    width: Scalar
    height: Scalar
    wires: Scalar
    heats: Scalar
    area: Scalar
    reach: Scalar
    gap: Scalar
    room: Scalar
    blocks: Scalar


def traffic_matrix(nets: Nets, blocks: int) -> np.ndarray:
    """Net weights between all pairs, symmetric, without a diagonal, (n, n)."""
    first, second, weight = np.asarray(nets.first, int), np.asarray(nets.second, int), np.asarray(nets.weight, float)
    order = np.lexsort((weight, np.maximum(first, second), np.minimum(first, second)))
    result = np.zeros((blocks, blocks))
    np.add.at(result, (first[order], second[order]), weight[order])
    np.fill_diagonal(result, 0.0)
    return result + result.T


def pair_shares(matrix: np.ndarray) -> np.ndarray:
    """A symmetric matrix over the sum of all its entries; zeros stay zeros."""
    total = matrix.sum()
    return matrix / total if total > 0 else np.zeros_like(matrix)


def heat_pairs(power: np.ndarray) -> np.ndarray:
    """Products of the powers of two different blocks as shares of their sum, (n, n)."""
    products = np.outer(power, power)
    np.fill_diagonal(products, 0.0)
    return pair_shares(products)


def spreading(squared: Scalar, length: Scalar | float) -> Scalar:
    """How much a source warms a place at the squared distance d2: 1 / sqrt(1 + d2 / length2), one at the source itself."""
    return jax.lax.rsqrt(1 + squared / length**2)


def hot_spots(blocks: Blocks, length: float) -> Scalar:
    """sum P_i P_j k(d_ij) / sum P_i P_j over pairs of blocks: 1 when all stand in one place, 0 when far apart, (...).

    k(d) = 1 / sqrt(1 + d2 / length2) falls as 1/d like the temperature around a source on a thick conductor.
    """
    across, along = (c[..., :, None] - c[..., None, :] for c in (blocks.x, blocks.y))
    products = blocks.power[..., :, None] * blocks.power[..., None, :] * (1 - jnp.eye(blocks.power.shape[-1]))
    total = products.sum(axis=(-2, -1))
    warmed = (products * spreading(across**2 + along**2, length)).sum(axis=(-2, -1))
    return jnp.where(total > 0, warmed / jnp.where(total > 0, total, 1.0), 0.0)


def placement_cost(blocks: Blocks, nets: Nets, weights: PlacementWeights) -> PlacementCost:
    """The parts of the cost, (...)."""
    left, bottom, right, top = outline(blocks)
    area, silicon = (right - left) * (top - bottom), blocks.area.sum(-1)
    wire, heat = wire_length(blocks, nets), hot_spots(blocks, weights.heat_length)
    scale = jnp.sum(nets.weight) * jnp.sqrt(silicon)
    share = jnp.where(scale > 0, wire / jnp.where(scale > 0, scale, 1.0), 0.0)
    return PlacementCost(wire, area, heat, weights.wire * share + weights.area * area / silicon + weights.heat * heat)


def total_cost(x: Scalar, y: Scalar, sides: Scalar, problem: Problem) -> Scalar:
    """The totals (s,) of s placements, centres x, y (n, s) inside rectangles of `sides` (2, s), in units of L."""

    def row(i: Scalar, pairs: Scalar) -> Scalar:
        across, along = jnp.abs(x - x[i]), jnp.abs(y - y[i])
        warmed = spreading(across**2 + along**2, problem.reach)
        return pairs + problem.wires[i][:, None] * (across + along) + problem.heats[i][:, None] * warmed

    pairs = jax.lax.fori_loop(0, x.shape[0], row, jnp.zeros_like(x))  # row by row: all pairs of all chains would leave the cache
    return pairs.sum(0) + problem.area * jnp.prod(sides - problem.gap, axis=0)
