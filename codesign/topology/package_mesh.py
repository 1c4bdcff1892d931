"""What do the dies of one package offer each other over die-to-die links in a mesh?

Dies stand in rows and columns. A die is joined to its neighbours: by one link per dimension of
two dies, by two per dimension of more (dies at the rim leave one unused); the links share
the die's bandwidth evenly. Nothing wraps around. Groups take compact rectangles; bytes go along the
row, then along the column.

    all-to-all   V c / 4 x g / (g - 1) over one link, c the longer side of the group's rectangle, g its dies
    ring         one link in a single row (out and back), two in a grid (a closed loop, both ways)

All groups of a kind work at once: groups that interleave share links. Congestion from routes
other than row first is ignored.
"""

from typing import ClassVar

import jax.numpy as jnp

from codesign.fields import Scalar, quantity
from codesign.topology.base import UNLIMITED, Limits, Topology, limits
from codesign.topology.bill import Bill, link_ends
from codesign.topology.endpoints import Endpoints, Group, Tier


def _links(side: Scalar | float) -> Scalar:
    """Links of a die along a side of `side` dies: 0 for one, 1 for two, 2 for more."""
    return jnp.clip(side - 1, 0.0, 2.0)


class PackageMesh(Topology):
    """A mesh of dies; the rows are those of the package."""

    hop_latency: Scalar = quantity("ns", "start-up time of one hop, adapters included", high=1e6)
    in_package: ClassVar[bool] = True

    def columns(self, ends: Endpoints) -> Scalar:
        """Dies in a row."""
        return jnp.maximum(ends.devices / ends.rows, 1.0)

    def links(self, ends: Endpoints) -> Scalar:
        """Links of an inner die, between 1 and 4."""
        return jnp.maximum(_links(self.columns(ends)) + _links(ends.rows), 1.0)

    def link_rate(self, ends: Endpoints) -> Scalar:
        """Bytes/s of one link and direction."""
        return ends.rate / self.links(ends)

    def sides(self, group: Group, ends: Endpoints) -> tuple[Scalar, Scalar]:
        """Columns and rows of the rectangle that the group and those it interleaves with take: as square as the rows allow."""
        span = jnp.minimum(group.domains * jnp.maximum(group.stride, 1.0), ends.devices)
        rows = jnp.clip(jnp.sqrt(span), 1.0, jnp.minimum(ends.rows, span))
        return span / rows, rows

    def shared(self, group: Group, ends: Endpoints) -> Scalar:
        """Groups that share a link because they interleave: the stride, or its square root in a grid."""
        grid = jnp.minimum(ends.rows - 1, 1.0)
        return jnp.maximum(group.stride, 1.0) ** (1 - 0.5 * grid)

    def latency(self, group: Group, ends: Endpoints) -> Scalar:
        """Mean hops: a third of each side, at least one."""
        columns, rows = self.sides(group, ends)
        return jnp.maximum((columns + rows - 1) / 3, 1.0) * self.hop_latency

    def all_to_all(self, group: Group, ends: Endpoints) -> Tier:
        """The middle link of the longer side carries c / 4 of a die's bytes, whichever way they go."""
        members = jnp.maximum(group.domains, 2.0)
        columns, rows = self.sides(group, ends)
        load = jnp.maximum(columns, rows) / 4 * members / (members - 1)
        return Tier(self.link_rate(ends) / jnp.maximum(load, 1 / self.links(ends)), self.latency(group, ends))

    def ring(self, group: Group, ends: Endpoints) -> Tier:
        """One link's rate along a row, two links' in a grid; interleaved groups share it."""
        _, rows = self.sides(group, ends)
        loops = 1 + jnp.minimum(rows - 1, 1.0)
        return Tier(self.link_rate(ends) * loops / self.shared(group, ends), self.shared(group, ends) * self.hop_latency)

    def send(self, group: Group, ends: Endpoints) -> Tier:
        """One link, shared with the dies on the way."""
        return Tier(self.link_rate(ends) / self.shared(group, ends), self.shared(group, ends) * self.hop_latency)

    def bisection(self, ends: Endpoints) -> Scalar:
        """The links of a cut across the longer side, per die: 2 / side of a link, at most the die's own rate."""
        longer = jnp.maximum(self.columns(ends), ends.rows)
        return jnp.minimum(2 * self.link_rate(ends) / longer, ends.rate)

    def bill(self, ends: Endpoints) -> Bill:
        """One link end per die and bandwidth; wires are in the price of the package."""
        return Bill(host_ends=link_ends(ends.port.link, ends.total))

    def limits(self, ends: Endpoints) -> Limits:
        """Neighbours are one gap apart; how many dies fit is a matter of the package."""
        unlimited = jnp.full_like(ends.devices, UNLIMITED)
        return limits(unlimited, ends.gap + 0.0 * ends.devices)
