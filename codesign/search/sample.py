"""Where do descents start: random points of every cell, and the best of them per direction?"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from codesign.pareto import ideal, nadir, nondominated
from codesign.search.scalarize import sample_score
from codesign.search.space import Model, Space, cells_at, lanes

CHUNK = 16384
COUNT = 1_000_000
LOOKED_AT = 250_000
PER_CELL = 256
PENALTY = 20.0

Evaluation = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(values (d, n), cells (n,)) -> objectives (o, n), violations (g, n)."""


class Samples(NamedTuple):
    """Random points of all cells."""

    z: np.ndarray
    x: np.ndarray
    cell: np.ndarray
    objectives: np.ndarray
    violations: np.ndarray

    @property
    def good(self) -> np.ndarray:
        """Mask of the feasible ones."""
        return np.all(self.violations <= 0, axis=0) & np.all(np.isfinite(self.objectives), axis=0)

    @property
    def nearest(self) -> int:
        """The one that violates least."""
        return int(np.argmin(np.nan_to_num(self.violations, nan=np.inf).max(axis=0)))


def make_batch_evaluation(model: Model, space: Space) -> Evaluation:
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


def draw_samples(space: Space, evaluate: Evaluation, generator: np.random.Generator) -> Samples:
    """About a million points, equally many in each cell and at most 256."""
    each = max(1, min(PER_CELL, COUNT // space.size))
    cell = np.repeat(np.arange(space.size), each)
    z = generator.random((space.dimension, len(cell)))
    x = space.low[:, None] * (space.high / space.low)[:, None] ** z
    return Samples(z, x, cell, *evaluate(x, cell))


def anchors(space: Space, evaluate: Evaluation) -> tuple[np.ndarray, np.ndarray] | None:
    """Ideal and nadir of the best of a fixed set of random points, the same for every seed; None if none is feasible.

    They fix the scale of the hypervolume, so that two runs of one study can be compared.
    """
    generator = np.random.default_rng(0)
    cell = generator.integers(0, space.size, 8 * CHUNK)
    z = generator.random((space.dimension, len(cell)))
    x = space.low[:, None] * (space.high / space.low)[:, None] ** z
    fixed = Samples(z, x, cell, *evaluate(x, cell))
    points = fixed.objectives[:, fixed.good].T
    points = points[nondominated(points)]
    return (ideal(points), nadir(points)) if len(points) else None


def scales(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Offset and scale per objective: ideal, and its distance to the median, of the feasible samples."""
    finite = np.all(np.isfinite(samples.objectives), axis=0)
    values = samples.objectives[:, samples.good if samples.good.sum() > 10 else finite]
    low = values.min(axis=1)
    return low, np.maximum(np.median(values, axis=1) - low, 1e-6)


def choose_starts(samples: Samples, weights: np.ndarray, kinds: np.ndarray, each: int) -> np.ndarray:
    """For each direction the best sample of each of the `each` best cells: indices (directions, each).

    Every n-th sample is looked at, so that a quarter of a million scores are sorted per direction.
    """
    offset, scale = scales(samples)
    stride = max(1, len(samples.cell) // LOOKED_AT)
    values = ((samples.objectives[:, ::stride] - offset[:, None]) / scale[:, None]).astype(np.float32)
    worst, cells = samples.violations[:, ::stride].max(axis=0).astype(np.float32), samples.cell[::stride]
    chosen = np.zeros((len(weights), each), dtype=np.int64)
    for row, (weight, kind) in enumerate(zip(weights, kinds, strict=True)):
        score = np.nan_to_num(sample_score(values, worst, weight, bool(kind), PENALTY), nan=np.inf)
        wanted = min(40 * each, len(score))
        best = np.argpartition(score, wanted - 1)[:wanted]
        best = best[np.argsort(score[best])]
        _, first = np.unique(cells[best], return_index=True)
        chosen[row] = stride * np.resize(best[np.sort(first)][:each], each)
    return chosen
