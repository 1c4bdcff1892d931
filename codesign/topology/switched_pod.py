"""What does a pod with a single layer of switches offer and need?

Every device has one port to every switch of its pod, so that any two devices are one hop
apart at full bandwidth; bandwidth / port rate switches serve a pod, and the pod is no
larger than their radix nor than the link's reach (arXiv 2510.15893 sections II and IV).
Ports that a pod smaller than the radix leaves free are not charged: one switch then serves
several rails. Copper (NVLink) or optical is a matter of the port's link.
"""

from codesign.fields import Scalar
from codesign.hardware.switch import Switch
from codesign.topology.base import Limits, Topology, limits
from codesign.topology.bill import Bill, cables, link_ends, switch_ports
from codesign.topology.endpoints import Endpoints, Group, Tier


class SwitchedPod(Topology):
    """One layer of switches."""

    switch: Switch

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """The device's rate, one hop."""
        return Tier(ends.rate, self.switch.latency)

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """The device's rate, one hop."""
        return Tier(ends.rate, self.switch.latency)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """The device's rate, one hop."""
        return Tier(ends.rate, self.switch.latency)

    def bisection(self, ends: Endpoints) -> Scalar:
        """The device's rate."""
        return ends.rate

    def bill(self, ends: Endpoints) -> Bill:
        """Both ends of every device link and the switch ports they use; no interface cards."""
        link = ends.port.link
        return Bill(
            switch_ports=switch_ports(self.switch, ends.total),
            host_ends=link_ends(link, 2 * ends.total),
            host_cables=cables(link, ends.total),
        )

    def limits(self, ends: Endpoints) -> Limits:
        """As many devices as a switch has ports; links along a row of racks."""
        return limits(self.switch.radix * ends.pod, ends.site.row_span(ends.devices))

    def switches(self, ends: Endpoints) -> Scalar:
        """Switches of one pod: one per port of a device."""
        return ends.port.bandwidth / self.switch.port_bandwidth
