"""How fast could the all-to-all be if circuits came in fractions?

A lower bound of every whole allocation under `completion.split_time`, with derivatives. With
x_ij = C_ij b T bytes that pair i, j can move optically each way and p_ij >= D_ij - x_ij bytes
that stay electrical, the least T is a linear programme:

    min T :  sum_j x_ij <= a_i T,  sum_j p_ij <= E T,  sum_i p_ij <= E T,  x_ij = x_ji >= 0,  p >= 0,

a_i = b times the optical ports of server i, E the electrical rate of a server. For prices l (optical
ports), u (sending) and v (receiving), with 0 <= w_ij <= u_i + v_j and w_ij + w_ji <= l_i + l_j,

    T >= sum w_ij D_ij / (sum_i a_i l_i + E sum_i (u_i + v_i))        (linear-programming duality),

with equality at the best prices, where the derivatives at fixed prices are those of T.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.topology.circuits.completion import quotient, split_time
from codesign.topology.circuits.greedy import greedy_circuits
from codesign.topology.circuits.interior_point import solution
from codesign.topology.circuits.linear_programme import Capacity
from codesign.workload.traffic import busiest_load, without_diagonal

SMALLEST_RATE = 1e-8


class Relaxation(NamedTuple):
    """Real circuits (n, n), symmetric, and the lower bound of the completion time [s], which alone is differentiable."""

    circuits: jax.Array
    time: Scalar


def _reachable(demand: jax.Array, optical: jax.Array, electrical_rate: Scalar) -> jax.Array:
    """Does every pair with demand have a path?"""
    served = (optical[:, None] > 0) & (optical > 0)
    return (electrical_rate > 0) | jnp.all(served | (demand <= 0))


def _server_bounds(demand: jax.Array, optical: jax.Array, electrical_rate: Scalar) -> tuple[Scalar, Scalar]:
    """The bound above where prices are paid at one server alone: for its larger load, and for each pair's larger direction.

    The second is the optimum without electrical ports, where the programme has no interior.
    """
    load = jnp.maximum(demand.sum(0), demand.sum(1))
    larger = jnp.maximum(demand, demand.T).sum(1)
    return quotient(load, optical + electrical_rate).max(), quotient(larger, optical + 2 * electrical_rate).max()


def _solved(demand: jax.Array, optical: jax.Array, electrical_rate: Scalar) -> tuple[jax.Array, jax.Array, Capacity]:
    """Bytes x and prices w of demand and of rates at the optimum, without derivatives.

    In units of the busiest load and the mean rate; rates that are zero count as SMALLEST_RATE so that an interior exists.
    """
    demand, optical, electrical_rate = jax.lax.stop_gradient((demand, optical, electrical_rate))
    load, rate = busiest_load(demand), optical.mean() + electrical_rate
    load, rate = jnp.where(load > 0, load, 1.0), jnp.where(rate > 0, rate, 1.0)
    rates = Capacity(*(jnp.maximum(r / rate, SMALLEST_RATE) for r in (optical, electrical_rate)))
    found = solution(demand / load, rates)
    sent = found.price.row[:, None] + found.price.column
    pair = found.price.port[:, None] + found.price.port
    demand_price = jnp.minimum(found.price.cover, sent)
    both = demand_price + demand_price.T
    demand_price = without_diagonal(demand_price * jnp.minimum(1.0, pair / jnp.where(both > 0, both, 1.0)))
    x = jnp.where(electrical_rate > 0, jnp.maximum(found.x, 0.0), jnp.maximum(demand, demand.T))
    return without_diagonal(x), demand_price, Capacity(found.price.port, (found.price.row + found.price.column).sum())


def relaxed_allocation(demand: jax.Array, ports: Scalar, circuit_rate: Scalar, electrical_rate: Scalar) -> Relaxation:
    """The real circuits of least split time, and that time, differentiable in all four arguments.

    `demand` (n, n) [B], `ports` optical ports of a server (a number or (n,)), `circuit_rate` [B/s]
    of one circuit, `electrical_rate` [B/s] of one server. Where the best prices are not unique,
    as under equal demands, the derivative is a subgradient. In float64 the time is below the
    least one by up to 1e-5 of it, mostly 1e-7. Start-ups and reconfiguration are ignored.
    Infinite, with zero derivatives, where demand has no path.
    """
    demand = without_diagonal(demand)
    ports = jnp.broadcast_to(ports, demand.shape[:1])
    optical = ports * circuit_rate
    x, demand_price, price = _solved(demand, optical, electrical_rate)
    supply = (optical * price.optical).sum() + electrical_rate * price.electrical
    bounds = jnp.stack([quotient((demand_price * demand).sum(), supply), *_server_bounds(demand, optical, electrical_rate)])
    lost = ~_reachable(demand, optical, electrical_rate)
    time = jnp.where(lost, jnp.inf, jnp.where(lost, 0.0, bounds).max())
    share = jnp.maximum(x.sum(1), 1e-30)
    use = jnp.minimum(ports[:, None] / share[:, None], ports / share)
    return Relaxation(jax.lax.stop_gradient(x * use), time)


def rounded_circuits(demand: jax.Array, circuits: jax.Array, ports: Scalar) -> jax.Array:
    """Whole circuits from real ones, each row sum at most `ports`.

    Rounded down; then one more for the pairs with the largest remainders, while ports last; what
    is still free is given by `greedy_circuits` for the demand. A heuristic; `rounding_gap` tells
    what it costs.
    """
    whole = jnp.floor(circuits + 1e-6)
    remainder = jnp.maximum(circuits - whole, 0.0)
    return greedy_circuits(demand, ports, whole + greedy_circuits(remainder, ports - whole.sum(1)))


def rounding_gap(demand: jax.Array, circuits: jax.Array, bound: Scalar, circuit_rate: Scalar, electrical_rate: Scalar) -> Scalar:
    """How much longer whole `circuits` take than the relaxed time `bound`, relative to it; 0 without demand."""
    time = split_time(demand, circuits, circuit_rate, electrical_rate)
    some = (bound > 0) & (bound < jnp.inf)
    return jnp.where(some, time / jnp.where(some, bound, 1.0) - 1.0, 0.0)
