"""What does a user see in the terminal?"""

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from codesign.config.problems import shown_path
from codesign.report.certificate import certificate_text
from codesign.report.charts import free_names, reference_value, short_path, step_name, strongest, with_unit
from codesign.report.findings import choice_text, findings, limit_counts, rounding_text, spread_rows
from codesign.report.run import FILES, Run
from codesign.units import show, to_unit


def number(value: Any) -> str:
    """A cell of a table."""
    if isinstance(value, str):
        return value
    return f"{value:,.0f}" if abs(value) >= 10000 else f"{value:.4g}"


def table(title: str, columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> Table:
    """A plain table, first column left, the others right."""
    result = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for place, column in enumerate(columns):
        result.add_column(column, justify="left" if place == 0 else "right", no_wrap=place == 0)
    for row in rows:
        result.add_row(*(number(cell) for cell in row))
    return result


def _inputs(run: Run) -> list[list[str]]:
    study, rows = run.manifest["study"], []
    for free in study["discrete"].values():
        rows.append([free["name"], ", ".join(v if isinstance(v, str) else f"{to_unit(v, free['unit']):g}" for v in free["values"])])
    for free in study["continuous"].values():
        step = f" in steps of {show(free['step'], free['unit'])}" if free["step"] else ""
        rows.append([free["name"], f"{show(free['low'], free['unit'])} to {show(free['high'], free['unit'])}{step}"])
    return rows


def _best(run: Run) -> Table:
    aims, rows = run.manifest["objectives"], []
    for aim in aims:
        row = run.row(run.columns["id"].index(run.manifest["best"][aim["name"]]))
        rows.append([f"best {aim['label']}: {row['id']}", *(row[a["name"]] for a in aims), ""])
    for reference in run.manifest["references"]:
        beaten = f"dominated by {len(reference['dominated_by'])} designs" if reference["dominated_by"] else "not dominated"
        broken = [c["name"] for c in reference["constraints"] if not c["met"]]
        note = beaten + (f"; breaks {', '.join(broken)}" if broken else "")
        rows.append([reference["name"], *(reference_value(reference, a["name"]) for a in aims), note])
    heads = ["design", *(with_unit(a["label"], a["unit"]) for a in aims), ""]
    return table("Best per objective, beside the references", heads, rows)


def _choices(run: Run) -> Iterable[str]:
    """One line per best design with everything it chose."""
    for design in dict.fromkeys(run.manifest["best"].values()):
        number = run.columns["id"].index(design)
        yield f"  {design}: " + ", ".join(choice_text(run, number, name) for name in free_names(run))
        if "package_cost" in run.columns:
            made, sold = (show(run.columns[name][number], "$") for name in ("package_cost", "package_price"))
            constants = run.manifest["labels"].get("packaging", "its own")
            yield f"    package {made} to make, {sold} at market price (constants of the base: {constants})"


def _front(run: Run) -> Table:
    aims = run.manifest["objectives"]
    names = [n for n in free_names(run) if len(set(run.columns[n])) > 1]
    heads = ["id", *(with_unit(a["label"], a["unit"]) for a in aims), *(with_unit(n, run.manifest["units"][n]) for n in names)]
    columns = ["id", *(a["name"] for a in aims), *names]
    return table("Along the front", heads, [[run.columns[c][i] for c in columns] for i in spread_rows(run, 5)])


def _breakdown(run: Run, design: str) -> Table:
    row = run.row(run.columns["id"].index(design))
    terms = sorted(((v, k.removeprefix("time.")) for k, v in row.items() if k.startswith("time.")), reverse=True)
    total = sum(seconds for seconds, _ in terms)
    rows = [[name, 1e3 * seconds, f"{100 * seconds / total:.1f} %"] for seconds, name in terms if seconds > 0][:8]
    return table(f"Where the {step_name(run)} of {design} goes ({total:.4g} s)", ["term", "ms", "share"], rows)


def _sensitivities(run: Run, design: str) -> Table:
    found = run.manifest["sensitivities"][design]
    labels = {o["name"]: o["label"] for o in run.manifest["objectives"]}
    paths = strongest(found, 8)
    rows = [[short_path(p), *(f"{v[p]:+.3f}" if p in v else "-" for v in found.values())] for p in paths]
    return table(f"What moves {design}: per cent per per cent of the constant", ["constant", *(labels[m] for m in found)], rows)


def _active(run: Run) -> str:
    return ", ".join(f"{name} ({at} of {run.size})" for at, name, _ in limit_counts(run) if at) or "none"


def _spent(manifest: dict[str, Any], seconds: float) -> dict[str, float]:
    """Where the seconds of a command went: the stages, the proof, and the rest."""
    facts = manifest.get("certificate") or {}
    spent = manifest["seconds"] | {"proof": facts.get("seconds", 0.0) + facts.get("tracing", 0.0)}
    return spent | {"loading, exact front, slopes, files": max(seconds - sum(spent.values()), 0.0)}


def print_run(run: Run, folder: Path, seconds: float, console: Console) -> None:
    """The summary of a finished or interrupted study."""
    m, place = run.manifest, shown_path(folder)
    console.print(m["title"], style="bold")
    console.print(f"{m['labels']['workload']} on variations of: {m['labels']['system']}")
    if m["status"] != "complete":
        console.print(f"The run was {m['status']}; the front may be incomplete.", style="bold")
    if not run.size:
        console.print(f"No design was found before that; {place} says so.")
        return
    console.print(table("Free", ["variable", "choices"], _inputs(run)), "")
    first = m["best"][m["objectives"][0]["name"]]
    console.print(_best(run), *_choices(run), "", *findings(run), "", sep="\n")
    for part in (_front(run), _breakdown(run, first), _sensitivities(run, first)):
        console.print(part, "")
    console.print(f"Limits within 1 %: {_active(run)}")
    console.print(f"{m['designs']} designs of {m['found']} on the front; hypervolume {m['hypervolume']:.4f}; {rounding_text(run)}")
    text = certificate_text(run)
    console.print(text[0].upper() + text[1:] + ".")
    console.print(f"{m['accuracy'][0].upper() + m['accuracy'][1:]}.", style="dim")
    spent = " + ".join(f"{name} {value:.1f}" for name, value in _spent(m, seconds).items())
    console.print(f"{seconds:.1f} s ({spent}); files in {place}: {', '.join(FILES)}")
    console.print(f"Next: codesign explain {place}#{first}")


def console() -> Console:
    """A console as wide as the terminal, or wide enough for the tables when there is none; texts are taken as they are."""
    width = None if sys.stdout.isatty() else 170
    return Console(soft_wrap=True, width=width, markup=False, highlight=False)
