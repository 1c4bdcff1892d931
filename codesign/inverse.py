"""Which value of a technology constant lets the best design reach a target, and what is the best design at other values?

The model is compiled once with the constant as an input; at every value the design is optimised anew, choices
included, from the best designs of all other values.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign.answer import single
from codesign.cells import applied, cell_values, open_point
from codesign.constraints import Record
from codesign.evaluate import evaluate
from codesign.fields import quantities
from codesign.metrics import Metrics
from codesign.objectives import OBJECTIVES
from codesign.search.envelope import Outcome, Slopes
from codesign.search.optima import Optima
from codesign.search.sample import CHUNK
from codesign.search.space import Lanes, cells_at, lanes
from codesign.search.threshold import Threshold, flat_ends, locate, threshold
from codesign.study import Infeasible, Study, at_least, label_of, limit_records, make_model
from codesign.units import show

GRID = 7
TOLERANCE = 0.005
"""The threshold lies between two constants whose ratio is 1 + TOLERANCE."""


class Optimum(NamedTuple):
    """The best design found with the constant at one value: values (d,) and cell; `value` of the aim in SI, NaN where none is feasible."""

    constant: float
    value: float
    slopes: Slopes
    x: np.ndarray
    cell: int


class Reached(NamedTuple):
    """A curve of optima over a constant, where it crosses the target, and up to and from which constant on it is flat."""

    study: Study
    path: str
    target: float
    threshold: Threshold
    curve: tuple[Optimum, ...]
    flat: tuple[float | None, float | None]

    @property
    def aim(self) -> str:
        """What has the target."""
        return self.study.file.objectives[0]

    def at(self, constant: float) -> Optimum:
        """The optimum at a constant of the curve."""
        return next(point for point in self.curve if point.constant == constant)


def reach(
    study: Study, path: str, low: float, high: float, aim: str, target: float, limits: dict[str, float], seed: int,
    watch: Callable[[float, float], None],
) -> Reached:  # fmt: skip
    """The constant at `path`, between low and high (SI), at which the optimum of `aim` reaches `target` (SI).

    v(c) = optimum over x and cells of aim(x, cell, c) within the limits; the threshold solves v(c) = target on a
    log scale. Inside a part that the study chooses, the constant is set in every option at once. `watch` is told
    each constant with its optimum. Raises `Infeasible` when no design keeps the limits at any value.
    What other rules derive from the constant beside the model (traffic, legal mappings) stays as it was.
    """
    with jax.enable_x64(True):
        study, sense = single(study, aim, limits), OBJECTIVES[aim].sense
        goal = sense * math.log(target)
        optima = Optima(make_outcome(study, path), study.space, (low, high), seed)

        def measure(constant: float) -> dict[float, float]:
            optima.optimise(constant)
            levels = optima.levels(goal)
            watch(constant, math.exp(sense * (levels[constant] + goal)) if levels[constant] < math.inf else math.nan)
            return levels

        levels = locate(measure, low, high, GRID, TOLERANCE)
        if not np.isfinite(list(levels.values())).any():
            raise _barred(study, path, optima)
        curve = tuple(optimum_at(optima, constant, sense) for constant in sorted(levels))
        return Reached(study, path, target, threshold(levels), curve, flat_ends(levels))


def make_outcome(study: Study, path: str) -> Outcome:
    """The study's aim and violations in float64 with the node at `path` as an input, compiled once for pieces of one shape."""
    model = make_model(study.file, study.design, study.workload, jnp.float64)
    cells = cell_values(study.file, study.columns, jnp.float64)

    @jax.jit
    def compiled(x: Lanes, cell: dict[str, Any], constant: jax.Array) -> tuple[Lanes, Lanes]:
        return model(x, cell | {path: constant})

    def outcome(x: np.ndarray, cell: np.ndarray, constant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        parts = []
        for start in range(0, len(cell), CHUNK):
            index = np.minimum(np.arange(start, start + CHUNK), len(cell) - 1)
            parts.append(compiled(lanes(x[:, index], jnp.float64), cells_at(cells, cell[index]), jnp.asarray(constant[index])))
        objective = np.concatenate([np.asarray(part[0][0]) for part in parts])[: len(cell)]
        return objective, np.concatenate([np.stack(part[1]) for part in parts], axis=1)[:, : len(cell)]

    return outcome


def optimum_at(optima: Optima, constant: float, sense: int) -> Optimum:
    """The best design found at one constant, its value and slopes those of an aim that is better when smaller (1) or larger (-1)."""
    pool, level = optima.pools[constant], optima.levels(0.0)[constant]
    value = math.exp(sense * level) if math.isfinite(level) else math.nan
    slopes = Slopes(*(sense * slope for slope in optima.slopes(constant)))
    return Optimum(constant, value, slopes, pool.x[:, 0], int(pool.cell[0]))


def metrics_at(study: Study, path: str, optimum: Optimum) -> Metrics:
    """All metrics of a design with the constant at its value, in float64."""
    with jax.enable_x64(True):
        cells = cells_at(cell_values(study.file, study.columns, jnp.float64), np.array(optimum.cell))
        free = {f.path: jnp.asarray(v) for f, v in zip(study.file.continuous, optimum.x, strict=True)}
        values = cells | free | {path: jnp.asarray(optimum.constant)}
        return evaluate(*applied(open_point(study.file, study.design, study.workload), values))


def choices(study: Study, optimum: Optimum) -> dict[str, str]:
    """What a design chose, as text by short name."""
    listed = {free.name: label_of(free, study.columns[free.path][optimum.cell]) for free in study.file.discrete}
    return listed | {free.name: show(x, free.unit) for free, x in zip(study.file.continuous, optimum.x, strict=True)}


def _barred(study: Study, path: str, optima: Optima) -> Infeasible:
    """The limit that bars the least violating design of all values."""
    constant = min(optima.pools, key=lambda c: float(optima.pools[c].objectives[0, 0]))
    nearest = optimum_at(optima, constant, 1)
    return Infeasible(limit_records(metrics_at(study, path, nearest), study.file.limits)[0], choices(study, nearest))


def shortfall(reached: Reached) -> Record:
    """The target as a limit that even the best value of the constant does not keep."""
    assert reached.threshold.missed is not None, "asked only of a target that is missed"
    best, unit = reached.at(reached.threshold.missed).value, quantities(Metrics)[reached.aim].unit
    demand, bound = (reached.target, best) if at_least(reached.aim) else (best, reached.target)
    levers = f"{reached.path} beyond its range, another target, looser limits, more choices in the study"
    return Record(f"target on {reached.aim}", demand, bound, demand - bound, unit, levers)
