"""What does one operator of inference ask of a device: computing, streaming, kernels?

Kept apart until they are summed, because fused operators share a device: what is computed in one hides what is streamed in another.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.performance.array_matrix import array_compute_time
from codesign.performance.matrix import Gemm, compute_time
from codesign.performance.roofline import Engine, kernel_time
from codesign.workload.precision import Precision


class Task(NamedTuple):
    """Seconds of computing and of streaming, kernels started, FLOPs in 16 bits and in 8 (two of 4 bits count as one), bytes.

    `near_bytes` are those of `memory_bytes` that stay near the memory.
    """

    compute: Scalar
    memory: Scalar
    kernels: Scalar
    flops: Scalar
    flops_8bit: Scalar
    memory_bytes: Scalar
    near_bytes: Scalar


def join(*tasks: Task) -> Task:
    """Tasks as one, in which computing may hide streaming."""
    return Task(*(total(parts) for parts in zip(*tasks, strict=True)))


def times(task: Task, factor: Scalar | float) -> Task:
    """`task` done `factor` times."""
    return Task(*(part * factor for part in task))


def task_time(task: Task, device: Engine) -> Scalar:
    """Seconds of a task by itself."""
    return kernel_time(task.compute, task.memory, task.kernels, device)


def _compute_time(gemm: Gemm, device: Engine, rate: Scalar, held: Scalar | None) -> Scalar:
    """Seconds of computing on the tiles of processors, or on systolic arrays where the die has them."""
    tiled = compute_time(gemm, device, rate)
    if device.array is None:
        return tiled
    return jnp.where(device.array.rows > 0, array_compute_time(gemm, device, device.array, rate, held), tiled)


def matrix_task(
    gemm: Gemm, device: Engine, precision: Precision, narrow: float = 1.0, read: Scalar | float = 1.0, held: Scalar | None = None
) -> Task:
    """One matrix product, in the formats of the run or (`narrow` 0) in 16 bits; `read` is the share of the weights' bits that is read.

    `held` matrices, of which those of the product are touched, get rows by chance; `None` where all rows meet all matrices.
    Operands in the format of the product, result in that of activations; activations are cast first where the format needs it.
    """
    entry = narrow * precision.operand + (1 - narrow) * precision.activation
    stored = narrow * precision.weight + (1 - narrow) * precision.activation
    rows = gemm.matrices * gemm.rows
    cast = narrow * precision.cast * rows * gemm.depth
    weights = gemm.matrices * gemm.depth * gemm.columns * stored * read
    traffic = rows * (gemm.depth * entry + gemm.columns * precision.activation) + weights + cast
    flops = 2 * rows * gemm.depth * gemm.columns
    eight, four = narrow * precision.share_8bit, narrow * precision.share_4bit
    return Task(
        compute=_compute_time(gemm, device, device.narrow_rate if narrow else device.wide_rate, held),
        memory=traffic / device.memory_rate,
        kernels=jnp.minimum(gemm.matrices, 1.0) * gemm.kernels,
        flops=(1 - eight - four) * flops,
        flops_8bit=(eight + 0.5 * four) * flops,
        memory_bytes=traffic,
        near_bytes=jnp.zeros_like(traffic),
    )


def stream_task(traffic: Scalar, device: Engine, kernels: float = 1.0) -> Task:
    """Elementwise operators bound by memory: `traffic` bytes read and written by `kernels` kernels."""
    nothing = jnp.zeros_like(traffic)
    return Task(nothing, traffic / device.memory_rate, kernels * jnp.minimum(traffic, 1.0), nothing, nothing, traffic, nothing)
