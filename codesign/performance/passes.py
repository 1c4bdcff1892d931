"""What does an operator cost forward and backward? Kept apart because recomputation repeats the forward."""

from typing import NamedTuple

from codesign.fields import Scalar
from codesign.performance.matrix import Gemm, backward, forward
from codesign.performance.roofline import Engine, Work, add, scale
from codesign.workload.precision import Precision


class Passes(NamedTuple):
    """Forward and backward work of one kind."""

    forward: Work
    backward: Work


def join(*parts: Passes) -> Passes:
    """Operators that run one after the other."""
    return Passes(add(*(p.forward for p in parts)), add(*(p.backward for p in parts)))


def times(passes: Passes, factor: Scalar) -> Passes:
    """The same operators `factor` times."""
    return Passes(scale(passes.forward, factor), scale(passes.backward, factor))


def products(gemms: list[Gemm], device: Engine, precision: Precision, narrow: float = 1.0) -> Passes:
    """Matrix products, in the formats of the run or (`narrow` 0) in 16 bits."""
    return join(*(Passes(forward(g, device, precision, narrow), backward(g, device, precision, narrow)) for g in gemms))
