"""How many watts does a package draw, and how many joules does a step cost?

Links are always on: their watts are bandwidth x energy per bit whatever the traffic, as
lasers and serialisers do not sleep between messages. Compute and memory energy follows the
work done. Both ends of a link are charged.
"""

from codesign.cluster import Cluster
from codesign.fields import Scalar
from codesign.hardware.device import Device
from codesign.hardware.package import Package


def link_power(bandwidth: Scalar, energy: Scalar) -> Scalar:
    """Power of one link end [W]: bandwidth per direction [B/s] x energy per byte [J/B]."""
    return bandwidth * energy


def in_package_link_power(device: Device) -> Scalar:
    """Power of serialisers and engines inside the package [W]."""
    up, out = device.scale_up, device.scale_out
    return link_power(up.bandwidth, up.link.energy_in_package) + link_power(out.bandwidth, out.link.energy_in_package)


def die_link_power(device: Device) -> Scalar:
    """Power of serialisers and die-to-die hops, on the dies [W]; engines stand beside them."""
    power = [p.bandwidth * (p.link.energy_serdes + p.link.energy_die_to_die) for p in (device.scale_up, device.scale_out)]
    return power[0] + power[1]


def compute_power(package: Package) -> Scalar:
    """All dies at their matrix peak [W]."""
    return package.dies * (package.die.peak_flops * package.die.energy_per_flop + package.die.static_power)


def memory_power(package: Package) -> Scalar:
    """All stacks at their peak bandwidth [W]."""
    return package.memory_bandwidth * package.memory.energy


def device_power(device: Device) -> Scalar:
    """One device's heat inside its package: compute, memory and in-package link power [W]."""
    return compute_power(device.package) + memory_power(device.package) + in_package_link_power(device)


def package_power(cluster: Cluster) -> Scalar:
    """What the package must be able to cool, all its devices [W]."""
    return cluster.package_devices * device_power(cluster.device)


def logic_power(device: Device) -> Scalar:
    """Heat of one device's dies themselves: compute, serialisers, die-to-die hops [W]."""
    return compute_power(device.package) + die_link_power(device)


def die_power(device: Device) -> Scalar:
    """What one device's dies are fed and lose: their own power and that of memory on them [W]."""
    return logic_power(device) + device.package.memory.on_logic * memory_power(device.package)


def die_power_limit(package: Package) -> Scalar:
    """Heat the cooling takes from one device's dies [W]."""
    return package.dies * package.die.area * package.cooling.heat_flux_limit


def work_energy(package: Package, flops: Scalar, flops_8bit: Scalar, memory_bytes: Scalar) -> Scalar:
    """Energy of 16-bit and 8-bit FLOPs and of memory bytes [J]."""
    computing = flops * package.die.energy_per_flop + flops_8bit * package.die.energy_per_flop_8bit
    return computing + memory_bytes * package.memory.energy


def step_energy(cluster: Cluster, ranks: Scalar, work: Scalar, time: Scalar, network_power: Scalar) -> Scalar:
    """Energy of one step of the whole cluster at the meter [J].

    `work` is the energy of one rank's work. PUE x (ranks x work + devices x time x (static + host) + time x network power); devices
    that the mapping leaves out idle but draw.
    """
    package, facility = cluster.device.package, cluster.facility
    idle = cluster.devices * (package.dies * package.die.static_power + facility.host_power)
    return facility.power_usage_effectiveness * (ranks * work + time * (idle + network_power))
