"""Which design, workload or study does a file describe?"""

import dataclasses
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from codesign.config.catalogue import Catalogue, check_sources, config_folder, load_catalogue
from codesign.config.document import Document, read_document
from codesign.config.problems import ConfigError, Problem, nearest
from codesign.config.schema import Number, build, module_of, validate
from codesign.config.study_file import StudyFile, read_overrides, read_study
from codesign.design import Design
from codesign.hardware.cluster import Cluster
from codesign.mapping.parallelism import Mapping
from codesign.workload.training import Workload


class Loaded(NamedTuple):
    """A Module read from a file, with its label and the provenance of every number."""

    module: Any
    label: str
    provenance: dict[str, Number]
    path: Path


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


def _read_module(cls: type, data: Any, document: Document, catalogue: Catalogue, at: tuple[str, ...], sourced: bool = True) -> Loaded:
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
    return Loaded(module, str(data.get("label", document.path.stem)), provenance, document.path)


def _find(name: str, kind: str, document: Document, key: str, catalogue: Catalogue) -> Path:
    """The file a study names: a path beside it, or a name in the folder of its kind."""
    if name.endswith(".toml"):
        return document.path.parent / name
    folder = catalogue.folder / kind
    known = [p.stem for p in folder.glob("*.toml")]
    if name not in known:
        raise ConfigError([document.problem((key,), f"no file '{name}' in {kind}" + nearest(name, known))])
    return folder / f"{name}.toml"


def load_workload(path: Path) -> Loaded:
    """A workload file."""
    document = read_document(path)
    return _read_module(Workload, document.data, document, load_catalogue(config_folder(path)), ())


def load_system(path: Path) -> Loaded:
    """A system file: a cluster."""
    document = read_document(path)
    return _read_module(Cluster, document.data, document, load_catalogue(config_folder(path)), ())


def load_mapping(document: Document, catalogue: Catalogue) -> Loaded:
    """The `[mapping]` table of a design or study file: choices, which need no source."""
    data = document.data.get("mapping", {})
    if not isinstance(data, dict):
        raise ConfigError([document.problem(("mapping",), "expected a table")])
    return _read_module(Mapping, data, document, catalogue, ("mapping",), sourced=False)


def _parts(document: Document, catalogue: Catalogue) -> tuple[Loaded, Loaded, Loaded]:
    """System, workload and mapping named by a design or study file; all their problems at once."""
    problems: list[Problem] = []
    parts: list[Loaded] = []
    for key, kind, loader in (("system", "systems", load_system), ("workload", "workloads", load_workload)):
        name = document.data.get(key)
        try:
            if not isinstance(name, str):
                raise ConfigError([document.problem((key,), f"expected the name of a file in {kind}, or a path to one")])
            parts.append(loader(_find(name, kind, document, key, catalogue)))
        except ConfigError as error:
            problems += error.problems
    try:
        parts.append(load_mapping(document, catalogue))
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    return parts[0], parts[1], parts[2]


class Point(NamedTuple):
    """A design with its workload, and where every number comes from."""

    design: Design
    workload: Workload
    provenance: dict[str, Number]
    labels: dict[str, str]


def _point(document: Document, catalogue: Catalogue) -> Point:
    system, workload, mapping = _parts(document, catalogue)
    provenance = {f"cluster.{k}": v for k, v in system.provenance.items()}
    provenance |= {f"mapping.{k}": v for k, v in mapping.provenance.items()}
    provenance |= {f"workload.{k}": v for k, v in workload.provenance.items()}
    title = str(document.data.get("title", document.path.stem))
    labels = {"title": title, "system": system.label, "workload": workload.label}
    return Point(Design(system.module, mapping.module), workload.module, provenance, labels)


DESIGN_KEYS = {"title", "note", "system", "workload", "mapping", "set"}


def _changed_point(document: Document, catalogue: Catalogue) -> Point:
    """The base point with the changes of `[set]`."""
    point = _point(document, catalogue)
    changed, problems = read_overrides(document, ("set",), document.data.get("set", {}), point, catalogue)
    if problems:
        raise ConfigError(problems)
    return point._replace(design=changed[0], workload=changed[1])


def load_design(path: Path, settings: tuple[str, ...] = ()) -> Point:
    """A design file: system, workload, mapping, and `[set]` with changes by path."""
    document = read_document(path)
    catalogue = load_catalogue(config_folder(path))
    problems = [document.problem((k,), "unknown key" + nearest(k, DESIGN_KEYS)) for k in document.data if k not in DESIGN_KEYS]
    _apply_settings(document, settings, problems)
    try:
        point = _changed_point(document, catalogue)
    except ConfigError as error:
        raise ConfigError([*problems, *error.problems]) from None
    if problems:
        raise ConfigError(problems)
    return point


def load_study(path: Path, settings: tuple[str, ...] = ()) -> tuple[Point, StudyFile, Catalogue]:
    """A study file: a base point and what is free around it; `settings` are "path=value" from the command line."""
    document = read_document(path)
    catalogue = load_catalogue(config_folder(path))
    problems: list[Problem] = []
    _apply_settings(document, settings, problems)
    try:
        point = _changed_point(document, catalogue)
    except ConfigError as error:
        _, more = read_study(document, None, catalogue)
        raise ConfigError([*problems, *error.problems, *more]) from None
    study, more = read_study(document, point, catalogue)
    if problems or more or study is None:
        raise ConfigError([*problems, *more])
    return point, study, catalogue


def _apply_settings(document: Document, settings: tuple[str, ...], problems: list[Problem]) -> None:
    """Put "path=value" settings into the document: design paths into `[set]`, others as written."""
    for setting in settings:
        path, mark, text = setting.partition("=")
        if not mark:
            problems.append(Problem("--set", 0, setting, "expected path=value"))
            continue
        value = _literal(text)
        if path.split(".")[0] in ("cluster", "workload", "mapping") and "." in path:
            for free in ("discrete", "continuous"):
                if isinstance(document.data.get(free), dict):
                    document.data[free].pop(path, None)
            path = f"set.{path}"
        _put(document.data, path, value, setting, problems)


def _put(data: dict[str, Any], path: str, value: Any, setting: str, problems: list[Problem]) -> None:
    """`value` at `path`, of which everything behind "set." is one key."""
    parts = ["set", path.removeprefix("set.")] if path.startswith("set.") else path.split(".")
    for part in parts[:-1]:
        data = data.setdefault(part, {})
        if not isinstance(data, dict):
            problems.append(Problem("--set", 0, setting, f"'{part}' is not a table"))
            return
    data[parts[-1]] = value


def _literal(text: str) -> Any:
    """A TOML value if `text` is one, else the text itself."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


__all__ = ["Loaded", "Point", "load_design", "load_study", "load_system", "load_workload"]
