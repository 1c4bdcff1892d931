"""Which placement is the best found, and is it legal?

Many starts are relaxed together, their orders annealed, the best packings compacted exactly; the plain start is one of them.
Programs are compiled once for each padded number of blocks.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign.fields import Scalar
from codesign.physical.blocks import Blocks, Nets
from codesign.physical.placement.annealing import DICE, Packing, annealed, ladder, moves_of, packing_at
from codesign.physical.placement.case import Case, canonical_order, case_of, exact_parts, excess, overlaps, problem_of
from codesign.physical.placement.compaction import GRID, compacted, exact_cost, on_grid, packed_exactly, touching
from codesign.physical.placement.cost import PlacementCost, PlacementWeights, Problem
from codesign.physical.placement.relaxation import relaxed

SIZES = (8, 16, 24, 32, 40)
"""Numbers of blocks for which programs are compiled; above, multiples of 16."""
HOT, COLD = 0.4, 0.0005
"""Highest temperature of the chains times the number of blocks, and the lowest [cost]."""
EFFORT = 800_000
"""Steps of a chain x number of blocks."""
FINALISTS = 8


class Placement(NamedTuple):
    """Blocks placed, cost of them and of the start, and by how much they fail.

    `excess` is the width and height outside the outline (2,) [m], `missing_area` [m2] what the outline lacks for all blocks
    with their gaps, however they stand; both are zero for a `legal` placement, whose blocks never overlap.
    """

    blocks: Blocks
    cost: PlacementCost
    start_cost: PlacementCost
    legal: bool
    start_legal: bool
    excess: np.ndarray
    missing_area: float


def _starts(case: Case, size: int, starts: int, rotate: bool, draw: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Centres (s, n, 2) about the middle and turned (s, n): the plain start, it shaken, and random ones."""
    count = len(case.cells)
    centre = case.corner + case.cells / 2
    plain = (centre - (centre.max(0) + centre.min(0)) / 2) / case.scale
    shaken = plain + 0.1 * draw.standard_normal((starts, count, 2))
    thrown = draw.uniform(-0.5, 0.5, (starts, count, 2)) * np.minimum(case.pairs.room / case.scale, 1.2)
    which = np.arange(starts)[:, None, None]
    centres = np.where(which == 0, plain, np.where(which % 3 == 1, shaken, thrown))
    turned = (which[..., 0] > 0) & rotate & (draw.random((starts, count)) < 0.5) & (which[..., 0] % 3 != 1)
    return np.pad(centres, ((0, 0), (0, size - count), (0, 0))), np.pad(turned, ((0, 0), (0, size - count)))


@functools.partial(jax.jit, static_argnames="steps")
def annealed_starts(
    centres: Scalar, turned: Scalar, key: Scalar, partners: Scalar, problem: Problem, rotate: Scalar, steps: int
) -> Packing:
    """One chain from each start (s, n, 2); the orders of the first start are taken before it is relaxed."""
    starts = centres.shape[0]
    moved = jax.vmap(relaxed, in_axes=(0, 0, None))(centres, turned, problem).at[0].set(centres[0])
    dice = jax.random.uniform(key, (DICE, steps, starts), centres.dtype)
    moves = moves_of(dice, partners, problem.blocks.astype(jnp.int32), rotate)
    return annealed(packing_at(moved, turned, problem), moves, ladder(HOT / problem.blocks, COLD, starts), problem)


def _packings(case: Case, starts: int, seed: int, rotate: bool) -> Packing:
    """The best packing of the chain from every start."""
    count = len(case.cells)
    size = next((s for s in SIZES if s >= count), -(-count // 16) * 16)
    draw = np.random.default_rng(seed)
    centres, turned = _starts(case, size, starts, rotate, draw)
    wires = case.pairs.wires + 1e-12
    odds = np.pad(np.cumsum(wires / wires.sum(1, keepdims=True), 1), ((0, size - count),) * 2, constant_values=2.0)
    key = jax.random.key(int(draw.integers(2**31)))
    plain, partners = (jnp.asarray(part, jnp.float32) for part in (centres, odds))
    return annealed_starts(plain, jnp.asarray(turned), key, partners, problem_of(case, size), jnp.asarray(rotate), EFFORT // size)


def _candidates(case: Case, packings: Packing) -> list[tuple[np.ndarray, np.ndarray]]:
    """Corners and sides of cells of the best different packings, compacted."""
    count = len(case.cells)
    first, second, turned = (np.asarray(part)[:count].T for part in packings[:3])
    found = []
    for chain in np.unique(np.asarray(packings.cost), return_index=True)[1][:FINALISTS]:
        cells = np.where(turned[chain][:, None], case.cells[:, ::-1], case.cells)
        found.append((compacted(packed_exactly(first[chain], second[chain], cells), cells, case.pairs), cells))
    return found


def place(
    blocks: Blocks,
    nets: Nets,
    outline: tuple[float, float],
    gap: float = 0.0,
    weights: PlacementWeights | None = None,
    starts: int = 8,
    seed: int = 0,
    rotate: bool = True,
) -> Placement:
    """The best placement found of `blocks`, whose places are the start; never dearer than a legal start.

    `outline` is the greatest width and height of the package and `gap` the least distance between blocks [m]. The result
    stands about the middle of the start and does not depend on how blocks and nets are numbered. Exact where JAX keeps doubles;
    singles round the start by a nanometre, which then counts as illegal. Where interfaces lie on a block is ignored.
    """
    weights = weights or PlacementWeights()
    order = canonical_order(blocks)
    rank = np.argsort(order)
    sorted_blocks = Blocks(*(np.asarray(part, float)[order] for part in blocks))
    sorted_nets = Nets(rank[np.asarray(nets.first, int)], rank[np.asarray(nets.second, int)], nets.weight)
    case = case_of(sorted_blocks, sorted_nets, outline, gap, weights)
    start_legal = not overlaps(case.corner, case.cells) and not excess(case.corner, case.cells, case.pairs).any()
    found = _candidates(case, _packings(case, starts, seed, rotate))
    if start_legal:
        exact = touching(case.corner, case.cells)
        found += [(compacted(exact, case.cells, case.pairs), case.cells), (exact, case.cells)]
    corner, cells = min(found, key=lambda c: (excess(c[0], c[1], case.pairs).sum(), exact_cost(c[0], c[1], case.pairs)))
    return _result(blocks, nets, weights, case, corner[rank], cells[rank], start_legal)


def _result(
    blocks: Blocks, nets: Nets, weights: PlacementWeights, case: Case, corner: np.ndarray, cells: np.ndarray, start_legal: bool
) -> Placement:
    """The placement about the middle of the start, in the numbering of `blocks`."""
    x, y, width, height, power = (np.asarray(part, float) for part in blocks)
    sides = np.stack([width, height], -1)
    turned = (np.abs(cells - case.pairs.gap - sides) > 2 * GRID).any(-1)
    bodies = cells - case.pairs.gap
    low, high = corner.min(0), (corner + bodies).max(0)
    middle = [(c + s / 2).max() / 2 + (c - s / 2).min() / 2 for c, s in ((x, width), (y, height))]
    centre = corner + bodies / 2 + on_grid(np.asarray(middle) - (low + high) / 2)
    sides = np.where(turned[:, None], sides[:, ::-1], sides)
    placed = Blocks(*(jnp.asarray(part, dtype=float) for part in (centre[:, 0], centre[:, 1], sides[:, 0], sides[:, 1], power)))
    beyond = excess(corner, cells, case.pairs)
    missing = max(float(cells.prod(-1).sum() - case.pairs.room.prod()), 0.0)
    costs = [exact_parts(b, nets, weights) for b in (placed, blocks)]
    return Placement(placed, costs[0], costs[1], not beyond.any(), start_legal, beyond, missing)
