"""Which points can be searched: a box of continuous variables over a list of discrete cells?

Batches are structures of arrays: one (n,) array per variable, objective and violation.
Stacking them inside a compiled program would fuse the whole model into one loop that the
compiler does not vectorise (measured: 15 times slower).
"""

import dataclasses
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


@dataclasses.dataclass(frozen=True, eq=False)
class Ready:
    """A model that comes with a compiled form of itself."""

    model: Model
    compiled: Model

    def __call__(self, x: Lanes, cell: Any) -> tuple[Lanes, Lanes]:
        """The model, to be traced."""
        return self.model(x, cell)


class Listed(NamedTuple):
    """Parts of cells: for each cell the `row` (cells,) of one of the `options`, a pytree of (k,) leaves, which thus are kept once."""

    row: Any
    options: Any


class Choices:
    """Which choices make up each cell, as places (cells, k) in the order of the distinct values of each column of `codes`?"""

    def __init__(self, codes: np.ndarray) -> None:
        self.values, places = zip(*(np.unique(column, return_inverse=True) for column in codes.T), strict=True)
        self.places = np.stack(places, axis=1).astype(np.int32)
        self.sizes = self.places.max(axis=0).astype(np.int64) + 1
        self.strides = np.concatenate([[1], np.cumprod(self.sizes[:-1])])
        keys = self.places @ self.strides
        self.order = np.argsort(keys)
        self.keys = keys[self.order]

    def cells(self, places: np.ndarray) -> np.ndarray:
        """The cells (n,) of some choices (n, k), places within the sizes; -1 where they are none."""
        return self._at(places @ self.strides)

    def cells_of(self, codes: np.ndarray) -> np.ndarray:
        """The cells (n,) of some codes (n, k); -1 where they are none."""
        columns = list(zip(self.values, codes.T, strict=True))
        places = [np.minimum(np.searchsorted(values, column), len(values) - 1) for values, column in columns]
        known = [values[place] == column for (values, column), place in zip(columns, places, strict=True)]
        return np.where(np.all(known, axis=0), self.cells(np.stack(places, axis=1)), -1)

    def _at(self, wanted: np.ndarray) -> np.ndarray:
        """The cells with some keys, -1 where there is none; much faster for keys in order."""
        found = np.minimum(np.searchsorted(self.keys, wanted), len(self.keys) - 1)
        return np.where(self.keys[found] == wanted, self.order[found], -1)

    def neighbours(self) -> np.ndarray:
        """For every cell those that differ by one step in one choice (cells, 2 k); -1 pads."""
        found = np.full((len(self.places), 2 * len(self.sizes)), -1, dtype=np.int32)
        for column, (size, stride) in enumerate(zip(self.sizes, self.strides, strict=True)):
            place = self.places[self.order, column]
            for side, step in enumerate((-1, 1)):
                inside = np.flatnonzero((place + step >= 0) & (place + step < size))
                found[self.order[inside], 2 * column + side] = self._at(self.keys[inside] + step * stride)
        return found


class Space(NamedTuple):
    """`low` and `high` (d,) bound the variables; `cells` is a pytree of (cells,) leaves and of `Listed` parts, each made up of `choices`.

    `moves` (cells, 2 k) are neighbours of each cell (-1 pads); `lattice` is what can be built.
    """

    low: np.ndarray
    high: np.ndarray
    cells: Any
    choices: Choices
    moves: np.ndarray
    lattice: Lattice

    @property
    def size(self) -> int:
        """Number of cells."""
        return len(self.choices.places)

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

    def taken(node: Any) -> Any:
        row, options = (jnp.take(node.row, index, axis=0, mode="clip"), node.options) if isinstance(node, Listed) else (index, node)
        return jax.tree.map(lambda leaf: jnp.take(leaf, row, axis=0, mode="clip"), options)

    return jax.tree.map(taken, cells, is_leaf=is_listed)


def is_listed(node: Any) -> bool:
    """Is a node of the cells a part that is kept once for many cells?"""
    return isinstance(node, Listed)
