"""What falls to one device: tokens, routed copies, parameters?

EP is carved out of DP: ranks = dp tp pp cp, and dp tp cp / (ep etp) copies of the experts.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.parallelism import Mapping
from codesign.mapping.stages import Load, Stages, pick, stages, triple
from codesign.workload.parameters import (
    attention_parameters,
    expert_parameters,
    feed_forward_parameters,
    router_parameters,
    shared_parameters,
)
from codesign.workload.training import Workload


class Share(NamedTuple):
    """One device's share; `tokens` are those of one micro-batch of a tensor-parallel group.

    `own` are the tokens whose norms and residuals one rank computes, `routed` the token copies
    that one expert-tensor group works on per micro-batch.
    """

    micro_batches: Scalar
    tokens: Scalar
    own: Scalar
    routed: Scalar
    stages: Stages


def share(workload: Workload, mapping: Mapping) -> Share:
    """The share of one device.

    A routed copy is worked on by etp ranks and tp ranks hold the tokens, hence the factor
    etp / tp.
    """
    model, training = workload.model, workload.training
    tokens = mapping.micro_batch * training.sequence / mapping.cp
    cut = mapping.schedule.sequence_parallel
    return Share(
        micro_batches=training.global_batch / (mapping.dp * mapping.micro_batch),
        tokens=tokens,
        own=tokens * (cut / mapping.tp + 1 - cut),
        routed=tokens * model.top_k * mapping.etp / mapping.tp * training.expert_imbalance,
        stages=stages(model, mapping),
    )


def replicated_parameters(workload: Workload, mapping: Mapping, load: Load) -> Scalar:
    """Parameters per device of a stage whose copies are the dp cp ranks: all but the routed experts.

    With tied weights the last of several stages holds a copy of the embedding as its head.
    """
    model = workload.model
    attention = attention_parameters(model, mapping.tp)
    dense = load.dense * feed_forward_parameters(model, model.d_ff)
    moe = load.moe * shared_parameters(model)
    untied = 1 - model.tied_embedding * load.embedding
    outer = model.vocabulary * model.d_model * (load.embedding + load.head * untied)
    extra = load.head * model.extra_heads * 2 * model.d_model * model.d_model
    return load.layers * attention + (dense + moe + outer) / mapping.tp + load.moe * router_parameters(model) + extra


def routed_parameters(workload: Workload, mapping: Mapping, load: Load) -> Scalar:
    """Parameters per device of routed experts: experts / ep of them, each cut in etp."""
    model = workload.model
    return load.moe * model.experts * expert_parameters(model) / mapping.expert_set


def stored_parameters(workload: Workload, mapping: Mapping, load: Load, first_stage: float) -> Scalar:
    """Parameters of a stage whose state one device keeps when ZeRO shards that state from `first_stage` on.

    Stage 1 shards optimiser states, 2 gradients (unless they are accumulated whole first), 3
    parameters: over the dp cp ranks, or over the copies of a set of experts.
    """
    schedule = mapping.schedule
    whole = (1 - schedule.scatter_each) * (first_stage == 2) * (1 - jnp.clip(schedule.zero_stage - 2, 0.0, 1.0))
    sharding = jnp.clip(schedule.zero_stage - first_stage + 1, 0.0, 1.0) * (1 - whole)
    replicated = replicated_parameters(workload, mapping, load) * (1 - sharding + sharding / (mapping.dp * mapping.cp))
    return replicated + routed_parameters(workload, mapping, load) * (1 - sharding + sharding / mapping.expert_copies)


def heaviest_load(workload: Workload, mapping: Mapping, part: Share) -> Load:
    """The load of the stage with most parameters per device."""
    counts = [replicated_parameters(workload, mapping, load) + routed_parameters(workload, mapping, load) for load in part.stages.loads]
    weights = part.stages.largest(triple(counts))
    return Load(*(pick(weights, triple(values)) for values in zip(*part.stages.loads, strict=True)))
