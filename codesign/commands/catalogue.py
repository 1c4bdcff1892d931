"""What do `codesign list`, `new` and `check` do?"""

import sys
import textwrap
from pathlib import Path
from typing import Any

import click

from codesign.cli import INFEASIBLE, emit, say
from codesign.config.catalogue import TABLES, Row, config_folder, load_catalogue, shipped_text
from codesign.config.document import read_document
from codesign.config.problems import ConfigError, Problem, nearest
from codesign.config.schema import snake
from codesign.config.workloads import parted, workload_documents
from codesign.report.charts import with_unit
from codesign.report.terminal import console, table
from codesign.tree import leaves
from codesign.units import to_unit

FILES = ("workloads", "systems", "studies", "designs")


def entries(kind: str) -> list[dict[str, Any]]:
    """What can be named of one kind: name, label, and more where there is more."""
    folder = config_folder()
    if kind in FILES:
        alone = {path.stem: path for path in (folder / kind).glob("*.toml")}
        found = workload_documents(folder / kind) if kind == "workloads" else {name: read_document(path) for name, path in alone.items()}
        return [{"name": name, "label": d.data.get("label", d.data.get("title", ""))} for name, d in sorted(found.items())]
    catalogue = load_catalogue(folder)
    if kind in catalogue.rows:
        rows = catalogue.rows[kind].values()
        return [{"name": r.name, "label": r.label, "source": r.raw.get("source", ""), "note": r.note, "values": _values(r)} for r in rows]
    if kind == "sources":
        return [{"name": key, "label": s["title"], "where": s["where"]} for key, s in catalogue.sources.items()]
    if kind == "objectives":
        from codesign.objectives import OBJECTIVES

        return [{"name": o.metric, "label": o.label, "sense": "min" if o.sense > 0 else "max"} for o in OBJECTIVES.values()]
    if kind == "constraints":
        from codesign.constraints import CONSTRAINTS

        return [{"name": c.name, "label": f"{c.demand} <= {c.bound}", "levers": c.levers} for c in CONSTRAINTS.values()]
    return _topologies()


def _topologies() -> list[dict[str, Any]]:
    """Every class of network: where it can stand, its numbers, and what its file says it assumes."""
    from codesign.cluster import Cluster
    from codesign.config.schema import members_at
    from codesign.fields import quantities

    pods, fabrics = members_at(Cluster, "pod.network"), members_at(Cluster, "fabric")
    found = []
    for member in dict.fromkeys((*pods, *fabrics)):
        question, _, assumptions = (sys.modules[member.__module__].__doc__ or "").partition("\n")
        found.append({
            "name": snake(member.__name__),
            "label": question,
            "where": " and ".join(name for name, members in (("pod", pods), ("fabric", fabrics)) if member in members),
            "numbers": list(quantities(member)),
            "assumptions": " ".join(assumptions.split()),
        })  # fmt: skip
    return found


def _values(row: Row) -> dict[str, dict[str, Any]]:
    """The numbers of a part in display units, with range and source."""
    found = {}
    for path, declared, value in leaves(row.module):
        number = row.provenance[path]
        ends = {name: None if end is None else to_unit(end, declared.unit) for name, end in (("low", number.low), ("high", number.high))}
        found[path] = {"default": to_unit(float(value), declared.unit), **ends, "unit": declared.unit, "source": number.source}
    return found


def _print_parts(kind: str, found: list[dict[str, Any]]) -> None:
    """One column per part, one line per quantity."""
    out = console()
    out.print(table(kind, ["name", "label"], [[e["name"], e["label"]] for e in found]), "")
    first = found[0]["values"]
    rows = [[with_unit(path, v["unit"]), *(e["values"][path]["default"] for e in found)] for path, v in first.items()]
    out.print(table("values; --json has ranges and sources", ["quantity", *(e["name"] for e in found)], rows))


KINDS = (*TABLES, "fabrics", *FILES, "sources", "objectives", "constraints", "topologies")


def _print_topologies(found: list[dict[str, Any]]) -> None:
    """One paragraph per network."""
    for entry in found:
        numbers = f"; numbers: {', '.join(entry['numbers'])}" if entry["numbers"] else ""
        click.echo(f"{entry['name']} ({entry['where']}{numbers})")
        click.echo(textwrap.fill(entry["assumptions"], 110, initial_indent="    ", subsequent_indent="    ") + "\n")


def run_list(kind: str | None, as_json: bool) -> None:
    """Print the entries of a kind, or the kinds."""
    if kind is None:
        emit({"kinds": list(KINDS)}) if as_json else click.echo("\n".join(KINDS))
        return
    if kind not in KINDS:
        raise ConfigError([Problem("codesign list", 0, kind, "unknown kind" + nearest(kind, KINDS))])
    found = entries(kind)
    if as_json:
        emit({kind: found})
        return
    if kind in TABLES:
        _print_parts(kind, found)
        return
    if kind == "topologies":
        _print_topologies(found)
        return
    columns = [c for c in ("name", "label", "sense", "where", "source", "note", "levers") if any(e.get(c) for e in found)]
    console().print(table(kind, columns, [[e.get(c, "") for c in columns] for e in found]))


def run_new(path: Path, kind: str, as_json: bool) -> None:
    """Write a file to start from: a shipped one with its comments."""
    from codesign.report.folder import write_new

    template = {"study": "studies/passage.toml", "design": "designs/passage.toml", "workload": "workloads/kimi_k2.toml"}[kind]
    write_new(path, shipped_text(template))
    emit({"written": str(path)}) if as_json else click.echo(f"{path}: a {kind} to start from; next: codesign check {path}")


def _variants(path: Path) -> list[str]:
    """The variants of a family, when each of them is in order; none of any other file."""
    from codesign.api import kind_of
    from codesign.config import load_family

    file, variant = parted(path)
    return [] if variant or kind_of(path) != "workload" else list(load_family(file))


def _check_names(path: Path) -> None:
    """`ConfigError` when a file among the workloads that are found by name takes a name twice."""
    folder = parted(path)[0].resolve().parent
    if folder == (config_folder(path) / "workloads").resolve():
        workload_documents(folder)


def run_check(path: Path, settings: tuple[str, ...], as_json: bool) -> int:
    """Describe a file that is in order; `ConfigError` otherwise."""
    from codesign.api import kind_of, load
    from codesign.cells import NoLegalMapping
    from codesign.study import Study

    variants = _variants(path)
    try:
        loaded = None if variants and not settings else load(path, settings)
    except NoLegalMapping as error:
        say(f"infeasible: {error}")
        if as_json:
            emit({"error": "infeasible", "reason": str(error)})
        return INFEASIBLE
    data: dict[str, Any] = {"file": str(path), "kind": kind_of(path), "ok": True}
    _check_names(path)
    if variants:
        data["variants"] = variants
    if isinstance(loaded, Study):
        data |= {
            "title": loaded.file.title,
            "legal_combinations": loaded.space.size,
            "discrete": [f.name for f in loaded.file.discrete],
            "continuous": [f.name for f in loaded.file.continuous],
            "objectives": list(loaded.file.objectives),
            "references": [r.name for r in loaded.file.references],
        }
    if as_json:
        emit(data)
    else:
        click.echo("\n".join(f"{key}: {', '.join(v) if isinstance(v, list) else v}" for key, v in data.items()))
    return 0
