"""What does a TOML file say, and on which line does each key stand?"""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from codesign.config.problems import ConfigError, Problem, nearest, shown_path

HEADER = re.compile(r"^\s*(\[\[?)\s*(.+?)\s*\]\]?\s*(?:#.*)?$")
ASSIGNMENT = re.compile(r"""^\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
INLINE_KEY = re.compile(r"""[{,]\s*("[^"]*"|[A-Za-z0-9_-]+)\s*=""")
KEY_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")
Key = tuple[str, ...]


class Document(NamedTuple):
    """A parsed file and the line of every key path.

    `places` says under which key of the file each key of `data` is written, where that
    differs; what stands at () is where keys belong that are not written.
    """

    path: Path
    data: dict[str, Any]
    lines: dict[Key, int]
    places: Mapping[Key, Key] = MappingProxyType({})

    def place(self, key: Key) -> Key:
        """The key of the file under which `key` is written, or would be."""
        return self.places.get(key, (*self.places.get((), ()), *key))

    def line(self, key: Key) -> int:
        """The line of `key`, or of the nearest enclosing key."""
        key = self.place(key)
        while key and key not in self.lines:
            key = key[:-1]
        return self.lines.get(key, 0)

    def problem(self, key: Key, message: str) -> Problem:
        """A problem at `key` of this file."""
        return Problem(shown_path(self.path), self.line(key), ".".join(_quoted(part) for part in self.place(key)), message)


def _quoted(part: str) -> str:
    return part if KEY_PART.fullmatch(part) else f'"{part}"'


def _parts(text: str) -> Key:
    return tuple(part.strip("\"'") for part in KEY_PART.findall(text))


def _numbered(table: Key, counts: dict[Key, int]) -> Key:
    """`table` with the number of the current entry behind every array of tables it lies in."""
    found: Key = ()
    for place, part in enumerate(table):
        found = (*found, part)
        if found in counts and place < len(table) - 1:
            found = (*found, str(counts[found]))
    return found


def key_lines(text: str) -> dict[Key, int]:
    """The line on which each dotted key path is written; arrays of tables are numbered from 0."""
    lines: dict[Key, int] = {}
    table: Key = ()
    counts: dict[Key, int] = {}
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
    for key, number in list(lines.items()):
        for depth in range(1, len(key)):
            lines.setdefault(key[:depth], number)
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
