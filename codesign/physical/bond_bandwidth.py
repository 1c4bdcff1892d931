"""How much bandwidth do the bonds below stacked memory and its banks allow?

    BW = min(A f_sig f_io / p^2, N_bank w_bank f_bank)

A bonded area [m2], f_sig share of the bonds that carry data, f_io rate of one of them [B/s], p pitch [m]; N_bank banks that
each deliver w_bank bytes f_bank times a second. Below a pitch of about 10 um the banks bind. Ignored: spare bonds, power
integrity, conflicts between banks.
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.hardware.packaging import Packaging


def bond_density(packaging: Packaging) -> Scalar:
    """Bonds per area [1/m2]: 1 / p^2."""
    return 1 / packaging.bump_pitch**2


def bond_bandwidth(packaging: Packaging, area: Scalar) -> Scalar:
    """What the data bonds of `area` [m2] carry, both directions together [B/s]: A f_sig f_io / p^2."""
    return area * packaging.area_rate


def bank_bandwidth(banks: Scalar, width: Scalar, frequency: Scalar) -> Scalar:
    """What `banks` deliver that each give `width` [B] `frequency` [1/s] times a second [B/s].

    768 banks of 128 bits at 0.5 GHz (arXiv 2508.07252), in TB/s:

    >>> round(bank_bandwidth(768, 128 / 8, 0.5e9) / 1e12, 3)
    6.144
    """
    return banks * width * frequency


def stacked_bandwidth(packaging: Packaging, area: Scalar, banks: Scalar) -> Scalar:
    """Bandwidth of one stack [B/s]: the smaller of what its bonds carry and its `banks` deliver [B/s]."""
    return jnp.minimum(bond_bandwidth(packaging, area), banks)
