"""What do published systems with processing near memory deliver when they decode, as `evaluate` has it?

Devices of a machine are one tensor-parallel group. Operators are rooflines, prompts are read elsewhere.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from claim import ROOT

from codesign import tree
from codesign.cluster import Cluster
from codesign.config import load_system, load_workload_named
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.design import Design
from codesign.evaluate import evaluate
from codesign.fields import as_float
from codesign.mapping.deployment import Deployment, Pool
from codesign.metrics import Metrics
from codesign.workload.training import Workload

BATCHES = (8.0, 16.0, 32.0, 64.0, 128.0)
"""Sequences that a whole machine decodes."""
SKEW, CORRELATION = 0.5, 0.9
"""Popularity of experts and correlation of tokens, as the other loads have them."""
A6000_MEMORY = {"bandwidth": 768e9, "capacity": 48e9, "energy": 8 * 7.5e-12}
"""B/s and B of GDDR6 on the board of RTX A6000 (its data sheet), J/B (assumption)."""
UNLIMITED = 1e18
"""FLOP/s of one stack that never wait."""


class Machine(NamedTuple):
    """Devices of a cluster that hold one copy of a model."""

    cluster: Cluster
    devices: int

    @property
    def bandwidth(self) -> float:
        """B/s of weights: near the memory where something computes there."""
        package = self.cluster.device.package
        memory = package.memory
        near = memory.near_memory_bandwidth if float(memory.near_memory_flops) else memory.bandwidth
        return float(self.devices * package.stacks * near)


def put(cluster: Cluster, values: dict[str, Any]) -> Cluster:
    """The cluster with nodes of its package replaced."""
    found = {f"device.package.{name}": as_float(value) if isinstance(value, float) else value for name, value in values.items()}
    return tree.put(cluster, found)


def machine(name: str, devices: int) -> Machine:
    """Devices of a shipped cluster."""
    return Machine(load_system(ROOT / "configs" / "systems" / f"{name}.toml").module, devices)


def unlimited(of: Machine) -> Machine:
    """The machine whose processing near memory, if any, never waits for computing."""
    flops = of.cluster.device.package.memory.near_memory_flops
    return of._replace(cluster=put(of.cluster, {"memory.near_memory_flops": jnp.where(flops > 0, UNLIMITED, 0.0)}))


def small_machines() -> tuple[Machine, Machine]:
    """RTX A6000, and its die with one chip of Stratum; links and package are those of H100, and unused but by bills."""
    die = load_catalogue(SHIPPED).rows["dies"]["ga102"].module
    h100, large = machine("dgx_h100", 1).cluster, machine("stratum_large", 1).cluster
    board = {"die": die, "stacks": 1.0} | {f"memory.{name}": value for name, value in A6000_MEMORY.items()}
    return Machine(put(h100, board), 1), Machine(put(large, {"die": die, "stacks": 1.0}), 1)


def serve(model: str, of: Machine, schedule: str = "roofline", popular: bool = False) -> Metrics:
    """`model` on `of` for every batch; `popular`: some experts are chosen more often than others."""
    rows = load_catalogue(SHIPPED).rows
    load = rows["serving_loads"]["even"].module
    load = tree.put(load, {"skew": as_float(SKEW), "correlation": as_float(CORRELATION)}) if popular else load
    workload: Workload = tree.put(load_workload_named(model).module, {"serving": load})
    one, group = as_float(1), as_float(of.devices)
    pool = Pool(ep=one, etp=group, tp=group, batch=jnp.asarray(BATCHES) / of.devices)
    deployment = Deployment(rows["serving_schedules"][schedule].module, pool, pool, disaggregated=one)
    return evaluate(Design(tree.put(of.cluster, {"devices": group}), None, deployment), workload)


def throughput(model: str, of: Machine, schedule: str = "roofline", popular: bool = False) -> Any:
    """Tokens per second of the whole machine while it decodes, for every batch."""
    return of.devices * serve(model, of, schedule, popular).decode_tokens_per_second
