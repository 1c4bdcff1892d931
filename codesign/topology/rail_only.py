"""What do rails without a spine offer and need?

Each rail is a Clos of its own over the k-th devices of all pods; nothing joins rails but
the pods' own networks, so that bytes for another rail are forwarded inside a pod, before
or after they travel (arXiv 2307.12169 section 4).
"""

import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.hardware.interface import Interface
from codesign.hardware.link import Link
from codesign.hardware.switch import Switch
from codesign.topology.base import Limits, Topology, limits
from codesign.topology.bill import Bill
from codesign.topology.endpoints import Endpoints, Group, Tier
from codesign.topology.fat_tree import clos_and_cards_bill, clos_capacity


class RailOnly(Topology):
    """One Clos of `tiers` per rail."""

    switch: Switch
    trunk: Link
    interface: Interface
    tiers: Scalar = quantity("1", "switch tiers of one rail", low=1, high=4, whole=True)

    @property
    def latency(self) -> Scalar:
        """Start-up over the longest path of a rail [s]."""
        return (2 * self.tiers - 1) * self.switch.latency

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """1/b + (1 - 1/S)/B seconds per byte: the share for other rails is forwarded, then sent."""
        other = 1 - 1 / ends.pod
        return Tier(1 / (1 / ends.rate + other / ends.inner.bandwidth), self.latency + other * ends.inner.latency)

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """The device's rate within its rail."""
        return Tier(ends.rate, self.latency)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """The device's rate within its rail."""
        return Tier(ends.rate, self.latency)

    def bisection(self, ends: Endpoints) -> Scalar:
        """The device's rate: every rail is non-blocking."""
        return ends.rate

    def bill(self, ends: Endpoints) -> Bill:
        """2T - 1 ports, 2T ends, T cables per device with the tiers of one rail."""
        return clos_and_cards_bill(ends, self.tiers - 1, self.switch, self.trunk, self.interface)

    def limits(self, ends: Endpoints) -> Limits:
        """A rail holds 2 (k/2)^T pods; with one tier, k."""
        trunk = ends.site.hall_span(ends.devices), self.trunk.reach
        span = ends.site.row_span(jnp.minimum(self.switch.radix / 2 * ends.pod, ends.devices))
        return limits(ends.pod * clos_capacity(self.switch, self.tiers), span, trunk)
