"""Which children do designs have, and which neighbours?

Children lie near a parent, on the line to a neighbour on the front, take some of its values,
or are some steps away in discrete choices; all are rounded to what can be built before they
are judged.
"""

from collections.abc import Iterator

import numpy as np

from codesign.search.archive import Archive, Population, together
from codesign.search.space import Space, to_unit_box

NEIGHBOURHOOD = 30
FROM_NEAR = 0.4
MOST_MOVES = 4
OTHER_CELL, CROSSED = 0.1, 0.1
FREE_STEP = 0.002
STRIDES = (1, 3, 9, 27)
"""Steps to neighbours of a design that is not on the front: what would be may differ in more than the next value."""
LINE = 2 * len(STRIDES)
_MIX = (np.uint64(0x9E3779B97F4A7C15), np.uint64(0xD6E8FEB86659FD93))


def fingerprints(x: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """64 bits (n,) that differ for different designs."""
    mixed = cell.astype(np.uint64) * _MIX[0]
    for row in x:
        mixed = (mixed ^ np.ascontiguousarray(row + 0.0).view(np.uint64)) * _MIX[1]
        mixed ^= mixed >> np.uint64(32)
    return mixed


def distinct(x: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The designs without repetitions."""
    _, first = np.unique(fingerprints(x, cell), return_index=True)
    return x[:, first], cell[first]


def _mates(front: np.ndarray, parents: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """For each parent (o, n) a point of the front near it in the order of one random objective."""
    count = parents.shape[1]
    objective = generator.integers(0, len(front), count)
    shift = np.asarray(generator.integers(-NEIGHBOURHOOD, NEIGHBOURHOOD + 1, count))
    chosen = np.zeros(count, dtype=np.int64)
    orders = np.argsort(front, axis=1, kind="stable")
    for row in range(len(front)):
        here, order = objective == row, orders[row]
        place = np.searchsorted(front[row, order], parents[row, here]) + shift[here]
        chosen[here] = order[np.clip(place, 0, len(order) - 1)]
    return chosen


def _moved(space: Space, cell: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Cells some steps away: none with probability 0.6, then ever fewer; half of them go on in one choice."""
    moves = np.minimum(generator.geometric(0.6, len(cell)) - 1, MOST_MOVES)
    straight = generator.random(len(cell)) < 0.5
    way = generator.integers(0, space.moves.shape[1], len(cell))
    for number in range(MOST_MOVES):
        target = space.moves[cell, way]
        cell = np.where((moves > number) & (target >= 0), target, cell)
        way = np.where(straight, way, generator.integers(0, space.moves.shape[1], len(cell)))
    return cell


def crossed(space: Space, own: np.ndarray, other: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Cells with half of the choices of others; as they are where that is no cell."""
    places = space.choices.places
    taken = generator.random((len(own), places.shape[1])) < 0.5
    found = space.choices.cells(np.where(taken, places[other], places[own]))
    return np.where(found >= 0, found, own)


def _varied(own: np.ndarray, other: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """z' = z_a + mask sigma xi + t (z_b - z_a), sigma log-uniform in 5e-4..0.3, t in (-0.5, 1) for half of them.

    A quarter takes half of its coordinates from z_b.
    """
    shape = own.shape
    sigma = np.exp(generator.uniform(np.log(5e-4), np.log(0.3), shape[1]))
    mask = generator.random(shape) < 0.45
    blend = np.where(generator.random(shape[1]) < 0.5, generator.uniform(-0.5, 1.0, shape[1]), 0.0)
    child = own + mask * sigma * generator.standard_normal(shape) + blend * (other - own)
    taken = generator.random(shape) < np.where(generator.random(shape[1]) < 0.25, 0.5, 0.0)
    return np.clip(np.where(taken, other, child), 0.0, 1.0)


def children(population: Population, space: Space, count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """About `count` children, not yet rounded, as values (d, n) and cells (n,); parents are of the archive or near it."""
    front = population.archive if population.archive.size else population.near
    everyone = together(front, population.near)
    from_near = int(FROM_NEAR * count) if population.near.size else 0
    # what is near is in the order of what it lacks: the square takes the nearest most often
    near = front.size + np.floor(population.near.size * generator.random(from_near) ** 2).astype(np.int64)
    parents = np.concatenate([generator.integers(0, front.size, count - from_near), near])
    mates = _mates(front.objectives, everyone.objectives[:, parents], generator)
    z = to_unit_box(space, everyone.x)
    child = _varied(z[:, parents], z[:, mates], generator)
    cell = _moved(space, everyone.cell[parents], generator)
    cell = np.where(generator.random(count) < OTHER_CELL, everyone.cell[mates], cell)
    some = generator.random(count) < CROSSED
    cell[some] = crossed(space, cell[some], everyone.cell[mates[some]], generator)
    return space.low[:, None] * (space.high / space.low)[:, None] ** child, cell


def _stepped(space: Space, x: np.ndarray, cell: np.ndarray, variable: int, sign: int) -> np.ndarray:
    """Values one step of the lattice away in one variable; of a free variable a five-hundredth of its range."""
    moved, step = x.copy(), space.lattice.steps[variable]
    ratio = (space.high[variable] / space.low[variable]) ** (sign * FREE_STEP)
    moved[variable] = x[variable] + sign * step if step > 0 else x[variable] * ratio
    if variable in space.lattice.tables:
        table = space.lattice.tables[variable]
        for number in np.unique(table.which[cell]):
            here, values = table.which[cell] == number, table.rows[number]
            place = np.searchsorted(values, x[variable, here] * (1 - 1e-9)) + sign
            moved[variable, here] = values[np.clip(place, 0, len(values) - 1)]
    return space.snap(moved, cell)


def _in_other_cells(cell: np.ndarray, space: Space) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Which of the designs have a cell so many steps away in one choice, and theirs: one pair for each choice and number of steps."""
    for way in space.moves.T:
        target = way[cell]
        while (legal := target >= 0).any():
            yield legal, target[legal]
            target = np.where(legal, way[target], -1)


def adjacent_count(cell: np.ndarray, space: Space) -> int:
    """How many neighbours designs in these cells (n,) have, with repetitions."""
    return 2 * space.dimension * len(cell) + sum(len(targets) for _, targets in _in_other_cells(cell, space))


def _beside(designs: Archive, space: Space, strides: tuple[int, ...] = (1,)) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What differs in one variable by some steps up or down."""
    ways = [sign * stride for stride in strides for sign in (-1, 1)]
    values = [_stepped(space, designs.x, designs.cell, row, way) for row in range(space.dimension) for way in ways]
    return values, [designs.cell] * len(values)


def beside(designs: Archive, space: Space) -> tuple[np.ndarray, np.ndarray]:
    """The neighbours of designs in their own cells."""
    values, cells = _beside(designs, space, STRIDES)
    return distinct(np.concatenate(values, axis=1), np.concatenate(cells))


def along(designs: Archive, space: Space, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Designs with one variable elsewhere: LINE values spread over its whole range, the same for all."""
    values = []
    for row in range(space.dimension):
        for part in (np.arange(LINE) + generator.random(LINE)) / LINE:
            moved = designs.x.copy()
            moved[row] = space.low[row] * (space.high[row] / space.low[row]) ** part
            values.append(space.snap(moved, designs.cell))
    return distinct(np.concatenate(values, axis=1), np.tile(designs.cell, len(values)))


def adjacent(designs: Archive, space: Space) -> tuple[np.ndarray, np.ndarray]:
    """Everything that differs in one thing: a variable by one step up or down, or a discrete choice by any number of steps."""
    values, cells = _beside(designs, space)
    for legal, targets in _in_other_cells(designs.cell, space):
        values.append(space.snap(designs.x[:, legal], targets))
        cells.append(targets)
    return distinct(np.concatenate(values, axis=1), np.concatenate(cells))
