"""Which blocks lie on the package of a cluster, what joins them, and which stand on others?

Stacks, dies and engines in whole numbers, as `arrangement` puts them: memory on logic on its dies.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from codesign.cluster import Cluster
from codesign.hardware.link import Port
from codesign.physical import floorplan, power
from codesign.physical.arrangement import arrangement, bases
from codesign.physical.blocks import Blocks, Nets

MOST_ENGINES = 8


class Package(NamedTuple):
    """Blocks of one package with the kind and name of each, what joins them, and the block that each stands on, itself on the ground."""

    blocks: Blocks
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    nets: Nets
    base: np.ndarray


def _engines(port: Port, devices: float, side: float) -> list[tuple[float, float, float, float]]:
    """Optical engines of one port: sides across and along the edge [m], heat [W], rate [B/s]; small groups are drawn as strips."""
    link = port.link
    if float(link.package_area) == 0:
        return []
    units, edge = devices * float(port.units), float(link.package_edge)
    depth = float(link.package_area) / edge
    count = math.ceil(units - 1e-9) if units <= MOST_ENGINES else 2 * math.ceil(units * edge / side / 2)
    along = edge if units <= MOST_ENGINES else units * edge / count
    rate = devices * float(port.bandwidth) / count
    return [(depth, along, rate * float(link.energy_engine), rate)] * count


def package_of(cluster: Cluster) -> Package:
    """The blocks of one package of a built cluster, stacks and dies in whole numbers."""
    package, device = cluster.device.package, cluster.device
    dies, stacks = round(float(floorplan.dies(cluster))), round(float(floorplan.stacks(cluster)))
    devices, die, memory = float(cluster.package_devices), package.die, package.memory
    rows = max(1, round(float(package.rows)))
    side = float(floorplan.grid_height(cluster))
    engines = _engines(device.scale_up, devices, side) + _engines(device.scale_out, devices, side)
    die_watts = devices * float(power.logic_power(device)) / dies
    memory_watts = float(power.memory_power(package) / package.stacks)
    sizes = [(float(die.width), float(die.height), die_watts, 0.0)] * dies
    sizes += [(float(memory.edge), float(memory.depth), memory_watts, float(memory.bandwidth))] * stacks + engines
    stacked = float(memory.on_logic) >= 0.5
    kinds = ("die",) * dies + ("stack" if stacked else "memory",) * stacks + ("optics",) * len(engines)
    base = np.arange(len(kinds))
    if stacked:
        base[dies : dies + stacks] = bases(stacks, dies)
    names = [f"die {i + 1}" for i in range(dies)] + [f"memory {i + 1}" for i in range(stacks)]
    names += [f"optics {i + 1}" for i in range(len(engines))]
    width, height, watts, rates = np.array(sizes).T
    gaps = float(package.packaging.die_gap), float(package.packaging.memory_gap)
    blocks = arrangement(kinds, width, height, watts, gaps[1], die_gap=gaps[0], memory_gap=gaps[1], columns=math.ceil(dies / rows))
    return Package(blocks, kinds, tuple(names), _nets(cluster, blocks, kinds, rates), base)


def _nets(cluster: Cluster, blocks: Blocks, kinds: Sequence[str], rates: np.ndarray) -> Nets:
    """Traffic in bytes/s: each stack and engine at its rate with its nearest die, neighbouring dies with each other."""
    dies = [i for i, kind in enumerate(kinds) if kind == "die"]
    place = np.stack([np.asarray(blocks.x), np.asarray(blocks.y)], axis=1)
    found = []
    for i, kind in enumerate(kinds):
        if kind != "die":
            near = min(dies, key=lambda d: float(np.abs(place[i] - place[d]).sum()))
            found.append((i, near, rates[i]))
    pitch = 1.05 * max(float(cluster.device.package.die.width), float(cluster.device.package.die.height))
    for a in dies:
        for b in dies:
            across, along = np.abs(place[a] - place[b])
            if a < b and min(across, along) < 1e-6 and max(across, along) < pitch:
                found.append((a, b, float(cluster.device.scale_up.bandwidth) / 2))
    first, second, weight = np.array(found or [(0, 0, 0.0)]).T
    return Nets(jnp.asarray(first, int), jnp.asarray(second, int), jnp.asarray(weight))


def grounded(drawn: Package) -> Package:
    """The blocks on the ground, with the heat of what stands on them."""
    own = drawn.base == np.arange(len(drawn.base))
    kept, rank = np.flatnonzero(own), np.cumsum(own) - 1
    blocks = drawn.blocks._replace(power=jnp.zeros_like(drawn.blocks.power).at[drawn.base].add(drawn.blocks.power))
    pairs = [(rank[a], rank[b], w) for a, b, w in zip(*map(np.asarray, drawn.nets), strict=True) if own[a] and own[b]]
    first, second, weight = np.array(pairs or [(0, 0, 0.0)]).T
    nets = Nets(jnp.asarray(first, int), jnp.asarray(second, int), jnp.asarray(weight))
    kinds, names = (tuple(texts[i] for i in kept) for texts in (drawn.kinds, drawn.names))
    return Package(Blocks(*(part[kept] for part in blocks)), kinds, names, nets, np.arange(len(kept)))


def moved(drawn: Package, ground: Package, blocks: Blocks) -> Blocks:
    """All blocks where those on the ground stand at `blocks`; what stands on them goes along."""
    rank = (np.cumsum(drawn.base == np.arange(len(drawn.base))) - 1)[drawn.base]
    x, y = drawn.blocks.x + (blocks.x - ground.blocks.x)[rank], drawn.blocks.y + (blocks.y - ground.blocks.y)[rank]
    return drawn.blocks._replace(x=x, y=y)
