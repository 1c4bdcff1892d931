"""Is the constant found at which an optimum reaches a target, also where the optimum jumps, is flat, noisy or never there?

Toy: a design x in one of two cells costs 1 / x + c x, or 3 whatever the constant c is, so that the
optimum is min(2 sqrt(c), 3), flat from c = 2.25 on; with a limit x >= 2 the first is 1/2 + 2 c from c = 1/4 on.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from codesign.commands.target import finding, flat_texts
from codesign.inverse import Optimum, Reached, optimum_at, shortfall
from codesign.search.envelope import Slopes, multipliers, slopes
from codesign.search.lattice import Lattice
from codesign.search.optima import Optima
from codesign.search.space import Choices, Space
from codesign.search.threshold import between, flat_ends, locate, threshold

CELLS = np.array([0.0, 1.0])
LOW, HIGH = np.array([0.05]), np.array([20.0])
SPACE = Space(
    LOW, HIGH, {"other": CELLS}, Choices(CELLS[:, None]), Choices(CELLS[:, None]).neighbours(), Lattice(LOW, HIGH, np.zeros(1), {})
)
ENDS = (0.05, 9.0)


def toy(least=0.0, most_constant=math.inf):
    """The toy with a limit on x from below, and one on the constant."""

    def outcome(x, cell, constant):
        cost = np.where(CELLS[cell] > 0, 3.0, 1 / x[0] + constant * x[0])
        return np.log(cost), np.stack([(least - x[0]) / (least + x[0]), np.where(constant > most_constant, 0.3, -0.3)])

    return outcome


def optima(constants, **limits):
    found = Optima(toy(**limits), SPACE, ENDS, seed=1)
    for constant in constants:
        found.optimise(constant)
    return found


@pytest.fixture(scope="module")
def curve():
    constants = np.geomspace(*ENDS, 7)
    return optima(constants), constants


def measured(function):
    """A measure as `locate` takes it, of a plain function."""
    levels = {}

    def measure(constant):
        levels[constant] = function(constant)
        return levels

    return measure


CURVES = {
    "rising": (lambda c: math.log(c / 3.0), 3.0),
    "falling": (lambda c: math.log(0.7 / c), 0.7),
    "steep": (lambda c: math.sinh(40 * math.log(c / 2.0)), 2.0),
    "nearly flat": (lambda c: 1e-3 * math.log(c / 5.0), 5.0),
    "jump": (lambda c: -0.1 if c < 1.37 else 0.4, 1.37),
    "no design beyond": (lambda c: -0.1 if c < 4.2 else math.inf, 4.2),
    "no design below": (lambda c: math.inf if c < 0.3 else math.log(c / 6.0) if c > 7 else -1.0, 0.3),
    "convex": (lambda c: (c / 2.5) ** 4 - 1.0, 2.5),
}


@pytest.mark.parametrize("name", CURVES)
@pytest.mark.parametrize("ends", [(0.1, 10.0), (0.02, 6.5)])
def test_the_crossing_is_between_two_near_constants(name, ends):
    function, truth = CURVES[name]
    levels = locate(measured(function), *ends, 7, 0.005)
    found = threshold(levels)
    if name != "no design below":
        assert found.crossings == 1
        assert min(found.reached, found.missed) <= truth <= max(found.reached, found.missed)
        assert max(found.reached, found.missed) / min(found.reached, found.missed) < 1.00502
    assert function(found.reached) <= 0 < function(found.missed)
    assert len(levels) <= 17


@pytest.mark.parametrize("seed", range(5))
def test_noise_of_the_search_moves_the_crossing_by_as_much(seed):
    noise = np.random.default_rng(seed)
    levels = locate(measured(lambda c: 0.5 * math.log(c / 3.0) + 0.01 * noise.random()), 0.1, 10.0, 7, 0.005)
    found = threshold(levels)
    assert 3.0 * math.exp(-0.03) < found.reached < 3.0


def test_what_is_learnt_later_moves_the_bracket():
    levels = {}

    def measure(constant):
        levels[constant] = 0.5 * math.log(constant / 3.0) + (0.2 if len(levels) < 7 else 0.0)
        if len(levels) == 10:
            levels.update({c: 0.5 * math.log(c / 3.0) for c in levels})
        return levels

    found = threshold(locate(measure, 0.1, 10.0, 7, 0.005))
    assert found.reached <= 3.0 < found.missed


@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ({1.0: 0.1, 2.0: 0.3}, (None, 1.0, 0)),
        ({1.0: 0.3, 2.0: 0.1}, (None, 2.0, 0)),
        ({1.0: -0.3, 2.0: -0.1}, (1.0, None, 0)),
        ({1.0: 0.1, 2.0: -0.1, 4.0: 0.2}, (2.0, 1.0, 2)),
        ({1.0: -0.1, 2.0: 0.1, 3.0: -0.1, 4.0: 0.2}, (1.0, 2.0, 3)),
        ({1.0: 0.2, 2.0: -0.1, 3.0: 0.1, 4.0: -0.2}, (4.0, 3.0, 3)),
        ({1.0: math.inf, 2.0: math.inf}, (None, 1.0, 0)),
    ],
)
def test_a_threshold_says_what_is_reached_and_how_often_it_is_crossed(levels, expected):
    assert threshold(levels) == expected


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0.5, 0.5, 0.5, 0.2], (4.0, None)),
        ([0.5, 0.4, 0.3, 0.3005], (None, 4.0)),
        ([0.5, 0.4, 0.3, 0.2], (None, None)),
        ([0.1, 0.1, 0.1, 0.1], (8.0, 1.0)),
        ([0.1, 0.2, math.inf, math.inf], (None, None)),
    ],
)
def test_flat_ends(values, expected):
    assert flat_ends(dict(zip([1.0, 2.0, 4.0, 8.0], values, strict=True))) == expected


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_optimum_between_two_constants_of_the_grid_is_looked_for(sign):
    """The target is reached (or missed) near 0.7 alone, between the third and the fourth of seven constants."""
    levels = locate(measured(lambda c: sign * (math.log(c / 0.7) ** 2 - 0.05)), 0.1, 9.0, 7, 0.005)
    assert threshold(levels).crossings == 2


def test_where_nothing_moves_nothing_more_is_tried():
    assert len(locate(measured(lambda c: 0.5), 0.1, 9.0, 7, 0.005)) == 7


def test_a_look_stays_inside_its_bracket():
    for left in range(1, 12):
        for at_a, at_b in ((-1.0, 1e-9), (1e-9, -1.0), (-1e-6, 5.0), (-math.inf, 1.0)):
            assert 1.0 < between(1.0, 1.7, at_a, at_b, left, 0.005) < 1.7


def test_optima_are_those_of_the_toy(curve):
    found, constants = curve
    truth = np.log(np.minimum(2 * np.sqrt(constants), 3.0))
    np.testing.assert_allclose([found.levels(0.0)[c] for c in constants], truth, atol=1e-5)
    assert flat_ends(found.levels(0.0)) == (None, constants[5])


def test_slopes_follow_from_the_optimum_alone(curve):
    found, constants = curve
    expected = np.where(constants < 2.25, 0.5, 0.0)
    np.testing.assert_allclose([found.slopes(c).free for c in constants], expected, atol=1e-3)


def test_the_slope_of_an_aim_that_is_better_when_larger_is_that_of_the_aim(curve):
    """The toy is 1 / aim there: where it grows by half a per cent per per cent, the aim falls."""
    found, constants = curve
    least, most = (optimum_at(found, constants[1], sense) for sense in (1, -1))
    assert (least.slopes.free, most.slopes.free) == pytest.approx((0.5, -0.5), abs=1e-3)
    assert most.value == pytest.approx(1 / least.value)


@pytest.mark.parametrize("constant", [0.1, 0.5, 1.0])
def test_a_limit_moves_the_optimum_and_enters_the_slope(constant):
    found = optima([constant], least=2.0)
    best = 2 * math.sqrt(constant) if constant < 0.25 else 0.5 + 2 * constant
    assert found.levels(0.0)[constant] == pytest.approx(math.log(best), abs=1e-4)
    share = 0.5 if constant < 0.25 else 2 * constant / best
    assert found.slopes(constant).free == pytest.approx(share, abs=1e-2)


def test_a_limit_that_moves_with_the_constant_has_a_price():
    """1 / x within x <= 1 / c: the optimum is c, although c is in no objective."""

    def outcome(x, cell, constant):
        return -np.log(x[0]), ((x[0] * constant - 1) / (x[0] * constant + 1))[None]

    found = slopes(outcome, SPACE, np.array([0.5]), 0, 2.0)
    assert found.fixed == pytest.approx(0.0, abs=1e-6)
    assert found.free == pytest.approx(1.0, abs=1e-6)


def test_multipliers_are_never_negative():
    weights, rows = multipliers(np.array([-1.0, -1.0]), np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]]), np.array([4, 5, 6]))
    np.testing.assert_allclose(weights, [1.0, 1.0], atol=1e-9)
    assert rows.tolist() == [4, 6]


def test_where_there_is_no_design_there_is_no_level():
    found = optima([0.2, 5.0], most_constant=1.0)
    assert found.levels(0.0)[0.2] == pytest.approx(math.log(2 * math.sqrt(0.2)), abs=1e-5)
    assert found.levels(0.0)[5.0] == math.inf
    assert math.isnan(found.slopes(5.0).free)


def test_what_is_found_at_one_value_serves_the_others():
    found = optima([0.2])
    good, bad = found.pools[0.2], found.pools[0.2]._replace(x=np.full_like(found.pools[0.2].x, 0.05))
    found.pools[0.2] = bad._replace(objectives=found.judge(0.2)(bad.x, bad.cell)[None])
    found.optimise(0.21)
    assert found.levels(0.0)[0.2] == pytest.approx(good.objectives[0, 0], abs=1e-3)


def reached_of(levels, target=5.0):
    """A curve as `reach` returns it, of levels alone."""
    file = SimpleNamespace(objectives=("capital_cost",), limits={})
    nothing = Slopes(math.nan, math.nan)
    curve = tuple(Optimum(c, 1e6 * target * math.exp(level), nothing, np.ones(1), 0) for c, level in levels.items())
    return Reached(SimpleNamespace(file=file), "a.b", 1e6 * target, threshold(levels), curve, flat_ends(levels))


@pytest.mark.parametrize(
    ("levels", "sentence", "flat"),
    [
        ({1.0: -0.2, 2.0: -0.1, 3.0: 0.1}, "needs at most 2 m (at 3 m it is 5.5259 M$)", 0),
        ({1.0: 0.2, 2.0: 0.1, 3.0: -0.1}, "needs at least 3 m (at 2 m it is 5.5259 M$)", 0),
        ({1.0: 0.2, 2.0: -0.1, 3.0: 0.1}, "needs at least 2 m (at 1 m it is 6.107 M$); it is crossed 2 times", 0),
        ({1.0: 0.3, 2.0: 0.1, 3.0: 0.1}, "is out of reach at all 3 values tried between these bounds: the best is 5.5259 M$, at 2 m", 1),
        ({1.0: -0.1, 2.0: -0.1, 3.0: -0.1}, "is reached at all 3 values tried between these bounds", 1),
        ({1.0: 0.1, 2.0: 0.1, 3.0: -0.1, 4.0: -0.1}, "needs at least 3 m (at 2 m it is 5.5259 M$)", 2),
    ],
)
def test_the_finding_in_words(levels, sentence, flat):
    found = reached_of(levels)
    assert finding(found, "m").startswith(f"capital cost of 5 M$ {sentence}")
    assert len(flat_texts(found, "m")) == flat


@pytest.mark.parametrize(("aim", "demand", "bound"), [("capital_cost", 5.5e6, 5e6), ("tokens_per_second", 5e6, 4.5e6)])
def test_a_target_out_of_reach_is_a_limit_that_is_exceeded(aim, demand, bound):
    level = math.log(1.1) if aim == "capital_cost" else math.log(0.9)
    found = reached_of({1.0: level})
    found = found._replace(study=SimpleNamespace(file=SimpleNamespace(objectives=(aim,))), threshold=threshold({1.0: 0.1}))
    record = shortfall(found)
    assert (record.demand, record.bound) == pytest.approx((demand, bound))
    assert record.gap > 0
    assert "a.b" in record.levers
