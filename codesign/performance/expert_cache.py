"""How often is an expert's weight already in the cache?

Tokens choose independently of those before them, where real ones repeat themselves; prefetching by a prediction is not covered.
"""

import jax
import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.workload.expert_coverage import coverage

NEWTON_STEPS = 60
"""From zero, below a concave function, every step moves up and none too far; the last ones double the digits."""


def token_hit(probabilities: Scalar, kept: int) -> Scalar:
    """Share sum_{e kept} p_e / k of the choices that find their expert among the `kept` most popular; probabilities (E,)."""
    return jnp.sum(jax.lax.top_k(probabilities, kept)[0]) / jnp.sum(probabilities)


def byte_hit(probabilities: Scalar, tokens: Scalar, kept: int) -> Scalar:
    """Share sum_{e kept} [1 - (1 - p_e)^T] / E* of the bytes of a batch of T tokens that the `kept` most popular experts save.

    An expert is read once per batch: kept / E when the batch touches every expert.
    """
    some = jnp.maximum(tokens, 1e-6)
    return coverage(jax.lax.top_k(probabilities, kept)[0], some) / coverage(probabilities, some)


def characteristic_time(probabilities: Scalar, kept: int) -> Scalar:
    """Che's time t [tokens] after which an unused expert has left a cache of `kept`: sum_e 1 - exp(-p_e t) = kept < E."""

    def excess(time: Scalar) -> Scalar:
        return jnp.sum(-jnp.expm1(-probabilities * time)) - kept

    def newton(_: Scalar, time: Scalar) -> Scalar:
        return time - excess(time) / jnp.sum(probabilities * jnp.exp(-probabilities * time))

    return jax.lax.custom_root(
        excess,
        jnp.zeros_like(probabilities[0]),
        lambda _, start: jax.lax.fori_loop(0, NEWTON_STEPS, newton, start),
        lambda slope, target: target / slope(jnp.ones_like(target)),
    )


def lru_hit(probabilities: Scalar, kept: int) -> Scalar:
    """Share sum_e p_e (1 - exp(-p_e t)) / k of the choices that find their expert among the `kept` last used, t Che's time.

    Che, Tung and Wang, IEEE JSAC 20 (2002).
    """
    if kept >= probabilities.shape[0]:
        return jnp.ones_like(probabilities[0])
    time = characteristic_time(probabilities, kept)
    return jnp.sum(-probabilities * jnp.expm1(-probabilities * time)) / jnp.sum(probabilities)
