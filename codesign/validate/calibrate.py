"""Which few efficiencies of a machine class explain its measured runs best?

Residuals are log(predicted / measured) of step times, rates and kernel times of all machines
that share a calibration; a parameter is one number for all of them. Rows of one model in one
table weigh together as the square root of their number: a table of 200 mappings does not
outvote one of eight runs.
"""

import functools
import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign import tree
from codesign.config.calibration import Calibration, Parameter
from codesign.config.runs import Kernel, Run, Table
from codesign.evaluate import evaluate
from codesign.validate.cases import all_cases, calibration_name, choose, row_of, system_of
from codesign.validate.kernels import moe_layer_time, shapes_of
from codesign.validate.least_squares import Box, Minimum, minimise
from codesign.validate.predict import batches, quantities_of

TIMES = ("step_time", "tokens_per_s_per_gpu", "model_tflops_per_gpu", "mfu")
PACKAGE = "device.package."


class Label(NamedTuple):
    """Where a residual comes from."""

    table: str
    model: str
    row: str


class RunResiduals:
    """log(predicted / measured) of training runs; open choices are made as in `predict`."""

    def __init__(self, runs: Sequence[Run], paths: Sequence[str]) -> None:
        self.runs, self.paths = list(runs), tuple(f"cluster.{p}" for p in paths)
        self.cases, self.spans = all_cases(self.runs)
        self.batches = batches(self.cases)

    def __call__(self, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals and their Jacobian."""
        count, size = len(self.cases), len(self.paths)
        value, slope = np.zeros((count, len(TIMES))), np.zeros((count, len(TIMES), size))
        step, fits = np.zeros(count), np.zeros(count, dtype=bool)
        for positions, design, workload in self.batches:
            (v, s, f), j = _value_and_jacobian(self.paths, jnp.asarray(logs), design, workload)
            value[positions], slope[positions], step[positions], fits[positions] = v, j, s, f
        chosen = [choose(span, self.cases, step, fits)[0] for span in self.spans]
        metric = [TIMES.index(run.metric) for run in self.runs]
        measured = np.array([run.value for run in self.runs])
        return value[chosen, metric] - np.log(measured), slope[chosen, metric]


def _logs_of(paths: tuple[str, ...], logs: Any, design: Any, workload: Any) -> tuple[Any, tuple[Any, Any, Any]]:
    changed = tree.put(design, {path: tree.get(design, path) * 0 + jnp.exp(logs[i]) for i, path in enumerate(paths)})
    found = quantities_of(evaluate(changed, workload), changed, workload)
    value = jnp.stack([jnp.log(found[name]) for name in TIMES], axis=-1)
    return value, (value, found["step_time"], found["fits"])


@functools.partial(jax.jit, static_argnums=0)
def _value_and_jacobian(paths: tuple[str, ...], logs: Any, design: Any, workload: Any) -> Any:
    jacobian, found = jax.jacfwd(lambda x: _logs_of(paths, x, design, workload), has_aux=True)(logs)
    return found, jacobian


class KernelResiduals:
    """log(predicted / measured) of MoE kernels of one system; parameters outside the package have no part in it."""

    def __init__(self, kernels: Sequence[Kernel], paths: Sequence[str]) -> None:
        package, precision = system_of(kernels[0].system)[0].device.package, row_of("precisions", "bf16")
        shapes, measured = shapes_of(kernels), jnp.log(jnp.asarray([k.value for k in kernels]))
        inner = {i: path.removeprefix(PACKAGE) for i, path in enumerate(paths) if path.startswith(PACKAGE)}

        def residual(logs: Any) -> tuple[Any, Any]:
            changed = tree.put(package, {path: tree.get(package, path) * 0 + jnp.exp(logs[i]) for i, path in inner.items()})
            found = jnp.log(moe_layer_time(shapes, changed, precision)) - measured
            return found, found

        self.compiled = jax.jit(jax.jacfwd(residual, has_aux=True))

    def __call__(self, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals and their Jacobian."""
        jacobian, value = self.compiled(jnp.asarray(logs))
        return np.asarray(value), np.asarray(jacobian)


class Evidence:
    """All rows of some tables that speak of one machine class."""

    def __init__(self, tables: Sequence[Table], calibration: Calibration) -> None:
        paths = [p.path for p in calibration.parameters]
        self.labels: list[Label] = []
        runs: list[Run] = []
        self.parts: list[Any] = []
        for table in tables:
            mine = [r for r in table.runs if r.metric in TIMES and calibration_name(r.system) == calibration.name]
            self.labels += [Label(table.name, r.model, r.name) for r in mine]
            runs += mine
        self.parts += [RunResiduals(runs, paths)] if runs else []
        for table in tables:
            kernels = [k for k in table.kernels if calibration_name(k.system) == calibration.name]
            self.labels += [Label(table.name, k.shape, k.name) for k in kernels]
            self.parts += [KernelResiduals(kernels, paths)] if kernels else []
        counts = {key: sum(x[:2] == key for x in self.labels) for key in {x[:2] for x in self.labels}}
        self.weights = np.array([1 / math.sqrt(counts[x[:2]]) for x in self.labels])

    def __call__(self, logs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Residuals and their Jacobian of every row."""
        found = [part(logs) for part in self.parts]
        return np.concatenate([r for r, _ in found]), np.concatenate([j for _, j in found])


def box_of(parameters: Sequence[Parameter]) -> Box:
    """Priors and bounds of the logarithms."""
    return Box(
        np.log([p.prior for p in parameters]),
        np.array([p.spread for p in parameters]),
        np.log([p.low for p in parameters]),
        np.log([p.high for p in parameters]),
    )


def left_out(evidence: Evidence, box: Box, whole: Minimum, part: int) -> np.ndarray:
    """Residuals of every row when all rows that share `part` of its label (0 table, 1 model) are left out of the fit."""
    names = [label[part] for label in evidence.labels]
    found = np.zeros(len(names))
    for name in dict.fromkeys(names):
        out = np.array([n == name for n in names])
        again = minimise(evidence, np.where(out, 0.0, evidence.weights), box, whole.x)
        found[out] = evidence(again.x)[0][out]
    return found


def fit(tables: Sequence[Table], calibration: Calibration) -> tuple[Calibration, dict[str, np.ndarray]]:
    """`calibration` with values, deviations, runs and errors of the given tables.

    Also the residuals by row: fitted, with the model left out, with the table left out.
    Raises `LookupError` when no row speaks of the machine class.
    """
    evidence = Evidence(tables, calibration)
    if not evidence.labels:
        raise LookupError(calibration.name)
    box = box_of(calibration.parameters)
    whole = minimise(evidence, evidence.weights, box)
    residuals = {
        "fitted": evidence(whole.x)[0],
        "model": left_out(evidence, box, whole, 1),
        "table": left_out(evidence, box, whole, 0),
    }
    parameters = tuple(
        p._replace(value=math.exp(x), deviation=float(s)) for p, x, s in zip(calibration.parameters, whole.x, whole.deviation, strict=True)
    )
    runs: dict[str, list[str]] = {}
    for label in evidence.labels:
        runs.setdefault(label.table, []).append(label.row)
    errors = {table: table_errors(evidence, residuals, table) for table in runs}
    return calibration._replace(parameters=parameters, runs=runs, errors=errors), residuals


def table_errors(evidence: Evidence, residuals: dict[str, np.ndarray], table: str) -> dict[str, float]:
    """Mean absolute relative errors of one table: fitted, model left out (and the median of |log|), table left out."""
    mine = np.array([label.table == table for label in evidence.labels])
    size = {name: float(np.abs(np.expm1(r[mine])).mean()) for name, r in residuals.items()}
    middle = float(np.median(np.abs(residuals["model"][mine])))
    return {
        "n": float(mine.sum()),
        "mape": size["fitted"],
        "left_out": size["model"],
        "median_left_out": middle,
        "table_left_out": size["table"],
    }
