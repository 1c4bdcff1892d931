"""What is a photonic platform: its losses, penalties, receivers, modulators and lasers?

Everything that a process and its suppliers fix; what a designer chooses is in `OpticalLink`.
"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class Photonics(eqx.Module):
    """Constants of one platform; losses in dB, laser light counted per wavelength and lane."""

    ring: Scalar = quantity("1", "1: ring modulators and filters, 0: Mach-Zehnder modulators", high=1)
    # losses
    coupler_loss: Scalar = quantity("dB", "one facet between fibre and chip; light passes three", high=20)
    waveguide_loss: Scalar = quantity("dB/cm", "waveguides on the chips", high=20)
    splitter_loss: Scalar = quantity("dB", "excess of one splitting of a laser line in two", high=10)
    laser_connection_loss: Scalar = quantity("dB", "from the laser into its fibre", high=10)
    connector_loss: Scalar = quantity("dB", "one connector between two fibres", high=10)
    fibre_loss: Scalar = quantity("dB/km", "fibre", high=10)
    multiplexer_loss: Scalar = quantity("dB", "wavelength multiplexer beside modulators that are no rings", high=10)
    duplexer_loss: Scalar = quantity("dB", "filter at one end of a fibre that carries both directions", high=10)
    modulator_loss: Scalar = quantity("dB", "modulator at its upper level", high=20)
    extinction_ratio: Scalar = quantity("dB", "upper over lower level of the modulated light", low=0.5, high=30)
    through_loss: Scalar = quantity("dB", "passing one ring of another wavelength", high=2)
    drop_loss: Scalar = quantity("dB", "drop filter of the receiver", high=10)
    polarisation_loss: Scalar = quantity("dB", "splitter and rotator at the receiver", high=10)
    # receiver and penalties
    responsivity: Scalar = quantity("A/W", "photodiode", low=0.05, high=2)
    noise_density: Scalar = quantity("pA2/Hz", "squared input noise of the receiver at 56 GBd", low=0.1, high=1e6)
    noise_slope: Scalar = quantity("1", "power of the symbol rate with which the root of the noise density grows", high=2)
    implementation_penalty: Scalar = quantity("dB", "bandwidth, intersymbol interference, linearity, jitter", high=20)
    crosstalk_penalty: Scalar = quantity("dB", "least penalty of neighbouring wavelengths", high=20)
    noise_penalty: Scalar = quantity("dB", "least penalty of the laser's intensity noise", high=20)
    locking_penalty: Scalar = quantity("dB", "rings off resonance", high=10)
    ageing_penalty: Scalar = quantity("dB", "end of life", high=10)
    filter_bandwidth: Scalar = quantity("1", "full width of the drop filter at half maximum over the symbol rate", low=0.01, high=10)
    intensity_noise: Scalar = quantity("dB/Hz", "relative intensity noise of the laser", low=-200, high=-100)
    # energy
    laser_efficiency: Scalar = quantity("1", "light in the fibre of a laser module over its electrical power", low=1e-3, high=1)
    driver_energy: Scalar = quantity("pJ/bit", "modulator driver", high=100)
    receiver_energy: Scalar = quantity("pJ/bit", "amplifier and sampler of the receiver", high=100)
    control_energy: Scalar = quantity("pJ/bit", "clocks, bias and control", high=100)
    processor_energy: Scalar = quantity("pJ/bit", "signal processor; 0 where there is none", high=100)
    tuning_power: Scalar = quantity("mW", "heater of one ring; a lane has two rings", high=1000)
    # limits
    line_power_limit: Scalar = quantity("dBm", "largest power of one laser line", low=-20, high=40)
    bus_power_limit: Scalar = quantity("mW", "light that one silicon waveguide carries before it absorbs more", low=0.1, high=1e5)
    wavelength: Scalar = quantity("nm", "centre of the wavelengths", low=400, high=2000)
    group_index: Scalar = quantity("1", "group index of the rings' waveguide", low=1, high=10)
