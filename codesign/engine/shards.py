"""How is a result kept on disk, whole or not at all, and told from a damaged one?

A file is a numpy archive with one more entry: a record in JSON that says what the file is
(round, unit, the facts of the run) and the checksum of its arrays. It is written beside its
place, forced to the disk and moved there, so that a kill at any moment leaves the old or the new.
"""

import io
import json
import os
import re
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from codesign.engine.arrays import checksum, settled
from codesign.engine.trouble import writing
from codesign.engine.work import State

RECORD = "_record"
UNIT_FILE, STATE_FILE = re.compile(r"(\d+)-(\d+)\.npz"), re.compile(r"state-(\d+)\.npz")


class Kept(NamedTuple):
    """What a sound file holds."""

    arrays: State
    record: dict[str, Any]


def unit_path(folder: Path, number: int, unit: int) -> Path:
    """Where the result of a unit is kept.

    >>> unit_path(Path("run"), 3, 12).as_posix()
    'run/shards/003-0012.npz'
    """
    return folder / "shards" / f"{number:03d}-{unit:04d}.npz"


def state_path(folder: Path, number: int) -> Path:
    """Where the state before a round is kept."""
    return folder / "shards" / f"state-{number:03d}.npz"


def unit_files(folder: Path) -> dict[tuple[int, int], Path]:
    """Files of units by (round, unit)."""
    return {(int(m[1]), int(m[2])): path for path in _files(folder) if (m := UNIT_FILE.fullmatch(path.name))}


def state_files(folder: Path) -> dict[int, Path]:
    """Files of states by round."""
    return {int(m[1]): path for path in _files(folder) if (m := STATE_FILE.fullmatch(path.name))}


def _files(folder: Path) -> list[Path]:
    return sorted((folder / "shards").glob("*.npz"))


def write_arrays(path: Path, arrays: State, record: dict[str, Any], what: str) -> str:
    """Write arrays with their record; returns their checksum. Raises `EngineError` when the disk does not take them."""
    found = checksum(arrays)
    text = json.dumps(record | {"checksum": found}).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in (arrays | {RECORD: np.frombuffer(text, np.uint8)}).items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, array, allow_pickle=False)
    with writing(path, what):
        write_whole(path, buffer.getbuffer())
    return found


def write_whole(path: Path, data: memoryview) -> None:
    """Write a file and force it, and its name, to the disk."""
    temporary = path.with_name(path.name + ".tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    force_names(path.parent)


def force_names(folder: Path) -> None:
    """Force the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_arrays(path: Path) -> Kept | None:
    """What a file holds; None when it is missing, cut short or changed."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        record = json.loads(arrays.pop(RECORD).tobytes())
        sound = record["checksum"] == checksum(arrays)
    except Exception:  # damaged bytes fail in many ways, and each means the same: do it again
        return None
    return Kept(settled(arrays), record) if sound else None
