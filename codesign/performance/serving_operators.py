"""Which operators run on one device in a serving step, and what do they ask of it?

Per layer: projections into and out of attention, the core over cached keys (latent attention with its up-projections
absorbed) and over prompts, experts as grouped products over those that are touched, the passes between. Norms are fused with
residual sums. No tensor is cut by sequence: ranks of an attention group repeat norms. Ignored: rotary positions, sampling.
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.deployment import Pool
from codesign.performance.matrix import Gemm
from codesign.performance.operators import present, projection
from codesign.performance.roofline import Engine
from codesign.performance.serving_batch import Batch
from codesign.performance.task import Task, join, matrix_task, stream_task, times
from codesign.workload.serving import ServingLoad
from codesign.workload.transformer import Transformer


def attention_projections(model: Transformer, load: ServingLoad, pool: Pool, batch: Batch, device: Engine) -> Task:
    """Matrix products into and out of attention of one layer."""
    matrices = model.attention.projections(model.d_model, pool.tp).values()
    return join(*(matrix_task(projection(m, batch.tokens, pool.tp), device, load.precision) for m in matrices))


def decode_attention(model: Transformer, load: ServingLoad, pool: Pool, batch: Batch, device: Engine) -> Task:
    """Scores and weighted values of decoding sequences over their cached keys, read once per sequence for all its drafted tokens."""
    attention = model.attention
    keys = batch.sequences * load.context * batch.uneven
    pairs = keys * (load.draft_tokens + 1)
    flops = pairs * attention.cached_flops / pool.tp
    exponentials = device.detail * pairs * attention.heads / pool.tp / device.exponential_rate
    traffic = keys * attention.cache_width(pool.tp) * load.cache_element
    compute = jnp.maximum(flops / device.attention_rate, exponentials)
    return Task(compute, traffic / device.memory_rate, present(batch.sequences), flops, 0.0 * flops, traffic, 0.0 * traffic)


def prompt_attention(model: Transformer, load: ServingLoad, pool: Pool, batch: Batch, device: Engine) -> Task:
    """Scores and weighted values of prompts over their own and their cached keys; keys of the prompt read and written once."""
    attention, pairs = model.attention, batch.prompts * load.prompt_pairs
    flops = pairs * attention.score_flops / pool.tp
    exponentials = device.detail * pairs * attention.heads / pool.tp / device.exponential_rate
    rows = batch.prompts * load.computed_prompt
    traffic = rows * attention.core_width(pool.tp) / pool.tp * load.precision.activation
    traffic += batch.prompts * load.prompt * attention.cache_width(pool.tp) * load.cache_element
    compute = jnp.maximum(flops / device.attention_rate, exponentials)
    return Task(compute, traffic / device.memory_rate, present(batch.prompts), flops, 0.0 * flops, traffic, 0.0 * traffic)


def _feed_forward(
    model: Transformer,
    load: ServingLoad,
    rows: Scalar,
    width: Scalar,
    count: Scalar,
    device: Engine,
    read: Scalar,
    held: Scalar | None = None,
) -> Task:
    """Up and down products and the nonlinearity between them: reads (1 + gated) w, writes w; `held` as in `matrix_task`."""
    up = matrix_task(Gemm(rows, model.d_model, (1 + model.gated) * width, count), device, load.precision, read=read, held=held)
    down = matrix_task(Gemm(rows, width, model.d_model, count), device, load.precision, read=read, held=held)
    between = stream_task(rows * count * width * (2 + model.gated) * load.precision.activation, device)
    return join(up, between, down)


def dense_network(model: Transformer, load: ServingLoad, pool: Pool, batch: Batch, device: Engine) -> Task:
    """The dense feed-forward network of one layer."""
    one = jnp.ones_like(batch.tokens)
    return _feed_forward(model, load, batch.tokens, model.d_ff / pool.tp, present(model.d_ff), device, one)


def routed_experts(model: Transformer, load: ServingLoad, pool: Pool, batch: Batch, device: Engine) -> Task:
    """The experts of one layer that are touched, on the busiest rank."""
    rows = batch.routed / jnp.maximum(batch.active, 1e-30)
    held = (model.experts + pool.replicas) / pool.ep
    return _feed_forward(model, load, rows, model.d_expert / pool.etp, batch.active, device, batch.read, held)


def shared_experts_and_router(model: Transformer, load: ServingLoad, pool: Pool, batch: Batch, device: Engine) -> Task:
    """Experts that every token passes, cut by TP, and the router in 16 bits."""
    width, one = model.shared_experts * model.base_d_expert / pool.tp, jnp.ones_like(batch.tokens)
    shared = _feed_forward(model, load, batch.tokens, width, present(model.shared_experts), device, one)
    router = Gemm(batch.tokens / pool.tp, model.d_model, model.experts, present(model.experts))
    return join(shared, matrix_task(router, device, load.precision, 0.0))


def norms_and_residuals(model: Transformer, load: ServingLoad, pool: Pool, batch: Batch, device: Engine) -> Task:
    """Two norms fused with the residual sums before them: two reads and two writes each."""
    return stream_task(8 * batch.tokens * model.d_model * load.precision.activation, device, 2.0)


def permutation(model: Transformer, load: ServingLoad, pool: Pool, batch: Batch, device: Engine) -> Task:
    """Copies sorted by expert on arrival and summed on return: k written and read per token, and one each at home."""
    unit = batch.tokens / pool.tp * model.d_model * load.precision.activation * present(model.experts)
    return stream_task(unit * (2 * model.top_k + 2), device, 2.0)


def head(model: Transformer, load: ServingLoad, pool: Pool, batch: Batch, device: Engine) -> Task:
    """Output projection in 16 bits of drafted tokens and of the last token of a prompt; logits written and read."""
    rows, columns = batch.drafted + batch.prompts, model.vocabulary / pool.tp
    product = matrix_task(Gemm(rows, model.d_model, columns, present(columns)), device, load.precision, 0.0)
    return join(product, stream_task(2 * rows * columns * load.precision.activation, device))


def step_tasks(model: Transformer, load: ServingLoad, pool: Pool, batch: Batch, device: Engine) -> dict[str, Task]:
    """All operators of one step, over all layers; drafting repeats a layer for every drafted token of a sequence."""
    drafts = load.draft_layers * load.draft_tokens / (load.draft_tokens + 1)
    layers, moe = model.layers + drafts, model.moe_layers + drafts
    rows = {
        "attention projections": (attention_projections, layers),
        "decode attention": (decode_attention, layers),
        "prompt attention": (prompt_attention, layers),
        "dense network": (dense_network, model.dense_layers),
        "experts": (routed_experts, moe * present(model.experts)),
        "shared experts and router": (shared_experts_and_router, moe * present(model.experts)),
        "norms and residuals": (norms_and_residuals, layers),
        "permutation": (permutation, moe),
        "head": (head, 1.0 + 0.0 * layers),
    }
    return {name: times(operator(model, load, pool, batch, device), count) for name, (operator, count) in rows.items()}
