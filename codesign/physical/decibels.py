"""How do decibels and powers turn into each other?"""

import jax.numpy as jnp

from codesign.fields import Scalar

MILLIWATT = 1e-3


def power_ratio(decibels: Scalar | float) -> Scalar:
    """10^(x / 10).

    >>> round(float(power_ratio(3.0)), 3)
    1.995
    """
    return 10 ** (jnp.asarray(decibels) / 10)


def decibels(ratio: Scalar | float) -> Scalar:
    """10 log10(ratio) [dB], for a positive ratio.

    >>> round(float(decibels(100.0)), 6)
    20.0
    """
    return 10 * jnp.log10(ratio)


def watts(dbm: Scalar | float) -> Scalar:
    """Power [W] of a level in dBm."""
    return MILLIWATT * power_ratio(dbm)


def dbm(power: Scalar | float) -> Scalar:
    """Level [dBm] of a positive power [W]."""
    return decibels(jnp.asarray(power) / MILLIWATT)
