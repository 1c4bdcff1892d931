"""Are hops counted exactly, strides well chosen, and does the formula stay close to the best circulants found?"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.topology import circulant

FOUND = [  # best mean hops of long random exchanges over all strides
    (6, 2, 9 / 5), (16, 2, 46 / 15), (128, 2, 1276 / 127), (4096, 2, 248784 / 4095),
    (32, 3, 96 / 31), (512, 3, 9.763), (4096, 3, 20.986), (64, 4, 3.317), (4096, 4, 12.745),
    (64, 5, 2.841), (1024, 5, 6.596), (80, 6, 2.722), (1024, 8, 4.507), (4096, 8, 6.040),
    (64, 10, 1.952), (384, 12, 2.893), (160, 16, 2.101), (1024, 16, 3.125), (4096, 16, 3.967),
]  # fmt: skip


def walked(nodes, strides):
    """Hops from node 0 by powers of the adjacency matrix."""
    links = np.zeros((nodes, nodes), bool)
    for stride in strides:
        links[np.arange(nodes), (np.arange(nodes) + stride) % nodes] = True
    hops, front = np.full(nodes, -1), np.eye(nodes, dtype=bool)[0]
    for step in range(nodes):
        hops[front & (hops < 0)] = step
        front = front.astype(int) @ links > 0
    return hops


def fitted(nodes, degree):
    return float(circulant.fitted_mean_hops(jnp.asarray(float(nodes)), jnp.asarray(float(degree))))


@pytest.mark.parametrize(("nodes", "count"), [(8, 4), (12, 4), (16, 8), (128, 64), (2, 1), (1, 0)])
def test_strides_coprime_to_the_nodes(nodes, count):
    strides = circulant.coprime_strides(nodes)
    assert len(strides) == count
    for stride in strides:
        assert len({stride * i % nodes for i in range(nodes)}) == nodes


@pytest.mark.parametrize(
    ("nodes", "strides", "mean", "most"),
    [(8, (1, 3, 5, 7), 1.4286, 2), (12, (1, 5, 7, 11), 1.8182, 3), (16, (1, 3, 7), 2.2667, 4), (16, (1,), 8, 15)],
)
def test_hops_of_the_sheet(nodes, strides, mean, most):
    assert circulant.mean_hops(nodes, strides) == pytest.approx(mean, rel=1e-3)
    assert circulant.max_hops(nodes, strides) == most
    assert circulant.mean_hops(nodes, circulant.best_strides(nodes, len(strides))) <= mean * (1 + 1e-3)


@pytest.mark.parametrize("seed", range(8))
def test_hops_by_walking_and_symmetries(seed):
    generator = np.random.default_rng(seed)
    nodes = int(generator.integers(5, 60))
    strides = [1, *generator.choice(np.arange(2, nodes), 2, replace=False).tolist()]
    hops = walked(nodes, strides)
    assert circulant.mean_hops(nodes, strides) == pytest.approx(hops.sum() / (nodes - 1), rel=1e-14)
    assert circulant.max_hops(nodes, strides) == hops.max()
    assert circulant.mean_hops(nodes, strides[::-1]) == circulant.mean_hops(nodes, strides)
    for unit in circulant.coprime_strides(nodes)[:4]:
        assert circulant.mean_hops(nodes, [unit * s % nodes for s in strides]) == circulant.mean_hops(nodes, strides)


def test_what_cannot_be_reached_and_one_node():
    assert circulant.mean_hops(8, (2, 4)) == circulant.max_hops(8, (2, 4)) == math.inf
    assert circulant.mean_hops(1, ()) == circulant.max_hops(1, ()) == 0
    with pytest.raises(ValueError, match="4 strides"):
        circulant.best_strides(8, 5)


@pytest.mark.parametrize(("nodes", "degree"), [(17, 3), (64, 4), (128, 8), (101, 16), (512, 6)])
def test_exchanged_strides_are_near_the_formula(nodes, degree):
    strides = circulant.best_strides(nodes, degree)
    assert len(set(strides)) == degree
    assert circulant.mean_hops(nodes, strides) == pytest.approx(fitted(nodes, degree), rel=0.06)
    every = circulant.best_strides(nodes, degree, range(1, nodes))
    assert circulant.mean_hops(nodes, every) == pytest.approx(fitted(nodes, degree), rel=0.04)


@pytest.mark.parametrize(("nodes", "degree", "hops"), FOUND)
def test_formula_against_the_best_found(nodes, degree, hops):
    assert fitted(nodes, degree) == pytest.approx(hops, rel=0.035 if nodes >= 32 else 0.09)
    least = float(circulant.fewest_mean_hops(jnp.asarray(float(nodes)), jnp.asarray(float(degree))))
    assert least <= hops * (1 + 2e-4)


@pytest.mark.parametrize("degree", [1.0, 2.0, 7.0, 16.0])
def test_exact_limits(degree):
    for nodes in (1.0, 2.0, 1 + degree / 2, degree + 1):
        assert fitted(nodes, degree) == pytest.approx(1, abs=1e-9)
    for nodes in (2.0, 3.0, 100.0, 4096.0):
        assert fitted(nodes, 1.0) == pytest.approx(nodes / 2, rel=1e-9)


def test_bound_counts_full_shells():
    for nodes in (5, 40, 500, 4096):
        for degree in (1, 2, 5, 16):
            short = sum(max(0, nodes - math.comb(j + degree, degree)) for j in range(nodes))
            found = circulant.fewest_mean_hops(jnp.asarray(float(nodes)), jnp.asarray(float(degree)))
            assert float(found) == pytest.approx(short / (nodes - 1), rel=1e-9)


def test_more_nodes_are_farther_and_more_links_closer():
    nodes, degrees = jnp.geomspace(2, 4096, 600), jnp.linspace(1, 16, 61)
    hops = np.asarray(circulant.fitted_mean_hops(nodes[:, None], degrees))
    assert np.diff(hops, axis=0).min() > -1e-9
    assert np.diff(hops, axis=1).max() < 1e-9


@pytest.mark.parametrize(("nodes", "degree"), [(20.3, 2.2), (100.0, 4.4), (700.0, 1.5), (153.5, 16.0), (3000.0, 9.0)])
def test_gradients_against_central_differences(nodes, degree):
    point = jnp.asarray(nodes), jnp.asarray(degree)
    slopes = jax.grad(circulant.fitted_mean_hops, (0, 1))(*point)
    for number in range(2):
        ends = [fitted(*(x * (1 + h * (i == number)) for i, x in enumerate(point))) for h in (1e-6, -1e-6)]
        assert float(slopes[number] * point[number]) == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-5)


def test_gradients_are_finite_everywhere():
    nodes, degrees = jnp.array([1.0, 1.5, 2, 3, 5, 17, 153, 4096]), jnp.array([1.0, 1.001, 2, 4, 16])
    grid = jnp.meshgrid(nodes, degrees)
    slopes = jax.vmap(jax.grad(circulant.fitted_mean_hops, (0, 1)))(grid[0].ravel(), grid[1].ravel())
    assert np.isfinite(slopes).all()


def test_times():
    # 8 nodes, 4 rings of 1 GB/s: 2 x 7/8 GB over 4 GB/s; an all-to-all pays every hop
    assert float(circulant.permuted_rings_time(1e9, 8, 4, 1e9)) == pytest.approx(2 * 7 / 8 / 4)
    assert circulant.permuted_rings_time(1e9, 1, 1, 1e9) == 0
    hops = circulant.mean_hops(8, (1, 3, 5, 7))
    assert circulant.static_all_to_all_time(1e9, hops, 4, 1e9) == pytest.approx(1e9 / 4e9 * 10 / 7)
    assert circulant.static_all_to_all_time(1e9, hops, 4, 2e9) == pytest.approx(1e9 / 8e9 * 10 / 7)
