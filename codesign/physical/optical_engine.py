"""Which link does a design of an optical link amount to, and which limits bound it?

    energy      serialiser + hop + driver + receiver + processor + control + 2 x tuning / rate + laser    [J/B]
    bandwidth   fibres / 2 x (1 + bidirectional) x wavelengths x usable rate                              [B/s] per unit

One unit is 1 mm of package edge with the engine behind it. Rates are raw on the fibre; energies per bit are those
of a raw bit and are charged to usable bits, as arXiv 2510.15893 does (its 4.3 pJ/bit of 56 Gb/s lanes times
32 Tb/s of usable bandwidth); charged by raw bits instead, every watt would be raw / usable higher. Every term is
closed form, so that designs are batched leaf by leaf. Ignored: gearboxes between lanes and wavelengths of
another rate, drivers that cost more at more levels.
"""

from typing import NamedTuple

from codesign.fields import Scalar, total
from codesign.hardware.link import Link
from codesign.hardware.optical_link import OpticalLink
from codesign.physical.decibels import watts
from codesign.physical.laser_power import bus_power, comb_limit, comb_span, laser_energy, line_level

UNIT_EDGE = 1e-3
"""Package edge of one unit [m]."""


class Stages(NamedTuple):
    """Energy of one end by stage [J/B]."""

    serialiser: Scalar
    die_to_die: Scalar
    driver: Scalar
    receiver: Scalar
    processor: Scalar
    control: Scalar
    tuning: Scalar
    laser: Scalar

    @property
    def engine(self) -> Scalar:
        """Electronics of the engine: everything but serialiser, hop and laser [J/B]."""
        return self.driver + self.receiver + self.processor + self.control + self.tuning

    @property
    def sum(self) -> Scalar:
        """All stages [J/B]."""
        return total(self)


def tuning_energy(optical: OpticalLink) -> Scalar:
    """Heaters of the ring at each end of a lane [J/B]; 0 without rings."""
    return 2 * optical.photonics.ring * optical.photonics.tuning_power / optical.rate


def stages(optical: OpticalLink) -> Stages:
    """Energy of one end by stage [J/B]."""
    platform = optical.photonics
    hop = optical.die_to_die * optical.die_to_die_energy
    engine = platform.driver_energy, platform.receiver_energy, platform.processor_energy, platform.control_energy
    return Stages(optical.serialiser.energy, hop, *engine, tuning_energy(optical), laser_energy(optical))


def fibre_bandwidth(optical: OpticalLink) -> Scalar:
    """Usable bandwidth per direction of one fibre that is there for one direction, or of each where it carries both [B/s]."""
    return optical.wavelengths * optical.usable_rate


def fibres(optical: OpticalLink, bandwidth: Scalar) -> Scalar:
    """Fibres of a device with `bandwidth` per direction [B/s], both directions (real-valued)."""
    return 2 * bandwidth / (fibre_bandwidth(optical) * (1 + optical.bidirectional))


def edge_density(optical: OpticalLink) -> Scalar:
    """Usable bandwidth per direction and package edge [B/s/m]."""
    return optical.fibre_density / 2 * (1 + optical.bidirectional) * fibre_bandwidth(optical)


def host_edge(optical: OpticalLink, bandwidth: Scalar) -> Scalar:
    """Edge of the host die that `bandwidth` takes [m]: that of the hop, else of the serialisers unless they lie under the die."""
    lanes = bandwidth * optical.raw_rate_ratio / optical.serialiser.lane_rate
    own = (1 - optical.under_die) * lanes * optical.serialiser.lane_edge
    return optical.die_to_die * bandwidth / optical.die_to_die_edge_rate + (1 - optical.die_to_die) * own


def host_area(optical: OpticalLink, bandwidth: Scalar) -> Scalar:
    """Area of the host die that `bandwidth` takes [m2]: that of the hop, else of the serialisers."""
    lanes = bandwidth * optical.raw_rate_ratio / optical.serialiser.lane_rate
    own = lanes * optical.serialiser.lane_area
    return optical.die_to_die * bandwidth / optical.die_to_die_area_rate + (1 - optical.die_to_die) * own


def cable_price(optical: OpticalLink) -> Scalar:
    """Fibres of one link per usable bandwidth and direction [$ s/B]: two, or one that carries both directions."""
    return 2 * optical.fibre_price / ((1 + optical.bidirectional) * fibre_bandwidth(optical))


def built_link(optical: OpticalLink) -> Link:
    """The link technology that a design amounts to; its unit is 1 mm of package edge."""
    energy, bandwidth = stages(optical), UNIT_EDGE * edge_density(optical)
    none, one = 0.0 * bandwidth, UNIT_EDGE + 0.0 * bandwidth
    return Link(
        energy_serdes=energy.serialiser,
        energy_die_to_die=energy.die_to_die,
        energy_engine=energy.engine,
        energy_module=none,
        energy_laser=energy.laser,
        unit_bandwidth=bandwidth,
        package_area=UNIT_EDGE * optical.expansion_depth,
        package_edge=one,
        board_area=none,
        die_edge_per_unit=host_edge(optical, bandwidth),
        die_area_per_unit=host_area(optical, bandwidth),
        reach=optical.reach,
        price_per_bandwidth=optical.price_per_bandwidth,
        cable_price=cable_price(optical),
    )


class OpticalLimits(NamedTuple):
    """What a design asks of light and spectrum, and what there is."""

    bus_power: Scalar
    bus_power_limit: Scalar
    line_power: Scalar
    line_power_limit: Scalar
    comb_span: Scalar
    comb_span_limit: Scalar


def optical_limits(optical: OpticalLink) -> OpticalLimits:
    """Light per waveguide [W], laser power per line [W], comb against free spectral range [m]."""
    platform = optical.photonics
    bus = bus_power(optical), platform.bus_power_limit
    line = watts(line_level(optical)), watts(platform.line_power_limit)
    return OpticalLimits(*bus, *line, comb_span(optical), comb_limit(optical))
