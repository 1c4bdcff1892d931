"""How are units performed on a dask cluster, started here or elsewhere?

Results are written by this process alone, so that workers need no common disk.
"""

import contextlib
import functools
import logging
from collections.abc import Iterator
from typing import Any

from codesign.config.problems import ConfigError, Problem
from codesign.engine.dask_round import perform_round
from codesign.engine.own_workers import own_workers
from codesign.engine.trouble import EngineError
from codesign.engine.work import Job, Perform, Plan
from codesign.engine.worker import hold

DEATHS = 5
PATIENCE, ARRIVAL, START = 15, 60, 120
SAME = ("codesign", "jax", "numpy")
SETTINGS = {
    "distributed.scheduler.allowed-failures": DEATHS - 1,
    "distributed.admin.large-graph-warning-threshold": "1 TB",
}


class Dask:
    """The cluster at `address`, or one of `workers` processes (all cores) on this machine for as long as the run lasts.

    Each own worker is a process that computes on one core; a worker elsewhere computes on
    what its environment gives it. Accelerators are not shared out among own workers.
    """

    name = "dask"

    def __init__(self, address: str | None = None, workers: int | None = None) -> None:
        self.address, self.workers = address, workers

    @contextlib.contextmanager
    def start(self, job: Job, plan: Plan) -> Iterator[Perform]:
        """Connects or starts workers; raises `ConfigError` when there is no such cluster or it has other versions."""
        try:
            import dask
            import distributed
        except ImportError:
            text = "the engine dask needs the package distributed, which is not installed: pip install -e '.[dask]'"
            raise ConfigError([Problem("--engine", 0, "dask", text)]) from None
        from distributed.utils import silence_logging_cmgr

        place = _connected(distributed, self.address) if self.address else _own(distributed, self.workers)
        with silence_logging_cmgr(logging.CRITICAL), dask.config.set(SETTINGS), place as client:
            yield functools.partial(perform_round, distributed, client, client.submit(hold, job, key=f"codesign-{job.key}"))


@contextlib.contextmanager
def _own(distributed: Any, workers: int | None) -> Iterator[Any]:
    """A client of worker processes on this machine.

    They are not those of `LocalCluster`: one of these that is killed while it starts again is
    never replaced, and all of them import the main module once more.
    """
    from dask.system import CPU_COUNT

    with contextlib.ExitStack() as stack:
        try:
            cluster = stack.enter_context(
                distributed.LocalCluster(
                    n_workers=0, silence_logs=False, dashboard_address="127.0.0.1:0", scheduler_kwargs={"dashboard": False}
                )
            )
            client = stack.enter_context(distributed.Client(cluster, set_as_default=False))
            stack.enter_context(own_workers(cluster.scheduler_address, workers or CPU_COUNT))
            client.wait_for_workers(1, timeout=START)
        except (OSError, TimeoutError) as error:
            raise EngineError(f"the workers could not be started: {error}") from error
        yield client


@contextlib.contextmanager
def _connected(distributed: Any, address: str) -> Iterator[Any]:
    """A client of the cluster at `address`."""

    def wrong(text: str) -> ConfigError:
        return ConfigError([Problem("--engine", 0, f"dask at {address}", text)])

    try:
        client = distributed.Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as error:
        raise wrong(f"cannot be reached ({error})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=ARRIVAL)
        except TimeoutError:
            raise wrong(f"has no workers after {ARRIVAL} s; start some with: dask worker {address}") from None
        found = client.get_versions(packages=list(SAME))
        here = found["client"]["packages"]
        texts = [
            f"worker {worker} has {name} {versions['packages'].get(name)}, this process {here[name]}"
            for worker, versions in found["workers"].items()
            for name in SAME
            if versions["packages"].get(name) != here[name]
        ]
        if texts:
            raise wrong("; ".join(texts))
        yield client
