"""What did one method find in one study with one seed? Each run in a process of its own, one after the other, kept as a file."""

import gc
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from claim import ROOT

Run = dict[str, Any]
RIVALS = {
    "nsga2": "pymoo NSGA-II",
    "nsga2_rounded": "pymoo NSGA-II, rounded",
    "mixed_ga": "pymoo MixedVariableGA",
    "mixed_ga_rounded": "pymoo MixedVariableGA, rounded",
    "optuna_nsga2": "Optuna NSGA-II",
    "optuna_tpe": "Optuna TPE",
    "random": "random",
}
OURS = {"gradient": "gradient only", "mutation": "mutation only", "ours": "ours", "ours_cold": "ours, cold compile"}
METHODS = RIVALS | OURS
WARM_UP, OVERRUN, SAME = 1.0, 1.02, 2e-6
"""Seconds of a rival that compile all it needs; by how much a run may be late, what it finds later counting for nothing; and by how
much logarithms of one model may differ."""


class Task(NamedTuple):
    """A method, a study by the name of its file, a seed and a limit in seconds."""

    method: str
    study: str
    seed: int
    seconds: float

    @property
    def file(self) -> str:
        """The name of the file that keeps the result."""
        return f"{self.study}.{self.method}.{self.seconds:g}s.{self.seed}.json"


def measure(task: Task) -> Run:
    """The run of a task, in this process: loaded, imported, then timed; hypervolumes are computed when it is over."""
    import jax
    import jax.numpy as jnp
    from search_methods import SEARCHES
    from search_record import Recorder, volume

    import codesign as cd
    from codesign.engine.programs import keep_in
    from codesign.search.sample import anchors, make_batch_evaluation
    from codesign.study import make_model

    gc.freeze()  # as the command line does: what was imported is no garbage, and traced programs are kept
    if programs := os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        keep_in(Path(programs) / "programs")
    jax.config.update("jax_enable_x64", True)
    start = time.perf_counter()
    study = cd.load(ROOT / "configs" / "studies" / f"{task.study}.toml")
    loading = time.perf_counter() - start
    recorder = Recorder(len(study.file.objectives))
    SEARCHES[task.method](study, task.seed, recorder, task.seconds)
    moments = [moment for moment in recorder.end() if moment.seconds <= OVERRUN * task.seconds]
    model = make_model(study.file, study.design, study.workload, jnp.float32)
    found = anchors(study.space, make_batch_evaluation(model, study.space))
    if found is None:
        raise SystemExit(f"{task.study}: no random design is feasible, so that hypervolumes have no scale")
    curve = [(m.seconds, volume(m.front, *found), m.evaluations) for m in moments]
    front = [[float(f"{value:.9g}") for value in point] for point in moments[-1].front]
    return {**task._asdict(), "loading": loading, "anchors": np.array(found).tolist(), "curve": curve, "front": front}


def _child(task: Task, programs: Path) -> Run:
    """The run of a task, in a process of its own that keeps its compiled programs in a folder."""
    kept = {"JAX_COMPILATION_CACHE_DIR": str(programs), "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0"}
    own = os.environ | kept | {"JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1", "JAX_PLATFORMS": "cpu"}
    script = str(Path(__file__).with_name("search_vs_peers.py"))
    command = [sys.executable, script, "--measure", *map(str, task[:3]), "--seconds", str(task.seconds)]
    output = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=own).stdout
    result: Run = json.loads(output.splitlines()[-1])
    return result


def _warm(task: Task, programs: Path, warmed: set[tuple[str, str]]) -> None:
    """Compiles what a task needs, once: our whole search for all of its forms but descents, one second of a rival."""
    method = "ours" if task.method in OURS and task.method != "gradient" else task.method
    if task.method != "ours_cold" and (method, task.study) not in warmed:
        warmed.add((method, task.study))
        print(f"{task.study}: compiling for {METHODS[method]}", file=sys.stderr)
        _child(task._replace(method=method, seconds=task.seconds if method in OURS else WARM_UP), programs)


def _timed(task: Task, programs: Path) -> Run:
    if task.method != "ours_cold":
        return _child(task, programs)
    with tempfile.TemporaryDirectory() as fresh:
        return _child(task, Path(fresh))


def runs(tasks: list[Task], folder: Path, redo: set[str]) -> Iterator[Run]:
    """The run of every task: read where `folder` has it and its method is not to be redone, else made and kept."""
    folder.mkdir(parents=True, exist_ok=True)
    warmed: set[tuple[str, str]] = set()
    for task in tasks:
        file = folder / task.file
        if not file.exists() or task.method in redo:
            _warm(task, folder / "programs", warmed)
            result = _timed(task, folder / "programs")
            part = file.with_suffix(".part")
            part.write_text(json.dumps(result), encoding="utf-8")
            part.replace(file)
        result = json.loads(file.read_text(encoding="utf-8"))
        seconds, found, judged = result["curve"][-1]
        print(
            f"{task.study}, {METHODS[task.method]}, seed {task.seed}: {found:.6f} after {seconds:.1f} s, {judged:,} designs",
            file=sys.stderr,
        )
        yield result


def same_scale(found: list[Run]) -> bool:
    """Were all runs of a study judged by one model? Then their random designs have one ideal and one nadir."""
    first = np.array(found[0]["anchors"])
    return all(np.allclose(first, run["anchors"], rtol=0, atol=SAME) for run in found)


def reached(run: Run, level: float) -> float:
    """Seconds until a run had this hypervolume, infinite if never."""
    return next((seconds for seconds, found, _ in run["curve"] if found >= level), math.inf)
