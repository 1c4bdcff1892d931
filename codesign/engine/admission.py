"""May a run use this folder: is it free, and is what is there the same run?"""

import contextlib
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

from codesign import __version__
from codesign.config.problems import ConfigError, Problem, shown_path
from codesign.engine.folder import Store, Unkept, now
from codesign.engine.ledger import open_ledger, remove_ledger
from codesign.engine.lock import locked
from codesign.engine.shards import force_names, read_arrays, state_files, unit_files
from codesign.engine.trouble import writing
from codesign.engine.work import Job

NOT_COMPARED = ("engine", "created")


def header(job: Job, engine: str) -> dict[str, str]:
    """What a run is: its key, what the key was made of, versions, engine, when it began."""
    versions = {"package version": __version__, "jax version": importlib.metadata.version("jax")}
    return {"key": job.key, **job.facts, **versions, "engine": engine, "created": now()}


def differences(there: dict[str, str], here: dict[str, str]) -> list[str]:
    """What tells two runs apart, in words; the key only when nothing else does.

    >>> differences({"key": "a", "seed": "0"}, {"key": "b", "seed": "1"})
    ['the run here is of seed 0, this one of seed 1']
    """
    names = [n for n in here if n not in NOT_COMPARED and there.get(n) != here[n]]
    names = [n for n in names if n != "key"] or names
    return [f"the run here is of {n} {there.get(n, 'unknown')}, this one of {n} {here[n]}" for n in names]


@contextlib.contextmanager
def opened(folder: Path | None, job: Job, engine: str, resume: bool) -> Iterator[Store | Unkept]:
    """The folder of a run, locked, empty or with what can be continued.

    Raises `ConfigError` when another process uses it, when it holds an unfinished run and
    `resume` is not asked for, and when the run to be resumed is another one.
    """
    if folder is None:
        yield Unkept()
        return
    with writing(folder, "the run folder"):
        (folder / "shards").mkdir(parents=True, exist_ok=True)
        force_names(folder)
    with locked(folder):
        with writing(folder, "the run folder"):
            for rest in (folder / "shards").glob("*.tmp"):
                rest.unlink()
            run = _admitted(folder, header(job, engine), resume)
        with contextlib.closing(open_ledger(folder)) as ledger:
            ledger.describe(run)
            yield Store(folder, ledger, run)


def _admitted(folder: Path, here: dict[str, str], resume: bool) -> dict[str, str]:
    """The header to go on with; an old finished run makes place for a new one."""
    units, states = unit_files(folder), state_files(folder)
    last = read_arrays(states[max(states)]) if states else None
    finished = last is not None and last.record["units"] == 0
    with contextlib.closing(open_ledger(folder)) as ledger:
        there = ledger.header()
    if resume:
        texts = differences(there, here) if there else []
    else:
        texts = [] if finished or not (units or states) else [_unfinished(units, states)]
    if texts:
        raise ConfigError(Problem(shown_path(folder), 0, "--resume", text) for text in texts)
    if not resume:
        for path in (*units.values(), *states.values()):
            path.unlink()
        remove_ledger(folder)
        return here
    return here | {"created": there.get("created", here["created"])}


def _unfinished(units: dict[tuple[int, int], Path], states: dict[int, Path]) -> str:
    number = max([of_round for of_round, _ in units] + list(states))
    done = sum(of_round == number for of_round, _ in units)
    text = f"holds an unfinished run ({done} units of round {number} are done)"
    return f"{text}; continue it with --resume, or choose another --out"
