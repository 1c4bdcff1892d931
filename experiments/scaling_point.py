"""What do reading, search and proof of one study cost, in this process?

The search is the plan's own rounds, compiled before the clock starts; the front it ends with is proved up to
a factor. Both are stopped after some seconds if they have not ended by then.
"""

import resource
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scaling_studies import written

TARGET, COARSE = 0.10, 0.50
"""Factors, less one: where a proof ends, and one that is noted on the way."""
NEAR = 0.999
"""Share of the last hypervolume at which a front counts as found."""
BREADTH = 4
"""Units of a mutation where workers are counted, the same for every number of them."""


class Point(NamedTuple):
    """What is measured: cells and variables asked for, workers (0: this process alone), seconds of search and of proof at most."""

    cells: int
    variables: int
    workers: int
    seconds: float


class _TimeIsUp(Exception):
    """The search has had its seconds."""


class Watched:
    """A plan that notes what each stage and every exchange between rounds costs."""

    def __init__(self, plan: Any, seconds: float) -> None:
        self.plan, self.key, self.limit, self.state = plan, plan.key, seconds, plan.start()
        self.start, self.units, self.perform = plan.start, plan.units, plan.perform
        self.begin = self.since = time.perf_counter()
        self.stages: dict[str, float] = {}
        self.combining, self.rounds, self.shards, self.shard_bytes = 0.0, 0, 0, 0
        self.volumes: list[tuple[float, float]] = []

    def combine(self, state: Any, shards: list[Any]) -> Any:
        """The plan's own, with a look at the clock before and after."""
        before, stage = time.perf_counter(), str(state["stage"])
        self.stages[stage] = self.stages.get(stage, 0.0) + before - self.since
        self.shard_bytes = max(self.shard_bytes, *(sum(a.nbytes for a in shard.values()) for shard in shards))
        self.state = self.plan.combine(state, shards)
        self.since = time.perf_counter()
        self.combining += self.since - before
        self.rounds, self.shards = self.rounds + 1, self.shards + len(shards)
        self.volumes.append((self.since - self.begin, float(self.state["volume"])))
        if sum(self.stages.values()) - self.stages["sampling"] > self.limit:
            raise _TimeIsUp
        return self.state

    def facts(self, ended: bool, apart: bool) -> dict[str, float]:
        """Figures of the search; the first round, which starts workers and compiles there, can be set apart."""
        last, first = max(volume for _, volume in self.volumes), self.stages["sampling"]
        before = first if apart else 0.0
        return {
            "near": next(seconds for seconds, volume in self.volumes if volume >= NEAR * last) - before,
            "search": sum(self.stages.values()) + self.combining - before, "first_round": first,
            "search_ended": float(ended), "combining": self.combining / self.shards, "rounds": float(self.rounds),
            "shard_bytes": float(self.shard_bytes), "volume": last,
            "evaluations": float(self.state["evaluations"] + self.state["gradients"]),
        }  # fmt: skip


def searched(study: Any, point: Point) -> tuple[Any, dict[str, float]]:
    """What the search finds, and what it costs; workers compile in their first round, this process before."""
    from codesign.engine.dask import Dask
    from codesign.engine.local import Local
    from codesign.engine.run import run
    from codesign.engine.search import job_of, plan_of
    from codesign.search.run import found_of

    start = time.perf_counter()
    job = job_of(study, 0)
    plan, packed, begun = plan_of(job.payload), time.perf_counter() - start, time.perf_counter()
    if not point.workers:
        plan.stages.evaluate(study.space.low[:, None], np.zeros(1, dtype=int))
    compiled, watched = time.perf_counter() - begun, Watched(plan, point.seconds)
    try:
        run(job, watched, None, lambda step: None, Dask(None, point.workers) if point.workers else Local())
        ended = True
    except _TimeIsUp:
        ended = False
    facts = {"packing": packed, "job_bytes": float(len(job.payload)), "compile": compiled}
    return found_of(watched.state), facts | watched.facts(ended, point.workers > 0)


def proved(study: Any, found: Any, point: Point) -> dict[str, float]:
    """What the exact front costs and a proof for it, with as many processes as there are workers."""
    from codesign.certificate import certified
    from codesign.study import make_exact_evaluation, solve

    begun, exact = time.perf_counter(), make_exact_evaluation(study)
    exact(study.space.low[:, None], np.zeros(1, dtype=int))
    start = time.perf_counter()
    front = solve(study, 0, lambda progress: None, lambda *_: found, exact)
    finishing, passed = time.perf_counter() - start, dict[str, float]()

    def watch(progress: Any) -> None:
        for name, factor in (("proof_bounded", np.finfo(float).max), ("proof_coarse", COARSE)):
            if progress.eps <= factor:
                passed.setdefault(name, progress.seconds)

    proof, _ = certified(front, TARGET, point.seconds, max(point.workers, 1), watch)
    return passed | {
        "compile_exact": start - begun, "finishing": finishing, "designs": float(front.size), "proof": proof.seconds,
        "boxes": float(proof.boxes), "open": float(proof.open), "eps": proof.eps, "proof_ended": float(proof.open == 0),
    }  # fmt: skip


def measured(point: Point) -> dict[str, float]:
    """All figures of a point; peak memory after reading, after the search and at the end, in bytes."""
    import codesign as cd
    from codesign.cli import start_jax

    start_jax()
    with tempfile.TemporaryDirectory() as folder:
        path, start = written(Path(folder), point.cells, point.variables, BREADTH if point.workers else 1), time.perf_counter()
        study = cd.load(path)
    facts = {"reading": time.perf_counter() - start, "cells": float(study.space.size), "variables": float(study.space.dimension)}
    facts["memory_reading"] = _peak()
    found, more = searched(study, point)
    return facts | more | {"memory_search": _peak()} | proved(study, found, point) | {"memory": _peak()}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0
