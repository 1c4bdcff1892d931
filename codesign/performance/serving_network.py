"""How long do the exchanges of a serving step take, and the hand-over of a prompt's keys and values?

Messages are small, so that reductions inside an attention group run directly, every rank to every other, and not in rings.
EP is carved out of data parallelism: dispatch and combine connect the ep ranks of a unit.
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.deployment import Pool, ServingSchedule
from codesign.mapping.placement import Placement, place
from codesign.performance.collectives import all_to_all_time
from codesign.performance.communication import Network, dispatch_combine_time, routed_copies
from codesign.performance.serving_batch import Batch
from codesign.topology.endpoints import Group
from codesign.workload.routing import distinct_destinations
from codesign.workload.serving import ServingLoad
from codesign.workload.transformer import Transformer


def pool_placement(pool: Pool, pod: Scalar) -> Placement:
    """The groups of a unit on pods of `pod` devices: tensor ranks innermost, expert ranks over the whole unit."""
    one = jnp.ones_like(pool.ep * pod)
    alone = place(one, one, pod, one, one)
    return Placement(
        tensor=place(pool.tp, one, pod, one, one),
        context=alone,
        expert_tensor=place(pool.etp, one, pod, one, one),
        expert=place(pool.ep, pool.etp, pod, one, one),
        data=alone,
        expert_data=alone,
        pipeline=alone,
    )


def tensor_time(model: Transformer, load: ServingLoad, batch: Batch, net: Network) -> Scalar:
    """The sum over an attention group of one block's output: every rank sums its share and sends it to the others."""
    size, group = batch.tokens * model.d_model * load.precision.activation, net.placement.tensor
    return 2 * all_to_all_time(size, group, *net.exchanges(group)) + net.start(group, 2.0)


def expert_tensor_time(model: Transformer, load: ServingLoad, pool: Pool, batch: Batch, net: Network) -> Scalar:
    """Tokens that arrived are gathered over the ranks of an expert, their outputs summed.

    Of the tokens of ep etp ranks those of one attention group, tp / etp of one in ep, are on every rank already.
    """
    own = batch.mean_tokens / pool.tp * pool.devices / pool.ep
    arrived = own * distinct_destinations(model.experts, pool.ep, model.top_k) * batch.busiest
    size, group = arrived * model.d_model * load.precision.activation, net.placement.expert_tensor
    once = all_to_all_time(size, group, *net.exchanges(group)) + net.start(group)
    return once * (2 - jnp.minimum(pool.tp / pool.etp, 1.0) / pool.ep)


def exchange_time(model: Transformer, load: ServingLoad, schedule: ServingSchedule, pool: Pool, batch: Batch, net: Network) -> Scalar:
    """Dispatch and combine of one layer on the rank that sends or receives most: tokens / tp x width each way, per copy."""
    elements = jnp.maximum(batch.tokens, batch.mean_tokens * batch.busiest) / pool.tp * model.d_model
    copies = routed_copies(model, pool.ep, schedule.deduplicate)
    return dispatch_combine_time(elements, copies, pool.relay, model, load.precision, net)


def step_exchanges(
    model: Transformer, load: ServingLoad, schedule: ServingSchedule, pool: Pool, batch: Batch, net: Network
) -> dict[str, Scalar]:
    """Seconds of all exchanges of a step if nothing were hidden, by kind."""
    drafts = load.draft_layers * load.draft_tokens / (load.draft_tokens + 1)
    moe = (model.moe_layers + drafts) * jnp.minimum(model.experts, 1.0)
    blocks = model.layers + drafts + model.dense_layers + moe
    return {
        "tensor parallel": blocks * tensor_time(model, load, batch, net),
        "expert tensor parallel": moe * expert_tensor_time(model, load, pool, batch, net),
        "all-to-all": moe * exchange_time(model, load, schedule, pool, batch, net),
    }


def hand_over_time(model: Transformer, load: ServingLoad, pool: Pool, net: Network) -> Scalar:
    """Keys and values of one prompt, all layers, from a group that read it to one that decodes; every rank sends its part."""
    size, one = load.prompt * model.layers * model.attention.cache_width(pool.tp) * load.cache_element, jnp.ones_like(pool.tp)
    _, fabric = net.sends(Group(2 * one, one, pool.devices))
    return fabric.latency + size / fabric.bandwidth
