"""How long is one step of serving? The one place where a serving step is summed.

A step decodes for all sequences of a device, reads prompts, or both. Operators follow one another, or (fusion) share the device:

    apart   t = sum_o time(c_o, m_o) + n_visible          fused   t = max(sum c, sum m, sum n) / eta + kernel starts

With two half batches the exchanges of one hide behind the other's operators, and the weights are read twice.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.mapping.deployment import Deployment, Pool, ServingSchedule
from codesign.performance.communication import Network
from codesign.performance.near_memory import placed
from codesign.performance.operator_fusion import Operation, fused_time
from codesign.performance.roofline import Engine
from codesign.performance.saving import apart
from codesign.performance.serving_batch import Batch, batch_of
from codesign.performance.serving_network import step_exchanges
from codesign.performance.serving_operators import step_tasks
from codesign.performance.task import Task, join, task_time, times
from codesign.workload.serving import ServingLoad
from codesign.workload.transformer import Transformer

KEYS = "decode attention"
"""The operator whose streaming is that of keys and values; all others stream weights, and activations with them."""


class ServingStep(NamedTuple):
    """The step, seconds by cause, which add up to it; the same by what binds; the work of the mean device."""

    time: Scalar
    breakdown: dict[str, Scalar]
    bounds: dict[str, Scalar]
    work: Task
    batch: Batch


def _fused_time(tasks: dict[str, Task], exchanges: Scalar, schedule: ServingSchedule, device: Engine) -> Scalar:
    all_of_it = join(*tasks.values())
    longest = fused_time([Operation(all_of_it.compute, all_of_it.memory, exchanges)], schedule.fusion_efficiency)
    return longest + all_of_it.kernels * device.kernel_time


def _with_fusion(
    tasks: dict[str, Task], on_dies: dict[str, Task], exchanges: Scalar, sequential: Scalar, schedule: ServingSchedule, device: Engine
) -> Scalar:
    """Seconds with fusion where it is faster than the `sequential` time.

    What is fastest one by one need not be so fused: all `on_dies` is the other way.
    """
    fused = _fused_time(tasks, exchanges, schedule, device)
    if on_dies is not tasks:
        fused = jnp.minimum(fused, _fused_time(on_dies, exchanges, schedule, device))
    return (1 - schedule.fusion) * sequential + schedule.fusion * jnp.minimum(fused, sequential)


def bounds(tasks: dict[str, Task], device: Engine, visible: Scalar, host: Scalar) -> dict[str, Scalar]:
    """Seconds of a step that weights (with activations), keys and values, computing, exchanges, and starts of kernels and steps set.

    The time of an operator goes to computing and streaming by the squares of their times, as its soft maximum has it.
    """
    zero = jnp.zeros_like(visible)
    found = {"weights": zero, "keys and values": zero, "compute": zero}
    for name, task in tasks.items():
        starts = task.kernels * device.kernel_time
        time = task_time(task, device) - starts
        squares = task.compute * task.compute + task.memory * task.memory
        streaming = task.memory * task.memory / jnp.where(squares > 0, squares, 1.0)
        found["keys and values" if name == KEYS else "weights"] += streaming * time
        found["compute"] += (1 - streaming) * jnp.where(squares > 0, time, 0.0)
        host = host + starts
    return found | {"network": visible, "starts": host}


def _mean_work(tasks: dict[str, Task], batch: Batch) -> Task:
    """The work of the mean device, whose experts, contexts and prompts are not those of the busiest."""
    shares = dict.fromkeys(tasks, batch.mean_tokens / jnp.maximum(batch.tokens, 1e-30))
    shares |= {"experts": 1 / batch.busiest, KEYS: 1 / batch.uneven}
    return join(*(times(task, shares[name]) for name, task in tasks.items()))


@apart
def serving_step(
    model: Transformer,
    load: ServingLoad,
    deployment: Deployment,
    pool: Pool,
    sequences: Scalar,
    prompts: Scalar,
    device: Engine,
    net: Network,
) -> ServingStep:
    """One step of a unit in which every device has `sequences` that decode and `prompts` to read."""
    halves = 1 + pool.two_batches
    batch = batch_of(model, load, deployment, pool, sequences / halves, prompts / halves)
    on_dies = {name: times(task, halves) for name, task in step_tasks(model, load, pool, batch, device).items()}
    tasks = placed(on_dies, device)
    exchanges = {name: halves * t for name, t in step_exchanges(model, load, deployment.schedule, pool, batch, net).items()}
    computing, exchanging = {name: task_time(task, device) for name, task in tasks.items()}, total(exchanges.values())
    busy = total(computing.values())
    shown = 1 - pool.two_batches
    visible = jnp.maximum(shown * exchanging, exchanging - pool.two_batches * busy)
    sequential = jnp.maximum(busy + shown * exchanging, shown * busy + exchanging)  # busy + visible, as a maximum: seen to fall with rates
    seen = visible / jnp.maximum(exchanging, 1e-30)
    host = deployment.schedule.host_time + 0.0 * busy
    fused = _with_fusion(tasks, on_dies, exchanging, sequential, deployment.schedule, device)
    share = fused / sequential
    breakdown = {name: share * t for name, t in computing.items()} | {name: share * seen * t for name, t in exchanges.items()}
    limits = {name: share * t for name, t in bounds(tasks, device, visible, 0.0 * busy).items()}
    limits["starts"] = limits["starts"] + host
    return ServingStep(fused + host, breakdown | {"host": host}, limits, _mean_work(tasks, batch), batch)
