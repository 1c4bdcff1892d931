"""How long does one operator run on one device?

time = max(FLOPs / (efficiency peak), bytes / (efficiency bandwidth)). Kernel launches and
tile quantisation are ignored.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.hardware.package import Package
from codesign.workload.training import Precision


class Gemm(NamedTuple):
    """`matrices` products of (rows, depth) activations by a (depth, columns) weight matrix."""

    rows: Scalar
    depth: Scalar
    columns: Scalar
    matrices: Scalar


class Work(NamedTuple):
    """What an operator costs one device: seconds, FLOPs (those in 8 bits apart), memory bytes."""

    time: Scalar
    flops: Scalar
    flops_8bit: Scalar
    memory_bytes: Scalar


def add(*works: Work) -> Work:
    """The sum of several operators that run one after the other."""
    return Work(*(total(parts) for parts in zip(*works, strict=True)))


def scale(work: Work, factor: Scalar | float) -> Work:
    """`work` done `factor` times."""
    return Work(work.time * factor, work.flops * factor, work.flops_8bit * factor, work.memory_bytes * factor)


def matrix_rate(package: Package, precision: Precision) -> Scalar:
    """Sustained matrix FLOP/s: harmonic mix of the 16-bit and the 8-bit part of the FLOPs."""
    wide = package.peak_flops * package.die.matrix_efficiency
    narrow = package.peak_flops_8bit * package.die.matrix_efficiency_8bit
    return 1 / ((1 - precision.share_8bit) / wide + precision.share_8bit / narrow)


def memory_rate(package: Package) -> Scalar:
    """Sustained memory bandwidth [B/s]."""
    return package.memory_bandwidth * package.memory.efficiency


def roofline(flops: Scalar, traffic: Scalar, package: Package, precision: Precision) -> Work:
    """Time of an operator of `flops` FLOPs and `traffic` bytes of memory traffic."""
    time = jnp.maximum(flops / matrix_rate(package, precision), traffic / memory_rate(package))
    return Work(time, (1 - precision.share_8bit) * flops, precision.share_8bit * flops, traffic)


def gemm_forward(gemm: Gemm, package: Package, precision: Precision) -> Work:
    """Forward product: 2 m k n FLOPs; every operand crosses the memory once."""
    flops = 2 * gemm.matrices * gemm.rows * gemm.depth * gemm.columns
    activations = gemm.matrices * gemm.rows * (gemm.depth + gemm.columns) * precision.activation
    weights = gemm.matrices * gemm.depth * gemm.columns * precision.weight
    return roofline(flops, activations + weights, package, precision)


def gemm_backward(gemm: Gemm, package: Package, precision: Precision) -> Work:
    """Gradients of input and weight: twice the FLOPs; weight gradients are read and written.

    Accumulation over micro-batches is fused into the weight-gradient product.
    """
    flops = 4 * gemm.matrices * gemm.rows * gemm.depth * gemm.columns
    activations = 2 * gemm.matrices * gemm.rows * (gemm.depth + gemm.columns) * precision.activation
    weights = gemm.matrices * gemm.depth * gemm.columns * (precision.weight + 2 * precision.gradient)
    return roofline(flops, activations + weights, package, precision)


def stream_work(traffic: Scalar, package: Package) -> Work:
    """An elementwise operator bound by memory: `traffic` bytes read and written."""
    return Work(traffic / memory_rate(package), jnp.zeros_like(traffic), jnp.zeros_like(traffic), traffic)
