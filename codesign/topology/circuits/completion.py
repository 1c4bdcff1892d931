"""How long does an all-to-all take over optical circuits with an electrical fallback?

Demand D (n, n) in bytes, row = source server; circuits C (n, n), symmetric, real or whole, each
`circuit_rate` b [B/s] in both directions; `electrical_rate` E [B/s] of one server into a network
that does not block. The diagonal is ignored, and so are start-ups, switching, and the steps
inside a server (gather and scatter, arXiv 2501.03905 section 5.3). Demand that no path
serves takes infinite time, with derivatives of zero.
"""

import jax
import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.workload.traffic import busiest_load, without_diagonal


def quotient(amount: Scalar, rate: Scalar) -> Scalar:
    """amount / rate; 0 / 0 = 0 and the derivatives at a rate of zero are zero."""
    moving = rate > 0
    return jnp.where(moving, amount / jnp.where(moving, rate, 1.0), jnp.where(amount > 0, jnp.inf, 0.0))


def switched_time(demand: jax.Array, rate: Scalar) -> Scalar:
    """Time on a network that does not block, max(busiest row, busiest column) / `rate` of one server.

    With the rate of all its network interfaces, optical and electrical, a lower bound of any fabric.
    """
    return quotient(busiest_load(demand), rate)


def optical_time(demand: jax.Array, circuits: jax.Array, circuit_rate: Scalar) -> Scalar:
    """max over pairs with circuits of D_ij / (C_ij b)."""
    served = without_diagonal(demand) * (circuits > 0)
    return quotient(served, jnp.where(circuits > 0, circuits, 1.0) * circuit_rate).max()


def electrical_time(demand: jax.Array, circuits: jax.Array, electrical_rate: Scalar) -> Scalar:
    """max over rows and columns of the demand of pairs without circuits, over E."""
    return switched_time(jnp.where(circuits > 0, 0.0, demand), electrical_rate)


def pair_atomic_time(demand: jax.Array, circuits: jax.Array, circuit_rate: Scalar, electrical_rate: Scalar) -> Scalar:
    """Time when a pair with a circuit uses circuits alone, max(optical, electrical time)."""
    return jnp.maximum(optical_time(demand, circuits, circuit_rate), electrical_time(demand, circuits, electrical_rate))


def split_time(demand: jax.Array, circuits: jax.Array, circuit_rate: Scalar, electrical_rate: Scalar) -> Scalar:
    """Time when pairs may use both networks at once: max over rows and columns of the root T of

        sum_j max(0, D_ij - C_ij b T) = E T .

    The root is max over sets S of sum_S D / (sum_S C b + E). Newton's method from T = 0 finds
    the best S exactly in at most n steps (the left side is convex); with S fixed the quotient
    carries the implicit derivative, dT/dD = 1 / (b (sum of C in S) + E) in the slowest row.
    """
    both = jnp.stack([demand, demand.T]) * (1.0 - jnp.eye(demand.shape[-1]))
    rates = jnp.stack([circuits, circuits.T]) * circuit_rate
    active = _late_pairs(*jax.lax.stop_gradient((both, rates, electrical_rate)))
    return quotient((both * active).sum(-1), (rates * active).sum(-1) + electrical_rate).max()


def _late_pairs(demand: jax.Array, rates: jax.Array, electrical_rate: Scalar) -> jax.Array:
    """Which pairs of each row still have demand when the row's circuits end; at least one (1 or 0)."""

    def remaining(active: jax.Array) -> jax.Array:
        load = (demand * active).sum(-1, keepdims=True)
        rate = (rates * active).sum(-1, keepdims=True) + electrical_rate
        late = active * (demand * rate > rates * load)  # D > C b T without the division by a rate of zero
        return jnp.where(late.any(-1, keepdims=True), late, active)

    def shrinks(state: tuple[jax.Array, jax.Array]) -> jax.Array:
        return (state[0] != state[1]).any()

    def step(state: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        return state[1], remaining(state[1])

    start = jnp.ones_like(demand)
    return jax.lax.while_loop(shrinks, step, (start, remaining(start)))[1]
