"""Between which bounds do the derivatives of an elementary operation lie, to every variable at once?

Derivatives are to z, the logarithms of the variables. A value whose sign is known carries
r = d log|v| / dz (anything where v is zero throughout), any other value d = dv / dz: sums of positive values then mix the r of
their parts by their shares, products add them, and what is a power of the variables has
the exact r however wide the box is. Arrays are (variables, 2, n); None stands for zero.

What may jump is frozen: the outcome of a comparison, and of rounding to whole numbers, is
bounded on the whole box and then taken for a free number between these bounds, on which the
variables have no influence. For every such number the function is continuous, and its
slopes are those given here; whoever uses them must keep the same bounds of what is frozen.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from codesign.search.interval import TINY, UNIT, Interval, is_zero, pair, swapped, truth
from codesign.search.operation_bounds import bounds_of, reciprocal
from codesign.search.program import UnknownOperation

Slopes = Any
"""An array (variables, 2, n), or None."""


class Value(NamedTuple):
    """What is known of a value: its bounds, its sign, its slopes."""

    bounds: Interval
    sign: int
    slopes: Slopes


def widened(slopes: Slopes, ulps: float = 4) -> Slopes:
    """Slopes moved outward by more than the rounding of the operation that gave them."""
    slack = np.abs(slopes)
    slack *= ulps * UNIT
    slack += TINY
    slopes[:, 0] -= slack[:, 0]
    slopes[:, 1] += slack[:, 1]
    return slopes


def negative(slopes: Slopes) -> Slopes:
    """Slopes of -v where those of v are plain."""
    return None if slopes is None else -slopes[:, ::-1]


def times(slopes: Slopes, factor: Interval) -> Slopes:
    """Interval product of slopes and a factor (2, n) of any sign, or a number."""
    if slopes is None:
        return None
    if not isinstance(factor, np.ndarray):
        return widened(slopes * factor if factor >= 0 else slopes[:, ::-1] * factor)
    straight, crossed = slopes * factor, slopes * factor[::-1]
    low, high = np.minimum(straight, crossed), np.maximum(straight, crossed)
    shape = low.shape
    result = np.empty(shape)
    np.minimum(low[:, 0], low[:, 1], out=result[:, 0])
    np.maximum(high[:, 0], high[:, 1], out=result[:, 1])
    result = widened(result)
    if not np.isfinite(factor).all():
        flat = (slopes[:, 0] == 0) & (slopes[:, 1] == 0)
        result = np.where(flat[:, None], 0.0, result)  # no influence, whatever the factor is
    return result


def total(a: Slopes, b: Slopes) -> Slopes:
    """The sum of two slopes."""
    if a is None or b is None:
        return b if a is None else a
    return widened(a + b)


def plain(value: Value) -> Slopes:
    """dv / dz."""
    return times(value.slopes, value.bounds) if value.sign and value.slopes is not None else value.slopes


def relative(slopes: Slopes, value: Value) -> Slopes:
    """d log|v| / dz, from dv / dz."""
    if slopes is None:
        return None
    return none_of_nothing(times(slopes, reciprocal(value.bounds, value.sign)), value)


def none_of_nothing(slopes: Slopes, value: Value) -> Slopes:
    """Relative slopes of a value, zero where it is zero throughout: there they may be anything."""
    zero = is_zero(value.bounds)
    return np.where(zero, 0.0, slopes) if slopes is not None and np.any(zero) else slopes


def in_form(slopes: Slopes, is_relative: bool, result: Value) -> Slopes:
    """Slopes in the form that the sign of the result asks for."""
    if slopes is None or is_relative == bool(result.sign):
        return slopes
    return relative(slopes, result) if result.sign else times(slopes, result.bounds)


def hull(a: Slopes, b: Slopes) -> Slopes:
    """The smallest bounds that hold both."""
    if a is None and b is None:
        return None
    a, b = (np.zeros((1, 2, 1)) if s is None else s for s in (a, b))
    low = np.minimum(a[:, 0], b[:, 0])
    return np.stack([low, np.maximum(a[:, 1], b[:, 1])], axis=1)


def chosen(first: Any, second: Any, a: Slopes, b: Slopes, otherwise: Slopes) -> Slopes:
    """`a` where `first` holds, `b` where `second` does, else `otherwise`."""
    if otherwise is None:
        return None
    if np.all(first):
        return a
    if np.all(second):
        return b
    zero = np.zeros((1, 2, 1))
    return np.where(first, zero if a is None else a, np.where(second, zero if b is None else b, otherwise))


def unbounded(slopes: Slopes) -> Slopes:
    """(-inf, inf) for every variable."""
    return None if slopes is None else np.stack([np.full_like(slopes[:, 0], -np.inf), np.full_like(slopes[:, 1], np.inf)], axis=1)


def _mixed(a: Value, b: Value, share: Interval, above_one: bool) -> Slopes:
    """s r_a + (1 - s) r_b, the share s of a in the result between bounds, within 0 and 1 or `above_one`."""
    if a.slopes is None and b.slopes is None:
        return None
    zero = np.zeros((1, 2, 1))
    own, base = (zero if s is None else s for s in (a.slopes, b.slopes))
    base = base[:, ::-1] if above_one else base
    difference = own - base
    straight, crossed = share * difference, share[::-1] * difference
    result = np.empty(np.broadcast_shapes(straight.shape, base.shape))
    np.minimum(straight[:, 0], crossed[:, 0], out=result[:, 0])
    np.maximum(straight[:, 1], crossed[:, 1], out=result[:, 1])
    result += base
    slack = (np.abs(base) + np.abs(own)) * np.maximum(share[1], 1.0)
    slack *= 8 * UNIT
    slack += TINY
    most = np.maximum(slack[:, 0], slack[:, 1])
    result[:, 0] -= most
    result[:, 1] += most
    return result


def _ratio(y: Interval, x: Interval) -> Interval:
    """y / x of bounds of equal sign, the larger quotient first; no x at all weighs nothing, no y neither."""
    ratio = y / x
    if np.isnan(ratio).any():
        sane = ~(np.isnan(x).any(axis=0) | np.isnan(y).any(axis=0))
        ratio[0] = np.where(sane & (y[0] == 0), 0.0, ratio[0])
        ratio[1] = np.where(sane & (y[1] == 0), np.where(x[1] == 0, np.where(y[0] == 0, 0.0, np.inf), 0.0), ratio[1])
    return ratio


def _add(a: Value, b: Value, result: Value) -> Slopes:
    if a.sign and a.sign == b.sign == result.sign:
        x, y = pair(a.bounds), pair(b.bounds)
        ratio = _ratio(y[::-1], x) if a.sign > 0 else _ratio(y, x[::-1])
        share = 1.0 / (1.0 + ratio)
        return _mixed(a, b, share * np.array([[1 - 8 * UNIT], [1 + 8 * UNIT]]), above_one=False)
    if a.sign and b.sign and result.sign:
        return _difference(a, b, result)
    return in_form(total(plain(a), plain(b)), False, result)


def _difference(a: Value, b: Value, result: Value) -> Slopes:
    """a + b of opposite signs, of known sign: the share of the larger is 1 / (1 - |b / a|) > 1."""
    if result.sign != a.sign:
        a, b = b, a
    smaller = pair(b.bounds) if b.sign > 0 else swapped(pair(b.bounds))
    ratio = np.abs(smaller) / np.abs(swapped(pair(a.bounds)) if a.sign > 0 else pair(a.bounds))
    rest = 1.0 - ratio * np.array([[1 - 4 * UNIT], [1 + 4 * UNIT]])
    share = 1.0 / np.where(rest > 0, rest * np.array([[1 + 4 * UNIT], [1 - 4 * UNIT]]), 0.0)
    share[0] = np.where(np.isnan(rest[0]), 1.0, share[0])  # what is not known may be nothing
    return none_of_nothing(_mixed(a, b, share * np.array([[1 - 4 * UNIT], [1 + 4 * UNIT]]), above_one=True), result)


def opposite(value: Value) -> Value:
    """-v."""
    slopes = value.slopes if value.sign else negative(value.slopes)
    return Value(-swapped(value.bounds), -value.sign, slopes)


def _sub(a: Value, b: Value, result: Value) -> Slopes:
    return _add(a, opposite(b), result)


def _mul(a: Value, b: Value, result: Value) -> Slopes:
    if a.sign and b.sign:
        return in_form(total(a.slopes, b.slopes), True, result)
    return in_form(total(times(plain(a), b.bounds), times(plain(b), a.bounds)), False, result)


def _square(a: Value, result: Value) -> Slopes:
    return _mul(a, a, result)


def _div(a: Value, b: Value, result: Value) -> Slopes:
    if a.sign and b.sign:
        return in_form(total(a.slopes, negative(b.slopes)), True, result)
    inverse = reciprocal(pair(b.bounds), b.sign)
    slope = times(plain(a), inverse)
    if b.slopes is not None:
        slope = total(slope, negative(times(times(plain(b), inverse), result.bounds)))
    return in_form(slope, False, result)


def _neg(a: Value, result: Value) -> Slopes:
    return a.slopes if a.sign else negative(a.slopes)


def _loosened(a: Value, result: Value, slack: float) -> Slopes:
    return a.slopes if a.sign == result.sign else in_form(plain(a), False, result)


def _abs(a: Value, result: Value) -> Slopes:
    return a.slopes if a.sign else in_form(hull(a.slopes, negative(a.slopes)), False, result)


def _forms(a: Value, b: Value, result: Value) -> tuple[Slopes, Slopes]:
    """Slopes of two values in the form of the result."""
    if result.sign and a.sign and b.sign:
        return a.slopes, b.slopes
    found = plain(a), plain(b)
    return (relative(found[0], result), relative(found[1], result)) if result.sign else found


def _max(a: Value, b: Value, result: Value) -> Slopes:
    if a.slopes is None and b.slopes is None:
        return None
    x, y = pair(a.bounds), pair(b.bounds)
    left, right = _forms(a, b, result)
    return chosen(x[0] >= y[1], y[0] >= x[1], left, right, hull(left, right))


def _min(a: Value, b: Value, result: Value) -> Slopes:
    if a.slopes is None and b.slopes is None:
        return None
    x, y = pair(a.bounds), pair(b.bounds)
    left, right = _forms(a, b, result)
    return chosen(x[1] <= y[0], y[1] <= x[0], left, right, hull(left, right))


def _select(which: Value, no: Value, yes: Value, result: Value) -> Slopes:
    surely, possibly = truth(which.bounds)
    left, right = _forms(no, yes, result)
    return chosen(surely, ~possibly, right, left, hull(left, right))


def _log(a: Value, result: Value) -> Slopes:
    slope = a.slopes if a.sign else times(a.slopes, reciprocal(a.bounds, 0))
    return in_form(slope, False, result)


def _exp(a: Value, result: Value) -> Slopes:
    return in_form(plain(a), True, result)


def _sqrt(a: Value, result: Value) -> Slopes:
    if a.sign > 0:
        return in_form(times(a.slopes, 0.5), True, result)
    return in_form(times(times(a.slopes, 0.5), reciprocal(result.bounds, result.sign)), False, result)


def _pow(a: Value, b: Value, result: Value) -> Slopes:
    if a.sign <= 0:
        return unbounded(total(a.slopes, b.slopes))
    if b.slopes is not None:
        logs = np.log(pair(a.bounds))
        return in_form(total(times(a.slopes, b.bounds), times(plain(b), logs + 16 * UNIT * np.abs(logs) * [[-1], [1]])), True, result)
    return in_form(times(a.slopes, b.bounds), True, result)


def _integer_pow(a: Value, result: Value, y: int) -> Slopes:
    if a.sign:
        return in_form(times(a.slopes, float(y)), True, result)
    if y > 1:
        return in_form(times(times(a.slopes, float(y)), bounds_of("integer_pow", [pair(a.bounds)], [0], {"y": y - 1})), False, result)
    return unbounded(a.slopes)


def _by_factor(factor: Callable[[Value, Value], Interval], form: bool) -> Callable[..., Slopes]:
    """The rule of a smooth function: the slope of its operand times a factor."""

    def rule(a: Value, result: Value) -> Slopes:
        if a.slopes is None:
            return None
        wide = factor(a, result)
        return in_form(times(plain(a), wide * ROUNDED), form, result)

    return rule


def _one_step(name: str) -> Callable[..., Slopes]:
    """log1p and expm1 of values of known sign: x f'(x) / f(x) falls from 1 or rises from 1 with x, and is positive."""

    def power(x: np.ndarray) -> np.ndarray:
        safe = np.where(np.abs(x) < 1e-280, 1.0, x)
        found = safe / (1 + safe) / np.log1p(safe) if name == "log1p" else safe * np.exp(safe) / np.expm1(safe)
        return np.where(np.abs(x) < 1e-280, 1.0, np.where(np.isposinf(x), 0.0 if name == "log1p" else np.inf, found))

    def rule(a: Value, result: Value) -> Slopes:
        x = pair(a.bounds)
        if not a.sign:
            return in_form(times(plain(a), reciprocal(1.0 + x, 0) if name == "log1p" else np.exp(x) * ROUNDED), False, result)
        factor = power(x[::-1] if name == "log1p" else x)
        return in_form(times(a.slopes, factor * (1 + 1024 * UNIT * np.array([[-1.0], [1.0]]))), True, result)

    return rule


def _between_zero_and_one(bounds: Interval) -> Interval:
    return np.clip(bounds, 0.0, 1.0)


def _one_minus_square(result: Interval) -> Interval:
    largest = np.maximum(np.abs(result[0]), np.abs(result[1]))
    smallest = np.maximum(np.maximum(result[0], -result[1]), 0.0)
    return _between_zero_and_one(np.stack([1.0 - largest**2 - 4 * UNIT, 1.0 - smallest**2 + 4 * UNIT]))


def _bell(x: Interval) -> Interval:
    """exp(-x^2)."""
    largest = np.maximum(np.abs(x[0]), np.abs(x[1]))
    smallest = np.maximum(np.maximum(x[0], -x[1]), 0.0)
    return np.stack([np.exp(-(largest**2) * (1 + 4 * UNIT)), np.exp(-(smallest**2) * (1 - 4 * UNIT))])


ROUNDED = 1 + 32 * UNIT * np.array([[-1.0], [1.0]])
HALF_ROOT_PI = 0.8862269254527580

FROZEN = ("gt", "ge", "lt", "le", "eq", "ne", "floor", "ceil", "round", "sign")
"""Operations whose results are frozen."""

RULES: dict[str, Callable[..., Slopes]] = {
    "add": _add, "add_any": _add, "loosened": _loosened, "sub": _sub, "mul": _mul, "div": _div, "neg": _neg, "abs": _abs, "max": _max,
    "min": _min,
    "square": _square, "select_n": _select, "log": _log, "exp": _exp, "sqrt": _sqrt, "pow": _pow, "integer_pow": _integer_pow,
    "expm1": _one_step("expm1"),
    "log1p": _one_step("log1p"),
    "logistic": _by_factor(lambda a, r: _between_zero_and_one(1.0 - swapped(r.bounds) + 4 * UNIT * np.array([[-1.0], [1.0]])), form=True),
    "tanh": _by_factor(lambda a, r: _one_minus_square(r.bounds), form=False),
    "erf": _by_factor(lambda a, r: _bell(pair(a.bounds)) / HALF_ROOT_PI, form=False),
    "erf_inv": _by_factor(lambda a, r: HALF_ROOT_PI / swapped(_bell(r.bounds)), form=False),
}  # fmt: skip


def slopes_of(name: str, operands: list[Value], result: Value, parameters: dict[str, Any]) -> Slopes:
    """Slopes of one operation, in the form of the result's sign; `UnknownOperation` for one without a rule."""
    if name in FROZEN or name in ("and", "or", "not") or all(v.slopes is None for v in operands):
        return None
    if name not in RULES:
        raise UnknownOperation(name, "derivative")
    return RULES[name](*operands, result, *parameters.values())
