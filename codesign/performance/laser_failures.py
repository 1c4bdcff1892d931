"""How often does a device lose a link because its lasers fail, with spare lasers standing by?

A group of k laser lines that a link needs has s hot spares, all of which age; the link is lost when s + 1 of the
n = k + s lines are dark at once. With the mean time m between failures of a line and its repair time r:

    external   C(n, s) a^(n - s) u^s (n - s) / m,   u = r / (m + r), a = m / (m + r)
    internal   1 / (m (psi(n + 1) - psi(k)))        psi(n + 1) - psi(k) = 1/k + ... + 1/n

External lasers are replaced in the field while the link works, so that the lines are independent and in steady
state; internal ones stay dark until the link is lost and the whole package is replaced. Without spares both are
k / m (external: k a^k / m). Ignored: common causes such as the module's supply, and wear-out (the rate of
failures is constant). Failure rates are assumptions: rows laser_external and laser_internal of failures.toml.
"""

import dataclasses

import jax.numpy as jnp
from jax.scipy.special import digamma, gammaln

from codesign.fields import Scalar
from codesign.performance.failures import Reliability

LEAST = 1e-30
"""Smallest unavailability: keeps powers of it and their slopes finite."""


def hours_between(fit: Scalar | float) -> Scalar | float:
    """Mean hours between failures of a part of `fit` failures in 1e9 hours."""
    return 1e9 / fit


def choices(total: Scalar, chosen: Scalar) -> Scalar:
    """Ways to choose `chosen` of `total`, real-valued.

    >>> round(float(choices(jnp.asarray(10.0), jnp.asarray(2.0))), 6)
    45.0
    """
    return jnp.exp(gammaln(total + 1) - gammaln(chosen + 1) - gammaln(total - chosen + 1))


def external_loss_rate(laser: Reliability, needed: Scalar, spares: Scalar) -> Scalar:
    """Losses per second of a link that needs `needed` >= 1 lines and has `spares`, lines replaced while it works [1/s]."""
    between, repair = laser.mean_time_between, laser.repair_time
    dark = jnp.maximum(repair / (between + repair), LEAST)
    on_the_brink = choices(needed + spares, spares) * jnp.exp(needed * jnp.log1p(-dark) + spares * jnp.log(dark))
    return on_the_brink * needed / between


def internal_loss_rate(laser: Reliability, needed: Scalar, spares: Scalar) -> Scalar:
    """Losses per second of a link that needs `needed` >= 1 lines and has `spares`, nothing replaced before [1/s]."""
    lifetimes = digamma(needed + spares + 1) - digamma(needed)
    return 1 / (laser.mean_time_between * lifetimes)


def link_reliability(laser: Reliability, needed: Scalar, spares: Scalar, replaceable: Scalar) -> Reliability:
    """A link as a part that fails with its lasers: `replaceable` 1 for external lasers, 0 for internal ones.

    Enters a `Failure` with as many parts as the cluster has such groups of lines.
    """
    external, internal = external_loss_rate(laser, needed, spares), internal_loss_rate(laser, needed, spares)
    rate = replaceable * external + (1 - replaceable) * internal
    return dataclasses.replace(laser, mean_time_between=1 / rate)


def device_loss_rate(laser: Reliability, lines: Scalar, needed: Scalar, spares: Scalar, replaceable: Scalar) -> Scalar:
    """Link losses per second of a device with `lines` laser lines in groups of `needed`, each with `spares` [1/s]."""
    return lines / needed / link_reliability(laser, needed, spares, replaceable).mean_time_between


def spare_power(needed: Scalar, spares: Scalar) -> Scalar:
    """Laser power with hot spares over that without: (k + s) / k."""
    return (needed + spares) / needed
