"""Which elementary operations does a model consist of, in order?

A traced model is flattened: inner calls and the steps of short loops are written out, what follows
from constants alone is computed, what is computed twice is shared, what no output needs is dropped.
"""

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from codesign.search.exactness import EXACT, exact_sum
from codesign.search.interval import UNIT

CALLS = ("jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call", "remat", "checkpoint")
COPIES = ("copy", "copy_p", "stop_gradient", "optimization_barrier")
SHAPES = ("broadcast_in_dim", "reshape", "squeeze", "expand_dims")
FOLDED = frozenset((
    "add", "add_any", "sub", "neg", "abs", "max", "min", "clamp", "sign", "floor", "ceil", "round", "sqrt", "select_n",
    "convert_element_type", "eq", "ne", "lt", "le", "gt", "ge", "and", "or", "not", "is_finite", "iota", "lgamma", "digamma",
))  # fmt: skip
"""What is computed where it follows from constants alone, as every compiler finds the same; the last two are so only nearly, and what
the models make of them has no jumps. Other functions, such as logarithms, are left as operations, with bounds."""
JOINED = ("mul", "div", "square", "integer_pow")
"""These are left as they are where they round: a compiler may join a product with the sum that follows, rounding once."""

NEUTRAL = {"add": 0.0, "add_any": 0.0, "sub": 0.0, "mul": 1.0, "div": 1.0}
SAME = {"eq": 1.0, "ne": 0.0, "max": None, "min": None}
"""What comes of two equal operands; None: the operand."""
PARAMETERS, NOTHING = ("y",), ("weak_type", "sharding")
"""What an operation says beside its operands that its rules need, and what changes no value."""
LONGEST = 64
"""Steps of a loop up to which it is written out."""

Place = int | np.ndarray
"""The number of a value whose elements are all alike, or a constant array, which only a loop takes apart."""


class Operation(NamedTuple):
    """`result` = `name`(`operands`); a negative operand is the constant -1 - operand."""

    name: str
    operands: tuple[int, ...]
    result: int
    parameters: tuple[tuple[str, Any], ...] = ()


class Program(NamedTuple):
    """Values are numbered: `inputs` first, then results; -1 - k stands for `constants[k]`."""

    inputs: int
    constants: tuple[float, ...]
    operations: tuple[Operation, ...]
    outputs: tuple[int, ...]

    @property
    def size(self) -> int:
        """How many values are numbered."""
        return max((op.result for op in self.operations), default=self.inputs - 1) + 1


class UnknownOperation(Exception):
    """A model holds an operation for which there are no bounds; names it."""

    def __init__(self, name: str, detail: str = "") -> None:
        self.name = name
        super().__init__(f"no bounds are known for the operation '{name}'" + (f" ({detail})" if detail else ""))


def inner_jaxpr(equation: Any) -> Any:
    """The program that a call equation calls."""
    return next(p for p in equation.params.values() if hasattr(p, "eqns") or hasattr(p, "jaxpr"))


class _Builder:
    """Collects operations while a jaxpr is walked."""

    def __init__(self, inputs: int) -> None:
        self.constants: list[float] = []
        self.operations: list[Operation] = []
        self.places: dict[Any, int] = {}
        self.known: dict[Any, int] = {}
        self.fresh = itertools.count(inputs)

    def constant(self, value: Any) -> int:
        number = float(np.asarray(value).reshape(()))
        key = (number, np.signbit(number))
        if key not in self.places:
            self.places[key] = -1 - len(self.constants)
            self.constants.append(number)
        return self.places[key]

    def place(self, value: Any) -> Place:
        array = np.asarray(value)
        return self.constant(array) if array.size == 1 else array

    def operation(self, equation: Any, operands: list[int]) -> Place:
        name = equation.primitive.name
        if name in COPIES or name in SHAPES:
            return operands[0]
        if name == "convert_element_type":
            before, after = equation.invars[0].aval.dtype, equation.params["new_dtype"]
            if after == before or (after == np.float64 and before != np.bool_):
                return operands[0]
            if before == np.bool_ and after == np.float64 and operands[0] >= 0:
                name = "number"
        simple = self.simplified(name, operands)
        if simple is not None:
            return simple
        if all(i < 0 for i in operands) and not self.left(name, equation, operands):
            shapes = [(v.aval.shape, self.constants[-1 - i], v.aval.dtype) for i, v in zip(operands, equation.invars, strict=True)]
            return self.place(equation.primitive.bind(*(np.full(*shape) for shape in shapes), **equation.params))
        self.refuse_other_numbers(name, equation, operands)
        parameters = tuple((k, v) for k, v in equation.params.items() if k in PARAMETERS)
        key = (name, tuple(operands), *sorted((k, repr(v)) for k, v in equation.params.items() if k not in NOTHING))
        if key not in self.known:
            self.known[key] = next(self.fresh)
            self.operations.append(Operation(name, tuple(operands), self.known[key], parameters))
        return self.known[key]

    def left(self, name: str, equation: Any, constants: list[int]) -> bool:
        """Is an operation on constants left as it is?"""
        if not np.issubdtype(equation.outvars[0].aval.dtype, np.floating):
            return False
        if name not in JOINED or equation.outvars[0].aval.dtype != np.float64:
            return name not in FOLDED and name not in JOINED
        parameters = [v for k, v in equation.params.items() if k in PARAMETERS]
        with np.errstate(all="ignore"):
            return not EXACT[name](*(np.float64(self.constants[-1 - i]) for i in constants), *parameters)[1]

    @staticmethod
    def refuse_other_numbers(name: str, equation: Any, operands: list[int]) -> None:
        """Bounds hold for float64 and truth values."""
        types = [v.aval.dtype for v in equation.outvars] + [v.aval.dtype for v, i in zip(equation.invars, operands, strict=True) if i >= 0]
        for kind in types:
            if kind not in (np.float64, np.bool_):
                raise UnknownOperation(name, f"on {kind}")

    def simplified(self, name: str, operands: list[int]) -> int | None:
        """What an operation comes to without being done: x + 0, 1 x, a choice that is made, x != x.

        Not-a-number and infinity are left out of account: designs in which they are not caught by a comparison are infeasible anyway.
        """
        if name == "select_n" and len(operands) != 3:
            raise UnknownOperation(name, f"between {len(operands) - 1}")
        known = [self.constants[-1 - i] if i < 0 else None for i in operands]
        if name == "select_n" and (known[0] is not None or operands[1] == operands[2]):
            return operands[2] if known[0] else operands[1]
        if name in SAME and operands[0] == operands[1]:
            return operands[0] if SAME[name] is None else self.constant(SAME[name])
        if name == "mul" and 0.0 in known:
            return self.constant(0.0)
        if name in NEUTRAL and known[1] == NEUTRAL[name]:
            return operands[0]
        return operands[1] if name in ("add", "add_any", "mul") and known[0] == NEUTRAL[name] else None

    def walk(self, jaxpr: Any, constants: Iterable[Any], arguments: list[Place]) -> list[Place]:
        environment = dict(zip(jaxpr.constvars, (self.place(c) for c in constants), strict=True))
        environment |= dict(zip(jaxpr.invars, arguments, strict=True))

        def read(variable: Any) -> Place:
            return self.place(variable.val) if hasattr(variable, "val") else environment[variable]

        for equation in jaxpr.eqns:
            results = self.results(equation, [read(v) for v in equation.invars])
            environment |= dict(zip(equation.outvars, results, strict=True))
        return [read(v) for v in jaxpr.outvars]

    def results(self, equation: Any, operands: list[Place]) -> Sequence[Place]:
        name = equation.primitive.name
        if name in CALLS:
            inner = inner_jaxpr(equation)
            return self.walk(getattr(inner, "jaxpr", inner), getattr(inner, "consts", ()), operands)
        if name == "scan":
            return self.loop(equation, operands)
        if len(equation.outvars) != 1:
            raise UnknownOperation(name, "several results")
        return [self.operation(equation, single(operands))]

    def loop(self, equation: Any, operands: list[Place]) -> list[Place]:
        """What a loop carries after its last step; a step takes one row of every array that is looped over."""
        of, length = equation.params, equation.params["length"]
        body, constants = getattr(of["jaxpr"], "jaxpr", of["jaxpr"]), getattr(of["jaxpr"], "consts", ())
        if length > LONGEST or any(_per_step(equation.outvars, body.outvars)):
            raise UnknownOperation("scan", f"{length} steps" if length > LONGEST else "with a result of every step")
        later = len(operands) - sum(_per_step(equation.invars, body.invars))
        first = later - len(equation.outvars)
        fixed, carried, rows = operands[:first], operands[first:later], operands[later:]
        for step in reversed(range(length)) if of["reverse"] else range(length):
            row = [self.place(array[step]) if isinstance(array, np.ndarray) else array for array in rows]
            carried = self.walk(body, constants, [*fixed, *carried, *row])
        return carried


def _per_step(whole: Sequence[Any], step: Sequence[Any]) -> list[bool]:
    """Which variables of a loop have a row for every step?"""
    return [bool(outer.aval.shape != inner.aval.shape) for outer, inner in zip(whole, step, strict=True)]


def single(places: Iterable[Place]) -> list[int]:
    """The places, if none is an array."""
    found = []
    for place in places:
        if isinstance(place, np.ndarray):
            raise UnknownOperation("array constant", f"shape {place.shape}")
        found.append(place)
    return found


def flatten(function: Callable[..., Any], arguments: tuple[Any, ...], fixed: dict[int, float]) -> Program:
    """The program of `function` of scalars; inputs and outputs are the leaves of arguments and result, in order.

    Inputs in `fixed` are constants. Raises `UnknownOperation` for operations on arrays, and for loops without
    a known, small number of steps.
    """
    import jax  # here alone: the processes of a proof start without it

    closed = jax.make_jaxpr(function)(*arguments)
    count = len(closed.jaxpr.invars)
    builder = _Builder(count)
    places: list[Place] = [builder.constant(fixed[i]) if i in fixed else i for i in range(count)]
    outputs = single(builder.walk(closed.jaxpr, closed.consts, places))
    return loosened(pruned(Program(count, tuple(builder.constants), tuple(builder.operations), tuple(outputs))))


def pruned(program: Program) -> Program:
    """The program without operations that no output needs."""
    return program._replace(operations=tuple(needed(program, program.outputs)))


def loosened(program: Program) -> Program:
    """The program, with bounds for sums whose constants a compiler may add to one another first: (x + a) + b as x + (a + b).

    Where a + b is rounded the result may differ by as much, which can be more than the sum itself rounds.
    """
    shift: dict[int, tuple[float, float]] = {}
    found, fresh = [], itertools.count(program.size)
    for operation in program.operations:
        moved = _shifted(operation, program.constants, shift)
        if moved is None or not moved[1]:
            found.append(operation)
        else:
            inner = next(fresh)
            found += [operation._replace(result=inner), Operation("loosened", (inner,), operation.result, (("slack", moved[1]),))]
        if moved is not None:
            shift[operation.result] = moved
    return program._replace(operations=tuple(found))


def _shifted(operation: Operation, constants: tuple[float, ...], shift: dict[int, tuple[float, float]]) -> tuple[float, float] | None:
    """The constant that a result has been moved by in all, and by how much joining its parts may be off; None of no sum with one."""
    if operation.name == "neg" and operation.operands[0] in shift:
        total, slack = shift[operation.operands[0]]
        return -total, slack
    if operation.name not in ("add", "add_any", "sub") or min(operation.operands) >= 0:
        return None
    number, other = constants[-1 - min(operation.operands)], max(operation.operands)
    before, slack = shift.get(other, (0.0, 0.0))
    first = number if operation.name != "sub" or operation.operands[0] < 0 else -number
    second = -before if operation.name == "sub" and operation.operands[0] < 0 else before
    joined, exact = exact_sum(np.array(first), np.array(second))
    return float(joined), slack + (0.0 if exact else 2 * UNIT * (abs(float(joined)) + abs(second)))


def regrouped(program: Program) -> frozenset[int]:
    """Quotients and products with constants of one another: a compiler may join the constants and round where the steps do not."""
    scaled: dict[int, bool] = {}
    found = set()
    for operation in program.operations:
        if operation.name in ("mul", "div") and min(operation.operands) < 0:
            constant = program.constants[-1 - min(operation.operands)]
            divided = operation.name == "div" and (operation.operands[0] < 0 or abs(math.frexp(constant)[0]) != 0.5)
            before = scaled.get(max(operation.operands))
            scaled[operation.result] = divided or bool(before)
            if before is not None and scaled[operation.result]:
                found.add(operation.result)
    return frozenset(found)


def needed(program: Program, values: Iterable[int]) -> list[Operation]:
    """The operations that the given values need, in order."""
    wanted, kept = set(values), []
    for operation in reversed(program.operations):
        if operation.result in wanted:
            kept.append(operation)
            wanted.update(operation.operands)
    return kept[::-1]
