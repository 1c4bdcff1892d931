"""How is a study solved: from a base point and what is free to a front with its reasons?"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign import tree
from codesign.cells import applied, cell_values, demand_columns, lattice_of, legal_columns, open_point
from codesign.config.free_variables import Free
from codesign.config.problems import ConfigError, Problem
from codesign.config.study_file import StudyFile
from codesign.constraints import Record, limit_pairs, records, violation, violations
from codesign.design import Design
from codesign.engine.programs import Kept
from codesign.evaluate import evaluate
from codesign.fields import Scalar, quantities
from codesign.legal import groups_of
from codesign.metrics import Metrics
from codesign.objectives import OBJECTIVES, log_objectives
from codesign.pareto import hypervolume, nondominated, thin
from codesign.search.archive import Archive
from codesign.search.budget import Budget
from codesign.search.polish import MISSED, Judge, polish, pooled, scores
from codesign.search.run import Found, Progress, search
from codesign.search.space import Choices, Lanes, Model, Ready, Space, cells_at, lanes
from codesign.units import show
from codesign.workload.training import Workload

LEAN_STEPS = 8
ROUNDED = 1e-12
EXACTLY = 4096
"""Designs per call of the exact evaluation: fronts are small, and a padded call costs its full size."""
GENERATIONS = 60
"""Of a polish, at most."""


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


def results(metrics: Metrics, file: StudyFile) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
    """Log objectives and violations, the user's budgets last."""
    budgets = tuple(_budget_violation(metrics, name, bound) for name, bound in file.limits.items())
    return log_objectives(metrics, file.objectives), violations(metrics) + budgets


def gap_results(metrics: Metrics, file: StudyFile) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
    """Log objectives, and by how much each limit is surely exceeded in its unit, the user's budgets last.

    Surely: beyond a share of demand and bound that no rounding reaches.
    """
    budgets = tuple((getattr(metrics, n), b) if not at_least(n) else (b, getattr(metrics, n)) for n, b in file.limits.items())
    pairs = limit_pairs(metrics) + budgets
    return log_objectives(metrics, file.objectives), tuple(d - b - ROUNDED * (abs(d) + abs(b)) for d, b in pairs)


def at_least(name: str) -> bool:
    """Is a user's limit on this metric a lower one, because the metric is better when larger?"""
    return name in OBJECTIVES and OBJECTIVES[name].sense < 0


def _budget_violation(metrics: Metrics, name: str, bound: float) -> Scalar:
    value = getattr(metrics, name)
    return -violation(value, bound) if at_least(name) else violation(value, bound)


Outcome = Callable[[Metrics, StudyFile], tuple[tuple[Scalar, ...], tuple[Scalar, ...]]]


def make_model(file: StudyFile, design: Design, workload: Workload, dtype: Any, outcome: Outcome = results) -> Model:
    """The search's function: a value per variable and cell leaves, all (n,), to objectives and violations."""
    base = tree.cast(open_point(file, design, workload), dtype)

    def model(x: Lanes, cell: dict[str, Any]) -> tuple[Lanes, Lanes]:
        values = cell | {free.path: x[i] for i, free in enumerate(file.continuous)}
        point = applied(base, values)
        objectives, broken = outcome(evaluate(*point), file)
        shape = jnp.shape(x[0])
        return tuple(jnp.broadcast_to(o, shape) for o in objectives), tuple(jnp.broadcast_to(v, shape) for v in broken)

    return Ready(model, Kept(model, outcome, *parts_of(file, base)))


def parts_of(file: StudyFile, base: Any) -> tuple[Any, ...]:
    """All that a compiled evaluation of designs of a study depends on: the base point, what is free, wanted and allowed."""
    return base, [free.path for free in file.continuous], file.objectives, file.limits


def prepare(file: StudyFile, design: Design, workload: Workload) -> Study:
    """The study as a search problem."""
    columns = legal_columns(file, design, workload)
    if file.demand is not None:
        columns |= demand_columns(file.demand, file, columns, (design, workload))
    low, high = np.array([f.low for f in file.continuous]), np.array([f.high for f in file.continuous])
    groups = groups_of(columns, design, workload)
    codes = np.stack([columns[free.path] for free in file.discrete], axis=1) if file.discrete else np.zeros((1, 1))
    choices = Choices(codes)
    space = Space(low, high, cell_values(file, columns, jnp.float32), choices, choices.neighbours(), lattice_of(file, groups))
    return Study(file, design, workload, columns, space)


class Volumes(NamedTuple):
    """Hypervolume of the whole front, of the best designs that are not rounded, and of the same rounded.

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


def front_of(study: Study, archive: Archive, exact: "Exact", found: Found, volumes: Volumes, seed: int) -> Front:
    """The front of designs that are feasible and not dominated."""
    order = np.argsort(archive.objectives[0])
    x, cell = archive.x[:, order], archive.cell[order]
    metrics, _, broken = exact(x, cell)
    columns = {path: column[cell] for path, column in study.columns.items()}
    values = {free.path: x[i] for i, free in enumerate(study.file.continuous)}
    return Front(study, columns, values, metrics, broken, found, volumes, seed)


def designs_of(front: Front, exact: "Exact") -> Archive:
    """The designs of a front by values and cells, with their log objectives."""
    study = front.study
    x = np.stack([front.values[free.path] for free in study.file.continuous])
    cell = cells_of(study, front.columns)
    assert (cell >= 0).all(), "a front has choices that its study does not list"
    return Archive(x, cell, exact(x, cell)[1])


def cells_of(study: Study, columns: dict[str, np.ndarray]) -> np.ndarray:
    """The numbers of the cells with the given discrete choices (n,); -1 where there is none."""
    paths = [free.path for free in study.file.discrete]
    if not paths:
        return np.zeros(len(next(iter(columns.values()))), dtype=int)
    return study.space.choices.cells_of(np.stack([columns[path] for path in paths], axis=1))


Exact = Callable[[np.ndarray, np.ndarray], tuple[Metrics, np.ndarray, np.ndarray]]
"""(values (d, n), cells (n,)) -> metrics, log objectives (o, n), violations (g, n), all in float64."""


def make_exact_evaluation(study: Study) -> Exact:
    """Compiled evaluation in float64, in chunks padded to one shape."""
    cells, base = cell_values(study.file, study.columns, jnp.float64), open_point(study.file, study.design, study.workload)
    paths = [free.path for free in study.file.continuous]

    def model(x: Lanes, cell: dict[str, Any]) -> Any:
        metrics = evaluate(*applied(base, cell | dict(zip(paths, x, strict=True))))
        found = metrics, *results(metrics, study.file)
        return jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, x[0].shape), found)

    compiled = Kept(model, *parts_of(study.file, base))

    def exact(x: np.ndarray, cell: np.ndarray) -> tuple[Metrics, np.ndarray, np.ndarray]:
        count = len(cell)
        x, cell = (x, cell) if count else (study.space.low[:, None], np.zeros(1, dtype=int))
        chunks = []
        for start in range(0, len(cell), EXACTLY):
            index = np.minimum(np.arange(start, start + EXACTLY), len(cell) - 1)
            chunks.append(compiled(lanes(x[:, index], jnp.float64), cells_at(cells, cell[index])))
        whole = jax.tree.map(lambda *parts: np.concatenate(parts)[:count], *chunks)
        return whole[0], np.stack(whole[1]), np.stack(whole[2])

    return exact


def budget_of(study: Study, seed: int) -> Budget:
    """How much a study spends on its search."""
    return Budget(seed, *(study.file.search[name] for name in Budget._fields[1:]))


def find(study: Study, seed: int, watch: Callable[[Progress], None]) -> Found:
    """What a search in this process finds, in float32."""
    model = make_model(study.file, study.design, study.workload, jnp.float32)
    return search(model, study.space, budget_of(study, seed), len(study.file.objectives), watch)


Finder = Callable[[Study, int, Callable[[Progress], None]], Found]


def solve(study: Study, seed: int, watch: Callable[[Progress], None], finder: Finder = find, exact: Exact | None = None) -> Front:
    """The front of a study: searched in float32, re-evaluated and filtered in float64, by `exact` where there is one already.

    Raises `Infeasible` when nothing feasible was found, `ConfigError` when the time was too short for that verdict,
    `Interrupted` when a user's interrupt came before the first design; one later in the search ends it with what it has.
    """
    exact = exact or make_exact_evaluation(study)
    found = finder(study, seed, watch)
    if not found.archive.size and found.interrupted:
        raise Interrupted
    if not found.archive.size and found.cut:
        text = f"{study.file.search['seconds']} s were over before a feasible design was found, which says nothing of the study: allow more"
        raise ConfigError([Problem("search.seconds", 0, "", text)])
    if not found.archive.size:
        raise _infeasible(study, np.asarray(found.nearest_values)[:, None], found.nearest_cell, exact)
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


def judge_of(exact: Exact, slack: np.ndarray | float = 0.0) -> Judge:
    """Scores of designs at the first objective by the exact model, each violation (g, 1) allowed up to `slack`."""

    def judge(x: np.ndarray, cell: np.ndarray) -> np.ndarray:
        _, objectives, broken = exact(x, cell)
        return scores(objectives[0], broken - slack)

    return judge


def _repaired(study: Study, archive: Archive, exact: Exact, seed: int) -> Archive:
    """The best design at the first objective near designs that keep the limits in float32 alone."""
    judge = judge_of(exact)
    pool = pooled([archive._replace(objectives=judge(archive.x, archive.cell)[None])])
    pool = polish(judge, study.space, pool, GENERATIONS, np.random.default_rng(seed))
    if pool.objectives[0, 0] >= MISSED:
        raise _infeasible(study, pool.x[:, :1], int(pool.cell[0]), exact)
    return Archive(pool.x[:, :1], pool.cell[:1], exact(pool.x[:, :1], pool.cell[:1])[1])


def _checked(archive: Archive, exact: Exact) -> tuple[Archive, np.ndarray]:
    """The designs with exact objectives, and the rows of those that are feasible."""
    _, objectives, broken = exact(archive.x, archive.cell)
    return archive._replace(objectives=objectives), np.flatnonzero(np.all(broken <= 0, axis=0) & np.all(np.isfinite(objectives), axis=0))


def _exact_front(study: Study, found: Found, seed: int, exact: Exact) -> Front:
    archive, keep = _checked(found.archive._replace(x=lean(study, found.archive.x, found.archive.cell, exact)), exact)
    if not len(keep):
        archive, keep = _checked(_repaired(study, archive, exact, seed), exact)
    objectives = archive.objectives
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
    return front_of(study, Archive(archive.x[:, keep], archive.cell[keep], objectives[:, keep]), exact, found, Volumes(*volumes), seed)


def _volume(objectives: np.ndarray, low: np.ndarray, reference: np.ndarray) -> float:
    return hypervolume(((objectives - low[:, None]) / (reference - low)[:, None]).T, np.ones(len(low)))


def _corner(found: Found, objectives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reference point and zero of the hypervolume: anchors of the study, the same for every seed.

    A tenth of their span beyond their nadir; a study whose random points are all
    infeasible takes the span of its own front.
    """
    low, high = found.anchors or (objectives.min(axis=1), objectives.max(axis=1))
    return high + 0.1 * np.maximum(high - low, 1e-9), low


def floor_text(metrics: Metrics) -> str:
    """The time per output token that no batch goes below in this design, and what sets it."""
    if not metrics.floor_bounds:
        return ""
    parts = {name: float(seconds) for name, seconds in metrics.floor_bounds.items()}
    cause = max(parts, key=lambda name: parts[name])
    share = 100 * parts[cause] / sum(parts.values())
    floor = show(float(metrics.lowest_time_per_output_token), "ms")
    return f"; one sequence per attention group still takes {floor} per token, of which {cause} set {share:.0f} %"


def limit_records(metrics: Metrics, limits: dict[str, float]) -> list[Record]:
    """Every limit of one design, the model's and the user's, the nearest or most violated first."""
    units, found = quantities(Metrics), records(metrics)
    for name, bound in limits.items():
        value = float(getattr(metrics, name))
        demand, most = (bound, value) if at_least(name) else (value, bound)
        found.append(Record(f"limit on {name}", demand, most, demand - most, units[name].unit, f"a looser limit on {name}"))
    return sorted(found, key=slack_share)


def slack_share(record: Record) -> float:
    """The share of a limit that is left: below 0 where it is exceeded."""
    return (record.bound - record.demand) / max(abs(record.demand), abs(record.bound), 1e-300)


def _infeasible(study: Study, nearest: np.ndarray, cell: int, exact: Exact) -> Infeasible:
    """The limit that bars the least violating design, values (d, 1), as a record."""
    x = study.space.snap(nearest, np.array([cell]))[:, 0]
    metrics, _, _ = exact(x[:, None], np.array([cell]))
    one = jax.tree.map(lambda leaf: leaf[0], metrics)
    worst = limit_records(one, study.file.limits)[0]
    if "time per output token" in worst.name.replace("_", " "):
        worst = worst._replace(levers=worst.levers + floor_text(one))
    values = {f.name: show(x[i], f.unit) for i, f in enumerate(study.file.continuous)}
    choices = {f.name: label_of(f, study.columns[f.path][cell]) for f in study.file.discrete}
    return Infeasible(worst, choices | values)


def label_of(free: Free, value: float) -> str:
    """A discrete choice as text."""
    return free.names[int(value)] if free.names else show(value, free.unit)
