"""How is a step scheduled: what overlaps, what is recomputed, what is sharded, what is counted?

Every rule is a number so that schedules of one kind are evaluated in one batch and a
conclusion can be differentiated with respect to them. A hidden collective costs
max(0, t - share x partner); the partner is named per field.
"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class Schedule(eqx.Module):
    """One-forward-one-backward pipeline (arXiv 2104.04473) with stated overlap rules."""

    bubble: Scalar = quantity("1", "1 counts the pipeline bubble (pp - 1) / micro-batches, 0 neglects it", high=1)
    gradient_traffic: Scalar = quantity("1", "1 counts gradient and parameter traffic of data parallelism, 0 neglects it", high=1)
    tensor_overlap: Scalar = quantity("1", "share of matrix time (dense; experts for theirs) that hides tensor-parallel traffic", high=1)
    expert_overlap: Scalar = quantity("1", "share of the computing time left that hides the all-to-all", high=1)
    gradient_overlap: Scalar = quantity("1", "share of the last backward, as far as it is left, that hides gradients", high=1)
    split_groups: Scalar = quantity("1", "1: peers inside the pod are reached through it; 0: only groups that fit use the pod", high=1)
    deduplicate: Scalar = quantity("1", "1: a token goes once to a rank that holds several of its experts", high=1)
    relay: Scalar = quantity("1", "1: a token crosses once to a pod and is forwarded inside; 0: once per rank there", high=1)
    fused_attention: Scalar = quantity("1", "1 keeps attention scores out of memory, 0 writes and stores them", high=1)
    recompute_core: Scalar = quantity("1", "1 recomputes the attention core in backward, so that stored scores are dropped", high=1)
    recompute_layer: Scalar = quantity("1", "1 recomputes whole layers in backward, collectives included", high=1)
    zero_stage: Scalar = quantity("1", "ZeRO stage: 1 shards optimiser, 2 gradients, 3 parameters", high=3, whole=True)
