"""What is an interval, and how is it widened so that it holds what is computed too?

An interval is an array (2, n): lower bounds, then upper bounds. Every result is widened
outward, by more than the rounding errors of NumPy and of XLA together, so that it holds the
exact result and every result computed in float64. Not-a-number means that nothing is known:
it survives every rule and is read as (-inf, inf) at the end. A truth value is an
interval too: (surely true, possibly true).

Signs are known beforehand: +1 (every lane is above zero, or zero and nothing else), -1 (below, or
zero), 0 (anything), for each operand. They choose the cheapest rule that is right.
"""

import functools
from typing import Any

import numpy as np

UNIT = 2.0**-52
TINY = 4 * np.finfo(np.float64).tiny
"""Below it results may be flushed to zero."""
LARGEST = np.finfo(np.float64).max

Interval = Any
"""An array (2, n), or a number."""


def widened(bounds: Interval, ulps: float, sign: int = 0, tiny: bool = True) -> Interval:
    """Bounds moved outward by a share and by the smallest normal number; of a known sign that sign is kept.

    A sum that is zero is exactly zero: there `tiny` is not needed, as long as operands are not denormal.
    """
    share = ulps * UNIT
    if sign:
        result = bounds * _outward(sign * share)
        if tiny:
            result[int(sign > 0)] += sign * TINY
            inner = result[int(sign < 0)]
            inner *= np.abs(inner) >= TINY  # what is denormal may be flushed to zero
        return result
    slack = np.abs(bounds)
    slack *= share
    if tiny:
        slack += TINY
    result = bounds.copy()
    result[0] -= slack[0]
    result[1] += slack[1]
    return result


@functools.cache
def _outward(share: float) -> np.ndarray:
    return np.array([[1.0 - share], [1.0 + share]])


def pair(value: Interval) -> Interval:
    """A number as an interval (2, 1); intervals as they are."""
    return value if isinstance(value, np.ndarray) else np.array([[value], [value]], dtype=float)


def swapped(bounds: Interval) -> Interval:
    """Upper bounds first."""
    return bounds[::-1] if isinstance(bounds, np.ndarray) else bounds


def hull(a: Interval, b: Interval) -> Interval:
    """The smallest interval that holds both."""
    a, b = np.broadcast_arrays(pair(a), pair(b))
    return np.stack([np.minimum(a[0], b[0]), np.maximum(a[1], b[1])])


def sign_of(value: Interval) -> int:
    """The sign that all lanes share, 0 when they do not; a lane that is exactly zero has any sign."""
    if not isinstance(value, np.ndarray):
        return -1 if value < 0 else 1
    low, high = value
    if low.min() > 0:
        return 1
    if high.max() < 0:
        return -1
    zero = (low == 0) & (high == 0)
    return int(np.all((low > 0) | zero)) or -int(np.all((high < 0) | zero))


def is_zero(a: Interval) -> Any:
    """Where both bounds are exactly zero."""
    return (a[0] == 0) & (a[1] == 0) if isinstance(a, np.ndarray) else a == 0


def truth(value: Interval) -> Interval:
    """A truth value as an interval, constants too."""
    return pair(value).astype(bool)


def negated(truth: Interval) -> Interval:
    """Not `truth`."""
    return ~truth[::-1]
