"""What does a failed part cost until it is repaired?

A cluster with one part missing is a cluster with other numbers, evaluated like any other; the
synchronous step waits for the group that is worst off, so that its slowdown is everybody's.
Spare paths (arXiv 2501.03905 section 5.4): a lost interface leaves the others of its pod; a lost
device is replaced by one in another pod, which its tensor-parallel group reaches over all
ports of the pod; a lost pod by one outside the region, which no circuit reaches.

    goodput = 1 / prod_i (1 + f_i (s_i - 1)) / (1 + sum_i r_i restart),  f_i = parts / mtbf x repair

with the slowdown s_i of a step, and the rate r_i = parts / mtbf of interruptions.
"""

from collections.abc import Iterable
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from codesign import tree
from codesign.cluster import Cluster
from codesign.fields import Scalar, quantity
from codesign.topology.optical_circuits import OpticalCircuits


class Reliability(eqx.Module):
    """How often one part of a kind fails, and how long its absence and the restart take."""

    mean_time_between: Scalar = quantity("day", "mean time between failures of one part", low=0.1, high=1e7)
    repair_time: Scalar = quantity("day", "time until the part works again or is replaced", high=1e3)
    restart_time: Scalar = quantity("s", "from the failure until the job makes progress on the spare path, lost work included", high=1e6)


def without_interface(cluster: Cluster, ports: Scalar) -> Cluster:
    """One of the `ports` electrical interfaces of a pod is lost; circuits keep theirs."""
    left = (ports - 1) / ports
    changed = {"device.scale_out.bandwidth": cluster.device.scale_out.bandwidth * left}
    if isinstance(cluster.fabric, OpticalCircuits):
        changed["fabric.optical_share"] = jnp.minimum(cluster.fabric.optical_share / left, 0.99)
    return tree.put(cluster, changed)


def without_circuit_port(cluster: Cluster, ports: Scalar) -> Cluster:
    """One of the `ports` interfaces of a pod is lost, one on the circuit switch where there is one."""
    if not isinstance(cluster.fabric, OpticalCircuits):
        return without_interface(cluster, ports)
    share = jnp.maximum((cluster.fabric.optical_share * ports - 1) / (ports - 1), 0.01)
    bandwidth = cluster.device.scale_out.bandwidth * (ports - 1) / ports
    return tree.put(cluster, {"device.scale_out.bandwidth": bandwidth, "fabric.optical_share": share})


def with_spare_device(cluster: Cluster) -> Cluster:
    """A device is replaced by one of another pod: rings inside the pod run at the rate of all its ports, if that is less."""
    up, ends = cluster.device.scale_up, cluster.fabric_ends
    return tree.put(cluster, {"device.scale_up.bandwidth": jnp.minimum(up.bandwidth, cluster.pod.size * ends.rate / up.efficiency)})


def with_spare_pod(cluster: Cluster) -> Cluster:
    """A pod is replaced by one outside its region: what goes to or from it takes the electrical ports."""
    if not isinstance(cluster.fabric, OpticalCircuits):
        return cluster
    return tree.put(cluster, {"fabric.region": cluster.pod.size + 0.0 * cluster.fabric.region})


class Failure(NamedTuple):
    """A kind of failure: parts of the cluster that can fail so, how reliable each is, and the slowdown of a step meanwhile."""

    parts: Scalar
    reliability: Reliability
    slowdown: Scalar

    @property
    def missing(self) -> Scalar:
        """Mean number of parts under repair."""
        return self.parts / self.reliability.mean_time_between * self.reliability.repair_time

    @property
    def interrupted(self) -> Scalar:
        """Seconds of restart per second."""
        return self.parts / self.reliability.mean_time_between * self.reliability.restart_time


def pipeline_slowdown(stage: Scalar, micro_batches: Scalar, stages: Scalar) -> Scalar:
    """Slowdown of a step when one of its pipeline stages is `stage` times slower: (m s + p - 1) / (m + p - 1); never below 1."""
    return (micro_batches * jnp.maximum(stage, 1.0) + stages - 1) / (micro_batches + stages - 1)


def goodput(failures: Iterable[Failure]) -> Scalar:
    """Share of the steps that a cluster without failures would do; several failures at once slow each other down.

    A group that a failure makes faster waits for the others.
    """
    slow, stopped = jnp.ones(()), jnp.zeros(())
    for failure in failures:
        slow = slow * (1 + failure.missing * jnp.maximum(failure.slowdown - 1, 0.0))
        stopped = stopped + failure.interrupted
    return 1 / slow / (1 + stopped)
