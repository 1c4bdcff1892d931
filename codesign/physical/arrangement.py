"""Where do blocks stand in a plain layout?

Dies in a grid of rows in the middle; memory stacks along the two long edges of the grid; input-output dies, then
optical engines, along the two short edges; fibre attach outermost. Legal by construction; nothing is optimised.
Memory stacks on logic stand in lines amid their dies, and stick out where they do not fit.
"""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np

from codesign.physical.blocks import Blocks

GRID = 2.0**-44
"""Positions are multiples of this step [m], which doubles add exactly: blocks that touch do not overlap."""
RINGS = ("io", "optics", "fibre")
OVERHANG = 0.5
"""Share of its last stack by which a row of memory may stick out of its edge."""


class _Canvas:
    """Lower left corners and sides of the blocks placed so far."""

    def __init__(self, sides: np.ndarray) -> None:
        self.sides = np.ceil(sides / GRID) * GRID
        self.corner = np.zeros_like(self.sides)
        self.placed: list[int] = []

    def extent(self, axis: int, members: Sequence[int] | None = None) -> tuple[float, float]:
        """Least interval around the blocks placed so far, or around `members`."""
        chosen = self.placed if members is None else list(members)
        if not chosen:
            return 0.0, 0.0
        return float(self.corner[chosen, axis].min()), float((self.corner[chosen, axis] + self.sides[chosen, axis]).max())

    def line(self, members: Sequence[int], axis: int, middle: float, base: float, gap: float, upward: bool) -> None:
        """Blocks side by side along `axis`, centred on `middle`, their near edges on `base`."""
        lengths = self.sides[members, axis]
        start = np.rint((middle - (lengths.sum() + gap * (len(members) - 1)) / 2) / GRID) * GRID
        self.corner[members, axis] = start + np.concatenate([[0.0], np.cumsum(lengths[:-1] + gap)])
        self.corner[members, 1 - axis] = base if upward else base - self.sides[members, 1 - axis]
        self.placed += list(members)


def _lines(members: Sequence[int], lengths: np.ndarray, room: float, gap: float, overhang: float) -> list[list[int]]:
    """Members in order, as many in each line as fit into `room` when the last may stick out by a share of itself."""
    lines: list[list[int]] = []
    used = 0.0
    for i in members:
        if not lines or used + lengths[i] * (1 - overhang) > room * (1 + 1e-9):
            lines.append([])
            used = 0.0
        lines[-1].append(i)
        used += lengths[i] + gap
    return lines


def _halves(members: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
    middle = (len(members) + 1) // 2
    return members[:middle], members[middle:]


def _grid(canvas: _Canvas, dies: Sequence[int], columns: int, gap: float) -> None:
    base = 0.0
    for start in range(0, len(dies), columns):
        row = dies[start : start + columns]
        canvas.line(row, 0, 0.0, base, gap, upward=True)
        base = canvas.extent(1)[1] + gap


def bases(stacks: int, dies: int) -> list[int]:
    """The die that each of `stacks` stacks on logic stands on: as many on each as may be, in order.

    >>> bases(6, 4)
    [0, 0, 1, 2, 2, 3]
    """
    return [i * dies // stacks for i in range(stacks)]


def _on(canvas: _Canvas, die: int, members: Sequence[int]) -> None:
    """Members in touching lines around the middle of a die."""
    lines = _lines(members, canvas.sides[:, 0], float(canvas.sides[die, 0]), 0.0, 0.0)
    middle = canvas.corner[die] + canvas.sides[die] / 2
    heights = [float(canvas.sides[line, 1].max()) for line in lines]
    base = float(np.rint((middle[1] - sum(heights) / 2) / GRID) * GRID)
    for line, height in zip(lines, heights, strict=True):
        canvas.line(line, 0, float(middle[0]), base, 0.0, upward=True)
        base += height


def _beside(canvas: _Canvas, members: Sequence[int], axis: int, core: Sequence[int], away: float, gap: float, overhang: float) -> None:
    """Half of the members `away` from each end of what is placed, in lines along `axis` no longer than the core."""
    low, high = canvas.extent(axis, core)
    for half, upward in zip(_halves(members), (False, True), strict=True):
        for line in _lines(half, canvas.sides[:, axis], high - low, gap, overhang):
            near = canvas.extent(1 - axis)[int(upward)]
            canvas.line(line, axis, float(low + high) / 2, near + (away if upward else -away), gap, upward)


def arrangement(
    kinds: Sequence[str],
    width: np.ndarray,
    height: np.ndarray,
    power: np.ndarray,
    gap: float,
    die_gap: float | None = None,
    memory_gap: float | None = None,
    columns: int | None = None,
) -> Blocks:
    """Blocks of any `kinds` (see KINDS) and sides (n,) [m], in the order given, centred on the origin.

    `columns` dies stand in a row (about the root of their number). The least distance between blocks is
    `gap` [m], between dies `die_gap`, between dies and memory `memory_gap`.
    """
    sides = np.stack([np.asarray(width, float), np.asarray(height, float)], -1)
    dies, memory, stacks = ([i for i, kind in enumerate(kinds) if kind == k] for k in ("die", "memory", "stack"))
    spacing = float(np.ceil(gap / GRID) * GRID)
    between, beside = (spacing if g is None else float(np.ceil(g / GRID) * GRID) for g in (die_gap, memory_gap))
    canvas = _Canvas(sides)
    _grid(canvas, dies, columns or max(1, round(len(dies) ** 0.5 + 0.2)), between)
    for k, die in enumerate(dies):
        _on(canvas, die, [i for i, base in zip(stacks, bases(len(stacks), len(dies)), strict=True) if base == k])
    core = dies or list(range(len(kinds)))
    spans = [canvas.extent(axis, core)[1] - canvas.extent(axis, core)[0] for axis in (0, 1)]
    long = int(spans[1] > spans[0])
    _beside(canvas, memory, long, core, beside, spacing, OVERHANG)
    for ring in RINGS:
        _beside(canvas, [i for i, kind in enumerate(kinds) if kind == ring], 1 - long, core, spacing, spacing, 0.0)
    shift = np.rint([sum(canvas.extent(axis)) / 2 / GRID for axis in (0, 1)]) * GRID
    centre = canvas.corner - shift + canvas.sides / 2
    parts = (centre[:, 0], centre[:, 1], sides[:, 0], sides[:, 1], np.asarray(power, float))
    return Blocks(*(jnp.asarray(part, dtype=float) for part in parts))
