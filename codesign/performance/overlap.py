"""Which traffic hides beside computation, and how much computing time is left to hide more?"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.mapping.parallelism import Mapping
from codesign.performance.roofline import Work

HIDING = ("attention projections", "dense network", "experts", "attention core")
"""Work under which a kind of traffic of its own hides."""


def exposed(time: Scalar, share: Scalar, partner: Scalar) -> Scalar:
    """max(0, time - share x partner), and exactly `time` where nothing may hide."""
    return jnp.maximum(time - share * partner, 0.0)


def unused(time: Scalar, share: Scalar, partner: Scalar) -> Scalar:
    """What is left of `partner` when `time` hides under a share of it: partner - min(time, share x partner)."""
    return jnp.maximum(partner - time, (1 - share) * partner)


class Hidden(NamedTuple):
    """Visible seconds by kind of traffic, computing time under which nothing hides, and computing and visible traffic together.

    The sum is no new quantity: written as a maximum it is seen to fall with every rate, which
    a sum of differences is not.
    """

    visible: dict[str, Scalar]
    left: Scalar
    span: Scalar


def hide(traffic: dict[str, Scalar], work: dict[str, Work], mapping: Mapping) -> Hidden:
    """What remains visible of traffic beside the computation of the same micro-batch.

    A second of computation hides one second of traffic: tensor-parallel traffic under the
    products, context-parallel traffic under the attention core, the all-to-all under what is
    left; gradients come last.
    """
    schedule = mapping.schedule
    partners = {
        "tensor parallel": (schedule.tensor_overlap, work["attention projections"].time + work["dense network"].time),
        "expert tensor parallel": (schedule.tensor_overlap, work["experts"].time),
        "context parallel": (schedule.context_overlap, work["attention core"].time),
    }
    pairs = [(traffic[name], share, partner) for name, (share, partner) in partners.items()]
    others = total(w.time for name, w in work.items() if name not in HIDING)
    left = others + total(unused(*pair) for pair in pairs)
    exchange, share = traffic["all-to-all"], schedule.expert_overlap
    visible = {name: exposed(*pair) for name, pair in zip(partners, pairs, strict=True)}
    visible |= {"all-to-all": exposed(exchange, share, left)}
    rest = total(seconds for name, seconds in traffic.items() if name not in visible)
    hidden = others + total(jnp.maximum(p, t + (1 - s) * p) for t, s, p in pairs)
    seen = exchange + (1 - share) * others + total(_beside(*pair, share) for pair in pairs)
    return Hidden(traffic | visible, unused(exchange, share, left), rest + jnp.maximum(hidden, seen))


def _beside(time: Scalar, share: Scalar, partner: Scalar, next_share: Scalar) -> Scalar:
    """Work and visible traffic of one pair, less the share of unused work under which the next traffic hides."""
    return jnp.maximum((1 - next_share) * partner + next_share * time, time + (1 - next_share) * (1 - share) * partner)
