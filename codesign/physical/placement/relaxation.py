"""Where would blocks stand if they could overlap a little?

A smooth stand-in for the cost is descended by Adam while overlap and leaving the outline become dearer and the corners of the
stand-in sharper, as in analytical placement (ePlace, DOI 10.1145/2699873, for many cells; pairs are cheap for a few dozen).
"""

import jax
import jax.numpy as jnp
import optax

from codesign.fields import Scalar
from codesign.physical.placement.cost import Problem, spreading

STEPS = 200


def _magnitude(value: Scalar, softness: Scalar) -> Scalar:
    return jnp.sqrt(value**2 + softness**2)


def _positive(value: Scalar, softness: Scalar) -> Scalar:
    return softness * jax.nn.softplus(value / softness)


def _extent(centre: Scalar, side: Scalar, softness: Scalar) -> Scalar:
    """Smooth length of the smallest interval around all [centre +- side / 2]."""
    ends = jnp.where(side > 0, side / 2, -1e3)
    high = jax.nn.logsumexp((centre + ends) / softness)
    return softness * (high + jax.nn.logsumexp((ends - centre) / softness))


def smooth_overlap(centres: Scalar, width: Scalar, height: Scalar, softness: Scalar) -> Scalar:
    """Smooth area that pairs of cells share, from centres (n, 2)."""
    x, y = centres[:, 0], centres[:, 1]
    shared = [
        _positive((side[:, None] + side) / 2 - _magnitude(c[:, None] - c, softness), softness) for c, side in ((x, width), (y, height))
    ]
    real = (width > 0)[:, None] & (width > 0)
    return jnp.where(real, jnp.triu(shared[0] * shared[1], 1), 0.0).sum()


def smooth_cost(centres: Scalar, width: Scalar, height: Scalar, problem: Problem, softness: Scalar, penalty: Scalar) -> Scalar:
    """Wire, area and heat with corners rounded over `softness`, plus `penalty` x (overlap + squared length outside the outline).

    `centres` (n, 2) about the middle of the outline; everything in units of the problem.
    """
    x, y = centres[:, 0], centres[:, 1]
    across, along = x[:, None] - x, y[:, None] - y
    wire = problem.wires * (_magnitude(across, softness) + _magnitude(along, softness))
    heat = problem.heats * spreading(across**2 + along**2, problem.reach)
    area = problem.area * (_extent(x, width, softness) - problem.gap) * (_extent(y, height, softness) - problem.gap)
    beyond = [
        _positive(jnp.abs(c) + side / 2 - room / 2, softness) for c, side, room in zip((x, y), (width, height), problem.room, strict=True)
    ]
    outside = jnp.where(width > 0, beyond[0] ** 2 + beyond[1] ** 2, 0.0).sum()
    return (wire + heat).sum() + area + penalty * (smooth_overlap(centres, width, height, softness) + outside)


def relaxed(centres: Scalar, turned: Scalar, problem: Problem) -> Scalar:
    """Centres (n, 2) after the descent from `centres`; blocks that are `turned` (n,) have their sides exchanged."""
    width, height = jnp.where(turned, problem.height, problem.width), jnp.where(turned, problem.width, problem.height)
    optimiser = optax.adam(optax.cosine_decay_schedule(0.03, STEPS, 0.05))

    def step(number: Scalar, state: tuple) -> tuple:
        now, memory = state
        done = number / STEPS
        softness, penalty = 0.05 * 0.05**done, 0.3 * 300.0**done
        slope = jax.grad(smooth_cost)(now, width, height, problem, softness, penalty)
        change, memory = optimiser.update(slope, memory)
        return now + change, memory

    return jax.lax.fori_loop(0, STEPS, step, (centres, optimiser.init(centres)))[0]
