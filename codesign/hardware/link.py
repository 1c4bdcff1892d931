"""What is a link technology: energy by stage, where its area falls, reach, price?

Energy follows the convention of arXiv 2510.15893: per bit, per device, covering the
transmit and the receive path of one direction's bandwidth. A device-to-switch link has
two such ends.
"""

import equinox as eqx

from codesign.fields import Scalar, part, quantity
from codesign.hardware.optical_link import OpticalLink


class Link(eqx.Module):
    """One way to move bits off a die; geometry is that of one engine, module or macro group."""

    energy_serdes: Scalar = quantity("pJ/bit", "host serialiser, in the package", high=100)
    energy_die_to_die: Scalar = quantity("pJ/bit", "hop from the host to an engine chiplet, in the package", high=100)
    energy_engine: Scalar = quantity("pJ/bit", "optical engine electronics in the package", high=100)
    energy_module: Scalar = quantity("pJ/bit", "module or retimer on the board, off the package", high=100)
    energy_laser: Scalar = quantity("pJ/bit", "external laser, off the package", high=100)
    unit_bandwidth: Scalar = quantity("Tb/s", "bandwidth per direction of one engine, module or fibre group", low=1e-3, high=1000)
    package_area: Scalar = quantity("mm2", "package area of one unit, beachfront included", high=1e5)
    package_edge: Scalar = quantity("mm", "package edge that one unit takes for its fibres", high=1e3)
    board_area: Scalar = quantity("mm2", "board area of one unit", high=1e6)
    die_edge_per_unit: Scalar = quantity("mm", "die edge that the serialisers of one unit take", high=1e3)
    die_area_per_unit: Scalar = quantity("mm2", "die area that the serialisers of one unit take", high=1e4, default=0)
    reach: Scalar = quantity("m", "longest span", low=1e-5, high=1e5)
    price_per_bandwidth: Scalar = quantity("$/(GB/s)", "price of one end per usable bandwidth and direction", high=1e3)
    cable_price: Scalar = quantity("$/(GB/s)", "fibre or cable of one link per usable bandwidth and direction", high=1e3)

    @property
    def energy_in_package(self) -> Scalar:
        """Energy that heats the package [J/B]."""
        return self.energy_serdes + self.energy_die_to_die + self.energy_engine

    @property
    def energy_off_package(self) -> Scalar:
        """Energy spent outside the package: modules and lasers [J/B]."""
        return self.energy_module + self.energy_laser

    @property
    def energy(self) -> Scalar:
        """Energy of one end [J/B]."""
        return self.energy_in_package + self.energy_off_package

    @property
    def density(self) -> Scalar:
        """Bandwidth per area, in the package and on the board together [B/s/m2]."""
        return self.unit_bandwidth / (self.package_area + self.board_area)


class Port(eqx.Module):
    """A link technology and how much bandwidth of it one device has."""

    link: Link = part(OpticalLink)
    bandwidth: Scalar = quantity("Tb/s", "usable bandwidth per direction per device", low=0.01, high=2000)
    efficiency: Scalar = quantity("1", "share of the bandwidth that collectives of large messages sustain", low=0.05, high=1, default=1)

    @property
    def units(self) -> Scalar:
        """Engines, modules or fibre groups the bandwidth needs (real-valued)."""
        return self.bandwidth / self.link.unit_bandwidth
