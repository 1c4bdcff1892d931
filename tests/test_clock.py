"""Is the clock within a power budget the right one, rising with it, and with the right derivatives?"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.physical import clock

CHIPS = list(itertools.product((300.0, 2000.0), (0.0, 80.0, 500.0), (0.0, 0.3, 0.6, 1.0)))
CLOCK = jax.jit(clock.clock_within_power)
SLOPES = jax.jit(jax.value_and_grad(clock.clock_within_power, argnums=(0, 1, 2, 3)))
POWER_SLOPES = jax.jit(jax.grad(clock.chip_power, argnums=(0, 1, 2, 3)))
BUDGETS = (50.0, 200.0, 700.0, 3000.0)


def fed(chip, budget):
    """Can the chip run between the bounds on its budget?"""
    return clock.chip_power(clock.SLOWEST, *chip) < budget < clock.chip_power(clock.FASTEST, *chip)


RUNNING = [(chip, budget) for chip in CHIPS for budget in BUDGETS if fed(chip, budget)]


@pytest.mark.parametrize(("chip", "budget"), RUNNING, ids=str)
def test_power_at_the_clock_is_the_budget(chip, budget):
    found = CLOCK(budget, *chip)
    assert float(clock.chip_power(found, *chip)) == pytest.approx(budget, rel=1e-5)


@pytest.mark.parametrize(("chip", "budget"), RUNNING, ids=str)
def test_derivative_is_that_of_the_equation(chip, budget):
    dynamic, leakage, exponent = chip
    speed = CLOCK(budget, *chip)
    parts = dynamic * speed ** (1 + 2 * exponent), leakage * speed**exponent
    expected = speed / ((1 + 2 * exponent) * parts[0] + exponent * parts[1])
    assert float(SLOPES(budget, *chip)[1][0]) == pytest.approx(float(expected), rel=1e-5)


@pytest.mark.parametrize("which", range(4))
def test_gradient_is_the_slope(which):
    point = [650.0, 400.0, 90.0, 0.6]
    slope = SLOPES(*point)[1][which]
    step = 1e-5 * point[which]
    ends = [CLOCK(*(value + side * step * (i == which) for i, value in enumerate(point))) for side in (1, -1)]
    assert float(slope) == pytest.approx(float(ends[0] - ends[1]) / (2 * step), rel=1e-5)


@pytest.mark.parametrize("chip", CHIPS, ids=str)
def test_more_watts_never_slow_down(chip):
    budgets = jnp.concatenate([jnp.array([-10.0, 0.0]), jnp.logspace(-3, 6, 200)])
    found = np.asarray(CLOCK(budgets, *chip))
    assert (np.diff(found) >= -1e-12).all()
    assert found[0] == found[1] == pytest.approx(clock.SLOWEST)
    assert (found <= clock.FASTEST * (1 + 1e-9)).all()


@pytest.mark.parametrize("budget", [-5.0, 0.0, 1e-9, 80.0, 400.0, 1e9])
@pytest.mark.parametrize("chip", [(0.0, 0.0, 0.5), (0.0, 80.0, 0.0), (300.0, 0.0, 0.0), (300.0, 80.0, 1.0), (1e-12, 80.0, 0.3)], ids=str)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.float64])
def test_gradients_are_finite(chip, budget, dtype):
    point = [jnp.asarray(value, dtype) for value in (budget, *chip)]
    value, slopes = SLOPES(*point)
    assert value.dtype == dtype
    assert np.isfinite([value, *slopes]).all()
    slopes = POWER_SLOPES(jnp.asarray(0.0, dtype), *point[1:])
    assert np.isfinite(slopes).all()


@pytest.mark.parametrize(("exponent", "share"), [(0, 0.5), (0.5, 0.25), (1, 0.125)])
def test_halved_clock(exponent, share):
    assert float(clock.chip_power(0.5, 414.0, 0.0, exponent)) == pytest.approx(share * 414)
    assert float(CLOCK(share * 414, 414.0, 0.0, exponent)) == pytest.approx(0.5)
    assert float(clock.energy_per_flop(0.5, 3e-13, exponent)) == pytest.approx(2 * share * 3e-13)


def test_energy_of_an_operation_is_the_dynamic_power_over_the_rate():
    speed, rate, energy = jnp.array([0.4, 1.0, 1.3]), 1e15, 4e-13
    dynamic = clock.chip_power(speed, rate * energy, 0.0, 0.6)
    assert np.asarray(dynamic / (rate * speed)) == pytest.approx(np.asarray(clock.energy_per_flop(speed, energy, 0.6)))


@pytest.mark.parametrize("elsewhere", [0.0, 100.0, 310.0])
def test_rate_lost_per_watt(elsewhere):
    chip = (3200.0, elsewhere, 8.5e15, 2125.0, 200.0, 0.6)
    more = clock.rate_within_power(3200.0, elsewhere + 1e-3, *chip[2:])
    slope = (clock.rate_within_power(*chip) - more) / 1e-3
    found = clock.rate_lost_per_watt(*chip)
    assert float(found) == pytest.approx(float(slope), rel=1e-4)
    assert float(found) > 0


def test_batches_and_jit():
    budgets, exponents = jnp.array([100.0, 300.0, 700.0]), jnp.array([0.3, 0.6, 1.0])
    each = [float(CLOCK(b, 400.0, 90.0, e)) for b, e in zip(budgets, exponents, strict=True)]
    assert np.asarray(CLOCK(budgets, 400.0, 90.0, exponents)) == pytest.approx(each)
    mapped = jax.jit(jax.vmap(clock.clock_within_power, in_axes=(0, None, None, 0)))
    assert np.asarray(mapped(budgets, 400.0, 90.0, exponents)) == pytest.approx(each)
    assert clock.rate_lost_per_watt(budgets[:, None], 50.0, 1e15, 400.0, 90.0, exponents).shape == (3, 3)
