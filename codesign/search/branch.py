"""Which part of a space is left in which a design could beat a front by more than a factor?

Branch and bound on boxes: every cell as a whole, quickly; then the worst first, bounds and slopes
on a box, with which its parts (eight) are judged. A part is closed when every design in it exceeds a limit, or is covered
by the front up to the factor. A part that is one design and stays open is handed out to be
evaluated, and so are the middles of open parts. Stopped at any moment the largest excess of
what is open holds.
"""

import time
from typing import Any, NamedTuple

import numpy as np

from codesign.search.bound import UNBOUNDED, Bounder, Boxes, Leaves, at
from codesign.search.cover import Cover
from codesign.search.lattice import Lattice
from codesign.search.pool import Pool

BATCH = 2048
PARTS = 4 * BATCH
HALVINGS = 3
MOSTLY = 0.8
"""Share of feasible parts above which the others are carried along."""
MIDDLES = 256
REMEMBERED = 2**23
"""Values of cells that are kept, 16 bytes each."""


class State(NamedTuple):
    """How far the proof is: boxes looked at and open, and the log(1 + eps) that holds; infinite where nothing is bounded yet."""

    boxes: int
    open: int
    excess: float


def joined(parts: list[Boxes]) -> Boxes:
    """All boxes as one batch."""
    return Boxes(*(np.concatenate([getattr(part, key) for part in parts], axis=-1) for key in Boxes._fields))


class Branching:
    """The open boxes over some cells, and the front they are judged by."""

    def __init__(self, bounder: Bounder, lattice: Lattice, cells: np.ndarray, target: float) -> None:
        self.bounder, self.lattice, self.target = bounder, lattice, target
        self.cells, self.first = cells, 0
        self.open = Pool(Boxes(cells[:0], *lattice.ends(cells[:0])), np.zeros(0))
        self.seen = 0
        self.designs: list[Boxes] = []
        self.known: Leaves = {}

    def cover(self, points: np.ndarray) -> None:
        """Judge by a front of log objectives (o, m) from now on."""
        self.points, self.front = points, Cover(points)

    @property
    def state(self) -> State:
        """How far the proof is."""
        rest = len(self.cells) - self.first
        return State(self.seen, self.open.size + rest, np.inf if rest else float(self.open.excess.max(initial=self.target)))

    def run(self, seconds: float) -> State:
        """Work until nothing is open or the time is over."""
        end = time.perf_counter() + seconds
        while self.state.open and time.perf_counter() < end:
            self.step()
        return self.state

    def step(self) -> None:
        """The next cells as wholes, quickly; when all were seen, the worst boxes are halved and their parts judged."""
        if self.first < len(self.cells):
            self._roots()
            return
        worst = self.open.worst(BATCH)
        worst = worst[np.argsort(self.open.boxes.cell[worst], kind="stable")]
        parts, excess = self._parts(*self.open.taken(worst))
        single = np.all(parts.low == parts.high, axis=0)
        self.designs.append(parts.take(np.flatnonzero(single)))
        self.open.add(parts.take(np.flatnonzero(~single)), excess[~single])

    def _roots(self) -> None:
        cell = self.cells[self.first : self.first + BATCH]
        boxes = Boxes(cell, *self.lattice.ends(cell))
        infeasible, least = self.bounder.at_once(self._values(cell), boxes.low, boxes.high)
        excess = self.front.excess(self.front.weights @ np.maximum(least, -UNBOUNDED), self.target)
        excess = np.where(np.all(np.isfinite(least), axis=0), excess, np.inf)
        still = np.flatnonzero(~infeasible & (excess > self.target))
        self.open.add(boxes.take(still), excess[still])
        self.first += len(cell)
        self.seen += len(cell)

    def _values(self, cell: np.ndarray) -> Leaves:
        """What depends on cells (n,) alone; remembered where it is not too much."""
        if len(self.cells) * len(self.bounder.cells.kept) > REMEMBERED:
            return self.bounder.cell_values(cell)
        if not self.known:
            self.known = self.bounder.cell_values(self.cells)
        place = np.searchsorted(self.cells, cell)
        return {number: at(bounds, place) for number, bounds in self.known.items()}

    def _parts(self, boxes: Boxes, before: np.ndarray) -> tuple[Boxes, np.ndarray]:
        """The open parts of boxes, and their excess; a part is never worse than the whole was."""
        distinct, which = np.unique(boxes.cell, return_inverse=True)
        cells = {number: at(bounds, which) for number, bounds in self._values(distinct).items()}
        whole = self.bounder.slopes(cells, boxes.low, boxes.high)
        parent = np.flatnonzero(~whole.infeasible)
        parts, parent = self._halved(boxes.take(parent), parent, whole.steepness)
        found: list[tuple[np.ndarray, np.ndarray]] = []
        for start in range(0, len(parent), PARTS):
            index = np.arange(start, min(start + PARTS, len(parent)))
            some, own = parts.take(index), parent[index]
            known = self.bounder.of_parts(cells, own) | self.bounder.listed_values(cells, own, some.low, some.high)
            good = ~self.bounder.infeasible(known, some.low, some.high, whole.signs)
            if good.mean() < MOSTLY:
                kept = np.flatnonzero(good)
                some, own, index, good = some.take(kept), own[kept], index[kept], good[kept]
                known = {number: at(bounds, kept) for number, bounds in known.items()}
            if len(own):
                bounds = self.bounder.weighted(known, whole, own, some.low, some.high, self.front.weights)
                excess = np.minimum(self.front.excess(bounds, self.target), before[own])
                still = good & (excess > self.target)
                found.append((index[still], excess[still]))
        self.seen += len(parent)
        index = np.concatenate([i for i, _ in found]) if found else np.zeros(0, dtype=int)
        return parts.take(index), np.concatenate([e for _, e in found]) if found else np.zeros(0)

    def _halved(self, boxes: Boxes, parent: np.ndarray, steepness: np.ndarray) -> tuple[Boxes, np.ndarray]:
        """Each box cut several times, where a slope times the width is largest; designs are not cut."""
        for _ in range(HALVINGS):
            width = np.log(boxes.high / boxes.low)
            spread = np.where(boxes.high > boxes.low, np.maximum(at(steepness, parent) * width, 1e-9 * width), -1.0)
            variable, lanes = spread.argmax(axis=0), np.arange(len(parent))
            cut = np.flatnonzero(spread[variable, lanes] > 0)
            below, above = self.lattice.halves(boxes.low, boxes.high, boxes.cell, variable)
            upper = boxes.take(cut)
            upper.low[variable[cut], np.arange(len(cut))] = above[cut]
            lower = Boxes(boxes.cell, boxes.low, boxes.high.copy())
            lower.high[variable[cut], cut] = below[cut]
            boxes, parent = joined([lower, upper]), np.concatenate([parent, parent[cut]])
        return boxes, parent

    def handed_out(self) -> Boxes:
        """Designs that are to be evaluated: open ones, and what lies in the middle of the worst boxes."""
        worst = self.open.boxes.take(self.open.worst(MIDDLES))
        x = self.lattice.snap(np.sqrt(worst.low * worst.high), worst.cell)
        found = joined([*self.designs, Boxes(worst.cell, x, x)])
        self.designs = []
        return found


def branching(problem: dict[str, Any], cells: np.ndarray) -> Branching:
    """The branching over `cells` of a problem given as plain data."""
    bounder = Bounder(problem["program"], problem["dimension"], problem["objectives"], problem["leaves"], set(problem["lattice"].tables))
    made = Branching(bounder, problem["lattice"], cells, problem["target"])
    made.cover(problem["front"])
    return made
