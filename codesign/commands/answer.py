"""What does `codesign answer STUDY` do?"""

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from codesign.answer import BINDING, STEP, Answer, best, binds, improved, interrupted, priced
from codesign.cells import NoLegalMapping
from codesign.certificate import certify
from codesign.cli import INFEASIBLE, INTERRUPTED, emit, say
from codesign.commands.certify import facts_of, proof_watcher, workers_for
from codesign.commands.optimize import infeasible_text
from codesign.commands.progress import watcher
from codesign.config import load_study
from codesign.config.asked_metrics import absent_metrics
from codesign.config.document import read_document
from codesign.config.load import Point
from codesign.config.problems import ConfigError, Problem, nearest
from codesign.config.schema import read_value
from codesign.config.study_file import StudyFile
from codesign.constraints import Record
from codesign.fields import quantities
from codesign.metrics import Metrics
from codesign.objectives import OBJECTIVES
from codesign.report.certificate import proof_text
from codesign.report.terminal import console, table
from codesign.search.program import UnknownOperation
from codesign.study import Infeasible, Interrupted, Study, designs_of, label_of, limit_records, prepare, slack_share
from codesign.units import UnitError, show

SHOWN_LIMITS = 6
FREE = 1e-5
"""A limit binds too when the answer gains a larger share from loosening it: steps of what can be built may leave more than BINDING."""
PERCENT = 0.5
"""One aim is proved faster than several: to this, or to what the study asks for where that is less."""


def read_bound(option: str, name: str, text: str) -> tuple[float, list[Problem]]:
    """The SI value that `text` states for a metric, or NaN and what is wrong."""
    declared = quantities(Metrics)[name]._replace(low=-math.inf)
    try:
        return read_value(declared, text), []
    except UnitError as error:
        return math.nan, [Problem(option, 0, name, f"expected a quantity such as '1 {declared.unit}': {error}")]
    except ValueError as error:
        return math.nan, [Problem(option, 0, name, str(error))]


def read_limits(texts: tuple[str, ...]) -> tuple[dict[str, float], list[Problem]]:
    """Limits "metric=quantity" as bounds in SI, with every problem found."""
    declared, limits, problems = quantities(Metrics), {}, []
    for text in texts:
        name, mark, bound = text.partition("=")
        if not mark:
            problems.append(Problem("--limit", 0, text, "expected metric=bound"))
        elif name not in declared:
            problems.append(Problem("--limit", 0, name, "no such metric" + nearest(name, declared)))
        elif name in limits:
            problems.append(Problem("--limit", 0, name, "is given twice"))
        else:
            limits[name], more = read_bound("--limit", name, bound)
            problems += more
    return limits, problems


def aim_problems(option: str, aim: str, sense: int | None) -> list[Problem]:
    """What is wrong with an aim that is to be made smaller (+1), larger (-1) or better (None)."""
    if aim not in OBJECTIVES:
        return [Problem(option, 0, aim, "no such objective" + nearest(aim, OBJECTIVES))]
    if sense is not None and OBJECTIVES[aim].sense != sense:
        better, other = ("larger", "--max") if sense > 0 else ("smaller", "--min")
        return [Problem(option, 0, aim, f"is better when {better}: use {other}")]
    return []


Check = Callable[[Point, StudyFile], list[Problem]]


def load_asked(
    path: Path, settings: tuple[str, ...], asked: dict[str, str], problems: list[Problem], check: Check
) -> tuple[Point, StudyFile]:
    """The study, when neither it nor what is asked of it has problems; all of them at once.

    `asked` are metrics and the options that ask for them; `check` finds problems on the sound study.
    """
    document = read_document(path)
    absent = absent_metrics(document._replace(data=document.data | {"objectives": [], "limits": asked}))
    names = [problem.key.removeprefix("limits.") for problem in absent]
    problems = problems + [Problem(asked[name], 0, name, problem.message) for name, problem in zip(names, absent, strict=True)]
    try:
        point, file, _ = load_study(path, settings)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems := problems + check(point, file):
        raise ConfigError(problems)
    return point, file


def told_infeasible(error: Infeasible | NoLegalMapping, as_json: bool) -> int:
    """Says what bars every design; returns the exit code."""
    if isinstance(error, Infeasible):
        say(infeasible_text(error))
        facts: dict[str, Any] = {"constraint": error.record._asdict(), "nearest_design": error.point}
    else:
        say(f"infeasible: {error}")
        facts = {"reason": str(error)}
    if as_json:
        emit({"error": "infeasible"} | facts)
    return INFEASIBLE


def run_answer(
    path: Path, aims: dict[str, str], limits: tuple[str, ...], settings: tuple[str, ...], seed: int | None, as_json: bool
) -> int:
    """Find the best design at one aim ("--min" or "--max" to its name) within limits; returns the exit code."""
    start = time.perf_counter()
    bounds, problems = read_limits(limits)
    if len(aims) != 1:
        problems.append(Problem("--min", 0, "", "expected one aim: --min METRIC or --max METRIC"))
    for option, name in aims.items():
        problems += aim_problems(option, name, +1 if option == "--min" else -1)
    asked = dict.fromkeys(bounds, "--limit") | {name: option for option, name in aims.items()}
    point, file = load_asked(path, settings, asked, problems, lambda point, file: [])
    chosen = file.search["seed"] if seed is None else seed
    try:
        study = prepare(file, point.design, point.workload)
        with watcher() as watch:
            answer = best(study, next(iter(aims.values())), bounds, chosen, watch)
        facts = None
        if not answer.front.found.interrupted:
            answer, facts = _certified(answer)
            if not (facts or {}).get("interrupted"):
                answer = _priced(answer, chosen)
    except Interrupted:
        raise KeyboardInterrupt from None
    except (NoLegalMapping, Infeasible) as error:
        return told_infeasible(error, as_json)
    data = answer_data(answer, study, facts) | {"seed": chosen, "seconds": time.perf_counter() - start}
    emit(data) if as_json else _print(answer, data)
    return INTERRUPTED if data["interrupted"] else 0


def _priced(answer: Answer, seed: int) -> Answer:
    """The answer with prices; as it is where a user stops them."""
    try:
        return priced(answer, seed)
    except KeyboardInterrupt:
        return interrupted(answer)


def _certified(answer: Answer) -> tuple[Answer, dict[str, Any] | None]:
    """The answer, better where a proof found better, and the facts of the proof; None where the study asks for none."""
    study, exact = answer.front.study, answer.exact
    percent, seconds = min(study.file.search["certificate_percent"], PERCENT), study.file.search["certificate_seconds"]
    if not seconds:
        return answer, None
    with jax.enable_x64(True):
        designs = designs_of(answer.front, exact)
        try:
            certificate, better = certify(study, designs, exact, percent / 100, seconds, workers_for(study), proof_watcher())
        except UnknownOperation as error:
            return answer, {"unavailable": str(error)}
        return improved(answer, better), facts_of(certificate)


def answer_data(answer: Answer, study: Study, facts: dict[str, Any] | None) -> dict[str, Any]:
    """The answer as plain data, SI beside units."""
    file, front, metrics = answer.front.study.file, answer.front, answer.metrics
    units = quantities(Metrics)
    design = {f.name: label_of(f, front.columns[f.path][0]) for f in file.discrete}
    design |= {f.name: show(front.values[f.path][0], f.unit) for f in file.continuous}
    records = limit_records(metrics, file.limits)
    moving = {f"limit on {price.limit}" for price in answer.prices if abs(math.log(price.looser / answer.value)) > FREE}
    return {
        "title": file.title, "aim": answer.aim, "unit": units[answer.aim].unit, "value": answer.value, "design": design,
        "objectives": {name: float(getattr(metrics, name)) for name in study.file.objectives},
        "limits": [r._asdict() | {"left": slack_share(r), "binds": r.name in moving or binds(r)} for r in records],
        "prices": [price._asdict() for price in answer.prices],
        "prices_by": f"each limit moved by {100 * (STEP - 1):.0f} % either way and the design optimised again from its neighbourhood",
        "certificate": facts, "interrupted": front.found.interrupted or (facts or {}).get("interrupted", False),
    }  # fmt: skip


def limit_rows(records: list[dict[str, Any]]) -> list[list[str]]:
    """Rows of a table of limits."""
    rows = []
    for data in records:
        record = Record(*(data[key] for key in Record._fields))
        need, bound = show(record.demand, record.unit), show(record.bound, record.unit)
        rows.append([record.name, need, bound, f"{100 * slack_share(record):.1f} %", "binds" if data["binds"] else ""])
    return rows


def _print(answer: Answer, data: dict[str, Any]) -> None:
    out, unit, label = console(), data["unit"], OBJECTIVES[answer.aim].label
    out.print(data["title"], style="bold")
    if data["interrupted"]:
        out.print("Interrupted: this is the best by then.", style="bold")
    chosen = ", ".join(f"{name} {value}" for name, value in data["design"].items())
    out.print(f"{label}: {show(answer.value, unit)}", f"  {chosen}", "", sep="\n")
    own = [record for record in data["limits"] if record["name"].startswith("limit on ")]
    near = [record for record in data["limits"] if record not in own][:SHOWN_LIMITS]
    title = f"Limits (one binds when less than {100 * BINDING:.0f} % is left or when loosening it betters the answer)"
    out.print(table(title, ["limit", "need", "bound", "left", ""], limit_rows(own + near)), "")
    if answer.prices:
        heads = ["limit", "bound", f"{label} with it {100 * (STEP - 1):.0f} % looser", "tighter", "% per % of the bound"]
        out.print(table(f"What moving a limit does: {data['prices_by']}", heads, [_price_row(price, unit) for price in answer.prices]), "")
    proof = proof_text(data["certificate"], 1)
    out.print("Certificate: " + proof + ".", f"{data['seconds']:.1f} s, seed {data['seed']}", sep="\n")


def _price_row(price: Any, unit: str) -> list[str]:
    tighter = "no design" if math.isnan(price.tighter) else show(price.tighter, unit)
    bound = show(price.bound, quantities(Metrics)[price.limit].unit)
    return [price.limit, bound, show(price.looser, unit), tighter, f"{price.elasticity:+.3f}"]
