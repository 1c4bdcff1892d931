"""Where do fibres leave the package?

Every optical engine, and every fibre attach, sends a few straight lines to the nearest package edge in its
sight. Their number is that of the drawing, not of the fibres.
"""

from codesign.report.drawing.data import FloorplanDrawing, Rectangle, outlines, rectangles
from codesign.report.drawing.ink import stroke
from codesign.report.drawing.view import View

BEYOND, APART, MOST = 9.0, 6.0, 8
"""How far lines run past the package edge, their distance on the sheet, and how many one engine may have."""
COLOUR = "#b98a1f"


def _gaps(block: Rectangle, package: Rectangle) -> list[tuple[float, str, Rectangle]]:
    """Way to every package edge [m], its name, and the strip of package in between; the nearest first."""
    ways = [
        (block.left - package.left, "left", Rectangle(package.left, block.bottom, block.left, block.top)),
        (package.right - block.right, "right", Rectangle(block.right, block.bottom, package.right, block.top)),
        (block.bottom - package.bottom, "bottom", Rectangle(block.left, package.bottom, block.right, block.bottom)),
        (package.top - block.top, "top", Rectangle(block.left, block.top, block.right, package.top)),
    ]
    return sorted(ways, key=lambda way: way[0])


def _crosses(one: Rectangle, other: Rectangle) -> bool:
    hair = 1e-9
    return min(one.right, other.right) - max(one.left, other.left) > hair and min(one.top, other.top) - max(one.bottom, other.bottom) > hair


def way_out(block: Rectangle, package: Rectangle, others: list[Rectangle], attaches: list[Rectangle]) -> tuple[str, Rectangle] | None:
    """Side and strip by which fibres of `block` leave the package past no other block.

    None where there is none, or where a fibre attach takes them over.
    """
    for _, side, strip in _gaps(block, package):
        if any(_crosses(strip, attach) for attach in attaches):
            return None
        if not any(_crosses(strip, other) for other in others):
            return side, strip
    return None


def fibre_lines(drawing: FloorplanDrawing, view: View) -> str:
    """The lines of all engines that see an edge."""
    blocks, package = rectangles(drawing.blocks), outlines(drawing)[0]
    parts = []
    for i, kind in enumerate(drawing.kinds):
        attaches = [box for box, other in zip(blocks, drawing.kinds, strict=True) if kind == "optics" and other == "fibre"]
        out = way_out(blocks[i], package, blocks[:i] + blocks[i + 1 :], attaches) if kind in ("optics", "fibre") else None
        if out is None:
            continue
        side, (left, bottom, right, top) = out
        upright = side in ("top", "bottom")
        low, high = (view.x(left), view.x(right)) if upright else (view.y(top), view.y(bottom))
        count = max(1, min(MOST, int((high - low) / APART)))
        start, end = {"left": (right, left), "right": (left, right), "bottom": (top, bottom), "top": (bottom, top)}[side]
        away = BEYOND if side in ("right", "bottom") else -BEYOND
        for place in (low + (high - low) * (k + 0.5) / count for k in range(count)):
            ends = (place, view.y(start), place, view.y(end) + away) if upright else (view.x(start), place, view.x(end) + away, place)
            parts.append(stroke(*ends, COLOUR, 0.9, stroke_linecap="round"))
    return "".join(parts)
