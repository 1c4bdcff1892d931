"""Rows of link reuse: its closed forms (O43, O44), splits found by descent (O45), and the whole model beside them."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from chiplight_search import System
from claim import Row, percent

from codesign.evaluate import evaluate
from codesign.performance import link_reuse
from codesign.performance.bandwidth_split import proportional_split, serial_split

REUSE, SHARE, TIME = "cluster.fabric.reuse", "cluster.fabric.ring_share", "cluster.fabric.circuit.delay"
KERNEL = "cluster.device.package.die.like.kernel_time"
SHEET = 1e-3
"""Gradient descent must come so close to the exact split."""


def closed_form_rows() -> list[Row]:
    """O43 and O44."""
    one, four = jnp.asarray(1.0), jnp.asarray(4.0)
    return [
        percent("O43.static", "equal volumes, split", "s", 4.0, link_reuse.static_time(one, one, one)),
        percent("O43.share", "equal volumes, best share", "1", 0.5, link_reuse.static_share(one, one)),
        percent("O43.reuse", "equal volumes, reuse without switching time", "s", 2.0, link_reuse.reuse_time(one, one, one, four, 0 * one)),
        percent(
            "O43.break-even",
            "switching time of one change times changes",
            "s",
            2.0,
            4 * link_reuse.break_even_change_time(one, one, one, four),
        ),
        percent("O44.static", "volumes 4 and 1, split", "s", 9.0, link_reuse.static_time(four, one, one)),
        percent("O44.share", "volumes 4 and 1, best share", "1", 2 / 3, link_reuse.static_share(four, one)),
        percent("O44.reuse", "volumes 4 and 1, reuse", "s", 5.0, link_reuse.reuse_time(four, one, one, four, 0 * one)),
    ]


def descended(cost: Callable[[Any], Any], count: int, steps: int = 3000) -> np.ndarray:
    """The shares of a budget that Adam finds from even ones, as a softmax of free numbers."""
    optimiser = optax.adam(optax.cosine_decay_schedule(0.05, steps))
    slope = jax.grad(lambda free: cost(jax.nn.softmax(free)))

    def step(carry: Any, _: Any) -> tuple[Any, None]:
        free, state = carry
        change, state = optimiser.update(slope(free), state)
        return (optax.apply_updates(free, change), state), None

    start = jnp.zeros(count)
    (free, _), _ = jax.lax.scan(step, (start, optimiser.init(start)), length=steps)
    return np.asarray(jax.nn.softmax(free))


def descent_rows() -> list[Row]:
    """O45: descent reaches the exact splits, for phases in series and at once."""
    volumes = jnp.array([7.0, 1.0, 3.0, 0.5])
    serial = descended(lambda x: (volumes / x).sum(), 4)
    together = descended(lambda x: jnp.exp(jax.nn.logsumexp(400 * jnp.log(volumes / x)) / 400), 4)
    ones = jnp.ones(4)
    exact = np.asarray(serial_split(volumes, jnp.asarray(1.0), ones)), np.asarray(proportional_split(volumes, jnp.asarray(1.0), ones))
    found = []
    for name, mine, best in (("in series", serial, exact[0]), ("at once", together, exact[1])):
        found.append(
            Row(f"O45.{name}", f"descent from the exact split, phases {name}", "1", 0.0, float(np.abs(mine - best).max()), 0.0, SHEET)
        )
    return found


def exchange_times(system: System, values: dict[str, float]) -> tuple[float, float, float]:
    """Seconds of a step in context traffic, in all-to-alls, and in changes of circuits."""
    terms = evaluate(*system.at(values)).breakdown
    return float(terms["context parallel"]), float(terms["all-to-all"]), float(terms["circuit switching"])


def model_rows(system: System, values: dict[str, float]) -> list[Row]:
    """Reuse on and off in the whole model, against the closed form with the model's own volumes.

    Starting messages is free and die-to-die links are fast, so that both phases are bound by the ports.
    """
    bare = values | {"cluster.fabric.hop_latency": 0.0, KERNEL: 0.0, "cluster.device.scale_up.bandwidth": 1e15, TIME: 1e-6, SHARE: 0.5}
    own = [*exchange_times(system, bare | {REUSE: 1.0})]
    context, expert = jnp.asarray(own[0]), jnp.asarray(own[1])
    best = float(link_reuse.static_share(context, expert))
    split = exchange_times(system, bare | {REUSE: 0.0, SHARE: best})
    static = float(link_reuse.static_time(context, expert, jnp.asarray(1.0)))
    changes = own[2] / 1e-6
    even = float(link_reuse.break_even_change_time(context, expert, jnp.asarray(1.0), jnp.asarray(changes)))
    at_even = exchange_times(system, bare | {REUSE: 1.0, TIME: even})
    return [
        Row("R1", "context over expert volume of the best design", "1", None, own[0] / own[1]),
        percent("R2", "split at its best share, whole model against closed form", "s", static, sum(split[:2]), 2e-2),
        percent(
            "R3",
            "reuse over split, whole model against closed form",
            "x",
            (own[0] + own[1]) / static,
            (own[0] + own[1]) / sum(split[:2]),
            2e-2,
        ),
        percent("R4", "at the closed form's break-even switching time both take the same", "x", 1.0, sum(at_even) / sum(split[:2]), 2e-2),
        Row("R5", "break-even switching time of one change", "us", None, even * 1e6),
    ]
