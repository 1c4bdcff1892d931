"""Are completion times, greedy, exact and relaxed circuits those worked out for the measured matrix, and do their laws hold?"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import CONFIGS

from codesign.topology.circuits.completion import electrical_time, optical_time, pair_atomic_time, split_time, switched_time
from codesign.topology.circuits.exact import exact_circuits
from codesign.topology.circuits.greedy import greedy_circuits
from codesign.topology.circuits.relaxation import relaxed_allocation, rounded_circuits, rounding_gap

MEASURED = jnp.asarray(np.loadtxt(CONFIGS / "traffic" / "mixnet_8x8.csv", delimiter=","))
UNIFORM = jnp.full((8, 8), 4096.0)
FAT_TREE = 67893 / 8
ORDERS = np.random.default_rng(3).permuted(np.tile(np.arange(8), (3, 1)), axis=1)


def drawn(seed, servers=8):
    generator = np.random.default_rng(seed)
    return jnp.asarray(generator.gamma(generator.choice([0.1, 0.5, 2.0]), size=(servers, servers)) * generator.dirichlet(np.ones(servers)))


DEMANDS = {
    "measured": MEASURED,
    "uniform": UNIFORM,
    "sparse": drawn(1) * (drawn(2) > 0.05),
    **{f"drawn {s}": drawn(s) for s in range(3, 8)},
}
DISTINCT = [name for name in DEMANDS if name not in ("uniform", "sparse")]
PORTS = [2.0, 5.0, 6.0]
CORNERS = {
    "zero": jnp.zeros((4, 4)),
    "one": jnp.ones((1, 1)),
    "diagonal": jnp.eye(4),
    "pair": jnp.zeros((4, 4)).at[0, 1].set(1.0),
    "idle server": jnp.ones((4, 4)).at[3].set(0.0).at[:, 3].set(0.0),
    "uniform": jnp.ones((4, 4)),
}
relaxed, rounded = jax.jit(relaxed_allocation), jax.jit(rounded_circuits)
atomic, split = jax.jit(pair_atomic_time), jax.jit(split_time)
greedy = functools.cache(
    lambda blocked="skip", ties="remaining ports": jax.jit(lambda d, p: greedy_circuits(d, p, blocked=blocked, ties=ties))
)


def relaxed_time(*arguments):
    return relaxed_allocation(*arguments).time


@functools.cache
def with_derivatives(function):
    """Value, reverse derivatives in all four arguments, and the forward derivative along all of them."""
    return jax.jit(lambda *a: (*jax.value_and_grad(function, (0, 1, 2, 3))(*a), jax.jvp(function, a, jax.tree.map(jnp.ones_like, a))[1]))


def times(demand, circuits, electrical):
    return [
        float(t)
        for t in (
            optical_time(demand, circuits, 1.0),
            electrical_time(demand, circuits, electrical),
            atomic(demand, circuits, 1.0, electrical),
            split(demand, circuits, 1.0, electrical),
        )
    ]


def is_allocation(circuits, ports):
    circuits = np.asarray(circuits)
    np.testing.assert_array_equal(circuits, circuits.T)
    assert (circuits >= 0).all()
    assert not np.diag(circuits).any()
    assert (circuits.sum(1) <= ports + 1e-9).all()
    return circuits


def test_switched_networks():
    """F22 and F23: all eight interfaces on a fat-tree, and a third of it."""
    assert float(switched_time(MEASURED, 8.0)) == pytest.approx(8486.6, abs=0.1)
    assert float(switched_time(MEASURED, 8 / 3)) == pytest.approx(25459.9, abs=0.1)


@pytest.mark.parametrize(
    ("ports", "circuits", "expected"),
    [
        (6, 24, (10897, 4180.5, 10897, 8486.6)),
        (3, 12, (10897, 7587.4, 10897, 8486.6)),
        (4, 16, (10897, 7313.2, 10897, 8486.6)),
        (5, 19, (10897, 10249, 10897, 10249)),
        (7, 28, (10897, 0, 10897, 8504.6)),
    ],
)
@pytest.mark.parametrize("ties", ["index", "remaining ports"])
def test_greedy_circuits_of_the_measured_matrix(ports, circuits, expected, ties):
    """F24, F25, F26."""
    found = is_allocation(greedy(ties=ties)(MEASURED, float(ports)), ports)
    assert found.sum() / 2 == circuits
    assert times(MEASURED, found, 8.0 - ports) == pytest.approx(expected, abs=0.1)


def test_greedy_gives_one_circuit_to_all_pairs_but_a_few():
    expected = 1 - np.eye(8)
    for pair, count in {(0, 5): 0, (1, 2): 0, (2, 3): 0, (4, 6): 0, (6, 7): 0, (2, 6): 2}.items():
        expected[pair] = expected[pair[::-1]] = count
    np.testing.assert_array_equal(greedy()(MEASURED, 6.0), expected)


def test_the_loop_as_printed_stops_early():
    """F27."""
    found = greedy(blocked="stop")(MEASURED, 6.0)
    assert found.sum() / 2 == 6
    assert times(MEASURED, found, 2.0)[1:] == pytest.approx([16543] * 3, abs=0.1)


def test_ties_by_index_starve_the_last_server_and_remaining_ports_cure_it():
    """F29 and F30."""
    starved = greedy(ties="index")(UNIFORM, 6.0)
    assert starved.sum() / 2 == 21
    assert not starved[7].any()
    assert times(UNIFORM, starved, 2.0) == pytest.approx([4096, 14336, 14336, 14336], abs=0.1)
    even = greedy()(UNIFORM, 6.0)
    assert even.sum() / 2 == 24
    np.testing.assert_array_equal(even.sum(1), 6)
    assert times(UNIFORM, even, 2.0) == pytest.approx([4096, 2048, 4096, 3584], abs=0.1)
    assert float(switched_time(UNIFORM, 8.0)) == 3584


@pytest.mark.parametrize("servers", [2, 4, 8, 16])
@pytest.mark.parametrize("ports", [1, 2, 3, 6])
def test_remaining_ports_leave_no_port_free_under_even_demand(servers, ports):
    assert (greedy()(jnp.ones((servers, servers)), float(ports)).sum(1) == ports).all()


def test_derivatives_of_the_measured_matrix():
    """F31."""
    circuits = greedy()(MEASURED, 6.0)
    column = jnp.zeros((8, 8)).at[1:, 0].set(1 / 8)
    np.testing.assert_allclose(jax.grad(split_time)(MEASURED, circuits, 1.0, 2.0), column, atol=1e-12)
    np.testing.assert_allclose(jax.grad(pair_atomic_time)(MEASURED, circuits, 1.0, 2.0), jnp.zeros((8, 8)).at[3, 0].set(1.0))
    np.testing.assert_allclose(jax.jit(jax.grad(relaxed_time))(MEASURED, 6.0, 1.0, 2.0), column, atol=1e-6)


@pytest.mark.parametrize("name", DISTINCT)
@pytest.mark.parametrize("ports", PORTS)
def test_split_time_is_the_root_and_has_its_derivative(name, ports):
    demand = DEMANDS[name] * (1 - jnp.eye(8))
    circuits, electrical = greedy()(demand, ports), 8.3 - ports
    time = float(split(demand, circuits, 1.0, electrical))
    left = jnp.maximum(demand - circuits * time, 0)
    assert float(jnp.maximum(left.sum(0).max(), left.sum(1).max())) == pytest.approx(electrical * time, rel=1e-9)

    _, (to_demand, to_circuits, to_circuit_rate, to_electrical_rate), _ = with_derivatives(split_time)(
        demand, circuits, jnp.asarray(1.0), jnp.asarray(electrical)
    )
    exact = [(to_demand * demand).sum(), (to_circuits * circuits).sum(), to_circuit_rate, to_electrical_rate]
    moved = [
        lambda h: split(demand * (1 + h), circuits, 1.0, electrical),
        lambda h: split(demand, circuits * (1 + h), 1.0, electrical),
        lambda h: split(demand, circuits, 1.0 + h, electrical),
        lambda h: split(demand, circuits, 1.0, electrical + h),
    ]
    differences = [float(t(1e-6) - t(-1e-6)) / 2e-6 for t in moved]
    np.testing.assert_allclose(exact, differences, rtol=1e-5, atol=1e-7 * time)


def test_the_exact_optimum_of_the_measured_matrix():
    """F28."""
    found = exact_circuits(np.asarray(MEASURED), 6, 1.0, 2.0)
    assert found.optimal
    assert found.time == pytest.approx(10208, abs=0.1)
    circuits = is_allocation(found.circuits, 6)
    assert circuits.sum() / 2 <= 24
    assert times(MEASURED, circuits, 2.0)[2] == pytest.approx(found.time)


def every_allocation(servers, ports):
    """All symmetric whole matrices with row sums up to `ports`."""
    pairs = [(i, j) for i in range(servers) for j in range(i)]
    found = [np.zeros((servers, servers))]
    for i, j in pairs:
        more = []
        for circuits in found:
            for count in range(int(ports - max(circuits[i].sum(), circuits[j].sum())) + 1):
                other = circuits.copy()
                other[i, j] = other[j, i] = count
                more.append(other)
        found = more
    return found


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("ports", "electrical"), [(1, 1.0), (2, 0.7), (3, 0.0)])
def test_the_exact_optimum_is_that_of_trying_everything(seed, ports, electrical):
    demand = drawn(seed, 4)
    tried = jax.jit(jax.vmap(lambda c: atomic(demand, c, 1.0, electrical)))(np.stack(every_allocation(4, ports)))
    found = exact_circuits(np.asarray(demand), ports, 1.0, electrical)
    assert found.optimal
    assert found.time == pytest.approx(float(tried.min()), rel=1e-8)
    assert found.time == pytest.approx(float(atomic(demand, is_allocation(found.circuits, ports), 1.0, electrical)))


@pytest.mark.parametrize("name", DEMANDS)
def test_exact_times_obey_their_laws(name):
    demand = np.asarray(DEMANDS[name])
    found = [exact_circuits(demand, ports, 1.0, 2.0) for ports in range(8)]
    assert all(f.optimal for f in found)
    assert (np.diff([f.time for f in found]) <= 0).all()
    best = found[6].time
    assert best <= float(atomic(demand, greedy()(demand, 6.0), 1.0, 2.0)) * (1 + 1e-9)
    order = ORDERS[0]
    for other in (demand.T, demand[np.ix_(order, order)]):
        assert exact_circuits(other, 6, 1.0, 2.0).time == pytest.approx(best, rel=1e-8)
    assert exact_circuits(3 * demand, 6, 1.0, 2.0).time == pytest.approx(3 * best, rel=1e-8)
    assert exact_circuits(demand, 6, 5.0, 10.0).time == pytest.approx(best / 5, rel=1e-8)


def test_a_search_cut_short_says_so():
    cut = exact_circuits(np.asarray(MEASURED), 6, 1.0, 2.0, node_limit=12)
    assert not cut.optimal
    assert 10208 <= cut.time <= float(switched_time(MEASURED, 2.0))
    assert exact_circuits(np.asarray(MEASURED), 6, 1.0, 0.0).time == np.inf
    assert exact_circuits(np.zeros((4, 4)), 6, 1.0, 0.0)[1:] == (0.0, True)


@pytest.mark.parametrize("name", DEMANDS)
@pytest.mark.parametrize("ports", PORTS)
def test_bounds_are_in_order(name, ports):
    """Busiest load <= relaxed <= its own circuits <= whatever is whole."""
    demand, electrical = DEMANDS[name], 8.0 - ports
    found = relaxed(demand, ports, 1.0, electrical)
    real = is_allocation(found.circuits, ports)
    whole = is_allocation(rounded(demand, real, ports), ports)
    np.testing.assert_array_equal(whole, np.round(whole))
    least = float(found.time)
    gap = float(rounding_gap(demand, whole, found.time, 1.0, electrical))
    assert gap == pytest.approx(float(split(demand, whole, 1.0, electrical)) / least - 1)
    assert 0 <= gap < 1
    assert least >= float(switched_time(demand, 8.0)) * (1 - 1e-5)
    assert float(split(demand, real, 1.0, electrical)) == pytest.approx(least, rel=1e-5)
    for circuits in (real, whole, greedy()(demand, ports), exact_circuits(np.asarray(demand), ports, 1.0, electrical).circuits):
        assert least <= float(split(demand, circuits, 1.0, electrical)) * (1 + 1e-12)
        assert float(split(demand, circuits, 1.0, electrical)) <= float(atomic(demand, circuits, 1.0, electrical)) * (1 + 1e-12)


@pytest.mark.parametrize("name", DEMANDS)
def test_without_electrical_ports_the_relaxed_time_is_known(name):
    """Every pair needs circuits for its larger direction: T = max_i sum_j max(D_ij, D_ji) / a_i."""
    demand = DEMANDS[name] * (1 - jnp.eye(8))
    ports = jnp.arange(3.0, 11.0)
    expected = float((jnp.maximum(demand, demand.T).sum(1) / ports).max())
    found = relaxed(demand, ports, 1.0, 0.0)
    assert float(found.time) == pytest.approx(expected, rel=1e-6)
    assert float(split(demand, found.circuits, 1.0, 0.0)) == pytest.approx(expected, rel=1e-6)


def along(change, demand, ports):
    """The relaxed time after relative changes of 36 demands and changes of ports, circuit rate 1 and electrical rate 1.3."""
    demand = demand * jnp.exp(change[:36].reshape(6, 6))
    return relaxed_allocation(demand, ports + change[36], 1.0 + change[37], 1.3 + change[38]).time


along_many = jax.jit(jax.vmap(along, in_axes=(0, None, None)))
along_slope = jax.jit(jax.value_and_grad(along))


@pytest.mark.parametrize("seed", range(20, 26))
@pytest.mark.parametrize("ports", [2.0, 4.5])
def test_relaxed_derivatives_are_those_of_differences(seed, ports):
    demand = drawn(seed, 6)
    time, exact = along_slope(jnp.zeros(39), demand, ports)
    step = 1e-3 * jnp.eye(39)
    differences = (along_many(step, demand, ports) - along_many(-step, demand, ports)) / 2e-3
    np.testing.assert_allclose(exact, differences, atol=3e-3 * time)
    assert (np.asarray(exact[:36]) >= 0).all()
    assert (np.asarray(exact[36:]) <= 0).all()
    # homogeneous of degree one in demand, minus one in both rates
    assert float(exact[:36].sum()) == pytest.approx(float(time), rel=1e-9)
    assert float(exact[37] + 1.3 * exact[38]) == pytest.approx(-float(time), rel=1e-9)


@pytest.mark.parametrize("name", DISTINCT)
@pytest.mark.parametrize("ports", PORTS)
def test_times_obey_their_laws(name, ports):
    demand = DEMANDS[name]
    circuits, electrical = greedy()(demand, ports), 8.0 - ports
    real = relaxed(demand, ports, 1.0, electrical).time
    allocations = [(t, t(demand, circuits, 1.0, electrical)) for t in (atomic, split)]
    np.testing.assert_array_equal(greedy()(demand.T, ports), circuits)
    np.testing.assert_array_equal(greedy()(4 * demand, ports), circuits)
    for time, seconds in allocations:
        np.testing.assert_allclose(time(demand.T, circuits, 1.0, electrical), seconds, rtol=1e-12)
        np.testing.assert_allclose(time(3 * demand, circuits, 1.0, electrical), 3 * seconds, rtol=1e-12)
        np.testing.assert_allclose(time(demand, circuits, 2.0, 2 * electrical), seconds / 2, rtol=1e-12)
    np.testing.assert_allclose(relaxed(demand.T, ports, 1.0, electrical).time, real, rtol=1e-5)
    np.testing.assert_allclose(relaxed(3 * demand, ports, 2.0, 2 * electrical).time, 1.5 * real, rtol=1e-5)
    assert float(relaxed(demand, ports + 1, 1.0, electrical).time) <= float(real) * (1 + 1e-5)
    for order in ORDERS:
        moved = demand[np.ix_(order, order)]
        np.testing.assert_array_equal(greedy()(moved, ports), circuits[np.ix_(order, order)])
        np.testing.assert_allclose(relaxed(moved, ports, 1.0, electrical).time, real, rtol=1e-5)


def test_held_circuits_are_kept_and_ports_may_differ():
    held = jnp.zeros((8, 8)).at[2, 6].set(3.0).at[6, 2].set(3.0)
    ports = jnp.array([6.0, 6, 4, 0, 6, 6, 4, 5])
    found = is_allocation(greedy_circuits(MEASURED, ports, held), np.asarray(ports))
    assert (found >= held).all()
    assert not found[3].any()
    assert found.sum() > held.sum()


@pytest.mark.parametrize("name", CORNERS)
@pytest.mark.parametrize("ports", [0.0, 2.0])
@pytest.mark.parametrize("electrical", [0.0, 2.0])
def test_values_and_derivatives_at_corners(name, ports, electrical):
    """Infinite exactly where demand has no path; derivatives finite everywhere."""
    demand, ports, electrical = CORNERS[name], jnp.asarray(ports), jnp.asarray(electrical)
    crossing = float((demand * (1 - jnp.eye(len(demand)))).sum())
    circuits = greedy()(demand, ports)
    allocated = relaxed(demand, ports, 1.0, electrical)
    lost = not electrical and float((demand * (1 - jnp.eye(len(demand))) * (circuits == 0)).sum()) > 0
    for function in (pair_atomic_time, split_time):
        time, backward, forward = with_derivatives(function)(demand, circuits, jnp.asarray(1.0), electrical)
        assert np.isinf(time) == lost
        assert float(time) > 0 or not crossing
        assert all(np.isfinite(d).all() for d in (*backward, forward))
    assert np.isinf(allocated.time) == (crossing > 0 and not electrical and not ports)
    assert float(allocated.time) > 0 or not crossing
    assert np.isfinite(allocated.circuits).all()
    is_allocation(rounded(demand, allocated.circuits, ports), ports)
    assert crossing or float(rounding_gap(demand, circuits, allocated.time, 1.0, electrical)) == 0
    _, backward, forward = with_derivatives(relaxed_time)(demand, ports, jnp.asarray(1.0), electrical)
    assert all(np.isfinite(d).all() for d in (*backward, forward))


def test_batches_equal_single_calls():
    demands = jnp.stack(list(DEMANDS.values()))
    ports = jnp.asarray([PORTS[k % 3] for k in range(len(demands))])
    circuits = jax.jit(jax.vmap(greedy_circuits))(demands, ports)
    np.testing.assert_array_equal(circuits, jnp.stack([greedy()(d, p) for d, p in zip(demands, ports, strict=True)]))
    together = jax.vmap(split_time, in_axes=(0, 0, None, 0))(demands, circuits, 1.0, 8 - ports)
    alone = [split(d, c, 1.0, 8 - p) for d, c, p in zip(demands, circuits, ports, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-12)
    batch = jax.jit(jax.vmap(relaxed_allocation, in_axes=(0, 0, None, 0)))(demands, ports, 1.0, 8 - ports)
    alone = [relaxed(d, p, 1.0, 8 - p).time for d, p in zip(demands, ports, strict=True)]
    np.testing.assert_allclose(batch.time, alone, rtol=1e-5)
