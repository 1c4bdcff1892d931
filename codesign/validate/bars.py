"""Which bars does the model meet on the tables that were given?"""

import math
from collections.abc import Sequence
from typing import Any

from codesign.config.calibration import Calibration

LEFT_OUT = {"median_left_out": "median_left_out", "mean_left_out": "left_out"}


def _value(row: dict[str, Any], sets: dict[str, dict[str, Any]], calibrations: Sequence[Calibration]) -> float | None:
    """The figure a bar asks for; None when its table was not given or not fitted."""
    quantity, name = row["quantity"], row["dataset"]
    if quantity == "table_left_out":
        return worsening(row["tables"], sets, calibrations)
    if name not in sets or not sets[name]["n"]:
        return None
    if quantity in LEFT_OUT:
        found = [c.errors[name].get(LEFT_OUT[quantity]) for c in calibrations if name in c.errors]
        return found[0] if found else None
    entry = sets[name]["models"].get(row["model"], {}) if "model" in row else sets[name]
    return entry.get(quantity)


def worsening(names: Sequence[str], sets: dict[str, dict[str, Any]], calibrations: Sequence[Calibration]) -> float | None:
    """Mean error with every table left out of the fit in turn, over the mean fitted error; None unless all `names` were given.

    Errors are means over the rows of a table on all machine classes, then over tables.
    """
    given = {name.split(" ")[0] for name in sets if sets[name]["n"]} & set(names)
    if given != set(names):
        return None
    fitted: dict[str, list[float]] = {}
    for calibration in calibrations:
        for table, e in calibration.errors.items():
            if table in given:
                total = fitted.setdefault(table, [0.0, 0.0, 0.0])
                fitted[table] = [total[0] + e["n"], total[1] + e["n"] * e["mape"], total[2] + e["n"] * e["table_left_out"]]
    if not fitted:
        return None
    return sum(t[2] / t[0] for t in fitted.values()) / sum(t[1] / t[0] for t in fitted.values())


def judged(rows: Sequence[dict[str, Any]], found: Sequence[dict[str, Any]], calibrations: Sequence[Calibration]) -> list[dict[str, Any]]:
    """Every bar with its figure and whether bar and aim are met; larger is better for rank correlations only."""
    sets = {f"{d['name']} step_time": d for d in found if d["unit"] == "s"} | {d["name"]: d for d in found}
    result = []
    for row in rows:
        value = _value(row, sets, calibrations)
        if value is None or math.isnan(value):
            continue
        sign = -1 if row["quantity"] == "spearman" else 1
        met, aimed = sign * value <= sign * row["bar"], sign * value <= sign * row["aim"]
        result.append({**row, "value": value, "met": met, "aim_met": aimed})
    return result
