"""Does a study that is killed again and again end in the same front, and are two workers twice as fast as one?"""

import contextlib
import hashlib
import math
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import claim
import psutil

from codesign.cli import start_jax
from codesign.config import load_study
from codesign.engine.arrays import settled
from codesign.engine.dask import Dask
from codesign.engine.dask_round import IN_FLIGHT
from codesign.engine.ledger import NAME
from codesign.engine.run import Step, run
from codesign.engine.search import job_of, plan_of
from codesign.engine.shards import read_arrays, state_files
from codesign.engine.work import Done, Job, Perform, Plan, Task
from codesign.study import Study, prepare

STUDY = claim.ROOT / "configs" / "studies" / "passage.toml"
WIDE = ("search.units=8", "search.breadth=8", "search.generations=40")
SPEEDUP, ONE_CORE = 1.8, 1.05
TOO_LONG, PAUSE, WATCHED = 600.0, 3.0, 3
"""Seconds; of every so many kills of the main process one waits for a file that is being written."""


class Work(NamedTuple):
    """The study that is run, by an engine, with compiled programs kept below `home` (None: where the user's are)."""

    study: Path
    engine: str
    workers: int
    home: Path | None = None

    def begun(self, folder: Path) -> subprocess.Popen[bytes]:
        """A process that runs the study in a folder, or goes on with it."""
        places = ["--engine", self.engine, "--resume", "--out", str(folder)]
        count = ["--workers", str(self.workers)] if self.engine == "dask" else []
        quick = ["--set", "search.certificate_seconds=0"]  # the proof is no matter of units
        command = [sys.executable, "-m", "codesign.cli", "optimize", str(self.study), *quick, *places, *count]
        environment = os.environ | ({"HOME": str(self.home)} if self.home else {})
        folder.parent.mkdir(exist_ok=True)
        with log_of(folder).open("wb") as log:
            return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=log, env=environment)

    def undisturbed(self, folder: Path) -> float:
        """Seconds of a run that nobody disturbs."""
        start = time.perf_counter()
        with self.begun(folder) as process:
            expect(process.wait(TOO_LONG), (0,), folder)
        return time.perf_counter() - start


def log_of(folder: Path) -> Path:
    """Where the last process of a run said what it did."""
    return folder.with_name(f"{folder.name}.log")


def expect(code: int, codes: tuple[int, ...], folder: Path) -> None:
    """Ends the experiment when a run ended in another way than expected."""
    if code not in codes:
        raise SystemExit(f"the run in {folder} ended with exit code {code}:\n{log_of(folder).read_text()[-2000:]}")


def front_of(folder: Path) -> str:
    """A hash of the front that a finished run left."""
    return hashlib.sha256((folder / "front.csv").read_bytes()).hexdigest()


def workers_of(process: int) -> list[psutil.Process]:
    """The workers that a process has begun."""
    found = []
    with contextlib.suppress(psutil.NoSuchProcess):
        for child in psutil.Process(process).children():
            with contextlib.suppress(psutil.NoSuchProcess):
                found += [child] if "codesign.engine.worker_process" in child.cmdline() else []
    return found


def unfinished_files(folder: Path) -> bool:
    """Is there a result or state that is being written, or was when its process was killed?"""
    return any((folder / "shards").glob("*.tmp"))


def attempts(folder: Path) -> tuple[int, int]:
    """How many units a run has had, and how often one was given out."""
    with contextlib.closing(sqlite3.connect(folder / NAME)) as ledger:
        count, total = ledger.execute("select count(*), sum(attempts) from units").fetchone()
    return count, total


class Killed(NamedTuple):
    """Kills, those that cut a file short, units done again, and for each finished run whether its front is the undisturbed one."""

    kills: int
    cut: int
    again: int
    same: list[bool]


Kill = Callable[[subprocess.Popen[bytes], Path], int]
"""(process, its folder) -> how many kills."""


def killed(work: Work, root: Path, kills: int, front: str, kill: Kill) -> Killed:
    """Runs that `kill` disturbs and that are resumed until they end, one after the other until there were enough kills."""
    total, cut, again, same = 0, 0, 0, list[bool]()
    while total < kills:
        folder, code = root / f"run{len(same)}", -signal.SIGKILL
        while code:
            with work.begun(folder) as process:
                total += kill(process, folder) if total < kills else 0
                code = process.wait(TOO_LONG)
            cut += code != 0 and unfinished_files(folder)
            expect(code, (0, -signal.SIGKILL), folder)
        count, given = attempts(folder)
        again += given - count
        same.append(front_of(folder) == front)
    return Killed(total, cut, again, same)


def main_process_killer(longest: float, generator: random.Random) -> Kill:
    """Kills the main process at a random moment, or at the next file it writes after it; 0 when it had ended before."""

    def kill(process: subprocess.Popen[bytes], folder: Path) -> int:
        watched = generator.randrange(WATCHED) == 0
        moment = generator.uniform(0, longest / 2 if watched else longest)  # files are written until the report begins
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
        while watched and process.poll() is None and not unfinished_files(folder):
            time.sleep(1e-4)
        if process.poll() is not None:
            return 0
        process.kill()
        return 1

    return kill


def worker_killer(most: int, generator: random.Random) -> Kill:
    """Kills a random worker at random moments until there are enough kills or the run has ended."""

    def kill(process: subprocess.Popen[bytes], _: Path) -> int:
        kills = 0
        while kills < most and process.poll() is None:
            time.sleep(generator.uniform(0.0, 2 * PAUSE))
            workers = workers_of(process.pid)
            for worker in generator.sample(workers, min(1, len(workers))):
                with contextlib.suppress(psutil.NoSuchProcess):
                    worker.kill()
                    kills += 1
        return kills

    return kill


def rows_of(name: str, label: str, found: Killed) -> list[claim.Row]:
    """What is claimed of runs that were killed."""
    same, ended = sum(found.same) / len(found.same), f"share of {len(found.same)} finished runs with the front of the undisturbed run"
    return [
        claim.Row(f"{name}.kills", f"{label}: kills", "1", None, found.kills),
        claim.Row(f"{name}.same", f"{label}: {ended}", "1", None, same, 1, 1),
    ]


def measured_kills(study: Path, root: Path, kills: int, workers: int) -> list[claim.Row]:
    """What kills do to a run: of the main process half here and half with workers, then of workers."""
    generator = random.Random(0)
    seconds = {engine: Work(study, engine, workers).undisturbed(root / engine) for engine in ("local", "dask")}
    front = front_of(root / "local")
    rows = [claim.Row("engines.same", "is the front of dask that of local", "1", None, front_of(root / "dask") == front, 1, 1)]
    for engine, count, bound in (("local", kills - kills // 2, 1), ("dask", kills // 2, IN_FLIGHT * workers)):
        work = Work(study, engine, workers, root / f"home-{engine}")  # nothing is compiled yet
        found = killed(work, root / f"main-{engine}", count, front, main_process_killer(seconds[engine], generator))
        label, again = f"main process killed, {engine}", found.again / found.kills
        rows += rows_of(f"main.{engine}", label, found)
        rows.append(claim.Row(f"main.{engine}.cut", f"{label}: kills that left a result or state half-written", "1", None, found.cut))
        rows.append(claim.Row(f"main.{engine}.again", f"{label}: units done again per kill", "1", None, again, 0, bound))
    found = killed(Work(study, "dask", workers), root / "workers", kills, front, worker_killer(kills, generator))
    return rows + rows_of("workers", "workers killed", found)


class Timed(NamedTuple):
    """Seconds of a search from its first unit to its last combination, of them between rounds, of units and of workers' processors."""

    whole: float
    between: float
    units: float
    processor: float


class Held(NamedTuple):
    """A cluster that has been started, as an engine."""

    perform: Perform
    name: str = "dask"

    def start(self, job: Job, plan: Plan) -> contextlib.AbstractContextManager[Perform]:
        """Ready already."""
        return contextlib.nullcontext(self.perform)


def warm(perform: Perform, plan: Plan, workers: int) -> None:
    """Units are done and thrown away until every worker has the compiled model."""
    state, seen, number = settled(plan.start()), set[str](), -1
    while len(seen) < workers:
        seen |= {done.worker for done in perform(Task(number, state, list(range(plan.units(state))), lambda unit: None))}
        number -= 1


def timed(study: Study, folder: Path, workers: int) -> Timed:
    """A search by so many workers that are warm."""
    job = job_of(study, 0)
    plan, steps, units = plan_of(job.payload), list[tuple[float, bool]](), list[float]()

    def watch(step: Step) -> None:
        steps.append((time.perf_counter(), step.done == step.units))

    def processor() -> float:
        return sum(sum(worker.cpu_times()[:2]) for worker in workers_of(os.getpid()))

    with Dask(workers=workers).start(job, plan) as perform:

        def noted(task: Task) -> Iterator[Done]:
            for done in perform(task):
                units.append(done.seconds)
                yield done

        warm(perform, plan, workers)
        before = processor()
        run(job, plan, folder, watch, Held(noted))
        finish, spent = time.perf_counter(), processor() - before
    times = [*steps, (finish, False)]
    between = sum(times[i + 1][0] - when for i, (when, over) in enumerate(steps) if over)
    return Timed(finish - steps[0][0], between, sum(units), spent)


def end_of(folder: Path) -> str:
    """The checksum of the last state of a run."""
    kept = read_arrays(max(state_files(folder).items())[1])
    return str(kept.record["checksum"]) if kept else ""


def measured_speed(path: Path, root: Path, workers: int, turns: int) -> list[claim.Row]:
    """What several workers gain over one, in turns, and where the rest goes."""
    start_jax()
    point, file, _ = load_study(path, WIDE)
    study = prepare(file, point.design, point.workload)
    runs: dict[int, list[Timed]] = {1: [], workers: []}
    for turn in range(turns):
        for count, found in runs.items():
            found.append(timed(study, root / f"speed-{turn}-{count}", count))
    one, many = (Timed(*(sum(column) for column in zip(*found, strict=True))) for found in runs.values())
    same = len({end_of(root / f"speed-{turn}-{count}") for turn in range(turns) for count in runs})
    gain, text = one.whole / many.whole, f"{workers} workers"
    return [
        claim.Row("speed.gain", f"speed of {text} against one", "1", None, gain, SPEEDUP / 2 * workers, math.inf),
        claim.Row("speed.same", "different ends of the runs that were timed", "1", None, same, 1, 1),
        claim.Row("speed.cores", "cores that one worker uses", "1", None, one.processor / one.whole, 0, ONE_CORE),
        claim.Row("speed.whole", "seconds of a search by one worker", "s", None, one.whole / turns),
        claim.Row("speed.busy", f"share of their time in which {text} perform units", "1", None, many.units / many.whole / workers),
        claim.Row("speed.between", f"share of the time between the rounds of {text}", "1", None, many.between / many.whole),
        claim.Row("speed.beside", "seconds of the units beside each other, against alone", "1", None, many.units / one.units),
    ]


ASSUMPTIONS = [
    "killed means SIGKILL; the main process at a moment drawn evenly from an undisturbed run, every third time or so at the next file"
    " that it writes after that; workers every three seconds or so",
    "each series of kills of the main process begins without compiled programs, so that compiling is killed too",
    "a unit that was given out to a worker when the main process died counts as done again",
    f"the speed is that of the study with {', '.join(WIDE)}, from the first unit that is given out to the last state that is written;"
    " workers have the compiled model before; one worker and several in turns",
    "the speed needs as many free cores as workers: speed.beside is 1 where they do not disturb each other",
]


def main() -> int:
    """Run the experiment."""
    parser = claim.parser(__doc__ or "")
    parser.add_argument("--kills", type=int, default=20, help="of the main process, and of workers; 0 measures speed alone")
    parser.add_argument("--turns", type=int, default=2, help="of one worker and several; 0 measures kills alone")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--study", type=Path, default=STUDY)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as root:
        rows = measured_kills(asked.study, Path(root), asked.kills, asked.workers) if asked.kills else []
        rows += measured_speed(asked.study, Path(root), asked.workers, asked.turns) if asked.turns else []
    return claim.show("A study that is killed ends in the same front", rows, ASSUMPTIONS, asked.json)


if __name__ == "__main__":
    sys.exit(main())
