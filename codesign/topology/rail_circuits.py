"""What do rails over optical circuits offer and need (RailX)?

Pods stand in a square grid; the ports of each are halved over its row and its column, and
the circuit switch of every port joins the pods of a row (or column) in a ring whose stride
differs from port to port, set per job (arXiv 2507.18889). Together the rings of a row are a
circulant, fully meshed where a pod has as many ports as others in its row. Bytes for a pod
in another row and column take both dimensions.
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


class RailCircuits(Topology):
    """A grid of pods, rows and columns joined by circuit switches."""

    trunk: Link
    interface: Interface
    circuit: CircuitSwitch
    port_bandwidth: Scalar = quantity("Gb/s", "usable bandwidth per direction of one port", low=1, high=1e5)
    hop_latency: Scalar = quantity("us", "start-up time of one hop, forwarding included", high=1e3)

    def side(self, ends: Endpoints) -> Scalar:
        """Pods in a row; at least two."""
        return jnp.maximum(jnp.sqrt(ends.nodes), 2.0)

    def degree(self, ends: Endpoints) -> Scalar:
        """Ports of a pod in each dimension; at least one."""
        return jnp.maximum(ends.pod * ends.port.bandwidth / self.port_bandwidth / 2, 1.0)

    def hops(self, group: Group, ends: Endpoints) -> tuple[Scalar, Scalar]:
        """Mean hops along rows and along columns per byte that leaves a pod: (1 - 1/k) h(k) each over the pods spanned."""
        along = jnp.minimum(group.domains, self.side(ends))
        rows = jnp.maximum(group.domains / along, 1.0)
        others = jnp.maximum(group.domains - 1, 1.0)

        def mean(nodes: Scalar, times: Scalar) -> Scalar:
            several = jnp.maximum(nodes - 1, 0.0) * times / others
            return several * mean_hops(jnp.maximum(nodes, 2.0), self.degree(ends))

        return mean(along, rows), mean(rows, along)

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """Each dimension has half the rate; the busier one sets the pace."""
        row, column = self.hops(group, ends)
        load = 2 * jnp.maximum(row, column)
        return Tier(ends.rate / jnp.maximum(load, 1.0), jnp.maximum(row + column, 1.0) * self.hop_latency)

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """Rings along one dimension while a group fits in a row, along both when it does not: b/2 to b."""
        both = jnp.clip(jnp.log(jnp.maximum(group.domains, 1.0)) / jnp.log(self.side(ends)) - 1, 0.0, 1.0)
        return Tier(ends.rate * (1 + both) / 2, self.hop_latency)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """One dimension: b/2."""
        return Tier(ends.rate / 2, self.hop_latency)

    def bisection(self, ends: Endpoints) -> Scalar:
        """A cut between rows is crossed by the ports of columns, by half of them when these are fully meshed.

        b/2 x min(1, 4 x mean stride / k) with strides 1 to d.
        """
        degree = jnp.minimum(self.degree(ends), self.side(ends) - 1)
        return ends.rate / 2 * jnp.minimum(2 * (1 + degree) / self.side(ends), 1.0)

    def bill(self, ends: Endpoints) -> Bill:
        """A transceiver, a fibre and a circuit port per device port."""
        return Bill(
            trunk_ends=link_ends(self.trunk, ends.total),
            trunk_cables=cables(self.trunk, ends.total),
            interfaces=interfaces(self.interface, ends.total),
            circuit_ports=circuit_ports(self.circuit, ends.total / self.port_bandwidth),
        )

    def limits(self, ends: Endpoints) -> Limits:
        """A circuit switch joins one port of every pod of a row."""
        trunk = ends.site.hall_span(ends.devices), self.trunk.reach
        capacity = ends.pod * self.circuit.ports**2
        return limits(capacity, ends.site.row_span(jnp.zeros_like(capacity)), trunk, circuits=(self.side(ends), self.circuit.ports))
