"""What had a search found, and when? Every feasible design it judged, not dominated, at moments on its own clock."""

import time
from typing import NamedTuple

import numpy as np

from codesign.pareto import hypervolume, nondominated
from codesign.rivals import Judged
from codesign.search.run import Progress

GROWTH, LEAST, PENDING = 1.01, 0.005, 50_000
"""Moments are 1 % or 5 ms apart; designs wait for one of them, or until there are this many, to be filtered."""


class Moment(NamedTuple):
    """Seconds on the clock, designs judged, and the front (n, o) then."""

    seconds: float
    evaluations: int
    front: np.ndarray


class Recorder:
    """A clock that starts when this is made, stands while `judged` keeps its books, and runs on while `told` does."""

    def __init__(self, objectives: int) -> None:
        self._start, self._aside, self._due = time.perf_counter(), 0.0, 0.0
        self._front, self._waiting = np.zeros((0, objectives)), 0
        self._pending: list[np.ndarray] = []
        self.evaluations, self.moments = 0, [Moment(0.0, 0, self._front)]

    @property
    def seconds(self) -> float:
        """Seconds of search so far, without the time aside."""
        return time.perf_counter() - self._start - self._aside

    def judged(self, batch: Judged) -> None:
        """A rival's batch: its feasible designs join the front, on our time and not on the rival's."""
        begin, now = time.perf_counter(), self.seconds
        self.evaluations += len(batch.cell)
        good = batch.objectives[:, batch.feasible].T
        self._pending.append(good)
        self._waiting += len(good)
        if self._waiting and (now >= self._due or self._waiting > PENDING):
            self._filter()
            self._note(now, self.evaluations, self._front)
        self._aside += time.perf_counter() - begin

    def told(self, progress: Progress) -> None:
        """Our search's own archive, which it filters on its own time."""
        self.evaluations = progress.evaluations
        self._front = progress.archive.objectives.T
        if progress.archive.size:
            self._note(self.seconds, progress.evaluations, self._front)

    def end(self) -> list[Moment]:
        """All moments, the last one now."""
        now = self.seconds
        self._filter()
        return [*self.moments, Moment(now, self.evaluations, self._front)]

    def _filter(self) -> None:
        joined = np.concatenate([self._front, *self._pending])
        self._front, self._pending, self._waiting = joined[nondominated(joined)], [], 0

    def _note(self, now: float, evaluations: int, front: np.ndarray) -> None:
        if now >= self._due:
            self.moments.append(Moment(now, evaluations, front))
            self._due = now * GROWTH + LEAST


def volume(front: np.ndarray, low: np.ndarray, high: np.ndarray) -> float:
    """Hypervolume of a front (n, o) of log objectives, normalised so that `low` is 0 and a tenth beyond `high` is 1."""
    return hypervolume((front - low) / (1.1 * (high - low)), np.ones(len(low)))
