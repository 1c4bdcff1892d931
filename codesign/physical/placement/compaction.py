"""How far does every block slide until the cost stops falling, exactly and without overlap?

Positions are whole multiples of GRID, which doubles add and halve without rounding, so that blocks that touch do
not overlap. Each block in turn slides along x or y to the best of the places where its cost has a corner.
"""

from typing import NamedTuple

import numpy as np

GRID = 2.0**-44
"""Step of positions [m]; sides are rounded up to it."""
SWEEPS = 12


class Pairs(NamedTuple):
    """Pair weights (n, n) per metre and for heat, weight of the area [1/m2], heat length [m], room (2,) [m], gap [m]."""

    wires: np.ndarray
    heats: np.ndarray
    area: float
    reach: float
    room: np.ndarray
    gap: float


def on_grid(length: np.ndarray | float, up: bool = False) -> np.ndarray:
    """Lengths rounded (up) to multiples of GRID [m]."""
    return (np.ceil if up else np.rint)(np.asarray(length, float) / GRID) * GRID


def packed_exactly(first: np.ndarray, second: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Lower left corners (n, 2) of cells of `sides` (n, 2), packed towards the origin in the orders of `orders.packed`."""
    corner = np.zeros_like(sides)
    done: list[int] = []
    for i in np.argsort(second):
        for axis, before in enumerate((first[done] < first[i], first[done] > first[i])):
            chosen = np.asarray(done, int)[before]
            corner[i, axis] = max((corner[chosen, axis] + sides[chosen, axis]).max(initial=0.0), 0.0)
        done.append(i)
    return corner


def touching(corner: np.ndarray, sides: np.ndarray) -> np.ndarray:
    """Corners moved up or right by as little as makes cells that overlap by roundings touch exactly."""
    centre = corner + sides / 2
    shared = (sides[:, None] + sides[None]) / 2 - np.abs(centre[:, None] - centre[None])
    across = np.argmin(shared, -1)  # the axis along which each pair stands apart
    corner = corner.copy()
    for axis in (0, 1):
        order = np.argsort(centre[:, axis], kind="stable")
        for place, i in enumerate(order):
            below = order[:place][across[i, order[:place]] == axis]
            corner[i, axis] = max(corner[i, axis], (corner[below, axis] + sides[below, axis]).max(initial=-np.inf))
    return corner


def exact_cost(corner: np.ndarray, sides: np.ndarray, pairs: Pairs) -> float:
    """The total cost of cells without regard to the outline."""
    centre = corner + sides / 2
    apart = np.abs(centre[:, None] - centre[None])
    heat = pairs.heats / np.sqrt(1 + (apart**2).sum(-1) / pairs.reach**2)
    extent = (corner + sides).max(0) - corner.min(0) - pairs.gap
    return float((pairs.wires * apart.sum(-1)).sum() + heat.sum() + pairs.area * extent.prod())


def _room(i: int, axis: int, corner: np.ndarray, sides: np.ndarray, pairs: Pairs) -> tuple[float, float]:
    """How far down and up block i can slide along `axis` before it meets a neighbour or the outline."""
    low, high, across = corner[:, axis], corner[:, axis] + sides[:, axis], 1 - axis
    slack = max(pairs.room[axis] - (high.max() - low.min()), 0.0)
    level = (corner[:, across] < corner[i, across] + sides[i, across]) & (corner[:, across] + sides[:, across] > corner[i, across])
    level[i] = False
    floor = high[level & (high <= low[i])].max(initial=low.min() - slack)
    ceiling = low[level & (low >= high[i])].min(initial=high.max() + slack)
    return float(max(floor, low.min() - slack)), float(min(ceiling, high.max() + slack) - sides[i, axis])


def _slide_costs(i: int, axis: int, places: np.ndarray, corner: np.ndarray, sides: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Cost of block i at each of `places` along `axis`, up to what does not depend on it; infinite where the outline is left."""
    rest, across, own = np.arange(len(corner)) != i, 1 - axis, sides[i, axis]
    low, high, extent = corner[rest, axis], corner[rest, axis] + sides[rest, axis], (corner + sides).max(0) - corner.min(0)
    centre = corner + sides / 2
    away = np.abs(places[:, None] + own / 2 - centre[rest, axis])
    offset = centre[i, across] - centre[rest, across]
    heat = pairs.heats[i, rest] / np.sqrt(1 + (away**2 + offset**2) / pairs.reach**2)
    reach = np.maximum(places + own, high.max()) - np.minimum(places, low.min())
    cost = 2 * (away @ pairs.wires[i, rest] + heat.sum(1)) + pairs.area * (reach - pairs.gap) * (extent[across] - pairs.gap)
    return np.where(reach > max(pairs.room[axis], extent[axis]), np.inf, cost)


def best_slide(i: int, axis: int, corner: np.ndarray, sides: np.ndarray, pairs: Pairs) -> float:
    """Where along `axis` block i stands best among the places it can slide to, the others staying."""
    floor, ceiling = _room(i, axis, corner, sides, pairs)
    now, own, rest = corner[i, axis], sides[i, axis], np.arange(len(corner)) != i
    if floor >= ceiling:
        return float(now)
    medians = corner[:, axis] + (sides[:, axis] - own) / 2  # the cost of wire has its corners level with the partners
    edges = [corner[rest, axis].min(), (corner[rest, axis] + sides[rest, axis]).max() - own, floor, ceiling, now]
    places = np.clip(on_grid(np.concatenate([medians[pairs.wires[i] > 0], edges])), floor, ceiling)
    cost = _slide_costs(i, axis, places, corner, sides, pairs)
    return float(places[np.argmin(cost)]) if cost.min() < cost[-1] else float(now)


def compacted(corner: np.ndarray, sides: np.ndarray, pairs: Pairs) -> np.ndarray:
    """Corners after sweeps of slides until none helps."""
    corner = corner.copy()
    if len(corner) == 1:
        return corner
    cost = exact_cost(corner, sides, pairs)
    for _ in range(SWEEPS):
        for axis in (0, 1):
            for i in range(len(corner)):
                corner[i, axis] = best_slide(i, axis, corner, sides, pairs)
        before, cost = cost, exact_cost(corner, sides, pairs)
        if cost > before * (1 - 1e-6):
            break
    return corner
