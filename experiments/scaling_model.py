"""Which law do measured times follow, and what does it say of a thousand workers?

    t = a + b cells^p / workers,   a, b >= 0,

fitted to logarithms of times of one process: the part that workers do not share, and the part that
they are taken to share evenly.
"""

from typing import NamedTuple

import numpy as np
from claim import Row

EXPONENTS = np.linspace(0.0, 2.0, 401)
RATIOS = np.concatenate([[0.0], np.logspace(-4, 8, 481)])
"""Of a to b, b in the unit of `UNIT` cells."""
UNIT = 1000.0
LINK = 1e9
"""Bytes a second into the process that combines, and out of it: assumed."""
FAR = (1e9, 1000.0)
"""Cells and workers that are asked about."""

SHARED = {"reading": False, "search": True, "proof": True}
"""What has a law of seconds, and whether workers share it."""
MOST = {"reading": 1.1, "memory of reading": 1.1, "search": 1.1, "proof": 2.0}
"""The largest exponent that is believed: reading and search sort at worst; of the proof less is known."""


LEAST = ("a look at every cell", "a bound of every cell")
"""What search and proof cannot do without: parts of them, and so no part of the sum."""


class Law(NamedTuple):
    """The coefficients, the largest error as a factor less one, and the number of points that made them, with up to how many cells."""

    a: float
    b: float
    p: float
    error: float
    points: int
    most_cells: float

    def at(self, cells: float, workers: float = 1.0) -> float:
        """The time, or the size, for so many cells and workers."""
        return self.a + self.b * cells**self.p / workers


class Sizes(NamedTuple):
    """What one round and one cell cost in the largest measured search: bytes, rounds, seconds."""

    job_bytes_per_cell: float
    shard_bytes: float
    rounds: float
    combining_per_shard: float
    evaluations_per_second: float
    boxes_per_second: float
    finishing: float


def fitted(points: list[tuple[float, float, float]], most: float = 2.0) -> Law | None:
    """The law nearest to points (cells, workers, time) in logarithms with p at most `most`; None of fewer than four different ones.

    >>> law = fitted([(c, w, 2.0 + 0.003 * c**0.8 / w) for c in (100, 1000, 10_000, 100_000) for w in (1, 2)])
    >>> round(law.a, 2), round(1000 * law.b, 2), round(law.p, 2), law.error < 0.01
    (2.0, 3.0, 0.8, True)
    """
    if len({(cells, workers) for cells, workers, _ in points}) < 4:
        return None
    cells, workers, times = (np.array(column, dtype=float) for column in zip(*points, strict=True))
    exponents = EXPONENTS[: np.searchsorted(EXPONENTS, most, side="right")]
    shapes = RATIOS[:, None, None] + (cells / UNIT) ** exponents[:, None] / workers
    shifts = np.log(times) - np.log(shapes)
    level = shifts.mean(axis=-1)
    costs = ((shifts - level[..., None]) ** 2).sum(axis=-1)
    ratio, exponent = np.unravel_index(np.argmin(costs), costs.shape)
    b, p = float(np.exp(level[ratio, exponent])), float(exponents[exponent])
    worst = float(np.expm1(np.abs(shifts[ratio, exponent] - level[ratio, exponent]).max()))
    return Law(float(RATIOS[ratio]) * b, b / UNIT**p, p, worst, len(points), float(cells.max()))


def parts(laws: dict[str, Law], sizes: Sizes, cells: float, workers: float) -> dict[str, float]:
    """Seconds of each part of a run, by name; those without a law are left out.

    >>> sizes = Sizes(400.0, 1e6, 20.0, 1e-3, 1e6, 1e4, 3.0)
    >>> parts({"reading": Law(0.0, 3e-5, 1.0, 0.0, 3, 1e6)}, sizes, 1e9, 1000)["reading"]
    30000.0
    >>> round(parts({}, sizes, 1e9, 1000)["exchange of shards"], 6)
    20.0
    """
    found = {name: laws[name].at(cells, workers if shared else 1.0) for name, shared in SHARED.items() if name in laws}
    return found | {
        "sending the cells": sizes.job_bytes_per_cell * cells / LINK,
        "a look at every cell": cells / workers / sizes.evaluations_per_second,
        "a bound of every cell": cells / workers / sizes.boxes_per_second,
        "exchange of shards": workers * sizes.shard_bytes * sizes.rounds / LINK,
        "combining shards": workers * sizes.combining_per_shard * sizes.rounds,
        "finishing": sizes.finishing,
    }


def law_rows(name: str, law: Law) -> list[Row]:
    """The coefficients of a law and its largest error."""
    unit = "B" if "memory" in name else "s"
    return [
        Row(
            f"law.{name}.a",
            f"{name}: a of a + b cells^p / workers ({law.points} points, up to {law.most_cells:.3g} cells)",
            unit,
            None,
            law.a,
        ),
        Row(f"law.{name}.b", f"{name}: b", unit, None, law.b),
        Row(f"law.{name}.p", f"{name}: p", "1", None, law.p),
        Row(f"law.{name}.error", f"{name}: largest error at a measured point, as a factor less one", "1", None, law.error),
    ]


def far_rows(laws: dict[str, Law], sizes: Sizes) -> list[Row]:
    """The extrapolation, the largest part first, with what search and proof cost at least beside it."""
    found = sorted(parts(laws, sizes, *FAR).items(), key=lambda pair: -pair[1])
    where = f"extrapolated to {FAR[0]:.0e} cells, {FAR[1]:.0f} workers"
    decades = {name: f", {np.log10(FAR[0] / law.most_cells):.1f} decades beyond its points" for name, law in laws.items()}
    notes = {**decades, **dict.fromkeys(LEAST, ", at the least and not in the sum")}
    rows = [Row(f"far.{name}", f"{where}: {name}{notes.get(name, '')}", "s", None, seconds) for name, seconds in found]
    without = [name for name in SHARED if name not in laws]
    text = f"{where}: all of these; most: {found[0][0]}" + (f"; without {', '.join(without)}: too few points" if without else "")
    rows.append(Row("far.all", text, "s", None, sum(seconds for name, seconds in found if name not in LEAST)))
    if "memory of reading" in laws:
        rows.append(
            Row("far.memory", f"{where}: memory of every process that has read", "GiB", None, laws["memory of reading"].at(FAR[0]) / 2**30)
        )
    return rows
