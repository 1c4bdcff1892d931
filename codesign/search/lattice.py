"""Which values can be built, and where is a box of them halved?

A variable is free between its bounds, or in whole steps, or takes the values of a table that
depends on the cell.
"""

from typing import NamedTuple

import numpy as np


class Table(NamedTuple):
    """Lists of values in rising order, and the one that each cell (cells,) uses."""

    rows: list[np.ndarray]
    which: np.ndarray


class Lattice(NamedTuple):
    """`low`, `high` (d,) bound the variables, `steps` (d,) are 0 where there are none; tables by number of variable."""

    low: np.ndarray
    high: np.ndarray
    steps: np.ndarray
    tables: dict[int, Table]

    def snap(self, x: np.ndarray, cell: np.ndarray) -> np.ndarray:
        """Values (d, n) in cells (n,), each moved to the nearest that can be built."""
        steps, low, high = self.steps[:, None], self.low[:, None], self.high[:, None]
        first, last = self._whole()
        whole = np.where(steps > 0, np.clip(np.round(x / self._safe()), first, last) * steps, np.clip(x, low, high))
        for variable, table in self.tables.items():
            whole[variable] = nearest(table.rows, table.which[cell], x[variable])
        return whole

    def ends(self, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The smallest and the largest value that can be built, (d, n) each."""
        steps = self.steps[:, None]
        first, last = (np.where(steps > 0, count * steps, end[:, None]) for count, end in zip(self._whole(), self[:2], strict=True))
        low, high = np.repeat(first, len(cell), axis=1), np.repeat(last, len(cell), axis=1)
        for variable, table in self.tables.items():
            low[variable] = np.array([row[0] for row in table.rows])[table.which[cell]]
            high[variable] = np.array([row[-1] for row in table.rows])[table.which[cell]]
        return low, high

    def halves(self, low: np.ndarray, high: np.ndarray, cell: np.ndarray, variable: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the lower half of each box (d, n) ends and the upper one starts, along one variable (n,): the geometric middle."""
        lanes = np.arange(len(cell))
        start, end, step = low[variable, lanes], high[variable, lanes], self.steps[variable]
        middle = np.sqrt(start * end)
        safe = np.where(step > 0, step, 1.0)
        count = np.clip(np.floor(middle / safe + 1e-9), np.round(start / safe), np.round(end / safe) - 1)
        below, above = np.where(step > 0, count * step, middle), np.where(step > 0, (count + 1) * step, middle)
        for number, table in self.tables.items():
            for row in np.unique(table.which[cell[variable == number]]):
                here = (variable == number) & (table.which[cell] == row)
                values = table.rows[row]
                place = np.searchsorted(values, middle[here], side="right") - 1
                first, last = np.searchsorted(values, start[here]), np.searchsorted(values, end[here])
                place = np.clip(place, first, np.maximum(last - 1, first))
                below[here], above[here] = values[place], values[np.minimum(place + 1, len(values) - 1)]
        return below, above

    def _safe(self) -> np.ndarray:
        return np.where(self.steps > 0, self.steps, 1.0)[:, None]

    def _whole(self) -> tuple[np.ndarray, np.ndarray]:
        """The first and the last whole number of steps inside the bounds."""
        safe = self._safe()
        return np.ceil(self.low[:, None] / safe - 1e-9), np.floor(self.high[:, None] / safe + 1e-9)


def nearest(rows: list[np.ndarray], which: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For every value the nearest entry, in ratio, of the table it uses."""
    found = values.copy()
    for number in np.unique(which):
        here, table = which == number, np.log(rows[number])
        middle = (table[1:] + table[:-1]) / 2
        found[here] = rows[number][np.searchsorted(middle, np.log(values[here]))]
    return found
