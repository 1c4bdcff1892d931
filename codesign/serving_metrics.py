"""What does a design deliver when it serves? The part of `evaluate` that is asked of inference."""

from typing import Any

import jax.numpy as jnp

from codesign.cluster import Cluster
from codesign.fields import Scalar
from codesign.mapping.deployment import Deployment
from codesign.performance import serving_memory
from codesign.performance.serve import ServingStep
from codesign.performance.service import Service, service
from codesign.physical import package_heat, power
from codesign.topology.base import UNLIMITED
from codesign.workload.serving import ServingLoad
from codesign.workload.training import Workload

SERVING_PARTS = ("decode_parts", "prefill_parts", "decode_bounds", "floor_bounds")


def _target(value: Scalar) -> Scalar:
    """A bound from a target, of which 0 is none."""
    return jnp.where(value > 0, value, UNLIMITED)


def mean_power(cluster: Cluster, found: Service, network: Scalar) -> Scalar:
    """Mean power at the meter [W]: work of both kinds of units, what is drawn all the time, networks."""
    package, facility = cluster.device.package, cluster.facility

    def work(step: ServingStep) -> Scalar:
        done = step.work
        energy = power.work_energy(package, done.flops, done.flops_8bit, done.memory_bytes - done.near_bytes)
        return (energy + done.near_bytes * package.memory.near_memory_energy) / step.time

    each = found.decode_share * work(found.decode) + found.prefill_share * work(found.prefill)
    idle = package.dies * package.die.static_power + facility.host_power
    return facility.power_usage_effectiveness * (cluster.devices * (each + idle) + network)


def _memory(cluster: Cluster, deployment: Deployment, workload: Workload, load: ServingLoad) -> dict[str, Any]:
    """What is resident on a decode device, and the batches that fit."""
    model, limit = workload.model, cluster.device.package.memory_capacity
    decode, prefill = deployment.decode, deployment.prefill
    weights = serving_memory.weight_bytes(model, load, decode)
    sequence = serving_memory.sequence_bytes(model, load, decode)
    reading = serving_memory.weight_bytes(model, load, prefill), serving_memory.prompt_bytes(model, load, prefill)
    prompts = serving_memory.room(limit, *reading)
    return {
        "memory_parts": {"weights": weights, "sequences": decode.batch * sequence},
        "decode_batch": decode.batch,
        "decode_batch_limit": serving_memory.room(limit, weights, sequence),
        "prefill_batch": prefill.batch,
        "prefill_batch_limit": jnp.where(deployment.disaggregated > 0, prompts, UNLIMITED),
    }


def serving_metrics(cluster: Cluster, deployment: Deployment, workload: Workload, network: Scalar, capital: Scalar) -> dict[str, Any]:
    """Metrics by name; `network` watts of all networks, `capital` cost of the cluster [$]."""
    load = workload.serving
    assert load is not None
    found = service(workload.model, load, deployment, cluster, package_heat.memory_rate_factor(cluster))
    watts, output = mean_power(cluster, found, network), found.requests * load.output
    units = deployment.decode.devices + deployment.disaggregated * deployment.prefill.devices
    batch = found.decode.batch
    return _memory(cluster, deployment, workload, load) | {
        "breakdown": found.decode.breakdown,
        "decode_parts": found.decode.breakdown,
        "prefill_parts": found.prefill.breakdown,
        "decode_bounds": found.decode.bounds,
        "floor_bounds": found.floor.bounds,
        "time_per_output_token": found.time_per_output_token,
        "time_to_first_token": found.time_to_first_token,
        "lowest_time_per_output_token": found.lowest_time_per_output_token,
        "time_per_output_token_limit": _target(load.output_token_target),
        "time_to_first_token_limit": _target(load.first_token_target),
        "decode_step_time": found.decode.time,
        "prefill_step_time": found.prefill.time,
        "output_tokens_per_second": output,
        "decode_tokens_per_second": found.decode_tokens,
        "prefill_tokens_per_second": found.prefill_tokens,
        "output_tokens_per_dollar": output * cluster.devices / capital,
        "output_tokens_per_joule": output * cluster.devices / watts,
        "energy_per_output_token": watts / (output * cluster.devices),
        "decode_share": found.decode_share,
        "request_rate": load.request_rate,
        "request_capacity": found.requests * cluster.devices,
        "serving_power": watts,
        "serving_units": units,
        "touched_experts": batch.active,
        "tokens_per_expert": batch.routed / jnp.maximum(batch.active, 1e-30),
    }
