"""Which table is meant where a file names a row?"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from codesign.config.document import Document
from codesign.config.problems import Problem, nearest
from codesign.config.schema import module_of, snake
from codesign.config.tables import Row, table_of

Rows = Mapping[str, Mapping[str, Row]]


def _member(members: tuple[type, ...], data: Any) -> type | None:
    """The class that `data` describes: the only one, or that of its `kind`."""
    if len(members) == 1:
        return members[0] if data is not None else None
    kind = data.get("kind") if isinstance(data, dict) else None
    return next((member for member in members if snake(member.__name__) == kind), None)


def expand(cls: type, data: Any, rows: Rows, document: Document, at: tuple[str, ...], problems: list[Problem]) -> Any:
    """`data` with every row name replaced by the row, overrides on top."""
    if not isinstance(data, dict):
        return data
    result = dict(data)
    for field in dataclasses.fields(cls):
        members = module_of(field.type)
        if not members or field.name not in result:
            continue
        entry, key = result[field.name], (*at, field.name)
        table = table_of(members[0])
        name = entry if isinstance(entry, str) else entry.get("row") if isinstance(entry, dict) else None
        if table and isinstance(name, str):
            row = rows[table].get(name)
            if row is None:
                problems.append(document.problem(key, f"no row '{name}' in {table}" + nearest(name, rows[table])))
            overrides = {k: v for k, v in entry.items() if k != "row"} if isinstance(entry, dict) else {}
            result[field.name] = (row.raw if row else {}) | overrides
            if row is None:
                result.pop(field.name)
        member = _member(members, result.get(field.name))
        if member is not None:
            result[field.name] = expand(member, result[field.name], rows, document, key, problems)
    return result
