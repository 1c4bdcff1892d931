"""How is a front found: sample every cell, descend, round, mutate, keep what is not dominated?

The stages and their budgets follow measurements on a toy of the same shape; nothing here
knows what the objectives mean. Only rounded points enter the archive that is returned; the
archive before rounding is kept beside it so that the price of rounding can be reported.
An interrupt ends the search with what has been found.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import NamedTuple, TypeVar

import numpy as np

from codesign.search.archive import Archive, empty_archive, merge
from codesign.search.gradient import STEPS, make_descent
from codesign.search.mutate import children
from codesign.search.sample import CHUNK, Evaluation, Samples, anchors, choose_starts, draw_samples, make_batch_evaluation, scales
from codesign.search.scalarize import Direction, directions
from codesign.search.space import Model, Space, cells_at, lanes, to_values

CAPACITY = 12000
BATCH = 2 * CHUNK
PATIENCE = 15
T = TypeVar("T")


class Budget(NamedTuple):
    """How much is spent: seed, descent rounds, directions, lanes per round, generations of mutation at most."""

    seed: int
    rounds: int
    directions: int
    lanes: int
    generations: int


class Progress(NamedTuple):
    """What a watcher is told after every batch of work; `done` is a share of the whole."""

    stage: str
    evaluations: int
    front: int
    done: float


Watch = Callable[[Progress], None]


@dataclasses.dataclass
class Found:
    """The rounded archive, the one before rounding, and how it went."""

    archive: Archive
    relaxed: Archive
    evaluations: int = 0
    gradients: int = 0
    feasible_share: float = 0.0
    nearest_values: np.ndarray | None = None
    nearest_cell: int = 0
    interrupted: bool = False
    anchors: tuple[np.ndarray, np.ndarray] | None = None
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)

    def progress(self, stage: str, done: float) -> Progress:
        """The state as a report to a watcher."""
        return Progress(stage, self.evaluations + self.gradients, self.archive.size, done)


def search(model: Model, space: Space, budget: Budget, objectives: int, watch: Watch) -> Found:
    """The front of `model` over `space`; an infeasible space gives an empty archive."""
    generator = np.random.default_rng(budget.seed)
    nothing = empty_archive(space.dimension, objectives)
    found = Found(nothing, nothing)
    evaluate = make_batch_evaluation(model, space)
    try:
        watch(found.progress("compiling", 0.0))
        samples = _timed(found, "sampling", lambda: _sample(space, found, evaluate, generator))
        watch(found.progress("sampling", 0.1))
        _timed(found, "descent", lambda: _descend(model, space, budget, samples, found, evaluate, generator, watch))
        _timed(found, "mutation", lambda: _mutate(space, budget, found, evaluate, generator, watch))
    except KeyboardInterrupt:
        found.interrupted = True
    return found


def _timed(found: Found, stage: str, work: Callable[[], T]) -> T:
    start = time.perf_counter()
    result = work()
    found.seconds[stage] = time.perf_counter() - start
    return result


def _sample(space: Space, found: Found, evaluate: Evaluation, generator: np.random.Generator) -> Samples:
    """Random points of every cell; the good ones are the first archive."""
    samples = draw_samples(space, evaluate, generator)
    found.evaluations += len(samples.cell)
    found.anchors = anchors(space, evaluate)
    found.feasible_share = float(np.mean(samples.good))
    found.nearest_values, found.nearest_cell = samples.x[:, samples.nearest], int(samples.cell[samples.nearest])
    _join(space, found, evaluate, samples.x[:, samples.good], samples.cell[samples.good], samples.objectives[:, samples.good])
    return samples


def _join(space: Space, found: Found, evaluate: Evaluation, x: np.ndarray, cell: np.ndarray, objectives: np.ndarray) -> None:
    """Feasible unrounded points join the relaxed archive, and what is best there is rounded and judged anew."""
    met = np.zeros((1, len(cell)))
    found.relaxed = merge(found.relaxed, x, cell, objectives, met, CAPACITY)
    _keep(space, found, evaluate, found.relaxed.x, found.relaxed.cell)


def _keep(space: Space, found: Found, evaluate: Evaluation, x: np.ndarray, cell: np.ndarray) -> None:
    """Points are rounded, evaluated and, if they are good, kept."""
    if not len(cell):
        return
    x = space.snap(x, cell)
    objectives, violations = evaluate(x, cell)
    found.evaluations += len(cell)
    found.archive = merge(found.archive, x, cell, objectives, violations, CAPACITY)


def _descend(
    model: Model, space: Space, budget: Budget, samples: Samples, found: Found,
    evaluate: Evaluation, generator: np.random.Generator, watch: Watch,
) -> None:  # fmt: skip
    """Rounds of descent: all directions in their best cells, then from the best ends, perturbed."""
    descend = make_descent(model, space)
    offset, scale = scales(samples)
    weights = directions(budget.directions, len(offset), generator)
    kinds = np.arange(len(weights)) % 2
    each = max(1, budget.lanes // len(weights))
    index = choose_starts(samples, weights, kinds, each).ravel()
    z, cell = samples.z[:, index], samples.cell[index]
    direction = Direction(lanes(np.repeat(weights, each, axis=0).T), lanes(np.repeat(kinds, each)[None])[0])
    for number in range(budget.rounds):
        ends, value, raw, violations = descend(lanes(z), cells_at(space.cells, cell), direction, lanes(offset), lanes(scale))
        found.gradients += STEPS * len(cell)
        good = np.all(np.stack(violations) <= 0, axis=0)
        z = np.stack(ends).astype(float)
        x = np.stack(to_values(space, lanes(z))).astype(float)
        _join(space, found, evaluate, x[:, good], cell[good], np.stack(raw).astype(float)[:, good])
        _keep(space, found, evaluate, x, cell)
        watch(found.progress("descent", 0.1 + 0.6 * (number + 1) / budget.rounds))
        z, cell = _restart(z, cell, np.asarray(value, dtype=float), len(weights), generator)


def _restart(
    z: np.ndarray, cell: np.ndarray, value: np.ndarray, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """For every direction the best quarter of its ends, each from several perturbed places."""
    value = np.nan_to_num(value, nan=np.inf).reshape(count, -1)
    each = value.shape[1]
    keep = np.argsort(value, axis=1)[:, : max(1, each // 4)]
    pick = (np.stack([np.resize(row, each) for row in keep]) + np.arange(count)[:, None] * each).ravel()
    nudged = z[:, pick] + 0.08 * generator.standard_normal((z.shape[0], len(pick)))
    return np.clip(nudged, 0.0, 1.0), cell[pick]


def _mutate(space: Space, budget: Budget, found: Found, evaluate: Evaluation, generator: np.random.Generator, watch: Watch) -> None:
    """Generations of children until none enters the archive for a while."""
    idle, before = 0, found.archive
    for generation in range(budget.generations if found.archive.size else 0):
        x, cell = children(found.archive, space, BATCH, generator)
        _keep(space, found, evaluate, x, cell)
        watch(found.progress("mutation", 0.7 + 0.3 * (generation + 1) / budget.generations))
        same = found.archive.size == before.size and np.array_equal(found.archive.objectives.sum(), before.objectives.sum())
        idle, before = (idle + 1 if same else 0), found.archive
        if idle >= PATIENCE:
            return
