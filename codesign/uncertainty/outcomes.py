"""What does every design of a front deliver in every draw of the constants?

A draw is the same for all designs (common random numbers), so that designs can be compared in
it. Designs of one structure are evaluated together, designs x draws as lanes of one program.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Lanes = dict[str, Any]
"""One (n,) array per path."""

Model = Callable[[Any, Lanes], tuple[tuple[Any, ...], tuple[Any, ...]]]
"""(template, lanes) -> (log objectives, smaller is better; violations, <= 0 is met)."""

CHUNK = 16384


class Group(NamedTuple):
    """Designs of one structure: a template for all that they share, and what differs.

    `rows` (d,) are their places on the front. At each path `own` (d,) are their values and `which` (d,) the
    numbers of the constants that stand there, -1 where the value is no constant with a range.
    """

    template: Any
    rows: np.ndarray
    own: dict[str, np.ndarray]
    which: dict[str, np.ndarray]

    def take(self, places: np.ndarray) -> "Group":
        """The designs at `places` of this group, in that order."""
        own, which = ({path: column[places] for path, column in part.items()} for part in (self.own, self.which))
        return Group(self.template, self.rows[places], own, which)


class Outcomes(NamedTuple):
    """`objectives` (o, d, draws) in logs, smaller is better; the largest `violation` (d, draws) and the number of its `limit`."""

    objectives: np.ndarray
    violation: np.ndarray
    limit: np.ndarray


Program = Callable[[Any, Lanes], tuple[tuple[Any, ...], Any, Any]]


def make_program(model: Model) -> Program:
    """The compiled model that keeps of all violations only the largest and its number."""

    @jax.jit
    def compiled(template: Any, lanes: Lanes) -> tuple[tuple[Any, ...], Any, Any]:
        shape = jnp.shape(next(iter(lanes.values())))
        objectives, violations = model(template, lanes)
        worst, limit = violations[0], jnp.zeros((), dtype=jnp.int16)
        for number, violation in enumerate(violations[1:], start=1):
            limit = jnp.where(violation > worst, jnp.int16(number), limit)
            worst = jnp.maximum(worst, violation)
        return tuple(jnp.broadcast_to(o, shape) for o in objectives), jnp.broadcast_to(worst, shape), jnp.broadcast_to(limit, shape)

    return compiled


def lanes_of(group: Group, table: np.ndarray, design: np.ndarray, draw: np.ndarray) -> Lanes:
    """The values at every path for pairs (n,) of a design of the group and a column of the `table` (constants, draws)."""
    lanes: Lanes = {}
    for path, own in group.own.items():
        which = group.which[path]
        varied = np.where(which[:, None] >= 0, table[which], own[:, None]) if (which >= 0).any() else own[:, None]
        lanes[path] = jnp.asarray(varied[design, draw if varied.shape[1] > 1 else 0], dtype=float)
    return lanes


def outcomes(program: Program, group: Group, table: np.ndarray) -> Outcomes:
    """All designs of the group in all columns of the `table` (constants, draws), in chunks of one shape."""
    count, draws, parts = len(group.rows), table.shape[1], []
    for start in range(0, count * draws, CHUNK):
        index = np.minimum(np.arange(start, start + CHUNK), count * draws - 1)
        first, last = index[0] // draws, index[-1] // draws
        here = group.take(np.arange(first, last + 1))
        parts.append(program(group.template, lanes_of(here, table, index // draws - first, index % draws)))
    whole = jax.tree.map(lambda *pieces: np.concatenate(pieces)[: count * draws].reshape(count, draws), *parts)
    return Outcomes(np.stack(whole[0]), whole[1], whole[2])
