"""Is a model flattened into operations that compute what the compiled model computes, constants too?"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import ndtri

from codesign.search.enclose import Enclosure
from codesign.search.program import LONGEST, UnknownOperation, flatten
from codesign.search.slopes import Value, plain

AS_USERS_COMPILE = True

COEFFICIENTS = np.array([0.5, -2.0, 0.25, 3.0, -1.0])
lax = jax.lax


LOOPS = {
    "a polynomial": lambda x: jnp.polyval(COEFFICIENTS, x),
    "from the last row on": lambda x: lax.scan(lambda c, row: (c / x + row, None), x, COEFFICIENTS, reverse=True)[0],
    "one row": lambda x: lax.scan(lambda c, row: (c + x * row, None), x, COEFFICIENTS[:1])[0],
    "no rows": lambda x: lax.scan(lambda c, _: (jnp.sqrt(c + x), None), x, None, length=4)[0],
    "a loop in a loop": lambda x: lax.scan(lambda c, row: (c * 0.1 + jnp.polyval(COEFFICIENTS, x * row), None), x, COEFFICIENTS)[0],
    "rows of rows": lambda x: lax.scan(lambda c, row: (c + jnp.polyval(row, x), None), x, np.outer(COEFFICIENTS, COEFFICIENTS))[0],
    "two carried, one counted": lambda x: lax.fori_loop(0, 5, lambda i, c: (c[1] + x, jnp.where(i < 3, c[0], 2 * c[1])), (x, 1 / x))[0],
    "a root by Newton": lambda x: lax.fori_loop(0, 6, lambda _, u: (u + x / u) / 2, x),
    "the normal quantile": lambda x: ndtri(0.05 * x),
    "of little": lambda x: ndtri(1e-12 * x),
    "of next to nothing": lambda x: ndtri(1e-16 * x),
    "of nearly all": lambda x: ndtri(1 - 0.01 * x),
}  # fmt: skip
WIDTHS = (0.0, 1e-9, 1e-3, 0.1, 1.0)


def _boxes(seed):
    """Ends (2, n) and points (p, n) within."""
    rng = np.random.default_rng(seed)
    low = np.exp(rng.uniform(-1.0, 1.0, 40))
    high = low * (1 + np.repeat(WIDTHS, 8) * rng.random(40))
    inside = low * (high / low) ** rng.random((6, 40))
    return np.stack([low, high]), np.clip(np.concatenate([low[None], high[None], inside]), low, high)


def _value(function, box):
    program = flatten(lambda x: (function(x),), (jnp.asarray(1.25),), {})
    enclosure = Enclosure(program, list(program.operations), program.outputs)
    found = enclosure.slopes({0: Value(box, 1, np.ones((1, 2, 1)))}, {})[0][program.outputs[0]]
    with np.errstate(all="ignore"):
        return found.bounds, np.broadcast_to(plain(found), (1, *box.shape))[0]


@pytest.mark.parametrize("name", LOOPS)
def test_bounds_and_slopes_of_what_a_loop_carries(name):
    box, points = _boxes(1)
    bounds, slopes = _value(LOOPS[name], box)
    values, rates = jax.jit(jax.vmap(jax.value_and_grad(LOOPS[name])))(points.ravel())
    values, rates = np.asarray(values).reshape(points.shape), np.asarray(rates).reshape(points.shape) * points
    assert np.all((values >= bounds[0]) & (values <= bounds[1]))
    slack = 1e-9 * np.abs(rates) + 1e-12
    assert np.all((rates >= slopes[0] - slack) & (rates <= slopes[1] + slack))


@pytest.mark.parametrize("name", LOOPS)
def test_bounds_of_a_design_are_tight(name):
    box, _ = _boxes(2)
    bounds, _ = _value(LOOPS[name], box[[0, 0]])
    assert np.all(bounds[1] - bounds[0] <= 1e-9 * np.maximum(np.abs(bounds[0]), 1.0))


JOINED = {
    "a product and a sum": lambda a, b, c: a * b - c,
    "a square and a sum": lambda a, b, c: jnp.square(a) - c,
    "a power and a sum": lambda a, b, c: a**3 - c,
    "a quotient and a sum": lambda a, b, c: a / b - c,
    "a loop of products and sums": lambda a, b, c: jnp.polyval(np.array([3.7, -9.1, 2.3]), a) - c,
}
NEAR = {
    "a product and a sum": lambda a, b: a * b,
    "a square and a sum": lambda a, b: a * a,
    "a power and a sum": lambda a, b: a * a * a,
    "a quotient and a sum": lambda a, b: a / b,
    "a loop of products and sums": lambda a, b: (3.7 * a - 9.1) * a + 2.3,
}


@pytest.mark.parametrize("name", JOINED)
def test_constants_that_a_compiler_joins_lie_within_bounds(name):
    """A product and a sum that nearly cancel: rounded once or twice is a difference of any size."""
    compiled = jax.jit(lambda x, a, b, c: JOINED[name](a, b, c) * x)
    for a, b in itertools.product((0.1, 0.7, 1.3, 3.0), (0.3, 1.1, 49.0)):
        c = float(NEAR[name](np.float64(a), np.float64(b)))
        program = flatten(lambda x, *k: (JOINED[name](*k) * x,), (jnp.asarray(1.3),) * 4, {1: a, 2: b, 3: c})
        found = Enclosure(program, list(program.operations), program.outputs).bounds({0: np.array([[1.3], [1.3]])}, {})
        low, high = found[program.outputs[0]][:, 0]
        assert low <= float(compiled(1.3, a, b, c)) <= high


def test_whole_numbers_are_worked_out():
    program = flatten(lambda x, a, b: (x * (a * b / 4.0 - a * a),), (jnp.asarray(1.3),) * 3, {1: 3.0, 2: 8.0})
    assert [operation.name for operation in program.operations] == ["mul"]
    assert -3.0 in program.constants


@pytest.mark.parametrize(("told", "function"), [
    ("scan' (65 steps)", lambda x: lax.fori_loop(0, LONGEST + 1, lambda _, c: c * x, x)),
    ("scan' (with a result of every step)", lambda x: jnp.max(lax.scan(lambda c, _: (c * x, c), x, None, length=3)[1])),
    ("array constant' (shape (5,))", lambda x: jnp.sum(COEFFICIENTS * x)),
    ("array constant' (shape (5,))", lambda x: jnp.asarray(COEFFICIENTS)),
    ("array constant' (shape (2,))", lambda x: lax.scan(lambda c, row: (c + row[0] * x, None), x, np.ones((3, 2)))[0]),
])  # fmt: skip
def test_what_cannot_be_written_out_is_named(told, function):
    with pytest.raises(UnknownOperation) as error:
        flatten(lambda x: (function(x),), (jnp.asarray(1.25),), {})
    assert told in str(error.value)
