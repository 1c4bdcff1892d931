"""How is a run kept on disk, whole or not at all, and read back?

All files are written beside their places, then all are moved there; the manifest comes last,
so that a folder with a manifest is complete.
"""

import contextlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from codesign.config.problems import ConfigError, Problem, nearest, shown_path
from codesign.engine.lock import locked
from codesign.engine.trouble import writing
from codesign.report.page import render
from codesign.report.rivals import FILE as RIVALS_FILE
from codesign.report.rivals import read_rivals, rivals_of
from codesign.report.run import FILES, SAMPLE, Run
from codesign.report.uncertainty import read_uncertainty


def check_writable(folder: Path, key: str = "--out") -> None:
    """Make the folder; `ConfigError` naming `key` when nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / ".writable"
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise ConfigError([Problem(shown_path(folder), 0, key, f"cannot be written: {error.strerror or error}")]) from None


def check_file(path: Path, key: str) -> None:
    """`ConfigError` naming `key` when no file can be written at `path`."""
    if path.is_dir():
        raise ConfigError([Problem(shown_path(path), 0, key, "is a folder: expected the name of a file")])
    check_writable(path.parent, key)


def replace(path: Path, write: Callable[[Path], Any]) -> None:
    """Write `path` beside its place and move it there; never a half-written file. Raises `EngineError` when the disk fails."""
    replace_all({path: write})


def replace_all(writes: Mapping[Path, Callable[[Path], Any]]) -> None:
    """Write files beside their places and move all of them there, in their order, when the last is written."""
    places = {path: path.with_name(path.name + ".tmp") for path in writes}
    try:
        for path, write in writes.items():
            with writing(path, "it", "what was there before is kept"):
                write(places[path])
        for path, temporary in places.items():
            with writing(path, "it", "some files of the folder are new, some are not"):
                os.replace(temporary, path)
    finally:
        for temporary in places.values():
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


def _table(columns: Mapping[str, list[Any]]) -> pa.Table:
    return pa.table({name: pa.array(values, type=None if values else pa.float64()) for name, values in columns.items()})


def _text(text: str) -> Callable[[Path], Any]:
    return lambda path: path.write_text(text, encoding="utf-8")


def write_run(run: Run, folder: Path) -> list[Path]:
    """All files of a run; returns their paths."""
    table, sample = _table(run.columns), _table(run.sample)
    rows = json.dumps({"units": run.manifest["units"], "designs": [run.row(i) for i in range(run.size)]})
    page = render(run, read_uncertainty(folder, run), read_rivals(folder, run))
    replace_all(
        {
            folder / "front.parquet": lambda path: pyarrow.parquet.write_table(table, path),
            folder / "front.csv": lambda path: pyarrow.csv.write_csv(table, path),
            folder / "front.json": _text(rows),
            folder / SAMPLE: lambda path: pyarrow.parquet.write_table(sample, path),
            folder / "report.html": _text(page),
            folder / "manifest.json": _text(json.dumps(run.manifest, indent=1)),
        }
    )
    return [folder / name for name in FILES]


def title_in(folder: Path) -> str | None:
    """The title of the study whose run a folder holds; none where there is no run, or none that can be read."""
    try:
        return str(json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["title"])
    except (OSError, ValueError, KeyError, TypeError):
        return None


def read_run(folder: Path) -> Run:
    """A run folder; `ConfigError` when it is none."""
    manifest, table = folder / "manifest.json", folder / "front.parquet"
    if not manifest.is_file() or not table.is_file():
        known = [p.parent.name for p in folder.parent.glob("*/manifest.json")] if folder.parent.is_dir() else []
        raise ConfigError(
            [
                Problem(
                    shown_path(folder),
                    0,
                    "",
                    "not a run folder (no manifest.json; codesign optimize writes one)" + nearest(folder.name, known),
                )
            ]
        )
    try:
        data = json.loads(manifest.read_text(encoding="utf-8"))
        missing = [key for key in ("title", "status", "labels", "units", "designs") if key not in data]
        if not isinstance(data, dict) or missing:
            raise ValueError(f"manifest.json lacks {', '.join(missing) or 'everything'}")
        sample = pyarrow.parquet.read_table(folder / SAMPLE).to_pydict() if (folder / SAMPLE).is_file() else {}
        return Run(data, pyarrow.parquet.read_table(table).to_pydict(), sample)
    except (OSError, ValueError) as error:
        raise ConfigError([Problem(shown_path(folder), 0, "", f"cannot be read: {error}")]) from None


def rewrite_page(folder: Path, rivals: Path | None = None) -> Path:
    """Render the page of an existing run again, with the race of its study from a file if one is given."""
    read_run(folder)
    check_writable(folder, shown_path(folder))
    with locked(folder, ""):
        run = read_run(folder)
        if rivals is not None:
            replace(folder / RIVALS_FILE, _text(json.dumps(rivals_of(rivals, run))))
        replace(folder / "report.html", _text(render(run, read_uncertainty(folder, run), read_rivals(folder, run))))
    return folder / "report.html"


def write_picture(path: Path, data: bytes) -> None:
    """A picture, in the place of one that is there."""
    check_file(path, "")
    replace(path, lambda temporary: temporary.write_bytes(data))


def write_new(path: Path, text: str) -> None:
    """A new text file; an existing one is never overwritten."""
    if path.exists():
        raise ConfigError([Problem(shown_path(path), 0, "", "already exists; choose another name")])
    check_writable(path.parent, path.name)
    replace(path, _text(text))
