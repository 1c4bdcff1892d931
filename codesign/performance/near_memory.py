"""Which operators of a serving step run near the memory instead of on the dies?

Those that stream weights or keys and values, each in the place where it is faster, as Duplex chooses between its two
processors (arXiv 2409.01141):

    near = max(FLOPs / near rate, bytes / near bandwidth)

Near the memory 8-bit FLOPs take as long as 16-bit ones, and two of 4 bits as long as one. All stacks hold equal shares. Ignored:
both processors at work at once, popular and rare experts in different places, exchanges between stacks, activations' way there.
"""

import jax.numpy as jnp

from codesign.performance.roofline import Engine, NearMemory
from codesign.performance.task import Task, task_time

STREAMING = ("attention projections", "decode attention", "dense network", "experts", "shared experts and router", "head")
"""Operators whose data are weights, or keys and values."""


def near_task(task: Task, near: NearMemory) -> Task:
    """`task` near the memory: its FLOPs and bytes at the rates there; as on the dies where there is no processing near the memory."""
    there = near.compute_rate > 0
    compute = (task.flops + task.flops_8bit) / jnp.where(there, near.compute_rate, 1.0)
    return task._replace(
        compute=jnp.where(there, compute, task.compute),
        memory=jnp.where(there, task.memory_bytes / near.memory_rate, task.memory),
        near_bytes=jnp.where(there, task.memory_bytes, 0.0),
    )


def faster(task: Task, device: Engine, near: NearMemory) -> Task:
    """`task` on the dies, or near the memory where that is faster."""
    other = near_task(task, near)
    gains = task_time(other, device) < task_time(task, device)
    return Task(*(jnp.where(gains, there, here) for there, here in zip(other, task, strict=True)))


def placed(tasks: dict[str, Task], device: Engine) -> dict[str, Task]:
    """`tasks` of a step, each where it is faster."""
    near = device.near_memory
    if near is None:
        return tasks
    return {name: faster(task, device, near) if name in STREAMING else task for name, task in tasks.items()}
