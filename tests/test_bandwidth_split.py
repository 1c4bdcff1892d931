"""Is every split the best one, by closed form, by comparison with random others, and by its prices?"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.performance import bandwidth_split as split

GB = 1e9
SIZES = jnp.array([4.0, 8.0, 4.0, 32.0])
ONE = jnp.eye(4)
BUDGET = split.fixed_sum(jnp.ones(4), 1000.0)
OPTIMUM = jax.jit(split.optimal_split)


def near(value, rel=1e-3):
    return pytest.approx(np.asarray(value), rel=rel)


def gpt3():
    tensor, data = jnp.array([4.0, 4.0, 1.0, 1.0]), jnp.array([1.0, 2.0, 4.0, 32.0])
    inside = split.all_reduce_bytes(6442450944.0, tensor), split.all_gather_bytes(2 * 50331648.0, tensor)
    return jnp.stack([*inside, split.all_reduce_bytes(452984832.0, data)]) / GB


def random_traffic(seed, collectives=3, number=4):
    generator = np.random.default_rng(seed)
    return jnp.asarray(10 ** generator.uniform(-2, 1, (collectives, number)) * (generator.random((collectives, number)) < 0.8))


SHIPPED = [
    BUDGET,
    split.fixed_sum(ONE[0], 500.0),
    split.fixed_sum(ONE[2] + ONE[3], 200.0),
    split.largest_sum(ONE[1] - ONE[0], 0.0),
    split.largest_sum(ONE[2] - ONE[1], 0.0),
]
LIMITS = [
    BUDGET,
    split.largest_sum(jnp.array([2.0, 4.0, 4.0, 57.4]), 10000.0),
    split.joined(*SHIPPED),
    split.joined(BUDGET, split.between(jnp.array([0, 0, 200.0, 0]), jnp.array([400, jnp.inf, jnp.inf, 50.0]))),
    split.joined(BUDGET, split.not_rising(4)),
    split.joined(BUDGET, BUDGET, split.between(jnp.full(4, -jnp.inf), jnp.full(4, 400.0))),
]


@pytest.mark.parametrize(
    ("traffic_of", "each", "bandwidth", "best", "equal"),
    [
        (split.all_reduce_bytes, (1.5, 0.4375, 0.046875, 0.015137), (750.18, 218.80, 23.44, 7.57), 1.9995e-3, 6.0e-3),
        (split.all_to_all_bytes, (0.75, 0.875, 0.75, 0.96875), (224.30, 261.68, 224.30, 289.72), 3.3438e-3, 3.875e-3),
    ],
)
def test_one_collective_over_four_dimensions(traffic_of, each, bandwidth, best, equal):
    traffic = traffic_of(1.0, SIZES)
    assert np.asarray(traffic) == near(each)
    assert float(split.series_time(traffic[None], jnp.full(4, 250.0))) == near(equal)
    for found in (OPTIMUM(traffic[None], BUDGET).bandwidth, split.proportional_split(traffic, 1000.0, jnp.ones(4))):
        assert np.asarray(found) == near(bandwidth)
        assert float(split.series_time(traffic[None], found)) == near(best)


def test_bytes_of_collectives():
    total = 2 * (1 - 1 / 4096)
    assert float(split.all_reduce_bytes(1.0, SIZES).sum()) == pytest.approx(total, rel=1e-12)
    assert np.asarray(2 * split.reduce_scatter_bytes(1.0, SIZES)) == pytest.approx(np.asarray(split.all_reduce_bytes(1.0, SIZES)))
    # gathering is scattering backwards: the input of one is the output of the other
    gathered = split.all_gather_bytes(1.0 / 4096, SIZES)
    assert np.asarray(gathered) == pytest.approx(np.asarray(split.reduce_scatter_bytes(1.0, SIZES)), rel=1e-12)
    for traffic_of in (split.all_reduce_bytes, split.all_gather_bytes, split.all_to_all_bytes, split.reduce_scatter_bytes):
        assert not np.asarray(traffic_of(1.0, jnp.ones(3))).any()


def test_three_collectives_in_series():
    traffic = gpt3()
    assert float(traffic[:2, 0].sum()) == near(10.8716)
    assert float(traffic[:2, 1].sum()) == near(10.8716 / 4)
    assert np.asarray(traffic[2]) == near(0.45298 * np.array([0, 1, 0.75, 0.2421875]))
    free, bound = OPTIMUM(traffic, BUDGET), OPTIMUM(traffic, split.joined(*SHIPPED))
    assert np.asarray(free.bandwidth) == near([676.90, 169.22, 116.32, 37.56])
    assert float(free.time) == near(18.982e-3)
    assert float(split.series_time(traffic, jnp.full(4, 250.0)) / free.time) == near(2.386)
    assert np.asarray(bound.bandwidth) == near([500, 300, 151.18, 48.82])
    assert float(bound.time) == near(23.991e-3)


@pytest.mark.parametrize("seed", range(6))
def test_serial_phases_follow_the_square_root(seed):
    generator = np.random.default_rng(seed)
    traffic, weights = (jnp.asarray(10 ** generator.uniform(-2, 2, 4)) for _ in range(2))
    found = OPTIMUM(jnp.diag(traffic), split.fixed_sum(weights, 30.0))
    assert np.asarray(found.bandwidth) == near(split.serial_split(traffic, 30.0, weights), 1e-4)  # the time is flat here
    assert float(found.time) == near(split.serial_time(traffic, 30.0, weights), 1e-8)
    assert float((weights * split.serial_split(traffic, 30.0, weights)).sum()) == pytest.approx(30.0)
    one = OPTIMUM(traffic[None], split.fixed_sum(weights, 30.0))
    assert np.asarray(one.bandwidth) == near(split.proportional_split(traffic, 30.0, weights), 1e-4)


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("seed", range(4))
def test_no_other_split_within_the_limits_is_faster(limits, seed):
    traffic = random_traffic(seed)
    best = OPTIMUM(traffic, limits)
    assert float(best.residual) < 1e-9
    assert np.asarray(limits.equal @ best.bandwidth) == pytest.approx(np.asarray(limits.equal_to), rel=1e-8)
    assert np.all(np.asarray(limits.below @ best.bandwidth) <= np.asarray(limits.at_most) + 1e-6)
    assert float(best.time) == pytest.approx(float(split.series_time(traffic, best.bandwidth)), rel=1e-9)
    # other points of the feasible set: best ones of other traffic, and all between
    others = jax.vmap(lambda m: split.optimal_split(m, limits).bandwidth)(jnp.stack([random_traffic(100 + s) for s in range(8)]))
    shares = jnp.geomspace(1e-4, 1, 20)[:, None, None]
    times = split.series_time(traffic, (1 - shares) * best.bandwidth + shares * others)
    assert float(times.min()) >= float(best.time) * (1 - 1e-8)


@pytest.mark.parametrize("limits", LIMITS[:5])
def test_prices_and_gradients_against_central_differences(limits):
    traffic = random_traffic(5)
    best = OPTIMUM(traffic, limits)

    def time(m, equal_to, at_most):
        return split.optimal_split(m, limits._replace(equal_to=equal_to, at_most=at_most)).time

    arguments = traffic, limits.equal_to, limits.at_most
    slopes = jax.grad(time, (0, 1, 2))(*arguments)
    assert np.asarray(slopes[1]) == pytest.approx(-np.asarray(best.equal_price), rel=1e-6, abs=1e-12)
    assert np.asarray(slopes[2]) == pytest.approx(-np.asarray(best.below_price), rel=1e-6, abs=1e-12)
    generator = np.random.default_rng(0)
    for number, part in enumerate(arguments):
        direction = jnp.asarray(generator.uniform(0.5, 1, part.shape)) * part
        moved = [[*arguments[:number], part + sign * 1e-4 * direction, *arguments[number + 1 :]] for sign in (1, -1)]
        difference = (jax.jit(time)(*moved[0]) - jax.jit(time)(*moved[1])) / 2e-4
        assert float((slopes[number] * direction).sum()) == pytest.approx(float(difference), rel=1e-3, abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_laws(seed):
    traffic = random_traffic(seed)
    best = OPTIMUM(traffic, LIMITS[0])
    doubled = OPTIMUM(traffic, split.fixed_sum(jnp.ones(4), 2000.0))
    assert float(doubled.time) == pytest.approx(float(best.time) / 2, rel=1e-8)
    assert float(OPTIMUM(7e9 * traffic, LIMITS[0]).time) == pytest.approx(7e9 * float(best.time), rel=1e-8)
    order = jnp.array([2, 0, 3, 1])
    assert np.asarray(OPTIMUM(traffic[:, order], LIMITS[0]).bandwidth) == pytest.approx(
        np.asarray(best.bandwidth[order]), rel=1e-5, abs=1e-4
    )
    assert float(OPTIMUM(jnp.concatenate([traffic, traffic]), LIMITS[0]).time) == pytest.approx(2 * float(best.time), rel=1e-8)
    # the price of the only limit times the limit is the time, which goes as 1 / B
    assert float(best.equal_price[0]) * 1000 == pytest.approx(float(best.time), rel=1e-6)


def test_corners():
    idle = OPTIMUM(jnp.zeros((2, 4)), BUDGET)
    assert float(idle.time) == 0
    assert float(idle.residual) < 1e-9
    alone = OPTIMUM(jnp.ones((1, 1)), split.fixed_sum(jnp.ones(1), 10.0))
    assert float(alone.time) == pytest.approx(0.1)
    impossible = split.joined(BUDGET, split.between(jnp.zeros(4), jnp.full(4, 100.0)))
    assert float(OPTIMUM(random_traffic(0), impossible).residual) > 1e-3
    assert np.asarray(split.proportional_split(jnp.zeros(4), 8.0, jnp.ones(4))) == pytest.approx(np.full(4, 2.0))


@pytest.mark.parametrize("function", [split.serial_time, split.serial_split, split.proportional_split])
@pytest.mark.parametrize("traffic", [jnp.zeros(3), jnp.array([0.0, 1, 2]), jnp.array([1.0, 2, 3])])
def test_gradients_are_finite_at_corners(function, traffic):
    jacobian = jax.jacrev(function, (0, 1, 2))(traffic, 10.0, jnp.ones(3))
    assert all(np.isfinite(part).all() for part in jacobian)
    slope = jax.grad(lambda m: split.optimal_split(jnp.diag(m), split.fixed_sum(jnp.ones(3), 10.0)).time)(traffic)
    assert np.isfinite(slope).all()
    assert np.isfinite(jax.jacrev(split.series_time, (0, 1))(traffic[None], jnp.zeros(3) + (traffic > 0))[1]).all()


def test_single_precision_is_good_to_a_thousandth():
    limits = jax.tree.map(lambda x: x.astype(jnp.float32), split.joined(*SHIPPED))
    with jax.enable_x64(False):
        found = split.optimal_split(gpt3().astype(jnp.float32), limits)
    assert float(found.time) == near(23.991e-3)


@pytest.mark.parametrize("wiring", [split.ring_links, split.full_mesh_links, split.switch_links])
@pytest.mark.parametrize("size", [2.0, 2.5, 8.0, 4096.0])
def test_every_wiring_costs_devices_times_bandwidth_times_price(wiring, size):
    def cost(b):
        return split.dimension_cost(4096.0, size, wiring(jnp.asarray(size), b), 3.0)

    assert float(cost(jnp.asarray(250.0))) == pytest.approx(4096 * 250 * 3, rel=1e-12)
    assert float(jax.grad(cost)(250.0)) == pytest.approx(4096 * 3, rel=1e-12)
    assert np.isfinite(jax.grad(lambda p: split.dimension_cost(4096.0, p, wiring(p, 250.0), 3.0))(1.0))
