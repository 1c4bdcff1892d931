"""Which designs found so far are worth keeping: those of the front, and of other cells those nearest to it?

The deficit of a design is what it lacks to be on the front A, in scaled log objectives:
max over a in A of min over i of (F_i - F_i(a)). Cells whose best design lacks little are where
variation finds what a front alone leads away from.
"""

from typing import NamedTuple

import numpy as np

from codesign.pareto import nondominated, thin

CAPACITY, FULL = 12000, 16000
NEAR = 3000
GLANCE, LOOK = 8, 128
"""Points of the front, from end to end of each objective, that a design is compared with: in passing, and after a round."""


class Archive(NamedTuple):
    """Non-dominated feasible points: values (d, n), cells (n,), log objectives (o, n)."""

    x: np.ndarray
    cell: np.ndarray
    objectives: np.ndarray

    @property
    def size(self) -> int:
        """Number of points."""
        return len(self.cell)


class Population(NamedTuple):
    """The archive, and the best designs of the best cells, one of each, with what each lacks (n,); some are on the front too.

    As long as nothing is feasible these are the least violating designs, and what they lack is
    their worst violation.
    """

    archive: Archive
    near: Archive
    lacks: np.ndarray


class Scale(NamedTuple):
    """Zero and unit (o,) of scaled log objectives."""

    low: np.ndarray
    span: np.ndarray


def empty_archive(dimension: int, objectives: int) -> Archive:
    """No points yet."""
    return Archive(np.zeros((dimension, 0)), np.zeros(0, dtype=np.int64), np.zeros((objectives, 0)))


def empty_population(dimension: int, objectives: int) -> Population:
    """Nothing yet."""
    return Population(empty_archive(dimension, objectives), empty_archive(dimension, objectives), np.zeros(0))


def select(archive: Archive, index: np.ndarray) -> Archive:
    """The points at `index`."""
    return Archive(archive.x[:, index], archive.cell[index], archive.objectives[:, index])


def together(*archives: Archive) -> Archive:
    """All points of several archives."""
    return Archive(*(np.concatenate(parts, axis=-1) for parts in zip(*archives, strict=True)))


def merge(archive: Archive, x: np.ndarray, cell: np.ndarray, objectives: np.ndarray, violations: np.ndarray, capacity: int) -> Archive:
    """Feasible new points join; dominated and repeated ones leave; of more than `capacity` some stay, spread out."""
    good = np.all(violations <= 0, axis=0) & np.all(np.isfinite(objectives), axis=0)
    joined = together(archive, Archive(x[:, good], cell[good], objectives[:, good]))
    front = select(joined, np.flatnonzero(nondominated(joined.objectives.T)))
    if front.size <= capacity:
        return front
    return select(front, thin(front.objectives.T, min(capacity, CAPACITY)))


def deficits(objectives: np.ndarray, front: np.ndarray, scale: Scale, points_of_each: int = GLANCE) -> np.ndarray:
    """What designs (o, n) lack at least to be on a front (o, m), of which some points from end to end of each objective are looked at."""
    places = np.linspace(0, front.shape[1] - 1, points_of_each).astype(int)
    looked_at = np.unique(np.argsort(front, axis=1, kind="stable")[:, places])
    points, goals = (((v - scale.low[:, None]) / scale.span[:, None]).astype(np.float32) for v in (objectives, front[:, looked_at]))
    lacks = np.full(points.shape[1], -np.inf, np.float32)
    for goal in goals.T:
        least = points[0] - goal[0]
        for row, value in zip(points[1:], goal[1:], strict=True):
            np.minimum(least, row - value, out=least)
        np.maximum(lacks, least, out=lacks)
    return lacks.astype(float)


def grown(population: Population, new: Archive, violations: np.ndarray, scale: Scale) -> Population:
    """The population after designs with violations (g, n) have joined."""
    archive = merge(population.archive, *new, violations, FULL)
    worst = violations.max(axis=0)
    if not archive.size:
        near = together(population.near, select(new, np.flatnonzero(np.isfinite(worst))))
        return Population(archive, *_best_of_cells(near, np.concatenate([population.lacks, worst[np.isfinite(worst)]]), NEAR))
    good = np.flatnonzero((worst <= 0) & np.all(np.isfinite(new.objectives), axis=0))
    others = select(new, good)
    lacks = deficits(others.objectives, archive.objectives, scale)
    bar = population.lacks[NEAR - 1] if len(population.lacks) >= NEAR and population.archive.size else np.inf
    others, lacks = select(others, np.flatnonzero(lacks < bar)), lacks[lacks < bar]
    if population.archive.size:
        others, lacks = together(population.near, others), np.concatenate([population.lacks, lacks])
    return Population(archive, *_best_of_cells(others, lacks, 2 * NEAR))


def united(populations: list[Population], scale: Scale) -> Population:
    """One population of several, as seen from their common front."""
    archives = together(*(p.archive for p in populations))
    joined = merge(empty_archive(len(archives.x), len(archives.objectives)), *archives, np.zeros((1, archives.size)), CAPACITY)
    kept = [p for p in populations if p.archive.size or not joined.size]
    near, lacks = together(*(p.near for p in kept)), np.concatenate([p.lacks for p in kept])
    if joined.size:
        lacks = deficits(near.objectives, joined.objectives, scale, LOOK)
    return Population(joined, *_best_of_cells(near, lacks, NEAR))


def _best_of_cells(designs: Archive, lacks: np.ndarray, count: int) -> tuple[Archive, np.ndarray]:
    """Of each cell the design that lacks least, and of these at most `count`, the best first."""
    order = np.argsort(lacks, kind="stable")
    _, first = np.unique(designs.cell[order], return_index=True)
    kept = order[np.sort(first)][:count]
    return select(designs, kept), lacks[kept]
