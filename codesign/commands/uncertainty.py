"""What does `codesign uncertainty RUN` do?"""

import time
from pathlib import Path
from typing import Any

from codesign.cli import emit
from codesign.config.problems import ConfigError, Problem, shown_path
from codesign.engine.lock import locked
from codesign.report.charts import with_unit
from codesign.report.findings import spread_rows
from codesign.report.folder import check_writable, read_run, rewrite_page
from codesign.report.run import Run
from codesign.report.terminal import console, table
from codesign.report.uncertainty import SHOWN, STAYING, labels_of, limits_text, percent, range_text, sampling_text
from codesign.report.uncertainty_file import write_uncertainty
from codesign.uncertainty.data import as_data, summary
from codesign.uncertainty.front import uncertainty_of
from codesign.uncertainty.run import problem_of

NEEDED = ("study", "provenance", "objectives", "best", "created", "study_hash")
MOST_DRAWS, MOST_PAIRS = 16_384, 4_000_000


def _problems(run: Run, folder: Path, draws: int) -> list[Problem]:
    """Everything that keeps the run from being drawn."""
    place = shown_path(folder)
    found = [Problem("--draws", 0, "", f"expected at least 2 draws, got {draws}")] if draws < 2 else []
    if not run.size:
        return [*found, Problem(place, 0, "", "the run has no designs: solve the study again")]
    most = min(MOST_DRAWS, MOST_PAIRS // run.size)
    if draws > most:
        found.append(Problem("--draws", 0, "", f"at most {most:,} draws of {run.size} designs are kept in memory, got {draws:,}"))
    if missing := [key for key in NEEDED if key not in run.manifest]:
        found.append(Problem(place, 0, "", f"manifest.json lacks {', '.join(missing)}: solve the study again"))
    return found


def run_uncertainty(folder: Path, draws: int, seed: int, as_json: bool) -> None:
    """Draw the constants of a run, keep what comes of it in the run folder, and print the summary."""
    start = time.perf_counter()
    if problems := _problems(read_run(folder), folder, draws):
        raise ConfigError(problems)
    check_writable(folder, shown_path(folder))
    with locked(folder, ""):
        run = read_run(folder)
        problem = problem_of(run)
        if not problem.constants:
            raise ConfigError([Problem(shown_path(folder), 0, "", "no constant of the run has a range (low and high): nothing to vary")])
        data = as_data(uncertainty_of(run, problem, draws, seed), run)
        path = write_uncertainty(run, data, summary(data), folder)
        rewrite_page(folder)
    seconds = time.perf_counter() - start
    if as_json:
        emit(data | {"file": str(path), "seconds": seconds})
    else:
        _print(run, data, f"{seconds:.1f} s; every design and constant in {shown_path(path)}")


def _print(run: Run, data: dict[str, Any], end: str) -> None:
    out, aims = console(), run.manifest["objectives"]
    out.print(run.manifest["title"], style="bold")
    out.print(f"{data['varied']} constants with a range drawn {data['draws']} times, {data['unvaried']} without one left as they are")
    out.print(f"Bands are over all draws, feasible or not; {sampling_text(data)}", "")
    heads = ["design", *(with_unit(f"{a['label']} 5/50/95 %", a["unit"]) for a in aims), "feasible", "on the front"]
    rows = []
    for design in (data["designs"][i] for i in spread_rows(run, 5)):
        bands = [" ".join("-" if v is None else f"{v:.4g}" for v in design["bands"][a["name"]]) for a in aims]
        rows.append([design["id"], *bands, percent(design["feasible"]), percent(design["stays"])])
    out.print(table("Along the front", heads, rows), "")
    heads = ["constant", "low / default / high", "source", *(a["label"] for a in aims), STAYING]
    rows, constants = [], data["constants"][:SHOWN]
    for label, constant in zip(labels_of(constants), constants, strict=True):
        falls = [percent(constant["known"][a["name"]]) for a in aims]
        rows.append([label, range_text(constant), constant["source"], *falls, percent(constant["staying"])])
    out.print(table("What to measure next: how much of the variance goes when a constant is held at its default", heads, rows), "")
    explained = ", ".join(f"{a['label']} {percent(data['objectives'][a['name']]['explained'])}" for a in aims)
    out.print(f"Limits exceeded most: {limits_text(data)}", f"Explained to first order by exact derivatives: {explained}", end, sep="\n")
