"""How much edge and area does a package need, and how much has it?

Dies stand in one row; memory stacks line its two long sides; electrical serialisers take
the die edge that memory leaves free; optical engines extend the package and their fibres
take package edge (arXiv 2510.15893 section IV). Bumps, routing and the gaps between blocks
are ignored.
"""

from codesign.fields import Scalar
from codesign.hardware.device import Device
from codesign.hardware.package import Package


def core_area(package: Package) -> Scalar:
    """Dies and memory stacks [m2]."""
    memory = package.memory
    return package.dies * package.die.area + package.stacks * memory.edge * memory.depth


def package_area(device: Device) -> Scalar:
    """Dies, memory stacks and the optical engines of both ports [m2]."""
    optics = device.scale_up.units * device.scale_up.link.package_area
    return core_area(device.package) + optics + device.scale_out.units * device.scale_out.link.package_area


def board_area(device: Device) -> Scalar:
    """Modules on the board [m2]."""
    modules = device.scale_up.units * device.scale_up.link.board_area
    return modules + device.scale_out.units * device.scale_out.link.board_area


def row_width(package: Package) -> Scalar:
    """Length of the row of dies [m]."""
    return package.dies * package.die.width


def memory_edge_demand(package: Package) -> Scalar:
    """Die edge the memory stacks take [m]."""
    return package.stacks * package.memory.edge


def memory_edge_supply(package: Package) -> Scalar:
    """Die edge open to memory: both long sides of the row [m]."""
    return 2 * row_width(package)


def die_edge_demand(device: Device) -> Scalar:
    """Die edge that the electrical serialisers of both ports take [m]."""
    up = device.scale_up.units * device.scale_up.link.die_edge_per_unit
    return up + device.scale_out.units * device.scale_out.link.die_edge_per_unit


def die_edge_supply(package: Package) -> Scalar:
    """Die edge left beside the memory, as far as it can be used [m]."""
    free = 2 * (row_width(package) + package.die.height) - memory_edge_demand(package)
    return package.die.edge_utilisation * free


def package_edge_demand(device: Device) -> Scalar:
    """Package edge that fibres and engines take [m]."""
    up = device.scale_up.units * device.scale_up.link.package_edge
    return up + device.scale_out.units * device.scale_out.link.package_edge


def package_edge_supply(package: Package) -> Scalar:
    """Perimeter of the row of dies with a memory stack on both sides [m]."""
    return 2 * (row_width(package) + package.die.height + 2 * package.memory.depth)
