"""How far apart are the nodes of a directed circulant, and which strides bring them closest?

Node v has a link to v + s (mod n) for each of d strides s. A stride coprime to n makes one ring over
all nodes, so that d of them carry d all-reduce rings at once, and other traffic over several hops
(TopoOpt, arXiv 2202.00433; facts F44, F45). Rates b in B/s are those of one link per direction.
Start-ups and uneven traffic are ignored.
"""

import itertools
import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import digamma, gammaln

from codesign.fields import Scalar

NEWTON_STEPS = 10
"""To `radius`, from below, where Newton's method cannot overshoot."""
EXHAUSTIVE = 5000
"""Sets of strides that are all tried; with more, strides are exchanged one by one."""


def coprime_strides(nodes: int) -> tuple[int, ...]:
    """The strides that make one ring over all nodes.

    >>> coprime_strides(12)
    (1, 5, 7, 11)
    """
    return tuple(s for s in range(1, nodes) if math.gcd(s, nodes) == 1)


def nodes_at_hops(nodes: int, strides: Sequence[int]) -> np.ndarray:
    """Nodes first reached after 0, 1, 2, ... hops from any node, exact integers; a set of nodes is the bits of one integer.

    >>> nodes_at_hops(8, (1, 3, 5, 7)).tolist()
    [1, 4, 3]
    """
    everyone, reached, front, counts = (1 << nodes) - 1, 1, 1, [1]
    while True:
        ahead = 0
        for stride in strides:
            ahead |= front << stride % nodes
        front = (ahead | ahead >> nodes) & everyone & ~reached
        if not front:
            return np.array(counts)
        counts.append(front.bit_count())
        reached |= front


def mean_hops(nodes: int, strides: Sequence[int]) -> float:
    """Mean hops to the n - 1 other nodes; infinite where some cannot be reached, zero for one node."""
    counts = nodes_at_hops(nodes, strides)
    return float(counts @ np.arange(len(counts))) / max(nodes - 1, 1) if counts.sum() == nodes else math.inf


def max_hops(nodes: int, strides: Sequence[int]) -> float:
    """Hops to the farthest node; infinite where one cannot be reached."""
    counts = nodes_at_hops(nodes, strides)
    return float(len(counts) - 1) if counts.sum() == nodes else math.inf


def best_strides(nodes: int, degree: int, candidates: Sequence[int] | None = None) -> tuple[int, ...]:
    """`degree` strides with the fewest mean hops found: the fewest of all sets while they are few, else of all single exchanges.

    `candidates` are the coprime strides unless said; the first is kept, for multiplying all
    coprime strides by the inverse of one of them gives the same graph.

    >>> best_strides(16, 3)
    (1, 3, 7)
    """
    first, *others = coprime_strides(nodes) if candidates is None else candidates
    if degree > len(others) + 1:
        raise ValueError(f"{nodes} nodes have {len(others) + 1} strides to choose {degree} from")
    if math.comb(len(others), degree - 1) <= EXHAUSTIVE:
        sets = ((first, *more) for more in itertools.combinations(others, degree - 1))
        return min(sets, key=lambda chosen: mean_hops(nodes, chosen))
    powers = [others[round(len(others) ** (i / degree)) - 1 + i] for i in range(1, degree)]
    return tuple(sorted(_exchanged(nodes, [first, *powers], others)))


def _exchanged(nodes: int, strides: list[int], others: Sequence[int]) -> list[int]:
    best, stale, position = mean_hops(nodes, strides), 0, 0
    while stale < len(strides) - 1:
        position = position % (len(strides) - 1) + 1
        kept = strides[:position] + strides[position + 1 :]
        trials = [[*kept[:position], s, *kept[position:]] for s in others if s not in kept]
        trial = min(trials, key=lambda chosen: mean_hops(nodes, chosen))
        now = mean_hops(nodes, trial)
        best, stale, strides = (now, 0, trial) if now < best else (best, stale + 1, strides)
    return strides


def radius(nodes: Scalar, degree: Scalar) -> Scalar:
    """The real number of hops k within which a circulant could reach n nodes: C(k + d, d) = n, n and d >= 1 real."""

    def excess(k: Scalar, n: Scalar, d: Scalar) -> Scalar:
        return gammaln(k + d + 1) - gammaln(k + 1) - gammaln(d + 1) - jnp.log(n)

    n, d = jax.lax.stop_gradient((nodes, degree))
    k = jnp.maximum(jnp.exp((jnp.log(n) + gammaln(d + 1)) / d) - (d + 1) / 2, 0.0)
    for _ in range(NEWTON_STEPS):
        slope = digamma(k + d + 1) - digamma(k + 1)
        k = jnp.maximum(k - excess(k, n, d) / slope, 0.0)
    return k - excess(k, nodes, degree) / slope  # differentiates k implicitly


def fewest_mean_hops(nodes: Scalar, degree: Scalar) -> Scalar:
    """A bound under the mean hops of every directed circulant: no two walks of different strides meet before all nodes are reached.

    At most C(j + d, d) nodes lie within j hops, so h >= sum_j max(0, n - C(j + d, d)) / (n - 1) =
    (k n - C(k + d, d + 1)) / (n - 1), k the least whole number with C(k + d, d) >= n. Exact for d = 1
    (n / 2) and n <= d + 1 (one hop). Continuous in real n, d >= 1, with kinks where k changes; one for n <= 2.
    """
    n = jnp.maximum(nodes, 2.0)
    k = jnp.maximum(jnp.ceil(jax.lax.stop_gradient(radius(n, degree))), 1.0)
    beyond = jnp.exp(gammaln(k + degree + 1) - gammaln(degree + 2) - gammaln(k))
    return jnp.maximum((k * n - beyond) / (n - 1), 1.0)


def fitted_mean_hops(nodes: Scalar, degree: Scalar) -> Scalar:
    """Mean hops of about the best directed circulant: `fewest_mean_hops` times a fitted surcharge for walks that meet.

    h (1 + (1 - 1/d) (0.07 y^2.9 + 0.415 y^2.8 k^-1.5 (1 + cos 2 pi k))), y = 1 - 1/k, k = max(1, `radius`): most
    where the last shell would just be full. Fitted to the best circulants of any strides found by random
    exchanges, n to 4096 and d to 16: 1.0 % root mean square, 3.0 % at most for n >= 32 (3.3 % at sizes kept
    out of the fit), 5.4 % for n >= 12, 8.8 % below (n = 6, d = 2). Rises with n and falls with d in that range.
    Strides coprime to an even n are all odd and cost up to 16 % more for n < 512 and d >= 12, 7 % from there.
    Float32 is within 0.3 % of float64.
    """
    k = jnp.maximum(radius(jnp.maximum(nodes, 2.0), degree), 1.0)
    y = 1 - 1 / k
    full_shell = 0.415 * y**2.8 * k**-1.5 * (1 + jnp.cos(2 * jnp.pi * k))
    return fewest_mean_hops(nodes, degree) * (1 + (1 - 1 / degree) * (0.07 * y**2.9 + full_shell))


def permuted_rings_time(size: Scalar, nodes: Scalar, degree: Scalar, bandwidth: Scalar) -> Scalar:
    """Seconds of an all-reduce of `size` bytes over d rings of coprime strides at once: 2 (n - 1) / n M / (d b)."""
    return 2 * (nodes - 1) / nodes * size / (degree * bandwidth)


def static_all_to_all_time(sent: Scalar, hops: Scalar, degree: Scalar, bandwidth: Scalar) -> Scalar:
    """Seconds of an even all-to-all in which a node sends `sent` bytes to others, relayed over `hops` links: V h / (d b)."""
    return sent * hops / (degree * bandwidth)
