"""Which value may stand at which path, and what do tables of "path = value" say?"""

import math
from typing import Any

from codesign import tree
from codesign.config.catalogue import Catalogue
from codesign.config.document import Document
from codesign.config.problems import Problem, nearest
from codesign.config.schema import members_at, read_value
from codesign.config.tables import Row
from codesign.design import WORKLOAD, Design, has, leaves, value_at, with_values
from codesign.fields import Quantity
from codesign.units import UnitError
from codesign.workload.training import Workload

FABRIC = "cluster.fabric"


def known_quantities(point: Any, catalogue: Catalogue, data: dict[str, Any]) -> dict[str, Quantity]:
    """Every number of the point by path, and of every fabric that is listed as a choice."""
    known = {path: declared for path, declared, _ in leaves(point.design, point.workload)}
    listed = data.get("discrete", {}).get(FABRIC)
    rows = [catalogue.rows["fabrics"].get(str(name)) for name in listed] if isinstance(listed, list) else []
    found = [row.module for row in rows if row is not None]
    if found:
        known = {path: declared for path, declared in known.items() if not path.startswith(FABRIC + ".")}
    for fabric in found:
        known |= {path: declared for path, declared, _ in tree.leaves(fabric, FABRIC + ".")}
    return known


def rows_at(path: str, catalogue: Catalogue) -> tuple[str, dict[str, Row]] | None:
    """The table whose rows can stand at `path`, and those that can; None if `path` is no part."""
    members = members_at(Design, path) or members_at(Workload, path.removeprefix(WORKLOAD))
    tables = [table for table in dict.fromkeys(map(catalogue.table_of, members)) if table is not None]
    if not tables:
        return None
    rows = {name: row for table in tables for name, row in catalogue.rows[table].items() if isinstance(row.module, members)}
    return " or ".join(tables), rows


def no_such_part(path: str, fabrics: list[Any]) -> bool:
    """Is the path that of a part which none of the fabrics has?"""
    return path.startswith(FABRIC + ".") and not any(tree.has(fabric, path.removeprefix(FABRIC + ".")) for fabric in fabrics)


def listed_fabrics(document: Document, point: Any, catalogue: Catalogue) -> list[Any]:
    """The fabrics that a study lists, or the one of its base."""
    listed = document.data.get("discrete", {}).get(FABRIC)
    rows = [catalogue.rows["fabrics"].get(str(name)) for name in listed] if isinstance(listed, list) else []
    return [row.module for row in rows if row is not None] or [point.design.cluster.fabric]


def unknown_path(path: str, known: dict[str, Quantity]) -> str:
    """The hint for a path that is not known: one with the same last name, or the nearest."""
    tails = {p.split(".")[-1]: p for p in known}
    tail = path.rsplit(".", maxsplit=1)[-1]
    if path not in known and tail in tails:
        return f"; did you mean '{tails[tail]}'?"
    return nearest(path, known)


def read_number_at(document: Document, key: tuple[str, ...], declared: Quantity, raw: Any) -> tuple[float, list[Problem]]:
    """One number in SI, or NaN and what is wrong with it."""
    try:
        return read_value(declared, raw), []
    except UnitError as error:
        return math.nan, [document.problem(key, f"expected a quantity such as '1 {declared.unit}': {error}")]
    except ValueError as error:
        return math.nan, [document.problem(key, str(error))]


def read_values(
    document: Document, at: tuple[str, ...], table: Any, known: dict[str, Quantity], catalogue: Catalogue
) -> tuple[dict[str, Any], list[Problem]]:
    """A table of "path = value" as parts and SI numbers by path."""
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    if not isinstance(table, dict):
        return {}, [document.problem(at, "expected a table of path = value")]
    for path, raw in table.items():
        key, found = (*at, path), rows_at(path, catalogue)
        if found is not None:
            rows, row = found[1], found[1].get(str(raw))
            if row is None:
                problems.append(document.problem(key, f"no row '{raw}' in {found[0]}" + nearest(str(raw), rows)))
            else:
                values[path] = row.module
        elif path not in known:
            who = "the fabric chosen here has " if path.startswith(FABRIC + ".") else ""
            problems.append(document.problem(key, f"{who}no such quantity" + unknown_path(path, known)))
        else:
            values[path], problem = read_number_at(document, key, known[path], raw)
            problems += problem
    return values, problems


def read_overrides(
    document: Document, at: tuple[str, ...], table: Any, point: Any, catalogue: Catalogue
) -> tuple[tuple[Design, Workload], list[Problem]]:
    """Base design and workload with a table of "path = value" applied."""
    listed = {"discrete": {FABRIC: [table.get(FABRIC)]}} if isinstance(table, dict) else {}
    values, problems = read_values(document, at, table, known_quantities(point, catalogue, listed), catalogue)
    if problems:
        return (point.design, point.workload), problems
    parts = {path: v for path, v in values.items() if not isinstance(v, float)}
    fabric = [parts.get(FABRIC, point.design.cluster.fabric)]
    missing = [path for path in parts if no_such_part(path, fabric)]
    if missing:
        return (point.design, point.workload), [
            document.problem((*at, path), "the fabric chosen here has no such part") for path in missing
        ]
    design, workload = with_values(point.design, point.workload, parts)
    numbers = {}
    for path, value in values.items():
        if isinstance(value, float) and has(design, workload, path):
            numbers[path] = value_at(design, workload, path) * 0 + value
        elif isinstance(value, float):
            problems.append(document.problem((*at, path), "the fabric chosen here has no such quantity"))
    return with_values(design, workload, numbers), problems
