"""Do other optimisers see the problem that we search, and is the race against them counted rightly?

Toy: one value x in [0.1, 100], rounded to whole multiples of 0.1; p in (1, 2, 4) and a part in (a, b), of which p = 4
with b is illegal; objectives log x + log p and -log x + part, and a limit x <= 50.
"""

import json
import math
import sys
import types
import warnings
import xml.etree.ElementTree as ET

import jax.numpy as jnp
import numpy as np
import pytest
from cases import ROOT
from small_run import SMALL, written

import codesign
import codesign.judged
from codesign.config.free_variables import Free
from codesign.judged import FAR, Judged, make_judge, make_rounding
from codesign.rivals import read_mixed, read_real, to_optuna, to_pymoo, write_mixed, write_real
from codesign.search.archive import Archive
from codesign.search.lattice import Lattice
from codesign.search.run import Progress
from codesign.search.space import Choices, Space
from codesign.study import Study

sys.path.insert(0, str(ROOT / "experiments"))
import search_record
import search_runs
from search_methods import DistinctDictionaries, random_search
from search_record import Recorder, volume
from search_summary import bar_rows, figure_rows, study_summary

from codesign.report.race import plot

CONTINUOUS = (Free("x", "x", "1", low=0.1, high=100.0, step=0.1),)
DISCRETE = (Free("p", "p", "1", values=(1.0, 2.0, 4.0)), Free("part", "part", "", values=(0.0, 1.0), names=("a", "b"), options=({}, {})))
COLUMNS = {"p": np.array([4.0, 1.0, 2.0, 1.0, 2.0]), "part": np.array([0.0, 1.0, 0.0, 0.0, 1.0]), "mapping.dp": np.arange(5.0)}
CELLS = {"p": jnp.asarray(COLUMNS["p"], jnp.float32), "part": jnp.asarray(COLUMNS["part"], jnp.float32)}


LATTICE = Lattice(np.array([0.1]), np.array([100.0]), np.array([0.1]), {})


def _toy(file, design, workload, dtype):
    def model(x, cell):
        rate = jnp.log(x[0])
        second = jnp.where((cell["p"] == 2) & (cell["part"] == 1), jnp.nan, -rate + cell["part"])
        return (rate + jnp.log(cell["p"]), second), (x[0] / 50 - 1, -x[0])

    return model


@pytest.fixture
def study(monkeypatch):
    monkeypatch.setattr(codesign.judged, "make_model", _toy)
    monkeypatch.setattr("search_methods.make_model", _toy)
    file = types.SimpleNamespace(continuous=CONTINUOUS, discrete=DISCRETE, objectives=("first", "second"), limits={})
    space = Space(np.array([0.1]), np.array([100.0]), CELLS, Choices(np.arange(5.0)[:, None]), np.zeros((5, 1), dtype=int), LATTICE)
    return Study(file, None, None, COLUMNS, space)


PLACES = np.array([[p, part] for p in range(3) for part in range(2)]).T
LEGAL = np.array([3, 1, 2, 4, 0, -1])


def test_every_combination_is_its_cell_or_none(study):
    x, cell = make_rounding(study)(np.full((1, 6), 0.333), PLACES)
    assert cell.tolist() == LEGAL.tolist()
    assert np.allclose(x, [[0.3] * 5 + [0.333]])


def test_a_study_without_choices_has_one_cell(study):
    file = types.SimpleNamespace(**vars(study.file) | {"discrete": ()})
    _, cell = make_rounding(study._replace(file=file, columns={}))(np.ones((1, 3)), np.zeros((0, 3), dtype=int))
    assert cell.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("read", "write"), [(read_real, write_real), (read_mixed, write_mixed)])
def test_points_say_what_they_were_written_from(study, read, write):
    x = np.geomspace(0.1, 100, 6)[None]
    again, places = read(study, write(study, x, PLACES))
    assert np.allclose(again, x, rtol=1e-12)
    assert places.tolist() == PLACES.tolist()


def test_real_points_cut_the_unit_interval_evenly(study):
    points = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.5, 0.34, 0.49], [0.5, 0.66, 0.51]])
    x, places = read_real(study, points)
    assert np.allclose(x, [[0.1, 100, 10**0.5, 10**0.5]])
    assert places.tolist() == [[0, 2, 1, 1], [0, 1, 0, 1]]


@pytest.mark.parametrize("batch", [1, 4, 16])
def test_designs_are_judged_by_the_model_and_others_are_far(study, batch):
    judged = make_judge(study, batch)(np.full((1, 6), 60.02), PLACES)
    design = np.array([True, True, True, False, True, False])
    assert np.allclose(judged.objectives[0, design], np.log(60.0 * np.array([1, 1, 2, 4])), atol=1e-6)
    assert (judged.objectives[:, ~design] == FAR).all()
    assert judged.violations[-1].tolist() == [0.0 if known else 3.0 for known in design]
    assert np.allclose(judged.violations[:2, design], np.array([[0.2], [-60.0]]), atol=1e-6)
    assert not judged.feasible.any()


@pytest.mark.parametrize("mixed", [False, True])
def test_pymoo_searches_the_same_problem(study, mixed):
    from pymoo.algorithms.moo.nsga2 import NSGA2
    from pymoo.core.mixed import MixedVariableGA
    from pymoo.operators.survival.rank_and_crowding import RankAndCrowding
    from pymoo.optimize import minimize

    seen = []
    problem = to_pymoo(study, mixed=mixed, batch=20, watch=seen.append)
    algorithm = MixedVariableGA(20, survival=RankAndCrowding()) if mixed else NSGA2(20, repair=problem.rounding)
    result = minimize(problem, algorithm, ("n_gen", 4), seed=1)
    designs = problem.designs(result.X)
    assert designs.feasible.all()
    assert np.allclose(designs.objectives.T, result.F)
    assert sum(len(batch.cell) for batch in seen) == result.algorithm.evaluator.n_eval > 70
    legal = [(batch.x[:, batch.cell >= 0], batch.cell[batch.cell >= 0]) for batch in seen]
    assert all(np.allclose(x, LATTICE.snap(x, cell)) for x, cell in legal)
    rounded = problem.rounding._do(problem, result.X)
    assert np.allclose(problem.designs(rounded).x, designs.x)


def test_distinct_dictionaries_are_what_pymoo_keeps(study):
    from pymoo.core.mixed import MixedVariableDuplicateElimination
    from pymoo.core.population import Population

    draw = np.random.default_rng(0)
    points, others = ([{"x": float(a), "p": int(b)} for a, b in draw.integers(0, 4, (12, 2))] for _ in range(2))
    first, second = (Population.new(X=np.array(p, dtype=object)) for p in (points, others))
    kept = [
        {tuple(sorted(point.X.items())) for point in elimination.do(first, second)}
        for elimination in (MixedVariableDuplicateElimination(), DistinctDictionaries())
    ]
    assert kept[0] == kept[1]
    assert len(DistinctDictionaries().do(first)) == len({tuple(p.items()) for p in points})


def test_optuna_searches_the_same_problem(study):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seen = []
    problem = to_optuna(study, watch=seen.append)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sampler = optuna.samplers.NSGAIISampler(population_size=6, seed=0, constraints_func=problem.constraints)
    trials = optuna.create_study(directions=problem.directions, sampler=sampler)
    trials.optimize(problem.objective, n_trials=18)
    assert len(seen) == 18
    for trial, judged in zip(trials.trials, seen, strict=True):
        assert np.allclose(trial.values, judged.objectives[:, 0])
        assert (problem.constraints(trial) == (0.0,)) == bool(judged.feasible[0])
        assert np.array_equal(problem.designs(trial).x, judged.x)
        assert trial.params["part"] in ("a", "b")
    assert all(problem.constraints(trial) == (0.0,) for trial in trials.best_trials)


@pytest.mark.parametrize(("make", "module"), [(to_pymoo, "pymoo.core.problem"), (to_optuna, "optuna")])
def test_without_the_extra_it_is_named(study, monkeypatch, make, module):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=r"codesign\[bench\]"):
        make(study)


def test_a_real_study_has_its_cells_and_objectives(tmp_path):
    small = codesign.load(written(tmp_path, SMALL))
    places = np.array([[tp, link] for tp in range(2) for link in range(2)]).T
    judged = make_judge(small, 4)(np.array([[8e11], [64.0]]) * np.ones(4), places)
    chosen = [[free.values[p] for p in row] for free, row in zip(small.file.discrete, places, strict=True)]
    rows = list(zip(*(small.columns[free.path] for free in small.file.discrete), strict=True))
    assert judged.cell.tolist() == [rows.index(c) if c in rows else -1 for c in zip(*chosen, strict=True)]
    assert ((judged.violations[-1] > 0) == (judged.cell < 0)).all()
    assert (judged.objectives[:, judged.cell >= 0] < FAR).all()


class _Clock:
    """Seconds that pass only when told."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        return self.now


def _batch(*points):
    objectives = np.array(points, dtype=float).T
    return Judged(np.zeros((1, len(points))), np.zeros(len(points), dtype=int), objectives, np.where(objectives[:1] > 100, 1.0, -1.0))


def test_books_of_a_rival_take_none_of_its_time(monkeypatch):
    clock = _Clock()
    monkeypatch.setattr(search_record, "time", clock)

    def slowly(points):
        clock.now += 100.0
        return np.ones(len(points), dtype=bool)

    monkeypatch.setattr(search_record, "nondominated", slowly)
    recorder = Recorder(2)
    clock.now = 1.0
    recorder.judged(_batch([1, 4], [200, 0]))
    clock.now += 1.0
    recorder.judged(_batch([4, 1]))
    moments = recorder.end()
    assert [m.seconds for m in moments] == [0.0, 1.0, 2.0, 2.0]
    assert [m.evaluations for m in moments] == [0, 2, 3, 3]
    assert moments[-1].front.tolist() == [[1, 4], [4, 1]]


def test_our_archive_is_noted_as_it_is():
    recorder = Recorder(2)
    archive = Archive(np.zeros((1, 2)), np.zeros(2, dtype=int), np.array([[1.0, 4.0], [4.0, 1.0]]))
    recorder.told(Progress("sampling", 7, archive, 0.1))
    last = recorder.end()[-1]
    assert (last.evaluations, last.front.tolist()) == (7, [[1, 4], [4, 1]])
    assert math.isclose(volume(last.front, np.array([0.0, 0.0]), np.array([10.0, 10.0])), (2 * 7 * 10 - 7 * 7) / 121)


def test_random_search_keeps_only_designs(study):
    recorder = Recorder(2)
    random_search(study, 0, recorder, 0.2)
    assert recorder.evaluations > 0
    front = recorder.end()[-1].front
    assert len(front) > 0
    assert (front < FAR).all()


def _run(method, seed, curve, front):
    kept = {"method": method, "study": "toy", "seed": seed, "seconds": 10.0, "loading": 1.0, "anchors": [[0.0, 0.0], [10.0, 10.0]]}
    return kept | {"curve": [[t, v, n] for t, v, n in curve], "front": front}


def _race(never):
    """Ours reaches everything at 1 s; the rival at 6 and 8 s, or never in one seed of two."""
    best = (11.0 - 1) * (11.0 - 1) / 121
    theirs = 0.9 * best if never else best
    return [
        _run("nsga2", 0, [(0, 0.0, 0), (6, best, 600)], [[1.0, 1.0]]),
        _run("nsga2", 1, [(0, 0.0, 0), (8, theirs, 800)], [[2.0, 2.0]]),
        _run("ours", 0, [(0, 0.0, 0), (1, best, 5000)], [[1.0, 1.0]]),
        _run("ours", 1, [(0, 0.0, 0), (0.5, 0.5 * best, 2000), (1, best, 5000)], [[1.0, 1.0]]),
    ]


def test_the_race_is_summed_up():
    summary = study_summary(_race(never=False))
    rival, ours = summary["methods"]["pymoo NSGA-II"], summary["methods"]["ours"]
    assert math.isclose(summary["best_known"], 100 / 121)
    assert rival["seconds_to"] == {"0.95": 7.0, "0.99": 7.0, "0.999": 7.0}
    assert rival["seconds_range"]["0.999"] == [6.0, 8.0]
    assert ours["regret"] == pytest.approx([0.0, 0.0, 0.0], abs=1e-12)
    assert rival["evaluations_per_second"] == [100.0, 100.0, 100.0]
    assert ours["curve"][-1] == pytest.approx([1.0, 100 / 121, 100 / 121, 100 / 121])
    rows = {row.id: row for row in bar_rows("toy", summary)}
    assert math.isclose(rows["toy.faster"].model, 7.0)
    assert all(row.within for row in rows.values())


def test_a_level_never_reached_counts_as_the_time_limit_and_says_so():
    summary = study_summary(_race(never=True))
    assert summary["methods"]["pymoo NSGA-II"]["seconds_to"]["0.999"] is None
    faster = bar_rows("toy", summary)[0]
    assert math.isclose(faster.model, 10.0)
    assert "no rival got there" in faster.quantity
    rows = {row.id: row for row in figure_rows("toy", summary)}
    assert rows["toy.nsga2.seconds_0.999"].model == 10.0
    assert "never" in rows["toy.nsga2.seconds_0.999"].quantity
    json.dumps([row.data() for row in rows.values()], allow_nan=False)


def test_a_method_that_found_nothing_in_time_is_in_the_race():
    found = [*_race(never=False), _run("optuna_tpe", 0, [(0.0, 0.0, 0)], [])]
    summary = study_summary(found)
    assert summary["methods"]["Optuna TPE"]["regret"] == [1.0, 1.0, 1.0]
    assert all(row.within for row in bar_rows("toy", summary))
    ET.fromstring(plot({"studies": {"toy": summary}}))


def test_the_plot_is_one_svg_with_a_line_per_method():
    summary = {"studies": {"toy": study_summary(_race(never=True)), "again & again": study_summary(_race(never=False))}}
    tree = ET.fromstring(plot(json.loads(json.dumps(summary))))
    lines = [e for e in tree.iter() if e.get("class") == "line"]
    assert len(lines) == 4
    assert not any("nan" in (e.get("d") or "") for e in tree.iter())


def test_runs_are_kept_and_only_asked_ones_redone(tmp_path, monkeypatch, capsys):
    made = []

    def child(task, programs):
        made.append((task.method, task.seed))
        return {**task._asdict(), "anchors": [[0, 0], [1, 1]], "curve": [[1.0, 0.5, len(made)]], "front": [], "loading": 0.0}

    monkeypatch.setattr(search_runs, "_child", child)
    tasks = [search_runs.Task(m, "toy", seed, 3.0) for m in ("nsga2", "ours", "ours_cold") for seed in range(2)]
    first = list(search_runs.runs(tasks, tmp_path, set()))
    warm_ups = [("nsga2", 0), ("ours", 0)]
    assert sorted(made) == sorted([(t.method, t.seed) for t in tasks] + warm_ups)
    assert list(search_runs.runs(tasks, tmp_path, set())) == first
    assert len(made) == 8
    list(search_runs.runs(tasks, tmp_path, {"ours"}))
    assert made[8:] == [("ours", 0), ("ours", 0), ("ours", 1)]
    assert search_runs.same_scale(first)
    assert not search_runs.same_scale([*first, first[0] | {"anchors": [[0, 0], [1, 1.1]]}])
    assert "seed 1: 0.5" in capsys.readouterr().err
