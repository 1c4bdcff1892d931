"""What does `codesign target STUDY` do?"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from codesign import tree
from codesign.answer import binds
from codesign.cells import NoLegalMapping
from codesign.cli import INFEASIBLE, emit, say
from codesign.commands.answer import aim_problems, load_asked, read_bound, read_limits, told_infeasible
from codesign.config.load import Point
from codesign.config.problems import Problem
from codesign.config.schema import read_value
from codesign.config.study_file import StudyFile
from codesign.config.values import FABRIC, unknown_path
from codesign.design import leaves
from codesign.fields import Quantity, quantities
from codesign.inverse import Optimum, Reached, choices, metrics_at, reach, shortfall
from codesign.metrics import Metrics
from codesign.objectives import OBJECTIVES
from codesign.report.terminal import console, table
from codesign.sensitivity import is_rule
from codesign.study import Infeasible, Study, limit_records, prepare
from codesign.units import UnitError, show


class Question(NamedTuple):
    """What is asked at the command line, as text."""

    constant: str
    low: str
    high: str
    aim: str
    target: str
    limits: tuple[str, ...]


def constants_of(file: StudyFile, point: Point) -> dict[str, Quantity]:
    """Every number of the base point, and of the parts that the study chooses among, by path."""
    nodes = [(path, node) for free in file.discrete for option in free.options for path, node in option.items()]
    parts = [(path, node) for path, node in nodes if not isinstance(node, float)]
    known = {path: declared for path, declared, _ in leaves(point.design, point.workload)}
    if any(path == FABRIC for path, _ in parts):
        known = {path: declared for path, declared in known.items() if not path.startswith(FABRIC + ".")}
    for path, node in parts:
        known |= {inner: declared for inner, declared, _ in tree.leaves(node, path + ".")}
    return known


def why_not(path: str, file: StudyFile, known: dict[str, Quantity]) -> str:
    """Why the number at a path cannot be moved as a constant; empty when it can."""
    numbers = {p for free in file.discrete for option in free.options for p, node in option.items() if isinstance(node, float)}
    if path not in known:
        return "no such quantity" + unknown_path(path, known)
    if path in {free.path for free in file.continuous}:
        return f"is free in the study, so no constant of it: fix it first (--set {path}=...) or ask for another"
    if path in numbers | {free.path for free in file.discrete}:
        return "is chosen in the study, so no constant of it"
    if known[path].whole or is_rule(path):
        return "is a count or a rule, not a continuous constant"
    if file.demand is not None and path.startswith(FABRIC + "."):
        return "decides how circuits serve the traffic of this study, which is computed beside the model"
    return ""


def _number(option: str, declared: Quantity, text: str) -> tuple[float, list[Problem]]:
    """An end of the range in SI, or NaN and what is wrong; it must be positive."""
    try:
        value = read_value(declared, text)
    except UnitError as error:
        return math.nan, [Problem(option, 0, text, f"expected a quantity such as '1 {declared.unit}': {error}")]
    except ValueError as error:
        return math.nan, [Problem(option, 0, text, str(error))]
    return value, [] if value > 0 else [Problem(option, 0, text, "expected a positive value: the constant moves on a log scale")]


def range_problems(asked: Question, file: StudyFile, known: dict[str, Quantity]) -> tuple[tuple[float, float], list[Problem]]:
    """The range of the constant in SI, with every problem of constant and range."""
    if refusal := why_not(asked.constant, file, known):
        return (math.nan, math.nan), [Problem("--constant", 0, asked.constant, refusal)]
    declared = known[asked.constant]
    (low, wrong), (high, bad) = _number("--low", declared, asked.low), _number("--high", declared, asked.high)
    crossed = [Problem("--low", 0, asked.low, f"is not below --high {asked.high}")] if low >= high else []
    return (low, high), [*wrong, *bad, *crossed]


def run_target(path: Path, asked: Question, settings: tuple[str, ...], seed: int | None, as_json: bool) -> int:
    """Find the constant at which the best design reaches a target; returns the exit code."""
    start = time.perf_counter()
    bounds, problems = read_limits(asked.limits)
    target, wrong = _target(asked)
    metrics = dict.fromkeys(bounds, "--limit") | {asked.aim: "--aim"}

    def check(point: Point, file: StudyFile) -> list[Problem]:
        return range_problems(asked, file, constants_of(file, point))[1]

    point, file = load_asked(path, settings, metrics, problems + wrong, check)
    known, chosen = constants_of(file, point), file.search["seed"] if seed is None else seed
    (low, high), _ = range_problems(asked, file, known)
    unit = known[asked.constant].unit
    try:
        study = prepare(file, point.design, point.workload)
        say("compiling the model (kept for the next run)")
        reached = reach(study, asked.constant, low, high, asked.aim, target, bounds, chosen, _teller(asked.aim, unit))
    except (NoLegalMapping, Infeasible) as error:
        return told_infeasible(error, as_json)
    data, missed = reached_data(reached, unit), reached.threshold.reached is None
    data |= {"seed": chosen, "seconds": time.perf_counter() - start}
    if missed:
        data = {"error": "infeasible", "constraint": shortfall(reached)._asdict()} | data
    emit(data) if as_json else _print(reached, unit, data)
    return INFEASIBLE if missed else 0


def _target(asked: Question) -> tuple[float, list[Problem]]:
    """The target in SI, with every problem of it and its aim."""
    if problems := aim_problems("--aim", asked.aim, None):
        return math.nan, problems
    target, problems = read_bound("--reach", asked.aim, asked.target)
    return target, problems + ([Problem("--reach", 0, asked.target, "expected a positive target")] if target <= 0 else [])


def _teller(aim: str, unit: str) -> Callable[[float, float], None]:
    """Tells every optimum in a line on stderr."""

    def line(constant: float, value: float) -> None:
        say(f"{show(constant, unit)}: {_value(aim, value)}")

    return line


def _value(aim: str, value: float) -> str:
    return "no design" if math.isnan(value) else show(value, quantities(Metrics)[aim].unit, 5)


def finding(reached: Reached, unit: str) -> str:
    """The answer in a sentence."""
    at, aim = reached.threshold, OBJECTIVES[reached.aim].label
    target = f"{aim} of {_value(reached.aim, reached.target)}"
    if at.reached is None and at.missed is not None:
        best = _value(reached.aim, reached.at(at.missed).value)
        tried = f"out of reach at all {len(reached.curve)} values tried between these bounds"
        return f"{target} is {tried}: the best is {best}, at {show(at.missed, unit)}"
    if at.missed is None:
        return f"{target} is reached at all {len(reached.curve)} values tried between these bounds"
    assert at.reached is not None, "a target that is neither reached nor missed"
    side = "at most" if at.reached < at.missed else "at least"
    other = _value(reached.aim, reached.at(at.missed).value)
    often = f"; it is crossed {at.crossings} times, so look at the curve" if at.crossings > 1 else ""
    return f"{target} needs {side} {show(at.reached, unit)} (at {show(at.missed, unit)} it is {other}){often}"


def flat_texts(reached: Reached, unit: str) -> list[str]:
    """Where the constant does not matter any more, in sentences."""
    up_to, since = reached.flat
    if up_to is not None and since is not None and up_to >= since:
        return ["The constant does not matter between these bounds: the curve is flat."]
    words = zip(("up to", "from"), reached.flat, strict=True)
    return [f"The constant does not matter {word} {show(end, unit)}: the curve is flat there." for word, end in words if end is not None]


IGNORED = "moves to other choices, rounding to steps, variables with a table of values, kinks"


def reached_data(reached: Reached, unit: str) -> dict[str, Any]:
    """The threshold and the curve as plain data, in SI, units beside."""
    at, study = reached.threshold, reached.study
    flat = dict(zip(("up_to", "from"), reached.flat, strict=True))
    shown = at.reached if at.reached is not None else at.missed
    assert shown is not None, "a target that is neither reached nor missed"
    records = limit_records(metrics_at(study, reached.path, reached.at(shown)), study.file.limits)
    return {
        "title": study.file.title, "constant": reached.path, "constant_unit": unit, "aim": reached.aim,
        "unit": quantities(Metrics)[reached.aim].unit, "target": reached.target, "finding": finding(reached, unit),
        "reached": at.reached, "missed": at.missed, "crossings": at.crossings, "flat": flat,
        "design": choices(study, reached.at(shown)), "limits": [record._asdict() | {"binds": binds(record)} for record in records],
        "curve": [_point_data(study, point) for point in reached.curve], "slopes_ignore": IGNORED,
    }  # fmt: skip


def _point_data(study: Study, point: Optimum) -> dict[str, Any]:
    slopes = {"slope_of_the_design": point.slopes.fixed, "slope": point.slopes.free}
    return {"constant": point.constant, "value": point.value, **slopes, "design": choices(study, point)}


def _print(reached: Reached, unit: str, data: dict[str, Any]) -> None:
    out, label = console(), OBJECTIVES[reached.aim].label
    out.print(data["title"], style="bold")
    out.print(f"{reached.path}: {data['finding']}.", *flat_texts(reached, unit), "", sep="\n")
    rows, changing = [], _changing(data["curve"])
    for point, row in zip(reached.curve, data["curve"], strict=True):
        slopes = ("-" if math.isnan(slope) else f"{slope:+.3f}" for slope in point.slopes)
        rows.append([show(point.constant, unit), _value(reached.aim, point.value), *slopes, *(row["design"][name] for name in changing)])
    heads = ["constant", f"best {label}", "slope, design kept", "slope, limits used", *changing]
    out.print(table("Best design by constant (slopes: % per % of the constant)", heads, rows), "")
    out.print(f"Slopes are those of the envelope theorem; they ignore {IGNORED}.", style="dim")
    near = [record["name"] for record in data["limits"] if record["binds"]]
    out.print(f"Limits that bind there: {', '.join(near) or 'none'}", f"{data['seconds']:.1f} s, seed {data['seed']}", sep="\n")


def _changing(curve: list[dict[str, Any]]) -> list[str]:
    """The choices that differ along the curve."""
    return [name for name in curve[0]["design"] if len({point["design"][name] for point in curve}) > 1]
