"""Where does an operation on points round nothing, so that its result is a point too?

Equalities of sizes are decided by this: whole numbers and powers of two stay what they are.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from codesign.search.interval import Interval, pair


def _halves(x: np.ndarray) -> np.ndarray:
    """The low half of the digits of x: zero where 26 bits hold x."""
    shifted = 134217729.0 * x
    return x - (shifted - (shifted - x))


def _short(*values: np.ndarray) -> np.ndarray:
    return functools.reduce(np.logical_and, [_halves(v) == 0 for v in values])


def exact_sum(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sum, and where it is free of rounding."""
    total = a + b
    part = total - a
    return total, (a - (total - part)) + (b - part) == 0


def _exact_product(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return a * b, _short(a, b)


def _exact_quotient(a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A division by a constant may be compiled to a product with its reciprocal: both must give the quotient.

    All are short, so that quotients of quotients are the same as those of products.
    """
    result = a / b
    return result, (result * b == a) & (a * (1.0 / b) == result) & _short(result, a, b)


EXACT: dict[str, Callable[..., tuple[np.ndarray, np.ndarray]]] = {
    "add": exact_sum,
    "sub": lambda a, b: exact_sum(a, -b),
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
