"""Which designs could a measured run have been?

A run states its mapping; where micro-batch, interleaving or recomputation are not stated,
every value that can run is a case of its own.
"""

import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from codesign import tree
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.config.load import load_system, load_workload_named
from codesign.config.notes import recomputed_modules, schedule_changes
from codesign.config.runs import Run
from codesign.design import Design
from codesign.mapping.parallelism import Mapping
from codesign.workload.training import Workload

MICRO_BATCHES = (1.0, 2.0, 4.0, 8.0, 16.0)
CHUNKS = tuple(float(v) for v in range(1, 17))
RECOMPUTATIONS = ("none", "selective", "full")


class Case(NamedTuple):
    """One design that a run could have been; `choice` names what the run leaves open, worst memory first."""

    design: Design
    workload: Workload
    choice: str
    recompute: str


@functools.cache
def system_of(name: str) -> Any:
    """A shipped cluster and the schedule its published runs used."""
    loaded = load_system(SHIPPED / "systems" / f"{name}.toml")
    return jax.tree.map(np.asarray, loaded.module), loaded.stack


@functools.cache
def calibration_name(system: str) -> str:
    """The calibration of a shipped system, empty when it has none."""
    found = load_system(SHIPPED / "systems" / f"{system}.toml").calibration
    return found.name if found else ""


@functools.cache
def workload_of(name: str) -> Workload:
    """A shipped workload."""
    return jax.tree.map(np.asarray, load_workload_named(name).module)


@functools.cache
def row_of(table: str, name: str) -> Any:
    """A row of a technology table."""
    return jax.tree.map(np.asarray, load_catalogue(SHIPPED).rows[table][name].module)


def even_chunks(layers: float, stages: float, chunks: float) -> bool:
    """Can the layers, or the layers with embedding and head, be cut into equal chunks?"""
    return layers % (stages * chunks) == 0 or (layers + 2) % (stages * chunks) == 0


def number(value: float | None) -> Any:
    """A float array leaf."""
    return np.asarray(value, dtype=float)


def stated(counts: dict[str, float | None], name: str) -> float:
    """A count that the schema demands."""
    value = counts[name]
    assert value is not None
    return value


def open_choices(run: Run, layers: float) -> list[tuple[float, float]]:
    """Micro-batches and chunks per stage that the run could have had."""
    counts = run.counts
    per_replica, stages = stated(counts, "global_batch") / stated(counts, "dp"), stated(counts, "pp")
    micro = (counts["micro_batch"],) if counts["micro_batch"] else tuple(m for m in MICRO_BATCHES if per_replica % m == 0)
    found = []
    for size in micro:
        for chunks in (counts["vpp"],) if counts["vpp"] else CHUNKS:
            interleavable = stages > 1 and (per_replica / size) % stages == 0 and even_chunks(layers, stages, chunks)
            if counts["vpp"] or chunks == 1 or interleavable:
                found.append((size, chunks))
    return found


def schedule_of(run: Run, stack: str, recompute: str, layers: float) -> Any:
    """The schedule of the run's stack with what row and note say."""
    counts = run.counts
    changes = {"sequence_parallel": float(run.sequence_parallel), "zero_stage": run.zero_stage}
    modules = recomputed_modules(run.note)
    changes["recompute_core"] = float(recompute == "selective" and not modules)
    changes["recompute_layer"] = float(recompute == "full")
    changes |= schedule_changes(run.note, layers, stated(counts, "pp"))
    return tree.put(row_of("schedules", run.stack or stack), {k: np.asarray(v, dtype=float) for k, v in changes.items()})


def cases_of(run: Run) -> list[Case]:
    """Every design the run could have been."""
    cluster, stack = system_of(run.system)
    model, counts = workload_of(run.model), run.counts
    layers = float(model.model.layers)
    cluster = tree.put(cluster, {"devices": number(counts["n_gpus"])})
    numbers = {"training.global_batch": number(counts["global_batch"]), "training.sequence": number(counts["seq_len"])}
    workload = tree.put(model, numbers | {"training.precision": row_of("precisions", run.precision)})
    found = []
    for recompute in (run.recompute,) if run.recompute else RECOMPUTATIONS:
        schedule = schedule_of(run, stack, recompute, layers)
        for micro, chunks in open_choices(run, layers):
            degrees = {k: number(counts[k]) for k in ("dp", "tp", "pp", "cp", "ep", "etp")}
            mapping = Mapping(schedule=schedule, micro_batch=number(micro), vpp=number(chunks), **degrees)
            parts = [] if counts["micro_batch"] else [f"micro-batch {micro:g}"]
            parts += [] if counts["vpp"] or counts["pp"] == 1 else [f"{chunks:g} chunks per stage"]
            parts += [] if run.recompute else [f"recomputation {recompute}"]
            found.append(Case(Design(cluster, mapping), workload, ", ".join(parts), recompute))
    return found


def all_cases(runs: Sequence[Run]) -> tuple[list[Case], list[range]]:
    """The cases of all runs one after the other, and where each run's stand."""
    cases: list[Case] = []
    spans: list[range] = []
    for run in runs:
        found = cases_of(run)
        spans.append(range(len(cases), len(cases) + len(found)))
        cases += found
    return cases, spans


def choose(span: Sequence[int], cases: Sequence[Case], step_time: np.ndarray, fits: np.ndarray) -> tuple[int, list[int]]:
    """The case reported of those that a run could have been, and those it is the fastest of.

    The fastest that fits in memory with the least recomputation that does, else the fastest of all.
    """
    feasible = [i for i in span if fits[i]]
    for recompute in RECOMPUTATIONS:
        if some := [i for i in feasible if cases[i].recompute == recompute]:
            feasible = some
            break
    open_ones = feasible or list(span)
    return min(open_ones, key=lambda i: step_time[i]), open_ones
