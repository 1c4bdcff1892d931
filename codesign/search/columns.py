"""Which value of a leaf does each cell have, without a number kept for every leaf of every cell?"""

from typing import NamedTuple

import numpy as np


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
