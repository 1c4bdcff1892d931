"""How long do all-to-alls wait for circuits to be rearranged?

A rearrangement of delta seconds hides behind what the device computes meanwhile:

    exposed = sum_i max(0, delta - T_hide,i)

The first all-to-all of a pass follows the attention of its own layer, whose end tells who
sends what to whom; the rearrangement starts there and nothing hides it, unless the demand is
predicted and it starts before the attention (arXiv 2501.03905 sections 5.1 and B.1). Later
ones know their demand, the transpose or the repeat of the first, and hide behind experts or
attention.
"""

from collections.abc import Sequence

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.topology.base import Switching


def exposed_switching_time(delay: Scalar, windows: Sequence[Scalar]) -> Scalar:
    """Seconds lost by one rearrangement of `delay` before each all-to-all, hidden behind `windows` [s]."""
    return total(jnp.maximum(delay - window, 0.0) for window in windows)


def layer_switching_time(
    switching: Switching, attention: tuple[Scalar, Scalar], experts: tuple[Scalar, Scalar], exchanges: Scalar
) -> Scalar:
    """Seconds lost per MoE layer and micro-batch.

    `attention` and `experts`: seconds of computing (forward, backward); `exchanges`: seconds of all
    the layer's all-to-alls on rearranged circuits. Half of the rearrangements are forward; the
    second of a pass, if there is one, hides behind the experts (forward) or the attention (backward).
    `adaptive` circuits are left as they were if the all-to-alls then lose less. Nothing hides `turns`.
    """
    first = exposed_switching_time(switching.time, (switching.predicted * attention[0], experts[1]))
    second = exposed_switching_time(switching.time, (experts[0], attention[1]))
    both = jnp.clip(switching.times / 2, 0.0, 1.0) * first + jnp.clip(switching.times / 2 - 1, 0.0, 1.0) * second
    left = (switching.slower - 1) * exchanges
    chosen = jnp.where(switching.adaptive > 0, jnp.minimum(both, jnp.maximum(left, 0.0)), both)
    return chosen + switching.turns * switching.time
