"""How are the units of a round given out to a dask cluster and taken back?

The state goes to the scheduler once, as a task of its own: workers take it from there and
from each other, and it is made again when all workers that had it are dead. Units are pure,
have fixed names and are given out a few at a time.
"""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

from codesign.engine.trouble import EngineError
from codesign.engine.work import Done, Job, Task
from codesign.engine.worker import hold, perform_unit

IN_FLIGHT = 2


def perform_round(distributed: Any, client: Any, job: Job, task: Task) -> Iterator[Done]:
    """The units of a round as they are done; never more given out than twice what the workers can do at once.

    Units whose workers died too often are tried again alone at the end: one that was only
    waiting beside the one that kills then succeeds.
    """
    name = f"codesign-{job.key}-{task.round}"
    held = client.submit(hold, job, task.state, key=f"{name}-state")
    waiting, suspects = iter(task.units), []

    def given(count: int) -> Iterator[Any]:
        for unit in itertools.islice(waiting, max(count, 0)):
            task.begin(unit)
            yield client.submit(perform_unit, held, unit, key=f"{name}-{unit}")

    def room() -> int:
        with _lost(distributed, task.round):
            return IN_FLIGHT * max(1, sum(client.nthreads().values()))

    running = distributed.as_completed(given(room()), loop=client.loop)
    for future in running:
        for following in given(room() - running.count()):
            running.add(following)
        unit = int(future.key.rpartition("-")[2])
        if future.status == "error" and isinstance(future.exception(), distributed.KilledWorker):
            suspects.append(unit)
        else:
            yield _result(distributed, future, unit, task.round)
    for unit in suspects:
        task.begin(unit)
        yield _result(distributed, client.submit(perform_unit, held, unit, key=f"{name}-{unit}-alone"), unit, task.round)


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
