"""What need not be worked out when the model is compiled, and what only once?

Results are the same with and without. While tracing a number is known unless it is traced
itself: constants of a study are known, its variables are not.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.xla_metadata import set_xla_metadata

from codesign.fields import Scalar

P = ParamSpec("P")
R = TypeVar("R")


def always(value: Scalar, number: float) -> bool:
    """Is `value` known to be `number` in every design that is evaluated?"""
    return not isinstance(value, jax.core.Tracer) and bool(np.all(np.asarray(value) == number))


def _tracing() -> bool:
    """Is something being compiled or differentiated, so that operations are written down rather than done?"""
    return isinstance(jnp.zeros(()), jax.core.Tracer)


def traced_once(*known: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function whose operations are copied where it was traced before with arguments of equal shapes.

    Arguments named in `known` are plain numbers that it branches on.
    """

    def wrapped(function: Callable[P, R]) -> Callable[P, R]:
        once = jax.jit(function, inline=True, static_argnames=known)

        @functools.wraps(function)
        def called(*arguments: P.args, **named: P.kwargs) -> R:
            return once(*arguments, **named) if _tracing() else function(*arguments, **named)

        return called

    return wrapped


def apart(function: Callable[P, R]) -> Callable[P, R]:
    """`function`, compiled as a unit whose results are stored.

    The compiler for processors repeats a formula in every other one that uses its result. That
    is faster for short ones, and several times slower for what is wrapped here. The one for
    graphics processors weighs this itself, and would fuse nothing inside a unit.
    """

    @functools.wraps(function)
    def called(*arguments: P.args, **named: P.kwargs) -> R:
        if not _tracing() or jax.default_backend() != "cpu":
            return function(*arguments, **named)
        with set_xla_metadata(inlineable="false"):
            return jax.jit(lambda: function(*arguments, **named))()

    return called
