"""Which Module does a table describe, the rows named in it filled in?"""

import dataclasses
from pathlib import Path
from typing import Any, NamedTuple

from codesign.config.calibration import Calibration
from codesign.config.catalogue import Catalogue, check_sources
from codesign.config.document import Document
from codesign.config.problems import ConfigError, Problem, nearest
from codesign.config.schema import Number, build, module_of, validate


class Loaded(NamedTuple):
    """A Module read from a file, with its label and the provenance of every number.

    `stack` names the schedule of the software that runs on a system, `calibration` says how its
    efficiencies were fitted; both empty elsewhere.
    """

    module: Any
    label: str
    provenance: dict[str, Number]
    path: Path
    stack: str = ""
    calibration: Calibration | None = None


def _expand(cls: type, data: Any, catalogue: Catalogue, document: Document, at: tuple[str, ...], problems: list[Problem]) -> Any:
    """`data` with every row name replaced by the row, overrides on top."""
    if not isinstance(data, dict):
        return data
    result = dict(data)
    for field in dataclasses.fields(cls):
        members = module_of(field.type)
        if not members or field.name not in result:
            continue
        entry, key = result[field.name], (*at, field.name)
        table = catalogue.table_of(members[0])
        name = entry if isinstance(entry, str) else entry.get("row") if isinstance(entry, dict) else None
        if table and isinstance(name, str):
            row = catalogue.rows[table].get(name)
            if row is None:
                problems.append(document.problem(key, f"no row '{name}' in {table}" + nearest(name, catalogue.rows[table])))
            overrides = {k: v for k, v in entry.items() if k != "row"} if isinstance(entry, dict) else {}
            result[field.name] = (row.raw if row else {}) | overrides
            if row is None:
                result.pop(field.name)
        for member in members[:1]:
            if field.name in result:
                result[field.name] = _expand(member, result[field.name], catalogue, document, key, problems)
    return result


def read_module(cls: type, data: Any, document: Document, catalogue: Catalogue, at: tuple[str, ...], sourced: bool = True) -> Loaded:
    """A Module from the table `data` that stands at key `at` of `document`."""
    problems: list[Problem] = []
    checked, found = validate(cls, _expand(cls, data, catalogue, document, at, problems), document, at)
    named = {problem.key for problem in problems}
    problems += [problem for problem in found if problem.key not in named]
    if problems or checked is None:
        raise ConfigError(problems)
    module, provenance = build(cls, checked)
    if sourced and (missing := check_sources(provenance, catalogue.sources, document, at)):
        raise ConfigError(missing)
    return Loaded(module, str(data.get("label", document.path.stem)), provenance, document.path, str(data.get("stack", "")))
