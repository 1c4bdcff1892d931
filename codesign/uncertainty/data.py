"""What is the uncertainty of a run as plain data, in the units of the run's columns?"""

import math
from typing import Any

import numpy as np

from codesign.report.run import Run
from codesign.uncertainty.draws import DISTRIBUTION, Constant
from codesign.uncertainty.front import PERCENTILES, Uncertainty
from codesign.units import to_unit


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _constant(found: Uncertainty, number: int, best: dict[str, int]) -> dict[str, Any]:
    """One constant: its range in its unit, and what it is behind, by objective."""
    constant: Constant = found.constants[number]
    numbers = {key: to_unit(getattr(constant, key), constant.unit) for key in ("low", "default", "high")}
    names = list(enumerate(found.objectives))
    return {
        "name": constant.name, "paths": list(constant.paths), "unit": constant.unit, **numbers, "source": constant.source,
        "first_order": {name: _plain(found.first_order[i, :, number].mean()) for i, name in names},
        "first_order_at_best": {name: _plain(found.first_order[i, best[name], number]) for i, name in names},
        "known": {name: _plain(found.known[i, :, number].mean()) for i, name in names},
        "staying": float(found.staying[number]),
    }  # fmt: skip


def _order(constant: dict[str, Any]) -> tuple[bool, float]:
    """Those that were tried as known first, then by the largest share in the variance of anything."""
    falls = [share for share in constant["known"].values() if share is not None]
    return not falls, -max(constant["staying"], *(falls or [share or 0.0 for share in constant["first_order"].values()]))


def _design(found: Uncertainty, run: Run, row: int) -> dict[str, Any]:
    units = run.manifest["units"]
    bands = {name: [_plain(to_unit(value, units[name])) for value in found.bands[:, i, row]] for i, name in enumerate(found.objectives)}
    return {"id": run.columns["id"][row], "feasible": float(found.feasible[row]), "stays": float(found.stays[row]), "bands": bands}


def as_data(found: Uncertainty, run: Run) -> dict[str, Any]:
    """Everything, constants with the largest share first; `created` and `study_hash` say which run it is of."""
    examined = [run.columns["id"][row] for row in found.examined]
    best = {name: examined.index(run.manifest["best"][name]) for name in found.objectives}
    constants = sorted((_constant(found, number, best) for number in range(len(found.constants))), key=_order)
    objectives = {
        name: {"deviation": _plain(found.deviation[i].mean()), "explained": _plain(found.explained[i].mean())}
        for i, name in enumerate(found.objectives)
    }
    return {
        "created": run.manifest["created"], "study_hash": run.manifest["study_hash"],
        "draws": found.draws, "seed": found.seed, "distribution": DISTRIBUTION, "percentiles": list(PERCENTILES),
        "varied": len(constants), "unvaried": found.unvaried, "examined": examined,
        "objectives": objectives, "limits": found.limits, "constants": constants,
        "designs": [_design(found, run, row) for row in range(run.size)],
    }  # fmt: skip


def summary(data: dict[str, Any]) -> dict[str, Any]:
    """What a manifest says of it: how it was drawn, the median chances, the constant with the largest share by objective."""
    first = {}
    for name in data["objectives"]:
        first[name] = max(data["constants"], key=lambda constant: constant["known"][name] or 0.0)["paths"]
    chances = {key: float(np.median([design[key] for design in data["designs"]])) for key in ("feasible", "stays")}
    return {key: data[key] for key in ("draws", "seed", "varied", "unvaried")} | chances | {"measure_next": first}
