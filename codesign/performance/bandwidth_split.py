"""How should a bandwidth budget be divided over the dimensions of a network, or over phases of traffic?

The model of LIBRA (arXiv 2109.11762): a hierarchical collective keeps every dimension of the network
busy at once and ends with the slowest; collectives follow one another,

    T = sum_c max_i m_ci / b_i ,   m_ci bytes of collective c through one device's port of dimension i.

T is convex in the bandwidths b. Symbols: b in B/s per device and direction, shape (n,); m in bytes,
(n,) or (c, n); p devices along each dimension, innermost first, real-valued, 1 for a dimension not
taken part in. Start-ups, contention and overlap with computation are ignored.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from codesign.fields import Scalar

ROUNDS = 120
"""Newton steps allowed to `optimal_split`; 30 to 40 are usual."""
CENTRING = 0.5
"""Share of the mean complementarity product aimed at by a Newton step; 0.3 jams on one problem in a hundred."""
BOUNDARY = 0.95
"""Share of the way to the nearest zero that a step may go."""


def all_reduce_bytes(size: Scalar, sizes: Scalar) -> Scalar:
    """Bytes per dimension when `size` bytes of every device are summed: 2 s (p - 1) / p, then s / p goes on outwards."""
    return 2 * reduce_scatter_bytes(size, sizes)


def reduce_scatter_bytes(size: Scalar, sizes: Scalar) -> Scalar:
    """Bytes per dimension when every device keeps its share of the sum: s (p - 1) / p, then s / p goes on outwards."""
    return size * (sizes - 1) / jnp.cumprod(sizes, -1)


def all_gather_bytes(size: Scalar, sizes: Scalar) -> Scalar:
    """Bytes per dimension when every device contributes `size` bytes: s (p - 1), then s p goes on inwards."""
    outside = jnp.cumprod(sizes[..., ::-1], -1)[..., ::-1] / sizes
    return size * (sizes - 1) * outside


def all_to_all_bytes(size: Scalar, sizes: Scalar) -> Scalar:
    """Bytes per dimension when every device holds `size` bytes for all, itself included: s (p - 1) / p in each."""
    return size * (sizes - 1) / sizes


def series_time(traffic: Scalar, bandwidth: Scalar) -> Scalar:
    """Seconds of collectives one after the other: sum_c max_i m_ci / b_i, `traffic` (..., c, n), `bandwidth` (..., n).

    A dimension without traffic takes no time, whatever its bandwidth.
    """
    used = traffic > 0
    return jnp.where(used, traffic / jnp.where(used, bandwidth[..., None, :], 1.0), 0.0).max(-1).sum(-1)


def proportional_split(traffic: Scalar, budget: Scalar, weights: Scalar) -> Scalar:
    """The best bandwidths for one collective: b_i = m_i B / sum_j c_j m_j, so that all dimensions end together.

    `budget` B bounds sum_i c_i b_i, `weights` c (..., n); T = sum_i c_i m_i / B. Equal spending without traffic.
    """
    return _spent(weights * traffic, budget) / weights


def serial_split(traffic: Scalar, budget: Scalar, weights: Scalar) -> Scalar:
    """The best bandwidths for phases in series, each alone on its own dimension: b_i proportional to sqrt(m_i / c_i).

    `budget` B bounds sum_i c_i b_i; T = (sum_i sqrt(c_i m_i))^2 / B (from the conditions of Karush, Kuhn
    and Tucker). Equal spending without traffic; the derivative to a phase of no bytes is taken as zero.
    """
    return _spent(square_root(weights * traffic), budget) / weights


def serial_time(traffic: Scalar, budget: Scalar, weights: Scalar) -> Scalar:
    """Seconds of the phases under `serial_split`: (sum_i sqrt(c_i m_i))^2 / B."""
    return square_root(weights * traffic).sum(-1) ** 2 / budget


def square_root(x: Scalar) -> Scalar:
    """The square root, with derivative zero at zero, where the true one is infinite."""
    positive = x > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, x, 1.0)), 0.0)


def _spent(demand: Scalar, budget: Scalar) -> Scalar:
    total = demand.sum(-1, keepdims=True)
    share = jnp.where(total > 0, demand / jnp.where(total > 0, total, 1.0), 1 / demand.shape[-1])
    return share * jnp.asarray(budget)[..., None]


def ring_links(size: Scalar, bandwidth: Scalar) -> tuple[Scalar, Scalar]:
    """Directed links of a ring of `size` devices, and the rate of each: 2 p at b / 2."""
    return 2 * size, bandwidth / 2


def full_mesh_links(size: Scalar, bandwidth: Scalar) -> tuple[Scalar, Scalar]:
    """Directed links of a full mesh, and the rate of each: p (p - 1) at b / (p - 1); none for one device."""
    others = size - 1
    several = others > 0
    return size * others, jnp.where(several, bandwidth / jnp.where(several, others, 1.0), 0.0)


def switch_links(size: Scalar, bandwidth: Scalar) -> tuple[Scalar, Scalar]:
    """Links of a switch over everything up to its dimension, `size` devices, and the rate of each: one at b."""
    return size, bandwidth


def dimension_cost(devices: Scalar, size: Scalar, links: tuple[Scalar, Scalar], price: Scalar) -> Scalar:
    """Dollars of one dimension: devices / size instances x links x rate x price.

    `size` devices of one instance (p of a ring or full mesh, the product up to its dimension for a switch),
    `price` in $ per B/s of a link, with those of switch and network card where there is a switch. For
    every wiring this is devices x b x price (facts F49).
    """
    number, rate = links
    return devices / size * number * rate * price


class Limits(NamedTuple):
    """Linear limits on the bandwidths b (n,): equal @ b = equal_to, below @ b <= at_most.

    Shapes (e, n), (e,), (k, n), (k,). Bandwidths are never negative, said or not; together the
    limits must bound them above. `joined` puts several together.
    """

    equal: Scalar
    equal_to: Scalar
    below: Scalar
    at_most: Scalar


def _rows(matrix: Scalar, right: Scalar) -> tuple[Scalar, Scalar]:
    return jnp.atleast_2d(jnp.asarray(matrix, float)), jnp.atleast_1d(jnp.asarray(right, float))


def fixed_sum(weights: Scalar, total: Scalar) -> Limits:
    """sum_i c_i b_i = total: a budget, a part of it (weights zero elsewhere) or one bandwidth that is given."""
    rows, right = _rows(weights, total)
    return Limits(rows, right, rows[:0], right[:0])


def largest_sum(weights: Scalar, total: Scalar) -> Limits:
    """sum_i c_i b_i <= total."""
    rows, right = _rows(weights, total)
    return Limits(rows[:0], right[:0], rows, right)


def between(low: Scalar, high: Scalar) -> Limits:
    """low <= b <= high, both (n,); an infinite bound says nothing."""
    one, bounds = jnp.eye(len(low)), jnp.concatenate([jnp.asarray(high, float), -jnp.asarray(low, float)])
    said = jnp.isfinite(bounds)
    rows = jnp.where(said[:, None], jnp.concatenate([one, -one]), -jnp.concatenate([one, one]))  # or b >= 0 once more
    return Limits(rows[:0], bounds[:0], rows, jnp.where(said, bounds, 0.0))


def not_rising(number: int) -> Limits:
    """b_0 >= b_1 >= ... of `number` dimensions."""
    rows = jnp.eye(number)[1:] - jnp.eye(number)[:-1]
    return Limits(rows[:0], rows[:0, 0], rows, jnp.zeros(number - 1))


def joined(*limits: Limits) -> Limits:
    """All of several limits."""
    return Limits(*(jnp.concatenate(parts) for parts in zip(*limits, strict=True)))


class Split(NamedTuple):
    """The best bandwidths (n,), their time in s, and what proves it.

    `equal_price` and `below_price` are dT / d(right-hand side) of every limit, with the sign turned
    (seconds saved per B/s more). `residual`: worst violation of the optimality conditions with bandwidths
    and times of order one; T is convex, so a small one proves the optimum and a large one says infeasible.
    """

    bandwidth: Scalar
    time: Scalar
    equal_price: Scalar
    below_price: Scalar
    residual: Scalar


class _Point(NamedTuple):
    x: Scalar
    slack: Scalar
    price: Scalar
    equal_price: Scalar


class _Problem(NamedTuple):
    """Bandwidths and traffic in units in which both are of order one."""

    traffic: Scalar
    limits: Limits

    def inequalities(self, x: Scalar) -> Scalar:
        """At most zero, x = (bandwidths, one time per collective): m / b - t, the limits, -b."""
        bandwidth, times = x[: self.traffic.shape[1]], x[self.traffic.shape[1] :]
        late = self.traffic / bandwidth - times[:, None]
        return jnp.concatenate([late.ravel(), self.limits.below @ bandwidth - self.limits.at_most, -bandwidth])

    def equalities(self, x: Scalar) -> Scalar:
        """Zero: the limits that are equations."""
        return self.limits.equal @ x[: self.traffic.shape[1]] - self.limits.equal_to

    def lagrangian(self, x: Scalar, price: Scalar, equal_price: Scalar) -> Scalar:
        """The sum of times and the priced limits."""
        return x[self.traffic.shape[1] :].sum() + price @ self.inequalities(x) + equal_price @ self.equalities(x)

    def residuals(self, at: _Point) -> Scalar:
        """Stationarity, slackness of both kinds and equalities: all zero at the optimum, without complementarity."""
        stationary = jax.grad(self.lagrangian)(at.x, at.price, at.equal_price)
        return jnp.concatenate([stationary, self.inequalities(at.x) + at.slack, self.equalities(at.x)])

    def error(self, at: _Point) -> Scalar:
        """The worst of the residuals and of the complementarity products."""
        return jnp.maximum(jnp.abs(self.residuals(at)).max(), (at.slack * at.price).max())


def _scaled(traffic: Scalar, limits: Limits) -> tuple[_Problem, Scalar, Scalar, list[Scalar]]:
    """The problem in units of order one; the units of bandwidth and time; how much every limit was divided by."""
    norms = [_or_one(jnp.abs(rows).max(-1)) for rows in (limits.equal, limits.below)]
    equal_to, at_most = limits.equal_to / norms[0], limits.at_most / norms[1]
    unit = _or_one(jax.lax.stop_gradient(jnp.abs(jnp.concatenate([equal_to, at_most])).max()))
    most = _or_one(jax.lax.stop_gradient(traffic.max()))
    scaled = Limits(limits.equal / norms[0][:, None], equal_to / unit, limits.below / norms[1][:, None], at_most / unit)
    return _Problem(traffic / most, scaled), unit, most / unit, norms


def _or_one(x: Scalar) -> Scalar:
    return jnp.where(x > 0, x, 1.0)


def _start(problem: _Problem) -> _Point:
    """Equal bandwidths and late ends; limits may be violated."""
    collectives, number = problem.traffic.shape
    bandwidth = jnp.full(number, 1 / number, problem.traffic.dtype)
    x = jnp.concatenate([bandwidth, jnp.full(collectives, number + 1.0, bandwidth.dtype)])
    room = -problem.inequalities(x)
    slack = jnp.where(room > 0, jnp.maximum(room, 0.1), 1.0).at[-number:].set(bandwidth)
    return _Point(x, slack, 1 / slack, jnp.zeros_like(problem.limits.equal_to))


def _direction(problem: _Problem, at: _Point, target: Scalar) -> _Point:
    """Newton's step towards all residuals zero and all complementarity products equal to `target`."""
    slope, slope_equal = jax.jacfwd(problem.inequalities)(at.x), jax.jacfwd(problem.equalities)(at.x)
    known, equations = at.x.size, at.equal_price.size
    stationary, short, unequal = jnp.split(problem.residuals(at), [known, known + at.slack.size])
    uneven = at.slack * at.price - target
    curvature = jax.hessian(problem.lagrangian)(at.x, at.price, at.equal_price)
    corner = -jnp.finfo(at.x.dtype).eps * jnp.eye(equations)  # equations may repeat one another
    matrix = jnp.block([[curvature + slope.T @ (slope * (at.price / at.slack)[:, None]), slope_equal.T], [slope_equal, corner]])
    right = jnp.concatenate([stationary + slope.T @ ((at.price * short - uneven) / at.slack), unequal])
    x, equal_price = jnp.split(jnp.linalg.solve(matrix, -right), [known])
    slack = -short - slope @ x
    return _Point(x, slack, -(uneven + at.price * slack) / at.slack, equal_price)


def _improved(problem: _Problem, at: _Point) -> _Point:
    """A Newton step cut so that bandwidths, slacks and prices stay positive."""
    step = _direction(problem, at, CENTRING * (at.slack * at.price).mean())
    number = problem.traffic.shape[1]
    positive, change = (jnp.concatenate([p.x[:number], p.slack, p.price]) for p in (at, step))
    falling = change < 0
    longest = jnp.where(falling, positive / jnp.where(falling, -change, 1.0), jnp.inf).min()
    length = jnp.minimum(BOUNDARY * longest, 1.0)
    return jax.tree.map(lambda a, d: a + length * d, at, step)


def _solved(problem: _Problem) -> _Point:
    tolerance = jnp.finfo(problem.traffic.dtype).eps ** 0.65

    def unfinished(state: tuple[Scalar, _Point]) -> Scalar:
        return (state[0] < ROUNDS) & (problem.error(state[1]) > tolerance)

    def body(state: tuple[Scalar, _Point]) -> tuple[Scalar, _Point]:
        return state[0] + 1, _improved(problem, state[1])

    return jax.lax.while_loop(unfinished, body, (jnp.asarray(0), _start(problem)))[1]


def optimal_split(traffic: Scalar, limits: Limits) -> Split:
    """The bandwidths that minimise the time of several collectives in series under linear limits.

    min_b sum_c max_i m_ci / b_i for `traffic` m (c, n) in B, counts multiplied in, by a primal-dual
    interior-point method (min sum_c t_c with t_c >= m_ci / b_i) that may start outside the limits. Jit- and
    vmap-able. `residual` ends under 1e-10 in float64 where the limits can be met; float32 reaches 3e-5 and
    fails, visibly, on one problem in a hundred. The time is differentiable once, to traffic and limits,
    through the prices (envelope theorem); the other results carry no derivative.

    >>> import jax.numpy as jnp
    >>> split = optimal_split(jnp.array([[3.0, 1.0]]), fixed_sum(jnp.ones(2), 8.0))
    >>> [round(float(x), 3) for x in (*split.bandwidth, split.time)]
    [6.0, 2.0, 0.5]
    """
    problem, unit, second, norms = _scaled(jnp.asarray(traffic, float), limits)
    fixed = jax.lax.stop_gradient(problem)
    at = jax.lax.stop_gradient(_solved(fixed))
    bandwidth, below = at.x[: fixed.traffic.shape[1]], fixed.traffic.size
    value = problem.lagrangian(at.x, at.price, at.equal_price)
    time = series_time(fixed.traffic, bandwidth) + value - jax.lax.stop_gradient(value)
    price = at.price[below : below + norms[1].size]
    scale = jax.lax.stop_gradient((second / unit / norms[0], second / unit / norms[1]))
    return Split(bandwidth * unit, time * second, at.equal_price * scale[0], price * scale[1], fixed.error(at))
