"""How are the units of a round given out to a dask cluster and taken back?

The state goes to the scheduler once, as a task of its own: workers take it from there and
from each other, and it is made again when all workers that had it are dead. Units are pure,
have fixed names and are given out a few at a time, each to the worker that has the fewest: left
to itself the scheduler gives all to the worker that has the state.
"""

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any

from codesign.engine.trouble import EngineError
from codesign.engine.work import Done, Task
from codesign.engine.worker import hold, perform_unit

IN_FLIGHT = 2


def perform_round(distributed: Any, client: Any, job: Any, task: Task) -> Iterator[Done]:
    """The units of a round as they are done, of the `job` that workers hold; never more given out than twice what they can do at once.

    Units whose workers died too often are tried again alone at the end: one that was only
    waiting beside the one that kills then succeeds.
    """
    name = f"{job.key}-{task.round}"
    state = client.submit(hold, task.state, key=f"{name}-state")
    waiting, places, suspects = iter(task.units), dict[int, str](), list[int]()

    def given() -> list[Any]:
        with _lost(distributed, task.round):
            threads = client.nthreads()
        room = IN_FLIGHT * max(1, sum(threads.values())) - len(places)
        futures = []
        for unit in itertools.islice(waiting, max(room, 0)):
            task.begin(unit)
            places[unit] = least_busy(threads, places)
            where = {"workers": [places[unit]], "allow_other_workers": True} if places[unit] else {}
            futures.append(client.submit(perform_unit, job, state, unit, key=f"{name}-{unit}", **where))
        return futures

    running = distributed.as_completed(given(), loop=client.loop)
    for future in running:
        unit = int(future.key.rpartition("-")[2])
        del places[unit]
        running.update(given())
        if future.status == "error" and isinstance(future.exception(), distributed.KilledWorker):
            suspects.append(unit)
        else:
            yield _result(distributed, future, unit, task.round)
    for unit in suspects:
        task.begin(unit)
        yield _result(distributed, client.submit(perform_unit, job, state, unit, key=f"{name}-{unit}-alone"), unit, task.round)


def least_busy(threads: dict[str, int], places: dict[int, str]) -> str:
    """The worker with the fewest units per thread; none where there is no worker.

    >>> least_busy({"a": 1, "b": 1, "c": 4}, {0: "a", 1: "c", 2: "b", 3: "c"})
    'c'
    """
    busy = Counter(places.values())
    return min(threads, key=lambda worker: busy[worker] / max(threads[worker], 1), default="")


def _result(distributed: Any, future: Any, unit: int, number: int) -> Done:
    try:
        with _lost(distributed, number):
            done: Done = future.result()
    except distributed.KilledWorker as error:
        text = f"unit {unit} of round {number} killed {error.allowed_failures + 1} workers that had nothing else to do"
        raise EngineError(text) from None
    return done


@contextlib.contextmanager
def _lost(distributed: Any, number: int) -> Iterator[None]:
    """Turns the end of a cluster into an `EngineError`."""
    try:
        yield
    except (distributed.CancelledError, distributed.comm.CommClosedError, TimeoutError, OSError) as error:
        raise EngineError(f"the cluster was lost in round {number} ({error}); continue with --resume") from None
