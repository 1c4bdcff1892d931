"""What does `codesign evaluate` do?"""

from pathlib import Path
from typing import Any

from codesign.cli import INFEASIBLE, emit
from codesign.commands.draw import Drawing, write_drawing
from codesign.config import load_design
from codesign.legal import broken_rules
from codesign.report.charts import short_path
from codesign.report.run import describe
from codesign.report.terminal import console, table
from codesign.sensitivity import elasticities
from codesign.topology.base import UNLIMITED
from codesign.units import show

TRAINING = ("time_to_train", "energy_to_train", "capital_cost")
SERVING = ("time_per_output_token", "output_tokens_per_dollar", "energy_per_output_token")
SERVING_STEPS = {
    "decode_parts": "Decode step",
    "decode_bounds": "Decode step by what binds,",
    "floor_bounds": "Decode step of one sequence per attention group by what binds,",
    "prefill_parts": "Prefill step",
}


def run_evaluate(path: Path, drawing: Drawing, as_json: bool) -> int:
    """Print one design, draw its package where asked; 3 when it breaks a limit."""
    point = load_design(path)
    if drawing.path is not None:
        write_drawing(point.design, point.workload, point.labels["title"], drawing.path, drawing)
    data = describe(point.design, point.workload)
    asked = (TRAINING if point.design.mapping is not None else ()) + (SERVING if point.design.deployment is not None else ())
    data["sensitivities"] = elasticities(point.design, point.workload, asked)
    data["accuracy"] = point.accuracy
    data["broken_rules"] = broken_rules(point.design, point.workload)
    met = all(limit["met"] for limit in data["constraints"]) and not data["broken_rules"]
    if as_json:
        emit(data)
    else:
        _print(data, point.labels)
    return 0 if met else INFEASIBLE


def _print(data: dict[str, Any], labels: dict[str, str]) -> None:
    out = console()
    out.print(f"{labels['title']}\n{labels['workload']} on {labels['system']}\n", style="bold")
    if data["broken_rules"]:
        out.print(*(f"The mapping breaks a rule: {rule}." for rule in data["broken_rules"]), "", sep="\n")
    rows = [[name.replace("_", " "), show(m["value"], m["unit"])] for name, m in data["metrics"].items() if not name.endswith("_limit")]
    out.print(table("Metrics", ["metric", "value"], rows), "")
    steps = {"Step time": data["breakdown"]} if "step_time" in data["metrics"] else {}
    for title, parts in (steps | {SERVING_STEPS[name]: parts for name, parts in data["serving"].items()}).items():
        total, terms = sum(parts.values()), sorted(parts.items(), key=lambda t: -t[1])
        rows = [[name, f"{1e3 * t:.3f} ms", f"{100 * t / total:.1f} %"] for name, t in terms if t > 0]
        out.print(table(f"{title} {total:.4g} s, bound by {terms[0][0]}", ["term", "time", "share"], rows), "")
    rows = [[name, show(value, "$")] for name, value in data["package_cost"].items() if value]
    costs = f"Package {show(sum(data['package_cost'].values()), '$')} to make ({labels.get('packaging', '')})"
    out.print(table(costs, ["part", "cost"], rows), "")
    rows = [[name, show(value, "GB")] for name, value in data["memory"].items()]
    out.print(table("Memory on the fullest device", ["part", "size"], rows), "")
    rows = [
        [c["name"], show(c["demand"], c["unit"]), show(c["bound"], c["unit"]), "met" if c["met"] else "BROKEN"]
        for c in data["constraints"]
        if c["bound"] < UNLIMITED  # limits of parts that the design does not have
    ]
    out.print(table("Limits, the nearest first", ["limit", "demand", "bound", ""], rows))
    out.print(*(f"{c['name']} is broken; levers: {c['levers']}" for c in data["constraints"] if not c["met"]), "", sep="\n")
    found = data["sensitivities"]
    paths = sorted(next(iter(found.values())), key=lambda p: -max(abs(v[p]) for v in found.values()))[:12]
    rows = [[short_path(p), *(f"{v[p]:+.3f}" for v in found.values())] for p in paths]
    out.print(table("Elasticities, the largest first", ["constant", *(m.replace("_", " ") for m in found)], rows), "")
    out.print(f"{data['accuracy'][0].upper()}{data['accuracy'][1:]}.", style="dim")
