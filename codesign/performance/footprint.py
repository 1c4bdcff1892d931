"""How many bytes are resident on the fullest device?

Parameters, gradients, optimiser states under ZeRO, activations of the micro-batches in
flight, dispatch buffers, logits: of the first stage, which holds most micro-batches, the
second, which may hold more layers, or the last, which holds the logits, whichever needs
most. Allocator slack is in the memory's usable capacity.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.parallelism import Mapping
from codesign.mapping.partition import Share, stored_parameters
from codesign.mapping.stages import Load, Triple, pick, triple
from codesign.performance.saving import traced_once
from codesign.workload.parameters import expert_parameters, feed_forward_parameters
from codesign.workload.training import Workload


class Footprint(NamedTuple):
    """Resident bytes by part."""

    parameters: Scalar
    gradients: Scalar
    optimizer: Scalar
    activations: Scalar
    buffers: Scalar

    @property
    def total(self) -> Scalar:
        """All resident bytes."""
        return self.parameters + self.gradients + self.optimizer + self.activations + self.buffers


def layer_activation_bytes(workload: Workload, mapping: Mapping, part: Share) -> tuple[Scalar, Scalar]:
    """Activations one micro-batch leaves for backward, per dense and per MoE layer.

    Inputs of both norms and both blocks, query, key, value and output of the core, pre- and
    post-activation of the networks; for experts also the permuted inputs and the outputs
    that the router weights. Inputs of matrix products wait in the format of operands. With
    dropout one byte of mask per residual element; without fusion scores, their softmax and
    its mask (5 bytes each in 16 bits, arXiv 2205.05198) unless the core is recomputed.
    Gathered inputs of tensor parallelism are gathered again in backward, under the
    input-gradient product.
    """
    model, training, schedule = workload.model, workload.training, mapping.schedule
    share, element = part.tokens / mapping.tp, training.precision.activation
    scores = (1 - schedule.fused_attention) * (1 - schedule.recompute_core) * (2 * element + schedule.dropout)
    masks = 2 * schedule.dropout * part.own * model.d_model
    core = model.attention.core_width(mapping.tp) - schedule.recompute_up * model.attention.raised_width(mapping.tp)
    cast, output = training.precision.operand - element, model.attention.heads * model.attention.head_size
    common = element * (4 * part.own * model.d_model + share * core) + masks
    common += cast * (2 * part.own * model.d_model + share * output)
    common += share * scores * model.attention.heads * training.sequence
    hidden = element * (2 + model.gated) + cast
    dense = share * hidden * model.d_ff * (1 - schedule.recompute_dense)
    shared = share * hidden * model.shared_experts * model.base_d_expert
    routed = part.routed / mapping.etp * (hidden * model.d_expert + (2 * element + cast) * model.d_model)
    experts = (shared + routed) * (1 - schedule.recompute_experts)
    return common + dense, common + experts


def in_flight(mapping: Mapping, part: Share) -> Triple:
    """Micro-batches whose activations the first, the second and the last stage hold.

    1F1B: pp, pp - 1 and 1, as far as there are so many. Interleaved, (pp - 1) / vpp more than pp on
    the first (arXiv 2205.05198 section 4.2.3), 2 / vpp fewer on each that follows. DualPipe: pp + 1.
    """
    pp, vpp, both = mapping.pp, mapping.vpp, mapping.schedule.bidirectional
    chunked, spread = jnp.minimum(vpp - 1, 1.0), (pp - 1) / vpp
    first = pp + chunked * spread
    counts = first, first - (1 - chunked) - chunked * 2 / vpp, pp - spread
    first, second, last = (jnp.minimum((1 - both) * count + both * (pp + 1), part.micro_batches) for count in counts)
    return first, second, last


def activation_bytes(workload: Workload, mapping: Mapping, part: Share, load: Load, count: Scalar) -> Scalar:
    """Activations of `count` micro-batches in flight on a stage.

    Recomputing layers leaves one layer input each, and one layer's activations at work;
    layers whose activations are offloaded leave none.
    """
    dense, moe = layer_activation_bytes(workload, mapping, part)
    again, kept = mapping.schedule.recompute_layer, 1 - mapping.schedule.offload
    stored = load.dense * dense + load.moe * moe
    inputs = load.layers * part.own * workload.model.d_model * workload.training.precision.activation
    working = jnp.maximum(dense * jnp.minimum(load.dense, 1.0), moe * jnp.minimum(load.moe, 1.0))
    return kept * count * (again * inputs + (1 - again) * stored) + jnp.minimum(again + 1 - kept, 1.0) * working


def buffer_bytes(workload: Workload, mapping: Mapping, part: Share, load: Load) -> Scalar:
    """Send and receive buffers of dispatch and combine; logits and their gradient; weight gradients at work.

    The weight gradients of one feed-forward network (or of the experts of one layer) exist in the
    format of activations before they are added to the accumulated ones.
    """
    model, precision = workload.model, workload.training.precision
    copies = part.tokens / mapping.tp * model.top_k * jnp.minimum(load.moe, 1.0)
    dispatch = 2 * copies * model.d_model * (precision.dispatch + precision.combine)
    loose = (1 - mapping.schedule.fused_loss) * 4
    dense = jnp.minimum(load.dense, 1.0) * feed_forward_parameters(model, model.d_ff) / mapping.tp
    experts = jnp.minimum(load.moe, 1.0) * model.experts * expert_parameters(model) / mapping.expert_set
    gradients = jnp.maximum(dense, experts) * precision.activation
    return dispatch + gradients + load.head * part.tokens * model.vocabulary / mapping.tp * (precision.activation + 4 + loose)


@traced_once()
def stage_footprint(workload: Workload, mapping: Mapping, part: Share, load: Load, count: Scalar) -> Footprint:
    """Resident bytes of one stage with `count` micro-batches in flight, by part."""
    precision, copies = workload.training.precision, 1 + mapping.schedule.bidirectional
    return Footprint(
        parameters=copies * precision.weight * stored_parameters(workload, mapping, load, 3),
        gradients=precision.gradient * stored_parameters(workload, mapping, load, 2),
        optimizer=precision.optimizer * stored_parameters(workload, mapping, load, 1),
        activations=activation_bytes(workload, mapping, part, load, count),
        buffers=buffer_bytes(workload, mapping, part, load),
    )


def footprint(workload: Workload, mapping: Mapping, part: Share) -> Footprint:
    """Resident bytes of the fullest of the first, the second and the last stage, by part."""
    stages, counts = part.stages, in_flight(mapping, part)
    parts = [stage_footprint(workload, mapping, part, load, count) for load, count in zip(stages.loads, counts, strict=True)]
    fullest = stages.largest(triple([found.total for found in parts]))
    return Footprint(*(pick(fullest, triple(values)) for values in zip(*parts, strict=True)))
