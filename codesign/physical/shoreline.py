"""Which piece of die edge serves what?

Every side of every die is cut into pieces: where a memory stack stands opposite, the memory's; where
another die does, die-to-die links from the middle outwards; of the rest, serialisers (or the links to
optical engines) take the sides without memory first, evenly, then what is left between stacks.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from codesign.physical.blocks import Blocks

OPPOSITE = 2e-3
"""Blocks no farther than this from a side of a die stand opposite to it [m]."""
SHORTEST = 1e-6


class Piece(NamedTuple):
    """A straight piece of die edge from (`x0`, `y0`) to (`x1`, `y1`) [m] and what it serves."""

    x0: float
    y0: float
    x1: float
    y1: float
    use: str

    @property
    def length(self) -> float:
        """Length [m]."""
        return abs(self.x1 - self.x0) + abs(self.y1 - self.y0)


class _Side(NamedTuple):
    """One side of a die: its fixed coordinate along `axis`, its interval along the other, outward sign."""

    axis: int
    at: float
    low: float
    high: float
    sign: int

    def piece(self, low: float, high: float, use: str) -> Piece:
        ends = (self.at, low, self.at, high) if self.axis == 0 else (low, self.at, high, self.at)
        return Piece(*ends, use)


def _corners(blocks: Blocks) -> np.ndarray:
    """Left, bottom, right, top of every block, (n, 2, 2)."""
    centre = np.stack([np.asarray(blocks.x), np.asarray(blocks.y)], axis=1)
    half = np.stack([np.asarray(blocks.width), np.asarray(blocks.height)], axis=1) / 2
    return np.stack([centre - half, centre + half], axis=1)


def _sides(box: np.ndarray) -> list[_Side]:
    return [_Side(axis, box[end, axis], box[0, 1 - axis], box[1, 1 - axis], 2 * end - 1) for axis in (0, 1) for end in (0, 1)]


def _opposite(side: _Side, boxes: np.ndarray) -> list[tuple[float, float]]:
    """Intervals of a side that blocks stand opposite to, in order."""
    near = boxes[:, 0 if side.sign > 0 else 1, side.axis]
    gap = (near - side.at) * side.sign
    low = np.maximum(boxes[:, 0, 1 - side.axis], side.low)
    high = np.minimum(boxes[:, 1, 1 - side.axis], side.high)
    met = (gap > -SHORTEST) & (gap < OPPOSITE) & (high - low > SHORTEST)
    return sorted(zip(low[met].tolist(), high[met].tolist(), strict=True))


def _between(side: _Side, taken: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """What the taken intervals leave of a side."""
    ends = [side.low, *(end for pair in taken for end in pair), side.high]
    return [(a, b) for a, b in zip(ends[::2], ends[1::2], strict=True) if b - a > SHORTEST]


def _served(side: _Side, low: float, high: float, length: float, use: str) -> list[Piece]:
    """An interval of which `length` serves `use`, in the middle, the rest free."""
    length = min(max(length, 0.0), high - low)
    start = (low + high - length) / 2
    parts = [(low, start, "free"), (start, start + length, use), (start + length, high, "free")]
    return [side.piece(a, b, name) for a, b, name in parts if b - a > SHORTEST]


def shoreline(blocks: Blocks, kinds: Sequence[str], outer: float, inner: float, use: str) -> list[Piece]:
    """Every piece of die edge; `outer` metres serve `use` at the rim and `inner` metres die-to-die links between dies.

    What does not fit is left out: the budget that is exceeded says by how much.
    """
    boxes = _corners(blocks)
    dies, stacks = (boxes[[kind == name for kind in kinds]] for name in ("die", "memory"))
    pieces: list[Piece] = []
    facing: list[tuple[_Side, float, float]] = []
    rim: list[list[tuple[_Side, float, float]]] = [[], []]
    for side in (side for box in dies for side in _sides(box)):
        to_dies, to_memory = _opposite(side, dies), _opposite(side, stacks)
        facing += [(side, low, high) for low, high in to_dies]
        pieces += [side.piece(low, high, "memory") for low, high in to_memory]
        if not to_dies:
            rim[bool(to_memory)] += [(side, low, high) for low, high in _between(side, to_memory)]
    pieces += _shared(facing, inner, "die to die")
    room = sum(high - low for _, low, high in rim[0])
    return pieces + _shared(rim[0], min(outer, room), use) + _shared(rim[1], max(outer - room, 0.0), use)


def _shared(intervals: Sequence[tuple[_Side, float, float]], length: float, use: str) -> list[Piece]:
    """`length` metres of all intervals together serve `use`, each in proportion."""
    room = sum(high - low for _, low, high in intervals)
    share = min(length / room, 1.0) if room else 0.0
    return [piece for side, low, high in intervals for piece in _served(side, low, high, share * (high - low), use)]
