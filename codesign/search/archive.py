"""Which designs found so far are worth keeping?"""

from typing import NamedTuple

import numpy as np

from codesign.pareto import nondominated, thin


class Archive(NamedTuple):
    """Non-dominated feasible points: values (d, n), cells (n,), log objectives (o, n)."""

    x: np.ndarray
    cell: np.ndarray
    objectives: np.ndarray

    @property
    def size(self) -> int:
        """Number of points."""
        return len(self.cell)


def empty_archive(dimension: int, objectives: int) -> Archive:
    """No points yet."""
    return Archive(np.zeros((dimension, 0)), np.zeros(0, dtype=np.int64), np.zeros((objectives, 0)))


def select(archive: Archive, index: np.ndarray) -> Archive:
    """The points at `index`."""
    return Archive(archive.x[:, index], archive.cell[index], archive.objectives[:, index])


def merge(archive: Archive, x: np.ndarray, cell: np.ndarray, objectives: np.ndarray, violations: np.ndarray, capacity: int) -> Archive:
    """Feasible new points join; dominated and repeated ones leave; at most `capacity` stay, spread out."""
    good = np.all(violations <= 0, axis=0) & np.all(np.isfinite(objectives), axis=0)
    joined = Archive(
        np.concatenate([archive.x, x[:, good]], axis=1),
        np.concatenate([archive.cell, cell[good]]),
        np.concatenate([archive.objectives, objectives[:, good]], axis=1),
    )
    front = select(joined, np.flatnonzero(nondominated(joined.objectives.T)))
    return select(front, thin(front.objectives.T, capacity))
