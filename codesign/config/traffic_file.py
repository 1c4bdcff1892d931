"""Which traffic matrix does a file hold, and what is wrong with it?

A square matrix of tokens or bytes, row = source rank, column = expert rank: as text, one row a
line, cells between commas, semicolons or white space, `#` starting a comment; or as NumPy's .npy.
"""

import math
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from codesign.config.problems import ConfigError, Problem, nearest, shown_path

SEPARATOR = re.compile(r"\s*[,;]\s*|\s+")


def _wrong(value: float) -> str:
    """What is wrong with one entry, or nothing."""
    if not math.isfinite(value):
        return "expected a finite number"
    return "expected a number from 0 on" if value < 0 else ""


def _cell(text: str, place: Callable[[str], Problem], problems: list[Problem]) -> float:
    """The number in one cell; what is wrong with it is added to `problems`."""
    try:
        value = float(text)
    except ValueError:
        problems.append(place(f"expected a number, got '{text[:40]}'" if text else "this cell is empty; expected a number"))
        return math.nan
    if wrong := _wrong(value):
        problems.append(place(f"{wrong}, got '{text[:40]}'"))
    return value


def _read_text(path: Path, problems: list[Problem]) -> list[list[float]]:
    """Rows of numbers; problems are added cell by cell."""
    rows: list[list[float]] = []
    for line, text in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), 1):
        content = text.split("#", 1)[0].strip()
        if not content:
            continue
        cells = SEPARATOR.split(content)
        rows.append([_cell(c, partial(Problem, shown_path(path), line, f"column {n}"), problems) for n, c in enumerate(cells, 1)])
        if len(cells) != len(rows[0]):
            problems.append(Problem(shown_path(path), line, "", f"{len(cells)} cells; the first row has {len(rows[0])}"))
    return rows


def _read_array(path: Path, problems: list[Problem]) -> np.ndarray:
    """The array of a .npy file, without unpickling."""
    array = np.load(path, allow_pickle=False)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "fiu" or array.ndim != 2:
        shape = f"{getattr(array, 'dtype', type(array).__name__)} of shape {getattr(array, 'shape', '')}"
        problems.append(Problem(shown_path(path), 0, "", f"expected a matrix of real numbers, got {shape}"))
        return np.zeros((0, 0))
    for i, j in zip(*np.nonzero(~(array >= 0) | ~np.isfinite(array)), strict=True):
        message = f"{_wrong(float(array[i, j]))}, got '{array[i, j]:g}'"
        problems.append(Problem(shown_path(path), 0, f"row {i + 1}, column {j + 1}", message))
    return array.astype(float)


def _shape_problems(path: Path, matrix: np.ndarray) -> list[Problem]:
    """Nothing there, not square, or nothing but zeros."""
    rows, columns = matrix.shape if matrix.ndim == 2 else (0, 0)
    message = ""
    if not rows or not columns:
        message = "empty; expected a square matrix"
    elif rows != columns:
        message = f"{rows} rows of {columns} columns; expected as many rows as columns"
    elif not matrix.any():
        message = "every entry is zero; expected some traffic"
    return [Problem(shown_path(path), 0, "", message)] if message else []


def _unreadable(path: Path, error: Exception) -> ConfigError:
    """The error as a problem with the file, with the nearest name if there is no such file."""
    if not isinstance(error, FileNotFoundError):
        return ConfigError([Problem(shown_path(path), 0, "", f"cannot be read as a matrix: {error}")])
    siblings = [p.name for p in path.parent.iterdir() if p.suffix in (".csv", ".txt", ".npy")] if path.parent.is_dir() else []
    return ConfigError([Problem(shown_path(path), 0, "", "no such file" + nearest(path.name, siblings))])


def read_traffic(path: Path) -> np.ndarray:
    """The matrix (n, n) in `path`; `ConfigError` with everything that is wrong with it."""
    problems: list[Problem] = []
    try:
        found = _read_array(path, problems) if path.suffix == ".npy" else _read_text(path, problems)
    except (OSError, ValueError, EOFError) as error:
        raise _unreadable(path, error) from error
    if len({len(row) for row in found}) > 1:
        raise ConfigError(problems)
    matrix = np.asarray(found, dtype=float)
    if matrix.size or not problems:
        problems += _shape_problems(path, matrix)
    if problems:
        raise ConfigError(problems)
    return matrix


def legal_ranks(matrix: np.ndarray) -> list[int]:
    """Degrees of expert parallelism that whole blocks of the matrix can stand for: the divisors of n.

    >>> legal_ranks(np.ones((8, 8)))
    [1, 2, 4, 8]
    """
    n = len(matrix)
    return [degree for degree in range(1, n + 1) if n % degree == 0]


def check_ranks(matrix: np.ndarray, ep: float, file: str = "traffic matrix") -> None:
    """`ConfigError` that names the nearest legal degree unless `ep` divides the ranks of the matrix.

    A matrix of n ranks is summed to fewer ranks, never tiled to more: tiling inflates what each rank sends.
    """
    legal = legal_ranks(matrix)
    if ep in legal:
        return
    close = min(legal, key=lambda degree: (abs(degree - ep), degree)) if math.isfinite(ep) else legal[-1]
    message = f"{ep:g} does not divide the {len(matrix)} ranks of this matrix; the nearest degree that does is {close}"
    raise ConfigError([Problem(file, 0, "ep", message)])
