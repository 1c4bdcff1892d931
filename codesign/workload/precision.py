"""In how many bytes is every kind of number stored, moved and multiplied?"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class Precision(eqx.Module):
    """Bytes of every kind of number that is stored, moved or multiplied."""

    weight: Scalar = quantity("B", "one weight in memory", low=0.25, high=8)
    activation: Scalar = quantity("B", "one activation in memory and on the tensor-parallel network", low=0.25, high=8)
    dispatch: Scalar = quantity("B", "one activation on its way to an expert", low=0.25, high=8)
    combine: Scalar = quantity("B", "one activation on its way back", low=0.25, high=8)
    gradient: Scalar = quantity("B", "one accumulated gradient in memory", low=0.25, high=8)
    reduction: Scalar = quantity("B", "one gradient on the data-parallel network", low=0.25, high=8)
    optimizer: Scalar = quantity("B", "optimiser state and master copy of one weight", high=32)
    operand: Scalar = quantity("B", "one operand of a matrix product", low=0.25, high=8)
    cast: Scalar = quantity("B", "memory traffic of casting one activation or gradient to an operand", high=32)
    share_8bit: Scalar = quantity("1", "share of matrix FLOPs executed in 8 bits", high=1)
    share_4bit: Scalar = quantity("1", "share of matrix FLOPs executed in 4 bits", high=1)
