"""What does a serving unit keep in memory, and how many sequences does that leave room for?

    batch <= (memory - weights) / (bytes per sequence)

Keys and values at their mean length; EP divides experts, with their further copies.
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.deployment import Pool
from codesign.workload.parameters import (
    attention_parameters,
    expert_parameters,
    feed_forward_parameters,
    router_parameters,
    shared_parameters,
)
from codesign.workload.serving import ServingLoad
from codesign.workload.transformer import Transformer


def weight_bytes(model: Transformer, load: ServingLoad, pool: Pool) -> Scalar:
    """Weights on one device [B]: embedding, head and router in the format of activations, layers that draft included."""
    wide, narrow = load.precision.activation, load.precision.weight
    drafts = load.draft_layers * jnp.minimum(load.draft_tokens, 1.0)
    attention = attention_parameters(model, pool.tp)
    experts = (model.experts + pool.replicas * jnp.minimum(model.experts, 1.0)) * expert_parameters(model) / pool.devices
    moe = experts + shared_parameters(model) / pool.tp
    dense = model.dense_layers * feed_forward_parameters(model, model.d_ff) / pool.tp
    outer = (2 - model.tied_embedding) * model.vocabulary * model.d_model / pool.tp
    layers, moe_layers = model.layers + drafts, model.moe_layers + drafts
    return narrow * (layers * attention + moe_layers * moe + dense) + wide * (outer + moe_layers * router_parameters(model))


def token_work_bytes(model: Transformer, load: ServingLoad, pool: Pool) -> Scalar:
    """What one token of an attention group needs while a step runs, on one device [B].

    Residual stream, attention and network of one layer, dispatch and combine buffers on both sides, logits.
    """
    precision = load.precision
    narrow = 4 * model.d_model + model.attention.core_width(pool.tp) / pool.tp
    width = jnp.maximum(model.d_ff, model.shared_experts * model.base_d_expert) / pool.tp * (2 + model.gated)
    routed = 2 * model.top_k * model.d_model * (precision.dispatch + precision.combine) / pool.tp
    return precision.activation * (narrow + width) + routed


def sequence_bytes(model: Transformer, load: ServingLoad, pool: Pool) -> Scalar:
    """Memory per decoding sequence of a device [B]: keys and values of its mean context, its tokens at work and their logits."""
    cached = load.context * (model.layers + load.draft_layers * jnp.minimum(load.draft_tokens, 1.0))
    keys = cached * model.attention.cache_width(pool.tp) * load.cache_element
    logits = load.precision.activation * model.vocabulary / pool.tp
    return pool.tp * (keys + (load.draft_tokens + 1) * (token_work_bytes(model, load, pool) + logits))


def prompt_bytes(model: Transformer, load: ServingLoad, pool: Pool) -> Scalar:
    """Memory per prompt that a device reads in one step [B]."""
    keys = load.prompt * model.layers * model.attention.cache_width(pool.tp) * load.cache_element
    return pool.tp * (keys + load.computed_prompt * token_work_bytes(model, load, pool))


def room(memory: Scalar, weights: Scalar, each: Scalar) -> Scalar:
    """How many of `each` bytes fit beside the weights; none where the weights do not."""
    return jnp.maximum(memory - weights, 0.0) / each
