"""How long does a matrix product run on one device, forward and backward?

A product of (rows x depth) by (depth x columns) is cut into output tiles, one per processor
at a time. With tiles of r x c:

    compute = waves(tiles / processors) x processors x 2 r c (depth + D) x p / rate
    tiles   = matrices x max(rows / r, 1) x max(columns / c, 1)
    waves(w) = max(w, 1) + (1 - exp(-(max(w, 1) - 1))) / 2

D is the depth lost to filling and emptying the pipeline of a tile, p the price of a smaller
tile's operand traffic, and the shape that is fastest is taken, as libraries do. `waves` is
the smooth form of a last wave that is half full on average; a tile larger than the matrix
is computed whole. Memory traffic: every operand crosses once.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.performance.roofline import Engine, Work, kernel_time
from codesign.performance.saving import traced_once
from codesign.workload.precision import Precision

TILES = ((32.0, 128.0, 1.2), (128.0, 128.0, 1.05), (128.0, 256.0, 1.0))
FILL_DEPTH = 256.0


class Gemm(NamedTuple):
    """`matrices` products of (rows, depth) activations by a (depth, columns) weight matrix; `kernels` launch them."""

    rows: Scalar
    depth: Scalar
    columns: Scalar
    matrices: Scalar
    kernels: Scalar | float = 1.0


def waves(count: Scalar) -> Scalar:
    """Passes of all processors over `count` times as many tiles as processors."""
    full = jnp.maximum(count, 1.0)
    return full + 0.5 - 0.5 * jnp.exp(1 - full)


def tiled_flops(rows: Scalar, depth: Scalar, columns: Scalar, matrices: Scalar, device: Engine) -> Scalar:
    """FLOPs that the processors are busy for: those of whole waves of the fastest tile shape."""
    shapes = []
    spread = matrices / device.processors
    for height, width, price in TILES:
        tiles = spread * jnp.maximum(rows / height, 1.0) * jnp.maximum(columns / width, 1.0)
        shapes.append(waves(tiles) * (2 * height * width * price))
    fastest = jnp.minimum(jnp.minimum(shapes[0], shapes[1]), shapes[2])
    return fastest * device.processors * (depth + FILL_DEPTH)


def compute_time(gemm: Gemm, device: Engine, rate: Scalar) -> Scalar:
    """Seconds that the processors are busy with one product at the matrix rate `rate`."""
    flops = 2 * gemm.matrices * gemm.rows * gemm.depth * gemm.columns
    present = jnp.minimum(gemm.matrices, 1.0)
    busy = present * tiled_flops(gemm.rows, gemm.depth, gemm.columns, gemm.matrices, device)
    return (device.detail * busy + (1 - device.detail) * flops) / rate


def product(gemm: Gemm, traffic: Scalar, device: Engine, rate: Scalar) -> Scalar:
    """Seconds of one product with `traffic` bytes at the matrix rate `rate`."""
    present = jnp.minimum(gemm.matrices, 1.0)
    return kernel_time(compute_time(gemm, device, rate), traffic / device.memory_rate, present * gemm.kernels, device)


def _work(time: Scalar, flops: Scalar, traffic: Scalar, narrow: Scalar | float, precision: Precision) -> Work:
    """`narrow` 1 for products in the formats of the run, 0 for 16-bit ones."""
    eight = narrow * precision.share_8bit
    four = narrow * precision.share_4bit
    return Work(time, (1 - eight - four) * flops, (eight + 0.5 * four) * flops, traffic)


@traced_once("narrow")
def forward(gemm: Gemm, device: Engine, precision: Precision, narrow: float = 1.0) -> Work:
    """The forward product; operands in the format of the product, result in that of activations.

    `narrow` 0 keeps a product in 16 bits. The activations are cast first where the format needs it.
    """
    entry = narrow * precision.operand + (1 - narrow) * precision.activation
    rate = device.narrow_rate if narrow else device.wide_rate
    elements = gemm.matrices * gemm.rows
    traffic = elements * (gemm.depth * entry + gemm.columns * precision.activation) + gemm.matrices * gemm.depth * gemm.columns * entry
    cast = narrow * precision.cast * elements * gemm.depth
    time = product(gemm, traffic, device, rate) + cast / device.memory_rate
    return _work(time, 2 * elements * gemm.depth * gemm.columns, traffic + cast, narrow, precision)


@traced_once("narrow")
def backward(gemm: Gemm, device: Engine, precision: Precision, narrow: float = 1.0) -> Work:
    """Gradients of input and weight: two products; weight gradients are read, summed and written."""
    entry = narrow * precision.operand + (1 - narrow) * precision.activation
    rate = device.narrow_rate if narrow else device.wide_rate
    ins, outs = gemm.matrices * gemm.rows * gemm.depth, gemm.matrices * gemm.rows * gemm.columns
    weights = gemm.matrices * gemm.depth * gemm.columns
    input_traffic = outs * entry + weights * entry + ins * precision.activation
    weight_traffic = ins * entry + outs * entry + 2 * weights * precision.gradient
    to_input = Gemm(gemm.rows, gemm.columns, gemm.depth, gemm.matrices, gemm.kernels)
    to_weight = Gemm(gemm.depth, gemm.rows, gemm.columns, gemm.matrices, gemm.kernels)
    cast = narrow * precision.cast * outs
    time = product(to_input, input_traffic, device, rate) + product(to_weight, weight_traffic, device, rate)
    traffic = input_traffic + weight_traffic + cast
    return _work(time + cast / device.memory_rate, 4 * ins * gemm.columns, traffic, narrow, precision)
