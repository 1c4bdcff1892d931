"""How soon and how far does each method get? Medians and ranges over the seeds, and the bars that ours must pass."""

import math
from typing import Any

import numpy as np
from claim import Row
from search_record import volume
from search_runs import METHODS, RIVALS, Run, reached

SHARES = ("0.95", "0.99", "0.999")
CURVE, FASTER, REGRET, EQUAL = 120, 5.0, 1e-4, 1e-9
Summary = dict[str, Any]


def _spread(values: list[float]) -> list[float | None]:
    """Median, least and largest; none where infinite."""
    found = (float(np.median(values)), min(values), max(values))
    return [None if math.isinf(value) else value for value in found]


def _curve(found: list[Run]) -> list[list[float]]:
    """Median, least and largest hypervolume over the seeds at moments on a log scale; a run that is over keeps its last."""
    paths = [np.array(run["curve"]) for run in found]
    begin = max(min(path[path[:, 1] > 0, 0].min(initial=path[-1, 0]) for path in paths), 1e-3)
    moments = np.geomspace(begin, max(begin, *(path[-1, 0] for path in paths)), CURVE)
    values = np.array([path[np.searchsorted(path[:, 0], moments * (1 + 1e-9), side="right") - 1, 1] for path in paths])
    return np.stack([moments, np.median(values, axis=0), values.min(axis=0), values.max(axis=0)], axis=1).tolist()


def _method(found: list[Run], best: float) -> Summary:
    """All figures of one method in one study."""
    times = {share: _spread([reached(run, float(share) * best) for run in found]) for share in SHARES}
    ends = [run["curve"][-1] for run in found]
    return {
        "seconds_to": {share: spread[0] for share, spread in times.items()},
        "seconds_range": {share: spread[1:] for share, spread in times.items()},
        "final": _spread([end[1] for end in ends]),
        "regret": _spread([1 - end[1] / best for end in ends]),
        "seconds": _spread([end[0] for end in ends]),
        "evaluations": _spread([float(end[2]) for end in ends]),
        "evaluations_per_second": _spread([end[2] / max(end[0], 1e-9) for end in ends]),
        "seeds": len(found),
        "curve": _curve(found),
    }


def study_summary(found: list[Run]) -> Summary:
    """The best known hypervolume, that of all final fronts together, and the figures of every method by its name."""
    low, high = np.array(found[0]["anchors"])
    best = volume(np.concatenate([np.array(run["front"]).reshape(-1, len(low)) for run in found]), low, high)
    if best == 0:
        raise SystemExit(f"{found[0]['study']}: no method found a feasible design in {found[0]['seconds']:g} s")
    names = [method for method in METHODS if any(run["method"] == method for run in found)]
    methods = {METHODS[name]: _method([run for run in found if run["method"] == name], best) for name in names}
    loading = float(np.median([run["loading"] for run in found]))
    return {"best_known": best, "limit": found[0]["seconds"], "loading": loading, "methods": methods}


def _range(low: float | None, high: float | None) -> str:
    return f"range {_number(low)} to {_number(high)}"


def _number(value: float | None) -> str:
    return "never" if value is None else f"{value:.5g}"


def figure_rows(name: str, study: Summary) -> list[Row]:
    """Every figure of a study as a row; a level that was never reached has the time limit and says so."""
    rows = [Row(f"{name}.best_known", f"{name}: hypervolume of all fronts together", "1", None, study["best_known"])]
    rows.append(Row(f"{name}.loading", f"{name}: loading the study, before the clock starts", "s", None, study["loading"]))
    for label, method in study["methods"].items():
        key = next(short for short, long in METHODS.items() if long == label)
        for share, median in method["seconds_to"].items():
            text = f"{name}, {label}: seconds to {100 * float(share):g} % of the best known, median"
            text += f" ({_range(*method['seconds_range'][share])})" + ("" if median is not None else ": never; the time limit instead")
            rows.append(Row(f"{name}.{key}.seconds_{share}", text, "s", None, study["limit"] if median is None else median))
        for quantity, unit in (("final", "1"), ("regret", "1"), ("evaluations_per_second", "1/s"), ("evaluations", "1")):
            middle, low, high = method[quantity]
            text = f"{name}, {label}: {'hypervolume' if quantity == 'final' else quantity.replace('_', ' ')}, median ({_range(low, high)})"
            rows.append(Row(f"{name}.{key}.{quantity}", text, unit, None, middle))
    return rows


def bar_rows(name: str, study: Summary) -> list[Row]:
    """What must hold of ours in a study where it and at least one rival ran: sooner, never worse, hardly any regret."""
    ours = study["methods"].get(METHODS["ours"])
    rivals = {label: figures for label, figures in study["methods"].items() if label in RIVALS.values()}
    if ours is None or not rivals:
        return []
    times = {label: figures["seconds_to"]["0.999"] for label, figures in rivals.items()}
    there = {label: seconds for label, seconds in times.items() if seconds is not None}
    best = min(there, key=lambda label: there[label]) if there else "no rival got there; at least"
    own, theirs = ours["seconds_to"]["0.999"], there.get(best, study["limit"])
    ahead = ours["final"][1] - max(figures["final"][2] for figures in rivals.values())
    faster = f"{name}: times sooner at 99.9 % of the best known than the best rival ({best})"
    return [
        Row(f"{name}.faster", faster, "x", None, 0.0 if own is None else theirs / own, FASTER, math.inf),
        Row(f"{name}.ahead", f"{name}: hypervolume of our worst seed less that of any rival's best", "1", None, ahead, -EQUAL, math.inf),
        Row(f"{name}.regret", f"{name}: regret of our worst seed", "1", None, ours["regret"][2], -EQUAL, REGRET),
    ]
