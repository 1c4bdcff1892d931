"""How long does one operator run on one device?

time = kernels x kernel time + sqrt(compute^2 + memory^2): a kernel computes and streams at
once, and the slower of both sets the pace, with a soft corner where they are equal. With
the schedule's kernel detail off: max(compute, memory).
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.hardware.package import Package
from codesign.performance.saving import always
from codesign.workload.precision import Precision

TINY = 1e-15


class Work(NamedTuple):
    """What an operator costs one device: seconds, FLOPs (those in 8 bits apart), memory bytes.

    Two 4-bit FLOPs count as one of 8 bits, as they take half its energy.
    """

    time: Scalar
    flops: Scalar
    flops_8bit: Scalar
    memory_bytes: Scalar


class SystolicArray(NamedTuple):
    """Rows and columns of the arrays of a die, no rows where it has none; `reshapes` 1 exchanges one for the other."""

    rows: Scalar
    columns: Scalar
    reshapes: Scalar


class NearMemory(NamedTuple):
    """Sustained FLOP/s, 0 where there are none, and B/s of processing near the memory of all stacks."""

    compute_rate: Scalar
    memory_rate: Scalar


class Engine(NamedTuple):
    """What a package offers to operators: sustained rates, processors, kernel time; `detail` as in the schedule.

    `array` and `near_memory` are `None` where no design that is evaluated has any.
    """

    wide_rate: Scalar
    narrow_rate: Scalar
    attention_rate: Scalar
    exponential_rate: Scalar
    memory_rate: Scalar
    processors: Scalar
    kernel_time: Scalar
    detail: Scalar
    array: SystolicArray | None = None
    near_memory: NearMemory | None = None


def _array(package: Package) -> SystolicArray | None:
    die = package.die
    return None if always(die.array_rows, 0.0) else SystolicArray(die.array_rows, die.array_columns, die.array_reshapes)


def _near_memory(package: Package, refreshed: Scalar | float) -> NearMemory | None:
    """Processing near the memory sustains the shares of its peaks that the dies and their memory sustain."""
    memory, stacks = package.memory, package.stacks
    if always(memory.near_memory_flops, 0.0):
        return None
    compute = stacks * memory.near_memory_flops * package.die.matrix_efficiency
    return NearMemory(compute, stacks * memory.near_memory_bandwidth * memory.efficiency * refreshed)


def engine(
    package: Package, precision: Precision, detail: Scalar, reserved: Scalar | float = 0.0, refreshed: Scalar | float = 1.0
) -> Engine:
    """Sustained rates of all dies: peak x efficiency x clock under load.

    `refreshed` is the memory rate over that of cool memory, `reserved` the share of processors that
    communicate instead. Attention keeps the matrix units too little busy to be slowed by their power.
    `wide_rate` is that of 16-bit products, `narrow_rate` the harmonic mix of the formats of the run.
    """
    die, dies = package.die, package.dies * (1 - reserved)
    clock = dies * die.sustained_clock
    wide = clock * die.peak_flops * die.matrix_efficiency
    eight = clock * die.peak_flops_8bit * die.matrix_efficiency_8bit
    four = clock * die.peak_flops_4bit * die.matrix_efficiency_4bit
    rest = 1 - precision.share_8bit - precision.share_4bit
    return Engine(
        wide_rate=wide,
        narrow_rate=1 / (rest / wide + precision.share_8bit / eight + precision.share_4bit / four),
        attention_rate=dies * die.peak_flops * die.attention_efficiency,
        exponential_rate=dies * die.exponential_rate,
        memory_rate=package.memory_bandwidth * package.memory.efficiency * refreshed,
        processors=dies * die.processors,
        kernel_time=detail * die.kernel_time,
        detail=detail,
        array=_array(package),
        near_memory=_near_memory(package, refreshed),
    )


def add(*works: Work) -> Work:
    """The sum of several operators that run one after the other."""
    return Work(*(total(parts) for parts in zip(*works, strict=True)))


def scale(work: Work, factor: Scalar | float) -> Work:
    """`work` done `factor` times."""
    return Work(*(part * factor for part in work))


def kernel_time(compute: Scalar, memory: Scalar, kernels: Scalar, device: Engine) -> Scalar:
    """Seconds of `kernels` kernels that compute for `compute` and stream for `memory` seconds together."""
    soft = jnp.sqrt(compute * compute + memory * memory + TINY * TINY) - TINY
    return device.detail * soft + (1 - device.detail) * jnp.maximum(compute, memory) + kernels * device.kernel_time


def stream(traffic: Scalar, device: Engine, kernels: Scalar | float = 1.0) -> Work:
    """Elementwise operators bound by memory: `traffic` bytes read and written by `kernels` kernels."""
    present = jnp.minimum(traffic, 1.0)
    nothing = jnp.zeros_like(traffic)
    return Work(traffic / device.memory_rate + kernels * present * device.kernel_time, nothing, nothing, traffic)
