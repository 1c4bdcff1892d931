"""Which parts stand in a cluster once its designed dies and optical links are built?

A `DesignedDie` becomes a `Die` with the rates that its logic area, process and clock give, and an
`OpticalLink` a `Link` with the energies that its losses give; published parts stay as they are. The
rest of the model sees dies and links alone.
"""

import functools

import jax.numpy as jnp

from codesign import tree
from codesign.cluster import Cluster
from codesign.fields import Scalar
from codesign.hardware.designed_die import DesignedDie
from codesign.hardware.optical_link import OpticalLink
from codesign.physical.built_die import built_die
from codesign.physical.floorplan import interface_area
from codesign.physical.optical_engine import OpticalLimits, built_link, optical_limits

PORTS = ("device.scale_up", "device.scale_out")


def _links_built(cluster: Cluster) -> Cluster:
    found = {f"{port}.link": tree.get(cluster, f"{port}.link") for port in PORTS}
    return tree.put(cluster, {path: built_link(link) for path, link in found.items() if isinstance(link, OpticalLink)})


def built(cluster: Cluster) -> Cluster:
    """The cluster with every designed part replaced by the one that follows from it."""
    cluster = _links_built(cluster)
    die = tree.get(cluster, "device.package.die")
    if not isinstance(die, DesignedDie):
        return cluster
    return tree.put(cluster, {"device.package.die": built_die(die, interface_area(cluster))})


def optical_limits_of(cluster: Cluster) -> OpticalLimits:
    """Light per waveguide, laser line and comb of the port that is nearest to each limit; nothing for links without a budget."""
    links = [tree.get(cluster, f"{port}.link") for port in PORTS]
    found = [optical_limits(link) for link in links if isinstance(link, OpticalLink)]
    if not found:
        none = 0.0 * cluster.devices
        return OpticalLimits(*(none if name in DEMANDS else 1 + none for name in OpticalLimits._fields))
    return functools.reduce(_worse, found)


DEMANDS = ("bus_power", "line_power", "comb_span")


def _worse(first: OpticalLimits, second: OpticalLimits) -> OpticalLimits:
    """Of two budgets, limit by limit, the one with the larger share of its bound."""
    one, two = first._asdict(), second._asdict()
    chosen: dict[str, Scalar] = {}
    for name in DEMANDS:
        bound = f"{name}_limit"
        worse = two[name] * one[bound] > one[name] * two[bound]
        chosen |= {key: jnp.where(worse, two[key], one[key]) for key in (name, bound)}
    return OpticalLimits(**chosen)
