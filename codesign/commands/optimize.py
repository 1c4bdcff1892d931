"""What does `codesign optimize` do?"""

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

from codesign.cells import NoLegalMapping
from codesign.cli import INFEASIBLE, INTERRUPTED, emit, say
from codesign.commands.certify import proved_front
from codesign.commands.progress import watcher
from codesign.config import load_study
from codesign.config.load import Point
from codesign.config.problems import ConfigError, Problem, shown_path
from codesign.engine.lock import locked
from codesign.report.folder import check_writable, read_run, title_in, write_run
from codesign.report.run import FILES, Run, empty_run, make_run, resolved_study, search_facts, study_hash
from codesign.report.sample import sample_of
from codesign.report.terminal import console, print_run
from codesign.search.run import Found, Progress
from codesign.study import Exact, Finder, Front, Infeasible, Interrupted, Study, find, make_exact_evaluation, prepare, solve
from codesign.units import show


def infeasible_text(error: Infeasible) -> str:
    """The limit that bars a study, by how much, where, and what would help."""
    record = error.record
    by = f"{show(record.demand, record.unit)} against {show(record.bound, record.unit)}, {show(record.gap, record.unit)} too much"
    at = ", ".join(f"{name} {value}" for name, value in error.point.items())
    return f"infeasible: {record.name}: {by} at the nearest design ({at}); levers: {record.levers}"


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """A folder that can be written, of this process alone; gone again if nothing was put there."""
    check_writable(folder)
    try:
        with locked(folder):
            yield
    finally:
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


class Means(NamedTuple):
    """How a study is searched: by which engine, on which scheduler, continuing what its folder has."""

    engine: str
    scheduler: str | None
    workers: int | None
    resume: bool

    def check(self, search: dict[str, Any]) -> None:
        """`ConfigError` where options do not go together or would do nothing."""
        problems = []
        if self.engine == "local":
            for option, value in (("--scheduler", self.scheduler), ("--workers", self.workers)):
                if value is not None:
                    problems.append(Problem(option, 0, str(value), "needs --engine dask"))
        elif self.scheduler is not None and not self.scheduler.strip():
            problems.append(Problem("--scheduler", 0, "", "expected the address of a scheduler, got nothing"))
        elif self.scheduler is not None and self.workers is not None:
            problems.append(Problem("--workers", 0, str(self.workers), "are own workers: leave out these or --scheduler"))
        if search["seconds"] and (self.engine != "local" or self.resume):
            text = "a search that can be resumed has no time limit: expected 0; search.rounds limits it"
            problems.append(Problem("search.seconds", 0, str(search["seconds"]), text))
        if problems:
            raise ConfigError(problems)

    def finder(self, out: Path) -> Finder:
        """The search; units of work are kept in the folder where an engine or a resumption is asked for."""
        if self.engine == "local" and not self.resume:
            return find
        from codesign.engine.dask import Dask
        from codesign.engine.local import Local
        from codesign.engine.search import make_finder

        return make_finder(Local() if self.engine == "local" else Dask(self.scheduler, self.workers), out, self.resume)


class Solved(NamedTuple):
    """A front, the facts of its proof (None where none was made), and whether a user ended search or proof."""

    front: Front
    facts: dict[str, Any] | None
    interrupted: bool


def _solved(study: Study, seed: int, finder: Finder, exact: Exact) -> Solved:
    """A study searched and proved; once the search is over an interrupt loses nothing. Raises what `solve` raises."""
    with contextlib.ExitStack() as stack:
        heard: list[list[int]] = []

        def found(study: Study, seed: int, watch: Callable[[Progress], None]) -> Found:
            result = finder(study, seed, watch)
            heard.append(stack.enter_context(finishing()))
            return result

        with watcher() as watch:
            front = solve(study, seed, watch, found, exact)
    settings = study.file.search
    if front.found.interrupted or heard[0] or not settings["certificate_seconds"]:
        return Solved(front, None, bool(front.found.interrupted or heard[0]))
    try:
        front, facts = proved_front(front, settings["certificate_percent"], settings["certificate_seconds"])
    except KeyboardInterrupt:
        return Solved(front, {"unavailable": "it was interrupted before it began"}, True)
    return Solved(front, facts, facts.get("interrupted", False))


def _check_title(folder: Path, title: str) -> None:
    """`ConfigError` where a folder holds a run of a study of another title, which would be lost."""
    if (there := title_in(folder)) not in (None, title):
        text = f"holds a run of another study, '{there}': choose another --out, or delete it"
        raise ConfigError([Problem(shown_path(folder), 0, "--out", text)])


def _check_same(folder: Path, study: Study) -> None:
    """`ConfigError` where a folder that is to be gone on with has a finished run of another study."""
    if not (folder / "manifest.json").is_file():
        return
    there = read_run(folder).manifest
    if there.get("study_hash", study_hash(resolved_study(study))) != study_hash(resolved_study(study)):
        raise ConfigError([Problem(shown_path(folder), 0, "--resume", "holds a run of another study; choose another --out")])


def _write_nothing(study: Study, point: Point, seed: int, out: Path) -> None:
    """Say that there is no design yet; a run that was there is kept."""
    if (out / "manifest.json").exists():
        say(f"interrupted before the first design; the run that {out} holds is kept")
        return
    write_run(empty_run(study, point, seed), out)
    say(f"interrupted before the first design; {out} says so")


def _finished(study: Study, point: Point, solved: Solved, exact: Exact, facts: dict[str, Any], out: Path) -> tuple[Run, bool]:
    """The run, written, and whether a user has interrupted anything."""
    with finishing() as heard:
        sample, drawn = sample_of(study, exact)
        status = "interrupted" if solved.front.found.interrupted else "complete"
        run = make_run(solved.front, point, status, facts | {"certificate": solved.facts, "sample": drawn}, sample)
        write_run(run, out)
    return run, bool(solved.interrupted or heard)


def _ended(code: int, facts: dict[str, Any], as_json: bool) -> int:
    """The exit code, after the one JSON object where it is asked for."""
    if as_json:
        emit(facts)
    return code


def run_study(path: Path, out: Path, settings: tuple[str, ...], seed: int | None, means: Means, as_json: bool) -> int:
    """Solve the study at `path` into the folder `out`; returns the exit code."""
    start = time.perf_counter()
    point, file, _ = load_study(path, settings)
    chosen = file.search["seed"] if seed is None else seed
    means.check(file.search)
    with _alone_in(out):
        try:
            _check_title(out, file.title)
            study = prepare(file, point.design, point.workload)
            if means.resume:
                _check_same(out, study)
            exact = make_exact_evaluation(study)
            warm = {"reading": time.perf_counter() - start}
            solved = _solved(study, chosen, means.finder(out), exact)
        except Interrupted:
            _write_nothing(study, point, chosen, out)
            return _ended(INTERRUPTED, {"error": "interrupted", "folder": str(out)}, as_json)
        except NoLegalMapping as error:
            say(f"infeasible: {error}")
            return _ended(INFEASIBLE, {"error": "infeasible", "reason": str(error)}, as_json)
        except Infeasible as error:
            say(infeasible_text(error))
            facts = {"error": "infeasible", "constraint": error.record._asdict(), "nearest_design": error.point}
            return _ended(INFEASIBLE, facts, as_json)
        source = {"path": str(path), "settings": list(settings)}
        run, interrupted = _finished(study, point, solved, exact, {"source": source} | search_facts(solved.front, warm), out)
    seconds = time.perf_counter() - start
    if not as_json:
        print_run(run, out, seconds, console())
    told: dict[str, Any] = {"manifest": run.manifest, "folder": str(out), "files": list(FILES), "seconds": seconds}
    return _ended(INTERRUPTED if interrupted else 0, told, as_json)
