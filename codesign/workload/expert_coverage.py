"""How many distinct experts does a batch touch?

E* = sum_e 1 - (1 - p_e)^T for T tokens that choose expert e with probability p_e, independently of one another; smooth in T.
"""

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.workload.popularity import Strata

NEARLY_SURE = 1 - 1e-7
"""A choice that is certain is made this probable, where the power has a slope for every batch."""


def touched(probability: Scalar, tokens: Scalar) -> Scalar:
    """Probability 1 - (1 - p)^T that at least one of T tokens chooses an expert."""
    return -jnp.expm1(tokens * jnp.log1p(-NEARLY_SURE * probability))


def coverage(probabilities: Scalar, tokens: Scalar) -> Scalar:
    """E* for the probabilities of E experts (..., E) and T tokens (...).

    >>> round(float(coverage(jnp.full(128, 8 / 128), 16.0)), 2)
    82.42
    """
    return jnp.sum(touched(probabilities, jnp.asarray(tokens)[..., None]), axis=-1)


def uniform_coverage(experts: Scalar, top_k: Scalar, tokens: Scalar) -> Scalar:
    """E* = E (1 - (1 - k/E)^T): every expert is as popular."""
    return experts * touched(top_k / jnp.maximum(experts, 1e-6), tokens)


def strata_coverage(strata: Strata, tokens: Scalar) -> Scalar:
    """E* of experts in strata of one probability each."""
    return total(weight * touched(probability, tokens) for weight, probability in zip(strata.weights, strata.probabilities, strict=True))


def balanced_coverage(experts: Scalar, top_k: Scalar, tokens: Scalar) -> Scalar:
    """E* = min(E, T k) when tokens go round all experts in turn: the most that T tokens can touch."""
    return jnp.minimum(experts, top_k * tokens)


def effective_tokens(tokens: Scalar, correlation: Scalar) -> Scalar:
    """Independent tokens T^c that touch as many experts as T tokens of similar content; T itself below one token.

    c = 1 for tokens of independent requests; about 0.7 for four consecutive tokens of one sequence, which touch 2.5 k experts (Cohere
    on speculative decoding of mixtures of experts, 2026).
    """
    return tokens * jnp.exp((correlation - 1) * jnp.log(jnp.maximum(tokens, 1.0)))


def correlation_of_union(experts: Scalar, top_k: Scalar, tokens: Scalar, union: Scalar) -> Scalar:
    """c at which T > 1 tokens touch `union` of E equally popular experts, k < union < E: the inverse of the coverage of T^c tokens."""
    independent = jnp.log1p(-union / experts) / jnp.log1p(-top_k / experts)
    return jnp.log(independent) / jnp.log(tokens)
