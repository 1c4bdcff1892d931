"""How do time to front and certificate grow with cells, free variables and workers, and what would 10^9 cells on 1,000 workers take?"""

import argparse
import json
import math
import os
import subprocess
import sys
import time
from pathlib import Path

from claim import Row, parser, show
from rich.console import Console
from rich.table import Table
from scaling_model import LINK, MOST, Law, Sizes, far_rows, fitted, law_rows
from scaling_point import BREADTH, COARSE, NEAR, TARGET, Point, measured

CELLS, VARIABLES, WORKERS = (100, 1000, 10_000, 100_000, 1_000_000), (4, 8, 12, 16, 20, 24), (1, 2, 4)
FIXED = Point(1000, 4, 0, 0.0)
"""What stays the same while the others vary."""
ONE_CORE = {"NPROC": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "JAX_PLATFORMS": "cpu"}
SECONDS = (
    "reading", "compile", "compile_exact", "search", "near", "first_round", "finishing", "proof", "proof_bounded", "proof_coarse"
)  # fmt: skip
COUNTS = ("evaluations", "volume", "search_ended", "rounds", "proof_ended", "eps", "boxes", "open")
BYTES = ("job_bytes", "shard_bytes", "memory_reading", "memory_search", "memory")
SHOWN = dict.fromkeys(SECONDS, "s") | dict.fromkeys(COUNTS, "1") | dict.fromkeys(BYTES, "B")
COLUMNS = (
    "cells", "variables", "workers", "reading", "compile", "search", "near", "first_round", "finishing", "proof", "proof_coarse", "eps",
    "rate", "memory",
)  # fmt: skip
Facts = dict[str, float]


def points(asked: argparse.Namespace) -> list[Point]:
    """What is measured, nothing twice."""
    found = [Point(cells, FIXED.variables, 0, asked.seconds) for cells in asked.cells]
    found += [Point(FIXED.cells, variables, 0, asked.seconds) for variables in asked.variables]
    found += [Point(FIXED.cells, FIXED.variables, workers, asked.seconds) for workers in asked.workers]
    return list(dict.fromkeys(found))


def label(point: Point) -> str:
    """The point as rows call it."""
    return f"{point.cells} cells, {point.variables} variables, {f'{point.workers} workers' if point.workers else 'one process'}"


def alone(point: Point) -> Facts | None:
    """The figures of a point, from a process of its own with one core for each worker; None, and a line that says so, if it dies."""
    start = time.perf_counter()
    command = [sys.executable, str(Path(__file__)), "--measure", json.dumps(point)]
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ | ONE_CORE, check=False)
    seconds = time.perf_counter() - start
    if ended.returncode:
        last = (ended.stderr.strip().splitlines() or ["without a word"])[-1]
        print(f"{label(point)}: ended with code {ended.returncode} after {seconds:.0f} s: {last}", file=sys.stderr, flush=True)
        return None
    facts: Facts = json.loads(ended.stdout.splitlines()[-1])
    told = f"reading {facts['reading']:.1f} s, search {facts['search']:.1f} s, proof {facts['proof']:.1f} s, eps {facts['eps']:.3g}"
    print(f"{label(point)}: {told}; {seconds:.0f} s in all", file=sys.stderr, flush=True)
    return facts | {"workers": float(point.workers), "rate": facts["boxes"] / facts["proof"]}


def laws_of(found: dict[Point, Facts]) -> dict[str, Law]:
    """The laws of the points with the fixed number of variables and one process; what did not end in its time has no part in them."""
    here = [facts for point, facts in found.items() if point.variables == FIXED.variables and not point.workers]
    kept: dict[str, list[tuple[float, float, float]]] = {name: [] for name in MOST}
    for facts in here:
        kept["reading"].append((facts["cells"], 1.0, facts["reading"]))
        kept["memory of reading"].append((facts["cells"], 1.0, facts["memory_reading"]))
        if facts["search_ended"]:
            kept["search"].append((facts["cells"], 1.0, facts["search"]))
        if "proof_coarse" in facts:
            kept["proof"].append((facts["cells"], 1.0, facts["proof_coarse"]))
    return {name: law for name, some in kept.items() if (law := fitted(some, MOST[name])) is not None}


def shared_rows(found: dict[Point, Facts]) -> list[Row]:
    """How much sooner workers end the search and the proof than one of them does."""
    teams = {point.workers: facts for point, facts in found.items() if point.workers}
    if 1 not in teams:
        return []
    return [
        Row(f"workers.{count}.{part}", f"{label(Point(FIXED.cells, FIXED.variables, count, 0.0))}: {part}, times as fast as one worker",
            "x", None, teams[1][part] / facts[part])
        for count, facts in teams.items() if count > 1 for part in ("search", "proof")
    ]  # fmt: skip


def sizes_of(found: dict[Point, Facts]) -> Sizes:
    """What a round and a cell cost in the largest measured study, if there is one of those whose search ended."""
    ended = [facts for facts in found.values() if facts["search_ended"]]
    facts = max(ended or found.values(), key=lambda f: (f["cells"], -f["workers"]))
    rate = facts["evaluations"] / facts["search"]
    per_cell = facts["job_bytes"] / facts["cells"]
    return Sizes(per_cell, facts["shard_bytes"], facts["rounds"], facts["combining"], rate, facts["rate"], facts["finishing"])


def table(found: dict[Point, Facts], console: Console) -> None:
    """One line for each point."""
    result = Table(
        *(name.replace("_", " ") for name in COLUMNS), title="\nMeasured (s; rate: boxes/s; memory: GiB)", box=None, title_justify="left"
    )
    for facts in found.values():
        shown = facts | {"memory": facts["memory"] / 2**30}
        result.add_row(*(f"{shown[key]:.4g}" if key in shown else "-" for key in COLUMNS))
    console.print(result)


def assumptions(asked: argparse.Namespace) -> list[str]:
    """What the figures mean."""
    return [
        f"{os.cpu_count()} cores, CPU; one for a process and for each worker",
        "laws are of one process; that a thousand workers share b evenly is assumed, and beside it stands what workers here gained",
        f"studies: the flagship with fewer or more choices and variables; {FIXED.cells} cells and {FIXED.variables} variables where fixed",
        f"search: rounds to the plan's own end, at most {asked.seconds:g} s after the first; compilation apart",
        f"near: until {NEAR:.1%} of its last hypervolume; finishing: the front made lean and exact",
        f"workers: dask's own; their first round starts and compiles them and is set apart; {BREADTH} units a mutation for all",
        f"proof: to {TARGET:.0%}, or at most {asked.seconds:g} s; coarse: to {COARSE:.0%}, whose law is that of the proof",
        "a search that ends soon may miss something: how much at most is eps; where nothing is bounded yet there is none",
        "what did not end in its time has no part in a law, so that a law may say too little of more cells than its points have",
        f"extrapolations say what breaks first, no more; {LINK:.0e} B/s are assumed",
        "sending: the job with all its cells to one worker, who passes it on",
        "a look and a bound: one for every cell, at the speed of the largest study, as if that did not fall with more cells",
    ]


def main() -> int:
    """Measure every point, or one for the parent process."""
    arguments = parser(__doc__ or "")
    arguments.add_argument("--cells", type=int, nargs="*", default=list(CELLS))
    arguments.add_argument("--variables", type=int, nargs="*", default=list(VARIABLES))
    arguments.add_argument("--workers", type=int, nargs="*", default=list(WORKERS))
    arguments.add_argument("--seconds", type=float, default=40.0, help="of each search and of each proof, at most")
    arguments.add_argument("--measure", metavar="POINT", help="one point in this process, printed as JSON")
    asked = arguments.parse_args()
    if asked.measure:
        print(json.dumps(measured(Point(*json.loads(asked.measure)))))
        return 0
    found = {point: facts for point in points(asked) if (facts := alone(point)) is not None}
    if not found:
        return 1
    rows = [
        Row(f"{'-'.join(map(str, point[:3]))}.{name}", f"{label(point)}: {name.replace('_', ' ')}", unit, None, facts[name])
        for point, facts in found.items()
        for name, unit in SHOWN.items()
        if math.isfinite(facts.get(name, math.nan))
    ] if asked.json else []  # fmt: skip
    laws = laws_of(found)
    rows += [row for name, law in laws.items() for row in law_rows(name, law)] + shared_rows(found) + far_rows(laws, sizes_of(found))
    claim = "Growth of search and proof with cells, variables and workers"
    return show(claim, rows, assumptions(asked), asked.json, lambda console: table(found, console))


if __name__ == "__main__":
    sys.exit(main())
