"""What does a rail-optimised Clos offer and need?

The k-th device of every pod hangs on the switches of rail k, so that a message stays one
hop from its rail's peers; bytes for another rail change rails inside the pod first, while
others are on the way (arXiv 2501.03905 section 7.2 charges it as a fat-tree). Pods below one
rail switch are one hop apart; farther ones cross the tiers as in a fat-tree.
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


class RailOptimised(Topology):
    """A non-blocking Clos whose first switches join devices of equal place in their pods."""

    switch: Switch
    trunk: Link
    interface: Interface
    tiers: Scalar = quantity("1", "switch tiers", low=1, high=4, whole=True)

    def hops(self, group: Group, ends: Endpoints) -> Scalar:
        """1 among the radix / 2 pods of a rail switch, then linearly up to 2T - 1 with the share of bytes that go farther."""
        far = group.leaving(self.switch.radix / 2 * ends.pod)
        return 1 + far * (2 * self.tiers - 2)

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """The device's rate, or the pod's where changing rails takes longer: max(1/b, (1 - 1/S)/B)."""
        changing = (1 - 1 / ends.pod) / ends.inner.bandwidth
        latency = self.hops(group, ends) * self.switch.latency + (1 - 1 / ends.pod) * ends.inner.latency
        return Tier(1 / jnp.maximum(1 / ends.rate, changing), latency)

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """The device's rate within its rail."""
        return Tier(ends.rate, self.hops(group, ends) * self.switch.latency)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """The device's rate within its rail."""
        return self.ring(group, ends)

    def bisection(self, ends: Endpoints) -> Scalar:
        """The device's rate."""
        return ends.rate

    def bill(self, ends: Endpoints) -> Bill:
        """As a non-blocking fat-tree."""
        return clos_and_cards_bill(ends, self.tiers - 1, self.switch, self.trunk, self.interface)

    def limits(self, ends: Endpoints) -> Limits:
        """2 (k/2)^T devices; rail switches stand at the end of a row of radix / 2 pods."""
        trunk = ends.site.hall_span(ends.devices), self.trunk.reach
        span = ends.site.row_span(jnp.minimum(self.switch.radix / 2 * ends.pod, ends.devices))
        return limits(clos_capacity(self.switch, self.tiers), span, trunk)
