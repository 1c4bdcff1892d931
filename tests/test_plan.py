"""Is a search a plan of pure units that any engine performs alike, and does it end complete, small, and when it is told to?

The toy of `test_search` is used throughout.
"""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from test_search import LATTICE, LIMIT, SPACE, toy

from codesign.engine.arrays import checksum
from codesign.engine.local import Local
from codesign.engine.run import run
from codesign.engine.work import Job
from codesign.pareto import dominates, nondominated
from codesign.search.archive import CAPACITY, NEAR, Archive, Scale, deficits, empty_population, grown, united
from codesign.search.budget import Budget
from codesign.search.mutate import LINE, adjacent, adjacent_count, along, children, crossed, distinct, fingerprints
from codesign.search.plan import SearchPlan
from codesign.search.run import found_of, search
from codesign.search.sample import make_batch_evaluation
from codesign.search.space import Choices
from codesign.search.state import nothing_found, population_of

AS_USERS_COMPILE = True
BUDGET = Budget(seed=3, rounds=1, units=2, generations=1)
JOB = Job("test_plan:none", b"", "toy", {"seed": "3"})
ONE = Scale(np.zeros(2), np.ones(2))


def small_plan(**changes):
    """The plan of the toy."""
    return SearchPlan(toy(LIMIT), SPACE, BUDGET._replace(**changes), 2, "toy")


class Stop(Exception):
    """Ends a run from its watcher."""


def _same(a, b):
    assert set(a) == set(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], err_msg=name)


@pytest.fixture(scope="module")
def whole():
    return run(JOB, small_plan(), None, lambda step: None, Local())


def test_a_search_here_and_an_engine_find_the_same_bits(whole):
    here, there = search(toy(LIMIT), SPACE, BUDGET, 2, lambda progress: None), found_of(whole)
    for name in ("archive", "relaxed"):
        for mine, other in zip(getattr(here, name), getattr(there, name), strict=True):
            np.testing.assert_array_equal(mine, other)
    assert (here.evaluations, here.feasible_share) == (there.evaluations, there.feasible_share)
    np.testing.assert_array_equal(here.anchors, there.anchors)


@pytest.mark.parametrize("steps", [7])
def test_a_search_that_was_cut_and_resumed_ends_with_the_same_bits(whole, steps, tmp_path):
    left = [steps]

    def watch(step):
        left[0] -= 1
        if not left[0]:
            raise Stop

    with pytest.raises(Stop):
        run(JOB, small_plan(), tmp_path / "run", watch, Local())
    _same(run(JOB, small_plan(), tmp_path / "run", lambda step: None, Local(), resume=True), whole)


def test_units_do_not_depend_on_the_order_in_which_they_are_done():
    plan, state = small_plan(units=3), small_plan(units=3).start()
    for _ in range(3):
        units = range(plan.units(state))
        backwards = [plan.perform(state, unit) for unit in reversed(units)][::-1]
        for shard, unit in zip(backwards, units, strict=True):
            _same(small_plan(units=3).perform(state, unit), shard)
        state = plan.combine(state, backwards)


def _stages_of(plan, rounds):
    """Stages and units of the first rounds, and the state after them."""
    seen, state = [], plan.start()
    for _ in range(rounds):
        seen.append((str(state["stage"]), plan.units(state)))
        state = plan.combine(state, [plan.perform(state, unit) for unit in range(seen[-1][1])])
    return seen, state


@pytest.mark.parametrize(("breadth", "units"), [(1, 2), (3, 2)])
def test_a_mutation_is_as_wide_as_asked_for_and_other_rounds_as_their_work(breadth, units):
    seen, state = _stages_of(small_plan(breadth=breadth, units=units), 3)
    assert seen == [("sampling", units), ("mutation", breadth), ("polish", 1)]
    plan = small_plan(units=units)
    assert plan.units(state | {"stage": np.array("mutation"), "idle": np.array(1)}) == units
    assert plan.units(state | {"stage": np.array("sweep"), "idle": np.array(1)}) == 1


def test_wide_rounds_judge_every_neighbour_and_every_cell_once(monkeypatch):
    _, state = _stages_of(small_plan(), 2)
    alone, whole = small_plan(), {}
    for stage in ("polish", "sweep"):
        whole[stage] = alone.perform(state | {"stage": np.array(stage), "idle": np.array(1)}, 0)
    monkeypatch.setattr("codesign.search.stages.BATCH", 64)
    for stage, shard in whole.items():
        plan, here = small_plan(units=2), state | {"stage": np.array(stage), "idle": np.array(1)}
        assert plan.units(here) == 2
        shards = [plan.perform(here, unit) for unit in range(2)]
        assert all(0 < part["evaluations"] < shard["evaluations"] for part in shards)
        joined = united([population_of(part) for part in shards], Scale(here["low"], here["span"]))
        designs = population_of(shard).archive
        assert set(fingerprints(joined.archive.x, joined.archive.cell)) == set(fingerprints(designs.x, designs.cell)), stage


def test_the_number_of_neighbours_counts_repetitions():
    designs = Archive(SPACE.snap(np.array([[0.5, 3.0], [1.0, 2.0]]), np.array([0, 1])), np.array([0, 1]), np.zeros((2, 2)))
    assert adjacent_count(designs.cell, SPACE) == len(adjacent(designs, SPACE)[1]) == 10


def test_two_devices_find_the_same_bits(whole):
    code = (
        "import jax; jax.config.update('jax_enable_x64', True)\n"
        "import test_plan; from codesign.engine.arrays import checksum\n"
        "plan = test_plan.small_plan()\n"
        "print(jax.local_device_count(), checksum(test_plan.run(test_plan.JOB, plan, None, lambda step: None, test_plan.Local())))"
    )
    flags = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_PLATFORMS": "cpu"}
    here = Path(__file__).parent
    done = subprocess.run([sys.executable, "-c", code], cwd=here, env=flags, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["2", checksum(whole)], done.stderr


def test_a_search_that_ends_by_itself_is_complete_in_its_neighbourhood():
    found = search(toy(LIMIT), SPACE, Budget(seed=1, units=1, generations=2), 2, lambda progress: None)
    x, cell = adjacent(found.archive, SPACE)
    objectives, violations = make_batch_evaluation(toy(LIMIT), SPACE)(x, cell)
    neighbours = objectives[:, violations[0] <= 0].T
    front = found.archive.objectives.T
    better = [point for point in neighbours if not np.any(np.all(front <= point, axis=1))]
    assert len(better) <= 0.01 * len(front)


def test_descents_are_counted_and_reach_the_front():
    found = search(toy(LIMIT), SPACE, BUDGET._replace(descents=1, lanes=64, directions=8), 2, lambda progress: None)
    assert found.gradients > 0
    assert found.relaxed.size > 50


@pytest.mark.parametrize("told", [1, 5])
def test_an_interrupt_ends_with_what_is_found(told):
    reports = []

    def watch(progress):
        reports.append(progress)
        if len(reports) == told:
            raise KeyboardInterrupt

    found = search(toy(LIMIT), SPACE, BUDGET, 2, watch)
    assert found.interrupted
    assert found.archive.size == reports[-1].front
    assert found.relaxed.size >= found.archive.size
    assert all(0 <= report.done <= 1 for report in reports)


def test_the_time_of_a_budget_ends_a_search(monkeypatch):
    seconds = iter(range(1000))
    monkeypatch.setattr("codesign.search.run.time.perf_counter", lambda: float(next(seconds)))
    found = search(toy(LIMIT), SPACE, BUDGET._replace(rounds=1000, seconds=12), 2, lambda progress: None)
    assert not found.interrupted
    assert found.archive.size


def test_a_state_holds_a_front_a_sample_and_a_summary(whole):
    population = population_of(whole)
    assert population.archive.size <= CAPACITY
    assert population.near.size <= NEAR
    assert sum(array.nbytes for array in whole.values()) < 4e6
    assert all(array.dtype.kind in "biufU" for array in (whole | nothing_found(SPACE.low, 2)).values())


def _designs(count, cells, seed):
    generator = np.random.default_rng(seed)
    objectives = generator.random((2, count)) + 0.1
    return Archive(generator.random((2, count)), generator.integers(0, cells, count), objectives)


@pytest.mark.parametrize("seed", range(4))
def test_a_deficit_is_what_must_be_gained_to_be_on_the_front(seed):
    designs = _designs(60, 5, seed)
    front = designs.objectives[:, nondominated(designs.objectives.T)][:, :8]
    lacks = deficits(designs.objectives, front, ONE)
    for point, lack in zip(designs.objectives.T, lacks, strict=True):
        assert not any(dominates(goal, point - lack - 1e-5) for goal in front.T)
        if lack > 1e-5:
            assert any(np.all(goal <= point - lack + 1e-5) for goal in front.T)


@pytest.mark.parametrize("seed", range(4))
def test_a_population_is_the_front_and_the_best_of_other_cells(seed):
    designs = _designs(200, 9, seed)
    population = grown(empty_population(2, 2), designs, np.full((1, 200), -1.0), ONE)
    assert sorted(fingerprints(population.archive.x, population.archive.cell)) == sorted(
        fingerprints(designs.x, designs.cell)[nondominated(designs.objectives.T)]
    )
    assert len(set(population.near.cell)) == population.near.size <= 9
    assert np.all(np.diff(population.lacks) >= 0)
    halves = [grown(empty_population(2, 2), Archive(*(a[..., k::2] for a in designs)), np.full((1, 100), -1.0), ONE) for k in range(2)]
    joined = united(halves, ONE)
    assert set(fingerprints(joined.archive.x, joined.archive.cell)) == set(fingerprints(population.archive.x, population.archive.cell))


def test_without_a_feasible_design_the_least_violating_are_kept_until_there_is_one():
    designs, over = _designs(50, 7, 0), np.random.default_rng(1).random((1, 50)) + 0.1
    population = grown(empty_population(2, 2), designs, over, ONE)
    assert population.archive.size == 0
    assert population.lacks[0] == over.min()
    found = grown(population, _designs(1, 7, 5), np.zeros((1, 1)), ONE)
    assert (found.archive.size, found.near.size) == (1, 1)


def test_children_stay_in_the_box_and_neighbours_differ_in_one_thing():
    designs = Archive(
        SPACE.snap(np.array([[0.5, 3.0], [1.0, 2.0]]), np.array([0, 1])), np.array([0, 1]), np.array([[0.0, 1.0], [1.0, 0.0]])
    )
    population = empty_population(2, 2)._replace(archive=designs)
    x, cell = children(population, SPACE, 500, np.random.default_rng(0))
    assert np.all((x >= SPACE.low[:, None] * (1 - 1e-9)) & (x <= SPACE.high[:, None] * (1 + 1e-9)))
    assert set(cell) == {0, 1}
    x, cell = adjacent(designs, SPACE)
    assert len(cell) == 2 * (2 * 2 + 1)
    for own, place in zip(x.T, cell, strict=True):
        changed = [np.sum(np.abs(own - p) > 1e-9) + (place != c) for p, c in zip(designs.x.T, designs.cell, strict=True)]
        assert min(changed) == 1
    assert len(distinct(np.concatenate([x, x], axis=1), np.concatenate([cell, cell]))[1]) == len(cell)


def test_a_free_variable_moves_by_a_share_of_its_range():
    free = SPACE._replace(lattice=SPACE.lattice._replace(steps=np.zeros(2)))
    x, _ = adjacent(Archive(np.array([[1.0], [1.0]]), np.array([0]), np.zeros((2, 1))), free)
    assert np.all(np.abs(np.log(x)).max(axis=0)[np.abs(np.log(x)).max(axis=0) > 0] < 0.02)


def test_choices_name_their_cell_or_none():
    codes = np.array([[1, 1], [2, 1], [4, 1], [4, 2], [1, 8]], dtype=float)
    choices = Choices(codes)
    every = np.array([[a, b] for a in range(3) for b in range(3)])
    assert choices.cells(choices.places).tolist() == [0, 1, 2, 3, 4]
    assert sorted(choices.cells(every).tolist()) == [-1, -1, -1, -1, 0, 1, 2, 3, 4]


def test_crossed_cells_have_choices_of_either():
    codes = np.array([[a, b, c] for a in range(3) for b in range(4) for c in range(2) if a + b + c != 4], dtype=float)
    space, generator = SPACE._replace(choices=Choices(codes)), np.random.default_rng(0)
    own, other = generator.integers(0, len(codes), (2, 400))
    found = crossed(space, own, other, generator)
    assert np.all((codes[found] == codes[own]) | (codes[found] == codes[other]))
    assert np.mean((found != own) & (found != other)) > 0.2


def test_designs_along_a_line_differ_in_one_variable_and_span_its_range():
    space = SPACE._replace(lattice=LATTICE._replace(steps=np.zeros(2)))
    designs = Archive(np.array([[1.0, 2.0], [3.0, 0.5]]), np.array([0, 1]), np.zeros((2, 2)))
    x, cell = along(designs, space, np.random.default_rng(0))
    assert len(cell) == 2 * 2 * LINE
    for own, place in zip(designs.x.T, designs.cell, strict=True):
        here = x[:, cell == place]
        assert np.all((here == own[:, None]).sum(axis=0) == 1)
        for row in range(2):
            moved = np.log(here[row, here[row] != own[row]] / space.low[row]) / np.log(space.high[row] / space.low[row])
            assert np.allclose(np.floor(np.sort(moved) * LINE), np.arange(LINE))


def test_what_a_polish_finds_is_looked_around_in_the_next():
    """A design found by a polish has neighbours that nobody has looked at."""
    plan = small_plan(rounds=3)
    state = plan.combine(plan.start(), [plan.perform(plan.start(), unit) for unit in range(plan.units(plan.start()))])
    for _ in range(2):
        before = state
        state = plan.combine(state, [plan.perform(state, unit) for unit in range(plan.units(state))])
    assert str(before["stage"]) == "polish"
    new = set(fingerprints(state["archive.x"], state["archive.cell"])) - set(fingerprints(before["archive.x"], before["archive.cell"]))
    assert new
    assert not new & set(state["seen"])
