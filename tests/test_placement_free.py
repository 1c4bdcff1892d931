"""Is a free placement legal, never worse than its start, and the same however it is asked for?"""

import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import ROOT

from codesign.physical.arrangement import arrangement
from codesign.physical.blocks import Blocks, Nets, outline, overlap_area
from codesign.physical.placement import PlacementWeights, place, placement_cost, search
from codesign.physical.placement.annealing import packing_at
from codesign.physical.placement.case import case_of, exact_parts, problem_of
from codesign.physical.placement.compaction import exact_cost, packed_exactly
from codesign.physical.placement.orders import orders_of, packed
from codesign.physical.placement.relaxation import relaxed, smooth_cost

sys.path.insert(0, str(ROOT / "experiments"))
from placement_instances import random_instance

MM = 1e-3
SIZES = [(0, 6), (2, 8), (3, 12), (4, 16)]
WEIGHTS = [PlacementWeights(), PlacementWeights(1.0, 0.0, 0.0), PlacementWeights(0.0, 1.0, 0.0), PlacementWeights(0.0, 0.0, 1.0)]
FEW = 8_000


@pytest.fixture(autouse=True)
def _short(monkeypatch):
    monkeypatch.setattr(search, "EFFORT", FEW)


def _placed(case, **changes):
    arguments = {"blocks": case.blocks, "nets": case.nets, "outline": case.outline, "gap": case.gap, "starts": 4} | changes
    return place(**arguments)


def _widened(blocks, gap):
    return blocks._replace(width=blocks.width + gap * (1 - 1e-9), height=blocks.height + gap * (1 - 1e-9))


def _moved(blocks, order):
    return Blocks(*(jnp.asarray(part)[order] for part in blocks))


@pytest.mark.parametrize(("seed", "blocks"), SIZES)
@pytest.mark.parametrize("weights", WEIGHTS)
def test_placements_are_legal_and_never_worse(seed, blocks, weights):
    case = random_instance(seed, blocks)
    found = _placed(case, weights=weights)
    left, bottom, right, top = outline(found.blocks)
    assert found.start_legal
    assert found.legal
    assert overlap_area(found.blocks) == 0
    assert overlap_area(_widened(found.blocks, case.gap)) == 0
    assert right - left <= case.outline[0] + 1e-12
    assert top - bottom <= case.outline[1] + 1e-12
    assert found.cost.total <= found.start_cost.total * (1 + 1e-12)
    np.testing.assert_allclose((left + right, bottom + top), 0, atol=1e-12)  # about the middle of the start


@pytest.mark.parametrize(("seed", "blocks"), SIZES[::2])
def test_turning_can_be_forbidden(seed, blocks):
    case = random_instance(seed, blocks)
    found = _placed(case, rotate=False)
    assert (found.blocks.width == case.blocks.width).all()
    assert (found.blocks.height == case.blocks.height).all()
    turned = _placed(case)
    same = (turned.blocks.width == case.blocks.width) & (turned.blocks.height == case.blocks.height)
    assert (same | ((turned.blocks.width == case.blocks.height) & (turned.blocks.height == case.blocks.width))).all()


@pytest.mark.parametrize(("seed", "blocks"), SIZES[1::2])
def test_neither_place_nor_numbering_matters(seed, blocks):
    case = random_instance(seed, blocks)
    found = _placed(case)
    shifted = _placed(case, blocks=case.blocks._replace(x=case.blocks.x + 0.0123, y=case.blocks.y - 0.0456))
    order = np.random.default_rng(seed).permutation(blocks)
    rank = np.argsort(order)
    nets = Nets(rank[case.nets.second][::-1], rank[case.nets.first][::-1], case.nets.weight[::-1])
    numbered = _placed(case, blocks=_moved(case.blocks, order), nets=nets)
    for other, back in (
        (shifted.blocks._replace(x=shifted.blocks.x - 0.0123, y=shifted.blocks.y + 0.0456), slice(None)),
        (numbered.blocks, rank),
    ):
        for part, expected in zip(_moved(other, back), found.blocks, strict=True):
            np.testing.assert_allclose(part, expected, atol=1e-11)


@pytest.mark.parametrize(("seed", "blocks"), SIZES)
def test_the_seed_decides(seed, blocks):
    case = random_instance(seed, blocks)
    assert _placed(case, seed=3).cost.total == _placed(case, seed=3).cost.total


@jax.jit
def value(problem, centres, softness=0.03, penalty=2.0):
    return smooth_cost(centres, problem.width, problem.height, problem, softness, penalty)


@jax.jit
def slope(problem, centres, along):
    return (jax.grad(value, 1)(problem, centres) * along).sum()


@pytest.mark.parametrize(("seed", "blocks"), SIZES)
def test_the_smooth_cost_has_the_right_gradient(seed, blocks):
    case = random_instance(seed, blocks)
    problem = problem_of(case_of(case.blocks, case.nets, case.outline, case.gap, PlacementWeights()), 16)
    problem = jax.tree.map(lambda part: part.astype(jnp.float64), problem)
    centres, along = jax.random.uniform(jax.random.key(seed), (2, 16, 2)) - 0.5
    exact = slope(problem, centres, along)
    ends = [value(problem, centres + step * along) for step in (1e-5, -1e-5)]
    assert abs((ends[0] - ends[1]) / 2e-5 - exact) < 1e-6 * max(abs(exact), 1)
    assert jnp.isfinite(slope(problem, jnp.zeros_like(centres), along))  # all blocks in one place


@pytest.mark.parametrize(("seed", "blocks"), SIZES[:2])
def test_the_smooth_cost_tends_to_the_cost(seed, blocks):
    case = random_instance(seed, blocks)
    start = case_of(case.blocks, case.nets, case.outline, case.gap, PlacementWeights())
    problem = jax.tree.map(lambda part: part.astype(jnp.float64), problem_of(start, 8))
    centres = jnp.pad((start.corner + start.cells / 2) / start.scale, ((0, 8 - blocks), (0, 0)))
    exact = placement_cost(case.blocks, case.nets, PlacementWeights()).total
    smooth = value(problem, centres, 1e-5, 0.0)
    assert abs(smooth - exact) < 1e-3
    assert abs(exact_parts(case.blocks, case.nets, PlacementWeights()).total - exact) < 1e-9
    assert abs(exact_cost(start.corner, start.cells, start.pairs) - exact) < 1e-9


one_start, many_starts = jax.jit(relaxed), jax.jit(jax.vmap(relaxed, in_axes=(0, 0, None)))
packings = jax.jit(packing_at)


@pytest.mark.parametrize(("seed", "blocks"), SIZES)
def test_many_starts_equal_single_ones(seed, blocks):
    case = random_instance(seed, blocks)
    problem = problem_of(case_of(case.blocks, case.nets, case.outline, case.gap, PlacementWeights()), 16)
    centres = jax.random.uniform(jax.random.key(seed), (3, 16, 2), jnp.float32) - 0.5
    turned = jax.random.bernoulli(jax.random.key(seed + 1), 0.5, (3, 16))
    single = [packings(centres[k : k + 1], turned[k : k + 1], problem) for k in range(3)]
    np.testing.assert_allclose(packings(centres, turned, problem).cost, jnp.concatenate([s.cost for s in single]), rtol=1e-5)
    double, exact = jax.tree.map(lambda part: part.astype(jnp.float64), problem), centres.astype(jnp.float64)
    np.testing.assert_allclose(many_starts(exact, turned, double)[1], one_start(exact[1], turned[1], double), atol=1e-5)


@pytest.mark.parametrize("blocks", [1, 5, 40])
def test_packings_never_overlap_and_keep_their_orders(blocks):
    draw = np.random.default_rng(blocks)
    first, second = draw.permutation(blocks), draw.permutation(blocks)
    sides = draw.integers(1, 50, (blocks, 2)) / 1024
    corner = packed_exactly(first, second, sides)
    ranks = (jnp.asarray(order, jnp.int32)[:, None] for order in (first, second))
    right, top = jax.jit(packed)(*ranks, jnp.asarray(sides[:, :1]), jnp.asarray(sides[:, 1:]))
    np.testing.assert_array_equal(jnp.concatenate([right, top], 1), corner + sides)
    centre = corner + sides / 2
    assert overlap_area(Blocks(*map(jnp.asarray, (*centre.T, *sides.T, sides[:, 0])))) == 0
    again = jax.jit(orders_of)(jnp.asarray(centre), jnp.asarray(sides[:, 0]), jnp.asarray(sides[:, 1]))
    assert sorted(again[0].tolist()) == sorted(again[1].tolist()) == list(range(blocks))


@pytest.mark.parametrize(("share", "lacks"), [(0.2, True), (0.5, True), (0.99, False)])
def test_an_outline_that_is_too_small_is_reported(share, lacks):
    case = random_instance(7, 8)
    area = float(((case.blocks.width + case.gap) * (case.blocks.height + case.gap)).sum())
    side = (share * area) ** 0.5 - case.gap
    found = _placed(case, outline=(side, side))
    assert not found.legal
    assert not found.start_legal
    assert found.excess.max() > 0
    assert overlap_area(found.blocks) == 0
    assert abs(found.missing_area - (1 - share) * area) < 1e-9
    assert lacks == (found.missing_area > 0.1 * area)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_few_blocks_without_nets_or_power(count):
    sides = np.full(count, 10 * MM)
    start = arrangement(["die"] * count, sides, sides, 0 * sides, 1 * MM)
    none = Nets(np.zeros(0, int), np.zeros(0, int), np.zeros(0))
    found = place(start, none, (50 * MM, 50 * MM), 1 * MM, starts=4)
    assert found.legal
    assert found.cost.total <= found.start_cost.total * (1 + 1e-12)
    assert jnp.isfinite(jnp.asarray(found.cost)).all()


def equal_dies(rows, columns, die, stacks, stack, memory_gap=0.0):
    """Blocks and kinds of a grid of equal dies with stacks on its long edges; sides in mm, those of a stack along and across the edge."""
    upright = rows * die[1] > columns * die[0]
    sides = [die] * (rows * columns) + [stack[::-1] if upright else stack] * stacks
    kinds = ["die"] * (rows * columns) + ["memory"] * stacks
    width, height = np.array(sides, float).T * MM
    return arrangement(kinds, width, height, 0 * width, 0.0, memory_gap=memory_gap * MM, columns=columns), kinds


def test_a_start_without_freedom_stays():
    start, _ = equal_dies(1, 2, (26, 33), 8, (13, 11))
    nets = Nets(np.arange(9), np.arange(1, 10), np.ones(9))
    found = place(start, nets, (52 * MM, 55 * MM), starts=4)
    assert found.start_legal
    assert found.legal
    assert overlap_area(found.blocks) == 0
    assert found.cost.total <= found.start_cost.total * (1 + 1e-12)


PACKAGES = [  # rows, columns, die sides, stacks, their sides, memory gap; outline [mm]
    (1, 1, 33.0, 24.67, 6, 11.0, 11.0, 0.5, (33.0, 24.67 + 2 * 11.5)),
    (1, 2, 26.0, 33.0, 8, 11.0, 11.0, 0.5, (52.0, 56.0)),
    (1, 4, 26.0, 33.0, 16, 13.0, 11.0, 0.0, (104.0, 55.0)),
    (4, 1, 33.0, 26.0, 16, 13.0, 11.0, 0.0, (55.0, 104.0)),
    (4, 4, 26.0, 33.0, 32, 13.0, 11.0, 0.0, (104.0 + 4 * 11, 132.0)),
]


@pytest.mark.parametrize(("rows", "columns", "width", "height", "stacks", "edge", "depth", "memory_gap", "sides"), PACKAGES)
def test_plain_packages_have_their_outline(rows, columns, width, height, stacks, edge, depth, memory_gap, sides):
    blocks, kinds = equal_dies(rows, columns, (width, height), stacks, (edge, depth), memory_gap)
    left, bottom, right, top = outline(blocks)
    np.testing.assert_allclose([right - left, top - bottom], np.array(sides) * MM, atol=1e-11)
    assert overlap_area(blocks) == 0
    assert len(kinds) == rows * columns + stacks


@pytest.mark.parametrize("seed", range(8))
def test_plain_layouts_are_legal_and_fibres_outermost(seed):
    draw = np.random.default_rng(seed)
    kinds = ["die"] * draw.integers(0, 9) + list(draw.choice(["memory", "io", "optics", "fibre"], draw.integers(1, 20))) + ["fibre"]
    width, height = draw.uniform(2, 30, (2, len(kinds))) * MM
    gap = draw.choice([0.0, 0.3]) * MM
    blocks = arrangement(kinds, width, height, width, gap)
    assert overlap_area(_widened(blocks, gap)) == 0
    fibre = np.array([kind == "fibre" for kind in kinds])
    edges = [
        (blocks.x - blocks.width / 2, -1),
        (blocks.x + blocks.width / 2, 1),
        (blocks.y - blocks.height / 2, -1),
        (blocks.y + blocks.height / 2, 1),
    ]
    assert any(jnp.max(sign * edge[fibre]) >= jnp.max(sign * edge) for edge, sign in edges)
