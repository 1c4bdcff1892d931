"""Do package, link, heat and cost models give the published figures (facts O1 to O42, P7 to P20), from one set of constants?

Rows O are the oracles of dies, packages, floorplans, links, heat and switches; P those of the
Passage paper with its engine built from losses; K, S, M costs, sizes and margins of products; F
floorplans; L lasers in goodput; the others what the studies rest on.
"""

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from claim import ROOT, Row, parser, rounded, show
from package_cost import ASSUMPTIONS as OF_COST
from package_cost import cost_rows
from package_heat import ASSUMPTIONS as OF_HEAT
from package_heat import heat_rows
from package_optics import ASSUMPTIONS as OF_OPTICS
from package_optics import optics_rows
from passage import area_rows, energy_rows

from codesign.config import load_design, load_system
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.performance.failures import Failure, goodput
from codesign.performance.laser_failures import link_reliability
from codesign.physical import floorplan
from codesign.physical.arrangement import arrangement
from codesign.physical.blocks import outline, overlap_area
from codesign.physical.optical_engine import built_link
from codesign.report.package_drawing import package_of
from codesign.units import to_unit

SYSTEMS = ROOT / "configs" / "systems"
MM = 1e-3


def _rows(table: str) -> dict[str, Any]:
    return {name: row.module for name, row in load_catalogue(SHIPPED).rows[table].items()}


def floorplan_rows() -> list[Row]:
    """O14 to O16: edges of a die, the package of the Passage paper, die-to-die links."""
    h100, passage = (load_system(SYSTEMS / f"{name}.toml").module for name in ("dgx_h100", "passage"))
    links, reticle = _rows("links"), passage.device.package.die
    perimeter = 2 * (reticle.width + reticle.height)
    dies = arrangement(("die",) * 4 + ("memory",) * 16, *np.array([(26, 33)] * 4 + [(13, 11)] * 16).T * MM, np.zeros(20), 0.0, columns=4)
    left, bottom, right, top = (float(side) for side in outline(dies))
    bits = 8 * passage.device.package.memory_bandwidth
    rows = [
        rounded("O14.perimeter", "perimeter of a reticle of 26 x 33", "mm", 118, float(perimeter) / MM, 0.5),
        rounded("O14.stacks", "stacks of 11 mm on a long edge of 33 mm (H100)", "1", 3, floorplan.most_stacks(h100) / 2, 0.0),
        rounded("O15.stacks", "stacks of 13 mm beside a row of four reticles", "1", 16, floorplan.most_stacks(passage), 0.0),
        rounded("O15.width", "outline of four reticles and 16 stacks, drawn", "mm", 104, (right - left) / MM, 0.01),
        rounded("O15.height", "its height", "mm", 55, (top - bottom) / MM, 0.01),
        rounded("O15.area", "dies and stacks", "mm2", 5720, to_unit(floorplan.core_area(passage.device.package), "mm2"), 0.5),
        rounded("O15.overlap", "overlap of the drawn blocks", "mm2", 0, float(overlap_area(dies)) / MM**2, 0.0),
        rounded("O15.memory", "bandwidth of 16 stacks", "Tb/s", 209.7, float(bits) / 1e12, 0.05),
    ]
    for name, edge, area in (("ucie_advanced", 1316.9, 1263), ("ucie_standard", 224.0, 169.8)):
        link = links[name]
        both = 2 * link.unit_bandwidth / 1e9
        kind = name.removeprefix("ucie_")
        along, over = both * MM / link.die_edge_per_unit, both * MM**2 / link.die_area_per_unit
        rows.append(rounded(f"O16.{kind}.edge", f"UCIe {kind}, both directions per edge", "GB/s/mm", edge, along, 0, 2e-3))
        rows.append(rounded(f"O16.{kind}.area", f"UCIe {kind}, both directions per area", "GB/s/mm2", area, over, 0, 2e-3))
    return rows


def physics_rows() -> list[Row]:
    """P7 to P20 with Passage's engine built from its losses; the other technologies have published energies alone."""
    links = _rows("links") | {"passage_interposer": built_link(_rows("optical_links")["passage_56g_x8"])}
    point = load_design(ROOT / "configs" / "designs" / "passage.toml")
    device, pod = point.design.cluster.device, point.design.cluster.pod
    electrical = load_system(SYSTEMS / "passage_electrical.toml").module
    rows = energy_rows(links) + area_rows(links, device, pod.network.switch, electrical, (point.design, point.workload))
    return [row for row in rows if int(row.id.split(".")[0][1:]) >= 7]


def drawn_rows() -> list[Row]:
    """Floorplans of shipped packages: nothing overlaps, and blocks have the area that the formulas charge."""
    rows = []
    for name in ("dgx_h100", "dgx_b200", "passage", "passage_electrical", "gb300_nvl72"):
        cluster = load_system(SYSTEMS / f"{name}.toml").module
        drawn = package_of(cluster)
        area = float(jnp.sum(drawn.blocks.area)) / MM**2
        rows.append(
            rounded(f"F.{name}.overlap", f"{name}: overlap of drawn blocks", "mm2", 0, float(overlap_area(drawn.blocks)) / MM**2, 0.0)
        )
        charged = to_unit(floorplan.package_area(cluster), "mm2")
        rows.append(
            Row(
                f"F.{name}.area",
                f"{name}: drawn blocks against the area charged",
                "mm2",
                None,
                area,
                charged * (1 - 1e-6),
                charged * (1 + 1e-6),
            )
        )
    return rows  # fmt: skip


def laser_rows() -> list[Row]:
    """Goodput of a pod of 512 Passage packages with lasers inside and outside, with and without spares: one stopped link stops the job."""
    passage = load_system(SYSTEMS / "passage.toml").module
    rows, optical = [], _rows("optical_links")["passage_56g_x8"]
    lanes = passage.pod.size * passage.device.scale_up.bandwidth / optical.usable_rate
    groups, needed = lanes / optical.lanes_per_line / optical.wavelengths, optical.wavelengths
    parts = _rows("failures")
    for key, replaceable in (("laser_internal", 0.0), ("laser_external", 1.0)):
        for spares in (0.0, 1.0, 2.0):
            laser = link_reliability(parts[key], needed, jnp.asarray(spares), jnp.asarray(replaceable))
            share = goodput([Failure(groups, laser, jnp.asarray(1.0))])
            inside = "inside the package" if not replaceable else "external"
            name = f"goodput of a pod, lasers {inside}, {spares:.0f} spare lines in {float(needed) + spares:.0f}"
            rows.append(Row(f"L.{key.removeprefix('laser_')}.{spares:.0f}", name, "1", None, share, 0.0, 1.0))
    return rows


ASSUMPTIONS = [
    *OF_COST,
    *OF_OPTICS,
    *OF_HEAT,
    "L: a lost link stops the job until it restarts on a spare path; FIT of lasers are assumptions of the failures table",
]


def main() -> int:
    """Print the claim."""
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    jax.config.update("jax_enable_x64", True)
    rows = [*cost_rows(), *floorplan_rows(), *heat_rows(), *optics_rows(), *physics_rows(), *drawn_rows(), *laser_rows()]
    return show("The package: yield, money, edges, light, heat", rows, ASSUMPTIONS, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
