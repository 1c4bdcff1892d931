"""Which rectangles lie on a package, and what joins them?

Blocks are dies, memory stacks, optical engines and the like: axis-parallel, given by centre and sides.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar

KINDS = ("die", "memory", "stack", "io", "optics", "fibre")
"""What a block can be: compute die, memory stack beside dies, memory stack on a die, input-output die, optical engine, fibre attach."""


class Blocks(NamedTuple):
    """Rectangles: centres `x`, `y` [m], sides `width`, `height` [m], heat `power` [W], all of shape (..., n)."""

    x: Scalar
    y: Scalar
    width: Scalar
    height: Scalar
    power: Scalar

    @property
    def area(self) -> Scalar:
        """Area of every block [m2], (..., n)."""
        return self.width * self.height


class Nets(NamedTuple):
    """Connections of two blocks each: indices `first` and `second`, `weight` (bytes/s, or any measure of traffic), all (m,)."""

    first: Scalar
    second: Scalar
    weight: Scalar


def outline(blocks: Blocks) -> tuple[Scalar, Scalar, Scalar, Scalar]:
    """The smallest rectangle around all blocks: left, bottom, right, top [m], each (...)."""
    left, right = blocks.x - blocks.width / 2, blocks.x + blocks.width / 2
    bottom, top = blocks.y - blocks.height / 2, blocks.y + blocks.height / 2
    return left.min(axis=-1), bottom.min(axis=-1), right.max(axis=-1), top.max(axis=-1)


def overlap_area(blocks: Blocks) -> Scalar:
    """Area that pairs of blocks share, summed over all pairs [m2], (...)."""

    def shared(centre: Scalar, side: Scalar) -> Scalar:
        apart = jnp.abs(centre[..., :, None] - centre[..., None, :])
        return jnp.maximum((side[..., :, None] + side[..., None, :]) / 2 - apart, 0.0)

    both = shared(blocks.x, blocks.width) * shared(blocks.y, blocks.height)
    return jnp.triu(both, 1).sum(axis=(-2, -1))


def wire_length(blocks: Blocks, nets: Nets) -> Scalar:
    """Sum of weight x Manhattan distance between the centres of joined blocks, (...)."""
    across = jnp.abs(blocks.x[..., nets.first] - blocks.x[..., nets.second])
    along = jnp.abs(blocks.y[..., nets.first] - blocks.y[..., nets.second])
    return (nets.weight * (across + along)).sum(axis=-1)
