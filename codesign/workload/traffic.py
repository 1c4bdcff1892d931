"""Who sends how much to whom in an all-to-all?

Matrices are square: row = source rank, column = the rank that holds the expert; entries are
bytes (or tokens), the diagonal stays at home. The hot factor sigma is the busiest column over
the mean column, with the diagonal: 1 for even routing, at most the number of ranks. Measured
matrices stay uneven after the load-balancing loss has converged (arXiv 2501.03905 section 3);
the laws here are stand-ins where no measurement is at hand. Combine is the transpose of dispatch.
"""

import jax
import jax.numpy as jnp
import numpy as np

from codesign.fields import Scalar

NEWTON_STEPS = 64
FITTING_STEPS = 200
LARGEST_SKEW = 1e-4


def uniform_traffic(ranks: int, total: Scalar) -> jax.Array:
    """total / ranks^2 between any two of `ranks`, itself included.

    >>> print(uniform_traffic(2, 4.0))
    [[1. 1.]
     [1. 1.]]
    """
    return jnp.full((ranks, ranks), 1.0) * total / ranks**2


def zipf_exponent(sigma: Scalar, ranks: int) -> Scalar:
    """The exponent a at which shares j^-a / sum_j j^-a of j = 1 ... `ranks` have the hot factor `sigma`.

    Solves log sum_j j^-a = log(ranks / sigma) by Newton's method, which climbs from a = 0
    because the left side is convex and falls. `sigma` below 1 counts as 1; within
    LARGEST_SKEW of `ranks`, where a has no bound, as that limit. The derivative is implicit.
    """
    log_rank = jnp.log(jnp.arange(1.0, ranks + 1))
    limit = ranks - (ranks - 1) * LARGEST_SKEW
    target = jnp.log(ranks / jnp.where(sigma < 1, 1.0, jnp.where(sigma > limit, limit, sigma)))
    fixed = jax.lax.stop_gradient(target)

    def residual_and_slope(a: Scalar) -> tuple[Scalar, Scalar]:
        slope = -jnp.sum(jax.nn.softmax(-a * log_rank) * log_rank)
        return jax.nn.logsumexp(-a * log_rank), jnp.where(slope < 0, slope, -1.0)

    def step(_: int, a: Scalar) -> Scalar:
        residual, slope = residual_and_slope(a)
        return jnp.maximum(a - (residual - fixed) / slope, a)

    root = jax.lax.fori_loop(0, NEWTON_STEPS, step, jnp.zeros_like(fixed))
    residual, slope = residual_and_slope(root)
    return root - (residual - target) / slope


def zipf_shares(sigma: Scalar, ranks: int) -> jax.Array:
    """Shares (ranks,) of the traffic that each expert attracts, hottest first, busiest over mean = sigma."""
    return jax.nn.softmax(-zipf_exponent(sigma, ranks) * jnp.log(jnp.arange(1.0, ranks + 1)))


def zipf_traffic(sigma: Scalar, ranks: int, total: Scalar) -> jax.Array:
    """Every rank sends total / ranks, split over the columns by Zipf's law with hot factor sigma."""
    return jnp.broadcast_to(zipf_shares(sigma, ranks), (ranks, ranks)) * total / ranks


def dirichlet_traffic(key: jax.Array, sigma: Scalar, ranks: int, total: Scalar, concentration: Scalar) -> jax.Array:
    """Rows that differ: Dirichlet draws, fitted to equal row sums and Zipf column sums of hot factor sigma.

    Rows are drawn from the symmetric Dirichlet law of `concentration` (large: all rows alike);
    then rows and columns are scaled in turn (iterative proportional fitting, in logarithms).
    Columns are exact; rows within 1e-6 for concentrations from 0.5 on. Differentiable in sigma.
    """
    draws = jax.random.loggamma(key, concentration, (ranks, ranks))
    columns = jnp.log(zipf_shares(sigma, ranks))

    def fit(row: jax.Array, _: None) -> tuple[jax.Array, None]:
        column = columns - jax.nn.logsumexp(draws + row[:, None], axis=0)
        return -jnp.log(ranks) - jax.nn.logsumexp(draws + column, axis=1), None

    row, _ = jax.lax.scan(fit, jnp.zeros(ranks), None, length=FITTING_STEPS)
    column = columns - jax.nn.logsumexp(draws + row[:, None], axis=0)
    return total * jnp.exp(draws + row[:, None] + column)


def server_matrix(traffic: jax.Array, ranks_per_server: int) -> jax.Array:
    """Traffic between servers of `ranks_per_server` consecutive ranks: sums of blocks.

    >>> print(server_matrix(jnp.ones((4, 4)), 2))
    [[4. 4.]
     [4. 4.]]
    """
    ranks = traffic.shape[-1]
    if ranks % ranks_per_server:
        raise ValueError(f"{ranks} ranks do not fill servers of {ranks_per_server}")
    servers = ranks // ranks_per_server
    return traffic.reshape(servers, ranks_per_server, servers, ranks_per_server).sum((1, 3))


def reordered(traffic: jax.Array, order: jax.Array | np.ndarray) -> jax.Array:
    """The traffic once rank j holds the expert `order[j]`; the sources stay where their data is."""
    return traffic[:, order]


def balanced_order(loads: np.ndarray, ranks_per_server: int) -> np.ndarray:
    """Which expert each rank should hold so that servers receive even loads.

    Longest first: experts by falling `loads` (n,), each to the least loaded server with a free
    rank (Graham 1969; here each server takes `ranks_per_server`). Not optimal. Ties go to the first server.

    >>> print(balanced_order(np.array([8.0, 7.0, 2.0, 1.0]), 2))
    [0 3 1 2]
    """
    servers = len(loads) // ranks_per_server
    if servers * ranks_per_server != len(loads):
        raise ValueError(f"{len(loads)} experts do not fill servers of {ranks_per_server}")
    held: list[list[int]] = [[] for _ in range(servers)]
    for expert in np.argsort(-np.asarray(loads), kind="stable"):
        free = [s for s in range(servers) if len(held[s]) < ranks_per_server]
        least = min(free, key=lambda s: float(sum(loads[e] for e in held[s])))
        held[least].append(int(expert))
    return np.array([expert for server in held for expert in server])


def replicated(traffic: jax.Array, holders: jax.Array) -> jax.Array:
    """Traffic once experts have copies: each column is split evenly over the ranks that hold the expert.

    `holders` (experts, ranks): 1 where a rank holds a copy, else 0; an expert without a copy
    loses its traffic. A source with a copy of its own is not preferred.
    """
    copies = holders.sum(1, keepdims=True)
    return traffic @ (holders / jnp.maximum(copies, 1.0))


def without_diagonal(traffic: jax.Array) -> jax.Array:
    """`traffic` with nothing kept at home."""
    return traffic * (1.0 - jnp.eye(traffic.shape[-1]))


def busiest_load(traffic: jax.Array) -> Scalar:
    """The most that any one endpoint sends or receives: max over row and column sums without the diagonal."""
    crossing = without_diagonal(traffic)
    return jnp.maximum(crossing.sum(1).max(), crossing.sum(0).max())


def hot_factor(traffic: jax.Array) -> Scalar:
    """sigma = busiest column over the mean column, diagonal included; 1 without traffic."""
    columns = traffic.sum(0)
    mean = columns.mean()
    return jnp.where(mean > 0, columns.max() / jnp.where(mean > 0, mean, 1.0), 1.0)
