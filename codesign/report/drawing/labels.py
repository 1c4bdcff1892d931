"""Which label fits a block, and in which size?

Blocks of one kind and size are labelled alike: with all lines, with fewer, or not at all.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from codesign.report.drawing.ink import text, text_width

LARGEST, SMALLEST, LEADING = 12.0, 7.0, 1.28
PLAIN = 8.5
"""Letters of this size are not turned to make them larger."""
CROWD = 24
"""From so many equal blocks on, a label keeps to one or two lines: the legend has their size."""


class Fit(NamedTuple):
    """Number of the lines shown, size of the letters, and whether the text reads upwards."""

    lines: tuple[int, ...]
    size: float
    turned: bool


def fitted(widest: Sequence[str], choices: Sequence[tuple[int, ...]], width: float, height: float) -> Fit | None:
    """The first of `choices` of lines that fits into `width` x `height` in a readable size, else None.

    `widest` has for every line the longest text it may take; the first of several lines is bold.
    """
    for chosen in choices:
        if not chosen:
            continue
        longest = max(text_width(widest[i], 1.0, bold=i == 0 and len(chosen) > 1) for i in chosen)
        across = min(LARGEST, width / max(longest, 1e-9), height / (LEADING * len(chosen)))
        upwards = min(LARGEST, height / max(longest, 1e-9), width / (LEADING * len(chosen)))
        turned = across < PLAIN and upwards > 1.25 * across
        size = upwards if turned else across
        if size >= (SMALLEST if len(chosen) == 1 else SMALLEST + 0.5):
            return Fit(chosen, size, turned)
    return None


def block_fits(
    texts: Sequence[tuple[str, ...]], kinds: Sequence[str], rooms: Sequence[tuple[float, float]], fewer: Sequence[tuple[int, ...]]
) -> list[Fit | None]:
    """The fit of every block: `texts` its lines, `rooms` the width and height free for them, `fewer` the choices of lines."""
    groups: dict[tuple[str, int, int], list[int]] = defaultdict(list)
    for i, (kind, room) in enumerate(zip(kinds, rooms, strict=True)):
        groups[kind, round(room[0]), round(room[1])].append(i)
    found: list[Fit | None] = [None] * len(texts)
    for members in groups.values():
        widest = [max((texts[i][line] for i in members), key=lambda t: text_width(t, 1.0)) for line in range(len(texts[members[0]]))]
        choices = [c for c in fewer if len(members) < CROWD or 1 not in c]
        room = min(rooms[i][0] for i in members), min(rooms[i][1] for i in members)
        for i in members:
            found[i] = fitted(widest, choices, *room)
    return found


def label(fit: Fit, lines: tuple[str, ...], x: float, y: float, colour: str) -> str:
    """The lines around the middle (`x`, `y`) of a block."""
    parts, count = [], len(fit.lines)
    for row, chosen in enumerate(fit.lines):
        shift = (row - (count - 1) / 2) * LEADING * fit.size
        at = (x + shift, y) if fit.turned else (x, y + shift)
        parts.append(text(*at, lines[chosen], fit.size, "middle", colour, bold=chosen == 0 and count > 1, turned=fit.turned))
    return "".join(parts)
