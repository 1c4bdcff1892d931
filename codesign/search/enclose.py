"""Between which bounds do all outputs of a program lie, and their slopes, when its inputs lie between bounds?

The program is walked once per batch of boxes, operation by operation, on arrays; a value is
forgotten after its last use. Nothing is compiled.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np

from codesign.search.exactness import exact_where_possible
from codesign.search.interval import Interval, pair, sign_of
from codesign.search.operation_bounds import bounds_of
from codesign.search.program import Operation, Program
from codesign.search.slopes import FROZEN, Value, slopes_of

TRUTHS = ("gt", "ge", "lt", "le", "eq", "ne", "and", "or", "not")


def last_uses(operations: Iterable[Operation], kept: Iterable[int]) -> list[tuple[int, ...]]:
    """For every operation the values that nothing after it needs."""
    seen, found = set(kept), []
    for operation in reversed(list(operations)):
        free = {i for i in operation.operands if i >= 0 and i not in seen}
        seen |= free
        found.append(tuple(free))
    return found[::-1]


class Enclosure:
    """Walks some operations of a program; `kept` are the values that are wanted at the end.

    Results of the operations in `exact` stay points where their operands are points and nothing is rounded.
    """

    def __init__(self, program: Program, operations: list[Operation], kept: Iterable[int], exact: frozenset[int] = frozenset()) -> None:
        self.program, self.operations, self.kept, self.exact = program, operations, tuple(kept), exact
        self.forgotten = last_uses(operations, self.kept)
        self.results = frozenset(operation.result for operation in operations)
        operands = {number for operation in operations for number in operation.operands if number >= 0}
        self.inputs = frozenset(operands.union(self.kept) - self.results)

    def _read(self, values: dict[int, Any], number: int) -> Any:
        return self.program.constants[-1 - number] if number < 0 else values[number]

    def bounds(self, known: dict[int, Interval], signs: dict[int, int]) -> dict[int, Interval]:
        """Bounds of the kept values; signs that are not known are found and noted in `signs`.

        Values that are known already are taken as they are.
        """
        values = dict(known)
        with np.errstate(all="ignore"):
            for operation, forgotten in zip(self.operations, self.forgotten, strict=True):
                if operation.result in known:
                    continue
                operands = [self._read(values, i) for i in operation.operands]
                found = self._signs(operation.operands, operands, signs)
                values[operation.result] = self._bounds(operation, operands, found)
                for number in forgotten:
                    values.pop(number, None)
        return {number: pair(self._read(values, number)) for number in self.kept}

    def _bounds(self, operation: Operation, operands: list[Interval], signs: list[int]) -> Interval:
        bounds = bounds_of(operation.name, operands, signs, dict(operation.parameters))
        if operation.result not in self.exact:
            return bounds
        return exact_where_possible(operation.name, operands, dict(operation.parameters), bounds)

    @staticmethod
    def _sign(bounds: Interval) -> int:
        return 0 if isinstance(bounds, np.ndarray) and bounds.dtype == bool else sign_of(bounds)

    def _signs(self, numbers: tuple[int, ...], operands: list[Any], signs: dict[int, int]) -> list[int]:
        for number, operand in zip(numbers, operands, strict=True):
            if number not in signs:
                signs[number] = self._sign(operand)
        return [signs[number] for number in numbers]

    def slopes(self, known: dict[int, Value], signs: dict[int, int]) -> tuple[dict[int, Value], dict[int, Interval]]:
        """Bounds and slopes of the kept values, plain slopes for those without a known sign; and what was frozen.

        The signs of all values are noted in `signs`.
        """
        values, frozen = dict(known), {}
        with np.errstate(all="ignore"):
            for operation, forgotten in zip(self.operations, self.forgotten, strict=True):
                operands = [self._value(values, i) for i in operation.operands]
                bounds = self._bounds(operation, [v.bounds for v in operands], [v.sign for v in operands])
                result = Value(bounds, self._sign(bounds), None)
                signs[operation.result] = result.sign
                slopes = slopes_of(operation.name, operands, result, dict(operation.parameters))
                values[operation.result] = result._replace(slopes=slopes)
                if operation.name in FROZEN:
                    frozen[operation.result] = bounds
                for number in forgotten:
                    values.pop(number, None)
        return {number: self._value(values, number) for number in self.kept}, frozen

    def _value(self, values: dict[int, Value], number: int) -> Value:
        if number >= 0:
            return values[number]
        constant = self.program.constants[-1 - number]
        return Value(constant, sign_of(constant), None)


def touched(program: Program, variables: set[int]) -> frozenset[int]:
    """The values that one of the variables enters."""
    moving = set(variables)
    for operation in program.operations:
        if moving.intersection(operation.operands):
            moving.add(operation.result)
    return frozenset(moving)


def split(program: Program, variables: set[int]) -> tuple[list[Operation], list[Operation], list[int]]:
    """Operations that no variable enters, those that one enters, and the values of the first that the second or an output needs."""
    moving = touched(program, variables)
    still = [operation for operation in program.operations if operation.result not in moving]
    moved = [operation for operation in program.operations if operation.result in moving]
    used = {i for operation in moved for i in operation.operands} | set(program.outputs)
    frontier = sorted(i for i in used if i >= 0 and i not in moving)
    return still, moved, frontier
