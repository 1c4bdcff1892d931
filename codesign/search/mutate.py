"""Which children do the designs of an archive have?

Children lie near a parent, on the line to a neighbour on the front, or one step away in one
discrete choice; all are rounded to what can be built before they are judged.
"""

import numpy as np

from codesign.search.archive import Archive
from codesign.search.space import Space, to_unit_box

NEIGHBOURHOOD = 30
CELL_MOVE = 0.25


def _mates(archive: Archive, parents: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """For each parent a point near it in the order of one random objective."""
    ranks = np.argsort(np.argsort(archive.objectives, axis=1), axis=1)
    orders = np.argsort(archive.objectives, axis=1)
    objective = generator.integers(0, len(archive.objectives), len(parents))
    shift = generator.integers(-NEIGHBOURHOOD, NEIGHBOURHOOD + 1, len(parents))
    place = np.clip(ranks[objective, parents] + shift, 0, archive.size - 1)
    return orders[objective, place]


def children(archive: Archive, space: Space, count: int, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """`count` rounded children as values (d, count) and cells (count,).

    z' = z_a + mask sigma xi + t (z_b - z_a), sigma log-uniform in 5e-4..0.2, t in (-0.5, 1)
    for half of them; a quarter moves to a neighbouring cell.
    """
    parents = generator.integers(0, archive.size, count)
    mates = _mates(archive, parents, generator)
    z = to_unit_box(space, archive.x)
    shape = (space.dimension, count)
    sigma = np.exp(generator.uniform(np.log(5e-4), np.log(0.2), count))
    mask = generator.random(shape) < 0.45
    blend = np.where(generator.random(count) < 0.5, generator.uniform(-0.5, 1.0, count), 0.0)
    child = z[:, parents] + mask * sigma * generator.standard_normal(shape) + blend * (z[:, mates] - z[:, parents])
    cell = archive.cell[parents].copy()
    moving = generator.random(count) < CELL_MOVE
    target = space.moves[cell, generator.integers(0, space.moves.shape[1], count)]
    cell = np.where(moving & (target >= 0), target, cell)
    borrowed = generator.random(count) < 0.1
    cell = np.where(borrowed, archive.cell[mates], cell)
    x = space.low[:, None] * (space.high / space.low)[:, None] ** np.clip(child, 0.0, 1.0)
    return space.snap(x, cell), cell
