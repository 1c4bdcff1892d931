"""What does a folded Clos (fat-tree) of packet switches offer and need?

Per device and T tiers: 2T - 1 switch ports, 2T link ends, T cables; an oversubscription r
at the first tier leaves 1 / r of everything above it (arXiv 2501.03905 Table 4, counts of
facts F6). Any two devices reach each other at full rate; with r > 1 bytes that leave the
first switch share its up-links. Every message is charged all 2T - 1 hops. Collisions of
hashed routes are ignored; they are part of the port's efficiency.
"""

import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.hardware.interface import Interface
from codesign.hardware.link import Link
from codesign.hardware.switch import Switch
from codesign.topology.base import Limits, Topology, limits
from codesign.topology.bill import Bill, cables, interfaces, link_ends, switch_ports
from codesign.topology.endpoints import Endpoints, Group, Tier, slowed


def clos_bill(ends: Endpoints, share: Scalar, above: Scalar, switch: Switch, trunk: Link) -> Bill:
    """Links and ports of a Clos for `share` of the bandwidth, with `above` link layers' worth above the first switch."""
    total, host = ends.total * share, ends.port.link
    return Bill(
        switch_ports=switch_ports(switch, total * (1 + 2 * above)),
        host_ends=link_ends(host, 2 * total),
        host_cables=cables(host, total),
        trunk_ends=link_ends(trunk, 2 * total * above),
        trunk_cables=cables(trunk, total * above),
    )


def clos_and_cards_bill(ends: Endpoints, above: Scalar, switch: Switch, trunk: Link, interface: Interface) -> Bill:
    """A Clos for all of the bandwidth, and the interface cards of the devices."""
    tree = clos_bill(ends, 1.0 + 0.0 * above, above, switch, trunk)
    return tree._replace(interfaces=interfaces(interface, ends.total))


def clos_capacity(switch: Switch, tiers: Scalar) -> Scalar:
    """Ports that a non-blocking Clos offers: 2 (radix / 2) ** tiers."""
    return 2 * (switch.radix / 2) ** tiers


class FatTree(Topology):
    """Folded Clos, possibly oversubscribed at the first tier."""

    switch: Switch
    trunk: Link
    interface: Interface
    tiers: Scalar = quantity("1", "switch tiers", low=1, high=4, whole=True)
    oversubscription: Scalar = quantity("1", "down-link over up-link bandwidth at the first tier", low=1, high=16)

    @property
    def leaf(self) -> Scalar:
        """Devices below one first-tier switch: radix r / (1 + r)."""
        return self.switch.radix * self.oversubscription / (1 + self.oversubscription)

    @property
    def latency(self) -> Scalar:
        """Start-up over the longest path [s]."""
        return (2 * self.tiers - 1) * self.switch.latency

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """max(1, r x share that leaves the first switch) times slower than the device's rate."""
        return Tier(slowed(ends.rate, self.oversubscription * group.leaving(self.leaf)), self.latency)

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """Of the m / p pods of a group below one switch, one sends up: max(1, r p / m) times slower."""
        below = group.within(self.leaf)
        crossing = jnp.where(below < group.size * (1 - 1e-6), group.inside / below, 0.0)
        return Tier(slowed(ends.rate, self.oversubscription * crossing), self.latency)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """As a ring."""
        return self.ring(group, ends)

    def bisection(self, ends: Endpoints) -> Scalar:
        """The device's rate over the oversubscription."""
        return ends.rate / jnp.where(ends.devices > self.leaf, self.oversubscription, 1.0)

    def bill(self, ends: Endpoints) -> Bill:
        """Switch ports 1 + 2 (T - 1) / r, link ends 2 + 2 (T - 1) / r, cables 1 + (T - 1) / r, cards 1 per device's bandwidth."""
        above = (self.tiers - 1) / self.oversubscription
        return clos_and_cards_bill(ends, above, self.switch, self.trunk, self.interface)

    def limits(self, ends: Endpoints) -> Limits:
        """2 (k/2)^T devices, more when oversubscribed; hosts in the row of their switch, trunks across the hall."""
        capacity = clos_capacity(self.switch, self.tiers) * 2 * self.oversubscription / (1 + self.oversubscription)
        trunk = ends.site.hall_span(ends.devices), self.trunk.reach
        return limits(capacity, ends.site.row_span(self.leaf), trunk)
