"""Which neighbouring order of the blocks packs better?

Simulated annealing over sequence pairs from the orders of the relaxed starts: two blocks are exchanged in one or both
orders, a block is put next to another (mostly one that it talks to), or turned by 90 degrees. Chains stand on a ladder
of fixed temperatures and now and then trade packings with a neighbour (replica exchange, Geyer 1991); the best packing that
each chain saw is kept. Arrays are (n, s) for s chains, which the processor works on side by side.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.physical.placement.cost import Problem, total_cost
from codesign.physical.placement.orders import orders_of, packed

EXCESS = 4.0
"""Cost per relative length outside the outline."""
DICE = 9
"""Uniform numbers that one step takes."""
TRADE = 20
"""Steps between trades."""
BESIDE, BOTH, TURN = 0.4, 0.6, 0.9
"""Moves by the first die: put beside a block, exchange in both orders, exchange in one, turn."""
BOND = 0.7
"""How often a block is put beside one that it talks to."""


class Packing(NamedTuple):
    """Ranks in both orders and whether a block is turned, (n, s), with the cost of the packing (s,)."""

    first: Scalar
    second: Scalar
    turned: Scalar
    cost: Scalar


def sides_of(turned: Scalar, problem: Problem) -> tuple[Scalar, Scalar]:
    """Width and height (n, s) of the cells."""
    width, height = problem.width[:, None], problem.height[:, None]
    return jnp.where(turned, height, width), jnp.where(turned, width, height)


def packing_of(first: Scalar, second: Scalar, turned: Scalar, problem: Problem) -> Packing:
    """With its cost: the total when packed towards the origin, plus what sticks out of the outline."""
    width, height = sides_of(turned, problem)
    right, top = packed(first, second, width, height)
    sides = jnp.stack([right.max(0), top.max(0)])
    beyond = jnp.maximum(sides / problem.room[:, None] - 1, 0.0).sum(0)
    cost = total_cost(right - width / 2, top - height / 2, sides, problem) + EXCESS * beyond
    return Packing(first, second, turned, cost)


def _rank_of(rank: Scalar, block: Scalar) -> Scalar:
    return jnp.take_along_axis(rank, block[None], 0)[0]


def _exchanged(rank: Scalar, one: Scalar, other: Scalar) -> Scalar:
    index = jnp.arange(rank.shape[0])[:, None]
    return jnp.where(index == one, _rank_of(rank, other), jnp.where(index == other, _rank_of(rank, one), rank))


def _moved(rank: Scalar, one: Scalar, target: Scalar) -> Scalar:
    """`one` takes the rank `target`; those between make room."""
    source = _rank_of(rank, one)
    down = (rank > source) & (rank <= target)
    up = (rank < source) & (rank >= target)
    return jnp.where(rank == source, target, rank - down.astype(rank.dtype) + up.astype(rank.dtype))


class Move(NamedTuple):
    """What a step tries, (steps, s): blocks `one` and `other`, in which orders, beside or exchanged, the logarithms of two dice."""

    one: Scalar
    other: Scalar
    beside: Scalar
    in_first: Scalar
    in_second: Scalar
    turn: Scalar
    shift: Scalar
    accept: Scalar
    trade: Scalar


def moves_of(dice: Scalar, partners: Scalar, count: Scalar, rotate: Scalar) -> Move:
    """Moves from uniform `dice` (DICE, steps, s); rows of `partners` (n, n) are cumulative odds of the blocks to stand beside."""
    kind, which, bond = dice[0], dice[1], dice[2]
    one, other = (jnp.minimum((dice[k] * count).astype(jnp.int32), count - 1) for k in (3, 4))
    partner = jnp.minimum((partners[one] < dice[4][..., None]).sum(-1, dtype=jnp.int32), count - 1)
    beside, turn = kind < BESIDE, (kind >= TURN) & rotate
    other = jnp.where(beside & (bond < BOND), partner, other)
    in_first, in_second = (~turn & ((kind < BOTH) | (side < 0.5)) for side in (which, 1 - which))
    shift = (dice[5:7] * 3).astype(jnp.int32) - 1
    accept, trade = jnp.log(jnp.maximum(dice[7:], 1e-9))
    return Move(one, other, beside, in_first, in_second, turn, jnp.moveaxis(shift, 0, 1), accept, trade)


def neighbour(now: Packing, move: Move, problem: Problem) -> Packing:
    """The packings after one move of each chain."""
    last = problem.blocks.astype(jnp.int32) - 1

    def changed(rank: Scalar, shift: Scalar, here: Scalar) -> Scalar:
        target = jnp.clip(_rank_of(rank, move.other) + shift, 0, last)
        new = jnp.where(move.beside, _moved(rank, move.one, target), _exchanged(rank, move.one, move.other))
        return jnp.where(here, new, rank)

    first = changed(now.first, move.shift[0], move.in_first)
    second = changed(now.second, move.shift[1], move.in_second)
    turned = now.turned ^ (move.turn & (jnp.arange(now.first.shape[0])[:, None] == move.one))
    return packing_of(first, second, turned, problem)


def ladder(hot: Scalar | float, cold: float, chains: int) -> Scalar:
    """Temperatures (s,) from cold to hot by equal factors."""
    return cold * (hot / cold) ** (jnp.arange(chains, dtype=jnp.float32) / max(chains - 1, 1))


def traded(now: Packing, temperature: Scalar, dice: Scalar, parity: Scalar) -> Packing:
    """Chains 2 k + parity exchange packings with the next one where log(die) < (1 / T - 1 / T') (E - E')."""
    index = jnp.arange(temperature.shape[0])
    mate = jnp.clip(jnp.where(index % 2 == parity, index + 1, index - 1), 0, index.shape[0] - 1)
    gain = (1 / temperature - 1 / temperature[mate]) * (now.cost - now.cost[mate])
    source = jnp.where(dice[jnp.minimum(index, mate)] < gain, mate, index)
    return jax.tree.map(lambda part: jnp.take(part, source, axis=-1), now)


def annealed(start: Packing, moves: Move, temperature: Scalar, problem: Problem) -> Packing:
    """The best packing that each chain saw, chains at `temperature` (s,)."""

    def step(chain: tuple[Packing, Packing, Scalar], move: Move) -> tuple[tuple[Packing, Packing, Scalar], None]:
        now, best, number = chain
        new = neighbour(now, move, problem)
        accept = new.cost <= now.cost - temperature * move.accept
        now = jax.tree.map(lambda a, b: jnp.where(accept, a, b), new, now)
        better = now.cost < best.cost
        best = jax.tree.map(lambda a, b: jnp.where(better, a, b), now, best)
        parity = number // TRADE % 2
        now = jax.lax.cond(number % TRADE == 0, lambda p: traded(p, temperature, move.trade, parity), lambda p: p, now)
        return (now, best, number + 1), None

    return jax.lax.scan(step, (start, start, jnp.int32(0)), moves)[0][1]


def packing_at(centres: Scalar, turned: Scalar, problem: Problem) -> Packing:
    """Packings in the orders of blocks at centres (s, n, 2), which may overlap; turned (s, n)."""
    width, height = sides_of(turned.T, problem)
    first, second = jax.vmap(orders_of, in_axes=(0, 1, 1), out_axes=1)(centres, width, height)
    return packing_of(first, second, turned.T, problem)
