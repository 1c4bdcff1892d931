"""How hot is every block of a floorplan, and every point of it?

The lid is a plate that spreads heat over a length L and loses it at h [W/m2/K] per area, insulated at its edges:

    h T - h L^2 (d2T/dx2 + d2T/dy2) = heat flux into it

On a lid of sides X, Y the answer to one watt spread evenly over block j, averaged over block i, is the cosine series

    K_ij = 1 / (h X Y) sum_mn e_m e_n g_m g_n a_im b_in a_jm b_jn / (1 + L^2 ((m pi / X)^2 + (n pi / Y)^2)),   e_0 = 1, else 2

with a, b the means of cos(m pi x / X), cos(n pi y / Y) over the block's sides. Jackson's factors g (Rev. Mod. Phys. 78, 275
(2006), section II.C) cut the series off so that K stays positive; they blur over X / MODES. Hence K is symmetric, positive,
positive semidefinite, and the mean rise over the lid is P / (h X Y) wherever the blocks stand. Then

    T_i = T_in + sum_j K_ij P_j + R''_i P_i / A_i

with R'' from transistors to lid. h is such that the published package (a square die amid a square lid) has its published
resistance. Blocks have shape (..., n), temperatures are in degC. Ignored: heat downwards, the coolant's warming along its
path, even flow over unequal blocks, hot spots within a block.
"""

import jax
import jax.numpy as jnp
import numpy as np

from codesign.fields import Scalar
from codesign.hardware.cooling import Cooling
from codesign.physical.blocks import Blocks, outline
from codesign.physical.thermal import power_density, stack_rise

MODES = 48
LEAST_SHARE = 0.05
"""Least share of the package resistance that is left to the lid, where local resistances would take more."""
LEAST_SIDE = 1e-4
"""Least side of a lid [m]."""


def _jackson() -> np.ndarray:
    """Jackson's factors times e_m, (MODES,)."""
    order, last = np.arange(MODES), MODES + 1
    angle = np.pi / last
    factors = ((last - order) * np.cos(order * angle) + np.sin(order * angle) / np.tan(angle)) / last
    return factors * np.where(order == 0, 1.0, 2.0)


def _means(centre: Scalar, side: Scalar, length: Scalar) -> Scalar:
    """Means of cos(m pi x / length) over intervals (..., n): (..., n, MODES); an interval without length is a point."""
    order = jnp.arange(MODES)
    start, extent = (centre / length[..., None])[..., None], (side / length[..., None])[..., None]
    return jnp.cos(np.pi * order * start) * jnp.sinc(order * extent / 2)


def _spectrum(sides: tuple[Scalar, Scalar], spreading: Scalar) -> Scalar:
    """Weights of pairs of modes at h = 1 [1/m2], (..., MODES, MODES)."""
    width, height = sides
    factors = jnp.asarray(_jackson())
    along, across = (np.pi * jnp.arange(MODES) / side[..., None] for side in (width, height))
    wave = along[..., :, None] ** 2 + across[..., None, :] ** 2
    area = (width * height)[..., None, None]
    return factors[:, None] * factors / (area * (1 + spreading[..., None, None] ** 2 * wave))


def lid(blocks: Blocks, cooling: Cooling) -> tuple[Scalar, Scalar, Scalar, Scalar]:
    """Left, bottom, width and height of the spreading surface [m], each (...): the outline and the cooling's margin."""
    left, bottom, right, top = outline(blocks)
    margin = cooling.lid_margin
    width, height = right - left + 2 * margin, top - bottom + 2 * margin
    return left - margin, bottom - margin, jnp.maximum(width, LEAST_SIDE), jnp.maximum(height, LEAST_SIDE)


def sink_conductance(cooling: Cooling) -> Scalar:
    """What the lid loses per area and rise, h [W/m2/K], so that the published package has its resistance.

    h = K_die(h = 1) / (theta - R''_local / A_ref), a die of A_ref amid a lid of its published area, both square.
    """
    die, side = jnp.sqrt(cooling.reference_area), jnp.sqrt(cooling.reference_lid_area)
    side = jnp.maximum(side, die)
    means = _means(side[..., None] / 2, die[..., None], side)[..., 0, :] ** 2
    unit = jnp.einsum("...m,...n,...mn->...", means, means, _spectrum((side, side), cooling.spreading_length))
    lid_part = cooling.area_resistance - cooling.local_resistance
    return unit * cooling.reference_area / jnp.maximum(lid_part, LEAST_SHARE * cooling.area_resistance)


def _modes(blocks: Blocks, cooling: Cooling) -> tuple[Scalar, Scalar, Scalar]:
    """Means over the sides of blocks, (..., n, MODES) twice, and the weights of modes [K/W], (..., MODES, MODES)."""
    left, bottom, width, height = lid(blocks, cooling)
    along = _means(blocks.x - left[..., None], blocks.width, width)
    across = _means(blocks.y - bottom[..., None], blocks.height, height)
    return along, across, _spectrum((width, height), cooling.spreading_length) / sink_conductance(cooling)[..., None, None]


def heat_kernel(blocks: Blocks, cooling: Cooling) -> Scalar:
    """Rise of the lid over block i per watt of block j [K/W], (..., n, n)."""
    along, across, weights = _modes(blocks, cooling)
    return jnp.einsum("...im,...in,...mn,...jm,...jn->...ij", along, across, weights, along, across)


def _lid_rise(blocks: Blocks, cooling: Cooling, x: Scalar, y: Scalar, width: Scalar, height: Scalar) -> Scalar:
    """Mean rise of the lid over rectangles given by centre and sides (..., k) [K]."""
    left, bottom, *sides = lid(blocks, cooling)
    along, across, weights = _modes(blocks, cooling)
    heat = jnp.einsum("...jm,...jn,...j->...mn", along, across, blocks.power) * weights
    here = _means(x - left[..., None], width, sides[0]), _means(y - bottom[..., None], height, sides[1])
    return jnp.einsum("...im,...in,...mn->...i", *here, heat)


def _local_rise(blocks: Blocks, cooling: Cooling, resistance: Scalar | None) -> Scalar:
    """Rise of every block over its lid [K]."""
    local = cooling.local_resistance[..., None] if resistance is None else resistance
    return local * power_density(blocks.power, blocks.area)


def block_temperatures(blocks: Blocks, cooling: Cooling, resistance: Scalar | None = None) -> Scalar:
    """Mean temperature of every block [degC], (..., n).

    `resistance` R'' [K m2/W], (..., n), stands between a block and the lid; that of a die if not given (a stack of memory
    adds half of its own).
    """
    rise = _lid_rise(blocks, cooling, blocks.x, blocks.y, blocks.width, blocks.height)
    return cooling.inlet_temperature[..., None] + rise + _local_rise(blocks, cooling, resistance)


def column_temperatures(blocks: Blocks, cooling: Cooling, base: Scalar) -> Scalar:
    """Temperature of every block [degC], (n,), where memory stacks stand on others: on block `base` (n,), on itself a block on the ground.

    The heat of a column passes its top and what lies below a stack that stack: R''_local (q_b + q) + R''_stack (q_b + q / 2).
    A bound for stack and base, which is as hot as its hottest column. Ignored: ways around a stack.
    """
    on, flux = base != jnp.arange(len(base)), power_density(blocks.power, blocks.area)
    below = jnp.where(on, flux[base], 0.0)
    column = cooling.local_resistance * (below + flux) + jnp.where(on, stack_rise(cooling.stack_resistance, below, flux), 0.0)
    hottest = jax.ops.segment_max(column, base, len(base))
    rise = _lid_rise(blocks, cooling, blocks.x, blocks.y, blocks.width, blocks.height)
    return cooling.inlet_temperature + rise + jnp.where(on, column, hottest)


def temperature_field(blocks: Blocks, cooling: Cooling, points: Scalar, resistance: Scalar | None = None) -> Scalar:
    """Temperature at `points` (..., k, 2) of x, y [m]: [degC], (..., k), inside a block where one stands, else of the lid."""
    x, y = points[..., 0], points[..., 1]
    rise = _lid_rise(blocks, cooling, x, y, jnp.zeros_like(x), jnp.zeros_like(y))
    beside = jnp.abs(x[..., :, None] - blocks.x[..., None, :]) <= blocks.width[..., None, :] / 2
    inside = beside & (jnp.abs(y[..., :, None] - blocks.y[..., None, :]) <= blocks.height[..., None, :] / 2)
    local = jnp.where(inside, _local_rise(blocks, cooling, resistance)[..., None, :], 0.0).max(-1)
    return cooling.inlet_temperature[..., None] + rise + local
