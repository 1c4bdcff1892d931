"""How hot do the dies, the memory and the optical engines of a package get at full rate?

The closed form beside `heat_map`, for grids of dies of any size. A lid spreads heat over a length L and
loses it over a resistance R''_lid; over the middle strip of a source of width w the rise is s(w / L) of
that without spreading, s(u) = 1 - (1 - exp(-u)) / u, and the product of both directions over a rectangle:

    R''(W, H) = R''_lid s(W / L) s(H / L),   T_die = T_in + q_die (R''_local + R''(W, H)) + share R''(W, H) P_memory / A_dies

W, H are the sides of the grid, q heat per area, R''_lid such that the published package has its published
resistance. `share` of the lid's rise reaches what stands beside the dies, and by reciprocity the dies from
there. Ignored: differences among dies, the edges of the lid, heat into the board.
"""

import jax.numpy as jnp

from codesign.cluster import Cluster
from codesign.fields import Scalar
from codesign.hardware.cooling import Cooling
from codesign.physical import floorplan, power, thermal


def _spread(ratio: Scalar) -> Scalar:
    """1 - (1 - exp(-u)) / u, for u away from 0."""
    ratio = jnp.maximum(ratio, 1e-2)
    return 1 + jnp.expm1(-ratio) / ratio


def lid_resistance(cooling: Cooling, width: Scalar, height: Scalar) -> Scalar:
    """R'' from the lid below a source of `width`, `height` [m] to the coolant [K m2/W]: theta A_ref - R''_local for the published die."""
    reference = _spread(jnp.sqrt(cooling.reference_area) / cooling.spreading_length) ** 2
    own = _spread(width / cooling.spreading_length) * _spread(height / cooling.spreading_length)
    return (cooling.area_resistance - cooling.local_resistance) * own / reference


def _grid_resistance(cluster: Cluster) -> Scalar:
    return lid_resistance(cluster.device.package.cooling, floorplan.row_width(cluster), floorplan.grid_height(cluster))


def die_flux(cluster: Cluster) -> Scalar:
    """Heat per area of the dies [W/m2]: compute, serialisers, die-to-die hops."""
    package = cluster.device.package
    return thermal.power_density(power.die_power(cluster.device), package.dies * package.die.area)


def _share(cluster: Cluster) -> Scalar:
    """Share of the lid's warmth over the dies that reaches a row of memory beside them."""
    package = cluster.device.package
    return thermal.neighbour_share(package.cooling, floorplan.grid_height(cluster), package.packaging.memory_gap, package.memory.depth)


def logic_temperature(cluster: Cluster) -> Scalar:
    """Compute dies [degC]."""
    package = cluster.device.package
    lid, cooling = _grid_resistance(cluster), package.cooling
    beside = thermal.power_density(power.memory_power(package), package.dies * package.die.area)
    return cooling.inlet_temperature + die_flux(cluster) * (cooling.local_resistance + lid) + _share(cluster) * lid * beside


def _beside(cluster: Cluster) -> Scalar:
    """Heat of the dies as a flux over the lid of the published package that warms it as much [W/m2]."""
    cooling = cluster.device.package.cooling
    return die_flux(cluster) * _grid_resistance(cluster) / (cooling.area_resistance - cooling.local_resistance)


def memory_temperature(cluster: Cluster) -> Scalar:
    """Hottest layer of the memory stacks beside the dies [degC]."""
    package = cluster.device.package
    flux = thermal.power_density(power.memory_power(package), floorplan.memory_area(package))
    return thermal.memory_temperature(package.cooling, _share(cluster), _beside(cluster), flux)


def optics_temperature(cluster: Cluster) -> Scalar:
    """Optical engines beside the dies, with their rings [degC]; as warm as their place where there are none."""
    up, out = cluster.device.scale_up, cluster.device.scale_out
    heat = up.bandwidth * up.link.energy_engine + out.bandwidth * out.link.energy_engine
    flux = thermal.power_density(heat, floorplan.optics_area(cluster))
    return thermal.neighbour_temperature(cluster.device.package.cooling, _share(cluster), _beside(cluster), flux)
