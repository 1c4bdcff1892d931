"""Which neighbouring order of the blocks packs better?

Short simulated annealing over sequence pairs from the orders of the relaxed starts: two blocks are exchanged in
one or both orders, a block is put next to another (mostly one that it talks to), or turned by 90 degrees. The best packing seen is kept.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.physical.placement.cost import Problem, total_cost
from codesign.physical.placement.orders import orders_of, packed

EXCESS = 4.0
"""Cost per relative length outside the outline."""


class Packing(NamedTuple):
    """Ranks in both orders and whether a block is turned, (n,), with their cost."""

    first: Scalar
    second: Scalar
    turned: Scalar
    cost: Scalar


def packing_cost(first: Scalar, second: Scalar, turned: Scalar, problem: Problem) -> Scalar:
    """Total cost of the packing towards the origin, plus what sticks out of the outline."""
    width, height = jnp.where(turned, problem.height, problem.width), jnp.where(turned, problem.width, problem.height)
    right, top = packed(first, second, width, height)
    sides = jnp.stack([right.max(), top.max()])
    beyond = jnp.maximum(sides / problem.room - 1, 0.0).sum()
    return total_cost(right - width / 2, top - height / 2, sides, problem) + EXCESS * beyond


def _exchanged(rank: Scalar, one: Scalar, other: Scalar) -> Scalar:
    here, there = jnp.arange(rank.shape[0]) == one, jnp.arange(rank.shape[0]) == other
    a, b = (rank * here).sum(), (rank * there).sum()
    return jnp.where(here, b, jnp.where(there, a, rank))


def _moved(rank: Scalar, one: Scalar, target: Scalar) -> Scalar:
    """`one` takes the rank `target`; those between make room."""
    here = jnp.arange(rank.shape[0]) == one
    source = (rank * here).sum()
    shift = ((rank < source) & (rank >= target)).astype(rank.dtype) - ((rank > source) & (rank <= target))
    return jnp.where(here, target, rank + shift)


def _neighbour(state: Packing, dice: Scalar, partners: Scalar, problem: Problem, rotate: Scalar) -> Packing:
    """A random move; `dice` (7,) are uniform numbers, `partners` (n, n) cumulative shares of the blocks to stand next to."""
    count, index = problem.count, jnp.arange(state.first.shape[0])
    one = jnp.floor(dice[1] * count).astype(int)
    any_other = jnp.floor(dice[2] * count).astype(int)
    partner = jnp.minimum((partners[one] < dice[3]).sum(), count.astype(int) - 1)
    kind = dice[0]
    other = jnp.where((kind < 0.4) & (dice[4] < 0.7), partner, any_other)

    def placed(rank: Scalar, die: Scalar) -> Scalar:
        beside = (rank * (index == other)).sum() + jnp.floor(3 * die).astype(rank.dtype) - 1
        target = jnp.clip(beside, 0, count.astype(rank.dtype) - 1)
        return jnp.where(kind < 0.4, _moved(rank, one, target), _exchanged(rank, one, other))

    turn = (kind >= 0.9) & rotate
    both = kind < 0.6
    first = jnp.where(~turn & (both | (dice[4] < 0.5)), placed(state.first, dice[5]), state.first)
    second = jnp.where(~turn & (both | (dice[4] >= 0.5)), placed(state.second, dice[6]), state.second)
    turned = jnp.where(turn & (index == one), ~state.turned, state.turned)
    return Packing(first, second, turned, packing_cost(first, second, turned, problem))


def annealed(start: Packing, dice: Scalar, partners: Scalar, heat: tuple[Scalar, Scalar], problem: Problem, rotate: Scalar) -> Packing:
    """The best packing of one chain with as many steps as `dice` (steps, 8) has rows; `heat` is the first and last temperature."""
    steps = dice.shape[0]

    def step(number: Scalar, chain: tuple[Packing, Packing]) -> tuple[Packing, Packing]:
        now, best = chain
        temperature = heat[0] * (heat[1] / heat[0]) ** (number / steps)
        new = _neighbour(now, dice[number], partners, problem, rotate)
        accept = new.cost <= now.cost - temperature * jnp.log(jnp.maximum(dice[number, 7], 1e-9))
        now = jax.tree.map(functools.partial(jnp.where, accept), new, now)
        return now, jax.tree.map(functools.partial(jnp.where, now.cost < best.cost), now, best)

    return jax.lax.fori_loop(0, steps, step, (start, start))[1]


@functools.partial(jax.jit, static_argnames="steps")
def annealed_starts(
    centres: Scalar, turned: Scalar, partners: Scalar, heat: tuple[Scalar, Scalar], problem: Problem, rotate: Scalar, key: Scalar, steps: int
) -> Packing:
    """The best packing of one chain from each start, centres (s, n, 2) that may overlap and turned (s, n)."""

    def chain(centre: Scalar, turn: Scalar, seed: Scalar) -> Packing:
        width, height = jnp.where(turn, problem.height, problem.width), jnp.where(turn, problem.width, problem.height)
        first, second = orders_of(centre, width, height)
        dice = jax.random.uniform(seed, (steps, 8), problem.width.dtype)
        start = Packing(first, second, turn, packing_cost(first, second, turn, problem))
        return annealed(start, dice, partners, heat, problem, rotate)

    return jax.vmap(chain)(centres, turned, jax.random.split(key, centres.shape[0]))
