"""How long is one training step? The one place where a step time is summed.

Per micro-batch a stage computes its layers forward and backward; what traffic the schedule
lets hide is subtracted from its partner; the pipeline bubble adds (pp - 1) micro-batches
(1F1B, arXiv 2104.04473); gradient traffic and the optimiser follow once per step.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.hardware.package import Package
from codesign.mapping.parallelism import Mapping
from codesign.mapping.partition import Share, stored_parameters
from codesign.performance import communication, operators
from codesign.performance.communication import Network
from codesign.performance.operators import Passes
from codesign.performance.roofline import Work, add, scale, stream_work
from codesign.workload.training import Workload


class Step(NamedTuple):
    """Seconds by cause, which add up to the step time, and the work of the mean device."""

    breakdown: dict[str, Scalar]
    work: Work

    @property
    def time(self) -> Scalar:
        """The step time [s]: the sum of the breakdown."""
        return total(self.breakdown.values())


def _total(passes: Passes, layers: Scalar, repeats: Scalar | float) -> Work:
    """Work of `layers` layers, forward once and `repeats` times more, backward once."""
    return add(scale(passes.forward, layers * (1 + repeats)), scale(passes.backward, layers))


def _computation(workload: Workload, mapping: Mapping, part: Share, package: Package) -> tuple[dict[str, Work], Scalar]:
    """Work per micro-batch on the fullest stage by kind, and the seconds of it that are backward."""
    again = mapping.schedule.recompute_layer
    core_again = jnp.maximum(again, mapping.schedule.recompute_core)
    layers, once = part.dense_layers + part.moe_layers, jnp.ones_like(part.moe_layers)
    kinds = {
        "attention projections": (operators.attention_projections, layers, again),
        "attention core": (operators.attention_core, layers, core_again),
        "dense network": (operators.dense_feed_forward, part.dense_layers, again),
        "experts": (operators.routed_experts, part.moe_layers, again),
        "shared experts and router": (operators.shared_experts_and_router, part.moe_layers, again),
        "norms and residuals": (operators.norms_and_residuals, layers, again),
        "permutation": (operators.permutation, part.moe_layers, again),
        "head and loss": (operators.head_and_loss, once, 0.0 * again),
    }
    passes = {name: operator(workload, mapping, part, package) for name, (operator, _, _) in kinds.items()}
    work = {name: _total(passes[name], count, repeats) for name, (_, count, repeats) in kinds.items()}
    ahead = total(count * passes[name].forward.time for name, (_, count, _) in kinds.items())
    return work, total(w.time for w in work.values()) - ahead


def _communication(workload: Workload, mapping: Mapping, part: Share, net: Network) -> dict[str, Scalar]:
    """Seconds per micro-batch on the fullest stage if nothing were hidden, by kind."""
    passes = 2 + mapping.schedule.recompute_layer
    layers = part.dense_layers + part.moe_layers
    block = communication.tensor_parallel_time(workload, part, net)
    shared = jnp.minimum(workload.model.shared_experts, 1.0)
    blocks = layers + part.dense_layers + part.moe_layers * shared
    return {
        "tensor parallel": passes * blocks * block,
        "expert tensor parallel": passes * part.moe_layers * communication.expert_tensor_time(workload, mapping, part, net),
        "all-to-all": passes * part.moe_layers * communication.all_to_all_pass_time(workload, mapping, part, net),
        "context parallel": (passes + 1) * layers * communication.context_parallel_time(workload, mapping, part, net),
        "pipeline send": 2 * communication.boundary_time(workload, mapping, part, net),
    }


def _exposed(time: Scalar, share: Scalar, partner: Scalar) -> Scalar:
    """max(0, time - share x partner), and exactly `time` where nothing may hide."""
    return time - jnp.minimum(time, share * partner)


def _hide(traffic: dict[str, Scalar], work: dict[str, Work], mapping: Mapping) -> tuple[dict[str, Scalar], Scalar]:
    """Traffic that remains visible beside the computation of the same micro-batch, and the computing time left over.

    A second of computation hides one second of traffic: tensor-parallel traffic first, then
    the all-to-all under what is left; gradients come last.
    """
    schedule = mapping.schedule
    dense = work["attention projections"].time + work["dense network"].time
    tensor = _exposed(traffic["tensor parallel"], schedule.tensor_overlap, dense)
    expert = _exposed(traffic["expert tensor parallel"], schedule.tensor_overlap, work["experts"].time)
    left = total(w.time for w in work.values()) - (traffic["tensor parallel"] - tensor) - (traffic["expert tensor parallel"] - expert)
    exchange = _exposed(traffic["all-to-all"], schedule.expert_overlap, left)
    visible = traffic | {"tensor parallel": tensor, "expert tensor parallel": expert, "all-to-all": exchange}
    return visible, left - (traffic["all-to-all"] - exchange)


def optimizer_work(workload: Workload, mapping: Mapping, package: Package) -> Work:
    """Reads gradient, reads and writes the states, writes the weight; sharded from ZeRO stage 1 on."""
    precision = workload.training.precision
    traffic = precision.gradient + 2 * precision.optimizer + precision.weight
    return stream_work(stored_parameters(workload, mapping, 1) * traffic, package)


def training_step(workload: Workload, mapping: Mapping, part: Share, package: Package, net: Network) -> Step:
    """One optimiser step of `workload` under `mapping`: seconds by cause, and the work of the mean device."""
    work, backward = _computation(workload, mapping, part, package)
    visible, left = _hide(_communication(workload, mapping, part, net), work, mapping)
    times = {name: part.micro_batches * w.time for name, w in work.items()}
    times |= {name: part.micro_batches * t for name, t in visible.items()}
    bubble = mapping.schedule.bubble * (mapping.pp - 1) / part.micro_batches * total(times.values())
    optimizer = optimizer_work(workload, mapping, package)
    free = backward * left / total(w.time for w in work.values())
    gradients = mapping.schedule.gradient_traffic * communication.gradient_time(workload, mapping, part, net)
    times |= {
        "pipeline bubble": bubble,
        "gradient traffic": _exposed(gradients, mapping.schedule.gradient_overlap, free),
        "optimizer": optimizer.time,
    }
    mean = work | {"experts": scale(work["experts"], 1 / workload.training.expert_imbalance)}
    return Step(times, add(scale(add(*mean.values()), part.micro_batches * part.evenness), optimizer))
