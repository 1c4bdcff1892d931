"""Do slopes hold every derivative, and the difference of any two values in a box?"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy.special import erf, erfinv

from codesign.search.enclose import Enclosure
from codesign.search.interval import sign_of
from codesign.search.program import UnknownOperation, flatten
from codesign.search.slopes import FROZEN, RULES, Value, plain

AS_USERS_COMPILE = True

LANES, PAIRS = 24, 6
WIDTHS = (1e-3, 0.1, 0.7, 2.5)

SMOOTH = {  # of x, y > 0 and of a constant k that is zero in some lanes
    "a sum": lambda x, y, k: x + 2 * y + k,
    "a negative sum": lambda x, y, k: -x - y,
    "a sum with nothing": lambda x, y, k: k * x + k * k * y,
    "a sum with little": lambda x, y, k: x + k * k * y**3,
    "a difference": lambda x, y, k: x - y,
    "a difference of known sign": lambda x, y, k: (x + y) - 0.999999 * x,
    "what a share leaves": lambda x, y, k: 1 - 0.9 * (x / (x + y)),
    "constants that may be joined": lambda x, y, k: ((x * y + 0.1) + 0.7) * ((y - 0.1) - 0.7),
    "a positive difference": lambda x, y, k: (3 + x * y) - x / (0.5 + y),
    "a difference of near equals": lambda x, y, k: (1e6 * x + y) - 1e6 * x,
    "a negative difference": lambda x, y, k: x - (3 * x + y * y),
    "products": lambda x, y, k: x * y * (x - y) * k,
    "a product of signs": lambda x, y, k: (-x) * (y + 1) * (-1 - x),
    "a product with nothing": lambda x, y, k: (k * x) * (y - 1),
    "a quotient": lambda x, y, k: (x - 1) / (y + 0.1),
    "a quotient by a negative": lambda x, y, k: (x - 1) / (-y - 0.1),
    "a quotient through zero": lambda x, y, k: x / (y - 1),
    "nothing divided": lambda x, y, k: (k * x) / y,
    "a sum of parts": lambda x, y, k: x / (x + y),
    "an inverse": lambda x, y, k: -3 / (x * y),
    "squares": lambda x, y, k: jnp.square(x - y) + jnp.square(x),
    "roots": lambda x, y, k: jnp.sqrt(x * y) - jnp.sqrt(x + 1),
    "a root near zero": lambda x, y, k: jnp.sqrt(jnp.square(x - 1) + y * 1e-3),
    "logs": lambda x, y, k: jnp.log(x * x + y) * jnp.log(y),
    "a log of a log": lambda x, y, k: jnp.log(jnp.log(1.0 + x + y)),
    "a log of a difference": lambda x, y, k: jnp.log(2.0 + x - y),
    "exponentials": lambda x, y, k: jnp.exp(-x) + jnp.exp(y - x),
    "exponentials that vanish": lambda x, y, k: jnp.exp(-500 * x * y) + y,
    "log1p": lambda x, y, k: jnp.log1p(x * y) - jnp.log1p(-0.01 * y),
    "log1p of known sign": lambda x, y, k: jnp.log1p(5 * x) / jnp.log1p(-0.5 * y / (1 + y)),
    "log1p of any sign": lambda x, y, k: jnp.log1p(0.02 * (x - y)),
    "log1p of little": lambda x, y, k: jnp.log1p(1e-15 * x) / jnp.log1p(1e-12 * y),
    "expm1": lambda x, y, k: jnp.expm1(x) / jnp.expm1(-y),
    "expm1 of any sign": lambda x, y, k: jnp.expm1(x - y),
    "logistic": lambda x, y, k: jax.nn.sigmoid(3 * (x - y)) + jax.nn.sigmoid(20 * x),
    "tanh": lambda x, y, k: jnp.tanh(x - y) * jnp.tanh(3 * x),
    "erf": lambda x, y, k: erf(x - y) + erf(0.3 * x),
    "erf_inv": lambda x, y, k: erfinv(x / (x + y)) + erfinv(0.1 * (x - y)),
    "powers": lambda x, y, k: x**2.5 * y**-0.7,
    "a power of a difference": lambda x, y, k: (x + 1 - 0.01 * y) ** 1.5,
    "a power of what may be zero": lambda x, y, k: jnp.maximum(x - 1, 0.0) ** y,
    "a power of a power": lambda x, y, k: (x + 1) ** (y - 1),
    "a base below one": lambda x, y, k: 0.5 ** (x * y),
    "an exponent that is a constant of the cell": lambda x, y, k: (x + y) ** k,
    "whole powers": lambda x, y, k: (x - y) ** 3 + x**-2 + (-x) ** 4,
    "a whole power of any sign": lambda x, y, k: (x - y) ** 2 - (y - 1) ** 5,
    "an inverse power through zero": lambda x, y, k: (x - 1) ** -2,
    "the larger": lambda x, y, k: jnp.maximum(x, y) + jnp.maximum(x - y, 0.0),
    "the smaller": lambda x, y, k: jnp.minimum(x * x, y) - jnp.minimum(x, 1.0),
    "a tie": lambda x, y, k: jnp.maximum(x, x * 1.0) + jnp.minimum(x * y, y * x),
    "the larger of both signs": lambda x, y, k: jnp.maximum(-x, y - 1) * 2,
    "a share of the unknown": lambda x, y, k: jnp.maximum(jnp.sqrt(x - 1), 3.0) - y / (1 + y),
    "the larger of the unknown": lambda x, y, k: jnp.maximum(jnp.log(x - 1), -1.0 - y),
    "the larger with nothing": lambda x, y, k: jnp.maximum(k * x, y) + jnp.minimum(k * x, y),
    "a size": lambda x, y, k: jnp.abs(x - y) + jnp.abs(-x),
    "limits": lambda x, y, k: jnp.clip(x * y, 0.5, 2.0),
    "a choice that is continuous": lambda x, y, k: jnp.where(k > 0.2, x * y, x + y),
    "a log of a sum of exponentials": lambda x, y, k: jnp.logaddexp(x, y),
    "softplus": lambda x, y, k: jax.nn.softplus(x - y),
}  # fmt: skip
JUMPS = {
    "a jump": lambda x, y, k: jnp.where(x > 1, x - 2, x * y),
    "a jump of a negative": lambda x, y, k: jnp.where(x > y, -x, -y * y),
    "a jump to nothing": lambda x, y, k: jnp.where(x > 1, 0.0, y) + x,
    "whole steps": lambda x, y, k: x * jnp.floor(3 * y) + jnp.ceil(x),
    "rounding": lambda x, y, k: jnp.round(x * 2) * y,
    "signs": lambda x, y, k: jnp.sign(x - 1) * y,
    "two conditions": lambda x, y, k: jnp.where((x > 1) & ~(y > x) | (y <= 0.3), x * x, y),
    "a counted condition": lambda x, y, k: ((x > 1) * 1.0 + (y >= 1)) * x,
    "a rest": lambda x, y, k: x / jnp.maximum(jnp.floor(y), 1.0) - y,
}
PROGRAMS = {name: flatten(lambda x, y, k, f=f: (f(x, y, k),), (jnp.asarray(1.25),) * 3, {}) for name, f in (SMOOTH | JUMPS).items()}


def test_every_rule_is_used():
    used = {operation.name for program in PROGRAMS.values() for operation in program.operations}
    assert set(RULES) - {"add_any"} <= used
    assert set(FROZEN) - {"eq", "lt", "ne"} <= used


def _boxes(rng, width):
    """Centres and constants: lanes of one batch share the sign of k, zero among them."""
    middle = np.exp(rng.uniform(-1.0, 1.0, (2, LANES)))
    half = np.exp(rng.uniform(0.0, 0.5, (2, LANES)) * width * rng.choice([0.0, 1.0, 1.0, 1.0], (2, LANES)))
    k = rng.choice([-1.0, 1.0]) * np.abs(rng.choice([0.0, 0.1, 0.5, 1.0, 2.0], LANES))
    return middle / half, middle * half, k


def _slopes(name, low, high, k):
    program = PROGRAMS[name]
    known = {2: Value(np.stack([k, k]), sign_of(np.stack([k, k])), None)}
    for variable in range(2):
        unit = np.zeros((2, 2, 1))
        unit[variable] = 1.0
        known[variable] = Value(np.stack([low[variable], high[variable]]), 1, unit)
    found, _ = Enclosure(program, list(program.operations), program.outputs).slopes(known, {})
    value = found[program.outputs[0]]
    with np.errstate(all="ignore"):
        slopes = plain(value)
    slopes = np.zeros((2, 2, 1)) if slopes is None else slopes
    return np.broadcast_to(slopes, (2, 2, LANES)), value


def _batches(seed):
    rng = np.random.default_rng(seed)
    for width in WIDTHS:
        for _ in range(2):
            low, high, k = _boxes(rng, width)
            points = np.exp(np.log(low) + np.log(high / low) * rng.choice([0.0, 1.0, -1.0, -1.0], (PAIRS, 2, LANES)).clip(0)).astype(float)
            inside = np.exp(np.log(low) + np.log(high / low) * rng.random((PAIRS, 2, LANES)))
            points = np.where(rng.random(points.shape) < 0.3, points, inside)
            yield low, high, k, np.clip(points, low, high)


def _flat(batches):
    """All points of batches as three arrays (n,)."""
    values = [np.concatenate([points[:, variable].ravel() for *_, points in batches]) for variable in range(2)]
    return [jnp.asarray(v) for v in (*values, np.concatenate([np.tile(k, PAIRS) for _, _, k, _ in batches]))]


def _box_of(bad, low, high, k):
    """The first box in which something is wrong."""
    lane = np.argwhere(bad)[0][1]
    return low[:, lane], high[:, lane], k[lane]


@pytest.mark.parametrize("name", PROGRAMS)
def test_derivatives_lie_within_slopes(name):
    batches = list(_batches(1))
    x, y, k = _flat(batches)
    for variable in range(2):
        tangents = [v * (row == variable) for row, v in enumerate((x, y))]
        values, found = jax.jvp(lambda x, y: (SMOOTH | JUMPS)[name](x, y, k), (x, y), tuple(tangents))
        found = np.where(np.isfinite(values), found, np.nan).reshape(len(batches), PAIRS, LANES)
        values = np.asarray(values).reshape(found.shape)
        for (low, high, constants, _), value, slope in zip(batches, values, found, strict=True):
            plain_ones, known = _slopes(name, low, high, constants)
            forms = [(plain_ones, slope)]
            if known.sign and known.slopes is not None:
                forms.append((known.slopes, slope / np.where(value == 0, np.nan, value)))
            for slopes, derivative in forms:
                least, most = np.broadcast_to(slopes, (2, 2, LANES))[variable]
                slack = 1e-9 * np.abs(derivative) + 1e-12
                bad = np.isfinite(derivative) & ((derivative < least - slack) | (derivative > most + slack))
                assert not bad.any(), (name, variable, *_box_of(bad, low, high, constants))


@pytest.mark.parametrize("name", SMOOTH)
def test_the_difference_of_two_values_lies_within_slopes(name):
    batches = list(_batches(2))
    values = np.asarray(SMOOTH[name](*_flat(batches))).reshape(len(batches), PAIRS, LANES)
    for (low, high, k, points), value in zip(batches, values, strict=True):
        slopes, _ = _slopes(name, low, high, k)
        step = np.log(points) - np.log(points[::-1])  # (pairs, variables, lanes)
        with np.errstate(all="ignore"):
            ends = np.where(step[:, :, None] == 0, 0.0, step[:, :, None] * slopes[None])
            least, most = ends.min(axis=2).sum(axis=1), ends.max(axis=2).sum(axis=1)
            change = value - value[::-1]
            slack = 1e-10 * (np.abs(value) + np.abs(value[::-1])) + 1e-14 + 4e-16 * np.abs(slopes).max(axis=(0, 1))
            bad = np.isfinite(change) & ((change < least - slack) | (change > most + slack))
        assert not bad.any(), (name, *_box_of(bad, low, high, k))


@pytest.mark.parametrize("name", [*SMOOTH, *JUMPS])
def test_bounds_found_with_slopes_are_those_found_without(name):
    program = PROGRAMS[name]
    for low, high, k, _ in list(_batches(3))[::3]:
        _, value = _slopes(name, low, high, k)
        known = {0: np.stack([low[0], high[0]]), 1: np.stack([low[1], high[1]]), 2: np.stack([k, k])}
        alone = Enclosure(program, list(program.operations), program.outputs).bounds(known, {})[program.outputs[0]]
        np.testing.assert_array_equal(np.broadcast_to(value.bounds, (2, LANES)), np.broadcast_to(alone, (2, LANES)))


TIGHT = {
    "products of powers": lambda x, y, k: x**2.5 * y**-0.7 / x,
    "a sum of like powers": lambda x, y, k: 3 * x * y + 2 * x * y,
    "a root": lambda x, y, k: jnp.sqrt(x / y),
}
POWERS = {"products of powers": (1.5, -0.7), "a sum of like powers": (1.0, 1.0), "a root": (0.5, -0.5)}


@pytest.mark.parametrize("name", TIGHT)
def test_powers_have_one_relative_slope_however_wide_the_box(name):
    program = flatten(lambda x, y: (TIGHT[name](x, y, 0.0),), (jnp.asarray(1.25),) * 2, {})
    known = {i: Value(np.array([[0.01], [100.0]]), 1, np.eye(2)[i][:, None, None] * np.ones((2, 2, 1))) for i in range(2)}
    found, _ = Enclosure(program, list(program.operations), program.outputs).slopes(known, {})
    slopes = found[program.outputs[0]].slopes
    np.testing.assert_allclose(slopes[:, :, 0], np.array(POWERS[name])[:, None] * np.ones(2), atol=1e-12)


def test_what_jumps_is_frozen_between_its_bounds():
    program = flatten(lambda x: (jnp.where(x > 1, x - 2, x) + jnp.floor(x),), (jnp.asarray(1.25),), {})
    _, frozen = Enclosure(program, list(program.operations), program.outputs).slopes(
        {0: Value(np.array([[0.5], [2.5]]), 1, np.ones((1, 2, 1)))}, {}
    )
    found = {tuple(np.asarray(bounds, float).ravel()) for bounds in frozen.values()}
    assert found == {(0.0, 1.0), (0.0, 2.0)}


def test_an_operation_without_a_derivative_is_named():
    program = flatten(lambda x: (jax.lax.clamp(0.0, x, 1.0),), (jnp.asarray(1.25),), {})
    with pytest.raises(UnknownOperation, match="clamp"):
        Enclosure(program, list(program.operations), program.outputs).slopes(
            {0: Value(np.array([[0.5], [2.5]]), 1, np.ones((1, 2, 1)))}, {}
        )
