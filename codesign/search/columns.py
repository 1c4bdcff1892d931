"""Which value of a leaf does each cell have, without a number kept for every leaf of every cell?"""

from typing import Any, NamedTuple

import jax
import numpy as np

from codesign.search.space import Listed, is_listed


class Column(NamedTuple):
    """A leaf of all cells: its distinct or listed `values` (k,), and the `row` (cells,) of each cell in them."""

    values: np.ndarray
    row: np.ndarray

    def at(self, cell: np.ndarray) -> np.ndarray:
        """The values in cells (n,)."""
        return self.values[self.row[cell]]

    @property
    def only(self) -> float | None:
        """The value that all cells have; None where they differ."""
        return float(self.values[0]) if self.values.min() == self.values.max() else None


def column(leaf: np.ndarray) -> Column:
    """A leaf given by its value in every cell (cells,)."""
    values, row = np.unique(leaf, return_inverse=True)
    return Column(values, row.ravel().astype(np.int32))


def columns_of(cells: Any) -> list[Column]:
    """The leaves of cells in the order in which `cells_at` has them; of listed parts only rows that some cell has."""
    found = []
    for node in jax.tree.leaves(cells, is_leaf=is_listed):
        if isinstance(node, Listed):
            taken = column(np.asarray(node.row))
            found += [Column(np.asarray(leaf)[taken.values], taken.row) for leaf in jax.tree.leaves(node.options)]
        else:
            found.append(column(np.asarray(node)))
    return found
