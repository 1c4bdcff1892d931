"""How is the race drawn: one panel per study, hypervolume against seconds, a line and a band per method?

Height is on a scale of nines: 1 - hypervolume / best known, logarithmic and upside down, so that 90, 99 and 99.9 % are
equally far apart. Bands span the seeds, lines are medians; a method's line ends with its longest run.
"""

import html
import math
from typing import Any

from codesign.report.svg import PALETTE, log_ticks

WIDTH, PANEL, LEFT, RIGHT, TOP, BOTTOM, LEGEND = 800, 360, 74, 230, 34, 46, 20
LOWEST, HIGHEST = 0.5, 1e-5
"""Distance from the best known at the foot and at the head of a panel."""
OURS = "ours"
GREY = "#999999"
STYLE = (
    "svg.race text{font:12px sans-serif;fill:#222}svg.race .title{font-size:14px;font-weight:600}svg.race .frame{fill:#fff;stroke:#888}"
    "svg.race .grid{stroke:#ddd}svg.race .band{fill-opacity:.13;stroke:none}svg.race .line{fill:none;stroke-linejoin:round}"
)
"""Named for its class: a style inside a page holds for all of the page."""


def _height(share: float) -> float:
    """Place between foot (0) and head (1) of a share of the best known.

    >>> round(_height(0.5), 3), round(_height(1.0), 3)
    (0.0, 1.0)
    """
    distance = min(max(1 - share, HIGHEST), LOWEST)
    return math.log(LOWEST / distance) / math.log(LOWEST / HIGHEST)


class _Panel:
    """Places of seconds and shares in one panel whose upper edge is at `top`."""

    def __init__(self, study: dict[str, Any], top: float) -> None:
        self.top, self.best = top, study["best_known"]
        moments = [m for found in study["methods"].values() for m, middle, _, _ in found["curve"] if middle > 0]
        self.begin, self.end = min(moments, default=1e-3), max(moments, default=1.0)

    def x(self, seconds: float) -> float:
        """Logarithmic in seconds."""
        share = math.log(max(seconds, self.begin) / self.begin) / max(math.log(self.end / self.begin), 1e-9)
        return LEFT + share * (WIDTH - LEFT - RIGHT)

    def y(self, volume: float) -> float:
        """In nines of the best known."""
        foot, head = self.top + PANEL - BOTTOM, self.top + TOP
        return foot + _height(volume / self.best) * (head - foot)

    def frame(self, name: str) -> list[str]:
        """Axes, grid and title."""
        foot, head, right = self.top + PANEL - BOTTOM, self.top + TOP, WIDTH - RIGHT
        size = f'width="{right - LEFT}" height="{foot - head}"'
        parts = [
            f'<text x="{LEFT}" y="{head - 12}" class="title">{html.escape(name)}</text>',
            f'<rect x="{LEFT}" y="{head}" {size} class="frame"/>',
            f'<text x="{(LEFT + right) / 2}" y="{foot + 36}" text-anchor="middle">seconds, compilation included</text>',
            f'<text transform="translate(18 {(head + foot) / 2}) rotate(-90)" text-anchor="middle">hypervolume, share of best known</text>',
        ]
        for tick in log_ticks(self.begin, self.end):
            parts.append(f'<line x1="{self.x(tick):.1f}" x2="{self.x(tick):.1f}" y1="{head}" y2="{foot}" class="grid"/>')
            parts.append(f'<text x="{self.x(tick):.1f}" y="{foot + 17}" text-anchor="middle">{tick:,.4g}</text>')
        for share in (0.5, 0.9, 0.99, 0.999, 0.9999, 0.99999):
            at = self.y(share * self.best)
            parts.append(f'<line x1="{LEFT}" x2="{right}" y1="{at:.1f}" y2="{at:.1f}" class="grid"/>')
            parts.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{100 * share:g} %</text>')
        return parts

    def method(self, name: str, curve: list[list[float]], colour: str) -> list[str]:
        """Band and line of one method, from its first median above nothing."""
        kept = [row for row in curve if row[1] > 0]
        if not kept:
            return []
        upper = [f"{self.x(m):.1f} {self.y(high):.1f}" for m, _, _, high in kept]
        lower = [f"{self.x(m):.1f} {self.y(low):.1f}" for m, _, low, _ in reversed(kept)]
        middle = "L".join(f"{self.x(m):.1f} {self.y(value):.1f}" for m, value, _, _ in kept)
        width = 2.6 if _kind(name) == OURS else 1.6
        return [
            f'<path d="M{"L".join(upper + lower)}Z" class="band" fill="{colour}"/>',
            f'<path d="M{middle}" class="line" stroke="{colour}" stroke-width="{width}"{_dashes(name)}>'
            f"<title>{html.escape(name)}</title></path>",
        ]


def _kind(name: str) -> str:
    """A method without its variant, which stands behind a comma: one colour for both, the variant dashed."""
    return name.split(",", maxsplit=1)[0]


def _dashes(name: str) -> str:
    return ' stroke-dasharray="6 4"' if name != _kind(name) else ""


def _colours(names: list[str]) -> dict[str, str]:
    kinds = list(dict.fromkeys(_kind(name) for name in [OURS, *names]))
    found = {kind: PALETTE[i] if i < len(PALETTE) else GREY for i, kind in enumerate(kinds)}
    return {name: found[_kind(name)] for name in names}


def _legend(names: list[str], colours: dict[str, str], top: float) -> list[str]:
    parts, x = [], WIDTH - RIGHT + 14
    for row, name in enumerate(names):
        y = top + TOP + 8 + row * LEGEND
        parts.append(f'<line x1="{x}" x2="{x + 24}" y1="{y}" y2="{y}" stroke="{colours[name]}" stroke-width="2.6"{_dashes(name)}/>')
        parts.append(f'<text x="{x + 30}" y="{y + 4}">{html.escape(name)}</text>')
    return parts


def plot(summary: dict[str, Any]) -> str:
    """The race as one SVG file that needs nothing else."""
    studies = summary["studies"]
    colours = _colours(list(dict.fromkeys(name for study in studies.values() for name in study["methods"])))
    size = f'width="{WIDTH}" height="{PANEL * len(studies)}" viewBox="0 0 {WIDTH} {PANEL * len(studies)}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" class="race" {size} role="img" aria-label="Hypervolume against seconds">']
    parts.append(f'<style>{STYLE}</style><rect width="100%" height="100%" fill="#fff"/>')
    for number, (name, study) in enumerate(studies.items()):
        panel = _Panel(study, number * PANEL)
        parts += panel.frame(name)
        for method, found in study["methods"].items():
            parts += panel.method(method, found["curve"], colours[method])
        parts += _legend(list(study["methods"]), colours, number * PANEL)
    return "".join([*parts, "</svg>"])
