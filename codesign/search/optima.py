"""What is the optimum of one objective at many values of a constant, each value helping the others?"""

import numpy as np

from codesign.search.archive import Archive, select, together
from codesign.search.envelope import Outcome, Slopes, slopes
from codesign.search.polish import MISSED, Judge, polish, pooled, scores
from codesign.search.space import Space
from codesign.search.threshold import Levels

SAMPLES, STARTS = 1 << 17, 4096
GENERATIONS = 60
HANDED_ON = 16
"""Designs of every value that start the search at another one."""


class Optima:
    """The best designs by value of the constant: `pools`, best first; their objectives are scores (see `polish`).

    The search starts from random points of every cell, the best of them at either end of the range.
    """

    def __init__(self, outcome: Outcome, space: Space, ends: tuple[float, float], seed: int) -> None:
        self.outcome, self.space, self.generator = outcome, space, np.random.default_rng(seed)
        cell = np.repeat(np.arange(space.size), max(1, SAMPLES // space.size))
        z = self.generator.random((space.dimension, len(cell)))
        x = space.snap(space.low[:, None] * (space.high / space.low)[:, None] ** z, cell)
        self.starts = together(*(pooled([Archive(x, cell, self.judge(end)(x, cell)[None])], STARTS) for end in ends))
        self.pools: dict[float, Archive] = {}

    def judge(self, constant: float) -> Judge:
        """Scores at one value of the constant."""

        def judged(x: np.ndarray, cell: np.ndarray) -> np.ndarray:
            return scores(*self.outcome(x, cell, np.full(len(cell), constant)))

        return judged

    def optimise(self, constant: float) -> None:
        """The optimum at one more value, from what all others know; then they learn from it."""
        known = together(self.starts, *(select(pool, np.arange(min(HANDED_ON, pool.size))) for pool in self.pools.values()))
        start = pooled([known._replace(objectives=self.judge(constant)(known.x, known.cell)[None])])
        pool = polish(self.judge(constant), self.space, start, GENERATIONS, self.generator)
        self._teach(pool)
        self.pools[constant] = pool

    def _teach(self, pool: Archive) -> None:
        """The best of the pool joins those of all other values, judged there in one call."""
        others = np.array(list(self.pools))
        x, cell = np.repeat(pool.x[:, :1], len(others), axis=1), np.repeat(pool.cell[:1], len(others))
        judged = scores(*self.outcome(x, cell, others)) if len(others) else others
        for place, (other, own) in enumerate(self.pools.items()):
            one = slice(place, place + 1)
            self.pools[other] = pooled([own, Archive(x[:, one], cell[one], judged[None, one])])

    def levels(self, goal: float) -> Levels:
        """By how much the optimum exceeds a goal, by constant; infinite where every design breaks a limit."""
        best = {constant: float(pool.objectives[0, 0]) for constant, pool in self.pools.items()}
        return {constant: level - goal if level < MISSED else np.inf for constant, level in best.items()}

    def slopes(self, constant: float) -> Slopes:
        """How the optimum at one value moves with the constant; NaN where there is none."""
        pool = self.pools[constant]
        if pool.objectives[0, 0] >= MISSED:
            return Slopes(np.nan, np.nan)
        return slopes(self.outcome, self.space, pool.x[:, 0], int(pool.cell[0]), constant)
