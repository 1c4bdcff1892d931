"""Which rows can be named: every part, format, schedule, each with its source?

A file under `technology/` is a table of rows of one Module class. Adding a part is adding
a row with a source key of `sources.toml` (or the word assumption).
"""

import functools
from pathlib import Path
from typing import Any, NamedTuple

from codesign.config.document import Document, read_document
from codesign.config.expand import expand
from codesign.config.problems import ConfigError, Problem, nearest
from codesign.config.schema import Number, build, validate
from codesign.config.tables import FABRICS, TABLES, Row, table_of

ASSUMPTION = "assumption"
SHIPPED = next(p for p in (Path(__file__).parents[1] / "configs", Path(__file__).parents[2] / "configs") if p.is_dir())


class Catalogue(NamedTuple):
    """Every row by table, and every source by key."""

    folder: Path
    rows: dict[str, dict[str, Row]]
    sources: dict[str, dict[str, str]]

    def table_of(self, cls: type) -> str | None:
        """The table whose rows are of class `cls`, if there is one."""
        return table_of(cls)


def config_folder(near: Path | None = None) -> Path:
    """The folder with `technology/` above the file `near`, else the shipped one."""
    for folder in near.resolve().parents if near else ():
        if (folder / "technology").is_dir():
            return folder
        if (folder / "configs" / "technology").is_dir():
            return folder / "configs"
    return SHIPPED


def shipped_text(name: str) -> str:
    """The text of a shipped file, such as "studies/passage.toml"."""
    return (SHIPPED / name).read_text(encoding="utf-8")


def check_sources(provenance: dict[str, Number], known: dict[str, Any], document: Document, at: tuple[str, ...]) -> list[Problem]:
    """A problem for every number that names no source, or one that nobody wrote down."""
    problems: dict[str, Problem] = {}
    for path, number in provenance.items():
        key = (*at, *path.split("."))
        if not number.source:
            problems[path] = document.problem(key, f"names no source; write one of sources.toml or '{ASSUMPTION}'")
        elif number.source != ASSUMPTION and number.source not in known:
            shared = (*at, "source") if document.data.get("source") == number.source and not at else key
            text = f"unknown source '{number.source}'" + nearest(number.source, [*known, ASSUMPTION])
            problems.setdefault(number.source, document.problem(shared, text))
    return list(problems.values())


Known = dict[str, dict[str, Row]]


def _row(
    cls: type, name: str, raw: dict[str, Any], known: Known, sources: dict[str, Any], document: Document
) -> tuple[Row | None, list[Problem]]:
    """The row `name` of a table, the rows that it names filled in, or what is wrong with it."""
    problems: list[Problem] = []
    expanded = expand(cls, raw, known, document, (name,), problems)
    checked, found = validate(cls, expanded, document, (name,))
    named = {problem.key for problem in problems}
    problems += [problem for problem in found if problem.key not in named]
    if checked is None:
        return None, problems
    module, provenance = build(cls, checked)
    problems += check_sources(provenance, sources, document, (name,))
    return Row(name, raw.get("label", name), raw.get("note", ""), module, provenance, expanded), problems


def _rows(table: str, folder: Path, known: Known, sources: dict[str, Any]) -> tuple[dict[str, Row], list[Problem]]:
    """Rows of one table; they may name rows of the tables before it."""
    document = read_document(folder / "technology" / f"{table}.toml")
    rows: dict[str, Row] = {}
    problems: list[Problem] = []
    for name, raw in document.data.items():
        if not isinstance(raw, dict):
            problems.append(document.problem((name,), "expected a table with one row"))
            continue
        row, found = _row(TABLES[table], name, raw, known, sources, document)
        problems += found
        if row is not None:
            rows[name] = row
    return rows, problems


def _fabric_rows(folder: Path, known: Known, sources: dict[str, Any]) -> tuple[dict[str, Row], list[Problem]]:
    """Networks put together from rows of other tables; a row states its class by `kind`. A folder may have none."""
    path = folder / "technology" / "fabrics.toml"
    if not path.exists():
        return {}, []
    document, problems = read_document(path), list[Problem]()
    rows: dict[str, Row] = {}
    for name, raw in document.data.items():
        kind = raw.get("kind") if isinstance(raw, dict) else None
        if kind not in FABRICS:
            expected = f"expected a table with kind = one of {', '.join(FABRICS)}" + nearest(str(kind), FABRICS)
            problems.append(document.problem((name,), expected))
            continue
        own = {key: value for key, value in raw.items() if key != "kind"}
        row, found = _row(FABRICS[kind], name, own, known | {"fabrics": rows}, sources, document)
        problems += found
        if row is not None:
            rows[name] = row._replace(raw=row.raw | {"kind": kind})
    return rows, problems


def _follows(problem: Problem, broken: set[str]) -> bool:
    """Is a row only missed because it is wrong itself, which has been said?"""
    return any(problem.message.startswith(f"no row '{name}' in ") for name in broken)


def load_catalogue(folder: Path) -> Catalogue:
    """All technology tables and sources under `folder`; `ConfigError` with everything wrong in them.

    Read once and again when a file has changed.
    """
    files = [folder / "sources.toml", *sorted((folder / "technology").glob("*.toml"))]
    return _load(folder, tuple(f.stat().st_mtime_ns if f.exists() else 0 for f in files))


@functools.lru_cache(maxsize=8)
def _load(folder: Path, _: tuple[int, ...]) -> Catalogue:
    sources = read_document(folder / "sources.toml").data
    rows: Known = {}
    problems: list[Problem] = []
    broken: set[str] = set()
    for table in TABLES:
        rows[table], found = _rows(table, folder, rows, sources)
        problems += [problem for problem in found if not _follows(problem, broken)]
        broken |= {problem.key.split(".")[0] for problem in found}
    if not problems:
        rows["fabrics"], found = _fabric_rows(folder, rows, sources)
        problems += found
    if problems:
        raise ConfigError(problems)
    return Catalogue(folder, rows, sources)
