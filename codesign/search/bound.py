"""How good can the designs inside a box be at most, and is any of them feasible?

A box is a cell and an interval per variable. Two passes over the program of the model:

1. bounds and slopes (derivatives to the logarithms of the variables) on the whole box;
2. values at the middle c of every part of it, with what was frozen in the first pass.

Weighted sums of objectives then have the mean-value bound

    w . F >= w . F(c) - sum over variables of h_i max(b_i, -a_i),   [a, b] = sum over o of w_o slope_o,

h half the width in logarithms. Where slopes are wide the parts are bounded instead with each
variable at the end where its objective is least (monotone variables), one objective at a time.
"""

from typing import NamedTuple

import numpy as np

from codesign.search.columns import Column
from codesign.search.enclose import Enclosure, split, touched
from codesign.search.interval import UNIT, Interval, sign_of
from codesign.search.program import Program, needed, regrouped
from codesign.search.slopes import Value, plain

STEEP = 0.2
"""Where a slope may be larger, a variable of undecided direction keeps its interval."""
WIDE = 0.15
"""Logarithm by which slopes leave an objective open, above which single objectives are bounded, not weighted sums."""
UNBOUNDED = 1e30
ROUNDING = 1e-12
"""Of weighted sums, per unit of their size; their terms are widened bounds already."""

Leaves = dict[int, Interval]


def at(array: np.ndarray, index: np.ndarray) -> np.ndarray:
    """The columns at `index` (n,): six times as fast as `array[..., index]`."""
    return array.take(index, axis=-1)


class Boxes(NamedTuple):
    """Boxes: cells (n,), lower and upper ends (d, n)."""

    cell: np.ndarray
    low: np.ndarray
    high: np.ndarray

    @property
    def size(self) -> int:
        """Number of boxes."""
        return len(self.cell)

    def take(self, index: np.ndarray) -> "Boxes":
        """Some of the boxes."""
        return Boxes(self.cell[index], at(self.low, index), at(self.high, index))


class Slopes(NamedTuple):
    """What is known on whole boxes: slopes of objectives (o, d, 2, n), frozen values, surely infeasible ones, signs."""

    slopes: np.ndarray
    frozen: Leaves
    infeasible: np.ndarray
    signs: dict[int, int]

    @property
    def steepness(self) -> np.ndarray:
        """The largest slope of any objective per variable (d, n), at most 1: where slopes are wide they say little of where to cut."""
        return np.fmin(np.abs(self.slopes).max(axis=(0, 2)), 1.0)


def _weighted(weights: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Weighted sums (w, d, n) of slopes (o, d, n); an unbounded slope is huge, and without weight it counts nothing."""
    huge = np.nan_to_num(slopes, posinf=UNBOUNDED, neginf=-UNBOUNDED)
    return (weights @ huge.reshape(len(slopes), -1)).reshape(len(weights), *slopes.shape[1:])


def half_width(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Half of log(high / low), no less than the middle is from either end whatever is rounded; exactly zero of points."""
    return np.where(high > low, np.log(high / low) / 2 * (1 + 1e-12) + 4 * UNIT, 0.0)


class Bounder:
    """The passes over one program whose inputs are `dimension` variables and then leaves of the cell.

    What follows from the cell and from `listed` variables alone, which take values of a table, is
    computed without rounding where whole numbers allow it: equalities of sizes are then seen.
    """

    def __init__(self, program: Program, dimension: int, objectives: int, leaves: dict[int, Column], listed: set[int]) -> None:
        self.dimension, self.leaves, self.variables = dimension, leaves, sorted(listed)
        free = touched(program, set(range(dimension)) - listed)
        exact = frozenset(operation.result for operation in program.operations if operation.result not in free) - regrouped(program)
        still, moved, frontier = split(program, set(range(dimension)))
        _, last, later = split(program, set(range(dimension)) - listed)
        inner = program._replace(operations=tuple(last))
        self.outputs, self.gaps = program.outputs[:objectives], program.outputs[objectives:]
        self.cells = Enclosure(program, still, frontier, exact)
        self.whole = Enclosure(program, moved, program.outputs, exact)
        self.listed = Enclosure(program, [o for o in moved if o.result not in free], [i for i in later if i not in listed], exact)
        self.limits = Enclosure(program, needed(inner, self.gaps), self.gaps)
        self.values = Enclosure(program, needed(inner, self.outputs), self.outputs)
        self.each = [Enclosure(program, needed(inner, [o]), [o]) for o in self.outputs]
        self.values_need = self.values.inputs | self.values.results
        self.parts_need = self.listed.inputs | self.limits.inputs | self.values.inputs

    def cell_values(self, cell: np.ndarray) -> Leaves:
        """Bounds of what depends on cells (n,) alone; whole numbers stay exact."""
        known = {number: np.stack([leaf.at(cell)] * 2) for number, leaf in self.leaves.items()}
        found = self.cells.bounds(known, {})
        return {number: np.broadcast_to(bounds, (2, len(cell))) for number, bounds in found.items()}

    def of_parts(self, cells: Leaves, index: np.ndarray) -> Leaves:
        """What the passes over parts need of the values of cells, for the cells at `index` (n,)."""
        return {number: at(bounds, index) for number, bounds in cells.items() if number in self.parts_need}

    def listed_values(self, cells: Leaves, own: np.ndarray, low: np.ndarray, high: np.ndarray) -> Leaves:
        """What follows from the values of cells and the listed variables alone, for boxes in the cells at `own` (n,): once for equals."""
        if not self.listed.operations:
            return {}
        columns = [own, *(end[variable] for variable in self.variables for end in (low, high))]
        _, first, which = np.unique(np.stack(columns), axis=1, return_index=True, return_inverse=True)
        known = {number: at(bounds, own[first]) for number, bounds in cells.items() if number in self.listed.inputs}
        found = self.listed.bounds(known | self._box(at(low, first), at(high, first)), {})
        return {number: at(np.broadcast_to(bounds, (2, len(first))), which.ravel()) for number, bounds in found.items()}

    @staticmethod
    def _box(low: np.ndarray, high: np.ndarray) -> Leaves:
        return dict(enumerate(np.stack([low, high], axis=1)))

    def infeasible(self, known: Leaves, low: np.ndarray, high: np.ndarray, signs: dict[int, int]) -> np.ndarray:
        """Which boxes surely exceed a limit (n,), from their listed values."""
        found = self.limits.bounds(known | self._box(low, high), dict(signs))
        return self._exceeded([found[number] for number in self.gaps], low.shape[1])

    @staticmethod
    def _exceeded(gaps: list[Interval], count: int) -> np.ndarray:
        over = np.zeros(count, dtype=bool)
        for gap in gaps:
            over |= gap[0] > 0
        return over

    def at_once(self, cells: Leaves, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Which boxes surely exceed a limit (n,), and bounds (o, n) of the objectives: of whole boxes, without slopes, quick and wide."""
        known = cells | self.listed_values(cells, np.arange(low.shape[1]), low, high) | self._box(low, high)
        with np.errstate(all="ignore"):
            bounds = self.values.bounds(known, {})
        least = np.stack([np.broadcast_to(bounds[number][0], low.shape[1]) for number in self.outputs])
        return self.infeasible(known, low, high, {}), np.where(np.isnan(least), -np.inf, least)

    def slopes(self, cells: Leaves, low: np.ndarray, high: np.ndarray) -> Slopes:
        """The first pass."""
        count = low.shape[1]
        known = {number: Value(bounds, sign_of(bounds), None) for number, bounds in cells.items()}
        for variable in range(self.dimension):
            unit = np.zeros((self.dimension, 2, 1))
            unit[variable] = 1.0
            known[variable] = Value(np.stack([low[variable], high[variable]]), 1, unit)
        signs: dict[int, int] = {}
        found, frozen = self.whole.slopes(known, signs)
        slopes = np.zeros((len(self.outputs), self.dimension, 2, count))
        for row, number in enumerate(self.outputs):
            slope = plain(found[number])
            slopes[row] = 0.0 if slope is None else slope
        slopes[:, :, 0] = np.where(np.isnan(slopes[:, :, 0]), -np.inf, slopes[:, :, 0])
        slopes[:, :, 1] = np.where(np.isnan(slopes[:, :, 1]), np.inf, slopes[:, :, 1])
        gaps = [np.broadcast_to(found[number].bounds, (2, count)) for number in self.gaps]
        return Slopes(slopes, frozen, self._exceeded(gaps, count), signs)

    def weighted(self, known: Leaves, on: Slopes, parent: np.ndarray, low: np.ndarray, high: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The second pass: bounds (w, n) of weighted sums for parts of boxes.

        `known` are the listed values of the parts, `parent` (n,) the boxes they are parts of.
        """
        frozen = {number: bounds for number, bounds in on.frozen.items() if number in self.values.results}
        known = known | {number: at(np.broadcast_to(b, (2, on.infeasible.size)), parent) for number, b in frozen.items()}
        slopes, half = at(on.slopes, parent), half_width(low, high)
        with np.errstate(invalid="ignore"):
            spread = np.where(half > 0, (slopes[:, :, 1] - slopes[:, :, 0]).max(axis=0) * half, 0.0).max(axis=0)
        tight, result = spread < WIDE, np.full((len(weights), len(parent)), -np.inf)
        for lanes in (np.flatnonzero(tight), np.flatnonzero(~tight)):
            if len(lanes):
                some = known if len(lanes) == len(parent) else {n: at(b, lanes) for n, b in known.items() if n in self.values_need}
                bounds = self._middle if tight[lanes[0]] else self._ends
                result[:, lanes] = bounds(some, on.signs, at(slopes, lanes), at(low, lanes), at(high, lanes), weights)
        return result

    def _middle(
        self, known: Leaves, signs: dict[int, int], slopes: np.ndarray, low: np.ndarray, high: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Bounds (w, n) of weighted sums by the mean-value form."""
        middle, half = np.sqrt(low * high), half_width(low, high)
        found = self.values.bounds(known | self._box(middle, middle), dict(signs))
        values = np.stack([np.broadcast_to(found[number][0], low.shape[1]) for number in self.outputs])
        with np.errstate(invalid="ignore"):
            falling, rising = (_weighted(weights, slopes[:, :, side]) for side in (0, 1))
            fall = np.where(half > 0, np.maximum(-falling, rising) * half, 0.0).sum(axis=1)
            bounds = weights @ values - fall * (1 + 1e-9) - ROUNDING * (1 + np.abs(values).max(axis=0))
        return np.where(np.isnan(bounds), -np.inf, bounds)

    def _ends(
        self, known: Leaves, signs: dict[int, int], slopes: np.ndarray, low: np.ndarray, high: np.ndarray, weights: np.ndarray
    ) -> np.ndarray:
        """Bounds (w, n), of single objectives alone, with monotone variables at an end.

        A variable of undecided direction, slopes a < 0 < b, stands where the loss -a b log(x_high / x_low) / (b - a) is least.
        """
        result = np.full((len(weights), low.shape[1]), -np.inf)
        width, single = 2 * half_width(low, high), np.argmax(weights, axis=0)
        for row, (number, enclosure) in enumerate(zip(self.outputs, self.each, strict=True)):
            a, b = slopes[row, :, 0], slopes[row, :, 1]
            rising, falling = a >= 0, b <= 0
            mixed = ~rising & ~falling & (np.maximum(-a, b) < STEEP)
            range_ = np.where(mixed, b - a, 1.0)
            loss = np.where(mixed, width * np.where(mixed, -a, 0.0) * np.where(mixed, b, 0.0) / range_, 0.0).sum(axis=0)
            place = np.clip(low * np.exp(np.where(mixed, -a, 0.0) / range_ * width), low, high)
            start = np.where(rising, low, np.where(falling, high, np.where(mixed, place, low)))
            end = np.where(rising, low, np.where(falling, high, np.where(mixed, place, high)))
            found = enclosure.bounds(known | self._box(start, end), dict(signs))[number][0]
            result[single[row]] = found - loss * (1 + 1e-9) - ROUNDING
        return np.where(np.isnan(result), -np.inf, result)
