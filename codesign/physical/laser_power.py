"""What does a laser's light cost, and which limits does it meet on its way?

    energy      10^(P / 10) mW / (efficiency x rate)                          [J/B]
    line        P + 10 log10(lanes per line)                                  [dBm], what one laser emits
    bus         wavelengths x 10^((P - laser connection - coupler) / 10) mW   [W], what one waveguide carries
    comb        wavelengths x spacing x lambda^2 / c <= lambda^2 / (n_g 2 pi r)   [m]

so that d ln energy / d dB = ln 10 / 10 and d ln energy / d ln efficiency = -1. The laser is charged to the
transmitting end; both directions of a link are then counted once. A fibre of two directions holds twice the comb.
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.hardware.optical_link import OpticalLink
from codesign.physical.decibels import decibels, watts
from codesign.physical.link_budget import lane_power

LIGHT = 299_792_458.0
"""Speed of light [m/s]."""


def light_energy(power: Scalar, efficiency: Scalar, rate: Scalar) -> Scalar:
    """Electrical energy of light of `power` [dBm] for a lane of `rate` [B/s]: J/B.

    >>> round(float(light_energy(jnp.asarray(6.5), jnp.asarray(0.1), jnp.asarray(4e9))) / 8e-12, 3)
    1.396
    """
    return watts(power) / (efficiency * rate)


def module_efficiency(lines: Scalar, power: Scalar, electrical: Scalar) -> Scalar:
    """Light of all `lines` of `power` [dBm] each over the electrical power of their module [W]."""
    return lines * watts(power) / electrical


def laser_energy(optical: OpticalLink) -> Scalar:
    """Laser energy of one end [J/B], per raw bit."""
    return light_energy(lane_power(optical), optical.photonics.laser_efficiency, optical.rate)


def line_level(optical: OpticalLink) -> Scalar:
    """What one laser line must emit for all its lanes [dBm]."""
    return lane_power(optical) + decibels(optical.lanes_per_line)


def bus_power(optical: OpticalLink) -> Scalar:
    """Light in the waveguide behind the laser's coupler [W], all wavelengths of a fibre."""
    lost = optical.photonics.laser_connection_loss + optical.photonics.coupler_loss
    return optical.wavelengths * watts(lane_power(optical) - lost)


def channel_width(spacing: Scalar, wavelength: Scalar) -> Scalar:
    """Wavelengths that a `spacing` [Hz] takes at `wavelength` [m]: lambda^2 / c x spacing [m]."""
    return wavelength**2 * spacing / LIGHT


def free_spectral_range(wavelength: Scalar, group_index: Scalar, radius: Scalar) -> Scalar:
    """Spectrum between two resonances of a ring of `radius` [m]: lambda^2 / (n_g 2 pi r) [m]."""
    return wavelength**2 / (group_index * 2 * jnp.pi * radius)


def comb_span(optical: OpticalLink) -> Scalar:
    """Spectrum that the wavelengths of a fibre take [m], both directions where it carries them; 0 without rings."""
    one = optical.wavelengths * channel_width(optical.channel_spacing, optical.photonics.wavelength)
    return optical.photonics.ring * (1 + optical.bidirectional) * one


def comb_limit(optical: OpticalLink) -> Scalar:
    """Free spectral range of the rings [m]."""
    return free_spectral_range(optical.photonics.wavelength, optical.photonics.group_index, optical.ring_radius)


def ring_power(offset: Scalar, warming: Scalar, drift: Scalar, efficiency: Scalar) -> Scalar:
    """Heater power of one ring [W]: (fabrication offset [m] + warming [K] x drift [m/K]) / tuning efficiency [m/W]."""
    return (offset + warming * drift) / efficiency
