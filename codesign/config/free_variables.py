"""What does a study leave free: lists, packages of choices, rows of tables, numbers between bounds?"""

import math
from typing import Any, NamedTuple

from codesign import tree
from codesign.config.catalogue import Catalogue
from codesign.config.document import Document
from codesign.config.problems import Problem, nearest
from codesign.config.schema import Number
from codesign.config.tables import Row
from codesign.config.values import (
    FABRIC,
    known_quantities,
    listed_fabrics,
    no_such_part,
    read_number_at,
    read_values,
    rows_at,
    unknown_path,
)
from codesign.fields import Quantity, quantities
from codesign.metrics import Metrics

TAKEN = {"id", "dp", "bottleneck", *quantities(Metrics)}
"""Columns of a front that a package of choices cannot be named after."""


class Free(NamedTuple):
    """One free variable.

    Discrete: `values` are SI numbers, or numbers 0, 1, ... of the `options` named `names`, each
    the nodes (parts or numbers) that it sets by path; `provenance` says where the numbers inside
    the parts of each option come from. Continuous: between `low` and `high` in whole multiples of
    `step` (0: any value), all SI.
    """

    path: str
    name: str
    unit: str
    values: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    options: tuple[dict[str, Any], ...] = ()
    low: float = 0.0
    high: float = 0.0
    step: float = 0.0
    provenance: tuple[dict[str, Number], ...] = ()


def short_names(paths: list[str]) -> dict[str, str]:
    """The shortest tail of each path that no other path shares.

    >>> short_names(["cluster.device.scale_up.bandwidth", "cluster.device.scale_out.bandwidth", "mapping.tp"])["mapping.tp"]
    'tp'
    """
    names = {}
    for path in paths:
        parts = path.split(".")
        for length in range(1, len(parts) + 1):
            tail = ".".join(parts[-length:])
            if sum(other == tail or other.endswith("." + tail) for other in paths) == 1:
                break
        names[path] = ".".join(parts[-2:]) if tail in ("size", "link", "bandwidth") else tail
    return names


def read_discrete(document: Document, point: Any, catalogue: Catalogue, names: dict[str, str]) -> tuple[list[Free], list[Problem]]:
    """The `[discrete]` table: lists of numbers or rows, and packages of choices."""
    known, found, problems = known_quantities(point, catalogue, document.data), [], []
    fabrics = listed_fabrics(document, point, catalogue)
    for path, choices in document.data.get("discrete", {}).items():
        key, rows = ("discrete", path), rows_at(path, catalogue)
        if isinstance(choices, dict) and "." not in path:
            free, more = _read_package(document, path, choices, known, catalogue)
        elif not isinstance(choices, list) or not choices:
            free, more = None, [document.problem(key, "expected a list with at least one choice")]
        elif rows is not None:
            free, more = _read_parts(document, path, names[path], choices, rows)
        else:
            free, more = _read_list(document, path, names[path], choices, known)
        more += _parts_nobody_has(document, key, free, fabrics) if free else []
        free = None if more else free
        problems += more
        found += [free] if free else []
    return found, problems


def _parts_nobody_has(document: Document, key: tuple[str, ...], free: Free, fabrics: list[Any]) -> list[Problem]:
    """Problems with parts inside a fabric that no fabric of the study has."""
    found = []
    for label, option in zip(free.names, free.options, strict=True):
        for path, node in option.items():
            if not isinstance(node, float) and path != FABRIC and no_such_part(path, fabrics):
                place = key if path == free.path else (*key, label, path)
                found.append(document.problem(place, "no fabric of the study has such a part"))
    return found[:1] if key[-1] == free.path and "." in free.path else found


def _read_package(
    document: Document, name: str, choices: dict[str, Any], known: dict[str, Quantity], catalogue: Catalogue
) -> tuple[Free | None, list[Problem]]:
    """Choices that set several paths together, such as a rate: a table of "path = value" for each, all of the same paths."""
    options, problems = [], []
    if name in TAKEN:
        return None, [document.problem(("discrete", name), f"'{name}' is the name of another column; call the choice differently")]
    if any(isinstance(table, dict) and FABRIC in table for table in choices.values()):
        return None, [document.problem(("discrete", name), f'fabrics are listed by themselves, under "{FABRIC}"')]
    for choice, table in choices.items():
        values, more = read_values(document, ("discrete", name, choice), table, known, catalogue)
        options.append(values)
        problems += more
        away = [path for path in values if not path.startswith("cluster.")]
        problems += [document.problem(("discrete", name, choice, path), "expected a path into the cluster") for path in away]
    if not choices:
        problems.append(document.problem(("discrete", name), "expected at least one choice"))
    elif not problems and any(set(option) != set(options[0]) for option in options):
        problems.append(document.problem(("discrete", name), "every choice must set the same paths"))
    if problems:
        return None, problems
    provenance = tuple(row_provenance(table, catalogue) for table in choices.values())
    return Free(name, name, "1", tuple(map(float, range(len(options)))), tuple(choices), tuple(options), provenance=provenance), []


def row_provenance(values: dict[str, Any], catalogue: Catalogue) -> dict[str, Number]:
    """Where the numbers come from that a sound table of "path = value" brings by naming rows, by path."""
    named = {path: found[1][str(raw)] for path, raw in values.items() if (found := rows_at(path, catalogue)) is not None}
    return {f"{path}.{inner}": number for path, row in named.items() for inner, number in row.provenance.items()}


def _read_parts(
    document: Document, path: str, name: str, choices: list[Any], found: tuple[str, dict[str, Row]]
) -> tuple[Free | None, list[Problem]]:
    """Rows of a table."""
    key, (rows, table) = ("discrete", path), found
    unknown = [str(choice) for choice in choices if str(choice) not in table]
    problems = [document.problem(key, "a choice is listed twice")] if len(set(map(str, choices))) < len(choices) else []
    problems += [document.problem(key, f"no row '{choice}' in {rows}" + nearest(choice, table)) for choice in unknown]
    if unknown:
        return None, problems
    options = tuple({path: table[choice].module} for choice in choices)
    if path != FABRIC and len(tree.by_structure([option[path] for option in options])) > 1:
        return None, [*problems, document.problem(key, "expected rows of one kind: only the fabric of a cluster can be of several")]
    provenance = tuple({f"{path}.{inner}": number for inner, number in table[choice].provenance.items()} for choice in choices)
    return Free(path, name, "1", tuple(map(float, range(len(options)))), tuple(choices), options, provenance=provenance), problems


def _read_list(
    document: Document, path: str, name: str, choices: list[Any], known: dict[str, Quantity]
) -> tuple[Free | None, list[Problem]]:
    """Numbers."""
    key = ("discrete", path)
    if path not in known:
        return None, [document.problem(key, "no such quantity" + unknown_path(path, known))]
    read = [read_number_at(document, key, known[path], choice) for choice in choices]
    problems = [problem for _, more in read for problem in more]
    values = tuple(value for value, _ in read)
    if len(set(values)) < len(values) and not any(map(math.isnan, values)):
        problems.append(document.problem(key, "a choice is listed twice"))
    return Free(path, name, known[path].unit, values), problems


def read_continuous(document: Document, point: Any, catalogue: Catalogue, names: dict[str, str]) -> tuple[list[Free], list[Problem]]:
    """The `[continuous]` table: bounds, and steps where whole ones are built."""
    known, found, problems = known_quantities(point, catalogue, document.data), [], []
    for path, table in document.data.get("continuous", {}).items():
        key = ("continuous", path)
        if path not in known:
            problems.append(document.problem(key, "no such quantity" + unknown_path(path, known)))
            continue
        if not isinstance(table, dict) or not {"low", "high"} <= set(table):
            problems.append(document.problem(key, "expected a table with low, high and, where whole steps are built, step"))
            continue
        problems += [
            document.problem((*key, k), "unknown key" + nearest(k, ("low", "high", "step"))) for k in set(table) - {"low", "high", "step"}
        ]
        if path in document.data.get("discrete", {}):
            continue
        if known[path].whole and path.split(".")[0] != "cluster":
            problems.append(document.problem(key, "only whole numbers make sense here: list them under discrete"))
            continue
        declared = known[path]._replace(whole=False)
        numbers = {}
        for name in ("low", "high", "step"):
            bounds = declared if name != "step" else declared._replace(low=0.0)
            numbers[name], more = read_number_at(document, (*key, name), bounds, table[name]) if name in table else (0.0, [])
            problems += more
        if any(map(math.isnan, numbers.values())):
            continue
        if numbers["low"] >= numbers["high"]:
            problems.append(document.problem(key, f"bounds are crossed: low {table['low']} is not below high {table['high']}"))
        elif numbers["step"] > 0 and math.floor(numbers["high"] / numbers["step"]) < math.ceil(numbers["low"] / numbers["step"]):
            problems.append(document.problem((*key, "step"), "no whole multiple of the step lies between low and high"))
        elif numbers["low"] <= 0:
            problems.append(document.problem((*key, "low"), "expected a positive lower bound: the search works on logarithms"))
        found.append(Free(path, names[path], known[path].unit, low=numbers["low"], high=numbers["high"], step=numbers["step"]))
    return found, problems


def overlaps(document: Document) -> list[Problem]:
    """Paths that are listed twice, or that lie inside a part which is chosen as a whole.

    What lies inside a fabric is free in every fabric that has it.
    """
    discrete, continuous = document.data.get("discrete", {}), document.data.get("continuous", {})
    packages = {path: name for name, paths in package_paths(document.data).items() for path in paths}
    problems = [document.problem(("continuous", path), "already listed under discrete") for path in set(discrete) & set(continuous)]
    for table, paths in (("discrete", discrete), ("continuous", continuous)):
        for path in paths:
            outer = [other for other in discrete if path.startswith(other + ".") and other != FABRIC]
            parts = [other for other in packages if path.startswith(other + ".") and other != FABRIC]
            problems += [document.problem((table, path), f"lies inside '{other}', which is chosen as a whole") for other in outer + parts]
            if path in packages:
                problems.append(document.problem((table, path), f"is set by the choices of '{packages[path]}' already"))
    return problems


def package_paths(data: dict[str, Any]) -> dict[str, list[str]]:
    """The paths that each package of choices sets, by its name."""
    found = {}
    for name, choices in data.get("discrete", {}).items():
        if isinstance(choices, dict) and "." not in name:
            found[name] = list(dict.fromkeys(path for table in choices.values() if isinstance(table, dict) for path in table))
    return found
