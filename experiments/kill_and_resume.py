"""Does a search that is killed again and again end in the same bits, and are two workers twice as fast as one?

Without --study a plan of the experiment's own is run: descents on a hilly function, compiled by jax.
"""

import contextlib
import hashlib
import itertools
import json
import os
import pickle
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import claim
import jax
import jax.numpy as jnp
import numpy as np

from codesign.cli import start_jax
from codesign.engine.arrays import checksum
from codesign.engine.dask import Dask
from codesign.engine.dask_round import IN_FLIGHT
from codesign.engine.ledger import NAME
from codesign.engine.local import Local
from codesign.engine.run import run
from codesign.engine.work import Job, Shard, State

DIMENSIONS, KEPT, LANES = 6, 200, 16384
SPEEDUP = 1.8
TOO_LONG = 600.0


class Hills(NamedTuple):
    """Rounds of descents from around the best points so far."""

    rounds: int
    width: int
    steps: int

    @property
    def key(self) -> str:
        """Names the work."""
        return hashlib.sha256(repr(self).encode()).hexdigest()[:16]

    def start(self) -> State:
        """One point, in the middle."""
        return {"round": np.array(0), "points": np.zeros((DIMENSIONS, 1)), "values": np.array([np.inf])}

    def units(self, state: State) -> int:
        """As many in each round."""
        return self.width if int(state["round"]) < self.rounds else 0

    def perform(self, state: State, unit: int) -> Shard:
        """The best ends of descents from perturbed points."""
        generator = np.random.default_rng([int(state["round"]), unit])
        parents = state["points"][:, generator.integers(0, state["points"].shape[1], LANES)]
        starts = parents + generator.standard_normal((DIMENSIONS, LANES))
        values, *points = (np.asarray(a) for a in _descended(tuple(starts), self.steps))
        best = np.argsort(values, kind="stable")[:KEPT]
        return {"points": np.stack(points)[:, best], "values": values[best]}

    def combine(self, state: State, shards: list[Shard]) -> State:
        """The best of all."""
        values = np.concatenate([state["values"], *(shard["values"] for shard in shards)])
        points = np.concatenate([state["points"], *(shard["points"] for shard in shards)], axis=1)
        best = np.argsort(values, kind="stable")[:KEPT]
        return {"round": state["round"] + 1, "points": points[:, best], "values": values[best]}


def _height(x: tuple[jax.Array, ...]) -> jax.Array:
    return sum(
        (0.1 * a**2 + jnp.sin(3 * a) * jnp.cos(2 * b) + jnp.log1p(jnp.exp(-a)) for a, b in zip(x, x[1:] + x[:1], strict=True)),
        jnp.zeros(()),
    )


@jax.jit
def _descended(x: tuple[jax.Array, ...], steps: int) -> tuple[jax.Array, ...]:
    slope = jax.grad(lambda x: _height(x).sum())
    x = jax.lax.fori_loop(0, steps, lambda _, x: tuple(a - 0.02 * g for a, g in zip(x, slope(x), strict=True)), x)
    return _height(x), *x


def hills(payload: bytes) -> Hills:
    """The plan on a worker."""
    return Hills(*pickle.loads(payload))


class Work(NamedTuple):
    """What is run: a study, or hills of this size."""

    study: str | None
    size: tuple[int, int, int]

    def command(self, folder: Path, engine: str, workers: int) -> list[str]:
        """The command that runs the work in a folder, or goes on with it."""
        places = ["--engine", engine, "--workers", str(workers), "--resume", "--out", str(folder)]
        if self.study:  # the certificate is a matter of seconds, not of units
            return [sys.executable, "-m", "codesign.cli", "optimize", self.study, "--set", "search.certificate_seconds=0", *places]
        return [sys.executable, __file__, "--size", json.dumps(self.size), *places]

    def front(self, folder: Path) -> str:
        """A hash of the front that a finished run left."""
        return hashlib.sha256((folder / ("front.csv" if self.study else "front.txt")).read_bytes()).hexdigest()


def run_hills(size: str, engine: str, workers: int, folder: Path) -> None:
    """The process that is killed."""
    plan = Hills(*json.loads(size))
    job = Job("kill_and_resume:hills", pickle.dumps(tuple(plan)), plan.key, {"study": repr(plan)})
    start_jax()
    state = run(job, plan, folder, lambda step: None, Dask(workers=workers) if engine == "dask" else Local(), resume=True)
    (folder / "front.txt").write_text(checksum(state), encoding="utf-8")


def workers_of(process: int) -> list[int]:
    """Process ids of the workers that a process has begun."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            if parent == process and b"worker_process" in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except (OSError, ValueError):
            continue
    return found


def attempts(folder: Path) -> tuple[int, int]:
    """How many units a run has had, and how often one was given out."""
    with contextlib.closing(sqlite3.connect(folder / NAME)) as ledger:
        count, total = ledger.execute("select count(*), sum(attempts) from units").fetchone()
    return count, total


def fastest_round(folder: Path) -> float:
    """Seconds of the fastest round after the first, in which programs are compiled."""
    with contextlib.closing(sqlite3.connect(folder / NAME)) as ledger:
        ends = [datetime.fromisoformat(t) for (t,) in ledger.execute("select max(written) from units group by round order by round")]
    return min((end - start).total_seconds() for start, end in itertools.pairwise(ends))


def busy_share(folder: Path, workers: int) -> float:
    """The share of the workers' time after the first round in which they perform units."""
    with contextlib.closing(sqlite3.connect(folder / NAME)) as ledger:
        (begin,), (end,) = (ledger.execute(f"select max(written) from units where {which}").fetchone() for which in ("round = 0", "1"))
        (seconds,) = ledger.execute("select sum(seconds) from units where round > 0").fetchone()
    return float(seconds) / (workers * (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds())


class Killed(NamedTuple):
    """Kills, units done again, and for each finished run whether its front is that of the undisturbed one."""

    kills: int
    again: int
    same: list[bool]


def undisturbed(work: Work, folder: Path, engine: str, workers: int) -> float:
    """Seconds of a run that nobody disturbs."""
    start = time.perf_counter()
    subprocess.run(work.command(folder, engine, workers), check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def killed(
    work: Work, root: Path, engine: str, workers: int, kills: int, front: str, kill: Callable[[subprocess.Popen[bytes]], int]
) -> Killed:
    """Runs that `kill` disturbs and that are resumed until they end, one after the other until there were enough kills."""
    total, again, same, runs = 0, 0, list[bool](), 0
    while total < kills:
        folder, runs, ended = root / f"run{runs}", runs + 1, False
        while not ended:
            with subprocess.Popen(work.command(folder, engine, workers), stdout=subprocess.DEVNULL) as process:
                total += kill(process) if total < kills else 0
                code = process.wait(TOO_LONG)
            ended = code == 0
            if code not in (0, -signal.SIGKILL):
                raise SystemExit(f"the run in {folder} ended with exit code {code}")
        count, given = attempts(folder)
        again += given - count
        same.append(work.front(folder) == front)
    return Killed(total, again, same)


def main_process_killer(longest: float, generator: random.Random) -> Callable[[subprocess.Popen[bytes]], int]:
    """Kills the main process at a random moment; 0 when it had ended before."""

    def kill(process: subprocess.Popen[bytes]) -> int:
        try:
            process.wait(generator.uniform(0, longest))
        except subprocess.TimeoutExpired:
            process.kill()
            return 1
        return 0

    return kill


def worker_killer(pause: float, most: int, generator: random.Random) -> Callable[[subprocess.Popen[bytes]], int]:
    """Kills a random worker at random moments until there are enough kills or the run has ended."""

    def kill(process: subprocess.Popen[bytes]) -> int:
        kills = 0
        while kills < most and process.poll() is None:
            time.sleep(generator.uniform(0.2, 2 * pause))
            workers = workers_of(process.pid)
            with contextlib.suppress(ProcessLookupError):
                for worker in generator.sample(workers, min(1, len(workers))):
                    os.kill(worker, signal.SIGKILL)
                    kills += 1
        return kills

    return kill


def rows_of(name: str, label: str, found: Killed) -> list[claim.Row]:
    """What is claimed of runs that were killed."""
    same = sum(found.same) / len(found.same)
    return [
        claim.Row(f"{name}.kills", f"{label}: kills", "1", None, found.kills),
        claim.Row(
            f"{name}.same",
            f"{label}: share of {len(found.same)} finished runs with the front of the undisturbed run",
            "1",
            None,
            same,
            1,
            1,
        ),
    ]


def measured_kills(work: Work, root: Path, kills: int, workers: int) -> list[claim.Row]:
    """What kills do to a run."""
    generator = random.Random(0)
    seconds = {engine: undisturbed(work, root / engine, engine, workers) for engine in ("local", "dask")}
    front = work.front(root / "local")
    rows = [claim.Row("engines.same", "is the front of dask that of local", "1", None, work.front(root / "dask") == front, 1, 1)]
    for engine, bound in (("local", 1), ("dask", IN_FLIGHT * workers)):
        label = f"main process killed, {engine}"
        found = killed(work, root / f"main-{engine}", engine, workers, kills, front, main_process_killer(seconds[engine], generator))
        again = found.again / found.kills
        rows += rows_of(f"main.{engine}", label, found)
        rows.append(claim.Row(f"main.{engine}.again", f"{label}: units done again per kill", "1", None, again, 0, bound))
    found = killed(work, root / "workers", "dask", workers, kills, front, worker_killer(2.0, kills, generator))
    return rows + rows_of("workers", "workers killed", found)


def measured_speed(work: Work, root: Path, workers: int) -> list[claim.Row]:
    """What several workers gain, and the share of their time that the engine leaves them to work."""
    times = {}
    for count in (1, workers):
        undisturbed(work, root / f"speed-{count}", "dask", count)
        times[count] = fastest_round(root / f"speed-{count}")
    busy, gain = busy_share(root / f"speed-{workers}", workers), times[1] / times[workers]
    return [
        claim.Row("speed.busy", f"share of their time in which {workers} workers perform units", "1", None, busy, SPEEDUP / 2, 1),
        claim.Row("speed.gain", f"speed of {workers} workers against one", "1", None, gain, SPEEDUP / 2 * workers, float("inf")),
    ]


ASSUMPTIONS = [
    "killed means SIGKILL, at a moment drawn evenly from an undisturbed run (main process) or every two seconds or so (workers)",
    "a unit that was given out to a worker when the main process died counts as done again",
    "the gain is that of the fastest round of each after the first, which compiles; it needs as many free cores as workers",
]


def main() -> int:
    """Run the experiment, or the process that it kills."""
    parser = claim.parser(__doc__ or "")
    parser.add_argument("--kills", type=int, default=20, help="of each kind; 0 measures speed alone")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--study", help="what is killed, in the place of the hills")
    for name in ("--size", "--engine", "--out"):
        parser.add_argument(name, help="of the process that is killed")
    parser.add_argument("--resume", action="store_true", help="of the process that is killed")
    asked = parser.parse_args()
    if asked.size:
        run_hills(asked.size, asked.engine, asked.workers, Path(asked.out))
        return 0
    work, slow = Work(asked.study, (3, 8, 40)), Work(None, (6, 8, 160))
    with tempfile.TemporaryDirectory() as root:
        rows = measured_kills(work, Path(root), asked.kills, asked.workers) if asked.kills else []
        rows += measured_speed(slow, Path(root), asked.workers)
    return claim.show("A run that is killed ends in the same bits", rows, ASSUMPTIONS, asked.json)


if __name__ == "__main__":
    sys.exit(main())
