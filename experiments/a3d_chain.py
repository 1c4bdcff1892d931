"""How long does a step of an MoE model take, and what energy, with memory beside the die and with memory on it?

The reference chain of the A3D-MoE study (arXiv 2507.19142): four operations per layer (experts, dense matrices, attention of decoding
sequences, attention of a prompt), each as long as the slower of array and memory. A pure function of its constants, with gradients.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from a3d_models import BYTES, Batch, Models, layer_flops

from codesign.fields import Scalar, total
from codesign.performance.operator_fusion import Operation, fused_time
from codesign.performance.score_reads import low_score_share_per_slot, traffic_factor
from codesign.performance.tile_count import expected_tiles, row_utilisation
from codesign.workload.expert_coverage import effective_tokens, touched
from codesign.workload.popularity import strata

PJ_BIT, TINY = 8e-12, 1e-12
TERMS = 26
"""Tiles counted one by one: enough for 156 tokens per expert on 16 rows."""

TileLaw = Callable[[Scalar, Scalar], Scalar]


class Constants(NamedTuple):
    """Every free constant of both systems; the values are the centre of the bracket (row S44).

    Peak [FLOP/s]; bandwidth beside the die [B/s] and how many times more on it; energies of memory and of the way to the array [J/B],
    of a multiply-accumulate [J]; static power [W]; rows of the fixed and of the adaptive array; utilisations; `attention_elsewhere`, the
    share of decode attention that another unit does at `attention_utilisation`; `reduction` of the bits of `low_share` of the reads, by
    expert or by slot (`per_expert` 1 or 0); `softness`, see `overlapped`; `start` of a layer [s]; Zipf exponent and correlation of tokens.
    """

    peak: Scalar | float = 400e12
    bandwidth: Scalar | float = 2.85e12
    bandwidth_gain: Scalar | float = 1.5
    energy_beside: Scalar | float = 3.9 * PJ_BIT
    path_beside: Scalar | float = 0.35 * PJ_BIT
    energy_stacked: Scalar | float = 0.88 * PJ_BIT
    path_stacked: Scalar | float = 0.20 * PJ_BIT
    mac_energy: Scalar | float = 0.6e-12
    static_power: Scalar | float = 60.0
    array_rows: Scalar | float = 128.0
    adaptive_rows: Scalar | float = 16.0
    array_efficiency: Scalar | float = 0.9
    prompt_utilisation: Scalar | float = 0.6
    attention_elsewhere: Scalar | float = 0.0
    attention_utilisation: Scalar | float = 0.5
    fusion_efficiency: Scalar | float = 0.92
    reduction: Scalar | float = 0.5
    low_share: Scalar | float = 0.5
    per_expert: Scalar | float = 1.0
    softness: Scalar | float = 0.0
    start: Scalar | float = 0.0
    exponent: Scalar | float = 0.0
    correlation: Scalar | float = 1.0


class System(NamedTuple):
    """What the systems differ in: bandwidth [B/s], energy per byte [J/B], rows of the array, shares of fusing and of score-aware reads."""

    bandwidth: Scalar | float
    byte_energy: Scalar | float
    rows: Scalar | float
    fused: Scalar | float
    scored: Scalar | float


class Step(NamedTuple):
    """Seconds and joules; of a gain, how many times less of both."""

    time: Scalar
    energy: Scalar


def exact_tiles(mean: Scalar, rows: Scalar) -> Scalar:
    """Row tiles of an expert with a Poisson number of tokens."""
    return expected_tiles(mean, rows, TERMS)


def beside(c: Constants) -> System:
    """The baseline: memory beside the die, a fixed array, operations one after the other."""
    return System(c.bandwidth, c.energy_beside + c.path_beside, c.array_rows, 0.0, 0.0)


def stacked(c: Constants) -> System:
    """All four mechanisms: memory on the die, an adaptive array, fused operations, reads by score."""
    return System(c.bandwidth_gain * c.bandwidth, c.energy_stacked + c.path_stacked, c.adaptive_rows, 1.0, 1.0)


def overlapped(first: Scalar, second: Scalar, softness: Scalar | float) -> Scalar:
    """Seconds (a^p + b^p)^(1/p) of two resources with p = 1 / softness: their sum at 1, the slower at 0."""
    some, slower = softness > 0, jnp.maximum(first, second)
    power = 1 / jnp.where(some, softness, 1.0)
    ratio = jnp.maximum(jnp.minimum(first, second) / jnp.maximum(slower, TINY * TINY), TINY)
    return jnp.where(some, slower * (1 + ratio**power) ** softness, slower)


class Routing(NamedTuple):
    """Experts of a stratum, those of them touched, their tokens and the share of low scores, (M, strata)."""

    experts: Scalar
    touched: Scalar
    mean: Scalar
    low_share: Scalar


def routing(c: Constants, models: Models, batch: Batch) -> Routing:
    """How tokens spread; correlated ones gather on fewer experts and keep their number."""
    weights, chosen = (
        jnp.stack(jnp.broadcast_arrays(*column), axis=-1) for column in strata(models.experts, models.top_k, jnp.asarray(c.exponent))
    )
    count = jnp.asarray(batch.sequences + batch.prompt)[..., None]
    hit = touched(chosen, effective_tokens(count, c.correlation))
    kept = (hit + TINY) / (touched(chosen, count) + TINY)
    mean = count * chosen / kept
    low = c.per_expert * c.low_share + (1 - c.per_expert) * low_score_share_per_slot(mean, c.low_share)
    return Routing(weights * kept, weights * hit, mean, low)


def layer_bytes(c: Constants, system: System, models: Models, batch: Batch, routed: Routing) -> list[Scalar]:
    """Bytes that experts, dense matrices and both attentions of one layer read and write."""
    read = jnp.sum(routed.touched * traffic_factor(c.reduction * system.scored, routed.low_share), axis=-1)
    cached = [tokens * models.cache_width for tokens in (batch.sequences * batch.context, batch.prompt)]
    return [BYTES * elements for elements in (read * models.expert, models.dense, *cached)]


def utilisations(c: Constants, rows: Scalar | float, models: Models, batch: Batch, routed: Routing, tiles: TileLaw) -> list[Scalar]:
    """Share of the array's peak that each operation reaches: rows that are filled, but for a prompt's attention."""
    tokens = jnp.asarray(batch.sequences + batch.prompt)
    used = jnp.sum(routed.experts * tiles(routed.mean, rows), axis=-1)
    filled = [row_utilisation(n, rows, jnp.ceil(n / rows)) for n in (tokens, models.attention_rows)]
    on_array = [c.array_efficiency * share for share in (row_utilisation(tokens * models.top_k, rows, used), *filled)]
    decode = 1 / ((1 - c.attention_elsewhere) / on_array[2] + c.attention_elsewhere / c.attention_utilisation)
    return [on_array[0], on_array[1], decode, jnp.asarray(c.prompt_utilisation)]


def step(c: Constants, system: System, models: Models, batch: Batch, routed: Routing, tiles: TileLaw = exact_tiles) -> Step:
    """Seconds and joules of one step.

    t = L (sum_o max(compute, memory) + start), or fused max(sum compute, sum memory) / eta where that is less;
    E = L (bytes e + FLOPs / 2 e_mac) + P t. Ignored: norms, activations, embedding, network.
    """
    moved, flops = layer_bytes(c, system, models, batch, routed), layer_flops(models, batch)
    shares = utilisations(c, system.rows, models, batch, routed, tiles)
    compute = [f / (share * c.peak) for f, share in zip(flops, shares, strict=True)]
    busy = [Operation(a, b / system.bandwidth, jnp.zeros(())) for a, b in zip(compute, moved, strict=True)]
    apart = total(overlapped(o.compute, o.memory, c.softness) for o in busy)
    together = jnp.minimum(apart, fused_time(busy, c.fusion_efficiency))
    time = models.layers * (apart + system.fused * (together - apart) + c.start)
    switched = total(moved) * system.byte_energy + total(flops) / 2 * c.mac_energy
    return Step(time, models.layers * switched + c.static_power * time)


def gain(c: Constants, system: System, models: Models, batch: Batch, tiles: TileLaw = exact_tiles) -> Step:
    """How many times less time and energy `system` needs than the baseline with the same constants, (M,)."""
    routed = routing(c, models, batch)
    before, after = (step(c, one, models, batch, routed, tiles) for one in (beside(c), system))
    return Step(before.time / after.time, before.energy / after.energy)
