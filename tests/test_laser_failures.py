"""Are losses of links counted as a simulation and as counting by hand do, and do spares and quick repair pay?"""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.fields import as_float
from codesign.performance.failures import Failure, Reliability, goodput
from codesign.performance.laser_failures import (
    choices,
    device_loss_rate,
    external_loss_rate,
    hours_between,
    internal_loss_rate,
    link_reliability,
    spare_power,
)

ROWS = load_catalogue(SHIPPED).rows["failures"]
EXTERNAL, INTERNAL = ROWS["laser_external"].module, ROWS["laser_internal"].module
NEEDED, SPARES = (1, 2, 8, 32), (0, 1, 2, 4)
GROUPS = list(itertools.product(NEEDED, SPARES))
DAY = 86400.0


def laser(between=100.0, repair=1.0):
    """Seconds between failures of a line and for its repair."""
    return Reliability(mean_time_between=between, repair_time=repair, restart_time=600.0)


def lines(needed, spares):
    return as_float(needed), as_float(spares)


def chain(needed, spares, between, repair, repaired):
    """Rates of the birth-death chain of dark lines: fail (n - j) / m; repair j / r, or all at once after the loss."""
    count = needed + spares
    states = count + 1 if repaired else spares + 1
    rates = np.zeros((states, states))
    for dark in range(states):
        if dark + 1 < states:
            rates[dark, dark + 1] = (count - dark) / between
        if repaired and dark:
            rates[dark, dark - 1] = dark / repair
    return rates, (count - spares) / between


def stationary(rates):
    generator = rates - np.diag(rates.sum(axis=1))
    system = np.vstack([generator.T, np.ones(len(rates))])
    return np.linalg.lstsq(system, np.append(np.zeros(len(rates)), 1.0), rcond=None)[0]


@pytest.mark.parametrize(("needed", "spares"), GROUPS)
def test_replaced_lines_are_a_birth_death_chain(needed, spares):
    rates, last = chain(needed, spares, 100.0, 5.0, repaired=True)
    expected = stationary(rates)[spares] * last
    assert float(external_loss_rate(laser(repair=5.0), *lines(needed, spares))) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("needed", "spares"), GROUPS)
def test_lines_that_stay_dark_add_up_their_waits(needed, spares):
    expected = 1 / sum(100.0 / count for count in range(needed, needed + spares + 1))
    assert float(internal_loss_rate(laser(), *lines(needed, spares))) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("needed", NEEDED)
def test_without_spares_every_failure_counts(needed):
    quick = laser(repair=0.0)
    for rate in (external_loss_rate, internal_loss_rate):
        assert float(rate(quick, *lines(needed, 0))) == pytest.approx(needed / 100, rel=1e-9)


@pytest.mark.parametrize(("total", "chosen"), [(5, 0), (5, 2), (10, 10), (40, 3)])
def test_choices(total, chosen):
    assert float(choices(*lines(total, chosen))) == pytest.approx(math.comb(total, chosen), rel=1e-9)


@pytest.mark.parametrize("needed", NEEDED)
@pytest.mark.parametrize("row", [EXTERNAL, INTERNAL])
@pytest.mark.parametrize("rate", [external_loss_rate, internal_loss_rate])
def test_every_spare_helps_and_no_more_than_it_can(rate, row, needed):
    found = np.array([float(rate(row, *lines(needed, spares))) for spares in SPARES])
    assert np.all(np.diff(found) < 0)
    assert np.all(found > 0)


@pytest.mark.parametrize(("needed", "spares"), GROUPS)
def test_replacing_in_the_field_never_hurts(needed, spares):
    replaced, kept = (float(rate(INTERNAL, *lines(needed, spares))) for rate in (external_loss_rate, internal_loss_rate))
    assert replaced <= kept * (1 + 1e-9)
    assert float(device_loss_rate(EXTERNAL, as_float(160), *lines(needed, spares), as_float(1))) < float(
        device_loss_rate(INTERNAL, as_float(160), *lines(needed, spares), as_float(0))
    )


def test_a_group_enters_goodput_as_a_part():
    """32,768 devices of 160 lines in groups of 8: without spares a link is lost every few hours."""
    groups = as_float(32768 * 20)

    def share(spares, replaceable, row):
        return float(goodput([Failure(groups, link_reliability(row, *lines(8, spares), as_float(replaceable)), as_float(1.02))]))

    bare, spared = share(0, 1, EXTERNAL), share(1, 1, EXTERNAL)
    assert share(0, 0, INTERNAL) < bare < spared < 1
    assert 1 - spared < (1 - bare) / 1000
    assert float(link_reliability(EXTERNAL, *lines(8, 1), as_float(1)).repair_time) == float(EXTERNAL.repair_time)
    assert float(spare_power(*lines(8, 1))) == pytest.approx(9 / 8)


@pytest.mark.parametrize(("row", "fit"), [(EXTERNAL, 100), (INTERNAL, 500)])
def test_rows_have_the_failures_in_time_that_their_file_says(row, fit):
    assert float(row.mean_time_between) / 3600 == pytest.approx(float(hours_between(fit)), rel=1e-4)


@pytest.mark.parametrize("function", [external_loss_rate, internal_loss_rate])
def test_slopes_are_finite_and_rates_batch(function):
    def rate(between, repair, needed, spares):
        return function(laser(between, repair), needed, spares)

    for repair, needed, spares in itertools.product((0.0, 1e-9, 1.0, 1e6), (1.0, 8.0), (0.0, 0.5, 4.0)):
        slopes = jax.grad(rate, argnums=(0, 1, 2, 3))(*map(as_float, (100.0, repair, needed, spares)))
        assert np.all(np.isfinite(slopes)), (repair, needed, spares)
    spares = jnp.asarray([0.0, 1.0, 2.0])
    batch = jax.jit(jax.vmap(rate, in_axes=(None, None, None, 0)))(*map(as_float, (100.0, 1.0, 8.0)), spares)
    assert np.allclose(batch, [float(rate(*map(as_float, (100.0, 1.0, 8.0, s)))) for s in (0.0, 1.0, 2.0)])
