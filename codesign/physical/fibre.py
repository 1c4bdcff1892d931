"""How much does one fibre carry, and how many fibres does a bandwidth need?"""

from codesign.fields import Scalar


def fibre_rate(wavelengths: Scalar | float, rate: Scalar | float) -> Scalar | float:
    """Rate of one fibre in one direction: wavelengths x rate of each [B/s] (arXiv 2510.15893 section III)."""
    return wavelengths * rate


def fibres(bandwidth: Scalar | float, rate: Scalar | float) -> Scalar | float:
    """Fibres for a bandwidth per direction, transmit and receive apart (real-valued)."""
    return 2 * bandwidth / rate
