"""What part of an expert's bits is read when low scores are content with fewer, and do both halves of the channels work?

A reading of the reduced accesses and the even-odd placement of A3D-MoE (arXiv 2507.19142), whose laws are not published. What
fewer bits do to the answers is ignored.
"""

import math

import jax.numpy as jnp

from codesign.fields import Scalar


def _mean_decay(x: Scalar) -> Scalar:
    """(1 - exp(-x)) / x, by its series near zero."""
    small = x < 1e-2
    away = jnp.where(small, 1.0, x)
    return jnp.where(small, 1 - x / 2 + x**2 / 6 - x**3 / 24, -jnp.expm1(-away) / away)


def low_score_share_per_slot(mean_tokens: Scalar, share: Scalar) -> Scalar:
    """Share of the experts read all of whose tokens have a low score, as a token has with probability rho: the others need every bit.

    (exp(-lambda (1 - rho)) - exp(-lambda)) / (1 - exp(-lambda)) for a Poisson number of tokens with mean lambda; tends to rho for few.
    """
    return share * jnp.exp(-mean_tokens * (1 - share)) * _mean_decay(mean_tokens * share) / _mean_decay(mean_tokens)


def traffic_factor(reduction: Scalar, low_share: Scalar) -> Scalar:
    """Share 1 - delta rho of the bits that is read when a reduced read drops delta of them and rho of the reads are reduced."""
    return 1 - reduction * low_share


def even_odd_efficiency(experts: int) -> float:
    """Bandwidth share 1 / (1 + E|n_even - n_odd| / n) of two channel halves that read n experts of random parity, halves waiting.

    de Moivre: E|n_even - n_odd| = 2 h C(n, h) / 2^n with h = ceil(n / 2).
    """
    half = (experts + 1) // 2
    imbalance = 2 * half * math.comb(experts, half) / 2**experts
    return 1 / (1 + imbalance / max(experts, 1))


def even_odd_estimate(experts: Scalar) -> Scalar:
    """`even_odd_efficiency` of many experts, a real number: 1 / (1 + sqrt(2 / (pi n))); that of one below one."""
    return 1 / (1 + jnp.sqrt(2 / (jnp.pi * jnp.maximum(experts, 1.0))))
