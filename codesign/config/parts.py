"""Which Module does a table describe, the rows named in it filled in?"""

from pathlib import Path
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
    efficiencies were fitted; both empty elsewhere.
    """

    module: Any
    label: str
    provenance: dict[str, Number]
    path: Path
    stack: str = ""
    calibration: Calibration | None = None


def read_module(cls: type, data: Any, document: Document, catalogue: Catalogue, at: tuple[str, ...], sourced: bool = True) -> Loaded:
    """A Module from the table `data` that stands at key `at` of `document`."""
    problems: list[Problem] = []
    checked, found = validate(cls, expand(cls, data, catalogue.rows, document, at, problems), document, at)
    named = {problem.key for problem in problems}
    problems += [problem for problem in found if problem.key not in named]
    if problems or checked is None:
        raise ConfigError(problems)
    module, provenance = build(cls, checked)
    if sourced and (missing := check_sources(provenance, catalogue.sources, document, at)):
        raise ConfigError(missing)
    return Loaded(module, str(data.get("label", document.path.stem)), provenance, document.path, str(data.get("stack", "")))
