"""Do published gains of processing near memory follow from constants: Duplex over GPU, Stratum over GPU, Stratum over Duplex?

Out of sample (S53): no constant is fitted to these gains. A gain is a product of parts, replaced one at a time: the ratio of
bandwidths, what does not run near the memory, the limit of computing there, experts that popularity touches.
"""

from typing import Any, NamedTuple

import jax.numpy as jnp
from claim import Row
from serving_machines import BATCHES, Machine, machine, put, serve, small_machines, throughput, unlimited

from codesign.config import load_workload_named
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.performance.tile_count import smooth_tiles
from codesign.workload.parameters import expert_parameters

AT = 2
"""The batch of 32: the smallest, where gains are largest, of those of Duplex."""
FACTOR = 2.0
"""S53 is met within this factor."""
RING, TILE_ROWS = 128e9, 16.0
"""B/s of a link of the ring between chips of Stratum (arXiv 2510.05245); tokens of a tile of its arrays (assumption)."""

ASSUMPTIONS = [
    "S53: within a factor of 2, batch 32 (of 32 to 128, where 'up to' is reached), prompts and answers of 1,024 tokens, 16 bits",
    "S53: operators as rooflines, decode units apart; Mixtral on 2 H100, 2 Duplex or one large Stratum, and Duplex over GPU on 4 each",
    "S53: OLMoE on RTX A6000, one Duplex of an H100, an A6000 die with one chip of Stratum; which Duplex the paper takes is open",
    "S53: Qwen2.5-32B and Llama-4 (published 6.13x and 4.48x over GPU, 3.0x and 2.2x over Duplex) are not among the shipped models",
    "S53: Stratum's memory at the harmonic mean of its tiers; no operator of Duplex is shared by both processors at once",
    "S53 misses upwards over GPU: the roofline has no tiles near the memory and no ring between chips; the rows 'less' say how much "
    "they take, 'known' is what is left. A real GPU that starts kernels goes the other way",
    "S53.energy: per answer token, prompts, networks and hosts included; the paper counts devices that decode",
]


class Anchor(NamedTuple):
    """A model, the machines it was served on, and published gains of Stratum (arXiv 2510.05245)."""

    model: str
    gpu: Machine
    duplex: Machine
    stratum: Machine
    over_gpu: float
    over_duplex: float
    less_energy: float
    tiers: float


def anchors() -> dict[str, Anchor]:
    """Models of Stratum that are shipped."""
    gpu, small = small_machines()
    mixtral = machine("dgx_h100", 2), machine("duplex", 2), machine("stratum_large", 1)
    return {
        "olmoe": Anchor("olmoe_1b_7b", gpu, machine("duplex", 1), small, 8.29, 2.9, 7.66, 1.45),
        "mixtral": Anchor("mixtral_8x7b", *mixtral, 5.39, 2.5, 2.74, 1.39),
    }


def parts(model: str, new: Machine, old: Machine) -> dict[str, Any]:
    """The gain of `new` over `old` for every batch, and it as ratio of bandwidths times what each further limit makes of it.

    `room` is the largest batch that both hold.
    """
    ratio = new.bandwidth / old.bandwidth * jnp.ones(len(BATCHES))
    streaming = throughput(model, unlimited(new)) / throughput(model, unlimited(old))
    even = throughput(model, new) / throughput(model, old)
    ours, theirs = serve(model, new, popular=True), serve(model, old, popular=True)
    gain = new.devices * ours.decode_tokens_per_second / (old.devices * theirs.decode_tokens_per_second)
    room = jnp.minimum(new.devices * ours.decode_batch_limit, old.devices * theirs.decode_batch_limit) * jnp.ones(len(BATCHES))
    return {"gain": gain, "room": room, "bandwidth": ratio, "rest": streaming / ratio, "compute": even / streaming, "routing": gain / even}


WORDS = {
    "bandwidth": "of it, ratio of bandwidths",
    "rest": "of it, what streams beside or is exchanged",
    "compute": "of it, the limit of computing near memory",
    "routing": "of it, experts left untouched by popular ones",
}


def gain_rows(label: str, what: str, paper: float, found: dict[str, Any]) -> list[Row]:
    """The gain beside the published one, its parts, and the sweep of batches."""
    rows = [Row(f"S53.{label}", what, "x", paper, float(found["gain"][AT]), paper / FACTOR, paper * FACTOR)]
    rows += [Row(f"S53.{label}.{part}", words, "x", None, float(found[part][AT])) for part, words in WORDS.items()]
    for batch, gain, room in zip(BATCHES, found["gain"], found["room"], strict=True):
        words = f"the same, batch {batch:.0f}" + ("" if batch <= room else " (does not fit)")
        rows.append(Row(f"S53.{label}.b{batch:.0f}", words, "x", None, float(gain)))
    return rows


def ring_time(anchor: Anchor) -> float:
    """Seconds 2 L 2 (n - 1) / n B D b / BW of two sums per layer in a ring over n chips."""
    model, chips = load_workload_named(anchor.model).module.model, float(anchor.stratum.cluster.device.package.stacks)
    return float(2 * model.layers * 2 * (chips - 1) / chips * BATCHES[AT] * model.d_model * 2 / RING)


def padded_time(anchor: Anchor) -> float:
    """Seconds of computing experts near the memory whose tokens fill tiles: L E E[tiles] R x 2 x weights of one / rate."""
    model, package = load_workload_named(anchor.model).module.model, anchor.stratum.cluster.device.package
    rate = package.stacks * package.memory.near_memory_flops * package.die.matrix_efficiency
    tiles = model.experts * smooth_tiles(BATCHES[AT] * model.top_k / model.experts, jnp.asarray(TILE_ROWS))
    return float(model.moe_layers * tiles * TILE_ROWS * 2 * expert_parameters(model) / rate)


def reasons(name: str, anchor: Anchor, gain: float) -> list[Row]:
    """What the gain over GPU leaves out, each by itself and all together; tiers of the memory; joules."""
    model, gpu, stratum = anchor.model, anchor.gpu, anchor.stratum
    found = serve(model, stratum, popular=True)
    step, experts = float(found.decode_step_time[AT]), float(found.decode_parts["experts"][AT])
    more_experts, ring = max(padded_time(anchor) - experts, 0.0), ring_time(anchor)
    launched = float((throughput(model, gpu) / throughput(model, gpu, "separate"))[AT])
    tiers = load_catalogue(SHIPPED).rows["memories"]["monolithic_3d_near_memory"].provenance["near_memory_ratio"]
    fast = stratum._replace(cluster=put(stratum.cluster, {"memory.near_memory_ratio": tiers.high}))
    tiering = float((throughput(model, fast) / throughput(model, stratum))[AT])
    joules = float((serve(model, gpu).energy_per_output_token / serve(model, stratum).energy_per_output_token)[AT])
    known = gain * launched * step / (step + ring + more_experts)
    found_rows = [
        ("tiles", "less, if tokens of an expert fill tiles of 16 near the memory", None, step / (step + more_experts)),
        ("ring", "less, if chips sum in a ring of 128 GB/s", None, step / (step + ring)),
        ("starts", "more, if the GPU starts kernels and waits for its host", None, launched),
        ("known", "the gain with these three", anchor.over_gpu, known),
        ("tiers", "more, if all data lie in the fastest tier", anchor.tiers, tiering),
        ("energy", "energy, GPU over Stratum", anchor.less_energy, joules),
    ]
    return [Row(f"S53.stratum_gpu.{name}.{key}", what, "x", paper, value) for key, what, paper, value in found_rows]


def rows() -> list[Row]:
    """Every row."""
    duplex = parts("mixtral_8x7b", machine("duplex", 4), machine("dgx_h100", 4))
    found = gain_rows("duplex_gpu.mixtral", "Duplex over GPU, Mixtral", 2.67, duplex)
    for name, anchor in anchors().items():
        over_gpu, over_duplex = (parts(anchor.model, anchor.stratum, old) for old in (anchor.gpu, anchor.duplex))
        found += gain_rows(f"stratum_gpu.{name}", f"Stratum over GPU, {name}", anchor.over_gpu, over_gpu)
        found += reasons(name, anchor, float(over_gpu["gain"][AT]))
        found += gain_rows(f"stratum_duplex.{name}", f"Stratum over Duplex, {name}", anchor.over_duplex, over_duplex)
    return found
