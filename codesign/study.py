"""How is a study solved: from a base point and what is free to a front with its reasons?"""

import dataclasses
import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign import tree
from codesign.config.study_file import FABRIC, Free, StudyFile
from codesign.constraints import CONSTRAINTS, Record, records, violation, violations
from codesign.design import Design, has, value_at, with_values
from codesign.evaluate import evaluate
from codesign.fields import Scalar, quantities
from codesign.mapping.lattice import data_parallel_degree, exact_pods, legality
from codesign.metrics import Metrics
from codesign.objectives import OBJECTIVES, log_objectives
from codesign.pareto import hypervolume, nondominated, thin
from codesign.search.run import Budget, Found, Progress, search
from codesign.search.sample import CHUNK
from codesign.search.space import Lanes, Model, Space, cells_at, lanes, neighbours
from codesign.topology.choice import Choice
from codesign.units import show
from codesign.workload.training import Workload

POD = "cluster.pod.size"
LEAN_STEPS = 8
DEGREES = ("dp", "tp", "pp", "cp", "ep", "etp", "micro_batch")


class NoLegalMapping(Exception):
    """No combination of the listed degrees is legal; says which rules bar how many."""


class Interrupted(Exception):
    """The search was interrupted before it had a design."""


class Infeasible(Exception):
    """No design keeps all limits; carries the record of the limit that is hardest to keep."""

    def __init__(self, record: Record, point: dict[str, str]) -> None:
        self.record, self.point = record, point
        super().__init__(f"no design keeps the limit '{record.name}'")


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
    shapes |= {"experts": shapes["base_experts"] * granularity, "d_expert": shapes["base_d_expert"] / granularity}
    shapes["heads"] = column("workload.model.attention.heads")
    shapes |= {name: column(f"workload.training.{name}") for name in ("global_batch", "sequence")}
    return degrees, shapes


def _pod_rule(file: StudyFile, degrees: dict) -> np.ndarray:
    """Can a pod be built in which placement is exact? A pod that is given is taken as it is."""
    if not any(f.path == POD for f in file.continuous):
        return np.ones(len(degrees["tp"]), dtype=bool)
    tables, which = _pod_tables(file, degrees)
    return np.array([len(table) > 0 for table in tables])[which]


def _matters(file: StudyFile, columns: dict[str, np.ndarray]) -> np.ndarray:
    """Of combinations that differ only in a number which the chosen fabric does not have, the first."""
    fabrics = next((free for free in file.discrete if free.path == FABRIC), None)
    allowed = np.ones(len(next(iter(columns.values()), np.ones(1))), dtype=bool)
    for free in file.discrete:
        if fabrics is not None and free.path.startswith(FABRIC + "."):
            inner = free.path.removeprefix(FABRIC + ".")
            has_it = np.array([tree.has(option[FABRIC], inner) for option in fabrics.options])
            allowed &= has_it[columns[FABRIC].astype(int)] | (columns[free.path] == free.values[0])
    return allowed


def broken_rules(design: Design, workload: Workload) -> list[str]:
    """Rules of legality that the mapping of one design breaks."""
    degrees, shapes = _degrees_and_shapes({"mapping.dp": np.array([float(design.mapping.dp)])}, design, workload)
    return [rule for rule, mask in legality(degrees, shapes).items() if not mask.all()]


def legal_columns(file: StudyFile, design: Design, workload: Workload) -> dict[str, np.ndarray]:
    """The legal combinations of the discrete choices, with dp filled in; `NoLegalMapping` if there is none."""
    columns = _grid(file)
    degrees, shapes = _degrees_and_shapes(columns, design, workload)
    rules = legality(degrees, shapes) | {"a pod holds whole tensor-parallel groups and expert sets": _pod_rule(file, degrees)}
    allowed = np.all(list(rules.values()), axis=0) & _matters(file, columns)
    if not allowed.any():
        total = allowed.size
        barred = sorted(((int(np.sum(~mask)), rule) for rule, mask in rules.items()), reverse=True)
        text = "; ".join(f"{rule}: bars {count} of {total}" for count, rule in barred if count)
        raise NoLegalMapping(f"no legal mapping among {total} combinations: {text}")
    columns = {path: column[allowed] for path, column in columns.items()}
    return columns | {"mapping.dp": degrees["dp"][allowed]}


def cell_values(file: StudyFile, columns: dict[str, np.ndarray], dtype: Any) -> dict[str, Any]:
    """Columns as leaves of a design: numbers as arrays, part choices as stacked parts gathered per cell."""
    options = {free.path: free.options for free in file.discrete if free.options}
    values: dict[str, Any] = {}
    for path, column in columns.items():
        if path == FABRIC:
            values[f"{path}.index"] = jnp.asarray(column, dtype=dtype)
        elif path in options:
            stacked = {inner: tree.stack([option[inner] for option in options[path]]) for inner in options[path][0]}
            values |= {inner: tree.cast(tree.take(nodes, column.astype(int)), dtype) for inner, nodes in stacked.items()}
        else:
            values[path] = jnp.asarray(column, dtype=dtype)
    return values


def open_point(file: StudyFile, design: Design, workload: Workload) -> tuple[Design, Workload]:
    """The base point with all fabrics of the study in the place of one, to be chosen by number."""
    listed = next((free.options for free in file.discrete if free.path == FABRIC), None)
    if listed is None:
        return design, workload
    choice = Choice(tuple(option[FABRIC] for option in listed), index=jnp.zeros(()))
    return with_values(design, workload, {FABRIC: choice})


def _pod_tables(file: StudyFile, degrees: dict) -> tuple[list[np.ndarray], np.ndarray]:
    """The buildable pods of every distinct mapping, and the table that each cell uses."""
    free = next(f for f in file.continuous if f.path == POD)
    keys = np.stack([degrees["tp"] * degrees["cp"], degrees["ep"] * degrees["etp"]], axis=1)
    distinct, which = np.unique(keys, axis=0, return_inverse=True)
    return [exact_pods(block, spread, free.low, free.high, free.step) for block, spread in distinct], which.ravel()


def _nearest(tables: list[np.ndarray], which: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For every value the nearest entry, in ratio, of the table it uses."""
    found = values.copy()
    for number in np.unique(which):
        lanes_here, table = which == number, np.log(tables[number])
        middle = (table[1:] + table[:-1]) / 2
        found[lanes_here] = tables[number][np.searchsorted(middle, np.log(values[lanes_here]))]
    return found


def snapper(file: StudyFile, degrees: dict) -> Callable:
    """Rounds continuous values to what is built: whole steps, pods in which placement is exact."""
    steps = np.array([free.step for free in file.continuous])[:, None]
    low, high = np.array([f.low for f in file.continuous])[:, None], np.array([f.high for f in file.continuous])[:, None]
    pod = next((row for row, free in enumerate(file.continuous) if free.path == POD), None)
    tables, which = _pod_tables(file, degrees) if pod is not None else ([], np.zeros(0))
    safe = np.where(steps > 0, steps, 1.0)
    smallest, largest = np.ceil(low / safe - 1e-9), np.floor(high / safe + 1e-9)

    def snap(x: np.ndarray, cell: np.ndarray) -> np.ndarray:
        whole = np.where(steps > 0, np.clip(np.round(x / safe), smallest, largest) * safe, np.clip(x, low, high))
        if pod is not None:
            whole[pod] = _nearest(tables, which[cell], x[pod])
        return whole

    return snap


def results(metrics: Metrics, file: StudyFile) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
    """Log objectives and violations, the user's budgets last."""
    budgets = tuple(_budget_violation(metrics, name, bound) for name, bound in file.limits.items())
    return log_objectives(metrics, file.objectives), violations(metrics, tuple(CONSTRAINTS)) + budgets


def at_least(name: str) -> bool:
    """Is a user's limit on this metric a lower one, because the metric is better when larger?"""
    return name in OBJECTIVES and OBJECTIVES[name].sense < 0


def _budget_violation(metrics: Metrics, name: str, bound: float) -> Scalar:
    value = getattr(metrics, name)
    return -violation(value, bound) if at_least(name) else violation(value, bound)


def applied(point: tuple[Design, Workload], values: dict[str, Any]) -> tuple[Design, Workload]:
    """The point with the fabric replaced first, then everything else that it has: a fabric lacks the numbers of another."""
    point = with_values(*point, {path: value for path, value in values.items() if path == FABRIC})
    return with_values(*point, {path: value for path, value in values.items() if path != FABRIC and has(*point, path)})


def make_model(file: StudyFile, design: Design, workload: Workload, dtype: Any) -> Model:
    """The search's function: a value per variable and cell leaves, all (n,), to objectives and violations."""
    base = tree.cast(open_point(file, design, workload), dtype)

    def model(x: Lanes, cell: dict[str, Any]) -> tuple[Lanes, Lanes]:
        values = cell | {free.path: x[i] for i, free in enumerate(file.continuous)}
        point = applied(base, values)
        objectives, broken = results(evaluate(*point), file)
        shape = jnp.shape(x[0])
        return tuple(jnp.broadcast_to(o, shape) for o in objectives), tuple(jnp.broadcast_to(v, shape) for v in broken)

    return model


def prepare(file: StudyFile, design: Design, workload: Workload) -> Study:
    """The study as a search problem."""
    columns = legal_columns(file, design, workload)
    low, high = np.array([f.low for f in file.continuous]), np.array([f.high for f in file.continuous])
    degrees, _ = _degrees_and_shapes(columns, design, workload)
    codes = np.stack([columns[free.path] for free in file.discrete], axis=1) if file.discrete else np.zeros((1, 1))
    space = Space(low, high, cell_values(file, columns, jnp.float32), neighbours(codes), snapper(file, degrees))
    return Study(file, design, workload, columns, space)


class Volumes(NamedTuple):
    """Hypervolume of the whole front, of descent before rounding, and of the same points rounded.

    All in logs of the objectives, in the unit box of the study's anchors (a tenth beyond).
    """

    front: float
    relaxed: float
    rounded: float


class Front(NamedTuple):
    """A solved study: exact float64 values of every returned design, feasible and not dominated.

    `columns` hold discrete choices per design by path, `values` continuous variables, in SI.
    """

    study: Study
    columns: dict[str, np.ndarray]
    values: dict[str, np.ndarray]
    metrics: Metrics
    violations: np.ndarray
    found: Found
    volumes: Volumes
    seed: int

    @property
    def size(self) -> int:
        """Number of designs."""
        return len(next(iter(self.values.values())))

    def design(self, row: int) -> tuple[Design, Workload]:
        """The design and workload of one row, in float64."""
        with jax.enable_x64(True):
            return self._design(row)

    def _design(self, row: int) -> tuple[Design, Workload]:
        options = {free.path: free.options for free in self.study.file.discrete if free.options}
        values = {path: column[row] for path, column in (self.columns | self.values).items() if path not in options}
        point = self.study.design, self.study.workload
        chosen = {p: node for path in options for p, node in options[path][int(self.columns[path][row])].items()}
        numbers = {path: value for path, value in (chosen | values).items() if not dataclasses.is_dataclass(value)}
        return applied(point, chosen | {path: jnp.asarray(value, dtype=float) for path, value in numbers.items()})


Exact = Callable[[np.ndarray, np.ndarray], tuple[Metrics, np.ndarray, np.ndarray]]
"""(values (d, n), cells (n,)) -> metrics, log objectives (o, n), violations (g, n), all in float64."""


def make_exact_evaluation(study: Study) -> Exact:
    """Compiled evaluation in float64, in chunks padded to one shape."""
    cells, base = cell_values(study.file, study.columns, jnp.float64), open_point(study.file, study.design, study.workload)
    paths = [free.path for free in study.file.continuous]

    @jax.jit
    def compiled(x: Lanes, cell: dict[str, Any]) -> Any:
        metrics = evaluate(*applied(base, cell | dict(zip(paths, x, strict=True))))
        found = metrics, *results(metrics, study.file)
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, x[0].shape), found)

    def exact(x: np.ndarray, cell: np.ndarray) -> tuple[Metrics, np.ndarray, np.ndarray]:
        count = len(cell)
        x, cell = (x, cell) if count else (study.space.low[:, None], np.zeros(1, dtype=int))
        chunks = []
        for start in range(0, len(cell), CHUNK):
            index = np.minimum(np.arange(start, start + CHUNK), len(cell) - 1)
            chunks.append(compiled(lanes(x[:, index], jnp.float64), cells_at(cells, cell[index])))
        whole = jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *chunks)
        return whole[0], np.stack(whole[1]), np.stack(whole[2])

    return exact


def solve(study: Study, seed: int, watch: Callable[[Progress], None]) -> Front:
    """The front of a study: searched in float32, re-evaluated and filtered in float64.

    Raises `Infeasible` when nothing feasible was found, `Interrupted` when a user's interrupt
    came before the first design; a later one ends the search with what it has.
    """
    settings = study.file.search
    budget = Budget(seed, settings["rounds"], settings["directions"], settings["lanes"], settings["generations"])
    model, exact = make_model(study.file, study.design, study.workload, jnp.float32), make_exact_evaluation(study)
    found = search(model, study.space, budget, len(study.file.objectives), watch)
    if not found.archive.size and found.interrupted:
        raise Interrupted
    if not found.archive.size:
        raise _infeasible(study, found, exact)
    return _exact_front(study, found, seed, exact)


def lean(study: Study, x: np.ndarray, cell: np.ndarray, exact: Exact) -> np.ndarray:
    """The same designs with every continuous variable at the smallest value that is no worse in any objective.

    By bisection, one variable after the other: a design that keeps no idle pod or bandwidth
    says what it needs. Where the objectives are not monotone the result is still no worse.
    """
    _, goal, _ = exact(x, cell)
    for row in range(len(x)):
        low = np.full(x.shape[1], study.space.low[row])
        for _ in range(LEAN_STEPS):
            trial = x.copy()
            trial[row] = np.sqrt(low * x[row])
            trial = study.space.snap(trial, cell)
            _, objectives, broken = exact(trial, cell)
            good = np.all(objectives <= goal + 1e-12, axis=0) & np.all(broken <= 0, axis=0)
            low = np.where(good, low, np.maximum(trial[row], low))
            x = np.where(good, trial, x)
    return x


def _exact_front(study: Study, found: Found, seed: int, exact: Exact) -> Front:
    archive = found.archive
    archive = archive._replace(x=lean(study, archive.x, archive.cell, exact))
    _, objectives, broken = exact(archive.x, archive.cell)
    keep = np.flatnonzero(np.all(broken <= 0, axis=0) & np.all(np.isfinite(objectives), axis=0))
    if not len(keep):
        raise _infeasible(study, found, exact)
    keep = keep[nondominated(objectives[:, keep].T)]
    keep = keep[np.argsort(objectives[0, keep])]
    reference, low = _corner(found, objectives[:, keep])
    relaxed = found.relaxed
    snapped = study.space.snap(relaxed.x, relaxed.cell)
    volumes = [_volume(objectives[:, keep], low, reference)]
    for x, slack in ((relaxed.x, 1e-6), (snapped, 0.0)):
        _, points, over = exact(x, relaxed.cell)
        volumes.append(_volume(points[:, np.all(over <= slack, axis=0)], low, reference))
    keep = keep[thin(objectives[:, keep].T, study.file.search["front"])]
    metrics, _, broken = exact(archive.x[:, keep], archive.cell[keep])
    columns = {path: column[archive.cell[keep]] for path, column in study.columns.items()}
    values = {free.path: archive.x[i, keep] for i, free in enumerate(study.file.continuous)}
    return Front(study, columns, values, metrics, broken, found, Volumes(*volumes), seed)


def _volume(objectives: np.ndarray, low: np.ndarray, reference: np.ndarray) -> float:
    return hypervolume(((objectives - low[:, None]) / (reference - low)[:, None]).T, np.ones(len(low)))


def _corner(found: Found, objectives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reference point and zero of the hypervolume: anchors of the study, the same for every seed.

    A tenth of their span beyond their nadir; a study whose random points are all
    infeasible takes the span of its own front.
    """
    low, high = found.anchors or (objectives.min(axis=1), objectives.max(axis=1))
    return high + 0.1 * np.maximum(high - low, 1e-9), low


def _infeasible(study: Study, found: Found, exact: Exact) -> Infeasible:
    """The limit that bars the least violating sample, as a record."""
    cell = found.nearest_cell
    x = study.space.snap(np.asarray(found.nearest_values)[:, None], np.array([cell]))[:, 0]
    metrics, _, _ = exact(x[:, None], np.array([cell]))
    one = jax.tree.map(lambda leaf: leaf[0], metrics)
    units = quantities(Metrics)
    worst = [r for r in records(one) if r.gap > 0]
    for name, bound in study.file.limits.items():
        value = float(getattr(one, name))
        demand, limit = (bound, value) if at_least(name) else (value, bound)
        if demand > limit:
            worst.append(Record(f"limit on {name}", demand, limit, demand - limit, units[name].unit, "a looser limit in the study"))
    worst.sort(key=lambda r: -r.gap / (abs(r.demand) + abs(r.bound)))
    values = {f.name: show(x[i], f.unit) for i, f in enumerate(study.file.continuous)}
    choices = {f.name: label_of(f, study.columns[f.path][cell]) for f in study.file.discrete}
    return Infeasible(worst[0] if worst else records(one)[0], choices | values)


def label_of(free: Free, value: float) -> str:
    """A discrete choice as text."""
    return free.names[int(value)] if free.names else show(value, free.unit)
