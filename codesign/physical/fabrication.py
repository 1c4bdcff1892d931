"""What does one package cost to make, at what price is it sold, what does its design cost?"""

from codesign.cluster import Cluster
from codesign.fields import Scalar
from codesign.physical import floorplan
from codesign.physical.carrier import carrier_area
from codesign.physical.die_cost import design_cost
from codesign.physical.package_cost import PackageCost, package_cost


def carrier(cluster: Cluster) -> Scalar:
    """Area of the carrier below dies, memory and optical engines of one package [m2]."""
    return carrier_area(cluster.device.package.packaging, floorplan.package_area(cluster))


def package_cost_parts(cluster: Cluster) -> PackageCost:
    """Manufacturing cost of one package by part [$]; optical engines are priced with the link, their place and fibres here."""
    package, devices = cluster.device.package, cluster.package_devices
    return package_cost(
        package.packaging,
        package.die.process,
        die_area=package.die.area,
        dies=floorplan.dies(cluster),
        memory_price=package.memory.price,
        stacks=floorplan.stacks(cluster),
        memory_area=package.memory.footprint,
        optics_area=devices * floorplan.optics_area(cluster),
        optics_price=0.0 * devices,
        test_and_assembly=package.test_and_assembly,
        fibre_arrays=floorplan.fibre_arrays(cluster),
        stacks_on_logic=package.memory.on_logic * floorplan.stacks(cluster),
        memory_bond_yield=package.memory.bond_yield,
    )


def manufacturing_cost(cluster: Cluster) -> Scalar:
    """Known good dies, memory, carrier, substrate, losses of bonding, test and assembly of one package [$]."""
    return package_cost_parts(cluster).total


def market_price(cluster: Cluster) -> Scalar:
    """Manufacturing cost times the one stated ratio of price over cost [$]."""
    return manufacturing_cost(cluster) * cluster.device.package.price_over_cost


def design_cost_per_package(cluster: Cluster) -> Scalar:
    """Design of one new die, all its modules and its masks, spread over the volume [$]."""
    package = cluster.device.package
    return design_cost(package.die.area, package.die.area, package.die.process, package.volume)
