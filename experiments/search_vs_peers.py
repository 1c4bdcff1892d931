"""Which search finds the front of a study soonest, and whose front is best: ours, pymoo, Optuna or chance?

Every run is alone on the machine, in a process of its own. Runs are kept as files (--keep-runs), so that a long
experiment can be continued, or only ours be run again (--redo ours).
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from claim import parser, show
from rich.console import Console
from rich.table import Table
from search_runs import METHODS, OURS, RIVALS, Run, Task, measure, runs, same_scale
from search_summary import SHARES, Summary, bar_rows, figure_rows, study_summary

from codesign.report.race import plot

STUDIES = ("passage", "deepseek_v3_pod", "serve_deepseek_v3", "mixnet")
GROUPS = {"ours": set(OURS), "rivals": set(RIVALS), "all": set(METHODS)}


def _arguments() -> argparse.Namespace:
    found = parser(__doc__)
    found.add_argument("--studies", nargs="+", default=list(STUDIES), help="names of files in configs/studies")
    found.add_argument("--methods", nargs="+", default=list(METHODS), choices=METHODS)
    found.add_argument("--seeds", type=int, default=5)
    found.add_argument("--seconds", type=float, default=60.0, help="time limit of a run")
    found.add_argument("--quick", action="store_true", help="one study, one seed, five seconds: shows that it works")
    found.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw hypervolume against seconds")
    found.add_argument("--keep", type=Path, metavar="FILE.json", help="write the summary")
    found.add_argument("--keep-runs", type=Path, metavar="DIR", help="folder of the runs")
    found.add_argument(
        "--redo", nargs="+", default=[], choices=[*METHODS, "rivals", "all"], help="methods to run again; ours: all of its forms"
    )
    found.add_argument("--measure", nargs=3, metavar=("METHOD", "STUDY", "SEED"), help="one run in this process, printed as JSON")
    chosen = found.parse_args()
    if chosen.quick:
        chosen.studies, chosen.seeds, chosen.seconds = chosen.studies[:1], 1, 5.0
    return chosen


def _tasks(chosen: argparse.Namespace, study: str) -> list[Task]:
    """Seed by seed, so that a slow drift of the machine meets all methods alike; the cold compile once."""
    seeds = {method: 1 if method == "ours_cold" else chosen.seeds for method in chosen.methods}
    return [Task(m, study, seed, chosen.seconds) for seed in range(chosen.seeds) for m in chosen.methods if seed < seeds[m]]


def _summary(chosen: argparse.Namespace, folder: Path) -> Summary:
    redo = set().union(*(GROUPS.get(name, {name}) for name in chosen.redo))
    studies = {}
    for study in chosen.studies:
        found: list[Run] = list(runs(_tasks(chosen, study), folder, redo))
        if not same_scale(found):
            raise SystemExit(f"{folder} keeps runs of {study} with another model: add --redo all, or choose another folder")
        studies[study] = study_summary(found)
    return {"studies": studies}


def _cell(spread: list[Any], form: str) -> str:
    middle, low, high = ("never" if value is None else format(value, form) for value in spread)
    return middle if low == high else f"{middle}\n{low} to {high}"


def _tables(summary: Summary, console: Console) -> None:
    """A table per study: medians with ranges over the seeds."""
    for name, study in summary["studies"].items():
        title = f"\n{name}: best known {study['best_known']:.6f}; loading {study['loading']:.1f} s; limit {study['limit']:g} s"
        columns = [f"s to {100 * float(share):g} %" for share in SHARES]
        table = Table("method", *columns, "hypervolume", "regret", "designs/s", "designs", title=title, box=None, title_justify="left")
        for label, found in study["methods"].items():
            times = [_cell([found["seconds_to"][share], *found["seconds_range"][share]], ".2f") for share in SHARES]
            rest = (
                (found[k], f) for k, f in (("final", ".5f"), ("regret", ".1e"), ("evaluations_per_second", ",.0f"), ("evaluations", ",.0f"))
            )
            table.add_row(label, *times, *(_cell(spread, form) for spread, form in rest))
        console.print(table)


def _assumptions(chosen: argparse.Namespace) -> list[str]:
    return [
        f"{os.cpu_count()} cores, CPU; {chosen.seeds} seeds, at most {chosen.seconds:g} s each; figures are medians and ranges over seeds",
        "time starts after imports and loading; compilation counts, with the persistent cache warm (cold compile: a fresh cache, one seed)",
        "every feasible design that a method judges counts; a rival's time is without our books of them, ours is with its archive",
        "all judge one compiled float32 model, rounded designs only; designs of ours include its gradients, each one evaluation",
        "hypervolume in logs of the objectives between ideal and nadir of a fixed random sample, reference a tenth beyond",
        "pymoo: population 200, its own operators; rounded: points are rounded before it looks for duplicates",
        "Optuna: its own defaults, TPE multivariate; one design at a time",
    ]


def main() -> int:
    """Run what is missing, then print the claim; or make one run for the parent process."""
    chosen = _arguments()
    if chosen.measure:
        method, study, seed = chosen.measure
        print(json.dumps(measure(Task(method, study, int(seed), chosen.seconds))))
        return 0
    with tempfile.TemporaryDirectory() as passing:
        summary = _summary(chosen, chosen.keep_runs or Path(passing))
    if chosen.keep:
        chosen.keep.write_text(json.dumps(summary, allow_nan=False), encoding="utf-8")
    if chosen.plot:
        chosen.plot.write_text(plot(summary), encoding="utf-8")
    rows = [row for name, study in summary["studies"].items() for row in bar_rows(name, study)]
    if chosen.json:
        rows += [row for name, study in summary["studies"].items() for row in figure_rows(name, study)]
    claim = "Our search against pymoo, Optuna and chance, at equal time"
    return show(claim, rows, _assumptions(chosen), chosen.json, lambda console: _tables(summary, console))


if __name__ == "__main__":
    sys.exit(main())
