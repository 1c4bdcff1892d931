"""What does `--draw FILE` do?"""

from pathlib import Path
from typing import NamedTuple

from codesign.config.problems import ConfigError, Problem, shown_path
from codesign.design import Design
from codesign.report.drawing.data import FloorplanDrawing
from codesign.report.floorplan import Colour, floorplan_svg
from codesign.report.folder import check_file, write_picture
from codesign.report.package_drawing import package_drawing
from codesign.report.png import MissingExtra, png_of
from codesign.workload.training import Workload

COLOURS: dict[str, Colour] = {"kind": "kind", "power": "power density", "temperature": "temperature"}
"""What blocks are coloured by, as the option names it and as the drawing does."""


class Drawing(NamedTuple):
    """What the options ask of a drawing: where, coloured by what, blocks placed freely or plainly."""

    path: Path | None
    colour: str
    free: bool


def check_drawing_path(path: Path) -> None:
    """`ConfigError` when nothing can be drawn there."""
    if path.suffix.lower() not in (".svg", ".png"):
        raise ConfigError([Problem("--draw", 0, path.name, "expected a file name that ends in .svg or .png")])
    check_file(path, "--draw")


def write_drawing(design: Design, workload: Workload, title: str, path: Path, how: Drawing) -> FloorplanDrawing:
    """Draw the package of a design as SVG or PNG, by the ending of `path`; `ConfigError` when that cannot be done."""
    check_drawing_path(path)
    drawing = package_drawing(design, workload, title, how.free)
    svg = floorplan_svg(drawing, COLOURS[how.colour])
    try:
        data = png_of(svg, 2.0) if path.suffix.lower() == ".png" else svg.encode("utf-8")
    except MissingExtra as error:
        raise ConfigError([Problem("--draw", 0, shown_path(path), str(error))]) from None
    write_picture(path, data)
    return drawing
