"""Which colour stands for a kind of block, a use of die edge, or a number?

The ramps darken steadily, so that they keep their order in grey and for every kind of colour vision;
the uses of edge take the palette of Okabe and Ito, as the other charts do.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from codesign.report.drawing.data import FloorplanDrawing, power_density
from codesign.report.drawing.ink import INK
from codesign.report.drawing.view import round_step

KIND_FILL = {"die": "#d5dfe8", "memory": "#dcebdc", "stack": "#c9e2cf", "io": "#e8deec", "optics": "#f8e7c0", "fibre": "#ebe8e2"}
KIND_LINE = {"die": "#4a6179", "memory": "#5c8060", "stack": "#2f6b4a", "io": "#7d6589", "optics": "#a67d1d", "fibre": "#857d6e"}
USE_FILL = {"memory": "#009e73", "optics": "#e69f00", "serialisers": "#cc79a7", "die to die": "#0072b2", "free": "#ffffff"}
UNKNOWN = "#eceff1"
RAMPS = {
    "power density": ("#fbf6e6", "#f5d99a", "#e8a64c", "#c8661f", "#8c3313", "#4d160c"),
    "temperature": ("#f4f2f7", "#d9c9e3", "#c194bf", "#a65d8f", "#7a2f63", "#431539"),
}
UNITS = {"power density": "W/mm²", "temperature": "°C"}


class Colouring(NamedTuple):
    """Numbers to colour by, (n,), the ends of the scale, its round ticks, the name of the quantity and its unit."""

    values: np.ndarray
    low: float
    high: float
    ticks: list[float]
    name: str
    unit: str

    def fill(self, value: float) -> str:
        """Colour of a value; grey where it is unknown."""
        if not math.isfinite(value):
            return UNKNOWN
        return ramp(self.name, (value - self.low) / (self.high - self.low))


def _channels(colour: str) -> np.ndarray:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], float)


def ramp(name: str, share: float) -> str:
    """Colour at `share` (0 to 1) of a ramp.

    >>> ramp("temperature", 0.0), ramp("temperature", 1.0)
    ('#f4f2f7', '#431539')
    """
    stops = np.stack([_channels(c) for c in RAMPS[name]])
    at = np.linspace(0.0, 1.0, len(stops))
    return "#" + "".join(f"{round(float(np.interp(np.clip(share, 0, 1), at, stops[:, i]))):02x}" for i in range(3))


def lightness(colour: str) -> float:
    """Perceived lightness L* of the CIE from 0, black, to 100, white.

    >>> round(lightness("#ffffff"))
    100
    """
    linear = np.where((c := _channels(colour) / 255) <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    luminance = float(linear @ np.array([0.2126, 0.7152, 0.0722]))
    return 116 * luminance ** (1 / 3) - 16 if luminance > 216 / 24389 else luminance * 24389 / 27


def ink_on(fill: str) -> str:
    """Ink that can be read on `fill`."""
    return INK if lightness(fill) > 55 else "#ffffff"


def colouring(drawing: FloorplanDrawing, colour: str) -> Colouring | None:
    """The scale of a coloured drawing, or None for colours by kind; `ValueError` for an unknown colour or no temperatures."""
    if colour == "kind":
        return None
    if colour not in RAMPS:
        raise ValueError(f"unknown colour '{colour}'; known: kind, {', '.join(RAMPS)}")
    if colour == "temperature" and drawing.temperatures is None:
        raise ValueError("colour 'temperature' needs temperatures")
    values = power_density(drawing) if colour == "power density" else np.asarray(drawing.temperatures, float)
    known = values[np.isfinite(values)]
    low = 0.0 if colour == "power density" else float(known.min()) if known.size else 0.0
    high = float(known.max()) if known.size else 1.0
    high = high if high > low else low + 1.0
    step = round_step(high - low, 4)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = [round(step * i, 12) for i in range(first, last + 1)]
    return Colouring(values, ticks[0], ticks[-1], ticks, colour, UNITS[colour])


def fills(drawing: FloorplanDrawing, scale: Colouring | None) -> list[str]:
    """Fill of every block."""
    as_kind: Callable[[str], str] = KIND_FILL.__getitem__
    return [as_kind(k) for k in drawing.kinds] if scale is None else [scale.fill(float(v)) for v in scale.values]
