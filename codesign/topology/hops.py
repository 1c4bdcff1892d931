"""About how many hops does a byte take on a static graph of n nodes with d links out of each?

    h = max(1, d/(d+1) (k - 0.809 (d+1)/2) + 0.520 - 0.673 (1 - 1/d)) (1 - 0.0217 (1 - 1/d)),  k = (n d!)^(1/d)

C(k + d, d), about (k + (d+1)/2)^d / d!, nodes lie within k hops when no two walks meet. The four
numbers are fitted to `circulant.fitted_mean_hops`, which follows the best circulants found for
2 to 4,096 nodes and degrees 1 to 16: 3.0 % root mean square, 11.5 % at most (two nodes). This form
is for programs that are evaluated by the million and bounded by intervals: no gamma function, no
rounding; d! is Stirling's.
"""

import jax.numpy as jnp
import numpy as np

from codesign.fields import Scalar


def log_factorial(d: Scalar) -> Scalar:
    """Stirling's series of log d! for d >= 1, exact to 1e-3."""
    return (d + 0.5) * jnp.log(d) - d + 0.5 * float(np.log(2 * np.pi)) + 1 / (12 * d) - 1 / (360 * d**3)


def mean_hops(nodes: Scalar, degree: Scalar) -> Scalar:
    """Mean hops to the other nodes, for real `nodes` >= 2 and `degree` >= 1."""
    several = 1 - 1 / degree
    reach = jnp.exp((jnp.log(nodes) + log_factorial(degree)) / degree)
    mean = degree / (degree + 1) * (reach - 0.809 * (degree + 1) / 2) + 0.52 - 0.673 * several
    return jnp.maximum(jnp.maximum(mean, 1.0) * (1 - 0.0217 * several), 1.0)
