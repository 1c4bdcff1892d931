"""How long does one MoE feed-forward network take on one device, alone?

Round-robin routing: min(experts, tokens x top_k) experts are active and evenly loaded. Two
grouped products, the nonlinearity, and the copies of tokens before and after; eight kernels
are started (sort, expand, two products, nonlinearity, two prefix sums, weighted sum). A
benchmark of milliseconds runs at the clock of the stated peak.
"""

from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from codesign.config.runs import Kernel
from codesign.fields import Scalar
from codesign.hardware.package import Package
from codesign.performance.matrix import Gemm, forward
from codesign.performance.roofline import engine
from codesign.workload.precision import Precision

KERNELS = 8.0


class Shapes(NamedTuple):
    """Tokens, their width, the width of an expert, experts and experts per token, one array each."""

    tokens: Scalar
    width: Scalar
    expert: Scalar
    experts: Scalar
    top_k: Scalar


def shapes_of(kernels: Sequence[Kernel]) -> Shapes:
    """The shapes of several measured kernels."""
    columns = ("tokens", "d_model", "d_expert", "experts", "top_k")
    return Shapes(*(jnp.asarray([getattr(k, name) for k in kernels], dtype=float) for name in columns))


def moe_layer_time(shapes: Shapes, package: Package, precision: Precision) -> Scalar:
    """Seconds of gated MoE networks of these shapes."""
    tokens, width, expert, experts, top_k = shapes
    one = jnp.ones_like(tokens)
    cool = eqx.tree_at(lambda p: p.die.sustained_clock, package, 0.0 * package.die.sustained_clock + 1.0)
    device = engine(cool, precision, one)
    active = jnp.minimum(experts, tokens * top_k)
    copies = tokens * top_k
    rows = copies / active
    up = forward(Gemm(rows, width, 2 * expert, active, 0.0), device, precision)
    down = forward(Gemm(rows, expert, width, active, 0.0), device, precision)
    element = precision.activation
    moved = element * (copies * 3 * expert + 2 * (tokens + copies) * width)
    return up.time + down.time + moved / device.memory_rate + KERNELS * device.kernel_time
