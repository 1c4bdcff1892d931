"""How does the package of a design become a drawing?

Blocks stand as `package_blocks` puts them; edges are used from the middle of the short sides outwards;
the figures beside the drawing are those of the evaluation.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from codesign.cluster import Cluster
from codesign.constraints import CONSTRAINTS
from codesign.design import Design
from codesign.evaluate import evaluate
from codesign.fields import quantities
from codesign.metrics import Metrics
from codesign.physical.built import built
from codesign.physical.fabrication import carrier
from codesign.physical.heat_map import column_temperatures
from codesign.physical.package_heat import stack_cooling
from codesign.physical.placement import place
from codesign.physical.shoreline import shoreline
from codesign.report.drawing.data import Budget, FloorplanDrawing, Segment, around, rectangles
from codesign.report.package_blocks import Package, grounded, moved, package_of
from codesign.workload.training import Workload

ROUNDING = 1e-9
RIM = 5e-3
"""Least width of substrate around the carrier [m]."""
BUDGETS = ("memory edge", "die edge", "inner die edge", "package edge", "package area", "carrier area", "die area", "bumps", "reticle")


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
    ground = grounded(drawn)
    found = place(ground.blocks, ground.nets, (box.width * (1 + ROUNDING), box.height * (1 + ROUNDING)), gap, rotate=False)
    costs = {name: (float(getattr(found.cost, name)), float(getattr(found.start_cost, name))) for name in ("wire", "area", "heat")}
    gains = {name: after / before if before else 1.0 for name, (after, before) in costs.items()}
    text = ", ".join(f"{name} {ratio:.2f}" for name, ratio in gains.items())
    return drawn._replace(blocks=moved(drawn, ground, found.blocks)), f"placed freely: {text} of the plain arrangement"


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
    rows = [CONSTRAINTS[name] for name in (*BUDGETS, *(["stack area"] if "stack" in drawn.kinds else []))]
    return FloorplanDrawing(
        title,
        jax.tree.map(lambda part: np.asarray(part, float), drawn.blocks),
        drawn.kinds,
        drawn.names,
        outer,
        carrier=inner,
        temperatures=np.asarray(column_temperatures(drawn.blocks, stack_cooling(cluster.device.package), jnp.asarray(drawn.base))),
        shoreline=[Segment(*piece) for piece in pieces],
        budgets=[Budget(r.name, float(getattr(metrics, r.demand)), float(getattr(metrics, r.bound)), units[r.demand].unit) for r in rows],
    )
