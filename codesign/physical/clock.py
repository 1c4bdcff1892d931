"""How fast can a chip be clocked within its watts, and what does a watt spent elsewhere cost in rate?

With c = f / f_0 and the supply rising as V / V_0 = c^gamma (an assumption: gamma 0.3, 0.6, 1 as low, default and high of
`technology/designed_dies.toml`; 0 is a fixed supply),

    P(c) = P_dynamic c (V/V_0)^2 + P_leakage V/V_0 = P_dynamic c^(1 + 2 gamma) + P_leakage c^gamma

P_dynamic and P_leakage are the watts at f_0. Everything is elementwise and shapes broadcast. Ignored: the lowest supply that
works, steps of the clock, leakage that rises with temperature.
"""

import jax
import jax.numpy as jnp

from codesign.fields import Scalar, as_float

STEPS = 16
"""Newton steps; the function is convex and increasing and the start lies above the root, so that every step comes closer."""
SLOWEST, FASTEST = 1e-2, 1e2
"""Clocks over the nominal one between which a clock is looked for."""
LEAST = 1e-6
"""Share of the power that is taken as dynamic or as leakage where there is none of it."""


def voltage(clock: Scalar, exponent: Scalar) -> Scalar:
    """Supply over the nominal one: c^gamma, held below `SLOWEST`."""
    return jnp.maximum(clock, SLOWEST) ** exponent


def energy_per_flop(clock: Scalar, energy: Scalar, exponent: Scalar) -> Scalar:
    """Dynamic energy of an operation that costs `energy` at the nominal clock [J]: energy x (V/V_0)^2."""
    return energy * voltage(clock, exponent) ** 2


def chip_power(clock: Scalar, dynamic: Scalar, leakage: Scalar, exponent: Scalar) -> Scalar:
    """Power at `clock` [W].

    >>> float(chip_power(0.5, 300.0, 100.0, 0.0))
    250.0
    """
    supply = voltage(clock, exponent)
    return dynamic * clock * supply**2 + leakage * supply


def _together(*values: Scalar) -> list[Scalar]:
    """Numbers as arrays of one shape and precision."""
    arrays = [as_float(value) for value in values]
    dtype = jnp.result_type(*arrays)
    return jnp.broadcast_arrays(*(array.astype(dtype) for array in arrays))


def _newton_step(log_clock: Scalar, shares: tuple[Scalar, Scalar], exponent: Scalar) -> Scalar:
    """One step to the root of log(d e^((1 + 2 gamma) u) + l e^(gamma u)), d and l shares of the budget."""
    dynamic, leakage = shares[0] * jnp.exp((1 + 2 * exponent) * log_clock), shares[1] * jnp.exp(exponent * log_clock)
    power = dynamic + leakage
    slope = ((1 + 2 * exponent) * dynamic + exponent * leakage) / power
    nearer = log_clock - jnp.log(power) / slope
    return jnp.clip(nearer, jnp.log(SLOWEST), jnp.log(FASTEST))


def clock_within_power(budget: Scalar, dynamic: Scalar, leakage: Scalar, exponent: Scalar) -> Scalar:
    """The fastest clock, over the nominal one, at which the chip draws `budget` [W].

    Rises with the budget; between `SLOWEST` (also when the budget does not even feed the leakage) and `FASTEST`. The
    derivative is that of the equation, dc/dB = c / ((1 + 2 gamma) P_dynamic(c) + gamma P_leakage(c)), by a last Newton step
    from the root.

    >>> round(float(clock_within_power(250.0, 300.0, 100.0, 0.0)), 6)
    0.5
    """
    budget, dynamic, leakage, exponent = _together(budget, dynamic, leakage, exponent)
    least = LEAST * (dynamic + leakage) + float(jnp.finfo(budget.dtype).tiny) ** 0.25
    fed = jnp.maximum(budget, least)
    shares = jnp.maximum(dynamic, least) / fed, leakage / fed
    fixed = jax.lax.stop_gradient((shares, exponent))
    start = jnp.clip(-jnp.log(fixed[0][0]) / (1 + 2 * fixed[1]), jnp.log(SLOWEST), jnp.log(FASTEST))
    root = jax.lax.fori_loop(0, STEPS, lambda _, u: _newton_step(u, *fixed), start)
    return jnp.exp(_newton_step(jax.lax.stop_gradient(root), shares, exponent))


def rate_within_power(budget: Scalar, elsewhere: Scalar, rate: Scalar, dynamic: Scalar, leakage: Scalar, exponent: Scalar) -> Scalar:
    """Rate of a chip of `rate` at the nominal clock (FLOP/s) when `elsewhere` [W] of the budget goes to links and memory."""
    return rate * clock_within_power(budget - elsewhere, dynamic, leakage, exponent)


def rate_lost_per_watt(budget: Scalar, elsewhere: Scalar, rate: Scalar, dynamic: Scalar, leakage: Scalar, exponent: Scalar) -> Scalar:
    """Rate that one more watt elsewhere costs (FLOP/s/W): minus the derivative of `rate_within_power` by `elsewhere`."""
    budget, elsewhere, *rest = _together(budget, elsewhere, rate, dynamic, leakage, exponent)
    _, slope = jax.jvp(lambda watts: rate_within_power(budget, watts, *rest), (elsewhere,), (jnp.ones_like(elsewhere),))
    return -slope
