"""Why is a design on the front, what binds it, what would move it?"""

from typing import Any

import jax

from codesign.config.values import FABRIC
from codesign.constraints import CONSTRAINTS, records
from codesign.decode_batches import as_data, as_lines, batches
from codesign.evaluate import evaluate
from codesign.objectives import OBJECTIVES
from codesign.report.charts import free_names, reference_value, short_path
from codesign.report.rebuild import design_of
from codesign.report.run import Run, describe
from codesign.sensitivity import elasticities
from codesign.units import show, unit_factor


def explanation(run: Run, number: int) -> dict[str, Any]:
    """Plain data: the design, its reasons, its limits, its levers."""
    with jax.enable_x64(True):
        design, workload = design_of(run, number)
        data = describe(design, workload)
        names = tuple(o["name"] for o in run.manifest["objectives"])
        found = elasticities(design, workload, names)
        fabrics = _on_other_fabrics(run, number, names)
    row = run.row(number)
    return {
        "id": row["id"],
        "choices": {n: {"value": row[n], "unit": run.manifest["units"][n]} for n in free_names(run)},
        "objectives": {n: {"value": row[n], "unit": run.manifest["units"][n], "rank": _rank(run, n, number)} for n in names},
        "against_references": {r["name"]: _ratios(row, r, names) for r in run.manifest["references"]},
        "trades": _trades(run, number, names),
        "fabrics": fabrics,
        **data,
        "batches": as_data(batches(design, workload)),
        "sensitivities": {m: dict(list(v.items())[:12]) for m, v in found.items()},
    }


def _rank(run: Run, metric: str, number: int) -> int:
    """Place of the design among the front in one objective, 1 the best."""
    sense, column = OBJECTIVES[metric].sense, run.columns[metric]
    return 1 + sum(sense * v < sense * column[number] for v in column)


def _ratios(row: dict[str, Any], reference: dict[str, Any], names: tuple[str, ...]) -> dict[str, float]:
    """Each objective of the design over that of the reference."""
    return {n: row[n] / reference_value(reference, n) for n in names}


EXCHANGE = ("all-to-all", "circuit switching")


def _on_other_fabrics(run: Run, number: int, names: tuple[str, ...]) -> dict[str, Any]:
    """The same design on every fabric of the study: objectives over its own, seconds of exchanges, limits it breaks.

    Circuits that the design does not have are charged as for even demand between pods.
    """
    study = run.manifest["study"]
    if FABRIC not in study["options"]:
        return {}
    column = study["discrete"][FABRIC]["name"]
    own = {n: run.row(number)[n] for n in names}
    found = {}
    for name in study["options"][FABRIC]:
        metrics = evaluate(*design_of(run, number, {column: name}))
        units = {n: unit_factor(run.manifest["units"][n])[0] for n in names}
        found[name] = {
            "ratios": {n: float(getattr(metrics, n)) / units[n] / own[n] for n in names},
            "exchange": sum(float(metrics.breakdown[term]) for term in EXCHANGE),
            "breaks": [record.name for record in records(metrics) if record.gap > 0],
        }
    return found


def _fabric_lines(data: dict[str, Any], labels: dict[str, str]) -> list[str]:
    """The same design on the other fabrics, in the order of their first objective."""
    lines = []
    for name, entry in sorted(data["fabrics"].items(), key=lambda item: next(iter(item[1]["ratios"].values()))):
        ratios = ", ".join(f"{labels[n]} x{r:.3f}" for n, r in entry["ratios"].items())
        broken = f"; breaks {', '.join(entry['breaks'])}" if entry["breaks"] else ""
        lines.append(f"  {name}: {ratios}; exchanges {entry['exchange']:.4g} s{broken}")
    return lines


def _trades(run: Run, number: int, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """For each objective the nearest design that is better in it, and what that costs in the others."""
    found = []
    for name in names:
        sense, column = OBJECTIVES[name].sense, run.columns[name]
        better = [i for i in range(run.size) if sense * column[i] < sense * column[number] * (1 - 0.01 * sense)]
        if better:
            pick = min(better, key=lambda i: abs(column[i] - column[number]))
            row, own = run.row(pick), run.row(number)
            changed = {n: [own[n], row[n]] for n in free_names(run) if own[n] != row[n]}
            found.append({"for": name, "id": row["id"], "ratios": {n: row[n] / own[n] for n in names}, "changed": changed})
    return found


def as_text(data: dict[str, Any], run: Run) -> str:
    """The explanation in sentences and short lists."""
    labels = {o["name"]: o["label"] for o in run.manifest["objectives"]}
    total = sum(data["breakdown"].values())
    terms = sorted(data["breakdown"].items(), key=lambda t: -t[1])
    lines = [f"{data['id']} of {run.manifest['title']}", ""]
    lines += [f"  {n}: {_cell(c)}" for n, c in data["choices"].items()]
    lines += ["", "Objectives"]
    lines += [f"  {labels[n]}: {_cell(c)}, number {c['rank']} of {run.size}" for n, c in data["objectives"].items()]
    for name, ratios in data["against_references"].items():
        lines.append(f"  against {name}: " + ", ".join(f"{labels[n]} x{r:.3f}" for n, r in ratios.items()))
    step = "a step" if "step_time" in data["metrics"] else "a decode step"
    lines += ["", f"Bound by {terms[0][0]}: {100 * terms[0][1] / total:.0f} % of {step} of {total:.4g} s; then"]
    lines += [f"  {name} {100 * seconds / total:.1f} %" for name, seconds in terms[1:5] if seconds > 0]
    lines += ["", *as_lines(data["batches"], data["serving"]["decode_bounds"])] if data["batches"] else []
    lines += ["", "Limits, the nearest first"]
    for limit in data["constraints"][:5]:
        share = limit["demand"] / limit["bound"] if limit["bound"] else float("inf")
        used = f"{show(limit['demand'], limit['unit'])} of {show(limit['bound'], limit['unit'])} ({100 * share:.0f} %)"
        lines.append(f"  {limit['name']}: {used}" + (f"; to relax it: {CONSTRAINTS[limit['name']].levers}" if share > 0.99 else ""))
    lines += ["", "What would move it, per cent per per cent"]
    for name, found in data["sensitivities"].items():
        top = [f"{short_path(p)} {v:+.2f}" for p, v in list(found.items())[:5]]
        lines.append(f"  {labels[name]}: " + ", ".join(top))
    if data["fabrics"]:
        lines += ["", "The same design on each fabric", *_fabric_lines(data, labels)]
    lines += ["", "What the next better design costs"] if data["trades"] else []
    for trade in data["trades"]:
        ratios = ", ".join(f"{labels[n]} x{r:.3f}" for n, r in trade["ratios"].items())
        changed = ", ".join(f"{n} {_plain(a)} -> {_plain(b)}" for n, (a, b) in trade["changed"].items())
        lines.append(f"  for {labels[trade['for']]}: {trade['id']} ({ratios}) by {changed}")
    return "\n".join(lines)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _cell(cell: dict[str, Any]) -> str:
    return _plain(cell["value"]) + ("" if cell["unit"] in ("", "1") else f" {cell['unit']}")
