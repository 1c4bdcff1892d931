"""Which table is meant where a file names a row?"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from codesign.config.document import Document
from codesign.config.problems import Problem, nearest
from codesign.config.schema import parts_of, snake, usual_kind
from codesign.config.tables import Row, table_of

Rows = Mapping[str, Mapping[str, Row]]


def _member(field: dataclasses.Field, data: Any) -> type | None:
    """The class that `data` describes: the only one, or that of its `kind`."""
    members = parts_of(field)
    if len(members) == 1:
        return members[0] if data is not None else None
    kind = data.get("kind", usual_kind(field)) if isinstance(data, dict) else None
    return next((member for member in members if snake(member.__name__) == kind), None)


def _tables(members: tuple[type, ...], rows: Rows) -> list[str]:
    """The tables that can hold a row for a field of these classes."""
    tables = dict.fromkeys(table_of(member) for member in members)
    return [table for table in tables if table is not None and table in rows]


def expand(cls: type, data: Any, rows: Rows, document: Document, at: tuple[str, ...], problems: list[Problem]) -> Any:
    """`data` with every row name replaced by the row, overrides on top."""
    if not isinstance(data, dict):
        return data
    result = dict(data)
    for field in dataclasses.fields(cls):
        members = parts_of(field)
        if not members or field.name not in result:
            continue
        entry, key = result[field.name], (*at, field.name)
        tables = _tables(members, rows)
        name = entry if isinstance(entry, str) else entry.get("row") if isinstance(entry, dict) else None
        if tables and isinstance(name, str):
            row = next((rows[table][name] for table in tables if name in rows[table]), None)
            if row is None:
                known = [known for table in tables for known in rows[table]]
                problems.append(document.problem(key, f"no row '{name}' in {' or '.join(tables)}" + nearest(name, known)))
            overrides = {k: v for k, v in entry.items() if k != "row"} if isinstance(entry, dict) else {}
            kind = {"kind": snake(type(row.module).__name__)} if row and len(members) > 1 else {}
            result[field.name] = (row.raw if row else {}) | kind | overrides
            if row is None:
                result.pop(field.name)
        member = _member(field, result.get(field.name))
        if member is not None:
            result[field.name] = expand(member, result[field.name], rows, document, key, problems)
    return result
