"""How much edge and area does a package need, and how much has it?

Dies stand in a grid of rows; memory stacks line its two long sides; serialisers of links that leave
the package take the outer die edge that memory leaves free, die-to-die links the inner edges
between dies; optical engines extend the package and their fibres take package edge (arXiv
2510.15893 section IV). A package holds one device, or every die of a pod whose network lies inside
it. Memory on logic takes neither edge nor area beside the dies but must find room on them. Gaps
between blocks are left out here; `arrangement` draws them.
"""

import jax.numpy as jnp

from codesign.cluster import Cluster
from codesign.fields import Scalar
from codesign.hardware.package import Package
from codesign.physical.stacking import footprint

FIBRE_ARRAY = 64 * 127e-6
"""Package edge of one fibre array: 64 fibres 127 um apart [m] (assumption)."""


def dies(cluster: Cluster) -> Scalar:
    """Compute dies in one package."""
    return cluster.package_devices * cluster.device.package.dies


def stacks(cluster: Cluster) -> Scalar:
    """Memory stacks in one package."""
    return cluster.package_devices * cluster.device.package.stacks


def core_area(package: Package) -> Scalar:
    """Dies, or the base dies they stand on, and memory stacks of one device [m2]."""
    return package.dies * footprint(package.packaging, package.die.area) + memory_area(package)


def memory_area(package: Package) -> Scalar:
    """Memory stacks beside the dies of one device [m2]."""
    return beside(package) * package.stacks * package.memory.footprint


def beside(package: Package) -> Scalar:
    """Share of the memory that stands beside the dies: 1, or 0 on logic."""
    return 1 - package.memory.on_logic


def stack_area_demand(package: Package) -> Scalar:
    """Area of one device's dies that memory on logic covers [m2]."""
    return package.memory.on_logic * package.stacks * package.memory.footprint


def stack_area_supply(package: Package) -> Scalar:
    """Area of one device's dies [m2]."""
    return package.dies * package.die.area


def optics_area(cluster: Cluster) -> Scalar:
    """Optical engines of both ports of one device [m2]."""
    up, out = cluster.device.scale_up, cluster.device.scale_out
    return up.units * up.link.package_area + out.units * out.link.package_area


def package_area(cluster: Cluster) -> Scalar:
    """Dies, memory stacks and optical engines of one package [m2]."""
    return cluster.package_devices * (core_area(cluster.device.package) + optics_area(cluster))


def board_area(cluster: Cluster) -> Scalar:
    """Modules on the board, per device [m2]."""
    up, out = cluster.device.scale_up, cluster.device.scale_out
    return up.units * up.link.board_area + out.units * out.link.board_area


def columns(cluster: Cluster) -> Scalar:
    """Dies in a row."""
    return dies(cluster) / cluster.device.package.rows


def row_width(cluster: Cluster) -> Scalar:
    """Length of a row of dies [m]."""
    return columns(cluster) * cluster.device.package.die.width


def grid_height(cluster: Cluster) -> Scalar:
    """Height of all rows of dies [m]."""
    return cluster.device.package.rows * cluster.device.package.die.height


def memory_edge_demand(cluster: Cluster) -> Scalar:
    """Edge of the grid of dies that the memory stacks take [m]: an odd stack takes as much on the other side."""
    count = stacks(cluster)
    odd = 1 - jnp.abs(count - 2 * jnp.floor(count / 2) - 1)
    return beside(cluster.device.package) * (count + odd) * cluster.device.package.memory.edge


def memory_edge_supply(cluster: Cluster) -> Scalar:
    """Edge open to memory: both long sides of the grid [m]."""
    return 2 * row_width(cluster)


def most_stacks(cluster: Cluster) -> Scalar:
    """Whole stacks that both long sides hold: 2 floor(W / edge)."""
    return 2 * jnp.floor(row_width(cluster) / cluster.device.package.memory.edge * (1 + 1e-9))


def _edge(cluster: Cluster, inside: bool) -> Scalar:
    """Die edge of the serialisers of ports that stay inside the package, or of those that leave it [m]."""
    device = cluster.device
    own = device.scale_up.units * device.scale_up.link.die_edge_per_unit
    out = device.scale_out.units * device.scale_out.link.die_edge_per_unit
    if cluster.pod.network.in_package:
        return cluster.package_devices * (own if inside else out)
    return cluster.package_devices * (0.0 * own if inside else own + out)


def die_edge_demand(cluster: Cluster) -> Scalar:
    """Outer die edge that serialisers of links out of the package take [m]."""
    return _edge(cluster, inside=False)


def die_edge_supply(cluster: Cluster) -> Scalar:
    """Outer die edge left beside the memory, as far as it can be used [m]."""
    around = 2 * (row_width(cluster) + grid_height(cluster))
    free = around - beside(cluster.device.package) * stacks(cluster) * cluster.device.package.memory.edge
    return cluster.device.package.die.edge_utilisation * free


def inner_edge_demand(cluster: Cluster) -> Scalar:
    """Die edge between dies that die-to-die links take, both sides of every gap [m]."""
    return _edge(cluster, inside=True)


def inner_edge_supply(cluster: Cluster) -> Scalar:
    """Die edge between dies, both sides of every gap, as far as it can be used [m]."""
    package = cluster.device.package
    across = (columns(cluster) - 1) * package.rows * package.die.height
    along = (package.rows - 1) * columns(cluster) * package.die.width
    return package.die.edge_utilisation * 2 * (across + along)


def package_edge_demand(cluster: Cluster) -> Scalar:
    """Package edge that fibres and engines take [m]."""
    up, out = cluster.device.scale_up, cluster.device.scale_out
    return cluster.package_devices * (up.units * up.link.package_edge + out.units * out.link.package_edge)


def package_edge_supply(cluster: Cluster) -> Scalar:
    """Perimeter of the grid of dies with a memory stack on both sides, if memory stands there [m]."""
    package = cluster.device.package
    return 2 * (row_width(cluster) + grid_height(cluster) + 2 * beside(package) * package.memory.depth)


def fibre_arrays(cluster: Cluster) -> Scalar:
    """Fibre arrays to attach to one package (real-valued)."""
    return package_edge_demand(cluster) / FIBRE_ARRAY


def interface_area(cluster: Cluster) -> Scalar:
    """Area of one die that memory, die-to-die and outer links take for their circuits [m2]."""
    package, up, out = cluster.device.package, cluster.device.scale_up, cluster.device.scale_out
    links = up.units * up.link.die_area_per_unit + out.units * out.link.die_area_per_unit
    return (package.stacks * package.memory.die_area + links) / package.dies


def nearest_reticle_side(package: Package) -> tuple[Scalar, Scalar]:
    """Side of a die that fills most of the reticle's, and that side of the reticle [m]; a die may be turned."""
    die, process = package.die, package.die.process
    short, long = jnp.minimum(die.width, die.height), jnp.maximum(die.width, die.height)
    narrow = jnp.minimum(process.reticle_width, process.reticle_height)
    wide = jnp.maximum(process.reticle_width, process.reticle_height)
    across = short / narrow > long / wide
    return jnp.where(across, short, long), jnp.where(across, narrow, wide)


def signal_bumps(cluster: Cluster) -> Scalar:
    """Bumps below one device's dies that carry signals: those of memory beside them, and both directions of both ports."""
    package, up, out = cluster.device.package, cluster.device.scale_up, cluster.device.scale_out
    return beside(package) * package.stacks * package.memory.signals + 2 * (up.bandwidth + out.bandwidth) / package.packaging.bump_rate


def signal_bumps_supply(package: Package) -> Scalar:
    """Bumps below one device's dies that are left for signals beside power."""
    return package.dies * package.die.area * package.packaging.signal_share / package.packaging.bump_pitch**2
