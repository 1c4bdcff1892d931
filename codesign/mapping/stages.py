"""Which layers, embedding and head stand on which pipeline stage?

Layers are spread over pp stages of vpp chunks. Where they do not divide, every middle stage
holds vpp ceil(layers / (pp vpp)) of them and the ends, which also hold embedding and heads,
the fewer, the last one more so with every extra head; leading dense layers come first. A stage is described by counts, so that its time
and its bytes are linear in them.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.parallelism import Mapping
from codesign.workload.transformer import Transformer

Triple = tuple[Scalar, Scalar, Scalar]
"""A quantity of the first, a middle and the last stage."""


class Load(NamedTuple):
    """What one stage holds: dense and MoE layers, and the share of embedding and head (0 or 1)."""

    dense: Scalar
    moe: Scalar
    embedding: Scalar
    head: Scalar

    @property
    def layers(self) -> Scalar:
        """Layers of both kinds."""
        return self.dense + self.moe


class Stages(NamedTuple):
    """The first stage, the mean of those in between, the last, and how many there are of each."""

    first: Load
    middle: Load
    last: Load
    middles: Scalar
    lasts: Scalar

    @property
    def loads(self) -> tuple[Load, Load, Load]:
        """First, middle, last."""
        return self.first, self.middle, self.last

    def sum(self, values: Triple) -> Scalar:
        """A quantity added up over all stages."""
        return values[0] + self.middles * values[1] + self.lasts * values[2]

    def others(self, values: Triple) -> Triple:
        """A quantity added up over all stages but one: all but the first, but one in between, but the last."""
        first, middle, last = values
        ends = first + self.lasts * last
        return self.middles * middle + self.lasts * last, ends + jnp.maximum(self.middles - 1, 0.0) * middle, first + self.middles * middle

    def peak(self, values: Triple) -> Scalar:
        """The largest value of the stages that there are."""
        first, middle, last = values
        return jnp.maximum(jnp.maximum(first, jnp.where(self.middles > 0, middle, 0.0)), jnp.where(self.lasts > 0, last, 0.0))

    def largest(self, values: Triple) -> Triple:
        """Weights 0 and 1 that pick the stage where the quantity is largest."""
        middle = jnp.where(self.middles > 0, values[1], 0.0)
        last = jnp.where(self.lasts > 0, values[2], 0.0)
        is_last = jnp.where(last > jnp.maximum(values[0], middle), 1.0, 0.0)
        is_middle = (1 - is_last) * jnp.where(middle > values[0], 1.0, 0.0)
        return 1 - is_last - is_middle, is_middle, is_last


def triple(values: Sequence[Scalar]) -> Triple:
    """Three values as a triple."""
    first, middle, last = values
    return first, middle, last


def pick(weights: Triple, values: Triple) -> Scalar:
    """The value of the picked stage."""
    return jnp.where(weights[2] > 0.5, values[2], jnp.where(weights[1] > 0.5, values[1], values[0]))


def _take(dense_left: Scalar, layers: Scalar, dense_only: Scalar) -> tuple[Scalar, Scalar]:
    """Dense and MoE layers of a stage of `layers` when `dense_left` leading dense ones are to be placed."""
    dense = dense_only * layers + (1 - dense_only) * jnp.minimum(dense_left, layers)
    return dense, layers - dense


def stages(model: Transformer, mapping: Mapping) -> Stages:
    """The loads of all stages; pp 1 is one stage with everything.

    Dense layers that the first stage cannot hold are spread evenly over the rest. Fed from both
    ends, a device has a stage of either direction: both ends are the mean of first and last.
    """
    several = jnp.minimum(mapping.pp - 1, 1.0)
    full = mapping.vpp * jnp.ceil(model.layers / (mapping.pp * mapping.vpp))
    missing = jnp.clip(mapping.pp * full - model.layers, 0.0, 2 * full)
    fewer = jnp.minimum(jnp.ceil((missing + model.extra_heads) / 2), jnp.minimum(missing, full))
    first = several * (full - missing + fewer) + (1 - several) * model.layers
    last = full - fewer
    middles = jnp.maximum(mapping.pp - 2, 0.0)
    middle = (model.layers - first - several * last) / jnp.maximum(middles, 1.0)
    all_dense = jnp.where(model.dense_layers >= model.layers, 1.0, 0.0)
    dense, moe = _take(model.dense_layers, first, all_dense)
    rest = (model.dense_layers - dense) / jnp.maximum(model.layers - first, 1.0)
    zero, one = jnp.zeros_like(middle), jnp.ones_like(middle)
    ends = Load(dense, moe, one, 1 - several), Load(rest * last, (1 - rest) * last, zero, several)
    mixed = 0.5 * several * mapping.schedule.bidirectional
    return Stages(
        Load(*((1 - mixed) * a + mixed * b for a, b in zip(*ends, strict=True))),
        Load(rest * middle, (1 - rest) * middle, zero, zero),
        Load(*((1 - mixed) * b + mixed * a for a, b in zip(*ends, strict=True))),
        middles,
        several,
    )
