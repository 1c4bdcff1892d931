"""Which members of a group sit in one pod?

Groups are placed innermost first: tensor, context, expert, data, pipeline. A group of n
ranks whose neighbours are `stride` devices apart has clip(pod / stride, 1, n) of its ranks
in each pod. The formula is the real-valued relaxation; it is exact when strides divide the
pod and groups and pods hold one another evenly, which the rounding of studies sees to
(`lattice.exact_pods`).
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.parallelism import Mapping
from codesign.topology.endpoints import Group


def place(size: Scalar, stride: Scalar, pod: Scalar, split: Scalar, placed: Scalar) -> Group:
    """A group of `size` ranks `stride` devices apart in pods of `pod` devices.

    With `split` 1 the pod serves all peers inside it; with 0 a group that does not fit
    keeps only the `placed` ranks that an inner group brought into the pod (the rule of
    arXiv 2510.15893: tensor-parallel groups first, expert-parallel groups if they fit).
    """
    peers = jnp.clip(pod / stride, 1.0, size)
    whole = jnp.where(size * stride <= pod, size, jnp.clip(placed, 1.0, size))
    return Group(size, split * peers + (1 - split) * whole, stride)


class Placement(NamedTuple):
    """All groups of a mapping on pods of a given size."""

    tensor: Group
    context: Group
    expert_tensor: Group
    expert: Group
    data: Group
    expert_data: Group
    pipeline: Group


def placement(mapping: Mapping, pod: Scalar) -> Placement:
    """The groups of `mapping` on pods of `pod` devices (EP carved out of DP)."""
    split, one = mapping.schedule.split_groups, jnp.ones_like(mapping.tp)
    block = mapping.tp * mapping.cp
    in_tensor_group = jnp.minimum(mapping.tp, pod)
    return Placement(
        tensor=place(mapping.tp, one, pod, split, in_tensor_group),
        context=place(mapping.cp, mapping.tp, pod, split, one),
        expert_tensor=place(mapping.etp, one, pod, split, jnp.minimum(mapping.etp, pod)),
        expert=place(mapping.ep, mapping.etp, pod, split, in_tensor_group / mapping.etp),
        data=place(mapping.dp * mapping.cp, mapping.tp, pod, split, one),
        expert_data=place(mapping.expert_copies, mapping.expert_set, pod, split, one),
        pipeline=place(mapping.pp, block * mapping.dp, pod, split, one),
    )
