"""What does a drawing of a package show?"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from codesign.physical.blocks import KINDS, Blocks

USES = ("memory", "optics", "serialisers", "die to die", "free")
"""What a piece of die edge can serve."""
EDGED = ("die", "io")
"""Kinds whose edges are shoreline."""


class Budget(NamedTuple):
    """One row of the table of budgets: `used` and `available` in SI, shown in `unit` (as in `codesign.units`; "1" for a count)."""

    name: str
    used: float
    available: float
    unit: str


class Segment(NamedTuple):
    """A piece of die edge from (`x0`, `y0`) to (`x1`, `y1`) [m], parallel to an axis, and its `use`, one of `USES`."""

    x0: float
    y0: float
    x1: float
    y1: float
    use: str


class FloorplanDrawing(NamedTuple):
    """A package seen from above.

    Blocks as numpy arrays (n,) in m and W, y upwards; `kinds` from `codesign.physical.blocks.KINDS` and `names`, n each.
    `package` and `carrier` are (width, height) [m] around `centre` (x, y) [m]; without a centre they lie around the
    middle of all blocks. `temperatures` [degC] (n,), not finite where unknown. Plain tuples serve as segments and budgets.
    """

    title: str
    blocks: Blocks
    kinds: Sequence[str]
    names: Sequence[str]
    package: tuple[float, float]
    carrier: tuple[float, float] | None = None
    centre: tuple[float, float] | None = None
    temperatures: np.ndarray | None = None
    shoreline: Sequence[Segment | tuple[float, float, float, float, str]] = ()
    budgets: Sequence[Budget | tuple[str, float, float, str]] = ()


class Rectangle(NamedTuple):
    """Left, bottom, right and top [m]."""

    left: float
    bottom: float
    right: float
    top: float

    @property
    def width(self) -> float:
        """Side along x [m]."""
        return self.right - self.left

    @property
    def height(self) -> float:
        """Side along y [m]."""
        return self.top - self.bottom


def rectangles(blocks: Blocks) -> list[Rectangle]:
    """Every block as the rectangle it covers."""
    x, y, width, height = (np.asarray(a, float) for a in (blocks.x, blocks.y, blocks.width, blocks.height))
    sides = np.stack([x - width / 2, y - height / 2, x + width / 2, y + height / 2], axis=1)
    return [Rectangle(*map(float, row)) for row in sides]


def around(items: Sequence[Rectangle]) -> Rectangle:
    """The smallest rectangle around all."""
    sides = np.asarray(items)
    return Rectangle(*map(float, (*sides[:, :2].min(axis=0), *sides[:, 2:].max(axis=0))))


def outlines(drawing: FloorplanDrawing) -> tuple[Rectangle, Rectangle | None]:
    """Package and carrier as rectangles."""
    blocks = around(rectangles(drawing.blocks))
    x, y = drawing.centre or ((blocks.left + blocks.right) / 2, (blocks.bottom + blocks.top) / 2)

    def centred(size: tuple[float, float]) -> Rectangle:
        return Rectangle(x - size[0] / 2, y - size[1] / 2, x + size[0] / 2, y + size[1] / 2)

    return centred(drawing.package), None if drawing.carrier is None else centred(drawing.carrier)


def power_density(drawing: FloorplanDrawing) -> np.ndarray:
    """Heat per area of every block [W/mm2], (n,); 0 for a block without area."""
    area = np.asarray(drawing.blocks.width, float) * np.asarray(drawing.blocks.height, float)
    power = np.asarray(drawing.blocks.power, float)
    return np.where(area > 0, power / np.where(area > 0, area, 1.0), 0.0) / 1e6


def check_drawing(drawing: FloorplanDrawing) -> None:
    """`ValueError` that says what is wrong with the data, if anything is."""
    count = np.asarray(drawing.blocks.x).size
    if not count:
        raise ValueError("a floorplan needs at least one block")
    lengths = {"kinds": drawing.kinds, "names": drawing.names, "temperatures": drawing.temperatures}
    wrong = {name: len(values) for name, values in lengths.items() if values is not None and len(values) != count}
    if wrong:
        raise ValueError(f"{count} blocks, but {', '.join(f'{n} {name}' for name, n in wrong.items())}")
    if not np.isfinite(np.asarray(drawing.blocks, float)).all():
        raise ValueError("blocks need finite numbers")
    for name, size in (("package", drawing.package), ("carrier", drawing.carrier)):
        if size is not None and not (np.isfinite(size).all() and min(size) > 0):
            raise ValueError(f"the {name} needs a width and a height above zero")
    for name, found, known in (("kind", drawing.kinds, KINDS), ("use", [s[4] for s in drawing.shoreline], USES)):
        if strange := sorted(set(found) - set(known)):
            raise ValueError(f"unknown {name} {', '.join(strange)}; known: {', '.join(known)}")
