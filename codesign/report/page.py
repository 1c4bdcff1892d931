"""What does the report page show? One offline HTML file: the front, its reasons, its conditions."""

import html
import itertools
import json
from typing import Any

import jax

from codesign.fields import quantities
from codesign.metrics import Metrics
from codesign.report.certificate import certificate_section
from codesign.report.charts import breakdown_bars, free_names, parallel_coordinates, reference_value, step_name, tornado, with_unit
from codesign.report.findings import findings, limit_counts, limit_texts, rounding_text, spread_rows
from codesign.report.floorplan import floorplan_svg
from codesign.report.package_drawing import package_drawing
from codesign.report.rebuild import design_of
from codesign.report.rivals import rivals_section
from codesign.report.run import Run
from codesign.report.svg import PALETTE, Margin, Mark, Series, scatter
from codesign.report.uncertainty import uncertainty_figures, uncertainty_section

STYLE = """
:root{--ink:#1f2933;--soft:#61707d;--line:#d9e0e6;--ground:#f6f8fa;--accent:#0072b2}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,sans-serif}
main{max-width:1240px;margin:0 auto;padding:28px 24px 60px}
h1{font-size:26px;margin:0 0 4px}
h2{font-size:19px;margin:34px 0 6px}
p{margin:4px 0 10px;max-width:90ch}
.soft{color:var(--soft)}
.card{background:#fff;border:1px solid var(--line);border-radius:10px;padding:14px 16px}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(250px,1fr));gap:12px;margin:16px 0}
.tile b{font-size:24px;display:block}
.short{padding-left:34px}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(480px,1fr));gap:14px}
.floorplan{margin-bottom:14px}
.floorplan svg{width:100%;height:auto;display:block}
svg.scatter{width:100%;height:auto;display:block}
svg.scatter text{font:11.5px system-ui,sans-serif;fill:var(--soft)}
svg.scatter .label{font-size:13px;fill:var(--ink)}
svg.scatter .name{font-weight:600;fill:var(--ink)}
svg.scatter .frame{fill:none;stroke:var(--line)}
svg.scatter .grid{stroke:#eef1f4}
svg.scatter .band{fill:#0072b2;fill-opacity:.13;stroke:#0072b2;stroke-opacity:.35;stroke-width:.6}
svg.scatter .mark{fill:#fff;stroke:var(--ink);stroke-width:2}
svg.scatter .random{fill:none;stroke:#9aa7b3;stroke-opacity:.5;stroke-width:2.4;stroke-linecap:round}
svg.scatter circle:hover{r:6;stroke:#000}
table{border-collapse:collapse;width:100%;font-size:13.5px}
th,td{padding:5px 9px;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}
th{color:var(--soft);font-weight:600}
td:first-child,th:first-child,.left{text-align:left}
.scroll{overflow-x:auto}
.key span{margin-right:16px;white-space:nowrap}
.key i{display:inline-block;width:11px;height:11px;border-radius:50%;margin-right:5px}
code{background:#eef1f4;padding:1px 5px;border-radius:4px}
"""


NAMESPACE = ' xmlns="http://www.w3.org/2000/svg"'
"""What a picture of its own needs and one inside a page does not."""


def _number(value: Any) -> str:
    if isinstance(value, str):
        return html.escape(value)
    return f"{value:,.0f}" if abs(value) >= 10000 else f"{value:.4g}"


def hover_text(run: Run, number: int) -> str:
    """What a point says of itself: id, choices, objectives."""
    row, units = run.row(number), run.manifest["units"]
    choices = [f"{n} {_number(row[n])}{'' if units[n] in ('', '1') else ' ' + units[n]}" for n in free_names(run)]
    aims = [f"{o['label']} {_number(row[o['name']])} {o['unit']}" for o in run.manifest["objectives"]]
    return f"{row['id']}\n" + "\n".join([*aims, *choices])


def _series(run: Run, x: str, y: str, by: str | None) -> list[Series]:
    groups = sorted(set(run.columns[by])) if by else ["designs"]
    found = []
    for colour, group in zip(itertools.cycle(PALETTE), groups, strict=False):
        rows = [i for i in range(run.size) if not by or run.columns[by][i] == group]
        texts = [hover_text(run, i) for i in rows]
        found.append(Series(str(group), [run.columns[x][i] for i in rows], [run.columns[y][i] for i in rows], texts, colour))
    return found


def _cloud(run: Run, x: str, y: str) -> list[tuple[float, float]]:
    """Two objectives of the feasible ones among the random designs."""
    if not run.sample:
        return []
    pairs = zip(run.sample[x], run.sample[y], run.sample["feasible"], strict=True)
    return [(a, b) for a, b, feasible in pairs if feasible]


def _scatters(run: Run) -> str:
    parts = [n for n in free_names(run) if isinstance(run.columns[n][0], str)]
    by = parts[0] if parts else None
    first, *others = run.manifest["objectives"]
    cards, key, eps = [], "", (run.manifest.get("certificate") or {}).get("eps")
    for other in others:
        x, y = first["name"], other["name"]
        marks = [Mark(r["name"], reference_value(r, x), reference_value(r, y)) for r in run.manifest["references"]]
        labels = (with_unit(first["label"], first["unit"]), with_unit(other["label"], other["unit"]))
        series = _series(run, x, y, by)
        margin = Margin(1 + eps, (first["sense"], other["sense"])) if eps else None
        cloud = _cloud(run, x, y)
        cards.append(f'<div class="card">{scatter(series, marks, labels, margin, cloud)}</div>')
        names = [(s.name, s.colour) for s in series] + ([("feasible random designs", "#cdd4da")] if cloud else [])
        key = (f"<span>Colour: {html.escape(by.replace('_', ' '))}</span>" if by else "") + "".join(
            f'<span><i style="background:{colour}"></i>{html.escape(name)}</span>' for name, colour in names
        )
    return f'<div class="pair">{"".join(cards)}</div><p class="key">{key}</p>'


EACH = "Each is another design, the best in this one objective alone; what it gives up in the others is in the table of designs below."


def _tiles(run: Run) -> str:
    tiles = []
    for aim in run.manifest["objectives"]:
        design = run.manifest["best"][aim["name"]]
        value = run.columns[aim["name"]][run.columns["id"].index(design)]
        against = []
        for reference in run.manifest["references"]:
            theirs = reference_value(reference, aim["name"])
            gain = (theirs / value) ** aim["sense"]
            against.append(f"{html.escape(reference['name'])}: {_number(theirs)} {aim['unit']} (this is {gain:.2f} times as good)")
        head = f"best {aim['label']} <span class='soft'>{design}</span><b>{_number(value)} {aim['unit']}</b>"
        tiles.append(f'<div class="card tile">{head}<span class="soft">{"<br>".join(against)}</span></div>')
    return f'<div class="tiles">{"".join(tiles)}</div><p class="soft">{EACH}</p>'


def _table(run: Run) -> str:
    units = run.manifest["units"]
    labels = {o["name"]: o["label"] for o in run.manifest["objectives"]}
    names = ["id", *labels, *(n for n in free_names(run) if len(set(run.columns[n])) > 1)]
    more = ("package_cost", "package_price", "model_utilisation", "bottleneck")
    names += [name for name in more if name in run.columns and name not in names]
    head = "".join(f"<th>{html.escape(with_unit(labels.get(n, n.replace('_', ' ')), units[n]))}</th>" for n in names)
    rows = "".join("<tr>" + "".join(f"<td>{_number(run.columns[n][i])}</td>" for n in names) + "</tr>" for i in spread_rows(run, 14))
    return f'<div class="card scroll"><table><tr>{head}</tr>{rows}</table></div>'


def _packages(run: Run) -> str:
    """Floorplans of the best designs, one card each."""
    best: dict[str, list[str]] = {}
    for aim in run.manifest["objectives"]:
        best.setdefault(run.manifest["best"][aim["name"]], []).append(f"best {aim['label']}")
    cards = []
    for name, aims in best.items():
        with jax.enable_x64(True):
            drawing = package_drawing(*design_of(run, run.columns["id"].index(name)), f"{name}: {', '.join(aims)}")
        picture = floorplan_svg(drawing, "power density").replace(NAMESPACE, "")
        cards.append(f'<div class="card floorplan">{picture}</div>')
    return "".join(cards)


def _limits(run: Run) -> str:
    """How many designs of the front stand at each limit."""
    body = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{at} of {run.size}</td><td class='left'>{html.escape(levers)}</td></tr>"
        for at, name, levers in limit_counts(run)
    )
    head = "<tr><th>limit</th><th>designs at it</th><th class='left'>levers</th></tr>"
    return f"<div class='card scroll'><table>{head}{body}</table></div>"


def _conditions(run: Run) -> str:
    m = run.manifest
    evaluations = m["evaluations"] + m["gradients"]
    items = [
        f"{m['designs']} designs shown of {m['found']} found; every one re-evaluated in float64 and within every limit.",
        f"{m['cells']:,} legal combinations of the discrete choices, {evaluations:,} evaluations, seed {m['seed']}.",
        f"Hypervolume {m['hypervolume']:.4f} of the normalised box; {rounding_text(run)}.",
        f"Study {m['study_hash'][:12]}, {m['created']}, " + ", ".join(f"{k} {v}" for k, v in m["versions"].items()) + ".",
        "Every constant with its source and range, and the unit of every column, is in <code>manifest.json</code>.",
    ]
    return "<ul>" + "".join(f"<li>{item}</li>" for item in items) + "</ul>"


def _caveats(run: Run) -> str:
    """What a reader must know before the first figure: the study's note, how accurate its machine class is, what the objectives are."""
    m, declared = run.manifest, quantities(Metrics)
    aims = "; ".join(f"{aim['label']}: {declared[aim['name']].doc}" for aim in m["objectives"])
    limits = "".join(f"; limit: {text}" for text in limit_texts(run))
    texts = [m["note"], m["accuracy"][0].upper() + m["accuracy"][1:] + "."]
    told = "".join(f"<p>{html.escape(text)}</p>" for text in texts if text)
    return f"{told}<p class='soft'>{html.escape(aims + limits)}. Prices are public anchors or assumptions; manifest.json says which.</p>"


def _section(title: str, text: str, body: str) -> str:
    return f"<h2>{title}</h2>" + (f"<p class='soft'>{text}</p>" if text else "") + body


def _packaging_text(run: Run) -> str:
    """Which constants the costs of packages come from."""
    constants = html.escape(run.manifest["labels"].get("packaging", "those of the study"))
    return f"To scale, plainly arranged. Cost constants of the base: {constants}; the table has manufacturing cost and market price."


CHOSEN = (
    "Drag along an axis to keep the designs that pass through it. tp, pp, cp, ep, etp: ranks of tensor, pipeline, context and expert "
    "parallelism and of tensor parallelism inside an expert."
)
RACE = "Share of the best hypervolume that any method found, over wall time with compilation; every method keeps all it evaluates."


def _card(name: str) -> str:
    return f"<div class='card'><div id='{name}'></div></div>"


def _sections(run: Run, first: str, uncertainty: dict[str, Any] | None, race: dict[str, Any] | None) -> list[str]:
    """Everything below the headline, in reading order."""
    front = (
        "Each point is a design that was found; no other design found is nowhere worse and somewhere better. Hover to see what it is. "
        "Diamonds are the reference designs of the study, computed by this model and not measured."
    )
    moves = "Exact elasticities, the largest: by how many per cent an objective changes per one per cent of a constant."
    limits = "A design counts as at a limit when less than one per cent of the bound is left."
    return [
        _tiles(run),
        "<ul class='card short'>" + "".join(f"<li>{html.escape(text)}</li>" for text in findings(run)) + "</ul>",
        _section("The front", front, _scatters(run)),
        _section("How far from optimal it can be", "", certificate_section(run)),
        *([_section("How sure the front is", "", uncertainty_section(run, uncertainty))] if uncertainty else []),
        _section("What the designs choose", CHOSEN, _card("parallel")),
        _section(f"Where the {step_name(run)} goes", "", _card("breakdown")),
        _section(f"Which constant moves the fastest design ({first})", moves, _card("tornado")),
        _section("The packages of the best designs", _packaging_text(run), _packages(run)),
        _section("Limits the front leans on", limits, _limits(run)),
        _section("Designs along the front", "", _table(run)),
        *([_section("Time to the front, beside other optimisers", RACE, rivals_section(race))] if race else []),
        _section("Conditions", "", _conditions(run)),
    ]


def render(run: Run, uncertainty: dict[str, Any] | None = None, race: dict[str, Any] | None = None) -> str:
    """The whole page as text; `uncertainty` and `race` as their files hold them."""
    title, labels = html.escape(run.manifest["title"]), run.manifest["labels"]
    head = f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>{title}</title><style>{STYLE}</style></head><body><main>"
    intro = f"<h1>{title}</h1><p class='soft'>{html.escape(labels['workload'])} on variations of: {html.escape(labels['system'])}</p>"
    if run.size:
        intro += _caveats(run)
    if run.manifest["status"] != "complete":
        intro += f"<p><b>The run was {html.escape(run.manifest['status'])}; the front may be incomplete.</b></p>"
    if not run.size:
        return f"{head}{intro}<p>No design was found before that.</p></main></body></html>"
    from plotly.offline import get_plotlyjs

    first = run.manifest["best"][run.manifest["objectives"][0]["name"]]
    figures = {"parallel": parallel_coordinates(run), "breakdown": breakdown_bars(run), "tornado": tornado(run, first)}
    figures |= uncertainty_figures(run, uncertainty) if uncertainty else {}
    data = json.dumps(figures).replace("<", "\\u003c")
    draw = "for(const[k,f]of Object.entries(FIGURES))Plotly.newPlot(k,f.data,f.layout,{responsive:true,displayModeBar:false});"
    script = f"<script>{get_plotlyjs()}</script><script>const FIGURES={data};{draw}</script>"
    return f"{head}{intro}{''.join(_sections(run, first, uncertainty, race))}</main>{script}</body></html>"
