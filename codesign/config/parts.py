"""Which Module does a table describe, the rows named in it filled in?"""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from codesign.config.calibration import Calibration
from codesign.config.catalogue import Catalogue, check_sources
from codesign.config.document import Document
from codesign.config.expand import expand
from codesign.config.problems import ConfigError, Problem
from codesign.config.schema import Number, build, validate


class Loaded(NamedTuple):
    """A Module read from a file, with its label and the provenance of every number.

    `stack` names the schedule of the software that runs on a system, `calibration` says how its
    efficiencies were fitted; both empty elsewhere. `parts` are the labels of the rows it is put
    together from, by path.
    """

    module: Any
    label: str
    provenance: dict[str, Number]
    path: Path
    stack: str = ""
    calibration: Calibration | None = None
    parts: Mapping[str, str] = MappingProxyType({})


def part_labels(data: Any, prefix: str = "") -> dict[str, str]:
    """The label of every part in a table with its rows filled in, by path.

    >>> part_labels({"package": {"die": {"label": "a die", "width": "1 mm"}}})
    {'package.die': 'a die'}
    """
    tables = {key: value for key, value in data.items() if isinstance(value, dict)}
    found = {prefix + key: str(value["label"]) for key, value in tables.items() if "label" in value}
    for key, value in tables.items():
        found |= part_labels(value, f"{prefix}{key}.")
    return found


def read_module(cls: type, data: Any, document: Document, catalogue: Catalogue, at: tuple[str, ...], sourced: bool = True) -> Loaded:
    """A Module from the table `data` that stands at key `at` of `document`."""
    problems: list[Problem] = []
    expanded = expand(cls, data, catalogue.rows, document, at, problems)
    checked, found = validate(cls, expanded, document, at)
    named = {problem.key for problem in problems}
    problems += [problem for problem in found if problem.key not in named]
    if problems or checked is None:
        raise ConfigError(problems)
    module, provenance = build(cls, checked)
    if sourced and (missing := check_sources(provenance, catalogue.sources, document, at)):
        raise ConfigError(missing)
    label, stack = str(data.get("label", document.path.stem)), str(data.get("stack", ""))
    return Loaded(module, label, provenance, document.path, stack, parts=part_labels(expanded))
