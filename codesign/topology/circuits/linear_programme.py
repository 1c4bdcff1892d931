"""What are the inequalities of `relaxation`, and how is their Newton system solved?

Of a Newton system of order n^2 only 3 n unknowns are coupled: a pair's three variables x_ij, p_ij,
p_ji meet other pairs only through the sums per server, so that each pair is eliminated in
closed form. The sums follow by least squares (QR), because their normal equations lose all
digits near the optimum; refinement on the full system restores the rest.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from codesign.fields import Scalar

REFINEMENTS = 4


class Capacity(NamedTuple):
    """Rates, or their prices: optical of each server (n,), electrical of any server."""

    optical: jax.Array
    electrical: Scalar


class Slack(NamedTuple):
    """One entry per inequality, or its price: p + x >= D, x >= 0, p >= 0, all (n, n); ports, rows, columns (n,).

    Diagonals stand for the inequality 0 >= -1, which keeps them harmless.
    """

    cover: jax.Array
    optical: jax.Array
    electrical: jax.Array
    port: jax.Array
    row: jax.Array
    column: jax.Array


class Point(NamedTuple):
    """Variables, or one equation for each: x (n, n) symmetric, p (n, n), T."""

    x: jax.Array
    p: jax.Array
    time: Scalar


def mapped(function: Callable[..., Any], *trees: Any) -> Any:
    """`function` of the entries of equal structures."""
    return jax.tree.map(function, *trees)


def left_side(point: Point, rates: Capacity) -> Slack:
    """A z: what stands left of the inequalities."""
    off = 1.0 - jnp.eye(len(point.x))
    x, p, time = point.x * off, point.p * off, point.time
    spare = rates.electrical * time
    return Slack(p + x, x, p, rates.optical * time - x.sum(1), spare - p.sum(1), spare - p.sum(0))


def transposed(price: Slack, rates: Capacity) -> Point:
    """A' y: what the prices say to each variable."""
    off = 1.0 - jnp.eye(len(price.cover))
    x = price.cover + price.cover.T + price.optical - price.port[:, None] - price.port
    p = price.cover + price.electrical - price.row[:, None] - price.column
    time = (rates.optical * price.port).sum() + rates.electrical * (price.row + price.column).sum()
    return Point(x * off, p * off, time)


def _spread(sums: jax.Array) -> tuple[jax.Array, jax.Array]:
    """What one number per port, row and column (3 n,) adds to x_ij and to p_ij."""
    port, row, column = jnp.split(sums, 3)
    return port[:, None] + port, row[:, None] + column


def newton_solver(weight: Slack, rates: Capacity) -> Callable[[Point], Point]:
    """The solution of A' diag(weight) A dz = r as a function of r, by least squares over the sums per server."""
    n = len(weight.port)
    # a pair's block [[x, c, c'], [c, p, 0], [c', 0, p']] has the inverse F F', F of one column per variable
    own = weight.cover + weight.electrical
    lean = weight.cover / own
    pivot = weight.optical + lean * weight.electrical + (lean * weight.electrical).T
    of_p, of_x = (1.0 - jnp.eye(n)) / jnp.sqrt(own), jnp.triu(1 / jnp.sqrt(pivot), 1)

    def halved(x: jax.Array, p: jax.Array) -> jax.Array:
        return jnp.concatenate([(of_p * p).ravel(), (of_x * (x - lean * p - (lean * p).T)).ravel()])

    def whole(half: jax.Array) -> tuple[jax.Array, jax.Array]:
        of_pair = half.reshape(2, n, n)
        x = of_x * of_pair[1]
        return x + x.T, of_p * of_pair[0] - lean * (x + x.T)

    rate = jnp.concatenate([rates.optical, jnp.broadcast_to(rates.electrical, 2 * n)])
    root = jnp.sqrt(jnp.concatenate([weight.port, weight.row, weight.column]))
    columns = jax.vmap(lambda unit: halved(*_spread(unit)))(jnp.eye(3 * n))
    rows = jnp.concatenate([columns.T, jnp.diag(1 / root)])
    order = jnp.argsort(-jnp.abs(rows).max(1))  # large rows first: QR is then stable row by row
    q, r = jnp.linalg.qr(rows[order])

    def fitted(pairs: jax.Array, sums: jax.Array) -> jax.Array:
        return jax.scipy.linalg.solve_triangular(r, q.T @ jnp.concatenate([pairs, sums])[order])

    per_time = fitted(jnp.zeros(2 * n * n), root * rate)

    def solve(right: Point) -> Point:
        half = halved(right.x, right.p)
        loads = fitted(half, jnp.zeros(3 * n))
        time = (right.time + rate @ loads) / (rate @ per_time)
        x, p = whole(half + halved(*_spread(per_time * time - loads)))
        return Point(x, p, time)

    def refined(right: Point) -> Point:
        def refine(_: int, found: Point) -> Point:
            left = transposed(mapped(jnp.multiply, weight, left_side(found, rates)), rates)
            return mapped(jnp.add, found, solve(mapped(jnp.subtract, right, left)))

        return jax.lax.fori_loop(0, 1 + REFINEMENTS, refine, mapped(jnp.zeros_like, right))

    return refined
