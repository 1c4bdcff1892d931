"""Is a single answer the best within its limits, are its limits priced, and are mistakes told at the door?

Toy: a machine of size x in two kinds; "plain" costs x and takes 8 / x, "fast" costs 1.5 x and takes
4 / x, so that the cheapest within a time T is fast and costs 6 / T.
"""

import json
import math
from typing import NamedTuple

import numpy as np
import pytest
import small_run

import codesign.study
from codesign import answer as single_answers
from codesign.answer import Answer, best, improved, priced, single
from codesign.certificate import Certificate
from codesign.commands import answer as answer_command
from codesign.commands import target as target_command
from codesign.config.free_variables import Free
from codesign.config.problems import ConfigError
from codesign.config.study_file import StudyFile
from codesign.constraints import Record
from codesign.search.archive import Archive
from codesign.search.lattice import Lattice
from codesign.search.program import UnknownOperation
from codesign.search.run import Found
from codesign.search.space import Choices, Space
from codesign.study import Infeasible, Study, Volumes, at_least, front_of, judge_of, slack_share, solve

LOW, HIGH = np.array([0.1]), np.array([100.0])
KINDS = np.array([0.0, 1.0])


class Toy(NamedTuple):
    """The metrics of the toy."""

    capital_cost: np.ndarray
    time_to_train: np.ndarray
    tokens_per_second: np.ndarray


SIGN = {"capital_cost": 1, "time_to_train": 1, "tokens_per_second": -1}


def toy_study(step=0.0):
    kind = Free("kind", "kind", "1", (0.0, 1.0), ("plain", "fast"))
    size = Free("size", "size", "1", low=0.1, high=100.0, step=step)
    file = StudyFile(
        "toy", "", ("capital_cost", "time_to_train"), (kind,),
        (size,), {"capital_cost": 1e6}, (), {"certificate_seconds": 5, "certificate_percent": 5, "front": 10},
    )  # fmt: skip
    space = Space(
        LOW, HIGH, {"kind": KINDS}, Choices(KINDS[:, None]), Choices(KINDS[:, None]).neighbours(), Lattice(LOW, HIGH, np.array([step]), {})
    )
    return Study(file, None, None, {"kind": KINDS}, space)


def exact_of(study):
    def exact(x, cell):
        fast, size = KINDS[cell] > 0, x[0]
        time = np.where(fast, 4.0, 8.0) / size
        metrics = Toy(np.where(fast, 1.5, 1.0) * size, time, 1 / time)
        broken = [np.full(len(cell), -0.5)]
        for name, bound in study.file.limits.items():
            value = getattr(metrics, name)
            broken.append((1 - 2 * at_least(name)) * (value - bound) / (value + bound))
        (aim,) = study.file.objectives
        return metrics, SIGN[aim] * np.log(getattr(metrics, aim))[None], np.stack(broken)

    return exact


@pytest.fixture
def poor_search(monkeypatch):
    """A search that finds a feasible design far from the best."""

    def solve(study, seed, watch):
        exact, sizes = exact_of(study), np.tile(np.geomspace(0.5, 99.9, 30), 2)
        kinds = np.repeat([0, 1], 30)
        row = np.flatnonzero(np.all(exact(sizes[None], kinds)[2] <= 0, axis=0))[[0]]
        start = Archive(study.space.snap(sizes[None, row], kinds[row]), kinds[row], np.zeros((1, 1)))
        return front_of(study, start, exact, Found(start, start), Volumes(0.0, 0.0, 0.0), seed)

    monkeypatch.setattr(single_answers, "solve", solve)
    monkeypatch.setattr(single_answers, "make_exact_evaluation", exact_of)


def solved(aim, limits, step=0.0):
    return best(toy_study(step), aim, limits, 3, lambda progress: None)


CASES = {
    "cheapest in time": ("capital_cost", {"time_to_train": 2.0}, 3.0),
    "cheapest at a rate": ("capital_cost", {"tokens_per_second": 0.5}, 3.0),
    "fastest for money": ("time_to_train", {"capital_cost": 120.0}, 0.05),
    "most for money": ("tokens_per_second", {"capital_cost": 30.0}, 5.0),
    "two limits": ("capital_cost", {"time_to_train": 2.0, "tokens_per_second": 4.0}, 24.0),
}


@pytest.mark.usefixtures("poor_search")
@pytest.mark.parametrize("name", CASES)
def test_the_best_design_within_limits(name):
    aim, limits, expected = CASES[name]
    found = solved(aim, limits)
    assert found.aim == aim
    assert found.value == pytest.approx(expected, rel=1e-5)
    assert found.front.columns["kind"] == [1.0]
    assert np.all(found.front.violations <= 0)


@pytest.mark.usefixtures("poor_search")
@pytest.mark.parametrize(
    ("aim", "limits", "expected"),
    [
        ("capital_cost", {"time_to_train": 2.0}, -1.0),
        ("capital_cost", {"tokens_per_second": 0.5}, 1.0),
        ("time_to_train", {"capital_cost": 120.0}, -1.0),
        ("tokens_per_second", {"capital_cost": 30.0}, 1.0),
    ],
)
def test_a_binding_limit_has_its_price_and_others_none(aim, limits, expected):
    for price in priced(solved(aim, limits), 5).prices:
        assert price.elasticity == pytest.approx(expected if price.limit in limits else 0.0, abs=1e-3)


@pytest.mark.usefixtures("poor_search")
def test_where_nothing_tighter_can_be_built_the_price_is_that_of_loosening():
    (_, price) = priced(solved("capital_cost", {"time_to_train": 0.041}), 5).prices
    assert math.isnan(price.tighter)
    assert price.elasticity == pytest.approx(-1.0, abs=1e-3)


@pytest.mark.usefixtures("poor_search")
def test_steps_leave_some_of_a_limit_and_it_has_a_price_all_the_same():
    found = priced(solved("capital_cost", {"time_to_train": 1.9}, step=0.5), 5)
    assert found.value == pytest.approx(3.75)
    price = found.prices[1]
    assert (price.looser, price.tighter) == pytest.approx((3.0, 3.75))
    assert price.elasticity < -0.5


@pytest.mark.usefixtures("poor_search")
def test_what_a_proof_finds_is_taken_only_when_it_is_better_and_feasible():
    found = solved("capital_cost", {"time_to_train": 2.0})
    worse, broken = np.array([[3.0]]), np.array([[1.0]])
    for x in (worse, broken):
        assert improved(found, Archive(x, np.array([1]), np.zeros((1, 1)))) is found
    start = front_of(
        found.front.study, Archive(worse, np.array([1]), np.zeros((1, 1))), found.exact, found.front.found, Volumes(0, 0, 0), 0
    )
    better = improved(Answer(start, found.exact), Archive(np.array([[2.5]]), np.array([1]), np.zeros((1, 1))))
    assert better.value == pytest.approx(3.75, rel=0.3)
    assert better.value < 4.5
    assert np.all(judge_of(found.exact)(np.array([[2.0], [1.9]]).T, np.array([1, 1])) < [10.0, np.inf])


ALMOST = Archive(np.array([[1.999999]]), np.array([1]), np.zeros((1, 1)))
"""A design that rounding of the search lets pass a limit of two seconds."""


def test_a_design_that_float32_alone_allows_is_mended():
    study = single(toy_study(), "capital_cost", {"time_to_train": 2.0})
    front = solve(study, 3, lambda progress: None, lambda *_: Found(ALMOST, ALMOST), exact_of(study))
    assert front.size == 1
    assert front.metrics.capital_cost[0] == pytest.approx(3.0, rel=1e-5)
    assert np.all(front.violations <= 0)


def test_where_nothing_can_be_mended_the_limit_is_told(monkeypatch):
    monkeypatch.setattr(codesign.study, "records", lambda metrics: [])
    study = single(toy_study(), "capital_cost", {"time_to_train": 0.03})
    with pytest.raises(Infeasible) as told:
        solve(study, 3, lambda progress: None, lambda *_: Found(ALMOST, ALMOST), exact_of(study))
    assert told.value.record.name == "limit on time_to_train"
    assert told.value.record.gap == pytest.approx(0.01, rel=0.1)


@pytest.mark.usefixtures("poor_search")
def test_a_limit_with_room_does_not_bind_though_a_tighter_one_would_cost(stubbed, tmp_path, capsys):
    """Steps of 0.5 give 2.0 s to a limit of 2.1 s: nothing is gained by loosening it to 2.3 s, something lost by tightening it."""
    stubbed(PROOFS["proved"])
    study = small_run.written(tmp_path, small_run.SMALL)
    assert answer_command.run_answer(study, {"--min": "capital_cost"}, ("time_to_train=2.1 s",), (), 2, True) == 0
    found = small_run.strict_json(capsys.readouterr().out)
    assert "limit on time_to_train" not in {limit["name"] for limit in found["limits"] if limit["binds"]}
    (price,) = (price for price in found["prices"] if price["limit"] == "time_to_train")
    assert price["looser"] == pytest.approx(found["value"])
    assert price["tighter"] > 1.1 * found["value"]


@pytest.mark.parametrize("stage", ["polish", "prices"])
def test_an_interrupt_keeps_the_answer_that_there_is(stage, stubbed, monkeypatch, tmp_path, capsys):
    stubbed(PROOFS["proved"])

    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(*((single_answers, "polish", stop) if stage == "polish" else (answer_command, "priced", stop)))
    study = small_run.written(tmp_path, small_run.SMALL)
    code = answer_command.run_answer(study, {"--min": "capital_cost"}, ("time_to_train=1.9 s",), (), 2, True)
    found = small_run.strict_json(capsys.readouterr().out)
    assert (code, found["interrupted"], found["prices"]) == (130, True, [])
    assert found["value"] >= 3.75


def test_limits_of_the_question_replace_those_of_the_study():
    study = single(toy_study(), "time_to_train", {"capital_cost": 5.0, "tokens_per_second": 1.0})
    assert study.file.objectives == ("time_to_train",)
    assert study.file.limits == {"capital_cost": 5.0, "tokens_per_second": 1.0}


@pytest.mark.parametrize(("demand", "bound", "expected"), [(3.0, 4.0, 0.25), (4.0, 4.0, 0.0), (4.0, 3.0, -0.25), (0.0, 0.0, 0.0)])
def test_the_share_of_a_limit_that_is_left(demand, bound, expected):
    assert slack_share(Record("x", demand, bound, demand - bound, "1", "")) == expected


def problems_of(function):
    with pytest.raises(ConfigError) as error:
        function()
    return [(problem.file, problem.key, problem.message) for problem in error.value.problems]


def asked(**changes):
    whole = {"constant": "cluster.device.scale_up.link.energy_serdes", "low": "0.5 pJ/bit", "high": "5 pJ/bit"}
    whole |= {"aim": "energy_to_train", "target": "5 GWh", "limits": ()}
    return target_command.Question(**whole | changes)


def test_all_mistakes_of_a_question_are_told_at_once(tmp_path):
    study = small_run.written(tmp_path, small_run.SMALL.replace("tp = 16", "tpp = 16"))
    limits = ("time_to_trian=3 day", "energy_to_train=3 day", "capital_cost", "time_per_output_token=1 s")
    found = problems_of(lambda: answer_command.run_answer(study, {"--min": "captal_cost"}, limits, (), None, True))
    assert {(file, key) for file, key, _ in found} >= {
        ("--min", "captal_cost"), ("--limit", "time_to_trian"), ("--limit", "energy_to_train"), ("--limit", "capital_cost"),
        ("--limit", "time_per_output_token"),
    }  # fmt: skip
    text = str(found)
    for hint in ("did you mean 'capital_cost'", "did you mean 'time_to_train'", "not a unit of the same kind", "is that of serving", "tpp"):
        assert hint in text


@pytest.mark.parametrize(
    ("aims", "fragment"),
    [({}, "expected one aim"), ({"--min": "tokens_per_second"}, "use --max"), ({"--max": "capital_cost"}, "use --min")],
)
def test_an_aim_has_one_sense(aims, fragment, tmp_path):
    study = small_run.written(tmp_path, small_run.SMALL)
    assert fragment in str(problems_of(lambda: answer_command.run_answer(study, aims, (), (), None, True)))


@pytest.mark.parametrize(
    ("changes", "option", "fragment"),
    [
        ({"constant": "cluster.device.scale_up.link.energy_serdez"}, "--constant", "did you mean"),
        ({"constant": "cluster.device.scale_up.bandwidth"}, "--constant", "is free in the study"),
        ({"constant": "mapping.tp"}, "--constant", "is chosen in the study"),
        ({"constant": "cluster.device.package.stacks"}, "--constant", "is a count"),
        ({"low": "0 pJ/bit"}, "--low", "positive"),
        ({"low": "6 pJ/bit"}, "--low", "is not below"),
        ({"high": "5 Gb/s"}, "--high", "not a unit of the same kind"),
        ({"high": "5000 pJ/bit"}, "--high", "outside"),
        ({"aim": "energy_to_trian"}, "--aim", "did you mean 'energy_to_train'"),
        ({"target": "5 day"}, "--reach", "not a unit of the same kind"),
        ({"target": "0 GWh"}, "--reach", "positive"),
        ({"aim": "time_per_output_token", "target": "1 s"}, "--aim", "serving"),
    ],
)
def test_a_mistake_about_a_constant_or_target(changes, option, fragment, tmp_path):
    study = small_run.written(tmp_path, small_run.SMALL)
    found = problems_of(lambda: target_command.run_target(study, asked(**changes), (), None, True))
    assert [file for file, _, _ in found] == [option]
    assert fragment in found[0][2]


PROOFS = {
    "proved": Certificate(0.004, 0.005, 10, 0, 2.0, 1.0, 2, 5, 1, "hash", False),
    "no bound": Certificate(math.inf, 0.005, 10, 4, 2.0, 1.0, 2, 5, 1, "hash", False),
    "no proof": UnknownOperation("sort"),
}


@pytest.fixture
def stubbed(monkeypatch, poor_search):
    """The command on the toy: nothing is compiled."""
    monkeypatch.setattr(answer_command, "prepare", lambda file, design, workload: toy_study(0.5))
    monkeypatch.setattr(codesign.study, "records", lambda metrics: [Record("devices", 2.0, 2.0, 0.0, "1", "more")])

    def prove(how):
        def certify(study, designs, exact, target, seconds, workers, watch):
            if isinstance(how, UnknownOperation):
                raise how
            return how, designs

        monkeypatch.setattr(answer_command, "certify", certify)

    return prove


@pytest.mark.parametrize("how", PROOFS)
@pytest.mark.parametrize("as_json", [True, False])
def test_an_answer_as_it_is_told(how, as_json, stubbed, tmp_path, capsys):
    stubbed(PROOFS[how])
    study = small_run.written(tmp_path, small_run.SMALL)
    assert answer_command.run_answer(study, {"--min": "capital_cost"}, ("time_to_train=1.9 s",), (), 2, as_json) == 0
    text = capsys.readouterr().out
    if as_json:
        found = small_run.strict_json(text)
        assert (found["value"], found["design"]["kind"], found["design"]["size"]) == (3.75, "fast", "2.5")
        assert {limit["name"] for limit in found["limits"] if limit["binds"]} == {"limit on time_to_train", "devices"}
        assert found["prices"][1]["limit"] == "time_to_train"
    else:
        words = {
            "proved": "by more than 0.40 %",
            "no bound": "no bound after 2 s",
            "no proof": "none can be had, no bounds are known",
        }
        for part in (words[how], "kind fast, size 2.5", "limit on time_to_train", "10 % looser"):
            assert part in text


def test_a_target_in_the_model_is_reached_or_out_of_reach(tmp_path, capsys):
    study = small_run.written(tmp_path, small_run.SMALL)
    assert target_command.run_target(study, asked(high="2 pJ/bit", target="4.85 GWh"), (), 1, True) == 0
    found = json.loads(capsys.readouterr().out)
    curve = {point["constant"]: point["value"] for point in found["curve"]}
    assert curve[found["reached"]] <= found["target"] < curve[found["missed"]]
    values = [curve[constant] for constant in sorted(curve)]
    assert np.all(np.diff(values) >= -1e-6 * np.abs(values[1:]))
    logs = np.diff(np.log(values)) / np.diff(np.log(sorted(curve)))
    slopes = np.array([point["slope"] for point in found["curve"]])
    assert np.all(logs[:3] > 0.8 * slopes[:3])
    assert np.all(logs[:3] < 1.2 * slopes[1:4])
    shortfall = found["reached"] / found["missed"]
    assert 0.995 <= shortfall <= 1.0
