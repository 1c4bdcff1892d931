"""Is every mistake in what is asked of serving told at the door, and is what cannot be served told as a limit?"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from cases import point
from small_run import CONFIGS, SMALL, invoke, told, written

from codesign.api import load
from codesign.config import ConfigError
from codesign.config.asked_metrics import SERVING, TRAINING
from codesign.evaluate import evaluate
from codesign.fields import quantities
from codesign.legal import broken_rules
from codesign.metrics import Metrics

DESIGN = (CONFIGS / "designs" / "deepseek_serving.toml").read_text(encoding="utf-8")
STUDY = """\
title = "Serving"
system = "h800"
workload = "deepseek_v3"
serving = "deepseek_day"
objectives = ["time_per_output_token", "output_tokens_per_dollar"]

[deployment]
schedule = "separate"
disaggregated = 1

[deployment.decode]
ep = 144
replicas = 32
batch = 88

[deployment.prefill]
ep = 32
replicas = 32
batch = 4

[set]
"cluster.devices" = 1814

[continuous]
"deployment.decode.batch" = { low = 1, high = 256 }
"""


class Case(NamedTuple):
    """`old` becomes `new` in a valid file; the one problem stands at `key`, on the line that holds `at`."""

    text: str
    old: str
    new: str
    key: str
    at: str
    fragments: tuple[str, ...]


LOAD, DECODE = 'serving = "deepseek_day"', "[deployment.decode]\nep = 144"
TRAINS, SERVES = '"time_per_output_token", ', '"energy_to_train", '


MAPPING = SMALL[SMALL.index("[mapping]") : SMALL.index("[discrete]")]


def with_load(values: str) -> str:
    """A load with some of its numbers changed."""
    return f'serving = {{ row = "deepseek_day", {values} }}'


CASES = {
    "no load": Case(DESIGN, LOAD + "\n", "", "serving", "", ("missing", "'deployment'")),
    "nothing laid out": Case(SMALL, MAPPING, "", "mapping", "", ("[mapping]", "serves")),
    "a load and nothing that serves": Case(
        SMALL, "\n[mapping]", '\nserving = "chat"\n[mapping]', "deployment", "", ("missing", "'serving'")
    ),
    "unknown load": Case(DESIGN, "deepseek_day", "deepseek_dya", "serving", "deepseek_dya", ("serving_loads", "'deepseek_day'")),
    "number for a load": Case(DESIGN, LOAD, "serving = 3", "serving", "serving = 3", ("table or the name of a row",)),
    "unknown key of a load": Case(DESIGN, LOAD, with_load("promt = 5"), "serving.promt", "promt", ("unknown key", "'prompt'")),
    "negative rate": Case(DESIGN, LOAD, with_load('request_rate = "-1 1/s"'), "serving.request_rate", "request_rate", ("outside",)),
    "share above one": Case(DESIGN, LOAD, with_load("cached_share = 1.5"), "serving.cached_share", "cached_share", ("outside",)),
    "unknown precision": Case(DESIGN, LOAD, with_load('precision = "fp8_servin"'), "serving.precision", "fp8_servin", ("'fp8_serving'",)),
    "target without a unit": Case(
        DESIGN, LOAD, with_load("output_token_target = 20"), "serving.output_token_target", "output_token_target", ("ms",)
    ),
    "unknown schedule": Case(DESIGN, '"separate"', '"seperate"', "deployment.schedule", "seperate", ("serving_schedules", "'separate'")),
    "unknown key of a pool": Case(DESIGN, DECODE, DECODE + "\nbach = 2", "deployment.decode.bach", "bach", ("unknown key", "'batch'")),
    "part of a rank": Case(DESIGN, DECODE, DECODE + ".5", "deployment.decode.ep", "144.5", ("whole",)),
    "no pool": Case(
        DESIGN, DESIGN[DESIGN.index("[deployment.prefill]") : DESIGN.index("[set]")], "", "deployment.prefill", "[deployment]", ("missing",)
    ),
    "unknown path": Case(
        STUDY, '"deployment.decode.batch"', '"deployment.decode.bach"', 'continuous."deployment.decode.bach"', "bach", ("decode.batch",)
    ),
    "objective of training where only served": Case(
        STUDY, TRAINS, SERVES, "objectives", "objectives", ("'energy_to_train'", "training", "[mapping]")
    ),
    "objective of serving where only trained": Case(
        SMALL, SERVES, TRAINS, "objectives", "objectives", ("'time_per_output_token'", "serving", "[deployment]")
    ),
    "limit of training where only served": Case(
        STUDY, "[continuous]", '[limits]\ntime_to_train = "9 day"\n[continuous]', "limits.time_to_train", "time_to_train", ("[mapping]",)
    ),
    "limit of serving where only trained": Case(
        SMALL, "[search]", '[limits]\nserving_power = "9 MW"\n[search]', "limits.serving_power", "serving_power", ("[deployment]",)
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_one_mistake_is_one_message(case, tmp_path):
    assert case.text.count(case.old) >= 1
    path = written(tmp_path, case.text.replace(case.old, case.new, 1), "file.toml")
    with pytest.raises(ConfigError) as found:
        load(path)
    assert len(found.value.problems) == 1, str(found.value)
    (problem,) = found.value.problems
    assert (Path(problem.file).name, problem.key) == ("file.toml", case.key)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert problem.line == (next(n for n, line in enumerate(lines, 1) if case.at in line) if case.at else 0), str(problem)
    assert all(fragment in problem.message for fragment in case.fragments), problem.message


def test_a_serving_file_without_mistakes_is_read(tmp_path):
    assert load(written(tmp_path, STUDY)).space.size == 1


@pytest.mark.parametrize(("name", "missing"), [("deepseek_v3", SERVING), ("designs/deepseek_serving", TRAINING)])
def test_metrics_are_known_without_an_evaluation(name, missing):
    assert set(quantities(Metrics)) - set(quantities(evaluate(*point(name)))) == set(missing)


def made_into(tmp_path, *changes):
    """The published design with some numbers changed, as a file."""
    text = DESIGN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return written(tmp_path, text, "design.toml")


RULES = {
    "more ranks than copies": ("ep = 144", "ep = 289", "decode ep is at most the experts and their copies"),
    "uneven experts": ("ep = 144", "ep = 100", "decode ep divides the experts and their copies"),
    "uneven prompt experts": ("ep = 32\n", "ep = 30\n", "prefill ep divides the experts and their copies"),
    "uneven width": ("ep = 144", "ep = 144\netp = 3", "decode etp divides the width of an expert"),
    "uneven heads": ("ep = 144", "ep = 144\ntp = 9", "decode tp divides the heads"),
    "uneven unit": ("ep = 144", "ep = 144\ntp = 64", "decode tp divides ep x etp"),
}


@pytest.mark.parametrize(("old", "new", "rule"), RULES.values(), ids=RULES)
def test_a_broken_rule_is_named(tmp_path, old, new, rule):
    base = load(made_into(tmp_path, (old, new)))
    assert rule in broken_rules(base.design, base.workload)


def test_the_published_deployment_breaks_no_rule():
    assert broken_rules(*point("designs/deepseek_serving")) == []


def test_a_design_that_cannot_serve_says_so_and_ends_with_three(tmp_path, monkeypatch):
    """Rule, floor, prompt and batch at once: evaluated as any other, every limit with demand, bound and what would help."""
    load_row = with_load('output_token_target = "1 ms"')
    path = made_into(tmp_path, (LOAD, load_row), ("ep = 144", "ep = 289"), ("batch = 88", "batch = 900"), ("batch = 4", "batch = 400"))
    monkeypatch.setattr("codesign.commands.evaluate.elasticities", lambda *_: {})  # slopes are not what is asked
    result = invoke("evaluate", path, "--json")
    assert result.exit_code == 3, result.output
    data = told(result)
    assert "decode ep is at most the experts and their copies" in data["broken_rules"]
    broken = {limit["name"]: limit for limit in data["constraints"] if not limit["met"]}
    assert {"lowest time per output token", "time per output token", "decode batch", "prompt batch"} <= set(broken)
    for name, demand in (("decode batch", 900), ("prompt batch", 400)):
        assert broken[name]["demand"] == demand
        assert 0 < broken[name]["bound"] < demand
    floor = broken["lowest time per output token"]
    assert floor["demand"] > floor["bound"] > 0
    assert all(limit["levers"] for limit in broken.values())
    assert np.isfinite([limit["demand"] for limit in data["constraints"]]).all()
