"""How does another optimiser search a study: as a pymoo problem, or as an Optuna objective?

Both judge what our own search judges (`codesign.judged`), and search continuous variables on a
log scale between the study's bounds. The optimisers come with the extra `codesign[bench]`.
"""

import importlib.util
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from codesign.config.free_variables import Free
from codesign.judged import Judged, Raw, counts, make_judge, make_rounding
from codesign.search.space import to_unit_box
from codesign.study import Study

MISSING = "is not installed; it comes with the extra codesign[bench]"
Watch = Callable[[Judged], None]


def _unwatched(_: Judged) -> None:
    """Tells nobody."""


def _scaled(study: Study, unit: np.ndarray) -> np.ndarray:
    """x = low (high / low) ** u, (d, n)."""
    low, high = study.space.low[:, None], study.space.high[:, None]
    return low * (high / low) ** unit


def read_real(study: Study, points: np.ndarray) -> Raw:
    """Points (n, d + k) of the unit box: values on a log scale, and places floor(u count) in lists of `count`."""
    unit, rest = np.split(points.T, [study.space.dimension])
    sizes = counts(study)
    return _scaled(study, unit), np.minimum((rest * sizes).astype(np.int64), sizes - 1)


def write_real(study: Study, x: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The points that `read_real` reads; a place stands in the middle of its interval."""
    return np.concatenate([to_unit_box(study.space, x), (places + 0.5) / counts(study)]).T


def read_mixed(study: Study, points: Any) -> Raw:
    """Dictionaries by path: values on a log scale in [0, 1], and places."""
    unit = np.array([[point[free.path] for point in points] for free in study.file.continuous], dtype=float)
    places = np.array([[point[free.path] for point in points] for free in study.file.discrete], dtype=np.int64)
    return _scaled(study, unit), places.reshape(-1, len(points))


def write_mixed(study: Study, x: np.ndarray, places: np.ndarray) -> np.ndarray:
    """The dictionaries that `read_mixed` reads."""
    continuous, discrete = [free.path for free in study.file.continuous], [free.path for free in study.file.discrete]
    rows = zip(to_unit_box(study.space, x).T.tolist(), places.T.tolist(), strict=True)
    return np.array([dict(zip(continuous + discrete, unit + place, strict=True)) for unit, place in rows], dtype=object)


def to_pymoo(study: Study, mixed: bool = False, batch: int = 256, watch: Watch = _unwatched) -> Any:
    """The study as a pymoo `Problem`: log objectives, one inequality per limit and one for what is no design.

    Real-coded, every variable lies in [0, 1] (for `NSGA2`); `mixed`, a list of numbers is an
    `Integer`, a list of parts a `Choice`, a continuous variable a `Real` in [0, 1] (for
    `MixedVariableGA`). `batch` is best the size of the population. `problem.designs(X)` are the
    designs of pymoo's points; `problem.rounding` is a `Repair` that rounds points to what is
    built, so that two points of one design count as duplicates; `watch` is told every judged
    batch. Raises `ImportError` where pymoo is not installed.
    """
    try:
        from pymoo.core.problem import Problem
        from pymoo.core.repair import Repair
    except ImportError as error:
        raise ImportError(f"pymoo {MISSING}") from error
    judge, built = make_judge(study, batch), make_rounding(study)
    read, write = (read_mixed, write_mixed) if mixed else (read_real, write_real)

    class Rounding(Repair):
        def _do(self, _: Any, points: Any, **__: Any) -> np.ndarray:
            x, places = read(study, points)
            return write(study, built(x, places)[0], places)

    class StudyProblem(Problem):
        rounding = Rounding()

        def designs(self, points: Any) -> Judged:
            return judge(*read(study, points))

        def _evaluate(self, points: Any, out: dict[str, Any], *_: Any, **__: Any) -> None:
            judged = self.designs(points)
            watch(judged)
            out["F"], out["G"] = judged.objectives.T, judged.violations.T

    corner = judge(study.space.low[:, None], np.zeros((len(study.file.discrete), 1), dtype=np.int64))
    sizes = {"n_obj": len(corner.objectives), "n_ieq_constr": len(corner.violations)}
    if mixed:
        return StudyProblem(vars=_variables(study), **sizes)
    return StudyProblem(n_var=len(study.file.continuous) + len(study.file.discrete), xl=0.0, xu=1.0, **sizes)


def _variables(study: Study) -> dict[str, Any]:
    """Every variable by path, in pymoo's kinds."""
    from pymoo.core.variable import Choice, Integer, Real

    found: dict[str, Any] = {free.path: Real(bounds=(0.0, 1.0)) for free in study.file.continuous}
    for free in study.file.discrete:
        count = len(free.values)
        found[free.path] = Choice(options=list(range(count))) if free.options else Integer(bounds=(0, count - 1))
    return found


class OptunaProblem:
    """A study as Optuna sees it: `objective` to optimise in `directions`, `constraints` for a sampler's `constraints_func`.

    Parameters are named by path: continuous variables in SI on a log scale, lists of parts as
    categories by name, lists of numbers by place.
    """

    def __init__(self, study: Study, watch: Watch) -> None:
        self._file, self._judge, self._watch = study.file, make_judge(study, 1), watch
        self.directions: list[Literal["minimize"]] = ["minimize"] * len(study.file.objectives)

    def _place(self, trial: Any, free: Free) -> int:
        if free.options:
            return free.names.index(trial.suggest_categorical(free.path, free.names))
        return int(trial.suggest_int(free.path, 0, len(free.values) - 1))

    def designs(self, trial: Any) -> Judged:
        """The one design of a trial, judged; of a finished trial too."""
        x = [trial.suggest_float(free.path, free.low, free.high, log=True) for free in self._file.continuous]
        places = [self._place(trial, free) for free in self._file.discrete]
        return self._judge(np.array(x)[:, None], np.array(places, dtype=np.int64)[:, None])

    def objective(self, trial: Any) -> tuple[float, ...]:
        """The log objectives of a trial."""
        judged = self.designs(trial)
        self._watch(judged)
        trial.set_user_attr("violation", float(np.maximum(judged.violations, 0.0).sum()))
        return tuple(judged.objectives[:, 0].tolist())

    def constraints(self, trial: Any) -> tuple[float]:
        """The sum of what a finished trial violates: all that Optuna's samplers look at, and faster than one number per limit."""
        return (trial.user_attrs["violation"],)


def to_optuna(study: Study, watch: Watch = _unwatched) -> OptunaProblem:
    """The study for `optuna.create_study(directions=...)` and `.optimize(objective)`, one design at a time.

    `watch` is told every judged design. Raises `ImportError` where Optuna is not installed.
    """
    if importlib.util.find_spec("optuna") is None:
        raise ImportError(f"optuna {MISSING}")
    return OptunaProblem(study, watch)
