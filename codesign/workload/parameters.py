"""How many parameters does a model have, in total, active per token, and by part?

Norms, biases and learned positions are left out (below 0.1 % of every model shipped).
"""

from codesign.fields import Scalar, total
from codesign.workload.transformer import Transformer


def attention_parameters(model: Transformer, tp: Scalar | float = 1.0) -> Scalar:
    """Attention weights of one layer on one of `tp` ranks: sum of inputs x outputs over its projections, those divided that TP cuts."""
    matrices = model.attention.projections(model.d_model, tp).values()
    return total(m.inputs * m.outputs / (tp if m.cut else 1.0) for m in matrices)


def feed_forward_parameters(model: Transformer, width: Scalar) -> Scalar:
    """Weights of one feed-forward network: (2 + gated) d_model width."""
    return (2 + model.gated) * model.d_model * width


def expert_parameters(model: Transformer) -> Scalar:
    """Weights of one routed expert."""
    return feed_forward_parameters(model, model.d_expert)


def shared_parameters(model: Transformer) -> Scalar:
    """Weights of the shared experts of one layer."""
    return model.shared_experts * feed_forward_parameters(model, model.base_d_expert)


def router_parameters(model: Transformer) -> Scalar:
    """Weights of the router of one layer."""
    return model.d_model * model.experts


def embedding_parameters(model: Transformer) -> Scalar:
    """Weights of embedding and head together."""
    return (2 - model.tied_embedding) * model.vocabulary * model.d_model


def extra_head_parameters(model: Transformer) -> Scalar:
    """Weights of the projections before further passes through the output head."""
    return 2 * model.extra_heads * model.d_model**2


def total_parameters(model: Transformer) -> Scalar:
    """All weights of the model."""
    dense = model.dense_layers * feed_forward_parameters(model, model.d_ff)
    moe = model.experts * expert_parameters(model) + shared_parameters(model) + router_parameters(model)
    outer = embedding_parameters(model) + extra_head_parameters(model)
    return model.layers * attention_parameters(model) + dense + model.moe_layers * moe + outer


def active_parameters(model: Transformer) -> Scalar:
    """Weights that one token meets; an embedding look-up counts as its matrix, the head once however often it is passed."""
    dense = model.dense_layers * feed_forward_parameters(model, model.d_ff)
    moe = model.top_k * expert_parameters(model) + shared_parameters(model) + router_parameters(model)
    outer = embedding_parameters(model) + extra_head_parameters(model)
    return model.layers * attention_parameters(model) + dense + model.moe_layers * moe + outer
