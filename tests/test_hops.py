"""Does the short formula of mean hops stay within its stated error, at least one, rising with nodes, falling with links?"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.topology.circulant import fewest_mean_hops, fitted_mean_hops
from codesign.topology.hops import log_factorial, mean_hops

NODES = jnp.asarray(np.unique(np.round(np.geomspace(2, 4096, 120))).astype(float))[:, None]
DEGREES = jnp.arange(1.0, 17.0)
REAL_NODES, REAL_DEGREES = jnp.geomspace(2.0, 1e6, 400)[:, None], jnp.linspace(1.0, 64.0, 400)
"""Beyond the box of the fit, where a search may look."""


def test_the_error_is_the_stated_one():
    error = np.asarray(mean_hops(NODES, DEGREES) / fitted_mean_hops(NODES, DEGREES) - 1)
    assert np.sqrt(np.mean(error**2)) < 0.030
    assert np.abs(error).max() < 0.115
    assert np.unravel_index(np.abs(error).argmax(), error.shape) == (0, 0), "two nodes, one link"


@pytest.mark.parametrize("degree", [1, 2, 4, 8, 16])
def test_not_far_below_what_any_graph_needs(degree):
    least = fewest_mean_hops(NODES, jnp.asarray(float(degree)))
    assert np.all(mean_hops(NODES, jnp.asarray(float(degree))) > 0.9 * least)


@pytest.mark.parametrize(("nodes", "degrees"), [(NODES, DEGREES), (REAL_NODES, REAL_DEGREES)], ids=["the fit", "beyond it"])
def test_at_least_one_rising_with_nodes_falling_with_links(nodes, degrees):
    hops = np.asarray(mean_hops(nodes, degrees))
    assert np.all(hops >= 1)
    assert np.all(np.diff(hops, axis=0) >= 0)
    assert np.all(np.diff(hops, axis=1) <= 0)
    assert np.all(hops < np.asarray(nodes))


@pytest.mark.parametrize("nodes", [16, 100, 4096])
def test_one_link_out_is_a_ring(nodes):
    assert float(mean_hops(jnp.asarray(float(nodes)), jnp.asarray(1.0))) == pytest.approx(nodes / 2, rel=0.02)


@pytest.mark.parametrize(("nodes", "degree"), [(2, 4), (8, 16), (16, 16), (64, 100)])
def test_a_link_to_almost_everybody_is_one_hop(nodes, degree):
    assert float(mean_hops(jnp.asarray(float(nodes)), jnp.asarray(float(degree)))) == pytest.approx(1, rel=0.02)


def test_log_factorial():
    exact = [math.lgamma(float(d) + 1) for d in REAL_DEGREES]
    np.testing.assert_allclose(log_factorial(REAL_DEGREES), exact, atol=1e-3, rtol=0)


@pytest.mark.parametrize("kind", [jnp.float32, jnp.float64])
def test_slopes_are_finite_and_of_the_right_sign(kind):
    nodes, degrees = (jnp.ravel(axis).astype(kind) for axis in jnp.meshgrid(REAL_NODES[::8, 0], REAL_DEGREES[::8]))
    by_nodes, by_degree = jax.vmap(jax.grad(mean_hops, (0, 1)))(nodes, degrees)
    assert np.all(np.isfinite(by_nodes))
    assert np.all(np.isfinite(by_degree))
    assert np.all(by_nodes >= 0)
    assert np.all(by_degree <= 0)


def test_single_precision_is_close_to_double():
    single = mean_hops(REAL_NODES.astype(jnp.float32), REAL_DEGREES.astype(jnp.float32))
    np.testing.assert_allclose(single, mean_hops(REAL_NODES, REAL_DEGREES), rtol=1e-4)
