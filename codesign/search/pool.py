"""Which boxes are open, and which of them are the worst?

Boxes are kept in arrays with room to spare. The worst are taken out by moving the last ones
into their places, so that a step costs no copy of all that is open.
"""

import numpy as np

from codesign.search.bound import Boxes

ROOM = 4096


class Pool:
    """Boxes with the log(1 + eps) up to which each may beat the front."""

    def __init__(self, boxes: Boxes, excess: np.ndarray) -> None:
        self.size = 0
        self._cell, self._low, self._high = boxes.cell[:0], boxes.low[:, :0], boxes.high[:, :0]
        self._excess = np.zeros(0)
        self.add(boxes, excess)

    @property
    def boxes(self) -> Boxes:
        """What is open, in no order."""
        return Boxes(self._cell[: self.size], self._low[:, : self.size], self._high[:, : self.size])

    @property
    def excess(self) -> np.ndarray:
        """Of each open box."""
        return self._excess[: self.size]

    def add(self, boxes: Boxes, excess: np.ndarray) -> None:
        """Open more boxes."""
        start, self.size = self.size, self.size + boxes.size
        if self.size > len(self._cell):
            room = max(2 * len(self._cell), self.size, ROOM)
            self._cell, self._low, self._high, self._excess = (
                np.concatenate([a, np.zeros((*a.shape[:-1], room - a.shape[-1]), a.dtype)], axis=-1)
                for a in (self._cell, self._low, self._high, self._excess)
            )
        new = slice(start, self.size)
        self._cell[new], self._low[:, new], self._high[:, new], self._excess[new] = *boxes, excess

    def worst(self, count: int) -> np.ndarray:
        """Places (count,) of the worst boxes, or of all."""
        count = min(count, self.size)
        return np.argpartition(-self.excess, count - 1)[:count] if count else np.zeros(0, dtype=int)

    def taken(self, places: np.ndarray) -> tuple[Boxes, np.ndarray]:
        """The boxes at these places, which are open no more, and their excess."""
        found, excess = self.boxes.take(places), self.excess[places]
        left = self.size - len(places)
        gone = np.zeros(self.size, dtype=bool)
        gone[places] = True
        holes, last = np.flatnonzero(gone[:left]), left + np.flatnonzero(~gone[left:])
        for array in (self._cell, self._low, self._high, self._excess):
            array[..., holes] = array[..., last]
        self.size = left
        return found, excess
