"""What does `codesign optimize` do?"""

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from codesign.cells import NoLegalMapping
from codesign.cli import INFEASIBLE, INTERRUPTED, emit, say
from codesign.commands.certify import proved_front
from codesign.commands.progress import watcher
from codesign.config import load_study
from codesign.report.folder import check_writable, write_run
from codesign.report.run import FILES, empty_run, make_run, search_facts
from codesign.report.sample import sample_of
from codesign.report.terminal import console, print_run
from codesign.study import Finder, Front, Infeasible, Interrupted, find, make_exact_evaluation, prepare, solve
from codesign.units import show


def infeasible_text(error: Infeasible) -> str:
    """The limit that bars a study, by how much, where, and what would help."""
    record = error.record
    by = f"{show(record.demand, record.unit)} against {show(record.bound, record.unit)}, {show(record.gap, record.unit)} too much"
    at = ", ".join(f"{name} {value}" for name, value in error.point.items())
    return f"infeasible: {record.name}: {by} at the nearest design ({at}); levers: {record.levers}"


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


@contextlib.contextmanager
def finishing() -> Iterator[list[int]]:
    """Work of a few seconds that an interrupt does not cut: it is noted in the list that is given."""
    noted: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        noted.append(number)
        say("interrupted; writing the run folder first")

    before = signal.signal(signal.SIGINT, note) if threading.current_thread() is threading.main_thread() else None
    try:
        yield noted
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


def _certified(front: Front) -> tuple[Front, dict[str, Any] | None]:
    """The front with the designs that a proof added, and the facts of the proof; None where none is asked for."""
    settings = front.study.file.search
    if front.found.interrupted or not settings["certificate_seconds"]:
        return front, None
    return proved_front(front, settings["certificate_percent"], settings["certificate_seconds"])


class Means(NamedTuple):
    """How a study is searched: by which engine, on which scheduler, continuing what its folder has."""

    engine: str
    scheduler: str | None
    workers: int | None
    resume: bool

    def finder(self, out: Path) -> Finder:
        """The search; units of work are kept in the folder where an engine or a resumption is asked for."""
        if self.engine == "local" and not self.resume:
            return find
        from codesign.engine.dask import Dask
        from codesign.engine.local import Local
        from codesign.engine.search import make_finder

        return make_finder(Local() if self.engine == "local" else Dask(self.scheduler, self.workers), out, self.resume)


def run_study(path: Path, out: Path, settings: tuple[str, ...], seed: int | None, means: Means, as_json: bool) -> int:
    """Solve the study at `path` into the folder `out`; returns the exit code."""
    start = time.perf_counter()
    point, file, _ = load_study(path, settings)
    chosen = file.search["seed"] if seed is None else seed
    check_writable(out)
    try:
        study = prepare(file, point.design, point.workload)
        exact = make_exact_evaluation(study)
        warm = {"reading": time.perf_counter() - start}
        with watcher() as watch:
            front = solve(study, chosen, watch, means.finder(out), exact)
        front, facts = _certified(front)
    except Interrupted:
        write_run(empty_run(study, point, chosen), out)
        say(f"interrupted before the first design; {out} says so")
        if as_json:
            emit({"error": "interrupted", "folder": str(out)})
        return INTERRUPTED
    except NoLegalMapping as error:
        say(f"infeasible: {error}")
        if as_json:
            emit({"error": "infeasible", "reason": str(error)})
        _remove_if_empty(out)
        return INFEASIBLE
    except Infeasible as error:
        say(infeasible_text(error))
        if as_json:
            emit({"error": "infeasible", "constraint": error.record._asdict(), "nearest_design": error.point})
        _remove_if_empty(out)
        return INFEASIBLE
    with finishing() as told:
        source = {"path": str(path), "settings": list(settings)}
        sample, drawn = sample_of(study, exact)
        facts = {"source": source, "certificate": facts, "sample": drawn} | search_facts(front, warm)
        run = make_run(front, point, "interrupted" if front.found.interrupted else "complete", facts, sample)
        write_run(run, out)
    seconds = time.perf_counter() - start
    if as_json:
        emit({"manifest": run.manifest, "folder": str(out), "files": list(FILES), "seconds": seconds})
    else:
        print_run(run, out, seconds, console())
    return INTERRUPTED if front.found.interrupted or told else 0
