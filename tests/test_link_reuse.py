"""What do ports used in turn save, when, and when nothing?"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.performance import bandwidth_split, link_reuse

GB = 1e9
BUDGET = 100 * GB
CASES = [
    ((4, 1), 0.6667, 90e-3, 50e-3, 1.8, 10e-3),
    ((1, 1), 0.5, 40e-3, 20e-3, 2.0, 5e-3),
    ((1, 9), 0.25, 160e-3, 100e-3, 1.6, 15e-3),
    ((0.1, 9.9), 0.0913, 119.90e-3, 100e-3, 1.199, 4.97e-3),
]
CORNERS = [(0, 0), (0, 1), (1, 0), (1e-30, 1)]


def volumes(pair):
    return [jnp.asarray(v * GB) for v in pair]


@pytest.mark.parametrize(("pair", "share", "static", "reuse", "ratio", "even"), CASES)
def test_volumes_of_the_sheet(pair, share, static, reuse, ratio, even):
    v = volumes(pair)
    assert float(link_reuse.static_share(*v)) == pytest.approx(share, rel=1e-3)
    assert float(link_reuse.static_time(*v, BUDGET)) == pytest.approx(static, rel=1e-3)
    assert float(link_reuse.reuse_time(*v, BUDGET, 4.0, 0.0)) == pytest.approx(reuse, rel=1e-3)
    assert float(link_reuse.static_time(*v, BUDGET) / link_reuse.reuse_time(*v, BUDGET, 4.0, 0.0)) == pytest.approx(ratio, rel=1e-3)
    assert float(link_reuse.break_even_change_time(*v, BUDGET, 4.0)) == pytest.approx(even, rel=1e-3)


@pytest.mark.parametrize("pair", [case[0] for case in CASES])
def test_saving_is_the_difference_and_ends_at_break_even(pair):
    v = volumes(pair)
    for change in (0.0, 1e-3, 20e-3):
        saved = link_reuse.static_time(*v, BUDGET) - link_reuse.reuse_time(*v, BUDGET, 4.0, change)
        assert float(link_reuse.reuse_saving(*v, BUDGET, 4.0, change)) == pytest.approx(float(saved), abs=1e-12)
    even = link_reuse.break_even_change_time(*v, BUDGET, 4.0)
    assert float(link_reuse.reuse_saving(*v, BUDGET, 4.0, even)) == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("pair", [case[0] for case in CASES])
def test_shares_are_the_best_and_phases_at_once_gain_nothing(pair):
    v = volumes(pair)
    x = jnp.linspace(1e-3, 1 - 1e-3, 999)
    serial = v[0] / (x * BUDGET) + v[1] / ((1 - x) * BUDGET)
    at_once = jnp.maximum(v[0] / (x * BUDGET), v[1] / ((1 - x) * BUDGET))
    assert float(serial.min()) == pytest.approx(float(link_reuse.static_time(*v, BUDGET)), rel=1e-4)
    assert float(x[serial.argmin()]) == pytest.approx(float(link_reuse.static_share(*v)), abs=1.1e-3)
    assert float(at_once.min()) == pytest.approx(float(link_reuse.overlapped_time(*v, BUDGET)), rel=2e-2)
    assert float(x[at_once.argmin()]) == pytest.approx(float(link_reuse.overlapped_share(*v)), abs=1.1e-3)
    assert float(link_reuse.overlapped_time(*v, BUDGET)) == float(link_reuse.reuse_time(*v, BUDGET, 4.0, 0.0))
    general = bandwidth_split.optimal_split(jnp.diag(jnp.stack(v)), bandwidth_split.fixed_sum(jnp.ones(2), BUDGET))
    assert float(general.time) == pytest.approx(float(link_reuse.static_time(*v, BUDGET)), rel=1e-8)


@pytest.mark.parametrize("pair", [case[0] for case in CASES])
def test_laws(pair):
    v = volumes(pair)
    static = float(link_reuse.static_time(*v, BUDGET))
    assert float(link_reuse.static_time(*v, 2 * BUDGET)) == pytest.approx(static / 2)
    assert float(link_reuse.static_time(*reversed(v), BUDGET)) == pytest.approx(static)
    assert float(link_reuse.static_time(3 * v[0], 3 * v[1], BUDGET)) == pytest.approx(3 * static)
    assert 1 <= static / float(link_reuse.reuse_time(*v, BUDGET, 4.0, 0.0)) <= 2 + 1e-12


@pytest.mark.parametrize("function", [link_reuse.static_time, link_reuse.break_even_change_time, link_reuse.reuse_saving])
@pytest.mark.parametrize("pair", [case[0] for case in CASES])
def test_gradients_against_central_differences(function, pair):
    more = {"static_time": (), "break_even_change_time": (4.0,), "reuse_saving": (4.0, 1e-3)}[function.__name__]
    arguments = [*volumes(pair), jnp.asarray(BUDGET), *map(jnp.asarray, more)]
    slopes = jax.grad(function, tuple(range(len(arguments))))(*arguments)
    for number, (x, slope) in enumerate(zip(arguments, slopes, strict=True)):
        ends = [function(*arguments[:number], x * (1 + h), *arguments[number + 1 :]) for h in (1e-5, -1e-5)]
        assert float(slope * x) == pytest.approx(float(ends[0] - ends[1]) / 2e-5, rel=1e-6, abs=1e-10)


@pytest.mark.parametrize("pair", CORNERS)
def test_gradients_are_finite_without_traffic(pair):
    v = volumes(pair)
    for function in (link_reuse.static_share, link_reuse.overlapped_share):
        assert np.isfinite(function(*v))
        assert np.isfinite(jax.grad(function, (0, 1))(*v)).all()
    assert np.isfinite(jax.grad(link_reuse.static_time, (0, 1, 2))(*v, BUDGET)).all()
    assert np.isfinite(jax.grad(link_reuse.reuse_saving, (0, 1, 2, 3, 4))(*v, BUDGET, 4.0, 0.01)).all()


def test_batches():
    x = jnp.linspace(0, 1, 5) * GB
    times = jax.jit(jax.vmap(link_reuse.static_time, (0, None, None)))(x, jnp.asarray(GB), jnp.asarray(BUDGET))
    assert np.asarray(times) == pytest.approx([float(link_reuse.static_time(v, GB, BUDGET)) for v in x])
    assert np.asarray(link_reuse.static_time(x, GB, BUDGET)) == pytest.approx(np.asarray(times))
