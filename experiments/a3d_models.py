"""What does a step of the models of the A3D-MoE study ask of any hardware?

Every layer has experts, numbers have two bytes.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.config.load import load_workload_named
from codesign.fields import Scalar
from codesign.workload.attention import GroupedQuery
from codesign.workload.parameters import attention_parameters, expert_parameters, shared_parameters

NAMES = {
    "OLMoE": "olmoe_1b_7b",
    "DeepSeek-V2-Lite": "deepseek_v2_lite",
    "Qwen3-30B": "qwen3_30b_a3b",
    "Mixtral": "mixtral_8x7b",
}
BYTES = 2.0


class Models(NamedTuple):
    """Shapes of M models, (M,) each.

    `expert` and `dense` are weights of one expert and of what every token passes in a layer; `cache_width` elements per cached token,
    `cached_flops` and `score_flops` FLOPs per query and key of a decoding sequence and of a prompt; `attention_rows` queries per key.
    """

    layers: Scalar
    experts: Scalar
    top_k: Scalar
    expert: Scalar
    dense: Scalar
    cache_width: Scalar
    cached_flops: Scalar
    score_flops: Scalar
    attention_rows: Scalar


class Batch(NamedTuple):
    """Decoding sequences, tokens of one prompt and tokens cached per sequence."""

    sequences: Scalar | float
    prompt: Scalar | float = 0.0
    context: Scalar | float = 1024.0


DECODE, MIXED = Batch(16.0), Batch(64.0, 512.0)


def read_models() -> Models:
    """The shipped models; heads that share keys are rows of a product, all heads when the cache is latent."""
    columns = []
    for name in NAMES.values():
        model = load_workload_named(name).module.model
        attention = model.attention
        shared = attention.kv_heads if isinstance(attention, GroupedQuery) else 1.0
        dense = shared_parameters(model) + attention_parameters(model)
        cache = (attention.kv_width(), attention.cached_flops, attention.score_flops, attention.heads / shared)
        columns.append((model.layers, model.experts, model.top_k, expert_parameters(model), dense, *cache))
    return Models(*(jnp.stack(column) for column in zip(*columns, strict=True)))


def layer_flops(models: Models, batch: Batch) -> list[Scalar]:
    """FLOPs of experts, dense matrices, attention of decoding sequences and of a causal prompt, whose keys are not absorbed."""
    tokens = batch.sequences + batch.prompt
    attention = [models.cached_flops * batch.sequences * batch.context, models.score_flops * batch.prompt * batch.prompt / 2]
    return [2 * tokens * models.top_k * models.expert, 2 * tokens * models.dense, *attention]
