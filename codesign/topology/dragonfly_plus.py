"""What does a dragonfly+ (groups of two-tier trees, joined spine to spine) offer and need?

Leaf switches have p hosts and p up-links, spine switches p down-links and p global links; p
leaves and p spines make a non-blocking group of p^2 devices, every two groups are joined
(Shpiner et al., HiPINEB 2017). All links run at the port rate. As in the dragonfly, traffic
between few groups goes by a third one where that is faster.
"""

import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.hardware.interface import Interface
from codesign.hardware.link import Link
from codesign.hardware.switch import Switch
from codesign.topology.base import Limits, Topology, limits
from codesign.topology.bill import Bill, cables, interfaces, link_ends, switch_ports
from codesign.topology.endpoints import Endpoints, Group, Tier, slowed


class DragonflyPlus(Topology):
    """Groups of `hosts` leaves and as many spines."""

    switch: Switch
    trunk: Link
    interface: Interface
    hosts: Scalar = quantity("1", "devices per leaf switch (p)", low=1, high=512, whole=True)

    @property
    def group_devices(self) -> Scalar:
        """Devices of one group: p^2."""
        return self.hosts**2

    def groups(self, devices: Scalar) -> Scalar:
        """Groups that hold so many consecutive devices; at least two."""
        return jnp.maximum(devices / self.group_devices, 2.0)

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """One global link per device: leaving x min((g - 1) / (used - 1), 2), at least the host link."""
        apart, built = group.leaving(self.group_devices), self.groups(ends.devices)
        used = jnp.minimum(self.groups(group.size * group.stride), built)
        load = apart * jnp.minimum((built - 1) / (used - 1), 2.0)
        return Tier(slowed(ends.rate, load), (3 + apart) * self.switch.latency)

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """One pod's ranks of those in a group of switches send to the next: by third groups, 2 links each."""
        leaves = jnp.where(group.within(self.group_devices) < group.size * (1 - 1e-6), group.inside / group.within(self.group_devices), 0.0)
        load = leaves * jnp.minimum(self.groups(ends.devices) - 1, 2.0)
        return Tier(slowed(ends.rate, load), (3 + leaves) * self.switch.latency)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """As a ring."""
        return self.ring(group, ends)

    def bisection(self, ends: Endpoints) -> Scalar:
        """One global link per device, half of the other groups behind the cut: b/2 g / (g - 1)."""
        built = self.groups(ends.devices)
        return jnp.minimum(ends.rate / 2 * built / (built - 1), ends.rate)

    def bill(self, ends: Endpoints) -> Bill:
        """4 switch ports; 2 host, 2 local and 1 global end; half as many cables. Local links are trunks."""
        return Bill(
            switch_ports=switch_ports(self.switch, 4 * ends.total),
            host_ends=link_ends(ends.port.link, 2 * ends.total),
            host_cables=cables(ends.port.link, ends.total),
            trunk_ends=link_ends(self.trunk, 3 * ends.total),
            trunk_cables=cables(self.trunk, 1.5 * ends.total),
            interfaces=interfaces(self.interface, ends.total),
        )

    def limits(self, ends: Endpoints) -> Limits:
        """p^2 (p^2 + 1) devices, 2p ports of a switch; leaf and hosts in one row."""
        trunk = ends.site.hall_span(ends.devices), self.trunk.reach
        capacity = self.group_devices * (self.group_devices + 1)
        return limits(capacity, ends.site.row_span(self.hosts), trunk, radix=(2 * self.hosts, self.switch.radix))
