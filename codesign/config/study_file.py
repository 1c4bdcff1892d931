"""What does a study leave free, what does it want, what does it compare with?"""

import math
from typing import Any, NamedTuple

from codesign.config.asked_metrics import absent_metrics
from codesign.config.catalogue import Catalogue
from codesign.config.document import Document
from codesign.config.free_variables import Free, overlaps, read_continuous, read_discrete, short_names
from codesign.config.problems import Problem, nearest
from codesign.config.schema import read_value
from codesign.config.values import read_overrides
from codesign.design import Design
from codesign.fields import quantities
from codesign.metrics import Metrics
from codesign.objectives import OBJECTIVES
from codesign.performance.demand import Demand
from codesign.units import UnitError
from codesign.workload.training import Workload

STUDY_KEYS = {
    "title", "note", "system", "workload", "mapping", "serving", "deployment", "set", "objectives", "discrete", "continuous",
    "limits", "reference", "search", "traffic"
}  # fmt: skip
SEARCH_KEYS = {
    "seed": 0,
    "rounds": 60,
    "units": 4,
    "breadth": 1,
    "generations": 4,
    "descents": 0,
    "directions": 96,
    "lanes": 4096,
    "seconds": 0,
    "front": 2000,
}
SEARCH_KEYS |= {"certificate_seconds": 30, "certificate_percent": 5}
MAY_BE_ZERO = ("seed", "descents", "seconds", "certificate_seconds")


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
        elif isinstance(raw, bool) or not isinstance(raw, int) or raw < (0 if name in MAY_BE_ZERO else 1):
            problems.append(document.problem(("search", name), f"expected a whole number, got {raw!r}"))
        else:
            settings[name] = raw
    return settings, problems


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
    problems += [*overlaps(document), *wrong, *odd, *absent_metrics(document)]
    if point is None:
        return None, problems
    names = short_names([*data.get("discrete", {}), *data.get("continuous", {})])
    discrete, found = read_discrete(document, point, catalogue, names)
    continuous, more = read_continuous(document, point, catalogue, names)
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
