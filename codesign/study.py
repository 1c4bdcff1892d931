"""How is a study solved: from a base point and what is free to a front with its reasons?"""

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign import tree
from codesign.config.study_file import Free, Reference, StudyFile
from codesign.constraints import CONSTRAINTS, violation, violations
from codesign.design import Design, value_at, with_values
from codesign.evaluate import evaluate
from codesign.fields import Scalar
from codesign.mapping.lattice import data_parallel_degree, legality
from codesign.metrics import Metrics
from codesign.objectives import OBJECTIVES, log_objectives
from codesign.search.space import Space, neighbours
from codesign.workload.training import Workload

POD = "cluster.pod.size"
DEGREES = ("dp", "tp", "pp", "cp", "ep", "etp", "micro_batch")


class NoLegalMapping(Exception):
    """No combination of the listed degrees is legal; says which rules bar how many."""


class Study(NamedTuple):
    """A problem ready to be searched."""

    file: StudyFile
    design: Design
    workload: Workload
    columns: dict[str, np.ndarray]
    space: Space


def _grid(file: StudyFile) -> dict[str, np.ndarray]:
    """Every combination of the discrete choices, one column per path."""
    combinations = list(itertools.product(*(free.values for free in file.discrete)))
    table = np.asarray(combinations, dtype=float).reshape(len(combinations), len(file.discrete))
    return {free.path: table[:, i] for i, free in enumerate(file.discrete)}


def _column(path: str, columns: dict[str, np.ndarray], design: Design, workload: Workload) -> np.ndarray:
    """The column of `path`, or the base value repeated."""
    if path in columns:
        return columns[path]
    count = len(next(iter(columns.values()))) if columns else 1
    return np.full(count, float(value_at(design, workload, path)))


def _degrees_and_shapes(columns: dict[str, np.ndarray], design: Design, workload: Workload) -> tuple[dict, dict]:
    def column(path: str) -> np.ndarray:
        return _column(path, columns, design, workload)

    degrees = {name: column(f"mapping.{name}") for name in DEGREES}
    if "mapping.dp" not in columns:
        degrees["dp"] = data_parallel_degree(degrees, float(design.cluster.devices))
    granularity = column("workload.model.granularity")
    shapes = {name: column(f"workload.model.{name}") for name in ("layers", "base_experts", "base_d_expert")}
    shapes = {"layers": shapes["layers"], "experts": shapes["base_experts"] * granularity, "d_expert": shapes["base_d_expert"] / granularity}
    shapes["heads"] = column("workload.model.attention.heads")
    shapes |= {name: column(f"workload.training.{name}") for name in ("global_batch", "sequence")}
    return degrees, shapes


def legal_columns(file: StudyFile, design: Design, workload: Workload) -> dict[str, np.ndarray]:
    """The legal combinations of the discrete choices, with dp filled in; `NoLegalMapping` if there is none."""
    columns = _grid(file)
    degrees, shapes = _degrees_and_shapes(columns, design, workload)
    rules = legality(degrees, shapes)
    allowed = np.all(list(rules.values()), axis=0)
    if not allowed.any():
        total = allowed.size
        barred = sorted(((int(np.sum(~mask)), rule) for rule, mask in rules.items()), reverse=True)
        text = "; ".join(f"{rule}: bars {count} of {total}" for count, rule in barred if count)
        raise NoLegalMapping(f"no legal mapping among {total} combinations: {text}")
    columns = {path: column[allowed] for path, column in columns.items()}
    return columns | {"mapping.dp": degrees["dp"][allowed]}


def cell_values(file: StudyFile, columns: dict[str, np.ndarray], dtype: Any) -> dict[str, Any]:
    """Columns as leaves of a design: numbers as arrays, part choices as stacked parts gathered per cell."""
    parts = {free.path: free.parts for free in file.discrete if free.parts}
    values: dict[str, Any] = {}
    for path, column in columns.items():
        if path in parts:
            values[path] = tree.cast(tree.take(tree.stack(parts[path]), column.astype(int)), dtype)
        else:
            values[path] = jnp.asarray(column, dtype=dtype)
    return values


def pod_multiple(columns: dict[str, np.ndarray], design: Design, workload: Workload) -> np.ndarray:
    """Devices a pod is a multiple of: whole tensor-parallel groups, so that none straddles two pods."""
    return _column("mapping.tp", columns, design, workload)


def snapper(file: StudyFile, design: Design, workload: Workload, columns: dict[str, np.ndarray]) -> Callable:
    """Rounds continuous values to what is built: whole steps, pods of whole tensor-parallel groups."""
    steps = np.array([free.step for free in file.continuous])
    groups = pod_multiple(columns, design, workload)
    low, high = np.array([f.low for f in file.continuous]), np.array([f.high for f in file.continuous])
    pods = np.array([free.path == POD for free in file.continuous])

    def snap(x: np.ndarray, cell: np.ndarray) -> np.ndarray:
        step = np.where(pods[:, None], np.maximum(groups[cell][None, :], steps[:, None]), steps[:, None])
        safe = np.where(step > 0, step, 1.0)
        smallest, largest = np.ceil(low[:, None] / safe - 1e-9), np.floor(high[:, None] / safe + 1e-9)
        whole = np.clip(np.round(x / safe), smallest, np.maximum(largest, smallest)) * safe
        return np.where(step > 0, whole, np.clip(x, low[:, None], high[:, None]))

    return snap


def active_constraints(file: StudyFile, design: Design, workload: Workload) -> tuple[str, ...]:
    """The limits that something free can move; the others are checked once, on the base point."""
    return tuple(CONSTRAINTS)


def results(metrics: Metrics, file: StudyFile, names: tuple[str, ...]) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
    """Log objectives and violations, the user's budgets among them."""
    budgets = tuple(violation(getattr(metrics, name), jnp.asarray(bound, getattr(metrics, name).dtype)) for name, bound in file.limits.items())
    return log_objectives(metrics, file.objectives), violations(metrics, names) + budgets


def make_model(file: StudyFile, design: Design, workload: Workload, dtype: Any) -> Callable:
    """The search's function: values (d, n) and cell leaves (n,) to objectives (o, n) and violations (g, n)."""
    base = tree.cast(design, dtype), tree.cast(workload, dtype)
    names = active_constraints(file, design, workload)

    def model(x: Any, cell: dict[str, Any]) -> tuple[Any, Any]:
        values = cell | {free.path: x[i] for i, free in enumerate(file.continuous)}
        point = with_values(*base, values)
        objectives, broken = results(evaluate(*point), file, names)
        shape = x.shape[1:]
        return (
            jnp.stack([jnp.broadcast_to(o, shape) for o in objectives]),
            jnp.stack([jnp.broadcast_to(v, shape) for v in broken]),
        )

    return model


def prepare(file: StudyFile, design: Design, workload: Workload) -> Study:
    """The study as a search problem."""
    columns = legal_columns(file, design, workload)
    low, high = np.array([f.low for f in file.continuous]), np.array([f.high for f in file.continuous])
    codes = np.stack([columns[free.path] for free in file.discrete], axis=1) if file.discrete else np.zeros((1, 1))
    space = Space(low, high, cell_values(file, columns, jnp.float32), neighbours(codes), snapper(file, design, workload, columns))
    return Study(file, design, workload, columns, space)
