"""At which value of a constant does an optimum reach a target, when the optimum is known only by a search?

The constant is positive and works on a log scale. An excess is the log of the optimum over its
target, smaller is better: <= 0 reaches the target, infinite where there is no design. The search
errs a little, so that what was measured may improve later; brackets are taken anew from
all that is known, and only signs are trusted.
"""

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

Levels = dict[float, float]
"""Excess by constant."""

FLAT, LOOKS = 1e-3, 4


class Threshold(NamedTuple):
    """Neighbouring constants between which the target is crossed; None where it never or always is; how often it is crossed."""

    reached: float | None
    missed: float | None
    crossings: int


def threshold(levels: Levels) -> Threshold:
    """The crossing next to the end of the range that reaches the target, or the first one from below.

    >>> threshold({1.0: -0.2, 2.0: -0.1, 4.0: 0.3})
    Threshold(reached=2.0, missed=4.0, crossings=1)
    """
    constants = sorted(levels)
    good = [levels[c] <= 0 for c in constants]
    pairs = [(a, b) for a, b in itertools.pairwise(constants) if (levels[a] <= 0) != (levels[b] <= 0)]
    if not pairs:
        best = min(constants, key=lambda c: levels[c])
        return Threshold(best if good[0] else None, None if good[0] else best, 0)
    low, high = pairs[-1] if good[-1] and not good[0] else pairs[0]
    reached, missed = (low, high) if levels[low] <= 0 else (high, low)
    return Threshold(reached, missed, len(pairs))


def between(a: float, b: float, at_a: float, at_b: float, left: int, tolerance: float) -> float:
    """Where to look next between logs a < b with excesses of opposite sign: interpolate, truncate, project.

    Oliveira and Takahashi's method: the secant, moved towards the middle, and kept so near to it that
    `left` further looks halve the bracket down to `tolerance` even where the excess jumps.
    """
    middle, width = (a + b) / 2, b - a
    if not (math.isfinite(at_a) and math.isfinite(at_b)):
        return middle
    secant = (at_b * a - at_a * b) / (at_b - at_a)
    side = math.copysign(1.0, middle - secant)
    shift = 0.2 * width**2
    moved = secant + side * shift if shift <= abs(middle - secant) else middle
    radius = max(tolerance * 2.0 ** (left - 1) - width / 2, 0.0)
    return moved if abs(moved - middle) <= radius else middle - side * radius


def locate(measure: Callable[[float], Levels], low: float, high: float, grid: int, tolerance: float) -> Levels:
    """Excesses at `grid` constants from low to high, then at others until the crossing lies within a ratio 1 + tolerance.

    Where the grid shows no crossing, at most LOOKS constants beside the one that comes nearest to the
    target are tried: the optimum may be best between two of the grid. `measure` adds one
    constant and returns all that is known by then.
    """
    levels: Levels = {}
    for constant in np.geomspace(low, high, grid):
        levels = measure(float(constant))
    for _ in range(LOOKS):
        beside = _beside_the_nearest(levels)
        if threshold(levels).crossings or beside is None:
            break
        levels = measure(beside)
    left = 2 + math.ceil(max(math.log2(math.log(high / low) / (grid - 1) / tolerance), 0.0))
    while left and (found := threshold(levels)).crossings and found.reached and found.missed:
        a, b = sorted((found.reached, found.missed))
        if math.log(b / a) <= tolerance:
            break
        levels = measure(math.exp(between(math.log(a), math.log(b), levels[a], levels[b], left, tolerance)))
        left -= 1
    return levels


def _beside_the_nearest(levels: Levels) -> float | None:
    """The middle of the wider gap beside the constant whose excess is nearest to 0; None where no excess differs there."""
    constants = sorted(levels)
    place = min(range(len(constants)), key=lambda i: abs(levels[constants[i]]))
    gaps = [pair for pair in itertools.pairwise(constants[max(place - 1, 0) : place + 2]) if levels[pair[0]] != levels[pair[1]]]
    if not gaps:
        return None
    low, high = max(gaps, key=lambda pair: pair[1] / pair[0])
    return math.sqrt(low * high)


def flat_ends(levels: Levels) -> tuple[float | None, float | None]:
    """Up to which and from which constant on the excess is that of the low and of the high end, within FLAT; None: nowhere.

    >>> flat_ends({1.0: 0.5, 2.0: 0.2, 4.0: 0.1, 8.0: 0.1})
    (None, 4.0)
    """
    constants = sorted(levels)
    return _run(constants, levels), _run(constants[::-1], levels)


def _run(constants: list[float], levels: Levels) -> float | None:
    """The last of the constants that, like all before it, has the excess of the first."""
    start, last = levels[constants[0]], None
    for constant in constants[1:]:
        if not abs(levels[constant] - start) <= FLAT:
            break
        last = constant
    return last
