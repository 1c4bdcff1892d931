"""Do bounds hold every result: exact, of NumPy and of XLA, at every edge; and does the unknown stay unknown?"""

import functools
import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.search.enclose import Enclosure
from codesign.search.exactness import EXACT, exact_where_possible
from codesign.search.interval import UNIT, sign_of
from codesign.search.operation_bounds import RULES, ULPS, bounds_of
from codesign.search.program import UnknownOperation, flatten, regrouped

AS_USERS_COMPILE = True

lax = jax.lax
LONG = np.longdouble
EXTENDED = pytest.mark.skipif(np.finfo(LONG).eps > 1e-18, reason="long double is no longer than float64 here")
POSITIVE = [
    1e-300,
    1e-200,
    1e-20,
    1e-9,
    0.25,
    0.5,
    1 - 2**-53,
    1.0,
    1 + 2**-52,
    1.5,
    2.5,
    3.0,
    49.0,
    700.0,
    800.0,
    1e20,
    1e200,
    1e300,
    np.inf,
]
EDGES = np.array([*(-v for v in POSITIVE[::-1]), 0.0, *POSITIVE])
LANES, POINTS = 1500, 6


def _long_erf(x):
    """erf by a series of positive terms, good for |x| < 5."""
    x = LONG(x)
    term = total = x
    for n in range(1, 120):
        term = term * 2 * x * x / (2 * n + 1)
        total = total + term
    return 2 / np.sqrt(LONG(np.pi) + LONG(1.2246467991473532e-16)) * np.exp(-x * x) * total


def _away(x):
    return np.trunc(x + np.copysign(0.5, x))


UNARY = {  # lax, NumPy or extended precision
    "neg": (lax.neg, np.negative), "abs": (lax.abs, np.abs), "square": (lax.square, np.square), "sqrt": (lax.sqrt, np.sqrt),
    "log": (lax.log, np.log), "log1p": (lax.log1p, np.log1p), "exp": (lax.exp, np.exp), "expm1": (lax.expm1, np.expm1),
    "tanh": (lax.tanh, np.tanh), "logistic": (lax.logistic, lambda x: 1 / (1 + np.exp(-x))),
    "erf": (lax.erf, np.vectorize(math.erf, otypes=[float])), "erf_inv": (lax.erf_inv, lambda x: np.asarray(lax.erf_inv(x.astype(float)))),
    "floor": (lax.floor, np.floor), "ceil": (lax.ceil, np.ceil), "sign": (lax.sign, np.sign),
    "round": (lax.round, _away), "number": (lambda x: x, lambda x: x),
}  # fmt: skip
BINARY = {
    "add": (lax.add, np.add), "add_any": (lax.add, np.add), "sub": (lax.sub, np.subtract), "mul": (lax.mul, np.multiply),
    "div": (lax.div, np.divide), "max": (lax.max, np.maximum), "min": (lax.min, np.minimum), "pow": (lax.pow, np.power),
    "gt": (lax.gt, np.greater), "ge": (lax.ge, np.greater_equal), "lt": (lax.lt, np.less), "le": (lax.le, np.less_equal),
    "eq": (lax.eq, np.equal), "ne": (lax.ne, np.not_equal),
}  # fmt: skip
POWERS = (-7, -3, -2, -1, 2, 3, 4, 9, 150)


def _intervals(rng):
    """Pairs of edges, then intervals of every size and width (2, n)."""
    ends = np.sort(rng.choice(EDGES, (2, LANES // 2)), axis=0)
    points = rng.choice(EDGES, LANES // 6)
    middle = rng.choice([-1, 1], LANES // 3) * 10 ** rng.uniform(-6, 4, LANES // 3)
    width = np.abs(middle) * 10 ** rng.uniform(-16, 1, LANES // 3)
    return np.concatenate([ends, np.stack([points, points]), np.stack([middle - width, middle + width])], axis=1)


def _inside(intervals, rng):
    """Points of intervals (p, n): both ends, zero where it is inside, and in between."""
    low, high = (np.clip(end, -1e308, 1e308) for end in intervals)
    share = rng.random((POINTS - 3, len(low)))
    between = low * (1 - share) + high * share
    between[0] = np.where(
        low > 0, np.exp(np.log(np.maximum(low, 1e-308)) * (1 - share[0]) + np.log(np.maximum(high, 1e-308)) * share[0]), between[0]
    )
    return np.clip(np.concatenate([intervals, np.clip(0.0, low, high)[None], between]), *intervals)


def _lanes_of_sign(intervals, sign):
    zero = (intervals[0] == 0) & (intervals[1] == 0)
    return np.flatnonzero({0: np.ones(len(zero), bool), 1: zero | (intervals[0] > 0), -1: zero | (intervals[1] < 0)}[sign])


def _held(bounds, values):
    """Are values (p, n) inside bounds (2, n), not-a-number at a bound being no bound?"""
    low, high = (np.asarray(b, LONG) for b in np.broadcast_arrays(*bounds))
    values = np.asarray(values, LONG)
    values = np.where(np.abs(values) > np.finfo(float).max, np.copysign(LONG(np.inf), values), values)
    return np.isnan(values) | (~(values < low) & ~(values > high))


def _references(name, jax_function, numpy_function, *points):
    """Results by NumPy, by XLA, and in extended precision where that is known."""
    with np.errstate(all="ignore"):
        found = [numpy_function(*points), np.asarray(jax_function(*points))]
        if name not in ("erf", "erf_inv"):
            found.append(numpy_function(*(LONG(p) for p in points)))
    return found


def _check(name, operands, points, references, parameters=None, hints=(-1, 0, 1)):
    """Every reference inside the bounds, for every hint of signs that is true."""
    for signs in np.array(np.meshgrid(*[hints] * len(operands))).reshape(len(operands), -1).T:
        lanes = np.arange(operands[0].shape[1])
        for operand, sign in zip(operands, signs, strict=True):
            lanes = np.intersect1d(lanes, _lanes_of_sign(operand, sign))
        with np.errstate(all="ignore"):
            bounds = bounds_of(name, [v[:, lanes] for v in operands], [int(s) for s in signs], parameters or {})
        for reference in references:
            held = _held(bounds, reference[:, lanes])
            bad = np.argwhere(~held)
            assert held.all(), (
                name,
                signs,
                [v[:, lanes[bad[0][1]]] for v in operands],
                points,
                bounds[..., bad[0][1]],
                reference[:, lanes][tuple(bad[0])],
            )


def test_every_rule_is_tested():
    assert set(UNARY) | set(BINARY) | {"integer_pow", "clamp", "select_n", "and", "or", "not", "loosened"} == set(RULES)


@pytest.mark.parametrize("name", UNARY)
def test_functions_of_one_operand(name):
    rng = np.random.default_rng(1)
    intervals = _intervals(rng)
    points = _inside(intervals, rng)
    _check(name, [intervals], "", _references(name, *UNARY[name], points))


@pytest.mark.parametrize("name", BINARY)
def test_functions_of_two_operands(name):
    rng = np.random.default_rng(2)
    operands = [_intervals(rng)[:, rng.permutation(LANES // 6 * 6)[:LANES]] for _ in range(2)]
    if name == "pow":  # exponents of a size that leaves finite results
        operands[1] = np.clip(operands[1], -300.0, 300.0)
    points = [_inside(v, rng) for v in operands]
    points[1] = rng.permuted(points[1], axis=0)
    _check(name, operands, "", _references(name, *BINARY[name], *points))


@pytest.mark.parametrize("name", [name for name in BINARY if name not in ("gt", "ge", "lt", "le", "eq", "ne")])
@pytest.mark.parametrize("constant", [-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, 49.0, 1e-200, 1e200, np.inf])
def test_a_constant_beside_an_interval(name, constant):
    rng = np.random.default_rng(3)
    intervals = _intervals(rng)
    if name == "pow":  # IEEE gives minus infinity real powers
        intervals = np.maximum(intervals, -1e308)
    points = _inside(intervals, rng)
    fixed = np.full_like(points, constant)
    for first in (False, True) if name != "pow" or constant > 0 else (False,):
        pair = [intervals, constant][:: -1 if first else 1]
        with np.errstate(all="ignore"):
            found = BINARY[name][1](*[points, fixed][:: -1 if first else 1])
        for sign in (-1, 0, 1):
            lanes = _lanes_of_sign(intervals, sign)
            operands = [v[:, lanes] if isinstance(v, np.ndarray) else v for v in pair]
            signs = [sign if isinstance(v, np.ndarray) else sign_of(v) for v in pair]
            with np.errstate(all="ignore"):
                held = _held(bounds_of(name, operands, signs, {}), found[:, lanes])
            assert held.all(), (name, constant, first, sign, intervals[:, lanes[np.argwhere(~held)[0][1]]])


@pytest.mark.parametrize("y", POWERS)
def test_whole_powers(y):
    rng = np.random.default_rng(4)
    intervals = _intervals(rng)
    points = _inside(intervals, rng)
    references = _references("", lambda x: lax.integer_pow(x, y), lambda x: x**y if y > 0 else 1 / x**-y, points)
    _check("integer_pow", [intervals], y, references, {"y": y})


def test_a_value_between_limits():
    rng = np.random.default_rng(5)
    operands = [_intervals(rng)[:, rng.permutation(LANES)] for _ in range(3)]
    points = [_inside(v, rng) for v in operands]
    _check("clamp", operands, "", _references("", lax.clamp, lambda a, x, b: np.minimum(np.maximum(x, a), b), *points), hints=(0,))


def test_truth_values_hold_every_outcome():
    rng = np.random.default_rng(6)
    low, high = rng.random((2, 2, 40)) < 0.5
    truths = [np.stack([a & b, a | b]) for a, b in zip(low, high, strict=True)]
    points = [np.stack([t[0], t[1]]) for t in truths]
    for name, function in {"and": np.logical_and, "or": np.logical_or}.items():
        for first in points[0]:
            for second in points[1]:
                assert _held(bounds_of(name, truths, [0, 0], {}), function(first, second)[None].astype(float)).all()
    assert np.array_equal(bounds_of("not", truths[:1], [0], {}), ~truths[0][::-1])
    no, yes = (np.sort(rng.normal(size=(2, 40)), axis=0) for _ in range(2))
    chosen = bounds_of("select_n", [truths[0], no, yes], [0, 0, 0], {})
    for which in points[0]:
        assert _held(chosen, np.where(which, yes, no)).all()


@EXTENDED
@pytest.mark.parametrize(("name", "low", "high", "logarithmic"), [
    ("log", 1e-300, 1e300, True), ("log", 0.5, 2.0, False), ("log1p", -0.999999, 2.0, False), ("log1p", 1e-20, 1e20, True),
    ("exp", -700.0, 700.0, False), ("exp", -1.0, 1.0, False), ("expm1", -40.0, 700.0, False), ("expm1", -1.0, 1.0, False),
    ("expm1", 1e-20, 1.0, True), ("tanh", -20.0, 20.0, False), ("tanh", 1e-20, 1.0, True), ("logistic", -700.0, 40.0, False),
    ("sqrt", 1e-300, 1e300, True), ("erf", -5.0, 5.0, False), ("erf", 1e-20, 1.0, True), ("erf_inv", -0.99, 0.99, False),
    ("erf_inv", 1e-20, 0.9, True),
])  # fmt: skip
def test_widening_is_twice_the_largest_error(name, low, high, logarithmic):
    errors = largest_errors(name, low, high, logarithmic)
    assert 2 * max(errors) <= ULPS[name], errors


def largest_errors(name, low, high, logarithmic, count=20000):
    """The largest errors of NumPy and of compiled XLA in units of 2^-52 of the exact result."""
    rng = np.random.default_rng(7)
    x = np.exp(rng.uniform(np.log(low), np.log(high), count)) if logarithmic else rng.uniform(low, high, count)
    compiled, numpy_function = np.asarray(jax.jit(UNARY[name][0])(x)), UNARY[name][1]
    if name == "erf_inv":
        slope = 2 / np.sqrt(LONG(np.pi)) * np.exp(-(LONG(compiled) ** 2))
        return (float(np.max(np.abs((_long_erf(compiled) - x) / slope / compiled)) / UNIT),)
    exact = _long_erf(x) if name == "erf" else numpy_function(LONG(x))
    return tuple(float(np.max(np.abs((LONG(found) - exact) / exact)) / UNIT) for found in (numpy_function(x), compiled))


@EXTENDED
@pytest.mark.parametrize("exponent", [-2.5, -1.0, -0.3, 0.0001, 0.5, 0.7, 1.5, 2.0, 3.3, 20.5, 100.1])
def test_powers_are_widened_by_twice_the_largest_error(exponent):
    x = np.exp(np.random.default_rng(8).uniform(-6.5, 6.5, 20000))
    exact = LONG(x) ** LONG(exponent)
    for found in (x**exponent, np.asarray(jax.jit(lambda x: x**exponent)(x)), np.asarray(jax.jit(lax.pow)(x, np.full_like(x, exponent)))):
        error = float(np.max(np.abs((LONG(found) - exact) / exact)) / UNIT)
        assert 2 * error <= (ULPS["sqrt"] if exponent == 0.5 else ULPS["pow"]), error


def _enclosed(function, *operands):
    """Bounds (2, n) of the first output of a function for operands between bounds."""
    arguments = tuple(jnp.asarray(1.25) for _ in operands)
    program = flatten(lambda *x: (function(*x),), arguments, {})
    enclosure = Enclosure(program, list(program.operations), program.outputs)
    return enclosure.bounds({i: np.asarray(v, float).reshape(2, -1) for i, v in enumerate(operands)}, {})[program.outputs[0]]


PLANTED = {
    "log of what may be negative, doubled": (lambda x, y: jnp.log(x) * y, (-1, 3), (1, 2)),
    "log of an exponential that underflows": (lambda x: jnp.log(jnp.exp(-x)), (800, 900)),
    "log of an exponential that is denormal": (lambda x: jnp.log(1e-300 + jnp.exp(-x)), (700, 745)),
    "log of an exponential that overflows": (lambda x: jnp.log(jnp.exp(x)), (800, 900)),
    "exponentials that are joined": (lambda x, y: jnp.exp(x) * jnp.exp(y), (500.3, 500.3), (200.1, 200.1)),
    "exponentials that cancel": (lambda x, y: jnp.exp(x) / jnp.exp(y), (800, 810), (100, 790)),
    "a jump": (lambda x: jnp.where(x > 0.5, x - 2, x), (0, 1)),
    "a part after the point": (lambda x: x - jnp.floor(x), (0.2, 7.9)),
    "rounded halves": (lax.round, (0.2, 0.5)),
    "rounded halves to even": (jnp.round, (1.5, 2.5)),
    "nothing times infinity": (lambda x, y: x * (1 / y), (0, 1), (0, 1)),
    "log1p near its end": (jnp.log1p, (-1, -0.99)),
    "log1p beyond its end": (lambda x: jnp.log1p(x) * x, (-1.5, -0.99)),
    "division through zero": (lambda x, y: x / y, (1, 2), (-1, 1)),
    "the larger of the unknown": (lambda x: jnp.maximum(jnp.log(x), -2.0) * 2.0, (-1, 3)),
    "the smaller of the unknown": (lambda x: jnp.minimum(jnp.log(x), 0.5) * 2.0, (-1, 3)),
    "conditions that are counted": (lambda x: (x > 1) * 1.0 + (x > 2) * 1.0 + (x > 3), (0, 5)),
    "a condition less a condition": (lambda x: (x > 1) * 1.0 - (x > 2) * 1.0, (0, 5)),
    "a root at zero": (lambda x: jnp.sqrt(x - 1.0), (1, 2)),
    "a power of what may be zero": (lambda x, y: jnp.maximum(x - 1, 0.0) ** y, (0.5, 2), (0.5, 2)),
    "high powers": (lambda x: x**200, (0.9, 1.1)),
    "a choice by the unknown": (lambda x: jnp.where(jnp.log(x) > 0, 1.0, 2.0), (-1, 3)),
    "equal only at a point": (lambda x: jnp.where(x == 1.0, -5.0, 0.0), (0.5, 1.5)),
    "the sign": (lambda x: jnp.sign(x) * x, (-1, 2)),
    "tanh that is flat": (lambda x: 1 - jnp.tanh(x), (15, 40)),
    "a zero that divides with its sign": (lambda x: jnp.maximum(1 / jnp.ceil(x - 1), -5.0), (0.5, 1)),
    "nothing that divides": (lambda x, y: jnp.maximum(1 / (y * (x - 1)), -5.0), (0.5, 0.9), (0, 0)),
    "a constant zero that divides": (lambda x: jnp.maximum(x / 0.0, -5.0), (-1, 1)),
    "constants that are joined": (lambda x: jnp.where((x - 1.0) + 1e-17 > 0, x, x - 9), (1, 1)),
    "constants that are joined after a minus": (lambda x: jnp.where(1e-17 - (1.0 - x) > 0, x, x - 9), (1, 1)),
    "constants that nearly cancel": (lambda x: jnp.sign((x - 1.0) + 1e-9 - 9.9999998e-10), (1, 1)),
    "two ways to round a half": (lambda x: jnp.where(jnp.round(x) == lax.round(x), x, x - 9), (0.5, 0.5)),
    "products that underflow": (lambda x: jnp.log(x * 1e-200 * 1e-105), (1e-4, 1)),
}  # fmt: skip


@pytest.mark.parametrize("case", PLANTED)
def test_planted_holes_are_closed(case):
    function, *operands = PLANTED[case]
    bounds = _enclosed(function, *operands)
    rng = np.random.default_rng(9)
    points = [np.concatenate([np.asarray(v, float), rng.uniform(*v, 400), np.clip(np.arange(11), *v)]) for v in operands]
    points = [points[0], *(rng.permutation(p) for p in points[1:])]
    found = np.asarray(jax.jit(function)(*points))
    assert _held(bounds, found[:, None]).all(), (bounds, np.nanmin(found), np.nanmax(found))


@pytest.mark.parametrize("case", [
    "log of what may be negative, doubled", "nothing times infinity", "division through zero",
])  # fmt: skip
def test_the_unknown_has_no_lower_bound(case):
    function, *operands = PLANTED[case]
    low = _enclosed(function, *operands)[0]
    assert np.all(np.isnan(low) | (low == -np.inf))


@pytest.mark.parametrize("name", EXACT)
def test_what_is_called_exact_is_what_is_compiled(name):
    rng = np.random.default_rng(10)
    values = np.concatenate([np.arange(200.0), 2.0 ** np.arange(-30, 31), rng.integers(1, 2**26, 200), rng.random(100)])
    other = rng.permutation(values)
    operands = [values, other] if name in BINARY else [values]
    parameters = {"y": 3} if name == "integer_pow" else {}
    pairs = [np.stack([v, v]) for v in operands]
    with np.errstate(all="ignore"):
        bounds = exact_where_possible(name, pairs, parameters, np.array([[-np.inf], [np.inf]]))
    sure = bounds[0] == bounds[1]
    assert sure.any()
    one = (lambda x: lax.integer_pow(x, 3)) if name == "integer_pow" else (BINARY | UNARY)[name][0]
    np.testing.assert_array_equal(np.asarray(jax.jit(one)(*operands))[sure], bounds[0][sure])


def test_a_division_by_a_constant_is_exact_only_if_its_reciprocal_gives_the_same():
    """XLA compiles x / 49 to x (1 / 49), which is less than 1 at 49."""
    for divisor in np.arange(1.0, 200.0):
        x = divisor * np.arange(1.0, 9.0)
        bounds = exact_where_possible("div", [np.stack([x, x]), divisor], {}, np.array([[-np.inf], [np.inf]]))
        compiled = np.asarray(x * (1 / divisor))
        assert _held(bounds, compiled[None]).all()
    assert np.asarray(jax.jit(lambda x: x / 49.0)(np.full(8, 49.0)))[0] in (1.0, 49 * (1 / 49))


def _scaled_twice(first, by, second, then):
    return lambda x: [lambda a, b: a * b, lambda a, b: a / b][then]([lambda a, b: a * b, lambda a, b: a / b][first](x, by), second)


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 1), (0, 0)])
def test_constants_that_a_compiler_may_join_are_not_called_exact(order):
    """XLA compiles x / 3 * 5 to x 1.66...: steps that are whole numbers each are no longer."""
    for by, second in itertools.product((2.0, 3.0, 5.0, 8.0, 12.0, 49.0), (2.0, 3.0, 4.0, 7.0, 10.0, 36.0)):
        function = _scaled_twice(order[0], by, second, order[1])
        program = flatten(lambda x, f=function: (f(x),), (jnp.asarray(1.25),), {})
        joined = regrouped(program)
        x = by * second * np.arange(1.0, 9.0)
        if not joined:
            inverse = [1 / c if divided else c for c, divided in zip((by, second), order, strict=True)]
            np.testing.assert_array_equal(x * (inverse[0] * inverse[1]), function(x))
        assert joined <= {program.operations[-1].result}
        assert bool(joined) == any(divided and c not in (2.0, 4.0, 8.0) for c, divided in zip((by, second), order, strict=True))


SIGNED = [lambda x, c: x + c, lambda x, c: x - c, lambda x, c: c - x, lambda x, c: c + (-x)]


def _summed(first, second, constants, x):
    return second(first(x, constants[0]), constants[1]) + constants[2]


@pytest.mark.parametrize("first", range(4))
@pytest.mark.parametrize("second", range(4))
def test_sums_hold_what_comes_of_joining_their_constants(first, second):
    """Near zero of the sum the order in which constants are added decides about the result."""
    rng = np.random.default_rng(10 * first + second)
    for a, b, c in 10.0 ** rng.uniform(-3, 3, (6, 3)) * rng.choice([-1, 1], (6, 3)):
        function = functools.partial(_summed, SIGNED[first], SIGNED[second], (a, b, c))
        root = -float(function(np.float64(0.0))) * (-1.0) ** ((first > 1) + (second > 1))
        x = root * (1 + np.arange(-20, 21) * UNIT)
        signs = np.array([(-1.0) ** ((first > 1) + (second > 1)), (-1.0) ** (second > 1)])
        moved = {0: a, 1: -a, 2: a, 3: a}[first], {0: b, 1: -b, 2: b, 3: b}[second]
        joined = signs[0] * x + ((signs[1] * moved[0] + moved[1]) + c)
        for found in (np.asarray(jax.jit(function)(x)), function(x), joined):
            assert _held(_enclosed(function, np.stack([x, x])), found[None]).all()


def test_sums_of_constants_that_do_not_round_are_left_as_they_are():
    whole = flatten(lambda x: ((x + 4.0) - 1.0,), (jnp.asarray(1.25),), {})
    rounded = flatten(lambda x: ((x + 0.1) - 0.7,), (jnp.asarray(1.25),), {})
    assert [operation.name for operation in whole.operations] == ["add", "sub"]
    assert [operation.name for operation in rounded.operations] == ["add", "sub", "loosened"]


@pytest.mark.parametrize("name", ["cbrt", "exp2", "lgamma"])
def test_functions_of_constants_are_computed_only_where_every_compiler_finds_the_same(name):
    def function(x, c):
        return (getattr(lax, name)(c) * x,)

    arguments = jnp.asarray(1.25), jnp.asarray(27.0)
    if name == "lgamma":
        assert [operation.name for operation in flatten(function, arguments, {1: 27.0}).operations] == ["mul"]
    else:
        with pytest.raises(UnknownOperation, match=name):
            Enclosure(program := flatten(function, arguments, {1: 27.0}), list(program.operations), program.outputs).bounds(
                {0: np.ones((2, 1))}, {}
            )


CONSTANTS = {
    "log1p": jnp.log1p, "exp": jnp.exp, "expm1": jnp.expm1, "tanh": jnp.tanh, "log": lambda c: jnp.log(-c), "pow": lambda c: (-c) ** 0.37,
    "erf": lax.erf, "erf_inv": lax.erf_inv, "logistic": jax.nn.sigmoid,
}  # fmt: skip


@pytest.mark.parametrize("name", CONSTANTS)
def test_functions_of_constants_hold_what_the_compiler_makes_of_them(name):
    """XLA finds them as it compiles, by other means than it compiles: log1p differs by a hundred units."""
    constants = np.linspace(-0.9, -0.05, 40)
    found = jax.jit(lambda x: [CONSTANTS[name](jnp.float64(c)) * x for c in constants])(np.float64(1.3))
    fixed = {1 + i: float(c) for i, c in enumerate(constants)}
    program = flatten(lambda x, *c: [CONSTANTS[name](v) * x for v in c], (jnp.asarray(1.3),) * 41, fixed)
    bounds = Enclosure(program, list(program.operations), program.outputs).bounds({0: np.array([[1.3], [1.3]])}, {})
    for output, value in zip(program.outputs, found, strict=True):
        assert _held(bounds[output], np.asarray(value)[None, None]).all()


@pytest.mark.parametrize(("name", "function"), [
    ("sin", jnp.sin), ("while", lambda x: lax.while_loop(lambda v: v < 3, lambda v: v + x, x)),
    ("scan", lambda x: lax.scan(lambda c, _: (c * x, None), x, None, length=65)[0]),
    ("cond", lambda x: lax.cond(x > 0, jnp.log, jnp.exp, x)), ("sort", lambda x: jnp.sort(x[None])[0]),
    ("concatenate", lambda x: jnp.concatenate([x[None], x[None]])[0]), ("reduce_sum", lambda x: jnp.sum(jnp.full(3, x))),
    ("mul", lambda x: (x.astype(jnp.float32) * jnp.float32(3)).astype(float)), ("convert_element_type", lambda x: x.astype(int) * 1.0),
    ("select_n", lambda x: lax.select_n((x > 1).astype(jnp.int32), x, x + 1, x + 2)),
])  # fmt: skip
def test_an_operation_without_bounds_is_named(name, function):
    with pytest.raises(UnknownOperation) as told:
        _enclosed(function, (1, 2))
    assert told.value.name in (name, "convert_element_type")
    assert told.value.name in str(told.value)
