"""What are random points of a space worth, and how are batches of points judged?"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from codesign.pareto import ideal, nadir, nondominated
from codesign.search.space import Lanes, Model, Ready, Space, cells_at

CHUNK = 16384
FIXED = 8 * CHUNK

Evaluation = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""(values (d, n), cells (n,)) -> objectives (o, n), worst violation (1, n)."""


class Samples(NamedTuple):
    """Random points: values (d, n), cells (n,), objectives (o, n), worst violations (1, n)."""

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


def _placements() -> tuple[Any, Any] | None:
    """How lanes are spread over all devices and tables are kept on each; None where there is one device."""
    devices = jax.local_devices()
    if len(devices) == 1 or CHUNK % len(devices):
        return None
    mesh = Mesh(np.array(devices), ("lanes",))
    return NamedSharding(mesh, PartitionSpec("lanes")), NamedSharding(mesh, PartitionSpec())


_gather = jax.jit(cells_at)


@jax.jit
def _summary(objectives: Lanes, violations: Lanes) -> tuple[jax.Array, jax.Array]:
    """Objectives as rows, and the largest violation; apart from the model, which it would make slow (see `space`)."""
    worst = violations[0]
    for violation in violations[1:]:
        worst = jnp.maximum(worst, violation)
    return jnp.stack(objectives), worst[None]


def make_batch_evaluation(model: Model, space: Space) -> Evaluation:
    """Compiled evaluation of values (d, n) in cells (n,), in chunks padded to one shape, spread over all local devices.

    Lanes do not see each other: neither the number of devices nor the padding changes a result.
    """
    compiled, places = model.compiled if isinstance(model, Ready) else jax.jit(model), _placements()
    cells = jax.device_put(space.cells, places[1]) if places else space.cells

    def placed(row: np.ndarray) -> Any:
        return jax.device_put(row, places[0]) if places else jnp.asarray(row)

    def evaluate(x: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = []
        for start in range(0, len(cell), CHUNK):
            index = np.minimum(np.arange(start, start + CHUNK), len(cell) - 1)
            values = tuple(placed(row[index].astype(np.float32)) for row in x)
            parts.append(_summary(*compiled(values, _gather(cells, placed(cell[index].astype(np.int32))))))
        objectives, worst = (np.concatenate([np.asarray(p[k]) for p in parts], axis=1)[:, : len(cell)] for k in (0, 1))
        return objectives.astype(float), worst.astype(float)

    return evaluate


def fixed_samples(space: Space, evaluate: Evaluation, part: int = 0, parts: int = 1) -> Samples:
    """A part of a fixed set of random points, on a log scale and not rounded: the same for every seed."""
    generator = np.random.default_rng(0)
    cell = generator.integers(0, space.size, FIXED)[part::parts]
    z = generator.random((space.dimension, FIXED))[:, part::parts]
    x = space.low[:, None] * (space.high / space.low)[:, None] ** z
    return Samples(x, cell, *evaluate(x, cell))


def ends(points: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Ideal and nadir of the best of the points (n, o); None if there is none."""
    points = points[nondominated(points)]
    return (ideal(points), nadir(points)) if len(points) else None


def anchors(space: Space, evaluate: Evaluation) -> tuple[np.ndarray, np.ndarray] | None:
    """Ideal and nadir of the best of the fixed random points; None if none is feasible.

    They fix the scale of the hypervolume, so that two runs of one study can be compared.
    """
    fixed = fixed_samples(space, evaluate)
    return ends(fixed.objectives[:, fixed.good].T)
