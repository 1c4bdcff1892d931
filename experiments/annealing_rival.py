"""How good a placement does long simulated annealing find, without any gradient?

Many independent runs over sequence pairs (Murata et al. 1996, DOI 10.1109/43.552084) with exchanges, relocations beside a partner
and turns, from random orders; classical cooling from a temperature at which most moves are accepted. The same cost, outline and gap
as `place`, and the same exact slides at the end of every run.
"""

from typing import NamedTuple

import numpy as np

from codesign.physical.blocks import Blocks, Nets
from codesign.physical.placement.case import case_of
from codesign.physical.placement.compaction import Pairs, compacted, exact_cost, packed_exactly
from codesign.physical.placement.cost import PlacementWeights

EXCESS = 4.0


class Runs(NamedTuple):
    """Ranks in both orders and turns (r, n) of every run, with their costs (r,)."""

    first: np.ndarray
    second: np.ndarray
    turned: np.ndarray
    cost: np.ndarray


def _packed(first: np.ndarray, second: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Far edges (r, n, 2) of cells packed towards the origin, for all runs at once."""
    runs, count = first.shape
    order = np.argsort(second, axis=1)
    ranked = np.take_along_axis(first, order, 1)
    cells = np.take_along_axis(sides, order[..., None], 1)
    edges = np.zeros((runs, count, 2))
    for k in range(count):
        before = ranked[:, :k] < ranked[:, k : k + 1]
        edges[:, k, 0] = np.where(before, edges[:, :k, 0], 0.0).max(1, initial=0.0) + cells[:, k, 0]
        edges[:, k, 1] = np.where(before, 0.0, edges[:, :k, 1]).max(1, initial=0.0) + cells[:, k, 1]
    result = np.empty_like(edges)
    np.put_along_axis(result, order[..., None], edges, 1)
    return result


def _cost(first: np.ndarray, second: np.ndarray, turned: np.ndarray, cells: np.ndarray, pairs: Pairs) -> np.ndarray:
    sides = np.where(turned[..., None], cells[:, ::-1], cells)
    edges = _packed(first, second, sides)
    centre, extent = edges - sides / 2, edges.max(1)
    apart = np.abs(centre[:, :, None] - centre[:, None])
    heat = pairs.heats / np.sqrt(1 + (apart**2).sum(-1) / pairs.reach**2)
    beyond = np.maximum(extent / pairs.room - 1, 0.0).sum(-1)
    return (pairs.wires * apart.sum(-1) + heat).sum((1, 2)) + pairs.area * (extent - pairs.gap).prod(-1) + EXCESS * beyond


def _relocated(rank: np.ndarray, one: np.ndarray, target: np.ndarray) -> np.ndarray:
    source = np.take_along_axis(rank, one[:, None], 1)
    target = target[:, None]
    result = rank + ((rank < source) & (rank >= target)) - ((rank > source) & (rank <= target))
    np.put_along_axis(result, one[:, None], target, 1)
    return result


def _exchanged(rank: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    result, runs = rank.copy(), np.arange(len(rank))
    result[runs, one], result[runs, other] = rank[runs, other], rank[runs, one]
    return result


def _neighbours(now: Runs, draw: np.random.Generator, partners: np.ndarray, cells: np.ndarray, pairs: Pairs) -> Runs:
    runs, count = now.first.shape
    one, other = draw.integers(count, size=(2, runs))
    kind, which, bond = draw.random((3, runs))
    joined = np.minimum((partners[one] < draw.random((runs, 1))).sum(1), count - 1)
    relocate = kind < 0.45
    other = np.where(relocate & (bond < 0.6), joined, other)
    turn, both = kind > 0.9, kind < 0.65
    offsets = draw.integers(-1, 2, size=(2, runs))
    orders = []
    for rank, chosen, offset in zip(now[:2], (both | (which < 0.5), both | (which >= 0.5)), offsets, strict=True):
        beside = np.take_along_axis(rank, other[:, None], 1)[:, 0] + offset
        target = np.where(bond > 0.9, draw.integers(count, size=runs), np.clip(beside, 0, count - 1))
        changed = np.where(relocate[:, None], _relocated(rank, one, target), _exchanged(rank, one, other))
        orders.append(np.where((chosen & ~turn)[:, None], changed, rank))
    turned = now.turned ^ (turn[:, None] & (np.arange(count) == one[:, None]))
    return Runs(*orders, turned, _cost(*orders, turned, cells, pairs))


def _kept(accept: np.ndarray, new: Runs, old: Runs) -> Runs:
    return Runs(*(np.where(accept if a.ndim == 1 else accept[:, None], a, b) for a, b in zip(new, old, strict=True)))


def annealed_costs(
    blocks: Blocks, nets: Nets, outline: tuple[float, float], gap: float, weights: PlacementWeights, runs: int, steps: int, seed: int
) -> np.ndarray:
    """Total cost that each of `runs` runs of `steps` moves reaches (infinite outside the outline), (runs,)."""
    case = case_of(blocks, nets, outline, gap, weights)
    count, draw = len(case.cells), np.random.default_rng(seed)
    wires = case.pairs.wires + 1e-12
    partners = np.cumsum(wires / wires.sum(1, keepdims=True), 1)
    orders = [np.argsort(draw.random((runs, count)), axis=1) for _ in range(2)]
    turned = draw.random((runs, count)) < 0.5
    now = Runs(*orders, turned, _cost(*orders, turned, case.cells, case.pairs))
    best, hot, cold = now, 0.2, 1e-4
    for step in range(steps):
        new = _neighbours(now, draw, partners, case.cells, case.pairs)
        accept = new.cost <= now.cost - hot * (cold / hot) ** (step / steps) * np.log(draw.random(runs) + 1e-300)
        now = _kept(accept, new, now)
        best = _kept(now.cost < best.cost, now, best)
    return np.array([_finished(best, run, case.cells, case.pairs) for run in range(runs)])


def _finished(best: Runs, run: int, cells: np.ndarray, pairs: Pairs) -> float:
    sides = np.where(best.turned[run][:, None], cells[:, ::-1], cells)
    corner = compacted(packed_exactly(best.first[run], best.second[run], sides), sides, pairs)
    inside = ((corner + sides).max(0) - corner.min(0) <= pairs.room + 1e-12).all()
    return exact_cost(corner, sides, pairs) if inside else float("inf")
