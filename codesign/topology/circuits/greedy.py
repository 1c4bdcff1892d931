"""Which circuits does the slowest-pair-first rule give (arXiv 2501.03905 Algorithm 1)?"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.workload.traffic import without_diagonal

Blocked = Literal["skip", "stop"]
Ties = Literal["remaining ports", "index"]
COUNT = jnp.int16  # half of the work of a batch is to copy this matrix


class _State(NamedTuple):
    """Circuits (n, n), free ports (n,), the pair chosen next, and whether it can be served."""

    circuits: jax.Array
    free: jax.Array
    pair: tuple[jax.Array, jax.Array]
    goes_on: jax.Array


def _urgency(both: jax.Array, circuits: jax.Array, free: tuple[jax.Array, jax.Array], blocked: Blocked) -> jax.Array:
    """Rises with the time S / C of a pair: S > 0 without circuit (infinite time), -C / S with; -inf if out of question."""
    wanted = both > 0
    eligible = wanted & (free[0] >= 1) & (free[1] >= 1) if blocked == "skip" else wanted
    safe = jnp.where(wanted, both, 1.0)
    return jnp.where(eligible, jnp.where(circuits > 0, -circuits / safe, safe), -jnp.inf)


def greedy_circuits(
    demand: jax.Array, ports: Scalar, held: jax.Array | None = None, *, blocked: Blocked = "skip", ties: Ties = "remaining ports"
) -> jax.Array:
    """Whole circuits C (n, n), symmetric, each row sum at most `ports` (a number, or one per server).

    S_ij = D_ij + D_ji. A circuit goes to the pair with the largest S / C (infinite without
    circuit, then the largest S first) whose servers both have a free port, until none has:
    pairs that cannot be served are skipped, or, as printed in the paper, the first one ends
    the allocation. `held` circuits are kept. Among equals, index order starves the last servers
    of a uniform matrix; the pair with most ports left avoids that. A heuristic; no derivatives.
    """
    demand, ports = jax.lax.stop_gradient((demand, ports))
    both = without_diagonal(demand + demand.T)
    start = (jnp.zeros_like(both) if held is None else jax.lax.stop_gradient(held)).astype(COUNT)
    free = jnp.floor(jnp.broadcast_to(ports, both.shape[:1])) - start.sum(1)

    def rank(urgency: jax.Array, free: tuple[jax.Array, jax.Array]) -> jax.Array:
        return urgency if ties == "index" else jnp.where(urgency == urgency.max(), jnp.minimum(*free), -1.0)

    def choose(circuits: jax.Array, free: jax.Array) -> _State:
        ends = (free[:, None], free)
        pairs = _urgency(both, circuits, ends, blocked)
        i = jnp.argmax(rank(pairs, ends).max(0))  # by columns, which is fast; the matrix is symmetric
        partners = _urgency(both[i], circuits[i], (free[i], free), blocked)
        j = jnp.argmax(rank(partners, (free[i], free)))
        return _State(circuits, free, (i, j), (partners[j] > -jnp.inf) & (free[i] >= 1) & (free[j] >= 1))

    def serve(state: _State) -> _State:
        i, j = state.pair
        return choose(state.circuits.at[i, j].add(1).at[j, i].add(1), state.free.at[i].add(-1.0).at[j].add(-1.0))

    return jax.lax.while_loop(lambda state: state.goes_on, serve, choose(start, free)).circuits.astype(both.dtype)
