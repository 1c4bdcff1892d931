"""To how many different ranks does a token go when it picks k of E experts?"""

import jax.numpy as jnp
from jax.scipy.special import gammaln

from codesign.fields import Scalar


def distinct_destinations(experts: Scalar, ranks: Scalar, top_k: Scalar) -> Scalar:
    """Expected ranks that hold at least one of a token's experts.

    ranks (1 - C(E - E/ranks, k) / C(E, k)) for k of E experts drawn without replacement and
    uniformly, E / ranks on each rank; the binomials are continued by gamma functions so that
    the formula holds for real E, k and ranks. Equals k when every rank has one expert.
    Skewed and correlated routing are ignored. Zero experts give zero.
    """
    experts = jnp.maximum(experts, 1.0)
    others = experts - experts / ranks
    room = others - top_k
    safe = jnp.maximum(room, 0.0)
    log_miss = gammaln(others + 1) - gammaln(safe + 1) + gammaln(experts - top_k + 1) - gammaln(experts + 1)
    miss = jnp.where(room >= 0, jnp.exp(jnp.minimum(log_miss, 0.0)), 0.0)
    return jnp.where(top_k > 0, ranks * (1 - miss), 0.0)
