"""How hot do the dies, the memory and the optical engines of a package get at full rate?

Dies by their own heat over their own area; what stands beside them by the share of the lid's warmth that
reaches it and by its own heat. `heat_map` tells the blocks of a drawn floorplan apart.
"""

from codesign.cluster import Cluster
from codesign.fields import Scalar
from codesign.physical import floorplan, power, thermal


def die_flux(cluster: Cluster) -> Scalar:
    """Heat per area of the dies [W/m2]: compute, serialisers, die-to-die hops."""
    package = cluster.device.package
    return thermal.power_density(power.die_power(cluster.device), package.dies * package.die.area)


def logic_temperature(cluster: Cluster) -> Scalar:
    """Compute dies [degC]."""
    package = cluster.device.package
    return thermal.package_temperature(package.cooling, power.die_power(cluster.device), package.dies * package.die.area)


def _share(cluster: Cluster, depth: Scalar) -> Scalar:
    """Share of the lid's warmth over the dies that blocks of `depth` [m] beside them get."""
    package = cluster.device.package
    return thermal.neighbour_share(package.cooling, floorplan.grid_height(cluster), package.packaging.memory_gap, depth)


def memory_temperature(cluster: Cluster) -> Scalar:
    """Hottest layer of the memory stacks beside the dies [degC]."""
    package = cluster.device.package
    flux = thermal.power_density(power.memory_power(package), floorplan.memory_area(package))
    return thermal.memory_temperature(package.cooling, _share(cluster, package.memory.depth), die_flux(cluster), flux)


def optics_temperature(cluster: Cluster) -> Scalar:
    """Optical engines beside the dies, with their rings [degC]; as warm as their place where there are none."""
    up, out = cluster.device.scale_up, cluster.device.scale_out
    heat = up.bandwidth * up.link.energy_engine + out.bandwidth * out.link.energy_engine
    flux = thermal.power_density(heat, floorplan.optics_area(cluster))
    package = cluster.device.package
    return thermal.neighbour_temperature(package.cooling, _share(cluster, package.memory.depth), die_flux(cluster), flux)
