"""How many dB do neighbouring wavelengths and the laser's noise cost?

    crosstalk   -10 log10(1 - X ER / (ER - 1)),   X = (1 - 1/N) (pi a coth(pi a) - 1),  a = bandwidth / (2 spacing)
    noise        -5 log10(1 - x^2),               x = 2 q (M - 1) sqrt(RIN 0.75 B) ER / (ER - 1)

X is the light of the other N - 1 wavelengths that a Lorentzian drop filter lets through: the bracket sums
1 / (1 + (2 j spacing / bandwidth)^2) over all neighbours j of an endless comb, and the factor bounds the
sum of a comb of N from above (exact at N = 1). Where the eye is closed (an argument y beyond 0.99) a penalty
goes on as 20 + 10 log10(1 + 100 (y - 0.99)), with the same slope, so that it stays finite and still says which
way is better. Ignored: beating of crosstalk with the signal, and that inner eyes of several levels are smaller.
"""

import math

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.physical.decibels import power_ratio
from codesign.physical.receiver_sensitivity import NOISE_BANDWIDTH

CLOSED = 0.99


def closing(share: Scalar) -> Scalar:
    """-10 log10(1 - share) [dB], and beyond a share of 0.99 a logarithm that grows on from there."""
    inside = jnp.minimum(share, CLOSED)
    return 10 * (jnp.log1p((share - inside) / (1 - CLOSED)) - jnp.log1p(-inside)) / math.log(10)


def upper_level(extinction: Scalar) -> Scalar:
    """Upper level over modulation amplitude, ER / (ER - 1), for an extinction ratio in dB above 0."""
    return 1 / (1 - power_ratio(-extinction))


def comb_leakage(bandwidth: Scalar, spacing: Scalar, wavelengths: Scalar) -> Scalar:
    """X: light of all other wavelengths through one drop filter over that of its own.

    >>> round(float(comb_leakage(jnp.asarray(56e9), jnp.asarray(200e9), jnp.asarray(8.0))), 4)
    0.0557
    """
    width = math.pi * bandwidth / (2 * spacing)
    small = width < 1e-2
    whole = jnp.where(small, 1.0, width)
    endless = jnp.where(small, width**2 / 3, whole / jnp.tanh(whole) - 1)
    return (1 - 1 / wavelengths) * endless


def crosstalk(leakage: Scalar, extinction: Scalar) -> Scalar:
    """Penalty of neighbouring wavelengths [dB]: all of them at their upper level; extinction ratio in dB."""
    return closing(leakage * upper_level(extinction))


def laser_noise(q: Scalar, levels: Scalar, symbols: Scalar, intensity_noise: Scalar, extinction: Scalar) -> Scalar:
    """Penalty of relative intensity noise [dB/Hz] at the upper level [dB]; `symbols` in Bd, extinction ratio in dB."""
    deviation = jnp.sqrt(power_ratio(intensity_noise) * NOISE_BANDWIDTH * symbols)
    amplitude = 2 * q * (levels - 1) * deviation * upper_level(extinction)
    return closing(amplitude**2) / 2
