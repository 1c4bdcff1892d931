"""Where on the sheet does a point of the package lie?"""

import math
from typing import NamedTuple

from codesign.report.drawing.data import Rectangle

SHEET = 1123.0
"""Width of the sheet: A4 across at 96 dots per inch."""
MARGIN, LEGEND, HEAD = 40.0, 262.0, 78.0
BEFORE, AFTER = 46.0, 50.0
"""Room for dimension lines left of and above the package, and right of and below it."""
TALLEST = 560.0


class View(NamedTuple):
    """Points of the sheet per metre, the area drawn [m], and its upper left corner on the sheet."""

    scale: float
    area: Rectangle
    left: float
    top: float

    def x(self, metres: float) -> float:
        """Across the sheet, to the right."""
        return self.left + (metres - self.area.left) * self.scale

    def y(self, metres: float) -> float:
        """Down the sheet: y of the package points up."""
        return self.top + (self.area.top - metres) * self.scale

    def box(self, rectangle: Rectangle) -> tuple[float, float, float, float]:
        """Left, top, width and height on the sheet."""
        return self.x(rectangle.left), self.y(rectangle.top), rectangle.width * self.scale, rectangle.height * self.scale

    @property
    def bottom(self) -> float:
        """Lower end of the area on the sheet."""
        return self.top + self.area.height * self.scale


def fitted_view(area: Rectangle) -> View:
    """The largest view of `area` left of the legend, centred in its column."""
    room = SHEET - 2 * MARGIN - LEGEND - BEFORE - AFTER
    scale = min(room / max(area.width, 1e-9), TALLEST / max(area.height, 1e-9))
    spare = room - area.width * scale
    return View(scale, area, MARGIN + BEFORE + spare / 2, HEAD + BEFORE)


def round_step(span: float, parts: float) -> float:
    """The smallest of 1, 2, 5 x 10^k that cuts `span` into `parts` pieces or fewer.

    >>> round_step(0.104, 5)
    0.05
    """
    raw = max(span, 1e-30) / parts
    decade = 10.0 ** math.floor(math.log10(raw))
    return next(step for step in (decade, 2 * decade, 5 * decade, 10 * decade) if step >= raw * (1 - 1e-9))
