"""How does the page show how sure a front is?

The section is made from the plain data that `codesign uncertainty` keeps beside a run, in `FILE`.
"""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from codesign.report.charts import FONT, short_path, with_unit
from codesign.report.findings import spread_rows
from codesign.report.run import Run
from codesign.report.svg import PALETTE

FILE = "uncertainty.json"
SHOWN = 12
STAYING = "staying on the front"


def read_uncertainty(folder: Path, run: Run) -> dict[str, Any] | None:
    """What is kept of this very run; none when there is nothing, or that of an earlier run in the same folder."""
    try:
        data = json.loads((folder / FILE).read_text(encoding="utf-8"))
        same = all(data[key] == run.manifest[key] for key in ("created", "study_hash"))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return data if same else None


def labels_of(constants: Sequence[dict[str, Any]]) -> list[str]:
    """Constants by their place, those of several rows of a table told apart by their default."""
    places = [short_path(constant["paths"][0]) for constant in constants]
    return [
        place if places.count(place) == 1 else f"{place}, {_number(constant['default'], constant['unit'])}"
        for place, constant in zip(places, constants, strict=True)
    ]


def _number(value: float, unit: str) -> str:
    return f"{value:.4g}" + (f" {unit}" if unit not in ("", "1") else "")


def range_text(constant: dict[str, Any]) -> str:
    """Low, default and high with their unit."""
    return f"{constant['low']:.4g} / {constant['default']:.4g} / {_number(constant['high'], constant['unit'])}"


def percent(share: float | None) -> str:
    """A share as text; a variance that grows is a negative one.

    >>> percent(0.254), percent(-0.03), percent(-0.001), percent(None)
    ('25 %', '-3 %', '0 %', '-')
    """
    return "-" if share is None else f"{100 * share + 0.0:.0f} %".replace("-0 %", "0 %")


def sampling_text(data: dict[str, Any]) -> str:
    """How far a chance may be off because draws are few: one standard error of an even chance.

    >>> sampling_text({"draws": 400})
    'chances are sure to within 2.5 points (one standard error)'
    """
    return f"chances are sure to within {50 / data['draws'] ** 0.5:.1f} points (one standard error)"


def limits_text(data: dict[str, Any]) -> str:
    """Which limits are exceeded most in how many draws of the average design."""
    found = sorted(((share, name) for name, share in data["limits"].items() if share >= 0.005), reverse=True)
    return ", ".join(f"{name} in {percent(share)}" for share, name in found[:4]) or "none"


def front_bands(run: Run, data: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """The front in its first objective and another, coloured by the chance to stay on it; bands of the designs listed below."""
    first, rows = run.manifest["objectives"][0], spread_rows(run, 5)
    chances = [design["stays"] for design in data["designs"]]
    texts = [f"{d['id']}<br>feasible {percent(d['feasible'])}<br>on the front {percent(d['stays'])}" for d in data["designs"]]
    bar = {"title": {"text": "on the front"}, "tickformat": ".0%"}
    marker = {"size": 6, "color": chances, "colorscale": "Viridis", "cmin": 0, "showscale": True, "colorbar": bar}
    points = {"type": "scatter", "mode": "markers", "marker": marker, "text": texts, "hoverinfo": "text", "showlegend": False}
    points |= {"x": run.columns[first["name"]], "y": run.columns[other["name"]]}
    ends = {"type": "scatter", "mode": "markers", "marker": {"size": 7, "color": "#1f2933"}, "hoverinfo": "text", "showlegend": False}
    ends |= {"text": [texts[i] for i in rows]}
    for axis, aim in (("x", first), ("y", other)):
        values = [run.columns[aim["name"]][i] for i in rows]
        bands = [data["designs"][i]["bands"][aim["name"]] for i in rows]
        above, below = ([abs((band[end] or value) - value) for band, value in zip(bands, values, strict=True)] for end in (-1, 0))
        ends |= {axis: values, f"error_{axis}": {"type": "data", "array": above, "arrayminus": below, "thickness": 1, "width": 3}}
    axes = {f"{axis}axis": {"type": "log", "title": {"text": with_unit(a["label"], a["unit"])}} for axis, a in (("x", first), ("y", other))}
    return {"data": [points, ends], "layout": {"height": 420, "font": FONT, "margin": {"t": 14, "l": 70, "r": 20, "b": 50}, **axes}}


def measure_next(run: Run, data: dict[str, Any]) -> dict[str, Any]:
    """By how much the variance of every objective falls when a constant is known, and its part in staying on the front."""
    constants = data["constants"][:SHOWN]
    series = {aim["label"]: [c["known"][aim["name"]] for c in constants] for aim in run.manifest["objectives"]}
    series[STAYING] = [c["staying"] for c in constants]
    names, bars = labels_of(constants), []
    for colour, (name, values) in zip(PALETTE, series.items(), strict=False):
        lengths = [max(v or 0.0, 0.0) for v in values]
        bars.append({"type": "bar", "orientation": "h", "name": name, "y": names, "x": lengths, "marker": {"color": colour}})
    layout = {
        "barmode": "group", "height": 130 + 40 * len(names), "font": FONT, "margin": {"t": 10, "l": 250, "r": 20, "b": 46},
        "xaxis": {"title": {"text": "part of the variance"}, "tickformat": ".0%"},
        "yaxis": {"autorange": "reversed"}, "legend": {"orientation": "h", "y": 1.08},
    }  # fmt: skip
    return {"data": bars, "layout": layout}


def uncertainty_figures(run: Run, data: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The figures of the section, by the name of their place in it."""
    others = run.manifest["objectives"][1:]
    return {f"uncertainty{i}": front_bands(run, data, other) for i, other in enumerate(others)} | {"measure": measure_next(run, data)}


def _table(head: list[str], rows: list[list[str]], left: tuple[int, ...] = ()) -> str:
    def cells(tag: str, row: list[str]) -> str:
        return "".join(f"<{tag}{' class=left' if i in left else ''}>{html.escape(cell)}</{tag}>" for i, cell in enumerate(row))

    body = "".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<div class='card scroll'><table><tr>{cells('th', head)}</tr>{body}</table></div>"


def _band(band: list[float | None], unit: str) -> str:
    low, middle, high = ("-" if v is None else f"{v:,.4g}" for v in band)
    return f"{middle} ({low} to {high})" + (f" {unit}" if unit not in ("", "1") else "")


def _designs(run: Run, data: dict[str, Any]) -> str:
    aims = run.manifest["objectives"]
    head = ["design", *(f"{aim['label']}, median (5 to 95 %)" for aim in aims), "feasible", "on the front"]
    rows = []
    for design in (data["designs"][i] for i in spread_rows(run, 5)):
        bands = [_band(design["bands"][aim["name"]], aim["unit"]) for aim in aims]
        rows.append([design["id"], *bands, percent(design["feasible"]), percent(design["stays"])])
    return _table(head, rows)


def _constants(run: Run, data: dict[str, Any]) -> str:
    """Range and source of the constants that matter most, their share by derivative, and by how much the variance falls."""
    aims = run.manifest["objectives"]
    head = ["constant", "low / default / high", "source"]
    head += [f"{aim['label']}: share, fall if held" for aim in aims] + [STAYING]
    rows, constants = [], data["constants"][:SHOWN]
    for label, constant in zip(labels_of(constants), constants, strict=True):
        pairs = [(percent(constant["first_order"][aim["name"]]), percent(constant["known"][aim["name"]])) for aim in aims]
        shares = ["" if set(pair) <= {"-", "0 %"} else ", ".join(pair) for pair in pairs]
        rows.append([label, range_text(constant), constant["source"], *shares, percent(constant["staying"])])
    return _table(head, rows, left=(1, 2))


def uncertainty_section(run: Run, data: dict[str, Any]) -> str:
    """The section without its title: charts, designs with bands and chances, constants to measure."""
    aims = run.manifest["objectives"]
    cards = "".join(f"<div class='card'><div id='uncertainty{i}'></div></div>" for i in range(len(aims) - 1))
    explained = ", ".join(f"{percent(data['objectives'][aim['name']]['explained'])} of {aim['label']}" for aim in aims)
    intro = (
        f"{data['varied']} constants with a range are drawn together, {data['draws']} times, the same for all designs "
        f"({data['distribution']}); {data['unvaried']} without one stay as they are. Colour: the chance that a design keeps every limit "
        "and no other design of the front that does is better in everything; "
        f"{sampling_text(data)}. Bands are over all draws, those in which a limit is exceeded too. "
        f"Limits exceeded most, in how many of all draws: {limits_text(data)}."
    )
    moves = (
        "By how much the variance of an objective falls when a constant is held at its default, and how much of the difference between "
        "staying on the front and leaving it the constant explains alone. Shares are from exact derivatives; to first order all "
        "constants together "
        f"explain {explained} of the variance drawn (mean of {len(data['examined'])} designs)."
    )
    text = [f"<p class='soft'>{html.escape(words)}</p>" for words in (intro, moves)]
    measure = "<div class='card'><div id='measure'></div></div>"
    return f"{text[0]}<div class='pair'>{cards}</div><p></p>{_designs(run, data)}{text[1]}{measure}<p></p>{_constants(run, data)}"
