"""Do traffic matrices have the skew that was asked for, and do placements and copies even it out?"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import CONFIGS

from codesign.workload.traffic import (
    balanced_order,
    busiest_load,
    dirichlet_traffic,
    hot_factor,
    reordered,
    replicated,
    server_matrix,
    uniform_traffic,
    zipf_exponent,
    zipf_shares,
    zipf_traffic,
)

MEASURED = jnp.asarray(np.loadtxt(CONFIGS / "traffic" / "mixnet_8x8.csv", delimiter=","))
LOADS = np.array([77703, 44706, 8042, 26001, 31953, 24035, 7237, 42467])
KEY = jax.random.key(7)
SKEWS = [(8, 1.0), (8, 2.371), (8, 7.5), (64, 1.0), (64, 5.0), (64, 40.0), (2, 1.5), (1, 1.0)]
LAWS = {
    "zipf": lambda sigma, ranks: zipf_traffic(sigma, ranks, 100.0),
    "dirichlet": lambda sigma, ranks: dirichlet_traffic(KEY, sigma, ranks, 100.0, 1.0),
}


def test_the_measured_matrix_has_the_published_skew():
    """The hard-coded matrix of the public simulator (arXiv 2501.03905): oracles F20 and F21."""
    np.testing.assert_array_equal(MEASURED.sum(1), 32768)
    np.testing.assert_array_equal(MEASURED.sum(0), LOADS)
    shown = [2.371, 1.364, 0.245, 0.794, 0.975, 0.734, 0.221, 1.296]
    np.testing.assert_allclose(MEASURED.sum(0) / MEASURED.sum(0).mean(), shown, atol=6e-4)
    crossing = MEASURED - jnp.diag(jnp.diag(MEASURED))
    assert float(crossing.sum(1).max()) == 31864
    assert float(crossing.sum(0).max()) == float(busiest_load(MEASURED)) == 67893
    assert float(crossing.sum(1).mean()) == 28604.875
    assert float(hot_factor(MEASURED)) == pytest.approx(2.371, abs=5e-4)
    assert float(hot_factor(crossing)) == pytest.approx(2.373, abs=5e-4)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("ranks", "sigma"), SKEWS)
def test_laws_have_the_hot_factor_asked_for(law, ranks, sigma):
    traffic = LAWS[law](sigma, ranks)
    assert traffic.shape == (ranks, ranks)
    assert float(traffic.min()) >= 0
    assert float(hot_factor(traffic)) == pytest.approx(sigma, rel=1e-9)
    np.testing.assert_allclose(traffic.sum(1), 100 / ranks, rtol=1e-6)


@pytest.mark.parametrize("concentration", [0.5, 1.0, 10.0])
def test_dirichlet_rows_differ_less_at_higher_concentration(concentration):
    few, many = (dirichlet_traffic(KEY, 2.0, 16, 1.0, c) for c in (concentration, 100 * concentration))
    assert float(few.std(0).mean()) > 2 * float(many.std(0).mean())
    other = dirichlet_traffic(jax.random.key(8), 2.0, 16, 1.0, concentration)
    assert float(jnp.abs(other - few).max()) > 0


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(("ranks", "sigma"), [(8, 1.2), (8, 2.371), (8, 6.0), (64, 5.0)])
def test_derivatives_in_the_hot_factor_are_those_of_differences(law, ranks, sigma):
    def mean_square(value):
        return (LAWS[law](value, ranks) ** 2).sum()

    step = 1e-5
    difference = (mean_square(sigma + step) - mean_square(sigma - step)) / (2 * step)
    assert float(jax.grad(mean_square)(sigma)) == pytest.approx(float(difference), rel=1e-5)
    assert float(jax.jvp(mean_square, (sigma,), (1.0,))[1]) == pytest.approx(float(difference), rel=1e-5)


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("ranks", [1, 2, 8])
@pytest.mark.parametrize("sigma", [0.0, 1.0, 1.0 + 1e-12, 8.0, 1e9])
def test_values_and_derivatives_are_finite_at_corners(law, ranks, sigma):
    value, derivative = jax.jacfwd(lambda s: LAWS[law](s, ranks))(sigma), LAWS[law](sigma, ranks)
    assert np.isfinite(value).all()
    assert np.isfinite(derivative).all()


def test_zipf_is_one_law_for_every_compilation():
    sigmas = jnp.linspace(1.0, 7.9, 5)
    batch = jax.jit(jax.vmap(lambda s: zipf_shares(s, 8)))(sigmas)
    np.testing.assert_allclose(batch, jnp.stack([zipf_shares(s, 8) for s in sigmas]), rtol=1e-12)
    np.testing.assert_allclose(batch.sum(1), 1.0)
    assert (np.diff(batch, axis=1) <= 1e-15).all()
    assert float(zipf_exponent(1.0, 8)) == 0
    assert float(zipf_exponent(8 / (1 + 1 / 2 + 1 / 3 + 1 / 4 + 1 / 5 + 1 / 6 + 1 / 7 + 1 / 8), 8)) == pytest.approx(1.0)


def test_servers_sum_their_ranks():
    servers = server_matrix(MEASURED, 4)
    np.testing.assert_array_equal(
        servers, [[MEASURED[:4, :4].sum(), MEASURED[:4, 4:].sum()], [MEASURED[4:, :4].sum(), MEASURED[4:, 4:].sum()]]
    )
    np.testing.assert_array_equal(server_matrix(MEASURED, 1), MEASURED)
    assert float(busiest_load(server_matrix(MEASURED, 8))) == 0
    with pytest.raises(ValueError, match="8 ranks do not fill servers of 3"):
        server_matrix(MEASURED, 3)


@pytest.mark.parametrize("loads", [LOADS, np.arange(16.0), np.random.default_rng(0).pareto(1.5, 64)])
@pytest.mark.parametrize("ranks_per_server", [1, 2, 4, 8])
def test_longest_first_evens_out_the_servers(loads, ranks_per_server):
    order = balanced_order(loads, ranks_per_server)
    assert sorted(order) == list(range(len(loads)))
    per_server = loads[order].reshape(-1, ranks_per_server).sum(1)
    assert per_server.max() <= loads.reshape(-1, ranks_per_server).sum(1).max()
    assert per_server.max() >= max(loads.max(), loads.sum() / len(per_server))


def test_a_balanced_order_lowers_the_busiest_server():
    order = balanced_order(LOADS, 2)
    before, after = (busiest_load(server_matrix(t, 2)) for t in (MEASURED, reordered(MEASURED, order)))
    assert float(after) < 0.8 * float(before)
    np.testing.assert_array_equal(reordered(MEASURED, order).sum(0), LOADS[order])
    with pytest.raises(ValueError, match="8 experts do not fill servers of 3"):
        balanced_order(LOADS, 3)


def test_copies_share_a_column_evenly():
    holders = jnp.eye(8).at[0, 6].set(1.0).at[0, 2].set(1.0)
    copied = replicated(MEASURED, holders)
    np.testing.assert_allclose(copied[:, 0], MEASURED[:, 0] / 3)
    np.testing.assert_allclose(copied[:, 6], MEASURED[:, 6] + MEASURED[:, 0] / 3)
    np.testing.assert_allclose(copied.sum(1), MEASURED.sum(1))
    assert float(hot_factor(copied)) < float(hot_factor(MEASURED))
    np.testing.assert_array_equal(replicated(MEASURED, jnp.eye(8)), MEASURED)
    order = balanced_order(LOADS, 2)
    np.testing.assert_array_equal(replicated(MEASURED, jnp.eye(8)[:, order]), reordered(MEASURED, order))


@pytest.mark.parametrize("measure", [hot_factor, busiest_load])
@pytest.mark.parametrize("traffic", [jnp.zeros((4, 4)), jnp.ones((1, 1)), jnp.zeros((1, 1)), jnp.eye(3), uniform_traffic(4, 1.0)])
def test_measures_are_finite_at_corners(measure, traffic):
    assert np.isfinite(measure(traffic))
    assert np.isfinite(jax.grad(measure)(traffic)).all()


def test_even_traffic_is_even():
    traffic = uniform_traffic(8, 64.0)
    assert float(hot_factor(traffic)) == 1
    assert float(busiest_load(traffic)) == 7
    np.testing.assert_allclose(zipf_traffic(1.0, 8, 64.0), traffic)
