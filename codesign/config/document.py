"""What does a TOML file say, and on which line does each key stand?"""

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

from codesign.config.problems import ConfigError, Problem, nearest, shown_path

HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
ASSIGNMENT = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
INLINE_KEY = re.compile(r"""[{,]\s*("[^"]*"|[A-Za-z0-9_-]+)\s*=""")
KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


class Document(NamedTuple):
    """A parsed file and the line of every key path."""

    path: Path
    data: dict[str, Any]
    lines: dict[tuple[str, ...], int]

    def line(self, key: tuple[str, ...]) -> int:
        """The line of `key`, or of the nearest enclosing key."""
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 0)

    def problem(self, key: tuple[str, ...], message: str) -> Problem:
        """A problem at `key` of this file."""
        return Problem(shown_path(self.path), self.line(key), ".".join(_quoted(part) for part in key), message)


def _quoted(part: str) -> str:
    return f'"{part}"' if "." in part else part


def _parts(text: str) -> tuple[str, ...]:
    return tuple(part.strip("\"'") for part in KEY_PART.findall(text))


def _numbered(table: tuple[str, ...], counts: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """`table` with the number of the current entry behind every array of tables it lies in."""
    found: tuple[str, ...] = ()
    for place, part in enumerate(table):
        found = (*found, part)
        if found in counts and place < len(table) - 1:
            found = (*found, str(counts[found]))
    return found


def key_lines(text: str) -> dict[tuple[str, ...], int]:
    """The line on which each dotted key path is written; arrays of tables are numbered from 0."""
    lines: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    counts: dict[tuple[str, ...], int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        header, assignment = HEADER.match(line), ASSIGNMENT.match(line)
        if header:
            table = _numbered(_parts(header[2]), counts)
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, str(counts[table]))
            lines.setdefault(table, number)
        elif assignment:
            key = (*table, *_parts(assignment[1]))
            for depth in range(len(table) + 1, len(key) + 1):
                lines.setdefault(key[:depth], number)
            for inner in INLINE_KEY.findall(line[assignment.end() :]):
                lines.setdefault((*key, inner.strip("\"'")), number)
    return lines


def read_document(path: Path) -> Document:
    """Parse one file; `ConfigError` when it is missing, unreadable or not TOML."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        siblings = [p.name for p in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        raise ConfigError([Problem(shown_path(path), 0, "", "no such file" + nearest(path.name, siblings))]) from None
    except (OSError, ValueError) as error:
        raise ConfigError([Problem(shown_path(path), 0, "", f"cannot be read: {error}")]) from None
    try:
        return Document(path, tomllib.loads(text), key_lines(text))
    except (ValueError, RecursionError) as error:
        line = re.search(r"line (\d+)", str(error))
        raise ConfigError([Problem(shown_path(path), int(line[1]) if line else 0, "", f"not valid TOML: {error}")]) from None
