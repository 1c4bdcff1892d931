"""What does a cluster deliver that serves: latency, tokens per second, joules per token?

Decode and prompt units are as many as keep each other busy. With r_d tokens/s of a decoding device, r_p prompts/s of a reading
one and o tokens per answer, a device of the mix serves 1 / (1 / r_p + o / r_d) requests/s. A prompt waits as in a queue with one
server and steps of equal length: s rho / (2 (1 - rho)), more by the square of the spread of prompts. A group of tp ranks that
reads less than one prompt per step takes several steps for it.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.cluster import Cluster
from codesign.fields import Scalar
from codesign.mapping.deployment import Deployment, Pool
from codesign.performance.communication import Network
from codesign.performance.roofline import engine
from codesign.performance.serve import ServingStep, serving_step
from codesign.performance.serving_network import hand_over_time, pool_placement
from codesign.workload.serving import ServingLoad
from codesign.workload.transformer import Transformer

BUSIEST = 0.999
"""Largest utilisation for which a wait is worked out; a cluster asked for more than it serves breaks a limit."""


class Service(NamedTuple):
    """Steps of both pools and what follows from them; rates per device of the whole cluster unless said otherwise."""

    decode: ServingStep
    prefill: ServingStep
    floor: ServingStep
    decode_share: Scalar
    prefill_share: Scalar
    requests: Scalar
    time_to_first_token: Scalar
    time_per_output_token: Scalar
    lowest_time_per_output_token: Scalar
    decode_tokens: Scalar
    prefill_tokens: Scalar


def network_of(cluster: Cluster, pool: Pool, kernel_time: Scalar) -> Network:
    """The networks as a unit of `pool` sees them."""
    place = pool_placement(pool, cluster.pod.size)
    return Network(place, cluster.pod.network, cluster.pod_ends, cluster.fabric, cluster.fabric_ends, kernel_time)


def service(model: Transformer, load: ServingLoad, deployment: Deployment, cluster: Cluster, refreshed: Scalar) -> Service:
    """Latencies and rates of `deployment` on `cluster`; `refreshed` is the memory rate over that of cool memory."""
    decode, prefill, parted = deployment.decode, deployment.prefill, deployment.disaggregated
    kept = load.tokens_per_step

    def step(pool: Pool, sequences: Scalar, prompts: Scalar) -> ServingStep:
        reserved, detail = pool.two_batches * pool.exchange_processors, deployment.schedule.kernel_detail
        device = engine(cluster.device.package, load.precision, detail, reserved, refreshed)
        net = network_of(cluster, pool, device.kernel_time)
        return serving_step(model, load, deployment, pool, sequences, prompts, device, net)

    mixed = (1 - parted) * decode.batch * kept / load.output
    decoding = step(decode, decode.batch, mixed)
    reading = step(prefill, 0.0 * prefill.batch, prefill.batch)
    least = 1 / decode.tp
    floor = step(decode, least, (1 - parted) * least * kept / load.output)
    tokens, prompts = decode.batch * kept / decoding.time, prefill.batch / reading.time
    answers = load.output * prompts / tokens  # devices that decode what one reads
    share = 1 - parted + parted / (1 + 1 / answers)
    requests = share * tokens / load.output
    token_time = decoding.time / kept
    apart_time = reading.time * jnp.maximum(1 / (prefill.batch * prefill.tp), 1.0)
    mixed_time = decoding.time * jnp.maximum(load.output / (decode.batch * decode.tp * kept), 1.0)
    read_time = parted * apart_time + (1 - parted) * mixed_time
    busy = jnp.minimum(load.request_rate / (requests * cluster.devices), BUSIEST)
    wait = read_time * busy / (2 * (1 - busy)) * (1 + load.prompt_spread * load.prompt_spread)
    hand_over = parted * hand_over_time(model, load, prefill, network_of(cluster, prefill, 0.0 * requests))
    return Service(
        decode=decoding,
        prefill=reading,
        floor=floor,
        decode_share=share,
        prefill_share=parted / (1 + answers),
        requests=requests,
        time_to_first_token=wait + read_time + hand_over + token_time,
        time_per_output_token=token_time,
        lowest_time_per_output_token=floor.time / kept,
        decode_tokens=tokens,
        prefill_tokens=prompts * load.prompt,
    )
