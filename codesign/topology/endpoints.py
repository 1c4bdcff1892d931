"""Who stands at the edge of a network, and how do groups of them lie on it?

A network joins nodes: single devices, or pods of devices that have a network of their own
below. Groups are placed on consecutive devices, `stride` apart.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.hardware.link import Port


class Tier(NamedTuple):
    """One network as one device of a group sees it: bytes/s per direction, seconds to start a message or a ring step."""

    bandwidth: Scalar
    latency: Scalar


class Group(NamedTuple):
    """`size` ranks, `inside` of them in each pod (1 <= inside <= size), neighbours `stride` devices apart."""

    size: Scalar
    inside: Scalar
    stride: Scalar

    @property
    def domains(self) -> Scalar:
        """Pods over which the group is spread."""
        return self.size / self.inside

    def within(self, devices: Scalar) -> Scalar:
        """Ranks that lie within a block of `devices` consecutive devices; at least those of one pod."""
        return jnp.clip(devices / self.stride, self.inside, self.size)

    def leaving(self, devices: Scalar) -> Scalar:
        """Share of the bytes that leave a pod in an all-to-all which also leave a block of `devices` devices.

        (n - m) / (n - p) with m ranks in the block and p in the pod; 0 for a group of one pod.
        """
        outside = self.size - self.inside
        share = (self.size - self.within(devices)) / jnp.maximum(outside, 1e-6)
        return jnp.where(outside > 1e-6, jnp.minimum(share, 1.0), 0.0)  # no more than 1: for bounds that do not see that p <= m


class Site(NamedTuple):
    """How far apart devices stand: metres of rack row per device, pitch of racks and of rows."""

    length_per_device: Scalar
    rack_pitch: Scalar
    row_pitch: Scalar

    def row_span(self, devices: Scalar) -> Scalar:
        """Longest link among racks in one row [m]: at least one rack."""
        return jnp.maximum(devices * self.length_per_device, self.rack_pitch)

    def hall_span(self, devices: Scalar) -> Scalar:
        """Longest link in a square hall [m]: along two sides; no shorter than one rack."""
        side = jnp.sqrt(devices * self.length_per_device * self.row_pitch)
        return jnp.maximum(2 * side, self.rack_pitch)


class Endpoints(NamedTuple):
    """`devices` with one `port` each into the network, in pods of `pod` whose own network is `inner`.

    Dies of one package stand in `rows`, a `gap` apart [m].
    """

    devices: Scalar
    pod: Scalar
    port: Port
    inner: Tier
    site: Site
    rows: Scalar | float = 1.0
    gap: Scalar | float = 0.0

    @property
    def rate(self) -> Scalar:
        """Bytes/s per device and direction that large messages sustain."""
        return self.port.bandwidth * self.port.efficiency

    @property
    def nodes(self) -> Scalar:
        """Pods that the network joins."""
        return self.devices / self.pod

    @property
    def total(self) -> Scalar:
        """Installed bandwidth of all devices, one direction [B/s]."""
        return self.devices * self.port.bandwidth


def slowed(rate: Scalar, load: Scalar) -> Scalar:
    """`rate` over `load`, the bytes that the busiest link carries per byte sent; never more than `rate`."""
    return rate / jnp.maximum(load, 1.0)
