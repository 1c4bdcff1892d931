"""How is the edge of the dies used, and where are its strips drawn?"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from codesign.report.drawing.colours import USE_FILL
from codesign.report.drawing.data import EDGED, USES, FloorplanDrawing, Rectangle, Segment, rectangles
from codesign.report.drawing.ink import GROUND, LINE, SOFT, element, number, text, text_width
from codesign.report.drawing.view import View

NEAR = 1e-5
"""Two edges closer than this [m] are one."""
THICK, SMALL = 5.0, 7.5
LABELLED = 96.0
"""A die with shorter sides than this on the sheet has no lengths along its edges."""
INWARD = {"bottom": (0.0, -1.0), "top": (0.0, 1.0), "left": (1.0, 0.0), "right": (-1.0, 0.0)}
"""Way into the die on the sheet, y downwards."""


class Strip(NamedTuple):
    """A stretch of one edge of block `block`, from `start` to `end` [m] along it, at `at` [m] across it."""

    block: int
    side: str
    use: str
    at: float
    start: float
    end: float


def edge_text(length: float) -> str:
    """A length of edge in mm to a tenth.

    >>> edge_text(0.009868)
    '9.9'
    """
    return f"{length * 1e3:.1f}".removesuffix(".0")


def edge_per_use(segments: Sequence[Segment | tuple[float, float, float, float, str]]) -> dict[str, float]:
    """Total length of every use that occurs [m].

    >>> edge_per_use([(0.0, 0.0, 3.0, 0.0, "free"), (3.0, 0.0, 3.0, 2.0, "free")])
    {'free': 5.0}
    """
    lengths = {use: [abs(s[2] - s[0]) + abs(s[3] - s[1]) for s in segments if s[4] == use] for use in USES}
    return {use: sum(found) for use, found in lengths.items() if found}


def _sides(block: Rectangle, along_x: bool) -> list[tuple[str, float, float, float]]:
    if along_x:
        return [("bottom", block.bottom, block.left, block.right), ("top", block.top, block.left, block.right)]
    return [("left", block.left, block.bottom, block.top), ("right", block.right, block.bottom, block.top)]


def strips(drawing: FloorplanDrawing) -> list[Strip]:
    """Segments on their dies, neighbours of one use joined; a segment given twice between two dies goes to both."""
    blocks = rectangles(drawing.blocks)
    dies = [i for i, kind in enumerate(drawing.kinds) if kind in EDGED]
    seen: dict[tuple[float, ...], int] = defaultdict(int)
    found: dict[tuple[int, str, str, float], list[tuple[float, float]]] = defaultdict(list)
    for x0, y0, x1, y1, use in drawing.shoreline:
        along_x = abs(x1 - x0) >= abs(y1 - y0)
        start, end, at = (*sorted((x0, x1)), y0) if along_x else (*sorted((y0, y1)), x0)
        middle = (start + end) / 2
        sides = [(i, *side) for i in dies for side in _sides(blocks[i], along_x)]
        fitting = [(i, name, edge) for i, name, edge, low, high in sides if abs(edge - at) < NEAR and low <= middle <= high]
        key = (round(at / NEAR), round(start / NEAR), round(end / NEAR), along_x)
        if fitting:
            i, name, edge = fitting[min(seen[key], len(fitting) - 1)]
            found[i, name, use, edge].append((start, end))
        seen[key] += 1
    return [Strip(*key[:3], key[3], *stretch) for key, stretches in sorted(found.items()) for stretch in _joined(stretches)]


def _joined(stretches: list[tuple[float, float]]) -> list[tuple[float, float]]:
    joined: list[tuple[float, float]] = []
    for start, end in sorted(stretches):
        if joined and start - joined[-1][1] < NEAR:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def thickness(side: float) -> float:
    """Thickness of a strip on a die whose shorter side is `side` on the sheet."""
    return min(THICK, 0.07 * side)


def inset(side: float) -> float:
    """Room that strips and their lengths take along an edge of such a die."""
    return thickness(side) + (SMALL + 4 if side >= LABELLED else 0.0)


def strip_box(strip: Strip, block: Rectangle, view: View) -> tuple[float, float, float, float]:
    """Left, top, width and height of a strip on the sheet, inside its die."""
    thick, long = thickness(min(block.width, block.height) * view.scale), (strip.end - strip.start) * view.scale
    inward = INWARD[strip.side]
    if inward[0] == 0:
        y = view.y(strip.at)
        return view.x(strip.start), y if inward[1] > 0 else y - thick, long, thick
    x = view.x(strip.at)
    return x if inward[0] > 0 else x - thick, view.y(strip.end), thick, long


def strip_ink(strip: Strip, block: Rectangle, view: View) -> str:
    """One coloured strip, mitred at the corners of its die; free edge is left white inside a fine line."""
    x, y, width, height = strip_box(strip, block, view)
    across, thick = INWARD[strip.side][0] == 0, thickness(min(block.width, block.height) * view.scale)
    ends = (block.left, block.right) if across else (block.bottom, block.top)
    first, last = (thick * (abs(at - end) < NEAR) for at, end in zip((strip.start, strip.end), ends, strict=True))
    if across:
        outer, inner = (y + height, y) if strip.side == "bottom" else (y, y + height)
        corners = [(x, outer), (x + width, outer), (x + width - last, inner), (x + first, inner)]
    else:
        outer, inner = (x, x + width) if strip.side == "left" else (x + width, x)
        corners = [(outer, y), (outer, y + height), (inner, y + height - first), (inner, y + last)]
    points = " ".join(f"{number(a)},{number(b)}" for a, b in corners)
    return element("polygon", points=points, fill=USE_FILL[strip.use], stroke=LINE if strip.use == "free" else GROUND, stroke_width=0.4)


def strip_label(strip: Strip, block: Rectangle, view: View, colour: str = SOFT) -> str:
    """The length of a strip in mm beside it, where there is room clear of the corners, else nothing."""
    side = min(block.width, block.height) * view.scale
    content, clear = edge_text(strip.end - strip.start), inset(side)
    x, y, width, height = strip_box(strip, block, view)
    left, top, wide, tall = view.box(block)
    across = INWARD[strip.side][0] == 0
    first, last, start, end = (x, x + width, left, left + wide) if across else (y, y + height, top, top + tall)
    low, high = max(first, start + clear), min(last, end - clear)
    if side < LABELLED or text_width(content, SMALL) + 4 > high - low:
        return ""
    away = thickness(side) / 2 + SMALL / 2 + 2
    inward, along = INWARD[strip.side], (low + high) / 2
    at = (along, y + height / 2 + inward[1] * away) if across else (x + width / 2 + inward[0] * away, along)
    return text(*at, content, SMALL, "middle", colour, turned=not across)
