"""How long does the attention core take, and what does it read and write?

Fused (FlashAttention, arXiv 2205.14135): scores stay on the die. Products run at the
attention rate and one exponential per score on the special-function units, both at once;
backward makes five products of the forward's two and the exponentials again. Blocks of 128
on the diagonal are computed whole. Unfused (Megatron-LM of 2021): batched products over the
full score matrix, which is written and read by scaling, mask, softmax and dropout.
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.parallelism import Mapping
from codesign.mapping.partition import Share
from codesign.performance.matrix import Gemm
from codesign.performance.passes import Passes, join, products, times
from codesign.performance.roofline import Engine, Work, kernel_time, stream
from codesign.performance.saving import always
from codesign.workload.training import Workload

BLOCK = 128.0


def causal_share(workload: Workload) -> Scalar:
    """Share of the score matrix that is computed, with whole blocks on the diagonal."""
    training = workload.training
    skipped = 1 - training.attention_share
    return training.attention_share + jnp.minimum(skipped, 0.5) * BLOCK / jnp.maximum(training.sequence, BLOCK)


def fused_core(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> Passes:
    """Scores, softmax and weighted values without writing scores."""
    attention, training = workload.model.attention, workload.training
    own = part.tokens / mapping.tp
    pairs = own * training.sequence * (device.detail * causal_share(workload) + (1 - device.detail) * training.attention_share)
    flops = pairs * attention.score_flops
    exponentials = device.detail * pairs * attention.heads / device.exponential_rate
    traffic = own * attention.core_width(mapping.tp) * training.precision.activation

    def core(products: float, passes: float) -> Work:
        busy = kernel_time(products * flops / device.attention_rate, exponentials, 0.0 * flops, device)
        zero = jnp.zeros_like(flops)
        return Work(
            kernel_time(busy, passes * traffic / device.memory_rate, jnp.ones_like(flops), device), products * flops, zero, passes * traffic
        )

    return Passes(core(1.0, 1.0), core(2.5, 2.0))


def unfused_core(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> Passes:
    """Scores, softmax, dropout and weighted values, each reading and writing all scores."""
    attention, training = workload.model.attention, workload.training
    matrices = mapping.micro_batch * attention.heads / mapping.tp
    rows = training.sequence / mapping.cp
    scores = Gemm(rows, attention.score_width, training.sequence, matrices)
    values = Gemm(rows, training.sequence, attention.head_size, matrices)
    cells = matrices * rows * training.sequence
    masks, element = mapping.schedule.dropout, training.precision.activation
    ahead = stream(cells * (2 * element + masks * (2 * element + 1)), device, 2.0)
    back = stream(cells * (3 * element + masks * (2 * element + 1)), device, 2.0)
    return join(products([scores, values], device, training.precision, 0.0), Passes(ahead, back))


def attention_core(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> Passes:
    """The core as the schedule has it."""
    share = mapping.schedule.fused_attention
    if always(share, 1.0):
        return fused_core(workload, mapping, part, device)
    fused, unfused = fused_core(workload, mapping, part, device), unfused_core(workload, mapping, part, device)
    return join(times(fused, share), times(unfused, 1 - share))
