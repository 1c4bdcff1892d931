"""How is one objective made smaller from designs that are nearly good, without derivatives and without compiling anew?

A pool holds a few designs of each of the best cells. Their children are rounded and judged by the
function itself, so the same compiled function serves any limit or constant that moves between calls.
"""

from collections.abc import Callable

import numpy as np

from codesign.search.archive import Archive, Population, empty_archive, select, together
from codesign.search.mutate import adjacent, children
from codesign.search.space import Space

KEPT, PER_CELL = 192, 4
BATCH = 12288
PATIENCE = 6
STEPPED = 8
"""Designs of which everything one step away is looked at in every generation."""
GAIN = 1e-7
MISSED = 1e6
"""Scores from here on are those of designs that break a limit."""

Judge = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""(values (d, n), cells (n,)) -> scores (n,), smaller is better."""


def scores(objective: np.ndarray, violations: np.ndarray) -> np.ndarray:
    """The objective (n,) where all violations (g, n) are met, MISSED and the worst violation elsewhere.

    >>> scores(np.array([3.0, 2.0]), np.array([[-0.1, 0.5]])).tolist()
    [3.0, 1000000.5]
    """
    worst = np.nan_to_num(violations, nan=MISSED).max(axis=0)
    good = (worst <= 0) & np.isfinite(objective)
    return np.where(good, objective, MISSED + np.maximum(worst, 0.0))


def pooled(parts: list[Archive], count: int = KEPT) -> Archive:
    """The best designs of the parts (d, n), at most PER_CELL of a cell and `count` in all, the best first."""
    x, cell, score = together(*parts)
    order = np.lexsort((score[0], cell))
    apart = np.diff(cell[order], prepend=-1) != 0
    order = order[apart | (np.diff(score[0, order], prepend=np.nan) != 0)]
    first = np.flatnonzero(np.diff(cell[order], prepend=-1))
    place = np.arange(len(order)) - np.repeat(first, np.diff(first, append=len(order)))
    order = order[place < PER_CELL]
    return select(Archive(x, cell, score), order[np.argsort(score[0, order], kind="stable")][:count])


def polish(judge: Judge, space: Space, pool: Archive, generations: int, generator: np.random.Generator) -> Archive:
    """The pool after generations of children, which end when the best has not improved for a while."""
    idle = 0
    for _ in range(generations):
        before = pool.objectives[0, 0]
        x, cell = _offspring(pool, space, generator)
        pool = pooled([pool, Archive(x, cell, judge(x, cell)[None])])
        idle = 0 if pool.objectives[0, 0] < before - GAIN else idle + 1
        if idle >= PATIENCE:
            break
    return pool


def _offspring(pool: Archive, space: Space, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Rounded children of all, and everything one step from the best."""
    nobody = empty_archive(space.dimension, len(pool.objectives))
    x, cell = children(Population(pool, nobody, np.zeros(0)), space, BATCH, generator)
    near, places = adjacent(select(pool, np.arange(min(STEPPED, pool.size))), space)
    return np.concatenate([space.snap(x, cell), near], axis=1), np.concatenate([cell, places])
