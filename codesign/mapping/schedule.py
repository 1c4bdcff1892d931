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
    deferred_weights: Scalar = quantity("1", "weight-gradient passes moved into the bubble: 0 for 1F1B, 2 zero-bubble, 3 DualPipe", high=3)
    bidirectional: Scalar = quantity("1", "1 feeds the pipeline from both ends (DualPipe): half the bubble, twice the parameters", high=1)
    kernel_detail: Scalar = quantity("1", "1 counts tiles, waves, kernel starts and host launches, 0 a roofline alone", high=1)
    gradient_traffic: Scalar = quantity("1", "1 counts gradient and parameter traffic of data parallelism, 0 neglects it", high=1)
    sequence_parallel: Scalar = quantity("1", "1 cuts norms and residuals by tp, 0 repeats them on every tensor-parallel rank", high=1)
    tensor_overlap: Scalar = quantity("1", "share of matrix time (dense; experts for theirs) that hides tensor-parallel traffic", high=1)
    context_overlap: Scalar = quantity("1", "share of the attention core that hides context-parallel traffic", high=1)
    context_all_to_all: Scalar = quantity("1", "1: context parallelism exchanges heads for tokens, 0: it gathers keys and values", high=1)
    expert_overlap: Scalar = quantity("1", "share of the computing time left that hides the all-to-all", high=1)
    exchange_processors: Scalar = quantity("1", "share of the processors that run the hidden all-to-all instead of computing", high=0.5)
    send_overlap: Scalar = quantity("1", "share of pipeline sends hidden when stages hold several model chunks", high=1)
    gradient_overlap: Scalar = quantity("1", "share of one pass through the stage, as far as it is left, that hides gradients", high=1)
    split_groups: Scalar = quantity("1", "1: peers inside the pod are reached through it; 0: only groups that fit use the pod", high=1)
    deduplicate: Scalar = quantity("1", "1: a token goes once to a rank that holds several of its experts", high=1)
    relay: Scalar = quantity("1", "1: a token crosses once to a pod and is forwarded inside; 0: once per rank there", high=1)
    fused_attention: Scalar = quantity("1", "1 keeps attention scores out of memory, 0 writes and stores them", high=1)
    fused_loss: Scalar = quantity("1", "1 computes the cross entropy in one pass over the logits, 0 operator by operator in FP32", high=1)
    dropout: Scalar = quantity("1", "1 applies and stores dropout masks", high=1)
    recompute_core: Scalar = quantity("1", "1 recomputes the attention core in backward, so that stored scores are dropped", high=1)
    recompute_up: Scalar = quantity("1", "1 recomputes the up-projections of latent attention", high=1)
    recompute_experts: Scalar = quantity("1", "1 recomputes routed and shared experts, exchanges included", high=1)
    recompute_dense: Scalar = quantity("1", "1 recomputes dense feed-forward networks", high=1)
    recompute_layer: Scalar = quantity("1", "share of the layers recomputed whole in backward, collectives included", high=1)
    offload: Scalar = quantity("1", "share of the layers whose activations wait in host memory", high=1)
    scatter_each: Scalar = quantity("1", "1 scatters gradients after every micro-batch from ZeRO-2 on, 0 accumulates them first", high=1)
    zero_stage: Scalar = quantity("1", "ZeRO stage: 1 shards optimiser, 2 gradients, 3 parameters", high=3, whole=True)
