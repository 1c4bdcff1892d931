"""How long is one training step? The one place where a step time is summed.

Per micro-batch a stage computes its layers forward and backward; what traffic the schedule
lets hide is subtracted from its partner; the slowest stage sets the pace and the pipeline
bubble adds the others once (1F1B, arXiv 2104.04473; less when interleaved or when weight
gradients fill it); gradient traffic and the optimiser follow once per step.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.mapping.parallelism import Mapping
from codesign.mapping.partition import Share, heaviest_load, stored_parameters
from codesign.mapping.stages import Load, pick, triple
from codesign.performance import attention, communication, operators
from codesign.performance.communication import Network
from codesign.performance.overlap import exposed, hide
from codesign.performance.passes import Passes
from codesign.performance.roofline import Engine, Work, add, scale, stream
from codesign.performance.saving import always, apart
from codesign.performance.switching import layer_switching_time
from codesign.topology.base import Switching
from codesign.workload.training import Workload

SHORTEST = 1e-9
"""Seconds: no stage is busy for less, so that fourth powers stay normal numbers in float32."""
HOST_OPERATORS = 20.0
"""Operators that the host launches per dense layer and pass; a MoE layer has as many again for routing."""
Operator = Callable[[Workload, Mapping, Share, Engine], Passes]
MATRIX_KINDS = ("attention projections", "dense network", "experts", "shared experts and router", "head and loss")


class Step(NamedTuple):
    """Seconds by cause, which add up to the step time [s], and the work of the mean device.

    The time is summed apart from its causes, from maxima instead of differences: bounds of it are then close.
    """

    breakdown: dict[str, Scalar]
    time: Scalar
    work: Work


class Kind(NamedTuple):
    """One kind of operator: its work per layer (or head), seconds of it that are backward, which part of a load has it."""

    work: Work
    backward: Scalar
    held_by: str


def kinds(workload: Workload, mapping: Mapping, part: Share, device: Engine) -> dict[str, Kind]:
    """All operators of a stage, forward as often as recomputation has it; those of which a model has none are left out."""
    model = workload.model
    again, zero = mapping.schedule.recompute_layer, 0.0 * mapping.schedule.recompute_layer
    core = jnp.maximum(again, mapping.schedule.recompute_core)
    dense = jnp.maximum(again, mapping.schedule.recompute_dense)
    experts = jnp.maximum(again, mapping.schedule.recompute_experts)
    rows = {
        "attention projections": (operators.attention_projections, "layers", again, []),
        "attention core": (attention.attention_core, "layers", core, []),
        "dense network": (operators.dense_feed_forward, "dense", dense, [model.dense_layers]),
        "experts": (operators.routed_experts, "moe", experts, [model.base_experts]),
        "shared experts and router": (operators.shared_experts_and_router, "moe", experts, [model.base_experts, model.shared_experts]),
        "norms and residuals": (operators.norms_and_residuals, "layers", again, []),
        "permutation": (operators.permutation, "moe", experts, []),
        "head and loss": (operators.head_and_loss, "head", zero, [model.vocabulary, model.extra_heads]),
        "embedding": (operators.embedding, "embedding", zero, [model.vocabulary]),
    }

    def found(operator: Operator, again: Scalar, sizes: list[Scalar]) -> tuple[Work, Scalar]:
        if sizes and all(always(size, 0.0) for size in sizes):
            return Work(zero, zero, zero, zero), zero
        passes = operator(workload, mapping, part, device)
        return add(scale(passes.forward, 1 + again), passes.backward), passes.backward.time

    results = {name: apart(found)(operator, again, sizes) for name, (operator, _, again, sizes) in rows.items()}
    return {name: Kind(work, backward, rows[name][1]) for name, (work, backward) in results.items()}


def stage_work(found: dict[str, Kind], load: Load) -> dict[str, Work]:
    """Work per micro-batch of a stage by kind."""
    return {name: scale(kind.work, getattr(load, kind.held_by)) for name, kind in found.items()}


@apart
def layer_traffic(workload: Workload, mapping: Mapping, part: Share, net: Network) -> dict[str, Scalar]:
    """Seconds of one collective of each kind, one pass of one layer or stage."""
    return {
        "tensor parallel": communication.tensor_parallel_time(workload, mapping, part, net),
        "expert tensor parallel": communication.expert_tensor_time(workload, mapping, part, net),
        "all-to-all": communication.all_to_all_pass_time(workload, mapping, part, net),
        "context parallel": communication.context_parallel_time(workload, mapping, part, net),
        "pipeline send": communication.boundary_time(workload, mapping, part, net),
    }


def stage_traffic(workload: Workload, mapping: Mapping, once: dict[str, Scalar], load: Load) -> dict[str, Scalar]:
    """Seconds per micro-batch of a stage if nothing were hidden, by kind."""
    schedule = mapping.schedule
    passes = 2 + schedule.recompute_layer
    exchanges = 2 + jnp.maximum(schedule.recompute_layer, schedule.recompute_experts)
    blocks = load.layers + load.dense + load.moe * jnp.minimum(workload.model.shared_experts, 1.0)
    ends = (load.embedding + load.head) * jnp.minimum(workload.model.vocabulary, 1.0)
    chunked = jnp.minimum(mapping.vpp - 1, 1.0)
    return {
        "tensor parallel": (passes * blocks + ends) * once["tensor parallel"],
        "expert tensor parallel": exchanges * load.moe * once["expert tensor parallel"],
        "all-to-all": exchanges * load.moe * once["all-to-all"],
        "context parallel": (passes + 1 - schedule.context_all_to_all) * load.layers * once["context parallel"],
        "pipeline send": 2 * mapping.vpp * (1 - schedule.send_overlap * chunked) * once["pipeline send"],
    }


def host_time(mapping: Mapping, load: Load, launch_time: Scalar) -> Scalar:
    """Seconds per micro-batch in which the host launches the operators of a stage, one by one."""
    passes = 2 + mapping.schedule.recompute_layer
    return mapping.schedule.kernel_detail * HOST_OPERATORS * passes * (load.layers + load.moe) * launch_time


def paced(busy: Scalar, host: Scalar) -> Scalar:
    """Seconds of a stage that is `busy`, when the host needs `host` to launch it: the larger sets the pace, softly.

    (busy^4 + host^4)^(1/4).
    """
    return jnp.sqrt(jnp.sqrt(jnp.maximum(busy, SHORTEST) ** 4 + host**4))


def host_excess(busy: Scalar, host: Scalar) -> Scalar:
    """Seconds that a stage waits for the host: `paced` less `busy`."""
    return busy * jnp.expm1(jnp.log1p((host / jnp.maximum(busy, SHORTEST)) ** 4) / 4)


def optimizer_work(workload: Workload, mapping: Mapping, load: Load, device: Engine) -> Work:
    """Reads gradients three times (norm, overflow, update), reads and writes the states, writes the weight.

    Sharded from ZeRO stage 1 on.
    """
    precision = workload.training.precision
    traffic = (1 + 2 * device.detail) * precision.gradient + 2 * precision.optimizer + precision.weight
    return stream(stored_parameters(workload, mapping, load, 1) * traffic, device)


def _circuits(net: Network) -> Switching:
    """How circuits of the fabric move for the groups of a mapping."""
    place = net.placement
    return net.fabric.switching(place.expert, place.context, place.pipeline, net.fabric_ends)


def switching_time(workload: Workload, mapping: Mapping, found: dict[str, Kind], once: Scalar, net: Network) -> Scalar:
    """Seconds per MoE layer and micro-batch in which all-to-alls (`once` seconds per pass) wait for circuits."""

    def computing(names: tuple[str, ...]) -> tuple[Scalar, Scalar]:
        """Forward, recomputed or not, and backward."""
        return total(found[n].work.time - found[n].backward for n in names), total(found[n].backward for n in names)

    schedule = mapping.schedule
    exchanges = (2 + jnp.maximum(schedule.recompute_layer, schedule.recompute_experts)) * once
    attention = computing(("attention projections", "attention core", "norms and residuals", "shared experts and router"))
    circuits = _circuits(net)
    return layer_switching_time(circuits, attention, computing(("experts",)), exchanges)


def _bubble(mapping: Mapping, found: dict[str, Kind], mean: Load, others: Scalar) -> Scalar:
    """Seconds in which a stage waits for the pipeline to fill and drain; `others`: all other stages, one micro-batch.

    1F1B waits for forward and backward of every other stage, 1 / vpp of it when interleaved;
    zero-bubble schedules take weight gradients out of it (half of the products' backward), and
    DualPipe waits for half as many stages (arXiv 2412.19437 Table 2).
    """
    schedule = mapping.schedule
    whole = total(kind.work.time * getattr(mean, kind.held_by) for kind in found.values())
    back = {name: kind.backward * getattr(mean, kind.held_by) for name, kind in found.items()}
    weights = total(0.5 * back[name] for name in MATRIX_KINDS) / whole
    backward = total(back.values()) / whole
    left = jnp.maximum(1 - schedule.deferred_weights * weights + schedule.bidirectional * backward, 0.0)
    halved = jnp.maximum(mapping.pp / 2 - 1, 0.0) / jnp.maximum(mapping.pp - 1, 1.0)
    waits = 1 - schedule.bidirectional + schedule.bidirectional * halved
    return schedule.bubble * waits * left * others / mapping.vpp


@apart
def training_step(workload: Workload, mapping: Mapping, part: Share, device: Engine, net: Network, launch_time: Scalar) -> Step:
    """One optimiser step of `workload` under `mapping`: seconds by cause, and the work of the mean device."""
    found, once = kinds(workload, mapping, part, device), layer_traffic(workload, mapping, part, net)
    waiting, circuits = switching_time(workload, mapping, found, once["all-to-all"], net), _circuits(net)

    def stage(load: Load) -> tuple[dict[str, Scalar], Scalar, Scalar]:
        """Seconds per micro-batch by cause, the computing time under which nothing hides, and their sum."""
        work, host = stage_work(found, load), host_time(mapping, load, launch_time)
        hidden = hide(stage_traffic(workload, mapping, once, load), work, mapping)
        switching = load.moe * waiting + circuits.sends * circuits.time
        busy, span = {name: w.time for name, w in work.items()} | hidden.visible, hidden.span + switching
        return busy | {"circuit switching": switching, "host": host_excess(span, host)}, hidden.left, paced(span, host)

    stages = part.stages
    sums = triple([stage(load)[2] for load in stages.loads])
    weights = stages.largest(sums)
    terms, left, _ = stage(Load(*(pick(weights, triple(values)) for values in zip(*stages.loads, strict=True))))
    times = {name: part.micro_batches * seconds for name, seconds in terms.items()}
    mean_load = Load(*(part.stages.sum(values) / mapping.pp for values in zip(*part.stages.loads, strict=True)))
    mean = stage_work(found, mean_load)
    heaviest = heaviest_load(workload, mapping, part)
    optimizer = optimizer_work(workload, mapping, heaviest, device)
    gradients = communication.gradient_time(workload, mapping, part, heaviest, net)
    windows = communication.gradient_scatters(mapping, part)
    hidden = exposed(gradients, mapping.schedule.gradient_overlap, windows * left)
    tied = communication.tied_embedding_time(workload, mapping, part, net)
    once_per_step = {
        "pipeline bubble": _bubble(mapping, found, mean_load, pick(weights, stages.others(sums))),
        "gradient traffic": mapping.schedule.gradient_traffic * (hidden + tied),
        "optimizer": optimizer.time,
    }
    time = part.micro_batches * stages.peak(sums) + total(once_per_step.values())
    even = mean | {"experts": scale(mean["experts"], 1 / workload.training.expert_imbalance)}
    return Step(times | once_per_step, time, add(scale(add(*even.values()), part.micro_batches), optimizer))
