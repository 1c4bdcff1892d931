"""How is a placement written in numbers that are exact, and that do not depend on how blocks are numbered?"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from codesign.physical.blocks import Blocks, Nets
from codesign.physical.placement.compaction import Pairs, on_grid
from codesign.physical.placement.cost import PlacementCost, PlacementWeights, Problem, heat_pairs, traffic_matrix

TOLERANCE = 1e-12
"""What counts as no overlap in the start, and as inside the outline [m]."""


class Case(NamedTuple):
    """A placement in numpy: lower left corners of the start and sides of cells (n, 2) on the grid, pair weights, unit of length [m].

    Cells are blocks widened by the gap to the right and to the top.
    """

    corner: np.ndarray
    cells: np.ndarray
    pairs: Pairs
    scale: float


def canonical_order(blocks: Blocks) -> np.ndarray:
    """Order of the blocks by place in the start, to a nanometre, then by sides and power, (n,)."""
    parts = [np.asarray(part, float) for part in blocks]
    x, y = (np.rint((centre - centre.min()) * 1e9) for centre in parts[:2])
    return np.lexsort((parts[4], parts[3], parts[2], y, x))


def case_of(blocks: Blocks, nets: Nets, room: tuple[float, float], gap: float, weights: PlacementWeights) -> Case:
    """Blocks in the given order, with pair weights that make `exact_cost` equal to the total of `placement_cost`."""
    x, y, width, height, power = (np.asarray(part, float) for part in blocks)
    bodies, space = on_grid(np.stack([width, height], -1), up=True), float(on_grid(gap, up=True))
    corner = np.stack([x, y], -1) - bodies / 2
    corner = on_grid(np.rint((corner - corner.min(0)) / TOLERANCE) * TOLERANCE)
    silicon, traffic = float((width * height).sum()), float(np.asarray(nets.weight, float).sum())
    wires = traffic_matrix(nets, len(x)) * (0.5 * weights.wire / (traffic * silicon**0.5) if traffic > 0 else 0.0)
    limit = on_grid(np.asarray(room), up=True) + space
    pairs = Pairs(wires, weights.heat * heat_pairs(power), weights.area / silicon, weights.heat_length, limit, space)
    return Case(corner, bodies + space, pairs, silicon**0.5)


def exact_parts(blocks: Blocks, nets: Nets, weights: PlacementWeights) -> PlacementCost:
    """`placement_cost` of one placement in numpy, which need not be compiled for every number of nets."""
    x, y, width, height, power = (np.asarray(part, float) for part in blocks)
    first, second, weight = np.asarray(nets.first, int), np.asarray(nets.second, int), np.asarray(nets.weight, float)
    wire = float((weight * (np.abs(x[first] - x[second]) + np.abs(y[first] - y[second]))).sum())
    spans = [(c + side / 2).max() - (c - side / 2).min() for c, side in ((x, width), (y, height))]
    squared = (x[:, None] - x) ** 2 + (y[:, None] - y) ** 2
    heat = float((heat_pairs(power) / np.sqrt(1 + squared / weights.heat_length**2)).sum())
    area, silicon, scale = float(spans[0] * spans[1]), float((width * height).sum()), float(weight.sum())
    share = wire / (scale * silicon**0.5) if scale > 0 else 0.0
    total = weights.wire * share + weights.area * area / silicon + weights.heat * heat
    return PlacementCost(*(np.float64(part) for part in (wire, area, heat, total)))


def problem_of(case: Case, size: int) -> Problem:
    """The case in units of its scale, padded to `size` blocks."""
    count, unit, pairs = len(case.cells), case.scale, case.pairs
    square = ((0, size - count), (0, size - count))
    sides = np.pad(case.cells / unit, (square[0], (0, 0)))
    parts = (sides[:, 0], sides[:, 1], np.pad(pairs.wires * unit, square), np.pad(pairs.heats, square))
    numbers = (pairs.area * unit**2, pairs.reach / unit, pairs.gap / unit, pairs.room / unit, float(count))
    return Problem(*(jnp.asarray(part, jnp.float32) for part in (*parts, *numbers)))


def excess(corner: np.ndarray, cells: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Width and height outside the outline (2,) [m]."""
    over = (corner + cells).max(0) - corner.min(0) - pairs.room
    return np.where(over > TOLERANCE, over, 0.0)


def overlaps(corner: np.ndarray, cells: np.ndarray) -> bool:
    """Do any two cells share more than roundings?"""
    centre = corner + cells / 2
    shared = (cells[:, None] + cells[None]) / 2 - np.abs(centre[:, None] - centre[None])
    return bool((np.triu(shared.min(-1), 1) > TOLERANCE).any())
