"""How much modulated light does a receiver need?

    q      BER log2 M = 2 (1 - 1/M) Q(q), Q the tail of the normal distribution
    i_n    S0 (B / 56 GBd)^gamma sqrt(0.75 B)                      [A]
    OMA    2 q (M - 1) i_n / responsivity                          [W], outermost levels apart

with M levels, symbol rate B = bits per second / log2 M, and noise limited by the receiver's own
(thermal) noise: shot noise, and errors that several bits of a symbol share, are ignored.
"""

import jax.numpy as jnp
from jax.scipy.special import ndtri

from codesign.fields import Scalar
from codesign.physical.decibels import dbm

BITS = 8
REFERENCE_SYMBOL_RATE = 56e9
NOISE_BANDWIDTH = 0.75
"""Noise bandwidth of a receiver over the symbol rate."""


def symbol_rate(rate: Scalar, levels: Scalar) -> Scalar:
    """Symbols per second of `rate` [B/s] with `levels` levels [Bd]."""
    return BITS * rate / jnp.log2(levels)


def quality(bit_error_rate: Scalar, levels: Scalar) -> Scalar:
    """The Q factor: half the distance of two levels over the noise's deviation, at a bit error rate below 1/2.

    >>> round(float(quality(jnp.asarray(2.4e-4), jnp.asarray(4.0))), 3)
    3.414
    """
    return -ndtri(bit_error_rate * jnp.log2(levels) / (2 * (1 - 1 / levels)))


def noise_current(symbols: Scalar, density: Scalar, slope: Scalar) -> Scalar:
    """Deviation of the receiver's input current [A] at `symbols` [Bd]; `density` is squared and at 56 GBd [A2/Hz]."""
    return jnp.sqrt(density * NOISE_BANDWIDTH * symbols) * (symbols / REFERENCE_SYMBOL_RATE) ** slope


def sensitivity(q: Scalar, levels: Scalar, current: Scalar, responsivity: Scalar) -> Scalar:
    """Modulation amplitude at the photodiode that reaches `q` [dBm], without any penalty; `responsivity` in A/W."""
    return dbm(2 * q * (levels - 1) * current / responsivity)
