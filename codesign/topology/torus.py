"""What does an n-dimensional torus, with optical wrap-around links or without, offer and need?

Nodes (devices, or pods) form a cube of side k in n dimensions, each with 2n links that share
its bandwidth. Groups take sub-cubes. Blocks of side c are wired in copper; where the faces of
blocks go through circuit switches, every slice of whole blocks gets its own wrap-around links
(TPU v4, arXiv 2304.01433), without them only the whole machine has them and a slice has half
the bisection. All-to-all of an even side k: k / (8 b_link) per byte, which is dimension-ordered
shortest paths; twisted shapes, 1.3 to 1.7 times better on 2:1 slices, are ignored.
"""

import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.hardware.interface import Interface
from codesign.hardware.link import Link
from codesign.hardware.switch import CircuitSwitch
from codesign.topology.base import UNLIMITED, Limits, Topology, limits
from codesign.topology.bill import Bill, cables, circuit_ports, interfaces, link_ends
from codesign.topology.endpoints import Endpoints, Group, Tier, slowed


def diameter(side: Scalar, dimensions: Scalar) -> Scalar:
    """Most hops between two nodes of a torus: n floor(k / 2)."""
    return dimensions * jnp.floor(side / 2)


def mean_hops(side: Scalar, dimensions: Scalar) -> Scalar:
    """Mean hops to the other nodes for even side: n k / 4 x N / (N - 1)."""
    nodes = side**dimensions
    return dimensions * side / 4 * nodes / (nodes - 1)


class Torus(Topology):
    """Torus of `dimensions`; `optical` 1 sends the faces of blocks through circuit switches."""

    trunk: Link
    interface: Interface
    circuit: CircuitSwitch
    dimensions: Scalar = quantity("1", "dimensions", low=1, high=8, whole=True)
    block_side: Scalar = quantity("1", "nodes along one side of a block that is wired in copper", low=1, high=64, whole=True)
    optical: Scalar = quantity("1", "1 if faces of blocks go through circuit switches, else 0", low=0, high=1, whole=True)
    hop_latency: Scalar = quantity("ns", "start-up time of one hop", high=1e6)

    def wrapped(self, group: Group, ends: Endpoints) -> Scalar:
        """1 where the group's sub-cube has wrap-around links: optical faces, or the whole machine."""
        return jnp.maximum(self.optical, jnp.where(group.domains >= ends.nodes * (1 - 1e-6), 1.0, 0.0))

    def apart(self, group: Group, ends: Endpoints) -> Scalar:
        """Hops between neighbours of the group: (stride in nodes) ** (1/n)."""
        return jnp.maximum(group.stride / ends.pod, 1.0) ** (1 / self.dimensions)

    def side(self, group: Group) -> Scalar:
        """Side of the cube that the group's nodes form among themselves."""
        return group.domains ** (1 / self.dimensions)

    def latency(self, group: Group, ends: Endpoints) -> Scalar:
        """Mean hops of a message, each of `hop_latency`."""
        hops = self.dimensions * self.side(group) / 4 * self.apart(group, ends)
        return jnp.maximum(hops, 1.0) * self.hop_latency

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """V k n / (4 b) d / (d - 1), twice that without wrap-around; b = 2n links together, V sent to d - 1 nodes."""
        nodes = jnp.maximum(group.domains, 2.0)
        load = self.side(group) * self.apart(group, ends) * self.dimensions / 4 * nodes / (nodes - 1)
        return Tier(slowed(ends.rate, load * (2 - self.wrapped(group, ends))), self.latency(group, ends))

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """Rings in all dimensions and directions: the whole rate, half of it without wrap-around; strides share links."""
        load = self.apart(group, ends) * (2 - self.wrapped(group, ends))
        return Tier(slowed(ends.rate, load), self.apart(group, ends) * self.hop_latency)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """One of 2n links, which the devices on the way use too."""
        apart = self.apart(group, ends)
        return Tier(ends.rate / (2 * self.dimensions * apart), apart * self.hop_latency)

    def bisection(self, ends: Endpoints) -> Scalar:
        """4 links over the side per node, at most the node's own: 2 b / (n k)."""
        side = ends.nodes ** (1 / self.dimensions)
        return jnp.minimum(2 * ends.rate / (self.dimensions * side), ends.rate)

    def bill(self, ends: Endpoints) -> Bill:
        """Copper ends and half as many cables inside blocks; at faces (1/c of all ends) optics, fibre and a circuit port each."""
        faces = self.optical / self.block_side
        copper, optics = (1 - faces) * ends.total, faces * ends.total
        links = 2 * self.dimensions * ends.nodes
        return Bill(
            host_ends=link_ends(ends.port.link, copper),
            host_cables=cables(ends.port.link, copper / 2),
            trunk_ends=link_ends(self.trunk, optics),
            trunk_cables=cables(self.trunk, optics),
            interfaces=interfaces(self.interface, ends.total),
            circuit_ports=circuit_ports(self.circuit, faces * links),
        )

    def limits(self, ends: Endpoints) -> Limits:
        """Two ports of every circuit switch per block; copper within a block, fibre across the hall."""
        block = self.block_side**self.dimensions
        used = self.optical * 2 * ends.nodes / block
        copper = self.optical * block * ends.pod + (1 - self.optical) * ends.devices
        trunk = self.optical * ends.site.hall_span(ends.devices), self.trunk.reach
        capacity = jnp.full_like(used, UNLIMITED)
        return limits(capacity, ends.site.row_span(copper), trunk, circuits=(used, self.circuit.ports))
