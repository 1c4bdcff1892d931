"""Which point solves the linear programme of `relaxation`?

A primal-dual interior-point method with predictor and corrector (Mehrotra 1992), started
from a point that need not be feasible.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.topology.circuits.linear_programme import Capacity, Point, Slack, left_side, mapped, newton_solver, transposed

STEPS = 60
TO_BOUNDARY = 0.995


class Solution(NamedTuple):
    """Bytes per pair that circuits carry, the time, and the price of every inequality."""

    x: jax.Array
    time: Scalar
    price: Slack


class _State(NamedTuple):
    """Iterate, slacks, prices, complementarity and count of steps."""

    point: Point
    slack: Slack
    price: Slack
    gap: Scalar
    steps: Scalar


def _longest_step(value: Slack, change: Slack) -> Scalar:
    """The largest step in [0, 1] that keeps `value` positive."""
    ends = [jnp.min(jnp.where(d < 0, -v / jnp.where(d < 0, d, -1.0), jnp.inf)) for v, d in zip(value, change, strict=True)]
    return jnp.minimum(1.0, TO_BOUNDARY * jnp.min(jnp.stack(ends)))


def _complementarity(slack: Slack, price: Slack) -> Scalar:
    products = [(s * y).sum() for s, y in zip(slack, price, strict=True)]
    return jnp.stack(products).sum() / sum(s.size for s in slack)


def _unpriced(price: Slack, rates: Capacity) -> Point:
    """c - A' y: the cost, which is T, less what the prices explain of it."""
    explained = transposed(price, rates)
    return Point(-explained.x, -explained.p, 1.0 - explained.time)


def _step(state: _State, bound: Slack, rates: Capacity) -> _State:
    """One predictor and corrector, as far as slacks and prices stay positive."""
    slack, price = state.slack, state.price
    missing = mapped(lambda a, d, s: a - d - s, left_side(state.point, rates), bound, slack)
    unpriced = _unpriced(price, rates)
    weight = mapped(jnp.divide, price, slack)
    solve = newton_solver(weight, rates)

    def direction(target: Slack) -> tuple[Point, Slack, Slack]:
        pull = mapped(lambda t, s, w, m: t / s - w * m, target, slack, weight, missing)
        move = solve(mapped(jnp.subtract, transposed(pull, rates), unpriced))
        slack_move = mapped(jnp.add, left_side(move, rates), missing)
        return move, slack_move, mapped(lambda t, s, w, d: t / s - w * d, target, slack, weight, slack_move)

    def moved(values: Any, moves: Any, step: Scalar) -> Any:
        return mapped(lambda v, d: v + step * d, values, moves)

    _, ds, dy = direction(mapped(lambda s, y: -s * y, slack, price))
    after = _complementarity(moved(slack, ds, _longest_step(slack, ds)), moved(price, dy, _longest_step(price, dy)))
    centre = state.gap * (after / state.gap) ** 3
    dz, ds, dy = direction(mapped(lambda s, y, a, b: centre - s * y - a * b, slack, price, ds, dy))
    primal, dual = _longest_step(slack, ds), _longest_step(price, dy)
    point, slack, price = moved(state.point, dz, primal), moved(slack, ds, primal), moved(price, dy, dual)
    return _State(point, slack, price, _complementarity(slack, price), state.steps + 1)


def _error(state: _State, rates: Capacity) -> Scalar:
    """Bound of the error of the time: the sum of all products of slack and price, and what rounding left unpriced."""
    unpriced = [jnp.abs(part).sum() for part in _unpriced(state.price, rates)]
    return state.gap * sum(part.size for part in state.slack) + jnp.stack(unpriced).sum()


def solution(demand: jax.Array, rates: Capacity) -> Solution:
    """The optimum for `demand` (n, n) and positive `rates`, both of order one; no derivatives.

    Stops at a complementarity near the rounding error, or where rounding spoils the next step.
    """
    n = len(demand)
    eye, one = jnp.eye(n), jnp.ones(n)
    bound = Slack(demand - eye, -eye, -eye, 0 * one, 0 * one, 0 * one)
    start = Point(jnp.full((n, n), 1.0 / n) * (1 - eye), jnp.full((n, n), 1.0 / n) * (1 - eye), jnp.asarray(2.0, demand.dtype))
    slack = mapped(lambda a, d: jnp.maximum(a - d, 1.0 / n), left_side(start, rates), bound)
    price = mapped(lambda s: jnp.ones_like(s) / n, slack)
    enough = 10 * jnp.finfo(demand.dtype).eps / n
    first = _State(start, slack, price, _complementarity(slack, price), jnp.asarray(0.0))

    def unfinished(states: tuple[_State, jax.Array]) -> jax.Array:
        return (states[0].gap > enough) & (states[0].steps < STEPS) & states[1]

    def advance(states: tuple[_State, jax.Array]) -> tuple[_State, jax.Array]:
        before = states[0]
        after = _step(before, bound, rates)
        better = _error(after, rates) < _error(before, rates)
        return mapped(lambda new, old: jnp.where(better, new, old), after, before), better

    state, _ = jax.lax.while_loop(unfinished, advance, (first, jnp.asarray(True)))
    return Solution(state.point.x, state.point.time, state.price)
