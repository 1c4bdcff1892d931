"""How much does one fibre carry?"""

from codesign.fields import Scalar


def fibre_rate(wavelengths: Scalar | float, rate: Scalar | float) -> Scalar | float:
    """Rate of one fibre in one direction: wavelengths x rate of each [B/s] (arXiv 2510.15893 section III)."""
    return wavelengths * rate
