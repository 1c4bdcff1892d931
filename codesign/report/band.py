"""Where in a scatter may designs lie that nobody found? Between the front of the points and the same made better by a factor."""

import math
from collections.abc import Sequence


def staircase(points: Sequence[tuple[float, float]], senses: tuple[int, int]) -> list[tuple[float, float]]:
    """The points that no other one beats in both numbers, by the first; sense 1 wants less of a number, -1 more.

    >>> staircase([(1, 3), (2, 2), (3, 3)], (1, 1))
    [(1, 3), (2, 2)]
    """
    kept: list[tuple[float, float]] = []
    for x, y in sorted(points, key=lambda p: (senses[0] * p[0], senses[1] * p[1])):
        if not kept or senses[1] * y < senses[1] * kept[-1][1]:
            kept.append((x, y))
    return kept


def _steps(stairs: list[tuple[float, float]], ends: tuple[float, float]) -> list[tuple[float, float]]:
    """The outline of what the stairs dominate: from the worst end of the second number to that of the first."""
    outline = [(stairs[0][0], ends[1])]
    for (x, y), following in zip(stairs, [*stairs[1:], (ends[0], 0.0)], strict=True):
        outline += [(x, y), (following[0], y)]
    return outline


def band(
    points: Sequence[tuple[float, float]], senses: tuple[int, int], factor: float, ends: tuple[float, float]
) -> list[tuple[float, float]]:
    """The polygon between the front of the points and the front made better by `factor`; `ends` are the worst values shown.

    >>> [(round(x, 2), round(y, 2)) for x, y in band([(2, 2)], (1, 1), 2.0, (4, 4))]
    [(2, 4), (2, 2), (4, 2), (4, 1.0), (1.0, 1.0), (1.0, 4)]
    """
    stairs = staircase(points, senses)
    shifts = [math.exp(-sense * math.log(factor)) for sense in senses]
    better = [(x * shifts[0], y * shifts[1]) for x, y in stairs]
    return _steps(stairs, ends) + _steps(better, ends)[::-1]
