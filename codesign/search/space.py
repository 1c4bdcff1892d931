"""Which points can be searched: a box of continuous variables over a list of discrete cells?

Batches are structures of arrays: one (n,) array per variable, objective and violation.
Stacking them inside a compiled program would fuse the whole model into one loop that the
compiler does not vectorise (measured: 15 times slower).
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign.search.lattice import Lattice

Lanes = tuple[Any, ...]
"""One (n,) array per variable, objective or violation."""

Model = Callable[[Lanes, Any], tuple[Lanes, Lanes]]
"""(values, cell leaves) -> (objectives, smaller is better; violations, <= 0 is met)."""


class Space(NamedTuple):
    """`low` and `high` (d,) bound the variables; `cells` is a pytree of (cells,) leaves.

    `moves` (cells, k) are neighbours of each cell (-1 pads); `lattice` is what can be built.
    """

    low: np.ndarray
    high: np.ndarray
    cells: Any
    moves: np.ndarray
    lattice: Lattice

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(jax.tree.leaves(self.cells)[0])

    def snap(self, x: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """Values (d, n) in cells (n,) rounded to what can be built."""
        return self.lattice.snap(x, cell)

    @property
    def dimension(self) -> int:
        """Number of continuous variables."""
        return len(self.low)


def to_values(space: Space, z: Lanes) -> Lanes:
    """x = low (high / low) ** z, variable by variable, for z in the unit box."""
    return tuple(jnp.exp(float(np.log(a)) + float(np.log(b / a)) * v) for a, b, v in zip(space.low, space.high, z, strict=True))


def to_unit_box(space: Space, x: np.ndarray) -> np.ndarray:
    """z (d, n) of values x (d, n), clipped to the box."""
    z = np.log(x / space.low[:, None]) / np.log(space.high / space.low)[:, None]
    return np.clip(z, 0.0, 1.0)


def lanes(array: np.ndarray, dtype: Any = jnp.float32) -> Lanes:
    """The rows of (d, n) as separate arrays."""
    return tuple(jnp.asarray(row, dtype) for row in array)


def cells_at(cells: Any, index: np.ndarray) -> Any:
    """The cells at `index` (n,) as a pytree of (n,) leaves."""
    return jax.tree.map(lambda leaf: jnp.take(leaf, index, axis=0), cells)


def neighbours(codes: np.ndarray) -> np.ndarray:
    """For every row of `codes` (cells, k): the cells that differ by one step in one column; -1 pads.

    A column's steps are the order of its distinct values.
    """
    ranks = np.stack([np.unique(column, return_inverse=True)[1] for column in codes.T], axis=1).astype(np.int64)
    sizes = ranks.max(axis=0) + 1
    strides = np.concatenate([[1], np.cumprod(sizes[:-1])])
    keys = ranks @ strides
    order = np.argsort(keys)
    found = []
    for column, stride in enumerate(strides):
        for step in (-1, 1):
            target = keys + step * stride
            candidate = order[np.clip(np.searchsorted(keys[order], target), 0, len(keys) - 1)]
            inside = (ranks[:, column] + step >= 0) & (ranks[:, column] + step < sizes[column])
            found.append(np.where(inside & (keys[candidate] == target), candidate, -1))
    return np.stack(found, axis=1)
