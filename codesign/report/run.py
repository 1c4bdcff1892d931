"""What is a finished study as plain data: one table of designs and one manifest?

Everything that is shown later (terminal, page, `explain`) is taken from these two, so that
a run folder can be read back without the study file it came from.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from codesign import __version__
from codesign.cells import DEMAND
from codesign.config.load import Point
from codesign.config.schema import snake
from codesign.constraints import applying, records
from codesign.design import WORKLOAD, leaves
from codesign.evaluate import evaluate
from codesign.fields import quantities
from codesign.objectives import OBJECTIVES
from codesign.pareto import dominates
from codesign.sensitivity import elasticities
from codesign.serving_metrics import SERVING_PARTS
from codesign.study import Front, Study, label_of
from codesign.tree import leaves as part_leaves
from codesign.units import to_unit

TOP = 25
SAMPLE = "sample.parquet"
FILES = ("report.html", "front.parquet", "front.csv", "front.json", SAMPLE, "manifest.json")
Columns = dict[str, list[Any]]


class Run(NamedTuple):
    """`columns`: the front, one list per column, all of one length; `sample`: random points alike; `manifest`: everything else."""

    manifest: dict[str, Any]
    columns: Columns
    sample: Mapping[str, list[Any]] = MappingProxyType({})

    @property
    def size(self) -> int:
        """Number of designs."""
        return len(self.columns.get("id", []))

    def row(self, number: int) -> dict[str, Any]:
        """One design as a dictionary."""
        return {name: column[number] for name, column in self.columns.items()}


def identifier(number: int) -> str:
    """The id of the design at a place in the table.

    >>> identifier(6)
    'd0007'
    """
    return f"d{number + 1:04d}"


def traffic_column(path: str) -> str:
    """The column of a number that the study's traffic sets.

    >>> traffic_column("cluster.fabric.unevenness")
    'traffic.unevenness'
    """
    return "traffic." + path.rsplit(".", maxsplit=1)[-1]


def _largest(parts: dict[str, Any]) -> list[str]:
    """The name of the largest part, per design."""
    names = list(parts)
    return [names[i] for i in np.argmax(np.stack(list(parts.values())), axis=0)]


def shown(values: Any, unit: str) -> list[float]:
    """SI values as numbers of a unit."""
    return [to_unit(v, unit) for v in np.asarray(values)]


def choice_columns(study: Study, chosen: dict[str, np.ndarray], values: dict[str, np.ndarray]) -> tuple[Columns, dict[str, str]]:
    """What designs chose, in display units, and the unit of each column: choices, dp, variables, what traffic sets."""
    file, columns, units = study.file, dict[str, list[Any]](), dict[str, str]()
    for free in file.discrete:
        units[free.name] = "" if free.names else free.unit
        columns[free.name] = [label_of(free, v) for v in chosen[free.path]] if free.names else shown(chosen[free.path], free.unit)
    if "mapping.dp" in chosen:
        columns["dp"], units["dp"] = shown(chosen["mapping.dp"], "1"), "1"
    for variable in file.continuous:
        columns[variable.name], units[variable.name] = shown(values[variable.path], variable.unit), variable.unit
    for path in DEMAND if file.demand is not None else ():
        columns[traffic_column(path)], units[traffic_column(path)] = shown(chosen[path], "1"), "1"
    return columns, units


def front_table(front: Front) -> tuple[Columns, dict[str, str]]:
    """Columns in display units, and the unit of each: choices, variables, metrics, time.*, slack.*."""
    file, declared = front.study.file, quantities(front.metrics)
    chosen, chosen_units = choice_columns(front.study, front.columns, front.values)
    ids: Columns = {"id": [identifier(i) for i in range(front.size)]}
    columns, units = ids | chosen, {"id": ""} | chosen_units

    def put(name: str, unit: str, values: Any) -> None:
        columns[name], units[name] = shown(values, unit), unit

    for name in (*file.objectives, *(n for n in declared if n not in file.objectives and n not in columns)):
        put(name, declared[name].unit, getattr(front.metrics, name))
    for name, term in front.metrics.breakdown.items():
        put(f"time.{name}", "s", term)
    for part in SERVING_PARTS:
        for name, term in getattr(front.metrics, part).items():
            put(f"{part.removesuffix('_parts')}.{name}", "s", term)
    for limit in applying(front.metrics):
        slack = np.asarray(getattr(front.metrics, limit.bound)) - np.asarray(getattr(front.metrics, limit.demand))
        put(f"slack.{limit.name}", declared[limit.demand].unit, slack)
    columns["bottleneck"], units["bottleneck"] = _largest(front.metrics.breakdown), ""
    if front.metrics.decode_bounds:
        columns["decode_bound"], units["decode_bound"] = _largest(front.metrics.decode_bounds), ""
    return columns, units


def describe(design: Any, workload: Any) -> dict[str, Any]:
    """Metrics, breakdown, limits of one design as plain data in SI, units beside."""
    metrics = evaluate(design, workload)
    declared = quantities(metrics)
    return {
        "metrics": {name: {"value": float(getattr(metrics, name)), "unit": q.unit} for name, q in declared.items()},
        "breakdown": {name: float(term) for name, term in metrics.breakdown.items()},
        "bottleneck": max(metrics.breakdown, key=lambda name: float(metrics.breakdown[name])),
        "memory": {name: float(part) for name, part in metrics.memory_parts.items()},
        "serving": {name: {term: float(t) for term, t in getattr(metrics, name).items()} for name in SERVING_PARTS if metrics.decode_parts},
        "package_cost": {name.replace("_", " "): float(part) for name, part in metrics.cost_parts.items()},
        "constraints": [record._asdict() | {"met": record.gap <= 0} for record in records(metrics)],
    }


def _references(front: Front) -> list[dict[str, Any]]:
    """The study's reference designs, each with the designs of the front that dominate it."""
    names = front.study.file.objectives
    signs = np.array([OBJECTIVES[n].sense for n in names])
    points = np.stack([signs[i] * np.asarray(getattr(front.metrics, n)) for i, n in enumerate(names)], axis=1)
    found = []
    for reference in front.study.file.references:
        data = describe(reference.design, reference.workload)
        own = signs * np.array([data["metrics"][n]["value"] for n in names])
        better = [identifier(i) for i, p in enumerate(points) if dominates(p, own)]
        found.append({"name": reference.name, "dominated_by": better, **data})
    return found


def _versions() -> dict[str, str]:
    names = ("jax", "jaxlib", "numpy", "equinox", "optax", "moocore")
    return {"codesign": __version__, "python": platform.python_version(), **{n: importlib.metadata.version(n) for n in names}}


def resolved_study(study: Study) -> dict[str, Any]:
    """The base point and every part that can be chosen, all in SI: enough to rebuild any design."""
    base = {path: float(value) for path, _, value in leaves(study.design, study.workload)}
    options = {
        free.path: {name: _plain(option) for name, option in zip(free.names, free.options, strict=True)}
        for free in study.file.discrete
        if free.options
    }
    free = {f.path: {"name": f.name, "unit": f.unit, "low": f.low, "high": f.high, "step": f.step} for f in study.file.continuous}
    choices = {f.path: {"name": f.name, "unit": f.unit, "values": list(f.names or f.values)} for f in study.file.discrete}
    traffic = {path: traffic_column(path) for path in DEMAND} if study.file.demand is not None else {}
    return {
        "base": base,
        "kinds": kinds(study.design) | kinds(study.workload, WORKLOAD),
        "options": options,
        "continuous": free,
        "discrete": choices,
        "limits": study.file.limits,
        "traffic": traffic,
    }


def _plain(option: dict[str, Any]) -> dict[str, Any]:
    """What an option sets, part by part: its numbers by path in SI, and the kinds of its parts."""
    numbers: dict[str, float] = {}
    found: dict[str, str] = {}
    for path, node in sorted(option.items(), key=lambda item: item[0].count(".")):
        if isinstance(node, float):
            numbers[path] = node
        else:
            numbers |= {p: float(v) for p, _, v in part_leaves(node, path + ".")}
            found |= {path: snake(type(node).__name__)} | kinds(node, path + ".")
    return {"replaces": list(option), "leaves": numbers, "kinds": found}


def kinds(module: Any, prefix: str = "") -> dict[str, str]:
    """The class of every part by path, in the words of a file's `kind`."""
    found: dict[str, str] = {}
    for field in dataclasses.fields(module):
        value = getattr(module, field.name)
        if dataclasses.is_dataclass(value):
            found |= {prefix + field.name: snake(type(value).__name__)} | kinds(value, f"{prefix}{field.name}.")
    return found


def empty_run(study: Study, point: Point, seed: int) -> Run:
    """The run of a study that was interrupted before it had a design."""
    manifest = {
        "title": study.file.title, "note": study.file.note, "status": "interrupted", "created": _now(), "labels": point.labels,
        "accuracy": point.accuracy, "seed": seed, "search": study.file.search, "versions": _versions(), "units": {"id": ""}, "designs": 0,
    }  # fmt: skip
    return Run(manifest, {"id": []})


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


SEARCH_FACTS = (
    "found", "evaluations", "gradients", "feasible_share", "hypervolume", "relaxed_hypervolume", "rounded_hypervolume", "seconds",
)  # fmt: skip


def search_facts(front: Front, warm: dict[str, float]) -> dict[str, Any]:
    """What the search did, for the manifest; `warm` are seconds by stage before it."""
    found = front.found
    return {
        "found": found.archive.size, "evaluations": found.evaluations, "gradients": found.gradients,
        "feasible_share": found.feasible_share, "hypervolume": front.volumes.front, "relaxed_hypervolume": front.volumes.relaxed,
        "rounded_hypervolume": front.volumes.rounded, "seconds": warm | found.seconds,
    }  # fmt: skip


def rerun(run: Run, study: Study, point: Point, front: Front | None, facts: dict[str, Any]) -> Run:
    """The run with other facts, and with another front where there is one."""
    if front is None:
        return run._replace(manifest=run.manifest | facts)
    kept = {key: run.manifest[key] for key in (*SEARCH_FACTS, "source", "sample") if key in run.manifest}
    return make_run(front, point, run.manifest["status"], kept | facts, run.sample)


def make_run(front: Front, point: Point, status: str, facts: dict[str, Any], sample: Mapping[str, list[Any]]) -> Run:
    """The run of a solved study; `facts` of the search, its source, its certificate and its sample go into the manifest."""
    columns, units = front_table(front)
    file = front.study.file
    best = {}
    for name in file.objectives:
        values = np.asarray(getattr(front.metrics, name)) * OBJECTIVES[name].sense
        best[name] = identifier(int(np.argmin(values)))
    rows = sorted({int(i[1:]) - 1 for i in best.values()})
    resolved = resolved_study(front.study)
    manifest = {
        "title": file.title, "note": file.note, "status": status, "created": _now(),
        "labels": point.labels, "accuracy": point.accuracy, "seed": front.seed, "search": file.search, "versions": _versions(),
        "objectives": [{"name": n, "sense": OBJECTIVES[n].sense, "label": OBJECTIVES[n].label, "unit": units[n]} for n in file.objectives],
        "units": units, "designs": front.size, "cells": front.study.space.size,
        "best": best, "references": _references(front), "study": resolved,
        "study_hash": study_hash(resolved),
        "provenance": {path: number._asdict() for path, number in point.provenance.items()},
        "option_provenance": _option_provenance(front.study),
        "sensitivities": {identifier(i): _top(elasticities(*front.design(i), file.objectives)) for i in rows},
    }  # fmt: skip
    return Run(manifest | facts, columns, sample)


def study_hash(resolved: dict[str, Any]) -> str:
    """What names a resolved study: the same for the same numbers and choices."""
    return hashlib.sha256(json.dumps(resolved, sort_keys=True).encode()).hexdigest()


def _option_provenance(study: Study) -> dict[str, Any]:
    """Where the numbers of every part that can be chosen come from, by path and name of the choice."""
    chosen = [free for free in study.file.discrete if free.options]
    return {
        free.path: {
            name: {path: number._asdict() for path, number in rows.items()} for name, rows in zip(free.names, free.provenance, strict=True)
        }
        for free in chosen
    }


def _top(found: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """The largest elasticities of each metric."""
    return {metric: dict(list(values.items())[:TOP]) for metric, values in found.items()}
