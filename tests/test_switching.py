"""What do all-to-alls lose to circuits that are rearranged: nothing without a delay, never more than circuits left alone?"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.performance.switching import exposed_switching_time, layer_switching_time
from codesign.topology.base import Switching

DELAYS = jnp.concatenate([jnp.zeros(1), jnp.geomspace(1e-8, 10.0, 60)])
WINDOWS = [(0.0,), (0.1,), (0.0, 0.1, 0.1, 0.1), (0.02, 0.3, 0.007), (5.0, 20.0)]
TIMES = [0.0, 1.0, 2.0, 3.0, 4.0]
PREDICTED = [0.0, 0.4, 1.0]
COMPUTING = {"attention": (0.011, 0.025), "experts": (0.04, 0.09)}
"""Seconds of a layer's forward and backward pass."""
EXCHANGES = 0.06
SLOWER = [1.0, 1.6, 0.8]
"""Old circuits are as good, worse, or by chance better."""

families = pytest.mark.parametrize("predicted", PREDICTED)
counts = pytest.mark.parametrize("times", TIMES)


def layer(delay, times=2.0, predicted=1.0, slower=1.6, adaptive=0.0, factor=1.0):
    """Seconds lost by one layer."""
    windows = {name: tuple(jnp.asarray(factor * s) for s in pair) for name, pair in COMPUTING.items()}
    circuits = Switching(*map(jnp.asarray, (delay, times, predicted, slower, adaptive, 0.0, 0.0)))
    return layer_switching_time(circuits, **windows, exchanges=jnp.asarray(EXCHANGES))


# one rearrangement before each all-to-all


@pytest.mark.parametrize(
    ("delay", "slowdown"), [(1e-6, 1.0), (0.01, 1.02), (0.025, 1.05), (0.1, 1.2), (0.3, 2.8), (1.0, 8.4), (10.0, 80.4)]
)
def test_the_vector_of_the_sheet(delay, slowdown):
    """F32: a layer of 0.5 s, four all-to-alls, the first behind nothing and the others behind 0.1 s."""
    windows = [jnp.asarray(w) for w in (0.0, 0.1, 0.1, 0.1)]
    assert 1 + float(exposed_switching_time(jnp.asarray(delay), windows)) / 0.5 == pytest.approx(slowdown, rel=1e-3)


@pytest.mark.parametrize("windows", WINDOWS)
def test_exposed_time(windows):
    behind = [jnp.asarray(w) for w in windows]
    lost = np.asarray(exposed_switching_time(DELAYS, behind))
    assert lost[0] == 0
    assert np.all(np.diff(lost) >= 0)
    assert np.all(lost <= len(windows) * DELAYS + 1e-15)
    assert np.all(lost >= len(windows) * DELAYS - sum(windows) - 1e-12)
    assert np.all(lost[min(windows) >= DELAYS] == 0)
    np.testing.assert_allclose(lost, sum(np.asarray(exposed_switching_time(DELAYS, [w])) for w in behind), rtol=1e-14)
    longer = exposed_switching_time(DELAYS, [2 * w for w in behind])
    assert np.all(longer <= lost)


# a layer


@families
@counts
@pytest.mark.parametrize("adaptive", [0.0, 1.0])
def test_a_layer_loses_nothing_without_a_delay_and_never_less_with_a_longer_one(times, predicted, adaptive):
    lost = np.asarray(layer(DELAYS, times, predicted, adaptive=adaptive))
    assert lost[0] == 0
    assert np.all(np.diff(lost) >= 0)
    assert np.all(lost <= times * DELAYS * (1 + 1e-12))


@families
@counts
@pytest.mark.parametrize("slower", SLOWER)
def test_adaptive_circuits_are_never_worse_than_rearranged_or_left_ones(times, predicted, slower):
    rearranged = np.asarray(layer(DELAYS, times, predicted, slower))
    left = max(slower - 1, 0.0) * EXCHANGES
    found = np.asarray(layer(DELAYS, times, predicted, slower, adaptive=1.0))
    np.testing.assert_allclose(found, np.minimum(rearranged, left), rtol=1e-14)
    np.testing.assert_array_equal(layer(DELAYS, times, predicted, 10 * slower), rearranged)


@counts
def test_more_rearrangements_lose_more_and_prediction_loses_less(times):
    lost = np.asarray(layer(DELAYS, times))
    assert np.all(lost <= layer(DELAYS, times + 0.5))
    assert np.all(lost <= layer(DELAYS, times, predicted=0.5))
    assert np.all(layer(DELAYS, times, predicted=0.5) <= layer(DELAYS, times, predicted=0.0))
    assert np.all(layer(DELAYS, times, factor=2.0) <= lost)


@pytest.mark.parametrize(("times", "hidden_by"), [(2, [0.011, 0.09]), (4, [0.011, 0.09, 0.04, 0.025])])
def test_a_layer_by_hand(times, hidden_by):
    """The first of a pass behind attention (forward, predicted) or experts (backward), the second behind the other."""
    for delay in (0.005, 0.02, 0.05, 1.0):
        assert float(layer(delay, times)) == pytest.approx(sum(max(delay - w, 0.0) for w in hidden_by), rel=1e-12, abs=1e-15)
        unknown = sum(max(delay - w, 0.0) for w in [0.0, *hidden_by[1:]])
        assert float(layer(delay, times, predicted=0.0)) == pytest.approx(unknown, rel=1e-12)


def test_slopes_are_finite():
    """At kinks too: no delay, no computing, a delay that is just hidden, circuits that are as good as new."""
    axes = (0.0, 0.011, 0.025, 10.0), TIMES, PREDICTED, SLOWER, (0.0, 1.0), (0.0, 1.0)
    points = np.array(list(itertools.product(*axes))).T
    slopes = jax.jit(jax.vmap(jax.grad(layer, tuple(range(6)))))(*points)
    assert np.all(np.isfinite(slopes))
    assert np.all(slopes[0] >= 0)
