"""Between which bounds does the result of an elementary operation lie, when its operands lie between bounds?

An interval is an array (2, n): lower bounds, then upper bounds. Every result is widened
outward, by more than the rounding errors of NumPy and of XLA together, so that it holds the
exact result and every result computed in float64. Not-a-number means that nothing is known:
it survives every rule here and is read as (-inf, inf) at the end. A truth value is an
interval too: (surely true, possibly true).

Signs are known beforehand: +1 (every lane is above zero, or zero and nothing else), -1 (below, or
zero), 0 (anything), for each operand. They choose the cheapest rule that is right.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from codesign.search.program import UnknownOperation

UNIT = 2.0**-52
TINY = 4 * np.finfo(np.float64).tiny
"""Below it results may be flushed to zero."""
LARGEST = np.finfo(np.float64).max

Interval = Any
"""An array (2, n), or a number."""

ULPS = {
    "add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 2, "integer_pow": 64, "square": 2, "log": 8, "exp": 8,
    "expm1": 16, "tanh": 16, "logistic": 16, "log1p": 512, "pow": 256, "erf": 64, "erf_inv": 256,
}  # fmt: skip
"""By how many units in the last place a result is widened: several times the largest error that was measured (tests/test_interval.py)."""


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


def _add(a: Interval, b: Interval, sa: int, sb: int) -> Interval:
    return widened(pair(a + b), ULPS["add"], sa if sa == sb else 0, tiny=False)


def _sub(a: Interval, b: Interval, sa: int, sb: int) -> Interval:
    return widened(pair(a - swapped(b)), ULPS["sub"], sa if sa == -sb else 0, tiny=False)


def is_zero(a: Interval) -> Any:
    """Where both bounds are exactly zero."""
    return (a[0] == 0) & (a[1] == 0) if isinstance(a, np.ndarray) else a == 0


def _scaled(a: Interval, number: float) -> Interval:
    return a * number if number >= 0 else swapped(a) * number


def product(a: Interval, b: Interval, sa: int, sb: int) -> Interval:
    """a b, not widened."""
    if not isinstance(b, np.ndarray):
        return _scaled(a, b)
    if not isinstance(a, np.ndarray):
        return _scaled(b, a)
    if sa and sb:
        outer = a if sb > 0 else a[::-1]
        return outer * (b if sa > 0 else b[::-1])
    first, second = a[0] * b, a[1] * b
    return np.stack([np.minimum(first, second).min(axis=0), np.maximum(first, second).max(axis=0)])


def _mul(a: Interval, b: Interval, sa: int, sb: int) -> Interval:
    result = widened(product(a, b, sa, sb), ULPS["mul"], sa * sb, tiny=False)
    small = np.abs(result) < TINY
    if not small.any():
        return result if sa and sb else widened(result, 0)
    nothing = is_zero(a) | is_zero(b)
    return np.where(nothing, 0.0 * result, widened(result, 0, sa * sb))


def _square(a: Interval, sa: int) -> Interval:
    if sa:
        return _mul(a, a, sa, sa)
    largest = np.maximum(np.abs(a[0]), np.abs(a[1]))
    smallest = np.maximum(np.maximum(a[0], -a[1]), 0.0)
    return np.maximum(widened(np.stack([smallest * smallest, largest * largest]), ULPS["square"]), 0.0)


def reciprocal(a: Interval, sa: int) -> Interval:
    """1 / a, widened; nothing is known where a may be zero."""
    if sa:
        return widened(1.0 / swapped(pair(a)), ULPS["div"], sa)
    a = pair(a)
    unknown = ~((a[0] > 0) | (a[1] < 0))
    result = widened(1.0 / np.where(unknown, 1.0, a[::-1]), ULPS["div"])
    return np.where(unknown, np.nan, result)


def _unless_zero(a: Interval, quotient: Interval) -> Interval:
    """Nothing divided by something is nothing."""
    nothing = is_zero(a)
    return np.where(nothing & np.isfinite(quotient), 0.0, quotient) if np.any(nothing) else quotient


def _div(a: Interval, b: Interval, sa: int, sb: int) -> Interval:
    if not isinstance(b, np.ndarray):
        return _unless_zero(a, widened(pair(a / b) if b > 0 else swapped(a) / b, ULPS["div"], sa * sb))
    if sa and sb:
        outer = pair(a) if sb > 0 else swapped(pair(a))
        return _unless_zero(a, widened(outer / (b[::-1] if sa > 0 else b), ULPS["div"], sa * sb))
    if sb:
        return _mul(pair(a), reciprocal(b, sb), sa, sb)
    return _mul(pair(a), reciprocal(b, 0), 0, 0)


def _neg(a: Interval, sa: int) -> Interval:
    return -swapped(a)


def _abs(a: Interval, sa: int) -> Interval:
    if sa:
        return a if sa > 0 else -a[::-1]
    return np.stack([np.maximum(np.maximum(a[0], -a[1]), 0.0), np.maximum(np.abs(a[0]), np.abs(a[1]))])


def _max(a: Interval, b: Interval, *signs: int) -> Interval:
    """What is unknown is a number still: the larger is no less than the other."""
    result = np.maximum(pair(a), pair(b))
    return np.stack([np.fmax(pair(a)[0], pair(b)[0]), result[1]]) if np.isnan(result[0]).any() else result


def _min(a: Interval, b: Interval, *signs: int) -> Interval:
    result = np.minimum(pair(a), pair(b))
    return np.stack([result[0], np.fmin(pair(a)[1], pair(b)[1])]) if np.isnan(result[1]).any() else result


def _clamp(low: Interval, x: Interval, high: Interval, *signs: int) -> Interval:
    return _min(_max(x, low), high)


def _rising(
    name: str, function: Callable[[Any], Any], sign: Callable[[int], int], least: float = np.nan, most: float = np.nan
) -> Callable[[Interval, int], Interval]:
    """The rule of a function that never falls, between `least` and `most`; outside its domain nothing is known."""

    def rule(a: Interval, sa: int) -> Interval:
        result = widened(function(a), ULPS[name], sign(sa))
        unknown = np.isnan(result)
        return np.where(unknown, np.array([[least], [most]]), result) if unknown.any() else result

    return rule


def _exp(a: Interval, sa: int) -> Interval:
    """Widened by |x| units more: a product of exponentials may be computed as that of the rounded sum, also where one overflows."""
    result = np.exp(pair(a))
    share = (ULPS["exp"] + np.abs(a)) * UNIT
    low = np.minimum(result[0] * (1.0 - share[0]), LARGEST)
    high = result[1] * (1.0 + np.where(np.isfinite(share[1]), share[1], 0.0)) + TINY
    return np.stack([np.where(low >= TINY, low, 0.0), high])


def _erf_inv(a: Interval, sa: int) -> Interval:
    """Widened by more near -1 and 1, where 1 - x^2 is rounded."""
    result = _in_jax("erf_inv")(pair(a))
    slack = np.abs(result) * ((ULPS["erf_inv"] + 0.1 / (1.0 - np.abs(a))) * UNIT) + TINY
    low, high = result[0] - slack[0], result[1] + slack[1]
    return np.stack([np.maximum(low, 0.0) if sa > 0 else low, np.minimum(high, 0.0) if sa < 0 else high])


def _sqrt(a: Interval, sa: int) -> Interval:
    return widened(np.sqrt(a), ULPS["sqrt"], sa) if sa else np.maximum(widened(np.sqrt(a), ULPS["sqrt"]), 0.0)


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-x))


def _in_jax(name: str) -> Callable[[np.ndarray], np.ndarray]:
    """A function that NumPy lacks; jax is imported only where one is met, so that the processes of a proof start fast."""

    def computed(x: np.ndarray) -> np.ndarray:
        import jax

        with jax.enable_x64(True):
            return np.array(getattr(jax.lax, name)(np.asarray(x, dtype=float)))

    return computed


def _power(a: Interval, exponent: float, sa: int, ulps: float) -> Interval:
    if sa <= 0:
        a = np.where(pair(a) > 0, a, np.nan)
    result = np.power(a if exponent >= 0 else swapped(a), exponent)
    return widened(result, ulps, 1)


def _pow(a: Interval, b: Interval, sa: int, sb: int) -> Interval:
    if isinstance(b, np.ndarray):
        if sa <= 0:
            return np.full(np.broadcast_shapes(pair(a).shape, b.shape), np.nan)
        a = np.where(pair(a) > 0, a, np.nan)
        corners = [np.power(a[i], b[j]) for i in (0, 1) for j in (0, 1)]
        return widened(np.stack([np.minimum.reduce(corners), np.maximum.reduce(corners)]), ULPS["pow"], 1)
    if b == 0.5:
        return _sqrt(a, sa)
    if float(b).is_integer() and sa <= 0:
        return _integer_pow(a, sa, int(b))
    return _power(a, b, sa, ULPS["pow"] * (1 + abs(b)))


def _integer_pow(a: Interval, sa: int, y: int) -> Interval:
    if y < 0:
        inner = _integer_pow(a, sa, -y)
        return reciprocal(inner, sign_of(inner) if sa else 0)
    ulps = ULPS["integer_pow"] + 2 * y
    if sa > 0:
        return widened(a**y, ulps, 1)
    if y % 2:
        return widened(a**y, ulps, sa)
    return widened(_abs(a, sa) ** y, ulps, 1) if sa else np.maximum(widened(_abs(a, 0) ** y, ulps), 0.0)


def _greater(a: Interval, b: Interval, strict: bool) -> Interval:
    a, b = np.broadcast_arrays(pair(a), pair(b))
    return np.stack([a[0] > b[1], ~(a[1] <= b[0])]) if strict else np.stack([a[0] >= b[1], ~(a[1] < b[0])])


def _equal(a: Interval, b: Interval, *signs: int) -> Interval:
    a, b = np.broadcast_arrays(pair(a), pair(b))
    sure = (a[0] == a[1]) & (b[0] == b[1]) & (a[0] == b[0])
    return np.stack([sure, ~((a[0] > b[1]) | (a[1] < b[0]))])


def truth(value: Interval) -> Interval:
    """A truth value as an interval, constants too."""
    return pair(value).astype(bool)


def negated(truth: Interval) -> Interval:
    """Not `truth`."""
    return ~truth[::-1]


def _select(which: Interval, no: Interval, yes: Interval, *signs: int) -> Interval:
    no, yes, which = pair(no), pair(yes), truth(which)
    return np.where(which[0], yes, np.where(~which[1], no, hull(no, yes)))


def _positive_part(sign: int) -> int:
    return 1


def _same(sign: int) -> int:
    return sign


def _any(sign: int) -> int:
    return 0


RULES: dict[str, Callable[..., Interval]] = {
    "add": _add, "sub": _sub, "mul": _mul, "div": _div, "neg": _neg, "abs": _abs, "max": _max, "min": _min, "clamp": _clamp,
    "square": _square, "sqrt": _sqrt, "pow": _pow, "integer_pow": _integer_pow, "select_n": _select,
    "add_any": _add,
    "log": _rising("log", np.log, _any),
    "log1p": _rising("log1p", np.log1p, _same),
    "exp": _exp,
    "expm1": _rising("expm1", np.expm1, _same, least=-1.0),
    "tanh": _rising("tanh", np.tanh, _same, least=-1.0, most=1.0),
    "logistic": _rising("logistic", _logistic, _positive_part, least=0.0, most=1.0),
    "erf": _rising("erf", _in_jax("erf"), _same, least=-1.0, most=1.0),
    "erf_inv": _erf_inv,
    "floor": lambda a, sa: np.floor(a),
    "ceil": lambda a, sa: np.ceil(a),
    "round": lambda a, sa: np.stack([np.ceil(a[0] - 0.5), np.floor(a[1] + 0.5)]),
    "sign": lambda a, sa: np.sign(a),
    "number": lambda a, sa: pair(a).astype(float),
    "gt": lambda a, b, sa, sb: _greater(a, b, strict=True),
    "ge": lambda a, b, sa, sb: _greater(a, b, strict=False),
    "lt": lambda a, b, sa, sb: _greater(b, a, strict=True),
    "le": lambda a, b, sa, sb: _greater(b, a, strict=False),
    "eq": _equal,
    "ne": lambda a, b, *signs: negated(_equal(a, b)),
    "and": lambda a, b, *signs: truth(a) & truth(b),
    "or": lambda a, b, *signs: truth(a) | truth(b),
    "not": lambda a, *signs: negated(truth(a)),
}  # fmt: skip
"""Name of an operation -> bounds of its result from (operands..., signs of operands..., parameters)."""


def _halves(x: np.ndarray) -> np.ndarray:
    """The low half of the digits of x: zero where 26 bits hold x."""
    shifted = 134217729.0 * x
    return x - (shifted - (shifted - x))


def _short(*values: np.ndarray) -> np.ndarray:
    return functools.reduce(np.logical_and, [_halves(v) == 0 for v in values])


def _exact_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part) == 0


def _exact_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return a * b, _short(a, b)


def _exact_quotient(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A division by a constant may be compiled to a product with its reciprocal: both must give the quotient."""
    result = a / b
    return result, (result * b == a) & (a * (1.0 / b) == result) & _short(result, b)


EXACT: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    "add": _exact_sum,
    "sub": lambda a, b: _exact_sum(a, -b),
    "mul": _exact_product,
    "div": _exact_quotient,
    "square": lambda a: _exact_product(a, a),
    "sqrt": lambda a: (np.sqrt(a), (np.sqrt(a) ** 2 == a) & _short(np.sqrt(a))),
    "log": lambda a: (0.0 * a, a == 1),
    "exp": lambda a: (1.0 + 0.0 * a, a == 0),
    "log1p": lambda a: (a, a == 0),
    "expm1": lambda a: (a, a == 0),
    "integer_pow": lambda a, y: (np.float_power(a, y), (a == 0) | (a == 1) if y > 0 else a == 1),
}
"""Operations on points -> result, and where it is free of rounding: whole numbers and powers of two stay what they are."""


def exact_where_possible(name: str, operands: list[Interval], parameters: dict[str, Any], bounds: Interval) -> Interval:
    """The bounds, shrunk to a point where all operands are points and the operation does not round."""
    if name not in EXACT:
        return bounds
    pairs = [pair(v) for v in operands]
    points = functools.reduce(np.logical_and, [v[0] == v[1] for v in pairs])
    result, exact = EXACT[name](*(v[0] for v in pairs), *parameters.values())
    return np.where(points & exact, result, bounds)


def bounds_of(name: str, operands: list[Interval], signs: list[int], parameters: dict[str, Any]) -> Interval:
    """Bounds of one operation; `UnknownOperation` for one without a rule."""
    if name not in RULES:
        raise UnknownOperation(name)
    if not any(isinstance(operand, np.ndarray) for operand in operands):
        operands = [pair(operand) for operand in operands]
    return RULES[name](*operands, *signs, *parameters.values())
