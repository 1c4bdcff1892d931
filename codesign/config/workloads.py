"""Which workloads exist, alone in a file or as variants of a family?

A file is one workload, named by its stem, or a family: every table `[variants.NAME]` is
merged over the rest of the file and is a workload of that name. "file.toml#NAME" is one
variant of a file. A variant without a label is labelled by its name.
"""

import functools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codesign.config.document import Document, Key, read_document
from codesign.config.problems import ConfigError, Problem, nearest, shown_path

VARIANTS = "variants"


def parted(path: Path) -> tuple[Path, str]:
    """File and variant of "file.toml#variant"; the variant is empty where none is named.

    >>> parted(Path("llama3.toml#llama3_8b"))[1]
    'llama3_8b'
    """
    file, mark, variant = str(path).partition(".toml#")
    return (Path(f"{file}.toml"), variant) if mark else (path, "")


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """`base` with `over` on top, table by table; a number written as a range is replaced as a whole.

    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})
    {'a': {'b': 1, 'c': 3}}
    """
    result = dict(base)
    for key, value in over.items():
        deeper = isinstance(value, dict) and isinstance(base.get(key), dict) and "default" not in value
        result[key] = merged(base[key], value) if deeper else value
    return result


def _keys(table: dict[str, Any], at: Key = ()) -> Iterator[Key]:
    """Every key path in `table`."""
    for key, value in table.items():
        yield (*at, key)
        if isinstance(value, dict):
            yield from _keys(value, (*at, key))


def _variant(document: Document, name: str) -> Document:
    """One variant as if it stood alone; its problems are told at the keys where they are written."""
    base = {key: value for key, value in document.data.items() if key != VARIANTS}
    own, home = document.data[VARIANTS][name], (VARIANTS, name)
    places = {key: key for key in _keys(base)} | {key: (*home, *key) for key in _keys(own)}
    return document._replace(data=merged(base, {"label": name} | own), places=places | {(): home})


def family(document: Document) -> dict[str, Document]:
    """Every variant by name, none when the file has none; `ConfigError` when `variants` is no table of tables."""
    if VARIANTS not in document.data:
        return {}
    tables = document.data[VARIANTS]
    if not isinstance(tables, dict) or not tables:
        raise ConfigError([document.problem((VARIANTS,), f"expected at least one table [{VARIANTS}.NAME]")])
    wrong = [document.problem((VARIANTS, name), "expected a table") for name, own in tables.items() if not isinstance(own, dict)]
    if wrong:
        raise ConfigError(wrong)
    return {name: _variant(document, name) for name in tables}


def workload_document(path: Path) -> Document:
    """What "file.toml" or "file.toml#variant" says; `ConfigError` for an unknown variant and for a family without one."""
    file, name = parted(path)
    document = read_document(file)
    variants = family(document)
    if name in variants:
        return variants[name]
    if name:
        raise ConfigError([document.problem((VARIANTS,), f"no variant '{name}'" + nearest(name, variants))])
    if variants:
        known = ", ".join(f"{file.name}#{variant}" for variant in variants)
        raise ConfigError([document.problem((VARIANTS,), f"a family, not one workload; name a variant: {known}")])
    return document


def workload_documents(folder: Path) -> dict[str, Document]:
    """Every workload in the files of `folder` by name; `ConfigError` when a file is broken or a name is taken twice.

    Read once and again when a file has changed.
    """
    return _documents(tuple((path, path.stat().st_mtime_ns) for path in sorted(folder.glob("*.toml"))))


@functools.lru_cache(maxsize=8)
def _documents(files: tuple[tuple[Path, int], ...]) -> dict[str, Document]:
    found: dict[str, Document] = {}
    problems: list[Problem] = []
    stems = {path.stem: path for path, _ in files}
    for path, _ in files:
        try:
            document = read_document(path)
            variants = family(document)
        except ConfigError as error:
            problems += error.problems
            continue
        for name, variant in (variants or {path.stem: document}).items():
            taken = found[name].path if name in found else stems.get(name) if variants else None
            if taken:
                problems.append(variant.problem((), f"the name '{name}' is taken by {shown_path(taken)}"))
            found.setdefault(name, variant)
    if problems:
        raise ConfigError(problems)
    return found


def workload_names(folder: Path) -> list[str]:
    """The names of all workloads in the files of `folder`, sorted."""
    return sorted(workload_documents(folder))


def unknown_workload(name: str, folder: Path) -> str:
    """What to say of a `name` that no workload in `folder` has."""
    known = workload_documents(folder)
    variants = [other for other, document in known.items() if document.path.stem == name]
    if variants:
        return f"'{name}' is a family of {folder.name}; name one of " + ", ".join(variants)
    return f"no workload '{name}' in {folder.name}" + nearest(name, known)
