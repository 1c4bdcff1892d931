"""What is one design of an optical link: rate, wavelengths, fibres, reach, on which platform?

The energy per bit is no number here: it follows from the losses (`physical.optical_engine`).
"""

import equinox as eqx

from codesign.fields import Scalar, quantity
from codesign.hardware.photonics import Photonics
from codesign.hardware.serialiser import Serialiser


class OpticalLink(eqx.Module):
    """One end of an optical link as its designer chooses it; rates per direction.

    `physical.optical_engine.built_link` makes a `Link` of it.
    """

    serialiser: Serialiser
    photonics: Photonics
    rate: Scalar = quantity("Gb/s", "raw rate of one wavelength", low=1, high=1e3)
    raw_rate_ratio: Scalar = quantity("1", "raw over usable rate", low=1, high=2)
    levels: Scalar = quantity("1", "levels of a symbol: 2 for on-off keying, 4 for PAM4", low=2, high=16, whole=True)
    wavelengths: Scalar = quantity("1", "wavelengths per fibre and direction", low=1, high=128, whole=True)
    channel_spacing: Scalar = quantity("GHz", "between neighbouring wavelengths", low=1, high=1e5)
    ring_radius: Scalar = quantity("um", "radius of the rings", low=1, high=1000)
    lanes_per_line: Scalar = quantity("1", "lanes that one laser line feeds, each in another fibre", low=1, high=1024, whole=True)
    bit_error_rate: Scalar = quantity("1", "before error correction", low=1e-18, high=0.1)
    reach: Scalar = quantity("m", "longest span", low=0.01, high=1e5)
    connectors: Scalar = quantity("1", "connectors on the way", high=100, whole=True)
    waveguide_length: Scalar = quantity("cm", "waveguides of transmitter and receiver together", high=100)
    residual: Scalar = quantity("dB", "loss that a published total needs beyond the itemised ones", low=-20, high=20)
    standard_driven: Scalar = quantity("1", "1: the laser meets a standard's transmitter, 0: this receiver", high=1)
    required_amplitude: Scalar = quantity("dBm", "modulation amplitude a standard asks of the transmitter at TP2", low=-40, high=30)
    bidirectional: Scalar = quantity("1", "1: a fibre carries both directions on wavelengths of their own, 0: one", high=1)
    fibre_density: Scalar = quantity("1/mm", "fibres per package edge, both directions", low=0.01, high=100)
    expansion_depth: Scalar = quantity("mm", "depth of package that engine and fibres take behind that edge", high=200)
    under_die: Scalar = quantity("1", "1: serialisers leave through the die's area, 0: through its edge", high=1)
    die_to_die: Scalar = quantity("1", "1: a die-to-die hop from the host to an engine beside it, 0: none", high=1)
    die_to_die_energy: Scalar = quantity("pJ/bit", "that hop", high=10)
    die_to_die_edge_rate: Scalar = quantity("GB/s/mm", "rate per direction of that hop per edge of the host", low=1, high=1e6)
    die_to_die_area_rate: Scalar = quantity("GB/s/mm2", "rate per direction of that hop per area of the host", low=1, high=1e7)
    price_per_bandwidth: Scalar = quantity("$/(GB/s)", "price of one end per usable bandwidth and direction", high=1e3)
    fibre_price: Scalar = quantity("$", "one fibre between two ends", high=1e4)

    @property
    def usable_rate(self) -> Scalar:
        """Usable rate of one wavelength [B/s]."""
        return self.rate / self.raw_rate_ratio
