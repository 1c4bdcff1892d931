"""How does the package of a design become a drawing?

Blocks stand as `arrangement` puts them; edges are used from the middle of the short sides outwards;
the figures beside the drawing are those of the evaluation.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from codesign.cluster import Cluster
from codesign.constraints import CONSTRAINTS
from codesign.design import Design
from codesign.evaluate import evaluate
from codesign.fields import quantities
from codesign.hardware.link import Port
from codesign.metrics import Metrics
from codesign.physical import floorplan, power
from codesign.physical.arrangement import arrangement
from codesign.physical.blocks import Blocks, Nets
from codesign.physical.built import built
from codesign.physical.fabrication import carrier
from codesign.physical.heat_map import block_temperatures
from codesign.physical.placement import place
from codesign.physical.shoreline import shoreline
from codesign.report.drawing.data import Budget, FloorplanDrawing, Segment, around, rectangles
from codesign.workload.training import Workload

MOST_ENGINES = 8
ROUNDING = 1e-9
RIM = 5e-3
"""Least width of substrate around the carrier [m]."""
BUDGETS = ("memory edge", "die edge", "inner die edge", "package edge", "package area", "carrier area", "die area", "bumps", "reticle")


class Package(NamedTuple):
    """Blocks of one package with the kind and name of each, and what joins them."""

    blocks: Blocks
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    nets: Nets


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
    die_watts = devices * float(power.die_power(device)) / dies
    memory_watts = float(power.memory_power(package) / package.stacks)
    sizes = [(float(die.width), float(die.height), die_watts, 0.0)] * dies
    sizes += [(float(memory.edge), float(memory.depth), memory_watts, float(memory.bandwidth))] * stacks + engines
    kinds = ("die",) * dies + ("memory",) * stacks + ("optics",) * len(engines)
    names = [f"die {i + 1}" for i in range(dies)] + [f"memory {i + 1}" for i in range(stacks)]
    names += [f"optics {i + 1}" for i in range(len(engines))]
    width, height, watts, rates = np.array(sizes).T
    gaps = float(package.packaging.die_gap), float(package.packaging.memory_gap)
    blocks = arrangement(kinds, width, height, watts, gaps[1], die_gap=gaps[0], memory_gap=gaps[1], columns=math.ceil(dies / rows))
    return Package(blocks, kinds, tuple(names), _nets(cluster, blocks, kinds, rates))


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


def _outlines(cluster: Cluster, drawn: Package) -> tuple[tuple[float, float], tuple[float, float]]:
    """Carrier and substrate: around all blocks, enlarged to the areas of the evaluation, the substrate as square as it may be."""
    box, area = around(rectangles(drawn.blocks)), float(carrier(cluster))
    grow = max(1.0, math.sqrt(area / (box.width * box.height)))
    inner = box.width * grow, box.height * grow
    substrate = area * float(cluster.device.package.packaging.substrate_area_ratio)
    wide = max(inner[0] + 2 * RIM, math.sqrt(substrate))
    return inner, (wide, max(inner[1] + 2 * RIM, substrate / wide))


def freely_placed(cluster: Cluster, drawn: Package) -> tuple[Package, str]:
    """The blocks moved freely within the outline of the plain arrangement, and what that gains."""
    packaging, box = cluster.device.package.packaging, around(rectangles(drawn.blocks))
    gap = min(float(packaging.die_gap), float(packaging.memory_gap))
    found = place(drawn.blocks, drawn.nets, (box.width * (1 + ROUNDING), box.height * (1 + ROUNDING)), gap, rotate=False)
    gains = {name: float(getattr(found.cost, name) / getattr(found.start_cost, name)) for name in ("wire", "area", "heat")}
    text = ", ".join(f"{name} {ratio:.2f}" for name, ratio in gains.items())
    return drawn._replace(blocks=found.blocks), f"placed freely: {text} of the plain arrangement"


def package_drawing(design: Design, workload: Workload, title: str, free: bool = False) -> FloorplanDrawing:
    """What the package of a design looks like: blocks, temperatures, edges and budgets; with `free` the blocks are placed freely."""
    cluster, metrics = built(design.cluster), evaluate(design, workload)
    drawn, units = package_of(cluster), quantities(Metrics)
    if free:
        drawn, gain = freely_placed(cluster, drawn)
        title = f"{title}; {gain}"
    optical = float(cluster.device.scale_out.link.package_area) > 0
    pieces = shoreline(
        drawn.blocks,
        drawn.kinds,
        float(metrics.die_edge),
        float(metrics.inner_edge),
        "optics" if optical else "serialisers",
    )
    inner, outer = _outlines(cluster, drawn)
    rows = [CONSTRAINTS[name] for name in BUDGETS]
    return FloorplanDrawing(
        title,
        jax.tree.map(lambda part: np.asarray(part, float), drawn.blocks),
        drawn.kinds,
        drawn.names,
        outer,
        carrier=inner,
        temperatures=np.asarray(block_temperatures(drawn.blocks, cluster.device.package.cooling)),
        shoreline=[Segment(*piece) for piece in pieces],
        budgets=[Budget(r.name, float(getattr(metrics, r.demand)), float(getattr(metrics, r.bound)), units[r.demand].unit) for r in rows],
    )
