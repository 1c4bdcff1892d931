"""How good can the designs inside a box be at most, and is any of them feasible?

A box is a cell and an interval per variable. Two passes over the program of the model:

1. bounds and slopes (derivatives to the logarithms of the variables) on the whole box;
2. values at the middle c of every part of it, with what was frozen in the first pass.

Weighted sums of objectives then have the mean-value bound

    w . F >= w . F(c) - sum over variables of h_i max(b_i, -a_i),   [a, b] = sum over o of w_o slope_o,

h half the width in logarithms. Where slopes are wide the parts are bounded too with each
variable at the end where its objective is least (monotone variables), one objective at a time.
"""

from typing import NamedTuple

import numpy as np

from codesign.search.enclose import Enclosure, split, touched
from codesign.search.interval import Interval, sign_of
from codesign.search.program import Program, needed, regrouped
from codesign.search.slopes import Value, plain

STEEP = 3.0
"""Where a slope may be larger, a variable of undecided direction keeps its interval."""
WIDE = 0.15
"""Logarithm by which slopes leave an objective open, above which single objectives are bounded once more."""
HUGE = 1e30
ROUNDING = 1e-12
"""Of weighted sums, per unit of their size; their terms are widened bounds already."""

Leaves = dict[int, Interval]


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
        return Boxes(self.cell[index], self.low[:, index], self.high[:, index])


class Slopes(NamedTuple):
    """What is known on whole boxes: slopes of objectives (o, d, 2, n), frozen values, surely infeasible ones, signs."""

    slopes: np.ndarray
    frozen: Leaves
    infeasible: np.ndarray
    signs: dict[int, int]

    @property
    def steepness(self) -> np.ndarray:
        """The largest slope of any objective per variable (d, n)."""
        return np.nan_to_num(np.abs(self.slopes).max(axis=(0, 2)), nan=1e3, posinf=1e3)


def _weighted(weights: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """Weighted sums (w, d, n) of slopes (o, d, n); an unbounded slope is huge, and without weight it counts nothing."""
    huge = np.nan_to_num(slopes, posinf=HUGE, neginf=-HUGE)
    return (weights @ huge.reshape(len(slopes), -1)).reshape(len(weights), *slopes.shape[1:])


class Bounder:
    """The passes over one program whose inputs are `dimension` variables and then leaves of the cell.

    What follows from the cell and from `listed` variables alone, which take values of a table, is
    computed without rounding where whole numbers allow it: equalities of sizes are then seen.
    """

    def __init__(self, program: Program, dimension: int, objectives: int, leaves: dict[int, np.ndarray], listed: set[int]) -> None:
        self.dimension, self.leaves = dimension, leaves
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

    def cell_values(self, cell: np.ndarray) -> Leaves:
        """Bounds of what depends on cells (n,) alone; whole numbers stay exact."""
        known = {number: np.stack([leaf[cell], leaf[cell]]) for number, leaf in self.leaves.items()}
        found = self.cells.bounds(known, {})
        return {number: np.broadcast_to(bounds, (2, len(cell))) for number, bounds in found.items()}

    def listed_values(self, cells: Leaves, low: np.ndarray, high: np.ndarray) -> Leaves:
        """`cells` and what follows from them and the listed variables alone."""
        return cells | self.listed.bounds(cells | self._box(low, high), {})

    @staticmethod
    def _box(low: np.ndarray, high: np.ndarray) -> Leaves:
        return dict(enumerate(np.stack([low, high], axis=1)))

    def infeasible(self, known: Leaves, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Which boxes surely exceed a limit (n,), from their listed values."""
        found = self.limits.bounds(known | self._box(low, high), {})
        return self._exceeded([found[number] for number in self.gaps], low.shape[1])

    @staticmethod
    def _exceeded(gaps: list[Interval], count: int) -> np.ndarray:
        over = np.zeros(count, dtype=bool)
        for gap in gaps:
            over |= gap[0] > 0
        return over

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
        return Slopes(slopes, frozen, self._exceeded(gaps, count), {number: sign for number, sign in signs.items() if sign})

    def weighted(self, known: Leaves, on: Slopes, parent: np.ndarray, low: np.ndarray, high: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """The second pass: bounds (w, n) of weighted sums for parts of boxes.

        `known` are the listed values of the parts, `parent` (n,) the boxes they are parts of.
        """
        known = known | {number: np.broadcast_to(b, (2, on.infeasible.size))[:, parent] for number, b in on.frozen.items()}
        slopes, half = on.slopes[..., parent], np.log(high / low) / 2 * (1 + 1e-12)
        middle = np.sqrt(low * high)
        found = self.values.bounds(known | self._box(middle, middle), dict(on.signs))
        values = np.stack([np.broadcast_to(found[number][0], parent.shape) for number in self.outputs])
        with np.errstate(invalid="ignore"):
            falling, rising = (_weighted(weights, slopes[:, :, side]) for side in (0, 1))
            fall = np.where(half > 0, np.maximum(-falling, rising) * half, 0.0).sum(axis=1)
            bounds = weights @ values - fall * (1 + 1e-9) - ROUNDING * (1 + np.abs(values).max(axis=0))
            spread = np.where(half > 0, (slopes[:, :, 1] - slopes[:, :, 0]).max(axis=0) * half, 0.0).max(axis=0)
        bounds = np.where(np.isnan(bounds), -np.inf, bounds)
        loose = np.flatnonzero(~(spread < WIDE))
        if len(loose):
            single, known = np.argmax(weights, axis=0), {number: b[:, loose] for number, b in known.items()}
            ends = self._ends(known, on.signs, slopes[..., loose], low[:, loose], high[:, loose])
            bounds[np.ix_(single, loose)] = np.maximum(bounds[np.ix_(single, loose)], ends)
        return bounds

    def _ends(self, known: Leaves, signs: dict[int, int], slopes: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Bounds (o, n) of single objectives with monotone variables at an end.

        A variable of undecided direction, slopes a < 0 < b, stands where the loss a b (x_high - x_low) / (b - a) is least.
        """
        result = np.full((len(self.outputs), low.shape[1]), -np.inf)
        width = np.log(high / low)
        for row, (number, enclosure) in enumerate(zip(self.outputs, self.each, strict=True)):
            a, b = slopes[row, :, 0], slopes[row, :, 1]
            rising, falling = a >= 0, b <= 0
            mixed = ~rising & ~falling & (np.maximum(-a, b) < STEEP)
            range_ = np.where(mixed, b - a, 1.0)
            loss = np.where(mixed, width * np.where(mixed, -a * b, 0.0) / range_, 0.0).sum(axis=0)
            place = np.clip(low * np.exp(np.where(mixed, -a, 0.0) / range_ * width), low, high)
            start = np.where(rising, low, np.where(falling, high, np.where(mixed, place, low)))
            end = np.where(rising, low, np.where(falling, high, np.where(mixed, place, high)))
            found = enclosure.bounds(known | self._box(start, end), dict(signs))[number][0]
            result[row] = found - loss * (1 + 1e-9) - ROUNDING
        return np.where(np.isnan(result), -np.inf, result)
