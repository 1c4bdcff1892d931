"""Between which bounds does the result of each elementary operation lie?

Every rule takes the bounds of the operands and their signs, and gives bounds that hold the
exact result and what NumPy and XLA make of it in float64.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from codesign.search.interval import LARGEST, TINY, UNIT, Interval, hull, is_zero, negated, pair, sign_of, swapped, truth, widened
from codesign.search.program import UnknownOperation

ULPS = {
    "add": 2, "sub": 2, "mul": 2, "div": 2, "sqrt": 2, "integer_pow": 64, "square": 2, "log": 8, "exp": 8,
    "expm1": 16, "tanh": 16, "logistic": 16, "log1p": 512, "pow": 256, "erf": 64, "erf_inv": 256,
}  # fmt: skip
"""By how many units in the last place a result is widened: several times the largest error that was measured (tests/test_interval.py)."""


def _add(a: Interval, b: Interval, sa: int, sb: int) -> Interval:
    return widened(pair(a + b), ULPS["add"], sa if sa == sb else 0, tiny=False)


def _sub(a: Interval, b: Interval, sa: int, sb: int) -> Interval:
    return widened(pair(a - swapped(b)), ULPS["sub"], sa if sa == -sb else 0, tiny=False)


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


def _loosened(a: Interval, sa: int, slack: float) -> Interval:
    """Constants that a sum adds one after the other may be added to one another first, which rounds to within `slack`."""
    return np.stack([pair(a)[0] - slack, pair(a)[1] + slack])


def _square(a: Interval, sa: int) -> Interval:
    if sa:
        return _mul(a, a, sa, sa)
    largest = np.maximum(np.abs(a[0]), np.abs(a[1]))
    smallest = np.maximum(np.maximum(a[0], -a[1]), 0.0)
    return np.maximum(widened(np.stack([smallest * smallest, largest * largest]), ULPS["square"]), 0.0)


def reciprocal(a: Interval, sa: int) -> Interval:
    """1 / a, widened; nothing is known where a may be zero: of a zero the sign counts."""
    if sa:
        return unknown_at_zero(a, widened(1.0 / swapped(pair(a)), ULPS["div"], sa))
    a = pair(a)
    unknown = ~((a[0] > 0) | (a[1] < 0))
    result = widened(1.0 / np.where(unknown, 1.0, a[::-1]), ULPS["div"])
    return np.where(unknown, np.nan, result)


def unknown_at_zero(divisor: Interval, quotient: Interval) -> Interval:
    """The quotient, not-a-number where the divisor is nothing but zero."""
    nothing = is_zero(divisor)
    return np.where(nothing, np.nan, quotient) if np.any(nothing) else quotient


def _unless_zero(a: Interval, quotient: Interval) -> Interval:
    """Nothing divided by something is nothing."""
    nothing = is_zero(a)
    return np.where(nothing & np.isfinite(quotient), 0.0, quotient) if np.any(nothing) else quotient


def _div(a: Interval, b: Interval, sa: int, sb: int) -> Interval:
    if not isinstance(b, np.ndarray):
        return unknown_at_zero(b, _unless_zero(a, widened(pair(a / b) if b > 0 else swapped(a) / b, ULPS["div"], sa * sb)))
    if sa and sb:
        outer = pair(a) if sb > 0 else swapped(pair(a))
        return unknown_at_zero(b, _unless_zero(a, widened(outer / (b[::-1] if sa > 0 else b), ULPS["div"], sa * sb)))
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
    "add_any": _add, "loosened": _loosened,
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


def bounds_of(name: str, operands: list[Interval], signs: list[int], parameters: dict[str, Any]) -> Interval:
    """Bounds of one operation; `UnknownOperation` for one without a rule."""
    if name not in RULES:
        raise UnknownOperation(name)
    if not any(isinstance(operand, np.ndarray) for operand in operands):
        operands = [pair(operand) for operand in operands]
    return RULES[name](*operands, *signs, *parameters.values())
