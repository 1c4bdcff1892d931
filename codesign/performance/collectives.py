"""How long does a collective take on a pod inside a scale-out network?

Hockney's start-up plus bytes over bandwidth on each tier. Rings have n - 1 start-ups; an
all-to-all starts its messages at once and pays one start-up per tier. Groups that span
pods use both tiers: rings one after the other (the outer one with the bandwidth of all
inside members), the all-to-all both at the same time. A group of one costs nothing.
Large messages sustain the efficiency of the port; small ones lose to start-ups, and the
caller adds the start of the kernel that runs the collective. Contention is ignored.
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.topology.endpoints import Group, Tier


def all_gather_time(size: Scalar, group: Group, pod: Tier, scale_out: Tier) -> Scalar:
    """Every rank ends with `size` bytes, of which each contributed size / n.

    inside p: (p-1) a + (p-1)/p size / b ; across d pods: (d-1) a + (d-1)/d size / (p b).
    """
    p, d = group.inside, group.domains
    inner = (p - 1) * pod.latency + (p - 1) / p * size / pod.bandwidth
    outer = (d - 1) * scale_out.latency + (d - 1) / d * size / (p * scale_out.bandwidth)
    return inner + outer


def reduce_scatter_time(size: Scalar, group: Group, pod: Tier, scale_out: Tier) -> Scalar:
    """Every rank ends with its n-th part of the sum of n inputs of `size` bytes: the mirror of an all-gather."""
    return all_gather_time(size, group, pod, scale_out)


def all_reduce_time(size: Scalar, group: Group, pod: Tier, scale_out: Tier) -> Scalar:
    """Every rank ends with the sum: the faster of a ring and a tree over the pods.

    Ring: reduce-scatter, then all-gather. Tree: the same inside the pod; across, a double binary
    tree with 2 log2 d start-ups moves every byte twice. Small messages of many pods take the tree;
    with fewer than two pods the ring is never slower.
    """
    p, d = group.inside, group.domains
    inner = 2 * ((p - 1) * pod.latency + (p - 1) / p * size / pod.bandwidth)
    moved = size / (p * scale_out.bandwidth)
    ring = 2 * ((d - 1) * scale_out.latency + (d - 1) / d * moved)
    tree = 2 * (jnp.log2(jnp.maximum(d, 2.0)) * scale_out.latency + jnp.minimum(d - 1, 1.0) * moved)
    return inner + jnp.minimum(ring, tree)


def all_to_all_time(size: Scalar, group: Group, pod: Tier, scale_out: Tier) -> Scalar:
    """Every rank sends size / n bytes to each rank of the group, itself included (which is free).

    max over the tiers of start-up + (p-1)/n size / b inside, (n-p)/n size / b across.
    """
    inside = (group.inside - 1) / group.size
    across = (group.size - group.inside) / group.size
    inner = jnp.minimum(group.inside - 1, 1.0) * pod.latency + inside * size / pod.bandwidth
    outer = jnp.minimum(group.domains - 1, 1.0) * scale_out.latency + across * size / scale_out.bandwidth
    return jnp.maximum(inner, outer)


def relayed_all_to_all_time(size: Scalar, once: Scalar, group: Group, pod: Tier, scale_out: Tier) -> Scalar:
    """An all-to-all in which bytes for several ranks of one pod cross once and are forwarded there.

    `size` as in `all_to_all_time`; `once` the bytes when each pod is sent a token once. With d
    pods of p ranks: (d-1)/d once / b across; inside (p-1)/n size directly and (n-p)/n size
    (p-1)/p forwarded. Both tiers work at the same time.
    """
    p, n, d = group.inside, group.size, group.domains
    inside = (p - 1) / n + (n - p) / n * (p - 1) / p
    inner = jnp.minimum(p - 1, 1.0) * pod.latency + inside * size / pod.bandwidth
    outer = jnp.minimum(d - 1, 1.0) * scale_out.latency + (d - 1) / d * once / scale_out.bandwidth
    return jnp.maximum(inner, outer)


def neighbour_time(size: Scalar, group: Group, pod: Tier, scale_out: Tier) -> Scalar:
    """Mean time to hand `size` bytes to the next rank of a chain.

    Of the n - 1 hand-overs of n ranks (p - 1) / p n stay inside the pod and the rest cross. No
    time for a chain of one.
    """
    hops = jnp.maximum(group.size - 1, 1.0)
    inside = (group.inside - 1) / group.inside * group.size / hops
    across = (group.domains - 1) / hops
    inner = pod.latency + size / pod.bandwidth
    outer = scale_out.latency + size / scale_out.bandwidth
    return inside * inner + across * outer
