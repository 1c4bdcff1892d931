"""How long do the collectives of a layer, a stage boundary and a step take?

EP is carved out of DP: an all-to-all connects the ep ranks of one expert set, and its
bytes are the routed copies of one rank's own tokens. Every collective is a kernel on every
rank that starts and then waits for the others: two kernel times, where there is a group.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.parallelism import Mapping
from codesign.mapping.partition import Share, replicated_parameters, routed_parameters
from codesign.mapping.placement import Placement
from codesign.mapping.stages import Load
from codesign.performance.collectives import (
    all_gather_time,
    all_reduce_time,
    all_to_all_time,
    neighbour_time,
    reduce_scatter_time,
    relayed_all_to_all_time,
)
from codesign.topology.base import Topology
from codesign.topology.endpoints import Endpoints, Group, Tier
from codesign.workload.precision import Precision
from codesign.workload.routing import distinct_destinations
from codesign.workload.training import Workload
from codesign.workload.transformer import Transformer


class Network(NamedTuple):
    """The networks of pods and cluster, where the groups sit on them, and the start of a collective's kernel."""

    placement: Placement
    pod: Topology
    pod_ends: Endpoints
    fabric: Topology
    fabric_ends: Endpoints
    kernel_time: Scalar

    def start(self, group: Group, count: float = 1.0) -> Scalar:
        """Seconds that `count` collectives of `group` take to start; none for a group of one."""
        return count * 2 * self.kernel_time * jnp.minimum(group.size - 1, 1.0)

    def rings(self, group: Group) -> tuple[Tier, Tier]:
        """Pod and fabric as a ring of `group` sees them."""
        return self.pod.ring(in_pod(group), self.pod_ends), self.fabric.ring(group, self.fabric_ends)

    def exchanges(self, group: Group) -> tuple[Tier, Tier]:
        """Pod and fabric as an all-to-all of `group` sees them."""
        return self.pod.all_to_all(in_pod(group), self.pod_ends), self.fabric.all_to_all(group, self.fabric_ends)

    def sends(self, group: Group) -> tuple[Tier, Tier]:
        """Pod and fabric as a chain of `group` sees them."""
        return self.pod.send(in_pod(group), self.pod_ends), self.fabric.send(group, self.fabric_ends)


def in_pod(group: Group) -> Group:
    """The part of a group that lies in one pod, on single devices."""
    return Group(group.inside, jnp.ones_like(group.inside), group.stride)


def routed_copies(model: Transformer, ep: Scalar, deduplicate: Scalar) -> Scalar:
    """Copies of a token that are sent: top-k, or distinct ranks when duplicates are dropped."""
    distinct = distinct_destinations(model.experts, ep, model.top_k)
    return deduplicate * distinct + (1 - deduplicate) * model.top_k


def tensor_parallel_time(workload: Workload, mapping: Mapping, part: Share, net: Network) -> Scalar:
    """All-gather and reduce-scatter of one block (attention or dense network), one pass.

    Forward gathers its input and scatters its output; backward does the same with gradients.
    Without sequence parallelism one all-reduce takes the place of both.
    """
    size = part.tokens * workload.model.d_model * workload.training.precision.activation
    group, cut = net.placement.tensor, mapping.schedule.sequence_parallel
    tiers = net.rings(group)
    both = all_gather_time(size, group, *tiers) + reduce_scatter_time(size, group, *tiers)
    reduced = all_reduce_time(size, group, *tiers)
    return cut * (both + net.start(group, 2.0)) + (1 - cut) * (reduced + net.start(group))


def expert_tensor_time(workload: Workload, mapping: Mapping, part: Share, net: Network) -> Scalar:
    """All-gather and reduce-scatter of the tokens that arrived inside an expert-tensor group, one pass."""
    arrived = part.routed * routed_copies(workload.model, mapping.ep, mapping.schedule.deduplicate) / jnp.maximum(workload.model.top_k, 1.0)
    size = arrived * workload.model.d_model * workload.training.precision.activation
    group = net.placement.expert_tensor
    tiers = net.rings(group)
    both = all_gather_time(size, group, *tiers) + reduce_scatter_time(size, group, *tiers)
    return both + net.start(group, 2.0)


def dispatch_combine_time(
    elements: Scalar, copies: Scalar, relay: Scalar, model: Transformer, precision: Precision, net: Network
) -> Scalar:
    """Dispatch and combine of `elements` activations of one rank, sent `copies` times each.

    With relays (`relay` 1) a token crosses once to every pod that needs it (at most as many as routing
    allows) and is forwarded inside.
    """
    group = net.placement.expert
    pods = jnp.minimum(distinct_destinations(model.experts, group.domains, model.top_k), model.domains_per_token)
    once = jnp.minimum(pods, copies)
    tiers = net.exchanges(group)

    def exchange(element: Scalar) -> Scalar:
        size = elements * element
        direct = all_to_all_time(size * copies, group, *tiers)
        relayed = relayed_all_to_all_time(size * copies, size * once, group, *tiers)
        return relay * relayed + (1 - relay) * direct

    return exchange(precision.dispatch) + exchange(precision.combine) + net.start(group, 2.0)


def all_to_all_pass_time(workload: Workload, mapping: Mapping, part: Share, net: Network) -> Scalar:
    """Dispatch and combine of one layer, one pass: tokens / tp x copies x d_model each."""
    model, training = workload.model, workload.training
    elements = part.tokens / mapping.tp * model.d_model * training.expert_imbalance * training.exchange_imbalance
    copies = routed_copies(model, mapping.ep, mapping.schedule.deduplicate)
    return dispatch_combine_time(elements, copies, mapping.schedule.relay, model, training.precision, net)


def context_parallel_time(workload: Workload, mapping: Mapping, part: Share, net: Network) -> Scalar:
    """Traffic of one layer over the context group, one pass.

    Keys and values gathered, or query, key, value and output exchanged by an all-to-all.
    """
    attention, precision = workload.model.attention, workload.training.precision
    group, swap = net.placement.context, mapping.schedule.context_all_to_all
    own = part.tokens / mapping.tp * precision.activation
    gathered = all_gather_time(own * mapping.cp * attention.kv_width(mapping.tp), group, *net.rings(group))
    exchanged = all_to_all_time(own * attention.core_width(mapping.tp), group, *net.exchanges(group))
    return swap * (exchanged + net.start(group, 4.0)) + (1 - swap) * (gathered + net.start(group))


def boundary_time(workload: Workload, mapping: Mapping, part: Share, net: Network) -> Scalar:
    """Activations handed to the next pipeline stage, per micro-batch, chunk and pass.

    Every tensor-parallel rank sends its part; without sequence parallelism the parts are
    gathered on arrival (arXiv 2104.04473 section 4.1).
    """
    size = part.tokens * workload.model.d_model * workload.training.precision.activation
    whole = 1 - mapping.schedule.sequence_parallel
    chain, tensor = net.placement.pipeline, net.placement.tensor
    sent = neighbour_time(size / mapping.tp, chain, *net.sends(chain)) + net.start(chain)
    gather = all_gather_time(size, tensor, *net.rings(tensor))
    return sent + whole * jnp.minimum(mapping.pp - 1, 1.0) * gather


def gradient_scatters(mapping: Mapping, part: Share) -> Scalar:
    """How often gradients are scattered in one step: once, or after every micro-batch.

    From ZeRO-2 on no rank keeps them whole unless the schedule accumulates first; ZeRO-3 never does.
    """
    schedule = mapping.schedule
    each = jnp.maximum(jnp.clip(schedule.zero_stage - 1, 0.0, 1.0) * schedule.scatter_each, jnp.clip(schedule.zero_stage - 2, 0.0, 1.0))
    return 1 + each * (part.micro_batches - 1)


def gradient_time(workload: Workload, mapping: Mapping, part: Share, load: Load, net: Network) -> Scalar:
    """Reduce-scatter of gradients and all-gather of parameters, once per step.

    Replicated weights over dp cp ranks, routed experts over the copies of their set. Without
    ZeRO the gradients are all-reduced. ZeRO-3 gathers parameters for every micro-batch, forward
    and backward, instead of once.
    """
    precision, stage = workload.training.precision, mapping.schedule.zero_stage
    sharded_optimizer, sharded = jnp.clip(stage, 0.0, 1.0), jnp.clip(stage - 2, 0.0, 1.0)
    gathers = (1 - sharded) + sharded * 2 * part.micro_batches
    scatters = gradient_scatters(mapping, part)
    total = jnp.zeros_like(part.tokens)
    for count, group in (
        (replicated_parameters(workload, mapping, load), net.placement.data),
        (routed_parameters(workload, mapping, load), net.placement.expert_data),
    ):
        tiers = net.rings(group)
        reduced = all_reduce_time(count * precision.reduction, group, *tiers) + net.start(group)
        scattered = scatters * reduce_scatter_time(count * precision.reduction, group, *tiers)
        gathered = gathers * all_gather_time(count * precision.weight, group, *tiers)
        total += sharded_optimizer * (scattered + gathered + net.start(group, 2.0)) + (1 - sharded_optimizer) * reduced
    return total


def tied_embedding_time(workload: Workload, mapping: Mapping, part: Share, net: Network) -> Scalar:
    """Gradients of an embedding shared by the first and the last of several stages, reduced between the two."""
    model = workload.model
    size = model.tied_embedding * model.vocabulary * model.d_model / mapping.tp * workload.training.precision.reduction
    several = jnp.minimum(mapping.pp - 1, 1.0)
    apart = jnp.where(net.placement.pipeline.domains > 1, 1.0, 0.0)
    pod, fabric = net.sends(net.placement.pipeline)
    tier = apart * size / fabric.bandwidth + (1 - apart) * size / pod.bandwidth
    return several * tier
