"""How good are designs that are given by raw values and choices, as another program proposes them?

A design is proposed as values of the continuous variables, which the study's `snap` rounds, and
as the place of every discrete choice in the study's list. It is judged by the study's model,
compiled, in float32: by the same as in our own search. A combination of choices that is no cell
of the study, or a design without finite objectives, has FAR as every objective, and as its last
violation more than all limits together come to, so that whoever adds them up prefers a design
that only breaks limits.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign.cells import open_point
from codesign.engine.programs import Kept
from codesign.search.space import cells_at
from codesign.study import Study, make_model, parts_of

FAR = 1e3
Raw = tuple[np.ndarray, np.ndarray]
"""Values (d, n) of continuous variables, and places (k, n) of choices in their lists."""


class Judged(NamedTuple):
    """Designs as built: values (d, n), cells (n,; -1 is none), log objectives (o, n), violations (g + 1, n; <= 0 is met)."""

    x: np.ndarray
    cell: np.ndarray
    objectives: np.ndarray
    violations: np.ndarray

    @property
    def feasible(self) -> np.ndarray:
        """Mask of the designs that keep all limits."""
        return np.all(self.violations <= 0, axis=0)


Judge = Callable[[np.ndarray, np.ndarray], Judged]
"""(values (d, n), places (k, n)) -> the designs, rounded and judged."""


def counts(study: Study) -> np.ndarray:
    """Lengths (k, 1) of the lists of choices."""
    return np.array([len(free.values) for free in study.file.discrete], dtype=np.int64).reshape(-1, 1)


def make_rounding(study: Study) -> Callable[[np.ndarray, np.ndarray], Raw]:
    """(values, places) -> values as they are built, and the cell (n,) of each combination, -1 where the study has none."""
    strides = np.cumprod([1, *counts(study)[:, 0]])[:-1]
    owned = [np.argmax(np.asarray(f.values)[:, None] == study.columns[f.path], axis=0) for f in study.file.discrete]
    keys = strides @ np.array(owned) if owned else np.zeros(1, dtype=np.int64)
    order = np.argsort(keys)

    def rounding(x: np.ndarray, places: np.ndarray) -> Raw:
        wanted = strides @ places
        found = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
        legal = keys[found] == wanted
        return np.where(legal, study.space.snap(x, found), x), np.where(legal, found, -1)

    return rounding


def make_judge(study: Study, batch: int) -> Judge:
    """Compiled judgement, in pieces of `batch` designs: the last is padded, so that nothing compiles twice."""
    model, rounding = make_model(study.file, study.design, study.workload, jnp.float32), make_rounding(study)

    def judged(x: jax.Array, cell: Any, cells: Any) -> tuple[jax.Array, jax.Array]:
        objectives, violations = model(tuple(x), cells_at(cells, cell))
        return jnp.stack(objectives), jnp.stack(violations)

    compiled = Kept(judged, *parts_of(study.file, open_point(study.file, study.design, study.workload)))
    cells = jax.tree.map(jnp.asarray, study.space.cells)

    def judge(x: np.ndarray, places: np.ndarray) -> Judged:
        x, cell = rounding(x, places)
        values, rows, count = x.astype(np.float32), np.maximum(cell, 0).astype(np.int32), len(cell)
        pieces = [np.minimum(np.arange(start, start + batch), count - 1) for start in range(0, count, batch)]
        parts = [compiled(values[:, piece], rows[piece], cells) for piece in pieces]
        objectives, violations = (np.concatenate([p[k] for p in parts], axis=1)[:, :count].astype(float) for k in (0, 1))
        missing = (cell < 0) | ~np.all(np.isfinite(objectives), axis=0)
        violations = np.where(missing, 0.0, np.nan_to_num(violations, nan=FAR, posinf=FAR, neginf=-FAR))
        last = missing[None] * (len(violations) + 1.0)
        return Judged(x, cell, np.where(missing, FAR, objectives), np.concatenate([violations, last]))

    return judge
