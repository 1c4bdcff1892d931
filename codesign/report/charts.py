"""Which interactive charts does the page have, as plotly figures in plain data?"""

from typing import Any

from codesign.report.run import Run
from codesign.report.svg import PALETTE
from codesign.units import to_unit

FONT = {"family": "system-ui, sans-serif", "size": 13, "color": "#1f2933"}
DECODE = "decode step"
BOUNDS = ("weights", "keys and values", "compute", "network", "starts")
"""What can set a part of a decode step, in the order in which it is drawn."""
GROUPS = {
    "computing": (
        "attention projections",
        "attention core",
        "dense network",
        "experts",
        "shared experts and router",
        "head and loss",
    ),
    "memory traffic": ("norms and residuals", "permutation", "embedding", "optimizer"),
    "tensor parallel": ("tensor parallel", "expert tensor parallel", "context parallel"),
    "all-to-all": ("all-to-all",),
    "pipeline": ("pipeline bubble", "pipeline send"),
    "gradient traffic": ("gradient traffic",),
    "circuit switching": ("circuit switching",),
    "host": ("host",),
}


def free_names(run: Run) -> list[str]:
    """Columns of the free variables, discrete first."""
    study = run.manifest["study"]
    return [entry["name"] for kind in ("discrete", "continuous") for entry in study[kind].values()]


def with_unit(name: str, unit: str) -> str:
    """A label such as "step time [s]"."""
    return name if unit in ("", "1") else f"{name} [{unit}]"


def _axis(run: Run, name: str, label: str) -> dict[str, Any]:
    values = run.columns[name]
    distinct = sorted(set(values), key=lambda v: (isinstance(v, str), v))
    title = with_unit(label, run.manifest["units"][name])
    if isinstance(values[0], str) or len(distinct) <= 8:
        places = {value: place for place, value in enumerate(distinct)}
        ticks = [v if isinstance(v, str) else f"{v:g}" for v in distinct]
        return {"label": title, "values": [places[v] for v in values], "tickvals": list(range(len(distinct))), "ticktext": ticks}
    return {"label": title, "values": values}


def parallel_coordinates(run: Run) -> dict[str, Any]:
    """One line per design through its choices and objectives."""
    names = [(n, n) for n in free_names(run) if len(set(run.columns[n])) > 1]
    names += [(o["name"], o["label"]) for o in run.manifest["objectives"]]
    first = run.manifest["objectives"][0]
    line = {
        "color": run.columns[first["name"]],
        "colorscale": "Viridis",
        "showscale": True,
        "colorbar": {"title": {"text": with_unit(first["label"], first["unit"])}},
    }
    data = {"type": "parcoords", "line": line, "dimensions": [_axis(run, *n) for n in names], "labelangle": -18, "labelside": "top"}
    return {"data": [data], "layout": {"height": 480, "margin": {"t": 110, "l": 130, "r": 30, "b": 24}, "font": FONT}}


def _breakdowns(run: Run) -> dict[str, dict[str, float]]:
    """Seconds by term per design; of a decode step by what binds it."""
    found, serves = {}, step_name(run) == DECODE
    prefix = "decode_bounds." if serves else "time."
    for objective, design in run.manifest["best"].items():
        label = next(o["label"] for o in run.manifest["objectives"] if o["name"] == objective)
        row = run.row(run.columns["id"].index(design))
        found[f"best {label} ({design})"] = {k.removeprefix(prefix): v for k, v in row.items() if k.startswith(prefix)}
    return found | {r["name"]: r["serving"]["decode_bounds"] if serves else r["breakdown"] for r in run.manifest["references"]}


def step_name(run: Run) -> str:
    """Which step the breakdown of a run is of."""
    return "step time" if "step_time" in run.columns else DECODE


def breakdown_bars(run: Run) -> dict[str, Any]:
    """Where the time of a step goes, for the best designs and the references."""
    designs = _breakdowns(run)
    bars = []
    groups = {name: (name,) for name in BOUNDS} if step_name(run) == DECODE else GROUPS
    for colour, (group, terms) in zip(PALETTE, groups.items(), strict=False):
        seconds = [sum(b.get(t, 0.0) for t in terms) for b in designs.values()]
        bars.append({"type": "bar", "orientation": "h", "name": group, "y": list(designs), "x": seconds, "marker": {"color": colour}})
    layout = {
        "barmode": "stack", "height": 130 + 44 * len(designs), "font": FONT, "margin": {"t": 10, "l": 250, "r": 20, "b": 46},
        "xaxis": {"title": {"text": with_unit(step_name(run), "s")}},
        "yaxis": {"autorange": "reversed"}, "legend": {"orientation": "h", "y": 1.15},
    }  # fmt: skip
    return {"data": bars, "layout": layout}


def short_path(path: str) -> str:
    """The last parts of a path: enough to tell constants apart.

    >>> short_path("cluster.device.scale_up.link.energy_serdes")
    'scale up link energy serdes'
    """
    parts = path.split(".")
    return " ".join(parts[-3:] if parts[-2] in ("link", "switch") else parts[-2:]).replace("_", " ")


def strongest(found: dict[str, dict[str, float]], count: int) -> list[str]:
    """The constants with the largest elasticity of any metric; equal ones by name, so that a page is the same in every process.

    >>> strongest({"time": {"b": -1.0, "a": 0.2}, "cost": {"a": 1.0, "c": 0.5}}, 2)
    ['a', 'b']
    """
    paths = {path for values in found.values() for path in values}
    return sorted(paths, key=lambda path: (-round(max(abs(v.get(path, 0.0)) for v in found.values()), 9), path))[:count]


def tornado(run: Run, design: str, count: int = 12) -> dict[str, Any]:
    """Elasticities of the objectives of one design to the constants that matter most."""
    found = run.manifest["sensitivities"][design]
    labels = {o["name"]: o["label"] for o in run.manifest["objectives"]}
    paths = strongest(found, count)
    names = [short_path(p) for p in paths]
    bars = []
    for colour, (metric, values) in zip(PALETTE, found.items(), strict=False):
        lengths = [values.get(p, 0.0) for p in paths]
        bars.append({"type": "bar", "orientation": "h", "name": labels[metric], "y": names, "x": lengths, "marker": {"color": colour}})
    layout = {
        "barmode": "group", "height": 120 + 40 * len(paths), "font": FONT, "margin": {"t": 10, "l": 250, "r": 20, "b": 46},
        "xaxis": {"title": {"text": "elasticity: per cent of the objective per per cent of the constant"}, "zerolinecolor": "#1f2933"},
        "yaxis": {"autorange": "reversed"}, "legend": {"orientation": "h", "y": 1.08},
    }  # fmt: skip
    return {"data": bars, "layout": layout}


def reference_value(reference: dict[str, Any], metric: str) -> float:
    """A metric of a reference in its display unit."""
    entry = reference["metrics"][metric]
    return to_unit(entry["value"], entry["unit"])
