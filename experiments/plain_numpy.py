"""How would the same equations run in plain NumPy, one operation after the other?

The traced program of the model is walked equation by equation, each done by the NumPy
function of the same name: what a careful NumPy port of the model would execute.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from jax.extend import core
from scipy.special import expit, gammaln

OPERATIONS: dict[str, Callable[..., Any]] = {
    "add": np.add, "add_any": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "neg": np.negative, "max": np.maximum,
    "min": np.minimum, "exp": np.exp, "log": np.log, "abs": np.abs, "ceil": np.ceil, "floor": np.floor, "pow": np.power, "sqrt": np.sqrt,
    "ge": np.greater_equal, "gt": np.greater, "le": np.less_equal, "lt": np.less, "eq": np.equal, "ne": np.not_equal, "and": np.logical_and,
    "or": np.logical_or, "not": np.logical_not, "lgamma": gammaln, "sign": np.sign, "is_finite": np.isfinite,
    "log1p": np.log1p, "expm1": np.expm1, "square": np.square, "logistic": expit, "logaddexp": np.logaddexp,
}  # fmt: skip


def _apply(equation: Any, values: list[Any]) -> list[Any]:
    name, parameters = equation.primitive.name, equation.params
    if name in OPERATIONS:
        return [OPERATIONS[name](*values)]
    if name == "select_n":
        return [np.where(values[0], values[2], values[1])]
    if name == "integer_pow":
        return [np.power(values[0], float(parameters["y"]))]
    if name == "convert_element_type":
        return [np.asarray(values[0], dtype=parameters["new_dtype"])]
    if name in ("broadcast_in_dim", "copy", "copy_p", "stop_gradient", "reshape", "squeeze"):
        return [np.broadcast_to(values[0], parameters.get("shape", np.shape(values[0])))]
    inner = parameters.get("jaxpr") or parameters.get("call_jaxpr")
    if inner is None:
        raise NotImplementedError(f"no NumPy rule for the operation '{name}'")
    return run(inner.jaxpr, inner.consts, values)


def operations(program: core.Jaxpr) -> int:
    """How many operations a traced program has, nested programs opened."""
    inner = [equation.params.get("jaxpr") or equation.params.get("call_jaxpr") for equation in program.eqns]
    return sum(operations(program.jaxpr) if program else 1 for program in inner)


def run(program: core.Jaxpr, constants: list[Any], inputs: list[Any]) -> list[Any]:
    """The outputs of a traced program for NumPy `inputs`."""
    known: dict[Any, Any] = dict(zip(program.constvars, map(np.asarray, constants), strict=True))
    known |= dict(zip(program.invars, inputs, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, core.Literal) else known[atom]

    for equation in program.eqns:
        for variable, value in zip(equation.outvars, _apply(equation, [read(v) for v in equation.invars]), strict=True):
            known[variable] = value
    return [read(v) for v in program.outvars]
