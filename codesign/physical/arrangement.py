"""Where do blocks stand in a plain layout?

Dies in a grid of rows in the middle; memory stacks along the two long edges of the grid; input-output dies, then
optical engines, along the two short edges; fibre attach outermost. Legal by construction; nothing is optimised.
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
    dies, memory = ([i for i, kind in enumerate(kinds) if kind == k] for k in ("die", "memory"))
    spacing = float(np.ceil(gap / GRID) * GRID)
    between, beside = (spacing if g is None else float(np.ceil(g / GRID) * GRID) for g in (die_gap, memory_gap))
    canvas = _Canvas(sides)
    _grid(canvas, dies, columns or max(1, round(len(dies) ** 0.5 + 0.2)), between)
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


def package_arrangement(
    rows: int,
    columns: int,
    die_width: float,
    die_height: float,
    stacks: int = 0,
    stack_edge: float = 0.0,
    stack_depth: float = 0.0,
    io: int = 0,
    io_width: float = 0.0,
    io_height: float = 0.0,
    optics: int = 0,
    optics_width: float = 0.0,
    optics_height: float = 0.0,
    fibres: int = 0,
    fibre_width: float = 0.0,
    fibre_height: float = 0.0,
    power: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0),
    gap: float = 0.0,
    die_gap: float | None = None,
    memory_gap: float | None = None,
) -> tuple[Blocks, tuple[str, ...], tuple[str, ...]]:
    """Blocks, kinds and names of a package of rows x columns equal dies, sides in [m].

    The `stack_edge` lies along the long edges of the grid; sides of the others are as seen when the grid is wider than high,
    and are exchanged when it is not. `power` [W] is that of one die, stack, input-output die and engine; gaps as in `arrangement`.

    >>> from codesign.physical.blocks import outline
    >>> blocks, kinds, names = package_arrangement(1, 4, 0.026, 0.033, 16, 0.013, 0.011)
    >>> [round(1e3 * float(side)) for side in outline(blocks)], len(kinds), names[4]
    ([-52, -28, 52, 28], 20, 'memory 1')
    """
    groups = (
        ("die", rows * columns, die_width, die_height, power[0]),
        ("memory", stacks, stack_edge, stack_depth, power[1]),
        ("io", io, io_width, io_height, power[2]),
        ("optics", optics, optics_width, optics_height, power[3]),
        ("fibre", fibres, fibre_width, fibre_height, 0.0),
    )
    between = gap if die_gap is None else die_gap
    spans = [count * (side + between) - between for count, side in ((columns, die_width), (rows, die_height))]
    upright = spans[1] > spans[0]
    table = [(kind, h, w, p) if upright and kind != "die" else (kind, w, h, p) for kind, count, w, h, p in groups for _ in range(count)]
    names = tuple(f"{kind} {number + 1}" for kind, count, *_ in groups for number in range(count))
    kinds, width, height, powers = zip(*table, strict=True)
    blocks = arrangement(kinds, np.array(width), np.array(height), np.array(powers), gap, die_gap, memory_gap, columns)
    return blocks, kinds, names
