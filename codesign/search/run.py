"""How is a front found: sample every cell, descend, round, mutate, keep what is not dominated?

The stages and their budgets follow measurements on a toy of the same shape; nothing here
knows what the objectives mean. Rounded points only enter the archive; the archive before
rounding is kept beside it so that the price of rounding can be reported.
"""

import time
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from codesign.search.archive import Archive, empty_archive, merge
from codesign.search.gradient import STEPS, make_descent
from codesign.search.mutate import children
from codesign.search.scalarize import Direction, directions, sample_score
from codesign.search.space import Model, Space, cells_at, lanes, to_values

CHUNK = 16384
CAPACITY = 12000
SAMPLES = 1_000_000


class Budget(NamedTuple):
    """How much is spent: seed, descent rounds, directions, lanes per round, generations of mutation."""

    seed: int
    rounds: int
    directions: int
    lanes: int
    generations: int


class Progress(NamedTuple):
    """What a watcher is told after every batch of work."""

    stage: str
    evaluations: int
    front: int
    done: float


class Found(NamedTuple):
    """The rounded archive, the one before rounding, and how it went."""

    archive: Archive
    relaxed: Archive
    evaluations: int
    gradients: int
    seconds: dict[str, float]
    feasible_share: float
    nearest_values: np.ndarray
    nearest_cell: int


class Samples(NamedTuple):
    """Random points of all cells: unit-box values, cells, objectives, violations."""

    z: np.ndarray
    cell: np.ndarray
    objectives: np.ndarray
    violations: np.ndarray


def make_batch_evaluation(model: Model, space: Space) -> Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Compiled evaluation of values (d, n) in cells (n,), in chunks padded to one shape."""
    compiled = jax.jit(model)

    def evaluate(x: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = []
        for start in range(0, len(cell), CHUNK):
            index = np.minimum(np.arange(start, start + CHUNK), len(cell) - 1)
            parts.append(compiled(lanes(x[:, index]), cells_at(space.cells, cell[index])))
        objectives, violations = (np.concatenate([np.stack(p[k]) for p in parts], axis=1)[:, : len(cell)] for k in (0, 1))
        return objectives.astype(float), violations.astype(float)

    return evaluate


def draw_samples(space: Space, evaluate: Callable, count: int, generator: np.random.Generator) -> Samples:
    """About `count` points, equally many in each cell."""
    each = max(1, min(256, count // space.size))
    cell = np.repeat(np.arange(space.size), each)
    z = generator.random((space.dimension, len(cell)))
    x = space.low[:, None] * (space.high / space.low)[:, None] ** z
    return Samples(z, cell, *evaluate(x, cell))


def scales(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Offset and scale per objective: ideal and spread of the better half of the feasible samples."""
    good = np.all(samples.violations <= 0, axis=0) & np.all(np.isfinite(samples.objectives), axis=0)
    values = samples.objectives[:, good] if good.sum() > 10 else samples.objectives[:, np.all(np.isfinite(samples.objectives), axis=0)]
    low = values.min(axis=1)
    return low, np.maximum(np.median(values, axis=1) - low, 1e-6)


def choose_starts(samples: Samples, weights: np.ndarray, kinds: np.ndarray, each: int, offset: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """For each direction the best sample of each of the `each` best cells; indices (directions, each)."""
    values = (samples.objectives - offset[:, None]) / scale[:, None]
    worst = samples.violations.max(axis=0)
    chosen = np.zeros((len(weights), each), dtype=np.int64)
    for row, (weight, kind) in enumerate(zip(weights, kinds, strict=True)):
        score = np.nan_to_num(sample_score(values, worst, weight, bool(kind), 20.0), nan=np.inf)
        best = np.argpartition(score, min(40 * each, len(score) - 1))[: 40 * each]
        best = best[np.argsort(score[best])]
        _, first = np.unique(samples.cell[best], return_index=True)
        pick = best[np.sort(first)][:each]
        chosen[row] = np.resize(pick, each)
    return chosen


def search(model: Model, space: Space, budget: Budget, objectives: int, watch: Callable[[Progress], None]) -> Found:
    """The front of `model` over `space`; raises nothing on an infeasible space, whose archive is empty."""
    generator = np.random.default_rng(budget.seed)
    seconds: dict[str, float] = {}
    clock = time.perf_counter()
    watch(Progress("compiling", 0, 0, 0.0))
    evaluate = make_batch_evaluation(model, space)
    samples = draw_samples(space, evaluate, SAMPLES, generator)
    evaluations = len(samples.cell)
    seconds["sampling"] = time.perf_counter() - clock
    x = space.low[:, None] * (space.high / space.low)[:, None] ** samples.z
    relaxed = merge(empty_archive(space.dimension, objectives), x, samples.cell, samples.objectives, samples.violations, CAPACITY)
    rounded = _snapped(relaxed.x, relaxed.cell, empty_archive(space.dimension, objectives), space, evaluate)
    watch(Progress("sampling", evaluations, rounded.size, 0.1))
    clock = time.perf_counter()
    relaxed, rounded, gradients = _descend(model, space, budget, samples, relaxed, rounded, evaluate, generator, watch)
    seconds["descent"] = time.perf_counter() - clock
    clock = time.perf_counter()
    for generation in range(budget.generations if rounded.size else 0):
        child, cell = children(rounded, space, 2 * CHUNK, generator)
        judged, broken = evaluate(child, cell)
        rounded = merge(rounded, child, cell, judged, broken, CAPACITY)
        evaluations += len(cell)
        watch(Progress("mutation", evaluations + gradients, rounded.size, 0.6 + 0.4 * (generation + 1) / budget.generations))
    seconds["mutation"] = time.perf_counter() - clock
    feasible = float(np.mean(np.all(samples.violations <= 0, axis=0)))
    nearest = int(np.argmin(np.nan_to_num(samples.violations, nan=np.inf).max(axis=0)))
    return Found(rounded, relaxed, evaluations, gradients, seconds, feasible, x[:, nearest], int(samples.cell[nearest]))


def _snapped(x: np.ndarray, cell: np.ndarray, archive: Archive, space: Space, evaluate: Callable) -> Archive:
    """`archive` with the rounded versions of the given points."""
    if not len(cell):
        return archive
    x = space.snap(x, cell)
    objectives, violations = evaluate(x, cell)
    return merge(archive, x, cell, objectives, violations, CAPACITY)


def _descend(
    model: Model, space: Space, budget: Budget, samples: Samples, relaxed: Archive, rounded: Archive,
    evaluate: Callable, generator: np.random.Generator, watch: Callable[[Progress], None],
) -> tuple[Archive, Archive, int]:  # fmt: skip
    """Rounds of descent: all directions in their best cells, then in the cells that did best, perturbed."""
    descend = make_descent(model, space)
    offset, scale = scales(samples)
    weights = directions(budget.directions, len(offset), generator)
    kinds = np.arange(len(weights)) % 2
    each = max(1, budget.lanes // len(weights))
    index = choose_starts(samples, weights, kinds, each, offset, scale)
    z, cell = samples.z[:, index.ravel()], samples.cell[index.ravel()]
    lane_weights, lane_kinds = np.repeat(weights, each, axis=0), np.repeat(kinds, each)
    direction = Direction(lanes(lane_weights.T), lanes(lane_kinds[None, :])[0])
    gradients = 0
    for number in range(budget.rounds):
        parts = lanes(offset[:, None])[0:], lanes(scale[:, None])
        ends, value, raw, violations = descend(lanes(z), cells_at(space.cells, cell), direction, *parts)
        gradients += STEPS * len(cell)
        z, value = np.stack(ends).astype(float), np.asarray(value, dtype=float)
        x = np.stack(to_values(space, lanes(z))).astype(float)
        relaxed = merge(relaxed, x, cell, np.stack(raw).astype(float), np.stack(violations).astype(float), CAPACITY)
        rounded = _snapped(x, cell, rounded, space, evaluate)
        watch(Progress("descent", len(samples.cell) + gradients, rounded.size, 0.1 + 0.5 * (number + 1) / budget.rounds))
        z, cell = _restart(z, cell, value, len(weights), each, generator)
    return relaxed, rounded, gradients


def _restart(
    z: np.ndarray, cell: np.ndarray, value: np.ndarray, count: int, each: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """For every direction the best quarter of its ends, each from several perturbed places."""
    value = np.nan_to_num(value, nan=np.inf).reshape(count, each)
    keep = np.argsort(value, axis=1)[:, : max(1, each // 4)]
    pick = np.stack([np.resize(row, each) for row in keep]) + np.arange(count)[:, None] * each
    pick = pick.ravel()
    nudged = z[:, pick] + 0.08 * generator.standard_normal((z.shape[0], len(pick)))
    return np.clip(nudged, 0.0, 1.0), cell[pick]
