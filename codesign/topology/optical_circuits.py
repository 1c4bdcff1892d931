"""What do regional optical circuits on an electrical fat-tree offer and need (MixNet)?

A share x of every pod's ports goes to a circuit switch that joins the pods of a region, the
rest to a fat-tree of the whole cluster (arXiv 2501.03905 sections 4 and 5). Expert-parallel
all-to-alls inside a region take the circuits, pairs of pods without one the fat-tree;
everything else takes the fat-tree alone. Circuits join pods, not devices: bytes are gathered
on the device that owns the circuit and scattered on arrival.

For evenly spread demand over q other pods and a = x H circuits of a pod with H ports, the
share f = min(1, a / q) of pairs has circuits. A pair uses its circuits alone (`split` 0) or
both networks (`split` 1), per byte that leaves a pod, l of them the region:

    alone: max( f (1 - l) / (x b), (1 - f (1 - l)) / ((1 - x) b) )
    both:  (1 - y) / ((1 - x) b),  y = min(x, f (1 - l))

Allocation to a given matrix is computed in `topology.circuits`; what it costs over the
formula enters as `unevenness`. Circuits per pair are real-valued here.
"""

import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.hardware.interface import Interface
from codesign.hardware.link import Link
from codesign.hardware.switch import CircuitSwitch, Switch
from codesign.topology.base import Limits, Switching, Topology, limits
from codesign.topology.bill import Bill, cables, circuit_ports, interfaces, link_ends
from codesign.topology.endpoints import Endpoints, Group, Tier
from codesign.topology.fat_tree import clos_bill, clos_capacity


class OpticalCircuits(Topology):
    """Circuit switches per region of `region` devices, beside a fat-tree of `tiers`."""

    switch: Switch
    trunk: Link
    interface: Interface
    circuit: CircuitSwitch
    tiers: Scalar = quantity("1", "tiers of the fat-tree", low=1, high=4, whole=True)
    optical_share: Scalar = quantity("1", "share of a pod's ports on the circuit switch", low=0.01, high=0.99)
    region: Scalar = quantity("1", "devices of a region", low=1, high=1e5, whole=True)
    split: Scalar = quantity("1", "1 if a pair of pods with circuits uses the fat-tree too", low=0, high=1, default=0)
    unevenness: Scalar = quantity("1", "all-to-all on circuits allocated to the demand, over the formula", low=0.1, high=16, default=1)
    stale_unevenness: Scalar = quantity("1", "the same on circuits left as they were", low=0.1, high=64, default=1)
    relay_overlap: Scalar = quantity("1", "share of gathering and scattering that runs while circuits carry", low=0, high=1, default=1)
    rearrangements: Scalar = quantity("1", "rearrangements per layer and micro-batch, both passes", low=0, high=4, default=2)
    predicted: Scalar = quantity("1", "1 if the first rearrangement of a pass starts ahead of its traffic", low=0, high=1, default=1)
    adaptive: Scalar = quantity("1", "1 if circuits are left as they were where rearranging does not pay", low=0, high=1, default=1)

    def ports(self, ends: Endpoints) -> Scalar:
        """Ports of one pod (H)."""
        return ends.pod * ends.port.bandwidth / self.switch.port_bandwidth

    def peers(self, group: Group) -> Scalar:
        """Other pods of the group in its region (q)."""
        return group.within(self.region) / group.inside - 1

    def covered(self, group: Group, ends: Endpoints) -> Scalar:
        """Share of the pairs of pods in a region that have circuits: min(1, a / q)."""
        return 1 / jnp.maximum(self.peers(group) / (self.optical_share * self.ports(ends)), 1.0)

    def load(self, group: Group, ends: Endpoints) -> Scalar:
        """Seconds x rate per byte that leaves a pod, gathering and scattering not counted."""
        x = self.optical_share
        carried = self.covered(group, ends) * (1 - group.leaving(self.region))
        alone = jnp.maximum(carried / x, (1 - carried) / (1 - x))
        both = (1 - jnp.minimum(x, carried)) / (1 - x)
        return (self.split * both + (1 - self.split) * alone) * self.unevenness

    def relays(self, group: Group, ends: Endpoints) -> Scalar:
        """Seconds per byte for gathering and scattering what is not on the circuit's own device: 2 (1 - x / q) / B."""
        moved = 1 - self.optical_share / jnp.maximum(self.peers(group), 1.0)
        return 2 * moved / ends.inner.bandwidth

    def latency(self) -> Scalar:
        """Start-up over the longest path of the fat-tree [s]; circuits have less."""
        return (2 * self.tiers - 1) * self.switch.latency

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """Circuits and fat-tree at the same time; gathering before and scattering after, piece by piece or one after the other."""
        carried, relayed = self.load(group, ends) / ends.rate, self.relays(group, ends)
        seconds = jnp.maximum(carried, self.relay_overlap * relayed) + (1 - self.relay_overlap) * relayed
        return Tier(1 / seconds, self.latency() + 2 * ends.inner.latency)

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """The electrical ports: (1 - x) b."""
        return Tier((1 - self.optical_share) * ends.rate, self.latency())

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """The electrical ports: (1 - x) b."""
        return self.ring(group, ends)

    def bisection(self, ends: Endpoints) -> Scalar:
        """The electrical ports; circuits help where the whole machine is one region."""
        return (1 - jnp.where(self.region < ends.devices * (1 - 1e-6), self.optical_share, 0.0)) * ends.rate

    def bill(self, ends: Endpoints) -> Bill:
        """1 - x of a fat-tree, and x of a transceiver, a fibre and a circuit port per device port."""
        share, optics = 1 - self.optical_share, self.optical_share * ends.total
        tree = clos_bill(ends, share, self.tiers - 1, self.switch, self.trunk)
        ends_of, fibres = link_ends(self.trunk, optics), cables(self.trunk, optics)
        return tree._replace(
            trunk_ends=tree.trunk_ends._replace(amount=tree.trunk_ends.amount + ends_of.amount),
            trunk_cables=tree.trunk_cables._replace(amount=tree.trunk_cables.amount + fibres.amount),
            interfaces=interfaces(self.interface, ends.total),
            circuit_ports=circuit_ports(self.circuit, optics / self.switch.port_bandwidth),
        )

    def limits(self, ends: Endpoints) -> Limits:
        """One circuit switch holds x H ports of every pod of a region; the fat-tree (1 - x) of all ports."""
        region = jnp.maximum(jnp.minimum(self.region, ends.devices), ends.pod)
        used = self.optical_share * self.ports(ends) * region / ends.pod
        capacity = clos_capacity(self.switch, self.tiers) / (1 - self.optical_share)
        trunk = ends.site.hall_span(ends.devices), self.trunk.reach
        span = ends.site.row_span(jnp.minimum(self.switch.radix / (2 * (1 - self.optical_share)), ends.devices))
        return limits(capacity, span, trunk, circuits=(used, self.circuit.ports))

    def switching(self, group: Group, context: Group, chain: Group, ends: Endpoints) -> Switching:
        """None while the group has no choice: fewer than two other pods in its region."""
        choice = jnp.clip(self.peers(group) - 1, 0.0, 1.0)
        slower = self.stale_unevenness / self.unevenness
        time, none = self.circuit.switching_time * choice, 0.0 * choice
        return Switching(time, self.rearrangements, self.predicted, slower, self.adaptive, none, none)
