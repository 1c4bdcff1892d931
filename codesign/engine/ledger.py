"""Which units of a run were done when, by whom, and at which attempt?

The ledger is for people and programs that look at a run; the shards are what a run is
resumed from. It can therefore always be made anew from them, less the rows of rounds whose
shards are no longer kept.
"""

import contextlib
import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from codesign.engine.shards import read_arrays, state_files, unit_files
from codesign.engine.trouble import writing

NAME = "ledger.sqlite"
TABLES = (
    "create table header (name text primary key, value text not null)",
    "create table units (round integer, unit integer, status text not null, attempts integer not null,"
    " worker text, seconds real, checksum text, written text, primary key (round, unit))",
)
BEGIN = (
    "insert into units (round, unit, status, attempts) values (?, ?, 'running', 1)"
    " on conflict do update set status = 'running', attempts = attempts + 1"
)
OF_THE_DISK = (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_BUSY)
"""Errors that say nothing of the file itself."""


class Row(NamedTuple):
    """A finished unit; `attempts` counts how often it was given out, seconds are of the last."""

    round: int
    unit: int
    attempts: int
    worker: str
    seconds: float
    checksum: str
    written: str


class Ledger:
    """An open ledger; every call is written at once."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / NAME
        with writing(self.path, "the ledger"):
            self.connection = sqlite3.connect(self.path, isolation_level=None)
            self.connection.execute("pragma journal_mode = wal")

    def _write(self, statement: str, values: tuple[Any, ...] = ()) -> None:
        with writing(self.path, "the ledger"):
            self.connection.execute(statement, values)

    def create(self) -> None:
        """The tables of a new ledger."""
        for table in TABLES:
            self._write(table)

    def describe(self, header: dict[str, str]) -> None:
        """What the run is: key, study, versions, engine, when it began."""
        for item in header.items():
            self._write("insert or replace into header values (?, ?)", item)

    def header(self) -> dict[str, str]:
        """What the run is; empty for a new ledger."""
        return dict(self.connection.execute("select name, value from header"))

    def begin(self, number: int, unit: int) -> None:
        """The unit was given out."""
        self._write(BEGIN, (number, unit))

    def finish(self, row: Row) -> None:
        """The unit's shard is on the disk."""
        self._write("insert or replace into units values (?, ?, 'done', ?, ?, ?, ?, ?)", row)

    def lose(self, number: int, unit: int) -> None:
        """The unit's shard was damaged and is gone."""
        self._write("update units set status = 'lost' where round = ? and unit = ?", (number, unit))

    def attempts(self, number: int, unit: int) -> int:
        """How often the unit was given out."""
        found = self.connection.execute("select attempts from units where round = ? and unit = ?", (number, unit)).fetchone()
        return found[0] if found else 0

    def checksum(self, number: int, unit: int) -> str | None:
        """The checksum of a finished unit's shard."""
        query = "select checksum from units where round = ? and unit = ? and status = 'done'"
        found = self.connection.execute(query, (number, unit)).fetchone()
        return found[0] if found else None

    def close(self) -> None:
        """Close the file."""
        self.connection.close()


def open_ledger(folder: Path) -> Ledger:
    """The ledger of a run folder, made anew when it is missing or damaged."""
    if not _sound(folder / NAME):
        rebuild_ledger(folder)
    return Ledger(folder)


def _sound(path: Path) -> bool:
    if not path.is_file():
        return False
    try:
        with contextlib.closing(sqlite3.connect(path)) as connection:
            whole = connection.execute("pragma quick_check").fetchone() == ("ok",)
            named = connection.execute("select value from header where name = 'key'").fetchone()
            connection.execute(f"select {', '.join(Row._fields)}, status from units").fetchone()
        return whole and named is not None
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorcode", 0) & 255 in OF_THE_DISK


def remove_ledger(folder: Path) -> None:
    """Remove the ledger and what sqlite keeps beside it."""
    for name in (NAME, f"{NAME}-wal", f"{NAME}-shm"):
        (folder / name).unlink(missing_ok=True)


def rebuild_ledger(folder: Path) -> None:
    """Make the ledger of a run folder anew from its shards alone."""
    remove_ledger(folder)
    with contextlib.closing(Ledger(folder)) as ledger:
        ledger.create()
        for path in (*state_files(folder).values(), *unit_files(folder).values()):
            kept = read_arrays(path)
            if kept:
                ledger.describe(kept.record["run"])
                if "unit" in kept.record:
                    ledger.finish(Row(**{name: kept.record[name] for name in Row._fields}))
