"""How hot do the dies, the memory and the optical engines of a package get at full rate?

The closed form beside `heat_map`, for grids of dies of any size. A lid spreads heat over a length L and
loses it over a resistance R''_lid; over the middle strip of a source of width w the rise is s(w / L) of
that without spreading, s(u) = 1 - (1 - exp(-u)) / u, and the product of both directions over a rectangle:

    R''(W, H) = R''_lid s(W / L) s(H / L),   T_die = T_in + q_die (R''_local + R''(W, H)) + share R''(W, H) P_memory / A_dies

W, H are the sides of the grid, q heat per area, R''_lid such that the published package has its published
resistance. `share` of the lid's rise reaches what stands beside the dies, and by reciprocity the dies from
there. Memory on logic sends its heat through the lid over the dies and theirs through its stack:

    T = T_in + (q_die + q_memory) R''_local + (q_die + P_memory / A_dies) R''(W, H) + R''_stack (q_die + q_memory / 2)

a bound for logic and for the lowest memory layer of a mean stack. The lid then ends at its margin m beyond the dies, and
s(u) = 1 - (1 - exp(-u)) (1 - exp(-v)) / (u (1 - exp(-u - v))), v = 2 m / L. Ignored: differences among dies
and among stacks, else the edges of the lid, heat into the board, ways around a stack.
"""

import jax.numpy as jnp

from codesign import tree
from codesign.cluster import Cluster
from codesign.fields import Scalar
from codesign.hardware.cooling import Cooling
from codesign.hardware.package import Package
from codesign.physical import floorplan, power, thermal


def _spread(ratio: Scalar) -> Scalar:
    """1 - (1 - exp(-u)) / u, for u away from 0."""
    ratio = jnp.maximum(ratio, 1e-2)
    return 1 + jnp.expm1(-ratio) / ratio


def _spread_within(ratio: Scalar, margin: Scalar) -> Scalar:
    """The same amid a lid that ends m beyond the source: v = 2 m / L."""
    ratio = jnp.maximum(ratio, 1e-2)
    return 1 - jnp.expm1(-ratio) * jnp.expm1(-margin) / (-jnp.expm1(-ratio - margin) * ratio)


def lid_resistance(cooling: Cooling, width: Scalar, height: Scalar) -> Scalar:
    """R'' from the lid below a source of `width`, `height` [m] to the coolant [K m2/W]: theta A_ref - R''_local for the published die."""
    reference = _spread(jnp.sqrt(cooling.reference_area) / cooling.spreading_length) ** 2
    own = _spread(width / cooling.spreading_length) * _spread(height / cooling.spreading_length)
    return (cooling.area_resistance - cooling.local_resistance) * own / reference


def ending_lid_resistance(cooling: Cooling, width: Scalar, height: Scalar) -> Scalar:
    """`lid_resistance` of a lid that ends at its margin beyond the source, as the published one ends beyond its die."""
    die, length = jnp.sqrt(cooling.reference_area), cooling.spreading_length
    beyond = jnp.maximum(jnp.sqrt(cooling.reference_lid_area) - die, 0.0)
    margin = 2 * cooling.lid_margin / length
    reference = _spread_within(die / length, beyond / length) ** 2
    own = _spread_within(width / length, margin) * _spread_within(height / length, margin)
    return (cooling.area_resistance - cooling.local_resistance) * own / reference


def _grid_resistance(cluster: Cluster) -> Scalar:
    package, width, height = cluster.device.package, floorplan.row_width(cluster), floorplan.grid_height(cluster)
    wide, ending = lid_resistance(package.cooling, width, height), ending_lid_resistance(package.cooling, width, height)
    return floorplan.beside(package) * wide + package.memory.on_logic * ending


def die_flux(cluster: Cluster) -> Scalar:
    """Heat per area that dies, and memory on them, send into the lid [W/m2]."""
    package = cluster.device.package
    return thermal.power_density(power.die_power(cluster.device), package.dies * package.die.area)


def _share(cluster: Cluster) -> Scalar:
    """Share of the lid's warmth over the dies that reaches a row of memory beside them."""
    package = cluster.device.package
    return thermal.neighbour_share(package.cooling, floorplan.grid_height(cluster), package.packaging.memory_gap, package.memory.depth)


def stack_cooling(package: Package) -> Cooling:
    """The package's cooling with the heat resistance of its own memory stacks, by number and kind of their layers."""
    return tree.put(package.cooling, {"stack_resistance": package.cooling.stack_resistance * package.memory.resistance_ratio})


def _memory_flux(package: Package) -> Scalar:
    """Heat per area of the memory stacks themselves [W/m2]."""
    own = thermal.power_density(package.memory.bandwidth * package.memory.energy, package.memory.footprint)
    return jnp.where(package.stacks > 0, own, 0.0)


def _below_stack(cluster: Cluster) -> Scalar:
    """Rise of logic over the lid above the memory on it, beyond that of a die with the mean flux [K]; 0 below none."""
    package = cluster.device.package
    area, own = package.dies * package.die.area, _memory_flux(package)
    denser = package.cooling.local_resistance * (own - thermal.power_density(power.memory_power(package), area))
    logic = thermal.power_density(power.logic_power(cluster.device), area)
    return package.memory.on_logic * (denser + thermal.stack_rise(stack_cooling(package).stack_resistance, logic, own))


def logic_temperature(cluster: Cluster) -> Scalar:
    """Compute dies [degC]."""
    package = cluster.device.package
    lid, cooling = _grid_resistance(cluster), package.cooling
    memory = floorplan.beside(package) * thermal.power_density(power.memory_power(package), package.dies * package.die.area)
    own = cooling.inlet_temperature + die_flux(cluster) * (cooling.local_resistance + lid)
    return own + _share(cluster) * lid * memory + _below_stack(cluster)


def _beside(cluster: Cluster) -> Scalar:
    """Heat of the dies as a flux over the lid of the published package that warms it as much [W/m2]."""
    cooling = cluster.device.package.cooling
    return die_flux(cluster) * _grid_resistance(cluster) / (cooling.area_resistance - cooling.local_resistance)


def memory_temperature(cluster: Cluster) -> Scalar:
    """Hottest layer of the memory stacks [degC]."""
    package = cluster.device.package
    apart = thermal.memory_temperature(stack_cooling(package), _share(cluster), _beside(cluster), _memory_flux(package))
    return floorplan.beside(package) * apart + package.memory.on_logic * logic_temperature(cluster)


def memory_rate_factor(cluster: Cluster) -> Scalar:
    """Memory bandwidth at full rate over that of cool memory, which is refreshed half as often: 1 below about 80 degC."""
    package = cluster.device.package
    return thermal.refreshed_bandwidth(package.cooling, memory_temperature(cluster), package.memory.refresh_share)


def optics_temperature(cluster: Cluster) -> Scalar:
    """Optical engines beside the dies, with their rings [degC]; as warm as their place where there are none."""
    up, out = cluster.device.scale_up, cluster.device.scale_out
    heat = up.bandwidth * up.link.energy_engine + out.bandwidth * out.link.energy_engine
    flux = thermal.power_density(heat, floorplan.optics_area(cluster))
    return thermal.neighbour_temperature(cluster.device.package.cooling, _share(cluster), _beside(cluster), flux)
