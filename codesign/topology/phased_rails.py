"""What do rails over optical circuits offer when their ports are pointed anew from phase to phase of a layer?

Every port of a pod goes to a circuit switch that one port of each other pod also goes to, so that
circuits can join any pods. Rings (context, tensor, data) and all-to-alls (experts) need other circuits:
either each owns a share of the ports for good, or both own all ports in turn (link reuse, ChipLight,
arXiv 2604.18909), which costs changes of circuits in every layer:

    split   rings x b, all-to-alls (1 - x) b / h      reuse   b and b / h, and n t per layer and micro-batch

The ports are the optics of the packages themselves, without interface cards. h is the mean hops over the
circulant that the ports of a phase form among the pods of a group, 1 where there is a port for every peer.
Changes are needed only where both kinds of group span pods, and nothing hides them. Chains (pipeline) have the
share of the rings, and with reuse four changes per micro-batch; gradients at the end of a step need two more,
which are ignored.
"""

import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.hardware.switch import CircuitSwitch
from codesign.topology.base import Limits, Switching, Topology, limits
from codesign.topology.bill import Bill, cables, circuit_ports, link_ends
from codesign.topology.endpoints import Endpoints, Group, Tier
from codesign.topology.hops import mean_hops


class PhasedRails(Topology):
    """Rails over circuit switches; `reuse` 1 gives all ports to each phase in turn, 0 splits them."""

    circuit: CircuitSwitch
    port_bandwidth: Scalar = quantity("Gb/s", "usable bandwidth per direction of one port", low=1, high=1e5)
    ring_share: Scalar = quantity("1", "share of the ports that rings own where ports are split", low=0.02, high=0.98)
    reuse: Scalar = quantity("1", "1 if the phases of a layer take turns on all ports, else 0", low=0, high=1)
    changes: Scalar = quantity("1", "changes of circuits per layer and micro-batch with reuse", high=64)
    hop_latency: Scalar = quantity("us", "start-up time of one hop, forwarding included", high=1e3)

    def share(self, owned: Scalar) -> Scalar:
        """Share of the ports that a phase has: its own, or all with reuse."""
        return self.reuse + (1 - self.reuse) * owned

    def exchange_ports(self, ends: Endpoints) -> Scalar:
        """Ports of a pod that all-to-alls have; at least one."""
        return jnp.maximum(self.share(1 - self.ring_share) * ends.pod * ends.port.bandwidth / self.port_bandwidth, 1.0)

    def hops(self, group: Group, ends: Endpoints) -> Scalar:
        """Mean hops of an all-to-all; the fit of `mean_hops` fades to 1 as the last quarter of the peers get a port each."""
        peers = jnp.maximum(group.domains - 1, 1.0)
        served = jnp.minimum(self.exchange_ports(ends), peers)
        met = mean_hops(jnp.maximum(group.domains, 2.0), served)
        return 1 + (met - 1) * jnp.clip(4 * (1 - served / peers), 0.0, 1.0)

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """The share of the exchange over its mean hops."""
        hops = self.hops(group, ends)
        return Tier(self.share(1 - self.ring_share) * ends.rate / hops, hops * self.hop_latency)

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """The share of rings, neighbours joined directly."""
        return Tier(self.share(self.ring_share) * ends.rate, self.hop_latency)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """The share of rings."""
        return self.ring(group, ends)

    def bisection(self, ends: Endpoints) -> Scalar:
        """The share of the exchange over a cut of its circulant: min(1, 2 (1 + d) / n) with d ports and n pods."""
        cut = jnp.minimum(2 * (1 + self.exchange_ports(ends)) / jnp.maximum(ends.nodes, 2.0), 1.0)
        return self.share(1 - self.ring_share) * ends.rate * cut

    def bill(self, ends: Endpoints) -> Bill:
        """The device's own link end, a fibre and a circuit port per port."""
        return Bill(
            host_ends=link_ends(ends.port.link, ends.total),
            host_cables=cables(ends.port.link, ends.total),
            circuit_ports=circuit_ports(self.circuit, ends.total / self.port_bandwidth),
        )

    def limits(self, ends: Endpoints) -> Limits:
        """A circuit switch joins one port of every pod, anywhere in the hall."""
        capacity = ends.pod * self.circuit.ports
        return limits(capacity, ends.site.hall_span(ends.devices), circuits=(ends.nodes, self.circuit.ports))

    def switching(self, group: Group, context: Group, chain: Group, ends: Endpoints) -> Switching:
        """Changes that everybody waits for: for rings and for a chain's two sends and back, where they and experts both span pods."""
        zero = jnp.zeros_like(ends.devices)
        apart = jnp.clip(group.domains - 1, 0.0, 1.0)
        turns = self.reuse * self.changes * apart * jnp.clip(context.domains - 1, 0.0, 1.0)
        sends = self.reuse * 4 * apart * jnp.clip(chain.domains - 1, 0.0, 1.0)
        return Switching(self.circuit.switching_time, zero, zero, 1 + zero, zero, turns, sends)
