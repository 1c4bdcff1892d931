"""How large is what is drawn: dimension lines and the scale bar?"""

from codesign.report.drawing.data import FloorplanDrawing, Rectangle, rectangles
from codesign.report.drawing.ink import GROUND, INK, LINE, SOFT, millimetres, rectangle, stroke, text, text_width
from codesign.report.drawing.view import View, round_step

SIZE, AWAY, TICK, SHORTEST = 9.5, 27.0, 3.0, 90.0
"""Size of the figures, distance of a dimension line from the drawing, half length of its oblique
ticks, shortest scale bar."""


def _tick(x: float, y: float) -> str:
    return stroke(x - TICK, y + TICK, x + TICK, y - TICK, INK, 0.9)


def across(left: float, right: float, y: float, reach: tuple[float, float], content: str) -> str:
    """A dimension line from `left` to `right` at height `y`; extension lines come from the heights `reach`."""
    hints = [stroke(x, start, x, y + (TICK if y > start else -TICK), LINE, 0.4) for x, start in zip((left, right), reach, strict=True)]
    inside = text_width(content, SIZE) + 8 < right - left
    line = stroke(left, y, right, y, SOFT, 0.6)
    words = text((left + right) / 2, y - 7, content, SIZE, "middle") if inside else text(right + 7, y, content, SIZE)
    return "".join([*hints, line, _tick(left, y), _tick(right, y), words])


def upright(top: float, bottom: float, x: float, reach: tuple[float, float], content: str) -> str:
    """A dimension line from `top` to `bottom` at `x`; extension lines come from the places `reach`."""
    hints = [stroke(start, y, x + (TICK if x > start else -TICK), y, LINE, 0.4) for y, start in zip((top, bottom), reach, strict=True)]
    inside = text_width(content, SIZE) + 8 < bottom - top
    line = stroke(x, top, x, bottom, SOFT, 0.6)
    words = text(x - 7, (top + bottom) / 2 if inside else bottom + 7, content, SIZE, "middle" if inside else "end", turned=True)
    return "".join([*hints, line, _tick(x, top), _tick(x, bottom), words])


def package_dimensions(package: Rectangle, view: View) -> str:
    """Width below the drawing and height left of it."""
    left, top, width, height = view.box(package)
    below, before = view.bottom + AWAY, view.left - AWAY
    wide = across(left, left + width, below, (top + height, top + height), f"{millimetres(package.width)} mm")
    return wide + upright(top, top + height, before, (left, left), f"{millimetres(package.height)} mm")


def die_dimensions(drawing: FloorplanDrawing, view: View) -> str:
    """Width above the drawing and height right of it, of the largest die that lies nearest to either."""
    dies = [box for box, kind in zip(rectangles(drawing.blocks), drawing.kinds, strict=True) if kind == "die"]
    if not dies:
        return ""
    largest = max(die.width * die.height for die in dies)
    dies = [die for die in dies if die.width * die.height > largest * (1 - 1e-9)]
    high, right = min(dies, key=lambda d: (-d.top, d.left)), min(dies, key=lambda d: (-d.right, -d.top))
    x, top, width, _ = view.box(high)
    wide = across(x, x + width, view.top - AWAY, (top, top), f"die {millimetres(high.width)} mm")
    left, top, width, height = view.box(right)
    edge = view.left + view.area.width * view.scale + AWAY
    return wide + upright(top, top + height, edge, (left + width, left + width), f"die {millimetres(right.height)} mm")


def scale_bar(x: float, y: float, view: View) -> str:
    """A bar of round length in two halves from (`x`, `y`)."""
    length = round_step(SHORTEST / view.scale, 1)
    half = length * view.scale / 2
    bar = rectangle(x, y - 2, half, 4, fill=INK, stroke=INK, stroke_width=0.5)
    bar += rectangle(x + half, y - 2, half, 4, fill=GROUND, stroke=INK, stroke_width=0.5)
    return bar + text(x + 2 * half + 7, y, f"{millimetres(length)} mm", SIZE)
