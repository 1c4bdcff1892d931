"""What do two networks offer that share a device's ports: one per region, one for the cluster?

`near_share` of the bandwidth goes to a network of each region, the rest to one of the whole
cluster (any two of the flat ones). In an all-to-all the bytes of the region take the near
network and those that leave it the far one, both at the same time; rings and sends take the
near network where a group fits into one region, else both, one after the other as the pods
below do.
"""

import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.topology.base import Limits, Switching, Topology
from codesign.topology.bill import Bill, Item
from codesign.topology.dragonfly import Dragonfly
from codesign.topology.dragonfly_plus import DragonflyPlus
from codesign.topology.endpoints import Endpoints, Group, Tier
from codesign.topology.fat_tree import FatTree
from codesign.topology.patch_panel import PatchPanel
from codesign.topology.rail_circuits import RailCircuits
from codesign.topology.rail_only import RailOnly
from codesign.topology.rail_optimised import RailOptimised
from codesign.topology.torus import Torus

Flat = FatTree | RailOptimised | RailOnly | Torus | Dragonfly | DragonflyPlus | PatchPanel | RailCircuits


def _sum(a: Item, b: Item) -> Item:
    """One line for both: amounts add, price and power are the means that keep cost and watts."""
    amount = a.amount + b.amount
    some = jnp.where(amount > 0, amount, 1.0)
    return Item(amount, (a.cost + b.cost) / some, (a.watts + b.watts) / some)


class Tiered(Topology):
    """`near` in every region of `region` devices, `far` over all of them."""

    near: FatTree | RailOptimised | RailOnly | Torus | Dragonfly | DragonflyPlus | PatchPanel | RailCircuits
    far: FatTree | RailOptimised | RailOnly | Torus | Dragonfly | DragonflyPlus | PatchPanel | RailCircuits
    region: Scalar = quantity("1", "devices of a region", low=1, high=1e6, whole=True)
    near_share: Scalar = quantity("1", "share of a device's bandwidth in the network of its region", low=0.01, high=0.99)

    def _ends(self, ends: Endpoints) -> tuple[Endpoints, Endpoints]:
        """What each network joins: one region, and all devices, each with its share of the port."""
        port = ends.port
        shares = self.near_share, 1 - self.near_share
        near, far = (type(port)(port.link, bandwidth=port.bandwidth * share, efficiency=port.efficiency) for share in shares)
        return ends._replace(devices=jnp.minimum(self.region, ends.devices), port=near), ends._replace(port=far)

    def _near_group(self, group: Group) -> Group:
        return Group(group.within(self.region), group.inside, group.stride)

    def _far_group(self, group: Group) -> Group:
        return Group(group.size, group.within(self.region), group.stride)

    def _both(self, near: Tier, far: Tier, leaving: Scalar, together: bool) -> Tier:
        """Seconds per byte of the shares, at the same time or one after the other; the slower start-up."""
        a, b = (1 - leaving) / near.bandwidth, leaving / far.bandwidth
        latency = jnp.where(leaving > 0, jnp.maximum(near.latency, far.latency), near.latency)
        return Tier(1 / (jnp.maximum(a, b) if together else a + b), latency)

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """max((1 - l) / near, l / far) per byte that leaves a pod, l of them the region."""
        near, far = self._ends(ends)
        outer = self.far.all_to_all(self._far_group(group), far)
        return self._both(self.near.all_to_all(self._near_group(group), near), outer, group.leaving(self.region), True)

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """A ring over p pods of a region, then one of the r regions with the bandwidth of all p: per byte of the whole ring."""
        near, far = self._ends(ends)
        pods = group.within(self.region) / group.inside
        outer = self._far_group(group)
        across = (1 - 1 / outer.domains) / pods
        inner = 1 - 1 / pods
        leaving = across / jnp.maximum(inner + across, 1e-9)
        peers = Group(outer.domains, jnp.ones_like(outer.domains), jnp.maximum(self.region, group.stride))
        return self._both(self.near.ring(self._near_group(group), near), self.far.ring(peers, far), leaving, False)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """Of the hand-overs between pods, those between regions take the far network."""
        near, far = self._ends(ends)
        leaving = (group.size / group.within(self.region) - 1) / jnp.maximum(group.domains - 1, 1e-9)
        return self._both(self.near.send(self._near_group(group), near), self.far.send(group, far), jnp.clip(leaving, 0.0, 1.0), False)

    def bisection(self, ends: Endpoints) -> Scalar:
        """That of the far network; near ones help where the whole machine is one region."""
        near, far = self._ends(ends)
        return self.far.bisection(far) + jnp.where(self.region < ends.devices * (1 - 1e-6), 0.0, self.near.bisection(near))

    def bill(self, ends: Endpoints) -> Bill:
        """Both, the near one once per region."""
        near, far = self._ends(ends)
        regions = ends.devices / near.devices
        inner = (item._replace(amount=regions * item.amount) for item in self.near.bill(near))
        return Bill(*(_sum(a, b) for a, b in zip(inner, self.far.bill(far), strict=True)))

    def limits(self, ends: Endpoints) -> Limits:
        """The tighter of both, in proportion to its bound."""
        near, far = self._ends(ends)
        a, b = self.near.limits(near), self.far.limits(far)
        whole = jnp.where(a.capacity >= near.devices, b.capacity, b.capacity * a.capacity / near.devices)
        tightest = [_tighter(*pair) for pair in zip(a[2::2], a[3::2], b[2::2], b[3::2], strict=True)]
        return Limits(whole, jnp.maximum(a.host_span, b.host_span), *(value for pair in tightest for value in pair))

    def switching(self, group: Group, context: Group, chain: Group, ends: Endpoints) -> Switching:
        """That of the near network."""
        groups = self._near_group(group), self._near_group(context), self._near_group(chain)
        return self.near.switching(*groups, self._ends(ends)[0])


def _tighter(demand: Scalar, bound: Scalar, other: Scalar, its_bound: Scalar) -> tuple[Scalar, Scalar]:
    first = demand / bound >= other / its_bound
    return jnp.where(first, demand, other), jnp.where(first, bound, its_bound)
