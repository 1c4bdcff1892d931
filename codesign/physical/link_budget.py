"""How much light must a laser give to one lane, and where is it lost?

    P = S + path + penalties + residual                       [dBm], sized by the receiver
    P = OMA at TP2 + losses before it + residual              [dBm], sized by a standard

per wavelength and lane, at the output of the laser; a line that feeds several lanes gives each its share, so
that only the splitters' excess loss is charged per lane. Modulation amplitude is charged once, at the
transmitter. The path passes three couplers: laser to chip, chip to fibre, fibre to chip. Sources of the form:
arXiv 2510.15893 for the rates, and the standard link budget of silicon photonics. Ignored: nonlinear loss below
the bus limit, polarisation dependence beyond the splitter, dispersion (0.5 km in the O band).
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.hardware.optical_link import OpticalLink
from codesign.physical import eye_penalties, receiver_sensitivity
from codesign.physical.decibels import decibels


def symbol_rate(optical: OpticalLink) -> Scalar:
    """Symbols per second of one wavelength [Bd]."""
    return receiver_sensitivity.symbol_rate(optical.rate, optical.levels)


def quality(optical: OpticalLink) -> Scalar:
    """The Q factor that the bit error rate asks for."""
    return receiver_sensitivity.quality(optical.bit_error_rate, optical.levels)


def receiver_amplitude(optical: OpticalLink) -> Scalar:
    """Modulation amplitude at the photodiode without penalties [dBm]."""
    receiver = optical.photonics
    current = receiver_sensitivity.noise_current(symbol_rate(optical), receiver.noise_density, receiver.noise_slope)
    return receiver_sensitivity.sensitivity(quality(optical), optical.levels, current, receiver.responsivity)


def amplitude_loss(optical: OpticalLink) -> Scalar:
    """Upper level over modulation amplitude, -10 log10(1 - 1/ER) [dB]."""
    return decibels(eye_penalties.upper_level(optical.photonics.extinction_ratio))


def transmitter_loss(optical: OpticalLink) -> Scalar:
    """From the laser to the fibre, modulation included, waveguides of both ends counted here [dB]."""
    platform = optical.photonics
    supply = platform.laser_connection_loss + platform.splitter_loss * jnp.log2(optical.lanes_per_line)
    chip = platform.waveguide_loss * optical.waveguide_length + platform.modulator_loss + (1 - platform.ring) * platform.multiplexer_loss
    return supply + chip + 2 * platform.coupler_loss + amplitude_loss(optical)


def receiver_loss(optical: OpticalLink) -> Scalar:
    """From the fibre to the photodiode: connectors, fibre, duplexers, coupler, polarisation, rings passed and dropped [dB]."""
    platform = optical.photonics
    fibre = optical.connectors * platform.connector_loss + platform.fibre_loss * optical.reach
    rings = 2 * (optical.wavelengths - 1) * platform.through_loss + platform.drop_loss
    both = 2 * optical.bidirectional * platform.duplexer_loss
    return fibre + both + platform.coupler_loss + platform.polarisation_loss + platform.ring * rings


def path_loss(optical: OpticalLink) -> Scalar:
    """Average light at the laser over modulation amplitude at the photodiode [dB]."""
    return transmitter_loss(optical) + receiver_loss(optical)


def crosstalk(optical: OpticalLink) -> Scalar:
    """Penalty of the neighbouring wavelengths at their spacing, no less than the platform's [dB]; 0 without rings."""
    platform = optical.photonics
    leakage = eye_penalties.comb_leakage(platform.filter_bandwidth * symbol_rate(optical), optical.channel_spacing, optical.wavelengths)
    return platform.ring * jnp.maximum(platform.crosstalk_penalty, eye_penalties.crosstalk(leakage, platform.extinction_ratio))


def laser_noise(optical: OpticalLink) -> Scalar:
    """Penalty of the laser's intensity noise at these levels and rate, no less than the platform's [dB]."""
    platform = optical.photonics
    signal = quality(optical), optical.levels, symbol_rate(optical)
    noise = eye_penalties.laser_noise(*signal, platform.intensity_noise, platform.extinction_ratio)
    return jnp.maximum(platform.noise_penalty, noise)


def penalties(optical: OpticalLink) -> Scalar:
    """Implementation, crosstalk, laser noise, locking of rings and ageing [dB]."""
    platform = optical.photonics
    rings = crosstalk(optical) + platform.ring * platform.locking_penalty
    return platform.implementation_penalty + rings + laser_noise(optical) + platform.ageing_penalty


def receiver_driven_power(optical: OpticalLink) -> Scalar:
    """Laser light of one lane with which this receiver just works [dBm], residual left out."""
    return receiver_amplitude(optical) + path_loss(optical) + penalties(optical)


def standard_driven_power(optical: OpticalLink) -> Scalar:
    """Laser light of one lane with which the transmitter just meets its standard at TP2 [dBm], residual left out."""
    return optical.required_amplitude + transmitter_loss(optical)


def lane_power(optical: OpticalLink) -> Scalar:
    """Laser light of one wavelength and lane [dBm]: standard x share + receiver x (1 - share) + residual."""
    share = optical.standard_driven
    sized = share * standard_driven_power(optical) + (1 - share) * receiver_driven_power(optical)
    return sized + optical.residual


def margin(optical: OpticalLink, power: Scalar) -> Scalar:
    """What a laser of `power` per lane [dBm] has beyond the receiver's need [dB]; below 0 the link fails."""
    return power - receiver_driven_power(optical)
