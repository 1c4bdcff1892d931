"""What does a pod with a single layer of switches offer and need?

Every device has one port to every switch of its pod, so that any two devices are one hop
apart at full bandwidth; bandwidth / port rate switches serve a pod, and the pod is no
larger than their radix nor than the link's reach (arXiv 2510.15893 sections II and IV).
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.hardware.cluster import Cluster
from codesign.topology.tier import Bill, Tier


def tier(cluster: Cluster) -> Tier:
    """The pod as a network tier."""
    port = cluster.device.scale_up
    return Tier(port.bandwidth * port.efficiency, cluster.pod.switch.latency)


def switches_per_pod(cluster: Cluster) -> Scalar:
    """Switches of one pod: one per port of a device."""
    return cluster.device.scale_up.bandwidth / cluster.pod.switch.port_bandwidth


def span(cluster: Cluster) -> Scalar:
    """Longest link of a pod [m]: racks in a row, a rack pitch each (real-valued, at least one)."""
    return jnp.maximum(cluster.pod.size / cluster.pod.devices_per_rack, 1.0) * cluster.pod.rack_pitch


def bill(cluster: Cluster) -> Bill:
    """Both ends of every device link and the switch ports they use; no interface cards.

    Ports that a pod smaller than the radix leaves free are not charged: one switch then
    serves several rails.
    """
    total = cluster.devices * cluster.device.scale_up.bandwidth
    return Bill(total, 2 * total, total, jnp.zeros_like(total))
