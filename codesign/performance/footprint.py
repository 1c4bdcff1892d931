"""How many bytes are resident on the fullest device?

Parameters, gradients, optimiser states under ZeRO, activations of the micro-batches in
flight, dispatch buffers, logits. Allocator slack is in the memory's usable capacity.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.parallelism import Mapping
from codesign.mapping.partition import Share, stored_parameters
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
    that the router weights. Without fusion scores, their softmax and its mask are kept (5
    bytes each in 16 bits, arXiv 2205.05198) unless the core is recomputed. Gathered inputs
    of tensor parallelism are gathered again in backward, under the input-gradient product.
    """
    model, training = workload.model, workload.training
    own, element = part.tokens / mapping.tp, training.precision.activation
    scores = (1 - mapping.schedule.fused_attention) * (1 - mapping.schedule.recompute_core)
    core = model.attention.core_width(mapping.tp) + scores * 2.5 * model.attention.heads * training.sequence
    common = own * (4 * model.d_model + core)
    hidden = 2 + model.gated
    dense = common + own * hidden * model.d_ff
    shared = own * hidden * model.shared_experts * model.base_d_expert
    routed = part.routed / mapping.etp * (hidden * model.d_expert + 2 * model.d_model)
    return dense * element, (common + shared + routed) * element


def activation_bytes(workload: Workload, mapping: Mapping, part: Share) -> Scalar:
    """Activations held on the first pipeline stage: min(pp, micro-batches) micro-batches in flight.

    Recomputing layers leaves one layer input each, and one layer's activations at work.
    """
    dense, moe = layer_activation_bytes(workload, mapping, part)
    in_flight = jnp.minimum(mapping.pp, part.micro_batches)
    stored = in_flight * (part.dense_layers * dense + part.moe_layers * moe)
    inputs = part.tokens / mapping.tp * workload.model.d_model * workload.training.precision.activation
    working = jnp.maximum(dense * jnp.minimum(part.dense_layers, 1.0), moe * jnp.minimum(part.moe_layers, 1.0))
    recomputed = in_flight * (part.dense_layers + part.moe_layers) * inputs + working
    again = mapping.schedule.recompute_layer
    return again * recomputed + (1 - again) * stored


def buffer_bytes(workload: Workload, mapping: Mapping, part: Share) -> Scalar:
    """Send and receive buffers of dispatch and combine, and the logits in two formats, spread over the stages."""
    model, precision = workload.model, workload.training.precision
    copies = part.tokens / mapping.tp * model.top_k * jnp.minimum(part.moe_layers, 1.0)
    dispatch = 2 * copies * model.d_model * (precision.dispatch + precision.combine)
    return dispatch + part.tokens * model.vocabulary / mapping.tp * (precision.activation + 4) / mapping.pp


def footprint(workload: Workload, mapping: Mapping, part: Share) -> Footprint:
    """Resident bytes of the first pipeline stage by part."""
    precision = workload.training.precision
    return Footprint(
        parameters=precision.weight * stored_parameters(workload, mapping, 3),
        gradients=precision.gradient * stored_parameters(workload, mapping, 2),
        optimizer=precision.optimizer * stored_parameters(workload, mapping, 1),
        activations=activation_bytes(workload, mapping, part),
        buffers=buffer_bytes(workload, mapping, part),
    )
