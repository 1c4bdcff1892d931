"""What do two kinds of traffic gain by taking turns on the same ports instead of owning a share each?

Context-parallel and expert-parallel traffic fall in different phases of a layer; an optical switch
can point the same ports at either (ChipLight, arXiv 2604.18909; equations of facts F53). With V bytes per
phase and device, a port budget B in B/s, and n changes of t seconds each,

    split: x B and (1 - x) B, best in series   T = (sqrt(V_cp) + sqrt(V_ep))^2 / B
    reuse: all of B for both, in turn          T = (V_cp + V_ep) / B + n t

Symbols broadcast. Start-ups, traffic during a change and other users of the ports are ignored.
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.performance.bandwidth_split import proportional_split, serial_split, serial_time, square_root


def static_share(context: Scalar, expert: Scalar) -> Scalar:
    """The best share of context-parallel traffic, phases in series: sqrt(V_cp) / (sqrt(V_cp) + sqrt(V_ep)); half without traffic."""
    traffic = jnp.stack(jnp.broadcast_arrays(context, expert), -1)
    return serial_split(traffic, jnp.asarray(1.0), jnp.ones(2, traffic.dtype))[..., 0]


def static_time(context: Scalar, expert: Scalar, budget: Scalar) -> Scalar:
    """Seconds of both phases in series over the best fixed shares."""
    traffic = jnp.stack(jnp.broadcast_arrays(context, expert), -1)
    return serial_time(traffic, budget, jnp.ones(2, traffic.dtype))


def overlapped_share(context: Scalar, expert: Scalar) -> Scalar:
    """The best share when both phases run at once: V_cp / (V_cp + V_ep); half without traffic."""
    traffic = jnp.stack(jnp.broadcast_arrays(context, expert), -1)
    return proportional_split(traffic, jnp.asarray(1.0), jnp.ones(2, traffic.dtype))[..., 0]


def overlapped_time(context: Scalar, expert: Scalar, budget: Scalar) -> Scalar:
    """Seconds of both phases at once over the best fixed shares: (V_cp + V_ep) / B, so that reuse gains nothing."""
    return (context + expert) / budget


def reuse_time(context: Scalar, expert: Scalar, budget: Scalar, changes: Scalar, change_time: Scalar) -> Scalar:
    """Seconds of both phases in turn over all ports: (V_cp + V_ep) / B + n t."""
    return (context + expert) / budget + changes * change_time


def reuse_saving(context: Scalar, expert: Scalar, budget: Scalar, changes: Scalar, change_time: Scalar) -> Scalar:
    """Seconds that reuse saves over the best fixed shares in series: 2 sqrt(V_cp V_ep) / B - n t; negative where it loses."""
    return 2 * _geometric_mean(context, expert) / budget - changes * change_time


def break_even_change_time(context: Scalar, expert: Scalar, budget: Scalar, changes: Scalar) -> Scalar:
    """Seconds per change at which reuse saves nothing: 2 sqrt(V_cp V_ep) / (n B), for at least one change."""
    return 2 * _geometric_mean(context, expert) / (changes * budget)


def _geometric_mean(context: Scalar, expert: Scalar) -> Scalar:
    return square_root(context) * square_root(expert)
