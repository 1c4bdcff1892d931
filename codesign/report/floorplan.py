"""What does the package look like from above?"""

from typing import Literal

from codesign.report.drawing.captions import hover_text, labels
from codesign.report.drawing.colours import KIND_LINE, Colouring, colouring, fills
from codesign.report.drawing.data import Budget, FloorplanDrawing, Rectangle, Segment, around, check_drawing, outlines, rectangles
from codesign.report.drawing.dimensions import die_dimensions, package_dimensions, scale_bar
from codesign.report.drawing.fibres import fibre_lines
from codesign.report.drawing.ink import FONT, GROUND, INK, SOFT, element, escaped, number, rectangle, shortened, stroke, text
from codesign.report.drawing.legend import Column, add_budgets, add_kinds, add_outlines, add_scale, add_shoreline, total_text
from codesign.report.drawing.shoreline import strip_ink, strips
from codesign.report.drawing.view import HEAD, LEGEND, MARGIN, SHEET, View, fitted_view

__all__ = ["Budget", "FloorplanDrawing", "Segment", "floorplan_svg"]

Colour = Literal["kind", "power density", "temperature"]


def _blocks(drawing: FloorplanDrawing, view: View, colours: list[str], by_kind: bool) -> str:
    parts = []
    for i, box in enumerate(rectangles(drawing.blocks)):
        title = element("title", escaped(hover_text(drawing, i)))
        shape = rectangle(*view.box(box), fill=colours[i], stroke=KIND_LINE[drawing.kinds[i]] if by_kind else SOFT, stroke_width=0.8)
        parts.append(element("g", title + shape, class_="floorplan-block"))
    return "".join(parts)


def _outline(box: Rectangle, view: View, **line: str | float) -> str:
    return rectangle(*view.box(box), **line)


def _drawing(drawing: FloorplanDrawing, view: View, scale: Colouring | None) -> str:
    """Everything to scale, from the ground up: dimension lines lie below the blocks that they pass."""
    package, carrier = outlines(drawing)
    colours, edges, boxes = fills(drawing, scale), strips(drawing), rectangles(drawing.blocks)
    parts = [
        _outline(package, view, fill="#fafbfb", stroke=INK, stroke_width=1.2),
        "" if carrier is None else _outline(carrier, view, fill="#f1f3f5", stroke=SOFT, stroke_width=0.8, stroke_dasharray="6 3"),
        die_dimensions(drawing, view),
        package_dimensions(package, view),
        fibre_lines(drawing, view),
        _blocks(drawing, view, colours, scale is None),
        *(strip_ink(strip, boxes[strip.block], view) for strip in edges),
        labels(drawing, view, scale, colours, edges),
    ]
    return "".join(parts)


def _legend(drawing: FloorplanDrawing, scale: Colouring | None) -> Column:
    column = add_outlines(add_kinds(Column((), SHEET - MARGIN - LEGEND, HEAD + 22), drawing, scale is not None), drawing)
    if scale is not None:
        column = add_scale(column, scale)
    return add_budgets(add_shoreline(column, drawing), drawing)


def floorplan_svg(drawing: FloorplanDrawing, colour: Colour = "kind") -> str:
    """A sheet with the package to scale, its dimensions and a legend, as SVG text that needs nothing else.

    Blocks are coloured by `kind`, `power density` [W/mm2] or `temperature` [degC]. A label that does not fit its block
    loses lines, then goes; the legend counts the blocks in any case. Pure text in, text out: the same data give
    the same drawing. `ValueError` for data that do not fit together. Ignored: heights, routing, bumps, thickness of lines.
    """
    check_drawing(drawing)
    scale, (package, carrier) = colouring(drawing, colour), outlines(drawing)
    view = fitted_view(around([package, *([carrier] if carrier else []), *rectangles(drawing.blocks)]))
    legend = _legend(drawing, scale)
    height = max(view.bottom + 88, legend.y + 24)
    by = "" if scale is None else f"; coloured by {scale.name}"
    head = text(MARGIN, 36, shortened(drawing.title, 18, SHEET - 2 * MARGIN, True), 18, bold=True)
    head += text(MARGIN, 58, total_text(drawing) + by, 10.5, colour=SOFT)
    head += stroke(MARGIN, HEAD - 4, SHEET - MARGIN, HEAD - 4, SOFT, 0.5)
    bar = scale_bar(view.x(package.left), view.bottom + 58, view)
    size = {"viewBox": f"0 0 {number(SHEET)} {number(height)}", "width": number(SHEET), "height": number(height)}
    ground = rectangle(0, 0, SHEET, height, fill=GROUND)
    inside = element("title", escaped(drawing.title)) + ground + head + _drawing(drawing, view, scale) + bar + "".join(legend.parts)
    name = {"xmlns": "http://www.w3.org/2000/svg", "role": "img", "font_family": FONT, "style": "max-width:100%;height:auto"}
    return element("svg", inside, **name, **size)
