"""What does a dragonfly of routers in fully connected groups offer and need?

p hosts, a - 1 local and h global links per router, a routers per group, every two groups
joined; all links run at the port rate (Kim et al., ISCA 2008). Uniform traffic takes the
shortest path; traffic that would crowd the few links between two groups goes by a third
one (Valiant), which doubles its global hops; the faster of both is charged.
"""

import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.hardware.interface import Interface
from codesign.hardware.link import Link
from codesign.hardware.switch import Switch
from codesign.topology.base import Limits, Topology, limits
from codesign.topology.bill import Bill, cables, interfaces, link_ends, switch_ports
from codesign.topology.endpoints import Endpoints, Group, Tier, slowed


class Dragonfly(Topology):
    """Routers of `hosts`, `globals` and local ports, `routers` to a group."""

    switch: Switch
    trunk: Link
    interface: Interface
    hosts: Scalar = quantity("1", "devices per router (p)", low=1, high=1024, whole=True)
    routers: Scalar = quantity("1", "routers per group (a)", low=1, high=1024, whole=True)
    globals: Scalar = quantity("1", "global links per router (h)", low=1, high=1024, whole=True)

    @property
    def group_devices(self) -> Scalar:
        """Devices of one dragonfly group."""
        return self.hosts * self.routers

    @property
    def radix(self) -> Scalar:
        """Ports of a router: p + a - 1 + h."""
        return self.hosts + self.routers - 1 + self.globals

    @property
    def capacity(self) -> Scalar:
        """Devices of the largest dragonfly: a p (a h + 1)."""
        return self.group_devices * (self.routers * self.globals + 1)

    def groups(self, devices: Scalar) -> Scalar:
        """Dragonfly groups that hold so many consecutive devices; at least two, among which traffic can leave one."""
        return jnp.maximum(devices / self.group_devices, 2.0)

    def global_load(self, leaving: Scalar, used: Scalar, built: Scalar) -> Scalar:
        """Bytes on the busiest global link per byte a device sends, `leaving` of them to the other `used` of `built` groups.

        Shortest: p/h x leaving x (built - 1) / (used - 1); by a third group: 2 p/h x leaving.
        """
        even = self.hosts / self.globals * leaving
        return even * jnp.minimum((built - 1) / (used - 1), 2.0)

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """The busiest of host, local p/a (out of the router + out of the group) and global links."""
        router, apart = group.leaving(self.hosts), group.leaving(self.group_devices)
        local = self.hosts / self.routers * (router + apart)
        used = jnp.minimum(self.groups(group.size * group.stride), self.groups(ends.devices))
        load = jnp.maximum(local, self.global_load(apart, used, self.groups(ends.devices)))
        return Tier(slowed(ends.rate, load), (1 + router + apart) * self.switch.latency)

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """One of the ranks in a dragonfly group sends to the next group: its routers' links to it, or by third groups."""
        crossing = group.inside / group.within(self.group_devices) * jnp.minimum(group.domains - 1, 1.0)
        leaves = jnp.where(group.within(self.group_devices) < group.size * (1 - 1e-6), crossing, 0.0)
        used = jnp.full_like(leaves, 2.0)
        load = self.global_load(leaves, used, self.groups(ends.devices))
        return Tier(slowed(ends.rate, load), (1 + 2 * leaves) * self.switch.latency)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """As a ring."""
        return self.ring(group, ends)

    def adversarial_load(self) -> tuple[Scalar, Scalar]:
        """Bytes on the busiest link when every group sends to the next one only: shortest a p, by a third group 2 p / h."""
        return self.group_devices, 2 * self.hosts / self.globals

    def bisection(self, ends: Endpoints) -> Scalar:
        """Global links of half the groups to the other half, h / (2p) g / (g - 1) per device, at most its own."""
        built = self.groups(ends.devices)
        return jnp.minimum(ends.rate * self.globals / (2 * self.hosts) * built / (built - 1), ends.rate)

    def bill(self, ends: Endpoints) -> Bill:
        """(p + a - 1 + h) / p ports; ends 2 host, (a - 1) / p local, h / p global; half as many cables.

        Local links are of the host links' kind.
        """
        local, far = (self.routers - 1) / self.hosts * ends.total, self.globals / self.hosts * ends.total
        return Bill(
            switch_ports=switch_ports(self.switch, ends.total + local + far),
            host_ends=link_ends(ends.port.link, 2 * ends.total + local),
            host_cables=cables(ends.port.link, ends.total + local / 2),
            trunk_ends=link_ends(self.trunk, far),
            trunk_cables=cables(self.trunk, far / 2),
            interfaces=interfaces(self.interface, ends.total),
        )

    def limits(self, ends: Endpoints) -> Limits:
        """a p (a h + 1) devices, p + a - 1 + h ports of a router; a group stands in one row."""
        trunk = ends.site.hall_span(ends.devices), self.trunk.reach
        return limits(self.capacity, ends.site.row_span(self.group_devices), trunk, radix=(self.radix, self.switch.radix))
