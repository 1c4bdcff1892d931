"""Which operators run on one device per layer and micro-batch, and what do they cost?

Fusion assumed: norm, residual (with bias and dropout) and activation as one pass each;
gradient accumulation in the weight-gradient product. Experts are grouped products.
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.parallelism import Mapping
from codesign.mapping.partition import Share
from codesign.performance.matrix import Gemm
from codesign.performance.passes import Passes, join, products, times
from codesign.performance.roofline import Engine, add, scale, stream
from codesign.performance.saving import always
from codesign.workload.attention import Projection
from codesign.workload.training import Training, Workload
from codesign.workload.transformer import Transformer

LOSS_PASSES = 10.0
"""Accesses of 4 bytes per logit, forward and backward together, when the loss is computed operator by operator."""


def present(size: Scalar) -> Scalar:
    """1 where there is anything of this size, 0 where it is absent: an absent matrix reads nothing."""
    return jnp.minimum(size, 1.0)


def projection(matrix: Projection, rows: Scalar, tp: Scalar) -> Gemm:
    """The product of `rows` tokens with what one of `tp` ranks has of a projection."""
    depth = matrix.inputs / tp if matrix.cut == "inputs" else matrix.inputs
    columns = matrix.outputs / tp if matrix.cut == "outputs" else matrix.outputs
    return Gemm(rows, depth, columns, present(matrix.outputs))


def _projection(matrix: Projection, mapping: Mapping, part: Share) -> Gemm:
    return projection(matrix, part.tokens if matrix.cut else part.own, mapping.tp)


def attention_projections(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> Passes:
    """Matrix products into and out of attention, and the layout change with rotary positions between.

    Compressions of latent attention are replicated under TP and work on the tokens of their own
    sequence-parallel share. Up-projections are recomputed where the schedule says so.
    """
    model, training, again = workload.model, workload.training, mapping.schedule.recompute_up
    matrices = model.attention.projections(model.d_model, mapping.tp)
    own, element = part.tokens / mapping.tp, training.precision.activation
    layout = device.detail * 2 * own * model.attention.core_width(mapping.tp) * element
    ups = [_projection(m, mapping, part) for name, m in matrices.items() if name.endswith("_up")]
    rest = [_projection(m, mapping, part) for name, m in matrices.items() if not name.endswith("_up")]
    found = join(products(rest, device, training.precision), Passes(stream(layout, device), stream(layout, device)))
    if not ups:
        return found
    raised = products(ups, device, training.precision)
    return join(found, Passes(raised.forward, add(raised.backward, scale(raised.forward, again))))


def _feed_forward(model: Transformer, rows: Scalar, width: Scalar, count: Scalar) -> list[Gemm]:
    up = Gemm(rows, model.d_model, (1 + model.gated) * width, count)
    down = Gemm(rows, width, model.d_model, count)
    return [up, down]


def _activation(model: Transformer, rows: Scalar, width: Scalar, training: Training, device: Engine) -> Passes:
    """The nonlinearity: reads (1 + gated) w, writes w; backward reads those and one more, writes (1 + gated) w."""
    element = training.precision.activation
    ahead = rows * width * (2 + model.gated) * element
    back = rows * width * (3 + 2 * model.gated) * element
    return Passes(stream(ahead, device), stream(back, device))


def dense_feed_forward(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> Passes:
    """The dense feed-forward network of one layer, columns then rows cut by TP."""
    model, training = workload.model, workload.training
    width = model.d_ff / mapping.tp
    gemms = _feed_forward(model, part.tokens, width, present(model.d_ff))
    return join(products(gemms, device, training.precision), _activation(model, part.tokens, width, training, device))


def routed_experts(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> Passes:
    """Routed experts: grouped products, experts / ep of them per rank."""
    model, training = workload.model, workload.training
    local = model.experts / mapping.ep
    rows = part.routed / jnp.where(local > 0, local, 1.0)
    width = model.d_expert / mapping.etp
    gemms = _feed_forward(model, rows, width, local)
    return join(products(gemms, device, training.precision), _activation(model, part.routed, width, training, device))


def shared_experts_and_router(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> Passes:
    """Experts that every token passes, cut by TP, and the router in 16 bits."""
    model, training = workload.model, workload.training
    width = model.shared_experts * model.base_d_expert / mapping.tp
    gemms = _feed_forward(model, part.tokens, width, present(model.shared_experts))
    router = Gemm(part.tokens / mapping.tp, model.d_model, model.experts, present(model.experts))
    routing = products([router], device, training.precision, 0.0)
    if always(model.shared_experts, 0.0):
        return routing
    return join(products(gemms, device, training.precision), routing, _activation(model, part.tokens, width, training, device))


def norms_and_residuals(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> Passes:
    """Two norms (read, write; backward two reads, write) and two residual sums (two reads, write) per layer.

    Dropout adds one byte of mask per element and sum.
    """
    element = workload.training.precision.activation
    unit, mask = part.own * workload.model.d_model * element, mapping.schedule.dropout / element
    return Passes(stream((10 + 2 * mask) * unit, device, 4.0), stream((12 + 2 * mask) * unit, device, 4.0))


def permutation(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> Passes:
    """Copies of tokens before, and their weighted sum after the experts.

    Forward: read 1, write k; read k, write 1. Backward of the sum reads 1 and k, writes k;
    of the copy reads k, writes 1. With several experts per rank (all but 1 / n of) the
    received copies are also sorted by expert and back, k read and k written each time.
    """
    model, element = workload.model, workload.training.precision.activation
    unit = part.tokens / mapping.tp * model.d_model * element
    sort = 4 * model.top_k * (1 - mapping.ep / jnp.maximum(model.experts, mapping.ep))
    ahead = unit * (2 * model.top_k + 2 + sort)
    back = unit * (3 * model.top_k + 2 + sort)
    return Passes(stream(ahead, device, 4.0), stream(back, device, 4.0))


def head_and_loss(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> Passes:
    """Output projection in 16 bits and cross entropy of the last stage, once more per extra head.

    A fused loss reads the logits and writes their gradient in 4 bytes each.
    """
    model, training, fused = workload.model, workload.training, mapping.schedule.fused_loss
    columns = model.vocabulary / mapping.tp
    product = products([Gemm(part.tokens, model.d_model, columns, present(columns))], device, training.precision, 0.0)
    accesses = fused * 2 + (1 - fused) * LOSS_PASSES / 2
    logits = stream(4 * accesses * part.tokens * columns, device, 4.0)
    once = join(product, Passes(logits, logits))
    if always(model.extra_heads, 0.0):
        return once
    merge = products([Gemm(part.own, 2 * model.d_model, model.d_model, present(model.extra_heads))], device, training.precision)
    return join(times(once, 1 + model.extra_heads), merge)


def embedding(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> Passes:
    """Rows looked up and summed with positions on the first stage; gradients added back in FP32."""
    unit = part.tokens * workload.model.d_model * present(workload.model.vocabulary)
    element = workload.training.precision.activation
    return Passes(stream(4 * element * unit, device, 3.0), stream((element + 8) * unit, device, 2.0))
