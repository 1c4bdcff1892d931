"""What does a study leave free, what does it want, what does it compare with?"""

import math
from typing import Any, NamedTuple

from codesign import tree
from codesign.config.catalogue import Catalogue
from codesign.config.document import Document
from codesign.config.problems import Problem, nearest
from codesign.config.schema import members_at, read_value
from codesign.config.tables import Row
from codesign.design import WORKLOAD, Design, has, leaves, value_at, with_values
from codesign.fields import Quantity, quantities
from codesign.metrics import Metrics
from codesign.objectives import OBJECTIVES
from codesign.performance.demand import Demand
from codesign.units import UnitError
from codesign.workload.training import Workload

STUDY_KEYS = {
    "title", "note", "system", "workload", "mapping", "set", "objectives", "discrete", "continuous", "limits", "reference",
    "search", "traffic"
}  # fmt: skip
FABRIC = "cluster.fabric"
TAKEN = {"id", "dp", "bottleneck", *quantities(Metrics)}
"""Columns of a front that a package of choices cannot be named after."""
SEARCH_KEYS = {"seed": 0, "rounds": 3, "directions": 96, "lanes": 16384, "generations": 40, "front": 1000}


class Free(NamedTuple):
    """One free variable.

    Discrete: `values` are SI numbers, or numbers 0, 1, ... of the `options` named `names`, each
    the nodes (parts or numbers) that it sets by path. Continuous: between `low` and `high` in
    whole multiples of `step` (0: any value), all SI.
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


class Reference(NamedTuple):
    """A published or hand-made design to compare the front with."""

    name: str
    design: Design
    workload: Workload


class StudyFile(NamedTuple):
    """A study as read: everything but the base point."""

    title: str
    note: str
    objectives: tuple[str, ...]
    discrete: tuple[Free, ...]
    continuous: tuple[Free, ...]
    limits: dict[str, float]
    references: tuple[Reference, ...]
    search: dict[str, int]
    demand: Demand | None = None


def _known(point: Any, catalogue: Catalogue, data: dict[str, Any]) -> dict[str, Quantity]:
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


def _rows_at(path: str, catalogue: Catalogue) -> tuple[str, dict[str, Row]] | None:
    """The table whose rows can stand at `path`, and those that can; None if `path` is no part."""
    members = members_at(Design, path) or members_at(Workload, path.removeprefix(WORKLOAD))
    table = catalogue.table_of(members[0]) if members else None
    if table is None:
        return None
    return table, {name: row for name, row in catalogue.rows[table].items() if isinstance(row.module, members)}


def _no_such_part(path: str, fabrics: list[Any]) -> bool:
    """Is the path that of a part which none of the fabrics has?"""
    return path.startswith(FABRIC + ".") and not any(tree.has(fabric, path.removeprefix(FABRIC + ".")) for fabric in fabrics)


def _fabrics(document: Document, point: Any, catalogue: Catalogue) -> list[Any]:
    """The fabrics that a study lists, or the one of its base."""
    listed = document.data.get("discrete", {}).get(FABRIC)
    rows = [catalogue.rows["fabrics"].get(str(name)) for name in listed] if isinstance(listed, list) else []
    return [row.module for row in rows if row is not None] or [point.design.cluster.fabric]


def _unknown_path(path: str, known: dict[str, Quantity]) -> str:
    tails = {p.split(".")[-1]: p for p in known}
    tail = path.rsplit(".", maxsplit=1)[-1]
    if path not in known and tail in tails:
        return f"; did you mean '{tails[tail]}'?"
    return nearest(path, known)


def read_values(
    document: Document, at: tuple[str, ...], table: Any, known: dict[str, Quantity], catalogue: Catalogue
) -> tuple[dict[str, Any], list[Problem]]:
    """A table of "path = value" as parts and SI numbers by path."""
    problems: list[Problem] = []
    values: dict[str, Any] = {}
    if not isinstance(table, dict):
        return {}, [document.problem(at, "expected a table of path = value")]
    for path, raw in table.items():
        key, found = (*at, path), _rows_at(path, catalogue)
        if found is not None:
            rows, row = found[1], found[1].get(str(raw))
            if row is None:
                problems.append(document.problem(key, f"no row '{raw}' in {found[0]}" + nearest(str(raw), rows)))
            else:
                values[path] = row.module
        elif path not in known:
            who = "the fabric chosen here has " if path.startswith(FABRIC + ".") else ""
            problems.append(document.problem(key, f"{who}no such quantity" + _unknown_path(path, known)))
        else:
            values[path], problem = _number(document, key, known[path], raw)
            problems += problem
    return values, problems


def read_overrides(
    document: Document, at: tuple[str, ...], table: Any, point: Any, catalogue: Catalogue
) -> tuple[tuple[Design, Workload], list[Problem]]:
    """Base design and workload with a table of "path = value" applied."""
    listed = {"discrete": {FABRIC: [table.get(FABRIC)]}} if isinstance(table, dict) else {}
    values, problems = read_values(document, at, table, _known(point, catalogue, listed), catalogue)
    if problems:
        return (point.design, point.workload), problems
    parts = {path: v for path, v in values.items() if not isinstance(v, float)}
    fabric = [parts.get(FABRIC, point.design.cluster.fabric)]
    missing = [path for path in parts if _no_such_part(path, fabric)]
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


def _number(document: Document, key: tuple[str, ...], declared: Quantity, raw: Any) -> tuple[float, list[Problem]]:
    try:
        return read_value(declared, raw), []
    except UnitError as error:
        return math.nan, [document.problem(key, f"expected a quantity such as '1 {declared.unit}': {error}")]
    except ValueError as error:
        return math.nan, [document.problem(key, str(error))]


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


def _read_discrete(document: Document, point: Any, catalogue: Catalogue, names: dict[str, str]) -> tuple[list[Free], list[Problem]]:
    known, found, problems = _known(point, catalogue, document.data), [], []
    fabrics = _fabrics(document, point, catalogue)
    for path, choices in document.data.get("discrete", {}).items():
        key, rows = ("discrete", path), _rows_at(path, catalogue)
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
            if not isinstance(node, float) and path != FABRIC and _no_such_part(path, fabrics):
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
    return Free(name, name, "1", tuple(map(float, range(len(options)))), tuple(choices), tuple(options)), []


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
    return Free(path, name, "1", tuple(map(float, range(len(options)))), tuple(choices), options), problems


def _read_list(
    document: Document, path: str, name: str, choices: list[Any], known: dict[str, Quantity]
) -> tuple[Free | None, list[Problem]]:
    """Numbers."""
    key = ("discrete", path)
    if path not in known:
        return None, [document.problem(key, "no such quantity" + _unknown_path(path, known))]
    read = [_number(document, key, known[path], choice) for choice in choices]
    problems = [problem for _, more in read for problem in more]
    values = tuple(value for value, _ in read)
    if len(set(values)) < len(values) and not any(map(math.isnan, values)):
        problems.append(document.problem(key, "a choice is listed twice"))
    return Free(path, name, known[path].unit, values), problems


def _read_continuous(document: Document, point: Any, catalogue: Catalogue, names: dict[str, str]) -> tuple[list[Free], list[Problem]]:
    known, found, problems = _known(point, catalogue, document.data), [], []
    for path, table in document.data.get("continuous", {}).items():
        key = ("continuous", path)
        if path not in known:
            problems.append(document.problem(key, "no such quantity" + _unknown_path(path, known)))
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
            numbers[name], more = _number(document, (*key, name), bounds, table[name]) if name in table else (0.0, [])
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


def _read_limits(document: Document) -> tuple[dict[str, float], list[Problem]]:
    declared, limits, problems = quantities(Metrics), {}, []
    for name, raw in document.data.get("limits", {}).items():
        key = ("limits", name)
        if name not in declared:
            problems.append(document.problem(key, "no such metric" + nearest(name, declared)))
            continue
        try:
            limits[name] = read_value(declared[name]._replace(low=-math.inf), raw)
        except UnitError as error:
            problems.append(document.problem(key, f"expected a quantity such as '1 {declared[name].unit}': {error}"))
        except ValueError as error:
            problems.append(document.problem(key, str(error)))
    return limits, problems


def _read_references(document: Document, point: Any, catalogue: Catalogue) -> tuple[list[Reference], list[Problem]]:
    references, problems = [], []
    entries = document.data.get("reference", [])
    if not isinstance(entries, list):
        return [], [document.problem(("reference",), "expected [[reference]] tables")]
    for number, entry in enumerate(entries):
        key = ("reference", str(number))
        if not isinstance(entry, dict):
            problems.append(document.problem(key, "expected a [[reference]] table"))
            continue
        problems += [document.problem((*key, k), "unknown key" + nearest(k, ("name", "set"))) for k in set(entry) - {"name", "set"}]
        if not isinstance(entry.get("name"), str):
            problems.append(document.problem(key, "expected a name"))
        (design, workload), more = read_overrides(document, (*key, "set"), entry.get("set", {}), point, catalogue)
        problems += more
        references.append(Reference(str(entry.get("name")), design, workload))
    return references, problems


def _read_search(document: Document) -> tuple[dict[str, int], list[Problem]]:
    settings, problems = dict(SEARCH_KEYS), []
    for name, raw in document.data.get("search", {}).items():
        if name not in SEARCH_KEYS:
            problems.append(document.problem(("search", name), "unknown key" + nearest(name, SEARCH_KEYS)))
        elif isinstance(raw, bool) or not isinstance(raw, int) or raw < (0 if name == "seed" else 1):
            problems.append(document.problem(("search", name), f"expected a whole number, got {raw!r}"))
        else:
            settings[name] = raw
    return settings, problems


def _overlaps(document: Document) -> list[Problem]:
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


def read_study(document: Document, point: Any, catalogue: Catalogue) -> tuple[StudyFile | None, list[Problem]]:
    """Everything a study file says beside its base point, with every problem found.

    Without a base point (`None`, because it has problems of its own) only what can be told without it.
    """
    data = document.data
    problems = [document.problem((k,), "unknown key" + nearest(k, STUDY_KEYS)) for k in data if k not in STUDY_KEYS]
    for table in ("discrete", "continuous", "limits", "search"):
        if not isinstance(data.get(table, {}), dict):
            problems.append(document.problem((table,), "expected a table"))
            data[table] = {}
    objectives = data.get("objectives", [])
    if not isinstance(objectives, list) or len(objectives) < 2:
        problems.append(document.problem(("objectives",), "expected a list of at least two objectives"))
        objectives = []
    unknown = [str(o) for o in objectives if str(o) not in OBJECTIVES]
    problems += [document.problem(("objectives",), f"no objective '{o}'" + nearest(o, OBJECTIVES)) for o in unknown]
    if len(set(map(str, objectives))) < len(objectives):
        problems.append(document.problem(("objectives",), "an objective is listed twice"))
    limits, wrong = _read_limits(document)
    search, odd = _read_search(document)
    problems += [*_overlaps(document), *wrong, *odd]
    if point is None:
        return None, problems
    names = short_names([*data.get("discrete", {}), *data.get("continuous", {})])
    discrete, found = _read_discrete(document, point, catalogue, names)
    continuous, more = _read_continuous(document, point, catalogue, names)
    if point.demand is not None and "cluster.pod.size" in data.get("continuous", {}):
        problems.append(document.problem(("continuous", "cluster.pod.size"), "a study with traffic needs a fixed pod size"))
    if not continuous and not more:
        problems.append(document.problem(("continuous",), "expected at least one continuous variable"))
    references, bad = _read_references(document, point, catalogue)
    study = StudyFile(
        str(data.get("title", document.path.stem)), str(data.get("note", "")), tuple(map(str, objectives)),
        tuple(discrete), tuple(continuous), limits, tuple(references), search, point.demand,
    )  # fmt: skip
    return study, [*problems, *found, *more, *bad]


__all__ = ["Free", "Reference", "StudyFile", "read_overrides", "read_study", "short_names"]
