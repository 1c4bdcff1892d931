"""Which points can be searched: a box of continuous variables over a list of discrete cells?"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = Any
Model = Callable[[Array, Any], tuple[Array, Array]]
"""(x (d, n), cells with (n,) leaves) -> (objectives (o, n), smaller is better; violations (g, n), <= 0 is met)."""


class Space(NamedTuple):
    """`low` and `high` (d,) bound the variables; `cells` is a pytree of (cells,) leaves.

    `moves` (cells, k) are neighbours of each cell (-1 pads); `snap` rounds values (d, n) in
    cells (n,) to what can be built.
    """

    low: np.ndarray
    high: np.ndarray
    cells: Any
    moves: np.ndarray
    snap: Callable[[np.ndarray, np.ndarray], np.ndarray]

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(jax.tree.leaves(self.cells)[0])


def to_values(space: Space, z: Array) -> Array:
    """x = low (high / low) ** z for z (d, n) in the unit box."""
    low = jnp.asarray(np.log(space.low), z.dtype)[:, None]
    width = jnp.asarray(np.log(space.high / space.low), z.dtype)[:, None]
    return jnp.exp(low + z * width)


def to_unit_box(space: Space, x: np.ndarray) -> np.ndarray:
    """z of values x (d, n), clipped to the box."""
    z = np.log(x / space.low[:, None]) / np.log(space.high / space.low)[:, None]
    return np.clip(z, 0.0, 1.0)


def lanes_of(cells: Any, index: Array) -> Any:
    """The cells at `index` (n,) as a pytree of (n,) leaves."""
    return jax.tree.map(lambda leaf: jnp.asarray(leaf)[index], cells)


def neighbours(codes: np.ndarray) -> np.ndarray:
    """For every row of `codes` (cells, k): the cells that differ by one step in one column; -1 pads.

    A column's steps are the order of its distinct values.
    """
    ranks = np.stack([np.unique(column, return_inverse=True)[1] for column in codes.T], axis=1)
    sizes = ranks.max(axis=0) + 2
    strides = np.concatenate([[1], np.cumprod(sizes[:-1])])
    keys = ranks @ strides
    order = np.argsort(keys)
    found = []
    for column, stride in enumerate(strides):
        for step in (-1, 1):
            target = keys + step * stride
            place = np.clip(np.searchsorted(keys[order], target), 0, len(keys) - 1)
            candidate = order[place]
            valid = (keys[candidate] == target) & (ranks[:, column] + step >= 0)
            found.append(np.where(valid, candidate, -1))
    return np.stack(found, axis=1)
