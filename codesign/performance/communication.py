"""How long do the collectives of a layer, a stage boundary and a step take?

EP is carved out of DP: an all-to-all connects the ep ranks of one expert set, and its
bytes are the routed copies of one rank's own tokens.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.parallelism import Mapping
from codesign.mapping.partition import Share, replicated_parameters, routed_parameters
from codesign.mapping.placement import Placement
from codesign.performance.collectives import (
    all_gather_time,
    all_to_all_time,
    neighbour_time,
    reduce_scatter_time,
    relayed_all_to_all_time,
)
from codesign.topology.tier import Tier
from codesign.workload.routing import distinct_destinations
from codesign.workload.training import Workload


class Network(NamedTuple):
    """The two tiers and where the groups sit on them."""

    placement: Placement
    pod: Tier
    scale_out: Tier


def routed_copies(workload: Workload, mapping: Mapping) -> Scalar:
    """Copies of a token that are sent: top-k, or distinct ranks when duplicates are dropped."""
    model = workload.model
    distinct = distinct_destinations(model.experts, mapping.ep, model.top_k)
    drop = mapping.schedule.deduplicate
    return drop * distinct + (1 - drop) * model.top_k


def tensor_parallel_time(workload: Workload, part: Share, net: Network) -> Scalar:
    """All-gather and reduce-scatter of one block (attention or dense network), one pass.

    Forward gathers its input and scatters its output; backward does the same with gradients.
    """
    size = part.tokens * workload.model.d_model * workload.training.precision.activation
    group = net.placement.tensor
    return all_gather_time(size, group, net.pod, net.scale_out) + reduce_scatter_time(size, group, net.pod, net.scale_out)


def expert_tensor_time(workload: Workload, mapping: Mapping, part: Share, net: Network) -> Scalar:
    """All-gather and reduce-scatter of the tokens that arrived inside an expert-tensor group, one pass."""
    arrived = part.routed * routed_copies(workload, mapping) / jnp.maximum(workload.model.top_k, 1.0)
    size = arrived * workload.model.d_model * workload.training.precision.activation
    group = net.placement.expert_tensor
    return all_gather_time(size, group, net.pod, net.scale_out) + reduce_scatter_time(size, group, net.pod, net.scale_out)


def all_to_all_pass_time(workload: Workload, mapping: Mapping, part: Share, net: Network) -> Scalar:
    """Dispatch and combine of one layer, one pass: tokens / tp x copies x d_model each.

    With relays a token crosses once to every pod that needs it (at most as many as routing
    allows) and is forwarded inside.
    """
    model, precision, group = workload.model, workload.training.precision, net.placement.expert
    elements = part.tokens / mapping.tp * model.d_model * workload.training.expert_imbalance
    copies = routed_copies(workload, mapping)
    pods = jnp.minimum(distinct_destinations(model.experts, group.domains, model.top_k), model.domains_per_token)
    once = jnp.minimum(pods, copies)

    def exchange(element: Scalar) -> Scalar:
        size = elements * element
        direct = all_to_all_time(size * copies, group, net.pod, net.scale_out)
        relayed = relayed_all_to_all_time(size * copies, size * once, group, net.pod, net.scale_out)
        return mapping.schedule.relay * relayed + (1 - mapping.schedule.relay) * direct

    return exchange(precision.dispatch) + exchange(precision.combine)


def context_parallel_time(workload: Workload, mapping: Mapping, part: Share, net: Network) -> Scalar:
    """All-gather of keys and values of one layer over the context group, one pass."""
    attention, precision = workload.model.attention, workload.training.precision
    size = part.tokens * mapping.cp * attention.kv_width(mapping.tp) * precision.activation / mapping.tp
    return all_gather_time(size, net.placement.context, net.pod, net.scale_out)


def boundary_time(workload: Workload, mapping: Mapping, part: Share, net: Network) -> Scalar:
    """Activations handed to the next pipeline stage, per micro-batch and pass."""
    size = part.tokens / mapping.tp * workload.model.d_model * workload.training.precision.activation
    return neighbour_time(size, net.placement.pipeline, net.pod, net.scale_out)


def gradient_time(workload: Workload, mapping: Mapping, part: Share, net: Network) -> Scalar:
    """Reduce-scatter of gradients and all-gather of parameters, once per step.

    Replicated weights over dp cp ranks, routed experts over the copies of their set. Without
    ZeRO the gradients themselves are gathered (an all-reduce). From ZeRO-2 on gradients are
    scattered after every micro-batch, as no rank keeps them whole; ZeRO-3 gathers parameters
    for every micro-batch, forward and backward, instead of once.
    """
    precision, stage = workload.training.precision, mapping.schedule.zero_stage
    optimizer_sharded = jnp.clip(stage, 0.0, 1.0)
    gathered = optimizer_sharded * precision.weight + (1 - optimizer_sharded) * precision.reduction
    sharded = jnp.clip(stage - 2, 0.0, 1.0)
    gathers = (1 - sharded) + sharded * 2 * part.micro_batches
    scatters = 1 + jnp.clip(stage - 1, 0.0, 1.0) * (part.micro_batches - 1)
    total = jnp.zeros_like(part.tokens)
    for count, group in (
        (replicated_parameters(workload, mapping), net.placement.data),
        (routed_parameters(workload, mapping), net.placement.expert_data),
    ):
        total += scatters * reduce_scatter_time(count * precision.reduction, group, net.pod, net.scale_out)
        total += gathers * all_gather_time(count * gathered, group, net.pod, net.scale_out)
    return total
