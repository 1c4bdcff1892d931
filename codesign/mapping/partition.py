"""What falls to one device: layers, tokens, parameters?

EP is carved out of DP: ranks = dp tp pp cp, and dp tp cp / (ep etp) copies of the experts.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.mapping.parallelism import Mapping
from codesign.workload.parameters import (
    expert_parameters,
    feed_forward_parameters,
    router_parameters,
    shared_parameters,
)
from codesign.workload.training import Workload


class Share(NamedTuple):
    """One device's share; `tokens` are those of one micro-batch of a tensor-parallel group.

    `routed` counts the token copies that one expert-tensor group works on per micro-batch;
    `evenness` is the layers of the mean stage over those of the fullest.
    """

    micro_batches: Scalar
    tokens: Scalar
    routed: Scalar
    dense_layers: Scalar
    moe_layers: Scalar
    evenness: Scalar


def share(workload: Workload, mapping: Mapping) -> Share:
    """The share of the fullest pipeline stage: ceil(layers / pp) layers, kinds in proportion.

    A routed copy is worked on by etp ranks and tp ranks hold the tokens, hence the factor
    etp / tp.
    """
    model, training = workload.model, workload.training
    tokens = mapping.micro_batch * training.sequence / mapping.cp
    fullness = jnp.ceil(model.layers / mapping.pp) / model.layers
    return Share(
        micro_batches=training.global_batch / (mapping.dp * mapping.micro_batch),
        tokens=tokens,
        routed=tokens * model.top_k * mapping.etp / mapping.tp * training.expert_imbalance,
        dense_layers=model.dense_layers * fullness,
        moe_layers=model.moe_layers * fullness,
        evenness=1 / (mapping.pp * fullness),
    )


def replicated_parameters(workload: Workload, mapping: Mapping) -> Scalar:
    """Parameters per device whose copies are the dp cp ranks: all but the routed experts.

    The first stage holds the embedding; the head is spread over the stages with its work.
    """
    model, part = workload.model, share(workload, mapping)
    layers = part.dense_layers + part.moe_layers
    matrices = model.attention.projections(model.d_model, mapping.tp).values()
    attention = total(m.inputs * m.outputs / (mapping.tp if m.cut else 1.0) for m in matrices)
    dense = part.dense_layers * feed_forward_parameters(model, model.d_ff)
    moe = part.moe_layers * shared_parameters(model)
    routers = part.moe_layers * router_parameters(model)
    outer = model.vocabulary * model.d_model * (1 + (1 - model.tied_embedding) / mapping.pp)
    return layers * attention + (dense + moe + outer) / mapping.tp + routers


def routed_parameters(workload: Workload, mapping: Mapping) -> Scalar:
    """Parameters per device of routed experts: experts / ep of them, each cut in etp."""
    model = workload.model
    return share(workload, mapping).moe_layers * model.experts * expert_parameters(model) / mapping.expert_set


def stored_parameters(workload: Workload, mapping: Mapping, first_stage: float) -> Scalar:
    """Parameters whose state one device keeps when ZeRO shards that state from `first_stage` on.

    Stage 1 shards optimiser states, 2 gradients, 3 parameters: over the dp cp ranks, or over
    the copies of a set of experts.
    """
    sharding = jnp.clip(mapping.schedule.zero_stage - first_stage + 1, 0.0, 1.0)
    replicated = replicated_parameters(workload, mapping) * (1 - sharding + sharding / (mapping.dp * mapping.cp))
    return replicated + routed_parameters(workload, mapping) * (1 - sharding + sharding / mapping.expert_copies)
