"""What do colours and figures of the drawing mean: the column beside it?"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from codesign.report.drawing.colours import KIND_FILL, KIND_LINE, USE_FILL, Colouring, ramp
from codesign.report.drawing.data import USES, FloorplanDrawing, outlines
from codesign.report.drawing.fibres import COLOUR as FIBRE
from codesign.report.drawing.ink import ALARM, INK, LINE, SOFT, millimetres, rectangle, shortened, stroke, text, text_width
from codesign.report.drawing.shoreline import edge_per_use, edge_text
from codesign.report.drawing.view import LEGEND
from codesign.units import show

SIZE, HEADING, ROW, SECTION = 10.0, 10.5, 17.0, 16.0
SWATCH, STEPS = 13.0, 48
POWER = re.compile(r"(?<=[A-Za-z])2(?!\d)")
KIND_NAMES = {
    "die": ("die", "dies"),
    "memory": ("memory stack", "memory stacks"),
    "stack": ("memory stack on a die", "memory stacks on dies"),
    "io": ("I/O die", "I/O dies"),
    "optics": ("optical engine", "optical engines"),
    "fibre": ("fibre attach", "fibre attaches"),
}


class Column(NamedTuple):
    """SVG written so far, left edge, and the height where the next row goes."""

    parts: tuple[str, ...]
    x: float
    y: float

    def add(self, svg: str, height: float) -> "Column":
        """The column with one more row."""
        return Column((*self.parts, svg), self.x, self.y + height)

    def heading(self, content: str) -> "Column":
        """The column with a heading over a fine line."""
        y = self.y + (SECTION if self.parts else 0.0)
        svg = text(self.x, y, content, HEADING, bold=True) + stroke(self.x, y + 10, self.x + LEGEND, y + 10, LINE, 0.5)
        return Column((*self.parts, svg), self.x, y + 23)

    def row(self, mark: str, content: str, figure: str, colour: str = INK, indent: float = SWATCH + 8) -> "Column":
        """The column with a mark, a text and a figure at the right."""
        start = self.x + indent
        room = self.x + LEGEND - start - text_width(figure, SIZE) - 8
        svg = mark + text(start, self.y, shortened(content, SIZE, room), SIZE)
        return self.add(svg + text(self.x + LEGEND, self.y, figure, SIZE, "end", colour), ROW)


def block_size(width: float, height: float) -> str:
    """Sides of a block as text.

    >>> block_size(0.026, 0.033)
    '26 × 33 mm'
    """
    return f"{millimetres(width)} × {millimetres(height)} mm"


def _sizes(drawing: FloorplanDrawing, members: Sequence[int]) -> str:
    sides = {block_size(float(drawing.blocks.width[i]), float(drawing.blocks.height[i])) for i in members}
    turned = {" × ".join(sorted(size.removesuffix(" mm").split(" × "), key=float, reverse=True)) for size in sides}
    return sides.pop() if len(sides) == 1 else f"{turned.pop()} mm" if len(turned) == 1 else f"{len(turned)} sizes"


def add_kinds(column: Column, drawing: FloorplanDrawing, coloured: bool) -> Column:
    """Blocks: how many of every kind, and their sides."""
    column = column.heading("Blocks")
    for kind, names in KIND_NAMES.items():
        members = [i for i, k in enumerate(drawing.kinds) if k == kind]
        if members:
            mark = (
                ""
                if coloured
                else rectangle(column.x, column.y - 5, SWATCH, 10, fill=KIND_FILL[kind], stroke=KIND_LINE[kind], stroke_width=0.8)
            )
            column = column.row(mark, f"{len(members)} {names[len(members) > 1]}", _sizes(drawing, members))
    return column


def add_outlines(column: Column, drawing: FloorplanDrawing) -> Column:
    """Lines: package, carrier, fibres."""
    package, carrier = outlines(drawing)
    end = column.x + SWATCH
    column = column.row(stroke(column.x, column.y, end, column.y, INK, 1.2), "package", block_size(package.width, package.height))
    if carrier is not None:
        mark = stroke(column.x, column.y, end, column.y, SOFT, 0.8, stroke_dasharray="4 2.5")
        column = column.row(mark, "carrier", block_size(carrier.width, carrier.height))
    if {"optics", "fibre"} & set(drawing.kinds):
        column = column.row(stroke(column.x, column.y, end, column.y, FIBRE, 0.9), "fibres, number not to scale", "")
    return column


def add_scale(column: Column, scale: Colouring) -> Column:
    """The bar of colours with its ticks."""
    column = column.heading(f"{scale.name.capitalize()} [{scale.unit}]")
    y, width = column.y - 4, LEGEND / STEPS
    parts = [rectangle(column.x + i * width, y, LEGEND - i * width, 10, fill=ramp(scale.name, (i + 0.5) / STEPS)) for i in range(STEPS)]
    parts.append(rectangle(column.x, y, LEGEND, 10, fill="none", stroke=LINE, stroke_width=0.5))
    for tick in scale.ticks:
        share = (tick - scale.low) / (scale.high - scale.low)
        x, anchor = column.x + share * LEGEND, "start" if share < 0.02 else "end" if share > 0.98 else "middle"
        parts += [stroke(x, y + 10, x, y + 14, LINE, 0.6), text(x, y + 20, f"{tick:.4g}", 9.5, anchor, SOFT)]
    return column.add("".join(parts), 30)


def add_shoreline(column: Column, drawing: FloorplanDrawing) -> Column:
    """Die edge per use, with its sum."""
    lengths = edge_per_use(drawing.shoreline)
    if not lengths:
        return column
    column = column.heading("Die edge")
    for use in USES:
        if use in lengths:
            line = LINE if use == "free" else USE_FILL[use]
            mark = rectangle(column.x, column.y - 3, SWATCH, 6, fill=USE_FILL[use], stroke=line, stroke_width=0.6)
            column = column.row(mark, use, f"{edge_text(lengths[use])} mm")
    return column.row("", "all shown", f"{edge_text(sum(lengths.values()))} mm", SOFT)


def add_budgets(column: Column, drawing: FloorplanDrawing) -> Column:
    """Every budget with a bar of the share used; more than available is said in words."""
    if not drawing.budgets:
        return column
    column = column.heading("Budgets, used of available")
    for name, used, available, unit in drawing.budgets:
        over = used > available * (1 + 1e-9)
        figure = f"{show(used, unit).removesuffix(f' {unit}')} of {POWER.sub('²', show(available, unit))}{', over' if over else ''}"
        share = float(np.clip(np.nan_to_num(used / available), 0.0, 1.0)) if available > 0 else float(used > 0)
        column = column.row("", name, figure, ALARM if over else INK, indent=0.0)
        y = column.y - ROW / 2 + 1
        bar = rectangle(column.x, y, LEGEND, 3, fill="#e9edf1")
        bar += rectangle(column.x, y, LEGEND * share, 3, fill=ALARM if over else "#5b7f9f") if share > 0 else ""
        column = column.add(bar, 8)
    return column


def total_text(drawing: FloorplanDrawing) -> str:
    """Package, heat and point of view in one line."""
    package, power = outlines(drawing)[0], float(np.sum(np.asarray(drawing.blocks.power, float)))
    heat = f", {show(power, 'W')}" if power > 0 else ""
    return f"package {block_size(package.width, package.height)}{heat}; from above, to scale"
