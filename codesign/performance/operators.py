"""Which operators run on one device per layer and micro-batch, and what do they cost?

Forward and backward are kept apart because recomputation repeats the forward ones.
Fusion assumed: attention core without writing scores (FlashAttention, arXiv 2205.14135);
norm, residual and activation as one pass each; bias and dropout left out.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.hardware.package import Package
from codesign.mapping.parallelism import Mapping
from codesign.mapping.partition import Share
from codesign.performance.roofline import Gemm, Work, add, gemm_backward, gemm_forward, roofline, scale, stream_work
from codesign.workload.training import Precision, Training, Workload
from codesign.workload.transformer import Transformer


class Passes(NamedTuple):
    """Forward and backward work of one kind."""

    forward: Work
    backward: Work


def _join(*parts: Passes) -> Passes:
    return Passes(add(*(p.forward for p in parts)), add(*(p.backward for p in parts)))


def _gemms(gemms: list[Gemm], package: Package, precision: Precision) -> Passes:
    return _join(*(Passes(gemm_forward(g, package, precision), gemm_backward(g, package, precision)) for g in gemms))


def _present(size: Scalar) -> Scalar:
    """1 where there is anything of this size, 0 where it is absent: an absent matrix reads nothing."""
    return jnp.minimum(size, 1.0)


def attention_projections(workload: Workload, mapping: Mapping, part: Share, package: Package) -> Passes:
    """Matrix products into and out of attention; compressions of latent attention are replicated under TP.

    Replicated ones work on the tokens of their own sequence-parallel share.
    """
    model = workload.model
    gemms = []
    for matrix in model.attention.projections(model.d_model, mapping.tp).values():
        rows = part.tokens if matrix.cut else part.tokens / mapping.tp
        depth = matrix.inputs / mapping.tp if matrix.cut == "inputs" else matrix.inputs
        columns = matrix.outputs / mapping.tp if matrix.cut == "outputs" else matrix.outputs
        gemms.append(Gemm(rows, depth, columns, _present(matrix.outputs)))
    return _gemms(gemms, package, workload.training.precision)


def attention_core(workload: Workload, mapping: Mapping, part: Share, package: Package) -> Passes:
    """Scores, softmax and weighted values; the fused backward recomputes scores (5/2 of the forward FLOPs).

    Without fusion every score is written and read by scaling, mask, softmax and the second
    product: six accesses.
    """
    attention, training = workload.model.attention, workload.training
    own, element = part.tokens / mapping.tp, training.precision.activation
    flops = own * training.sequence * training.attention_share * attention.score_flops
    scores = (1 - mapping.schedule.fused_attention) * own * attention.heads * training.sequence * element
    traffic = own * attention.core_width(mapping.tp) * element + 6 * scores
    return Passes(
        roofline(flops, traffic, package, _sixteen_bit(training)),
        roofline(2.5 * flops, 2 * traffic, package, _sixteen_bit(training)),
    )


def _sixteen_bit(training: Training) -> Precision:
    """The run's formats with every FLOP in 16 bits: scores, router and head are not multiplied in 8 bits."""
    return eqx.tree_at(lambda p: p.share_8bit, training.precision, 0.0 * training.precision.share_8bit)


def _feed_forward(model: Transformer, rows: Scalar, width: Scalar, count: Scalar) -> list[Gemm]:
    up = Gemm(rows, model.d_model, (1 + model.gated) * width, count)
    down = Gemm(rows, width, model.d_model, count)
    return [up, down]


def _activation(model: Transformer, rows: Scalar, width: Scalar, training: Training, package: Package) -> Passes:
    """The nonlinearity: reads (1 + gated) w, writes w; backward reads those and one more, writes (1 + gated) w."""
    element = training.precision.activation
    forward = rows * width * (2 + model.gated) * element
    backward = rows * width * (3 + 2 * model.gated) * element
    return Passes(stream_work(forward, package), stream_work(backward, package))


def dense_feed_forward(workload: Workload, mapping: Mapping, part: Share, package: Package) -> Passes:
    """The dense feed-forward network of one layer, columns then rows cut by TP."""
    model, training = workload.model, workload.training
    width = model.d_ff / mapping.tp
    products = _gemms(_feed_forward(model, part.tokens, width, _present(model.d_ff)), package, training.precision)
    return _join(products, _activation(model, part.tokens, width, training, package))


def routed_experts(workload: Workload, mapping: Mapping, part: Share, package: Package) -> Passes:
    """Routed experts: grouped products, experts / ep of them per rank."""
    model, training = workload.model, workload.training
    local = model.experts / mapping.ep
    rows = part.routed / jnp.where(local > 0, local, 1.0)
    width = model.d_expert / mapping.etp
    products = _gemms(_feed_forward(model, rows, width, local), package, training.precision)
    return _join(products, _activation(model, part.routed, width, training, package))


def shared_experts_and_router(workload: Workload, mapping: Mapping, part: Share, package: Package) -> Passes:
    """Experts that every token passes, cut by TP, and the router in 16 bits."""
    model, training = workload.model, workload.training
    width = model.shared_experts * model.base_d_expert / mapping.tp
    products = _gemms(_feed_forward(model, part.tokens, width, _present(model.shared_experts)), package, training.precision)
    router = Gemm(part.tokens / mapping.tp, model.d_model, model.experts, _present(model.experts))
    scores = _gemms([router], package, _sixteen_bit(training))
    return _join(products, scores, _activation(model, part.tokens, width, training, package))


def norms_and_residuals(workload: Workload, mapping: Mapping, part: Share, package: Package) -> Passes:
    """Two norms (read, write; backward two reads, write) and two residual sums (two reads, write) per layer."""
    unit = part.tokens / mapping.tp * workload.model.d_model * workload.training.precision.activation
    return Passes(stream_work(10 * unit, package), stream_work(12 * unit, package))


def permutation(workload: Workload, mapping: Mapping, part: Share, package: Package) -> Passes:
    """Copies of tokens before, and their weighted sum after the experts.

    Forward: read 1, write k; read k, write 1. Backward of the sum reads 1 and k, writes k;
    of the copy reads k, writes 1. With several experts per rank (all but 1 / n of) the
    received copies are also sorted by expert and back, k read and k written each time.
    """
    model, element = workload.model, workload.training.precision.activation
    unit = part.tokens / mapping.tp * model.d_model * element
    sort = 4 * model.top_k * (1 - mapping.ep / jnp.maximum(model.experts, mapping.ep))
    forward = unit * (2 * model.top_k + 2 + sort)
    backward = unit * (3 * model.top_k + 2 + sort)
    return Passes(stream_work(forward, package), stream_work(backward, package))


def head_and_loss(workload: Workload, mapping: Mapping, part: Share, package: Package) -> Passes:
    """Output projection in 16 bits and cross entropy (logits in 4 bytes), spread over the pipeline stages."""
    model, training = workload.model, workload.training
    columns = model.vocabulary / mapping.tp
    product = _gemms([Gemm(part.tokens, model.d_model, columns, _present(columns))], package, _sixteen_bit(training))
    logits = stream_work(2 * 4 * part.tokens * columns, package)
    both = _join(product, Passes(logits, logits))
    return Passes(scale(both.forward, 1 / mapping.pp), scale(both.backward, 1 / mapping.pp))
