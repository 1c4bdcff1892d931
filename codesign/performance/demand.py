"""What does a traffic matrix become on a cluster: how uneven are experts, pods and circuits?

The matrix says what each rank sends to each rank's experts. Summed to the expert ranks of a
mapping and to pods it gives the numbers that the closed formulas take: the busiest rank and
the busiest pod over the mean, and what an all-to-all over circuits or over
static fibres takes, over the formula for even demand. Computed beside the model, once per
mapping and fabric, because allocation iterates.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign.cluster import Cluster
from codesign.mapping.parallelism import Mapping
from codesign.mapping.placement import placement
from codesign.topology.circuits.completion import pair_atomic_time, split_time, switched_time
from codesign.topology.circuits.exact import exact_circuits
from codesign.topology.circuits.greedy import greedy_circuits
from codesign.topology.endpoints import Endpoints, Group
from codesign.topology.optical_circuits import OpticalCircuits
from codesign.topology.patch_panel import PatchPanel

STALE_DRAWS = 20
EXACT_PODS = 8
"""Regions of so many pods get the proven best circuits, which takes milliseconds; larger ones greedy circuits."""


class Demand(NamedTuple):
    """A matrix (n, n) of what ranks send, row = source; `experts_follow` 1 if computing is as uneven as the traffic."""

    matrix: np.ndarray
    experts_follow: bool = True

    def on(self, ranks: int) -> np.ndarray:
        """The matrix between `ranks` ranks, which divide its own."""
        return blocks(self.matrix, len(self.matrix) // ranks)


def blocks(matrix: np.ndarray, size: int) -> np.ndarray:
    """Sums over blocks of `size` consecutive ranks; the matrix itself where they do not fill it."""
    if len(matrix) % size:
        return matrix
    number = len(matrix) // size
    return matrix.reshape(number, size, number, size).sum((1, 3))


def hot_load(traffic: np.ndarray) -> float:
    """Busiest row or column over the mean row, without the diagonal; 1 without traffic."""
    crossing = traffic * (1 - np.eye(len(traffic)))
    mean = crossing.sum(1).mean()
    return float(max(crossing.sum(0).max(), crossing.sum(1).max()) / mean) if mean > 0 else 1.0


def demand_numbers(demand: Demand, cluster: Cluster, mapping: Mapping) -> dict[str, float]:
    """Numbers by path ("workload...", "cluster...") for one mapping on one cluster."""
    group = placement(mapping, cluster.pod.size).expert
    ranks = demand.on(round(float(group.size)))
    pods = blocks(ranks, max(1, round(float(group.inside))))
    columns = ranks.sum(0)
    experts = float(columns.max() / columns.mean()) if demand.experts_follow else 1.0
    exchange = hot_load(pods if len(pods) > 1 else ranks)
    numbers = {"workload.training.expert_imbalance": experts, "workload.training.exchange_imbalance": exchange / experts}
    fabric, ends = cluster.fabric, cluster.fabric_ends
    if len(pods) > 1 and isinstance(fabric, OpticalCircuits):
        numbers |= circuit_numbers(pods, fabric, ends, group)
    if len(pods) > 1 and isinstance(fabric, PatchPanel):
        hops = float(ends.rate / fabric.all_to_all(group, ends).bandwidth / fabric.unevenness)
        numbers["cluster.fabric.unevenness"] = (exchange + hops - 1) / (exchange * hops)
    return numbers


def circuit_numbers(pods: np.ndarray, fabric: OpticalCircuits, ends: Endpoints, group: Group) -> dict[str, float]:
    """Time over circuits for the demand, and over those left from the same demand on permuted pods, over the formula's."""
    ports = round(float(fabric.ports(ends)))
    optical = int(float(fabric.optical_share) * ports + 1e-6)
    together = max(1, round(float(group.within(fabric.region) / group.inside)))
    fresh, stale = circuit_ratios(pods.tobytes(), len(pods), ports, optical, together, float(fabric.split))
    even = float(fabric.load(group, ends) / fabric.unevenness)
    return {"cluster.fabric.unevenness": fresh / even, "cluster.fabric.stale_unevenness": stale / even}


@functools.lru_cache(maxsize=4096)
def circuit_ratios(raw: bytes, size: int, ports: int, optical: int, together: int, split: float) -> tuple[float, float]:
    """All-to-all over circuits in units of a fabric that does not block: circuits for this demand, and for permuted ones.

    `raw` float64 bytes of the pods' matrix; circuits join pods within regions of `together` consecutive ones.
    """
    demand = np.frombuffer(raw).reshape(size, size)
    region = np.arange(size) // together
    allowed = region[:, None] == region
    generator = np.random.default_rng(0)
    orders = [np.arange(size)] + [_within_regions(region, generator) for _ in range(STALE_DRAWS)]
    wanted = np.stack([demand[np.ix_(order, order)] for order in orders]) * allowed
    times = _times(jnp.asarray(wanted), jnp.asarray(demand), float(optical), float(ports - optical), split)
    fresh, stale = float(times[0]), float(times[1:].mean())
    if size <= EXACT_PODS and together >= size:
        best = exact_circuits(demand, np.full(size, optical), 1.0, float(ports - optical))
        if best.optimal and split == 0:
            fresh = float(best.time)
    unit = float(switched_time(jnp.asarray(demand), jnp.asarray(float(ports))))
    return fresh / unit, max(fresh, stale) / unit


def _within_regions(region: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return np.concatenate([generator.permutation(np.flatnonzero(region == r)) for r in np.unique(region)])


@jax.jit
def _times(wanted: jax.Array, demand: jax.Array, optical: jax.Array, electrical: jax.Array, split: jax.Array) -> jax.Array:
    """Completion of `demand` over the circuits that each of the `wanted` demands would get."""

    def time(asked: jax.Array) -> jax.Array:
        circuits, one = greedy_circuits(asked, optical), jnp.ones(())
        whole = pair_atomic_time(demand, circuits, one, electrical)
        return split * split_time(demand, circuits, one, electrical) + (1 - split) * whole

    return jax.vmap(time)(wanted)
