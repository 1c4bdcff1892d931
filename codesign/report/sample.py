"""What is the space of a study like: what are some random points of it, feasible or not?"""

from typing import Any

import numpy as np

from codesign.constraints import applying
from codesign.fields import quantities
from codesign.metrics import Metrics
from codesign.objectives import OBJECTIVES
from codesign.report.run import SAMPLE, Columns, choice_columns, shown
from codesign.search.sample import FIXED, fixed_samples
from codesign.study import Exact, Study

POINTS = 1024
SEED = 0
"""Of the fixed random points of a search, whatever its own seed."""


def sample_of(study: Study, exact: Exact) -> tuple[Columns, dict[str, Any]]:
    """Some of the fixed random points of the search, uniform over cells and over logarithms of the variables, not rounded.

    Columns as in the table of the front: choices and variables, then the objectives (NaN where they are not defined), then
    `feasible`, `worst_limit` and `overrun` = (demand - bound) / (|demand| + |bound|) of that limit, exact in float64.
    Second: what the manifest says of them.
    """
    limits: list[str] = []

    def judged(x: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        metrics, objectives, broken = exact(x, cell)
        limits.extend([*(limit.name for limit in applying(metrics)), *(f"limit on {name}" for name in study.file.limits)])
        return objectives, broken

    points = fixed_samples(study.space, judged, 0, FIXED // POINTS)
    values = {free.path: row for free, row in zip(study.file.continuous, points.x, strict=True)}
    columns, units = choice_columns(study, {path: column[points.cell] for path, column in study.columns.items()}, values)
    for name, logs in zip(study.file.objectives, points.objectives, strict=True):
        units[name] = quantities(Metrics)[name].unit
        columns[name] = shown(np.exp(OBJECTIVES[name].sense * logs), units[name])
    return columns | _limits(limits, points.good, points.violations), _facts(int(points.good.sum()), units)


def _limits(limits: list[str], good: np.ndarray, violations: np.ndarray) -> Columns:
    """Whether a point is feasible, its worst limit, and by how much it exceeds it."""
    over = np.nan_to_num(violations, nan=np.inf)
    worst = np.argmax(over, axis=0)
    overrun = violations[worst, np.arange(len(worst))]
    return {"feasible": good.tolist(), "worst_limit": [limits[i] for i in worst], "overrun": overrun.tolist()}


def _facts(feasible: int, units: dict[str, str]) -> dict[str, Any]:
    return {
        "file": SAMPLE, "points": POINTS, "feasible": feasible, "seed": SEED,
        "drawn": "uniformly over cells and over logarithms of the variables, not rounded",
        "units": units | {"feasible": "", "worst_limit": "", "overrun": "1"},
    }  # fmt: skip
