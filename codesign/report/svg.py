"""How is a scatter of designs drawn as plain SVG, visible without any script?"""

import html
import math
from collections.abc import Sequence
from typing import NamedTuple

from codesign.report.band import band

PALETTE = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f3c8d", "#666666")
WIDENED = 0.5
"""How much longer an axis may become for a cloud, each way, as a share of its length."""
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 560, 400, 74, 14, 14, 52


class Series(NamedTuple):
    """Points of one colour, each with the text shown on hover."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    texts: Sequence[str]
    colour: str


class Mark(NamedTuple):
    """One labelled reference design."""

    name: str
    x: float
    y: float


def log_ticks(low: float, high: float) -> list[float]:
    """Round values between `low` and `high` for a logarithmic axis, four to nine of them.

    >>> log_ticks(1.0, 10.0)
    [1.0, 2.0, 5.0, 10.0]
    """
    for mantissas in ((1,), (1, 3), (1, 2, 5), (1, 2, 3, 5, 7), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8), tuple(1 + i / 10 for i in range(90))):
        decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        ticks = [round(m * 10.0**d, 12) for d in decades for m in mantissas]
        inside = [t for t in ticks if low * 0.999999 <= t <= high * 1.000001]
        if len(inside) >= 4:
            return inside[:: max(1, math.ceil(len(inside) / 9))]
    return [low, high]


def _place(value: float, low: float, high: float, start: float, end: float) -> float:
    share = (math.log(value) - math.log(low)) / max(math.log(high) - math.log(low), 1e-12)
    return start + share * (end - start)


def _bounds(values: list[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    pad = max((high / low) ** 0.05, 1.02)
    return low / pad, high * pad


def _axes(x: tuple[float, float], y: tuple[float, float], labels: tuple[str, str]) -> list[str]:
    parts = [f'<rect x="{LEFT}" y="{TOP}" width="{WIDTH - LEFT - RIGHT}" height="{HEIGHT - TOP - BOTTOM}" class="frame"/>']
    for tick in log_ticks(*x):
        at = _place(tick, *x, LEFT, WIDTH - RIGHT)
        parts.append(f'<line x1="{at:.1f}" x2="{at:.1f}" y1="{TOP}" y2="{HEIGHT - BOTTOM}" class="grid"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{tick:,.4g}</text>')
    for tick in log_ticks(*y):
        at = _place(tick, *y, HEIGHT - BOTTOM, TOP)
        parts.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{tick:,.5g}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2, (TOP + HEIGHT - BOTTOM) / 2
    parts.append(f'<text x="{middle[0]}" y="{HEIGHT - 10}" text-anchor="middle" class="label">{html.escape(labels[0])}</text>')
    turned = f'transform="rotate(-90 16 {middle[1]})"'
    parts.append(f'<text x="16" y="{middle[1]}" text-anchor="middle" class="label" {turned}>{html.escape(labels[1])}</text>')
    return parts


class Margin(NamedTuple):
    """A factor by which designs may be better that were not found, and which way is better: sense 1 less, -1 more."""

    factor: float
    senses: tuple[int, int]


def _shade(series: Sequence[Series], margin: Margin, x: tuple[float, float], y: tuple[float, float]) -> str:
    """The band of a margin, cut at the frame."""
    points = [point for group in series for point in zip(group.x, group.y, strict=True)]
    ends = x[margin.senses[0] > 0], y[margin.senses[1] > 0]
    corners = [
        f"{_place(min(max(px, x[0]), x[1]), *x, LEFT, WIDTH - RIGHT):.1f},{_place(min(max(py, y[0]), y[1]), *y, HEIGHT - BOTTOM, TOP):.1f}"
        for px, py in band(points, margin.senses, margin.factor, ends)
    ]
    title = f"<title>no feasible design lies beyond this band: the front made better by {100 * (margin.factor - 1):.2f} %</title>"
    return f'<polygon points="{" ".join(corners)}" class="band">{title}</polygon>'


def _widened(bounds: tuple[float, float], values: Sequence[float]) -> tuple[float, float]:
    """Bounds that take in other values too, as long as the first keep most of the axis."""
    low, high = bounds
    most = (high / low) ** WIDENED
    return max(min(low, *values), low / most), min(max(high, *values), high * most)


def _dots(cloud: Sequence[tuple[float, float]], x: tuple[float, float], y: tuple[float, float]) -> str:
    """Those of the points inside the axes, as one path of dots."""
    inside = [(px, py) for px, py in cloud if x[0] <= px <= x[1] and y[0] <= py <= y[1]]
    places = [(_place(px, *x, LEFT, WIDTH - RIGHT), _place(py, *y, HEIGHT - BOTTOM, TOP)) for px, py in inside]
    return f'<path d="{"".join(f"M{px:.1f} {py:.1f}h0" for px, py in places)}" class="random"/>'


def scatter(
    series: Sequence[Series],
    marks: Sequence[Mark],
    labels: tuple[str, str],
    margin: Margin | None = None,
    cloud: Sequence[tuple[float, float]] = (),
) -> str:
    """A scatter on logarithmic axes; hover names each design, diamonds are references, a band shows a margin, pale dots a cloud behind."""
    xs = [v for s in series for v in s.x] + [m.x for m in marks]
    ys = [v for s in series for v in s.y] + [m.y for m in marks]
    x, y = _bounds(xs), _bounds(ys)
    if cloud:
        x, y = (_widened(bounds, [*values]) for bounds, values in zip((x, y), zip(*cloud, strict=True), strict=True))
    name = html.escape(f"{labels[1]} over {labels[0]}")
    parts = [f'<svg class="scatter" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{name}">', *_axes(x, y, labels)]
    parts += [_dots(cloud, x, y)] if cloud else []
    parts += [_shade(series, margin, x, y)] if margin else []
    for group in series:
        for px, py, text in zip(group.x, group.y, group.texts, strict=True):
            at = _place(px, *x, LEFT, WIDTH - RIGHT), _place(py, *y, HEIGHT - BOTTOM, TOP)
            title = f"<title>{html.escape(text)}</title>"
            parts.append(f'<circle cx="{at[0]:.1f}" cy="{at[1]:.1f}" r="3" fill="{group.colour}" fill-opacity="0.75">{title}</circle>')
    for mark in marks:
        cx, cy = _place(mark.x, *x, LEFT, WIDTH - RIGHT), _place(mark.y, *y, HEIGHT - BOTTOM, TOP)
        shape = f"M{cx:.1f} {cy - 7:.1f}L{cx + 7:.1f} {cy:.1f}L{cx:.1f} {cy + 7:.1f}L{cx - 7:.1f} {cy:.1f}Z"
        side = ("end", -10) if cx > WIDTH * 0.66 else ("start", 10)
        parts.append(f'<path d="{shape}" class="mark"><title>{html.escape(mark.name)}</title></path>')
        parts.append(f'<text x="{cx + side[1]:.1f}" y="{cy + 4:.1f}" text-anchor="{side[0]}" class="name">{html.escape(mark.name)}</text>')
    return "".join([*parts, "</svg>"])
