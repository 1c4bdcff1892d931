"""What is written on the blocks of a floorplan?"""

import math

from codesign.report.drawing.colours import Colouring, ink_on
from codesign.report.drawing.data import FloorplanDrawing, power_density, rectangles
from codesign.report.drawing.ink import millimetres
from codesign.report.drawing.labels import block_fits, label
from codesign.report.drawing.legend import block_size
from codesign.report.drawing.shoreline import Strip, inset, strip_label
from codesign.report.drawing.view import View

PADDING = 4.0
"""Distance between a label and the line around its block, less in a small block."""


def hover_text(drawing: FloorplanDrawing, i: int) -> str:
    """What a block says of itself when pointed at."""
    b = drawing.blocks
    place = f"centre {millimetres(float(b.x[i]))}, {millimetres(float(b.y[i]))} mm"
    heat = f"{float(b.power[i]):.4g} W, {power_density(drawing)[i]:.3g} W/mm²"
    warm = "" if drawing.temperatures is None else f"\n{float(drawing.temperatures[i]):.1f} °C"
    size = block_size(float(b.width[i]), float(b.height[i]))
    below = stands_on(drawing).get(i)
    kind = drawing.kinds[i] if below is None else f"{drawing.kinds[i]} on {drawing.names[below]}"
    return f"{drawing.names[i]} ({kind})\n{size}, {place}\n{heat}{warm}"


def label_lines(drawing: FloorplanDrawing, scale: Colouring | None, i: int) -> tuple[str, ...]:
    """Name, size and, where coloured by it, the value of a block."""
    size = block_size(float(drawing.blocks.width[i]), float(drawing.blocks.height[i]))
    if scale is None:
        return str(drawing.names[i]), size
    value = float(scale.values[i])
    digits = f"{value:.2f}" if scale.name == "power density" else f"{value:.1f}"
    return str(drawing.names[i]), size, f"{digits} {scale.unit}" if math.isfinite(value) else "unknown"


def stands_on(drawing: FloorplanDrawing) -> dict[int, int]:
    """The die below the middle of every memory stack on logic."""
    boxes = rectangles(drawing.blocks)
    dies = [(i, boxes[i]) for i, kind in enumerate(drawing.kinds) if kind == "die"]
    found: dict[int, int] = {}
    for i in (i for i, kind in enumerate(drawing.kinds) if kind == "stack"):
        x, y = float(drawing.blocks.x[i]), float(drawing.blocks.y[i])
        below = [k for k, die in dies if die.left <= x <= die.right and die.bottom <= y <= die.top]
        found.update((i, k) for k in below)
    return found


def labels(drawing: FloorplanDrawing, view: View, scale: Colouring | None, colours: list[str], edges: list[Strip]) -> str:
    """Lengths of the strips of edge, and the labels of all blocks that have room; nothing is written on dies below memory."""
    boxes, striped, below = rectangles(drawing.blocks), {strip.block for strip in edges}, set(stands_on(drawing).values())
    rooms = []
    for i, box in enumerate(boxes):
        _, _, width, height = view.box(box)
        taken = 2 * (min(PADDING, 1 + 0.05 * min(width, height)) + (inset(min(width, height)) if i in striped else 0.0))
        rooms.append((0.0, 0.0) if i in below else (width - taken, height - taken))
    lines = [label_lines(drawing, scale, i) for i in range(len(boxes))]
    fewer = [(0, 1), (0,)] if scale is None else [(0, 1, 2), (0, 2), (2,)]
    bare = [strip for strip in edges if strip.block not in below]
    parts = [strip_label(strip, boxes[strip.block], view, ink_on(colours[strip.block])) for strip in bare]
    for i, fit in enumerate(block_fits(lines, drawing.kinds, rooms, fewer)):
        x, y, width, height = view.box(boxes[i])
        parts.append("" if fit is None else label(fit, lines[i], x + width / 2, y + height / 2, ink_on(colours[i])))
    return "".join(parts)
