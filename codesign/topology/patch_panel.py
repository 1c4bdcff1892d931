"""What does a static patch panel between pods offer and need (TopoOpt)?

Every port goes through a panel whose fibres are set once per job (arXiv 2202.00433); one panel
joins the k-th ports of all pods, so that a pod needs as many panels as it has ports.
A share of a pod's ports joins the pods of its own expert group; the rest forms permuted rings
over all pods of the job, a circulant in which rings of collectives find neighbours one hop
apart and other bytes are forwarded, so that a byte costs its mean hops times its bandwidth.
An all-to-all takes whichever of the two graphs is done sooner. With a share of nought this is
one topology for the whole job, as TopoOpt's baseline in arXiv 2501.03905 section 7.1.
"""

import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.hardware.interface import Interface
from codesign.hardware.link import Link
from codesign.hardware.switch import CircuitSwitch
from codesign.topology.base import Limits, Topology, limits
from codesign.topology.bill import Bill, cables, circuit_ports, interfaces, link_ends
from codesign.topology.endpoints import Endpoints, Group, Tier
from codesign.topology.hops import mean_hops


class PatchPanel(Topology):
    """Panels; `group_share` of the ports join expert groups, the rest all pods of the job."""

    trunk: Link
    interface: Interface
    panel: CircuitSwitch
    port_bandwidth: Scalar = quantity("Gb/s", "usable bandwidth per direction of one port", low=1, high=1e5)
    group_share: Scalar = quantity("1", "share of a pod's ports that joins its expert group only", low=0, high=0.99)
    hop_latency: Scalar = quantity("us", "start-up time of one hop, forwarding included", high=1e3)
    unevenness: Scalar = quantity("1", "all-to-all of the actual demand over that of even demand", low=0.1, high=64, default=1)

    def ports(self, ends: Endpoints) -> Scalar:
        """Ports of one pod."""
        return ends.pod * ends.port.bandwidth / self.port_bandwidth

    def hops(self, nodes: Scalar, share: Scalar, ends: Endpoints) -> Scalar:
        """Mean hops between `nodes` pods joined by a share of their ports."""
        return mean_hops(jnp.maximum(nodes, 2.0), jnp.maximum(share * self.ports(ends), 1.0))

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """max( x / h(group), (1 - x) / h(job) ) of the device's rate."""
        x = self.group_share
        own, job = self.hops(group.domains, x, ends), self.hops(ends.nodes, 1 - x, ends)
        share = jnp.maximum(x / own, (1 - x) / job)
        return Tier(share * ends.rate / self.unevenness, jnp.where(x / own > (1 - x) / job, own, job) * self.hop_latency)

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """The rings, which can be permuted freely: neighbours are one hop apart."""
        return Tier((1 - self.group_share) * ends.rate, self.hop_latency)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """As a ring."""
        return self.ring(group, ends)

    def bisection(self, ends: Endpoints) -> Scalar:
        """Half of the bytes of an even exchange cross a cut: 2 n / (n - 1) times less than they could send, over the hops."""
        nodes = jnp.maximum(ends.nodes, 2.0)
        share = (1 - self.group_share) / self.hops(nodes, 1 - self.group_share, ends)
        return ends.rate * share * nodes / (2 * (nodes - 1))

    def bill(self, ends: Endpoints) -> Bill:
        """A transceiver, a fibre and a panel port per device port."""
        return Bill(
            trunk_ends=link_ends(self.trunk, ends.total),
            trunk_cables=cables(self.trunk, ends.total),
            interfaces=interfaces(self.interface, ends.total),
            circuit_ports=circuit_ports(self.panel, ends.total / self.port_bandwidth),
        )

    def limits(self, ends: Endpoints) -> Limits:
        """One port of every pod on a panel."""
        trunk = ends.site.hall_span(ends.devices), self.trunk.reach
        capacity = self.panel.ports * ends.pod
        return limits(capacity, ends.site.row_span(0.0 * capacity), trunk, circuits=(ends.nodes, self.panel.ports))
