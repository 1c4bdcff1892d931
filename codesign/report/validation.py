"""What does the validation page show? Predicted against measured per table, errors, and what drives them."""

import html
from collections.abc import Sequence
from itertools import cycle
from typing import Any

from codesign.report.page import STYLE
from codesign.report.svg import PALETTE, Mark, Series, scatter

SHOWN = 40
BAR_HEADS = ("table", "quantity", "bar", "aim", "model", "", "others")
CAUSES = {"n_gpus": "GPUs", "tp": "tensor parallelism", "pp": "pipeline stages", "micro_batch": "micro-batch"}


def _points(rows: Sequence[dict[str, Any]], x: str, y: str) -> list[Series]:
    """One colour per model."""
    found = []
    for model, colour in zip(dict.fromkeys(row["model"] for row in rows), cycle(PALETTE), strict=False):
        mine = [row for row in rows if row["model"] == model]
        texts = [f"{r['name']}\nmeasured {r['measured']:.4g}, predicted {r['predicted']:.4g}, {100 * r['error']:+.1f} %" for r in mine]
        found.append(Series(model, [r[x] for r in mine], [r[y] for r in mine], texts, colour))
    return found


def _charts(found: dict[str, Any]) -> str:
    rows, unit = [dict(r, ratio=r["predicted"] / r["measured"]) for r in found["rows"]], found["unit"]
    low, high = min(r["measured"] for r in rows), max(r["measured"] for r in rows)
    equal = [Mark("equal", value, value) for value in ((low, high) if high > low else (low,))]
    first = scatter(_points(rows, "measured", "predicted"), equal, (f"measured [{unit}]", f"predicted [{unit}]"))
    key = "".join(
        f'<span><i style="background:{s.colour}"></i>{html.escape(s.name)}</span>' for s in _points(rows, "measured", "predicted")
    )
    cards = [first, *(_residuals(rows, cause, label) for cause, label in [("measured", f"measured [{unit}]"), *CAUSES.items()])]
    shown = "".join(f"<div class='card'>{card}</div>" for card in cards if card)
    return f"<div class='pair'>{shown}</div><p class='key'>{key}</p>"


def _residuals(rows: Sequence[dict[str, Any]], cause: str, label: str) -> str:
    """Predicted over measured against one cause; empty where it does not vary."""
    stated = [r for r in rows if cause in r]
    values = {r[cause] for r in stated}
    if len(values) < 2:
        return ""
    return scatter(_points(stated, cause, "ratio"), [Mark("equal", min(values), 1.0)], (label, "predicted over measured"))


def _table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(h)}</th>" for h in heads)
    body = "".join("<tr>" + "".join(f"<td>{html.escape(c)}</td>" for c in row) + "</tr>" for row in rows)
    return f"<div class='card scroll'><table><tr>{head}</tr>{body}</table></div>"


def percent(value: float | None) -> str:
    """A fraction in per cent, or a dash."""
    return "-" if value is None else f"{100 * value:.2f} %"


def bar_cells(bar: dict[str, Any]) -> list[str]:
    """A bar as table, quantity, bar, aim, figure, verdict, and what others reach."""
    ratio = bar["quantity"] in ("spearman", "table_left_out")
    shown = [f"{bar[k]:.4g}" if ratio else f"{100 * bar[k]:.3g} %" for k in ("bar", "aim", "value")]
    met = "aim met" if bar["aim_met"] else "met" if bar["met"] else "MISSED"
    return [f"{bar['dataset']} {bar.get('model', '')}".strip(), bar["quantity"].replace("_", " "), *shown, met, bar.get("peer", "")]


def _overview(data: dict[str, Any]) -> str:
    rows = [[d["name"], str(d["n"]), *(percent(d[k]) for k in ("mape", "median", "max", "bias"))] for d in data["datasets"] if d["n"]]
    return _table(["table", "n", "mean", "median", "max", "bias"], rows)


def _bars(data: dict[str, Any]) -> str:
    return _table(BAR_HEADS, [bar_cells(bar) for bar in data["bars"]])


def _peers(data: dict[str, Any]) -> str:
    rows = [[p["dataset"], p["peer"], p["n"], percent(p["mape"]), percent(p["ours"])] for p in data["peers"]]
    return _table(["rows", "model", "n", "their mean error", "ours"], rows)


def _rows(found: dict[str, Any]) -> str:
    worst = sorted(found["rows"], key=lambda r: -abs(r["error"]))[:SHOWN]
    rows = [
        [r["name"], r["model"], f"{r['measured']:.4g}", f"{r['predicted']:.4g}", f"{100 * r['error']:+.1f} %", r.get("choice", "")]
        for r in worst
    ]
    return _table(["row", "model", f"measured [{found['unit']}]", "predicted", "error", "open choice taken"], rows)


def _left_out(data: dict[str, Any]) -> str:
    entries = [(d["name"], e) for d in data["datasets"] for e in d["left_out"]]
    reasons = list(dict.fromkeys((name, e["reason"]) for name, e in entries))
    rows = [[name, str(sum((n, e["reason"]) == (name, reason) for n, e in entries)), reason] for name, reason in reasons]
    return _table(["table", "rows", "why they are not predicted"], rows)


def render(data: dict[str, Any]) -> str:
    """The whole page as text: one file, no network, no script."""
    head = f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Validation</title><style>{STYLE}</style></head><body><main>"
    parts = [
        "<h1>Predicted against measured</h1><p class='soft'>Errors are (predicted - measured) / measured; hover a point to see its row.</p>"
    ]
    parts.append(_overview(data))
    parts += [f"<h2>Bars</h2>{_bars(data)}"] if data["bars"] else []
    parts += [f"<h2>Others on the same rows</h2>{_peers(data)}"] if data["peers"] else []
    largest = f"<p class='soft'>The {SHOWN} rows with the largest errors, at most:</p>"
    for found in data["datasets"]:
        if found["n"]:
            parts.append(f"<h2>{html.escape(found['name'])}</h2>{_charts(found)}{largest}{_rows(found)}")
    parts += [f"<h2>Rows that are not predicted</h2>{_left_out(data)}"] if any(d["left_out"] for d in data["datasets"]) else []
    return f"{head}{''.join(parts)}</main></body></html>"
