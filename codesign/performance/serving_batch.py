"""What does one device see of a serving step: sequences, tokens, experts touched, copies routed to it?

EP is carved out of data parallelism: the tokens of all attention groups of a unit meet its experts, so that a unit
of ep etp devices with n tokens each routes ep etp n k copies to ep expert ranks.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.mapping.deployment import Deployment, Pool, ServingSchedule
from codesign.performance.score_reads import low_score_share_per_slot, traffic_factor
from codesign.performance.straggler import normal_maximum, straggler
from codesign.workload.expert_coverage import effective_tokens, strata_coverage
from codesign.workload.popularity import strata
from codesign.workload.replication import heaviest_copy, placement_skew, replicated
from codesign.workload.serving import ServingLoad
from codesign.workload.transformer import Transformer


class Batch(NamedTuple):
    """One device's share of a step (or of one of its two halves), on the busiest attention group and expert rank.

    Per attention group: `sequences` that decode, their `drafted` tokens, `prompts` read, `tokens` of all kinds, `mean_tokens` those of
    the mean group. Per device: `active` distinct experts that are held and touched per layer, `routed` copies on the busiest expert
    rank, `busiest` those over the mean; `read` the share of an expert's bits that is read; `uneven` the keys of the busiest
    attention group over the mean.
    """

    sequences: Scalar
    drafted: Scalar
    prompts: Scalar
    tokens: Scalar
    mean_tokens: Scalar
    active: Scalar
    routed: Scalar
    busiest: Scalar
    read: Scalar
    uneven: Scalar


def reduced_read(deployment: Deployment, slots: Scalar) -> Scalar:
    """Share of an expert's bits that is read: 1 - delta rho; `slots` choices fall on every expert in the mean, touched or not."""
    each = low_score_share_per_slot(slots, deployment.low_score_share)
    share = deployment.per_expert * deployment.low_score_share + (1 - deployment.per_expert) * each
    return traffic_factor(deployment.score_reduction, share)


def _excess(spread: Scalar, count: Scalar, groups: Scalar, schedule: ServingSchedule) -> Scalar:
    """How much longer than the mean the sum of `count` lengths is on the busiest of `groups`: z spread / sqrt(count), partly evened out.

    Fewer than one are parts of one sequence, cut to equal lengths.
    """
    apart = normal_maximum(groups) * spread / jnp.sqrt(jnp.maximum(count, 1.0)) * jnp.minimum(count, 1.0)
    return apart * (1 - schedule.sequence_balance)


def batch_of(model: Transformer, load: ServingLoad, deployment: Deployment, pool: Pool, sequences: Scalar, prompts: Scalar) -> Batch:
    """The batch of `sequences` that decode and `prompts` read per device and step (or half of a step)."""
    schedule, groups = deployment.schedule, pool.devices / pool.tp
    drafted = sequences * (load.draft_tokens + 1)
    mean = drafted + prompts * load.computed_prompt
    read = prompts * (1 + _excess(load.prompt_spread, prompts * pool.tp, groups, schedule))
    unit = jnp.maximum(mean * pool.devices, 1e-6)
    experts = strata(model.experts, model.top_k, load.skew)
    slots = unit * model.top_k / pool.ep
    touched = strata_coverage(replicated(experts, pool.replicas), effective_tokens(unit, load.correlation)) / pool.ep
    skew = placement_skew(heaviest_copy(experts, pool.replicas), pool.ep, model.top_k) * schedule.placement_skew
    busiest = jnp.minimum(straggler(slots, pool.ep) * skew, pool.ep)
    return Batch(
        sequences=sequences * pool.tp,
        drafted=drafted * pool.tp,
        prompts=read * pool.tp,
        tokens=(drafted + read * load.computed_prompt) * pool.tp,
        mean_tokens=mean * pool.tp,
        active=touched,
        routed=slots * busiest,
        busiest=busiest,
        read=reduced_read(deployment, unit * model.top_k / jnp.maximum(model.experts + pool.replicas, 1e-30)),
        uneven=1 + _excess(load.context_spread, sequences * pool.tp, groups, schedule),
    )
