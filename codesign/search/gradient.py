"""How do many starts in many cells and directions descend at once?

One Jacobian by forward mode over the few variables; Adam is elementwise, so one optimiser
state over arrays is as many independent optimisers. Programs are compiled once per run.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from codesign.fields import total
from codesign.search.archive import Population, Scale, together
from codesign.search.scalarize import Annealing, Direction, directions, scalar_gradient
from codesign.search.space import Lanes, Model, Space, cells_at, lanes, to_unit_box, to_values

STEPS = 40
NUDGE = 0.02
LEARNING_RATE = 0.08


def jacobian(model: Model, space: Space) -> Callable[[Lanes, Any], tuple[Lanes, Lanes, tuple[Lanes, ...], tuple[Lanes, ...]]]:
    """(z, cells) -> objectives, violations, and the derivatives of each: one tuple of outputs per variable.

    One forward-mode pass per variable, written out: mapping over a tangent axis made the
    compiler drop vector code on larger models (measured: 1.4 to 6 times slower).
    """

    @functools.partial(jax.jit, inline=True)
    def at(z: Lanes, cells: Any) -> tuple[Lanes, Lanes]:
        return model(to_values(space, z), cells)

    def function(z: Lanes, cells: Any) -> tuple[Lanes, Lanes, tuple[Lanes, ...], tuple[Lanes, ...]]:
        def along(row: int) -> Any:
            def moved(value: Any) -> tuple[Lanes, Lanes]:
                return at((*z[:row], value, *z[row + 1 :]), cells)

            return jax.jvp(moved, (z[row],), (jnp.ones_like(z[row]),))

        passes = [along(row) for row in range(space.dimension)]
        (objectives, violations), _ = passes[0]
        return objectives, violations, tuple(d[0] for _, d in passes), tuple(d[1] for _, d in passes)

    return function


def _annealed(step: Any, dtype: Any) -> Annealing:
    """mu 0.2 -> 0.005, rho 6 -> 18, back-off 0.03 -> 0.001, geometrically over the steps."""
    share = step / (STEPS - 1)
    between = [a * (b / a) ** share for a, b in ((0.2, 0.005), (6.0, 18.0), (0.03, 0.001))]
    return Annealing(*(jnp.asarray(v, dtype) for v in between))


def make_descent(model: Model, space: Space) -> Callable:
    """Descent: (z, cells, direction, offset, scale) -> end points.

    Objectives are normalised as (F - offset) / scale per objective. Jacobian and update are
    compiled apart and called from a plain loop: one compiled loop over the steps ran 2.5 times
    slower on CPU, and the two fused took five times longer to compile.
    """
    differentiate = jax.jit(jacobian(model, space))
    optimizer = optax.adam(optax.cosine_decay_schedule(LEARNING_RATE, STEPS, 0.02), b2=0.97)

    @jax.jit
    def update(z: Lanes, state: Any, number: Any, slopes: Any, direction: Direction, offset: Lanes, scale: Lanes) -> tuple[Lanes, Any]:
        raw, violations, d_raw, d_violations = slopes
        objectives = tuple((f - a) / s for f, a, s in zip(raw, offset, scale, strict=True))
        _, to_f, to_g = scalar_gradient(objectives, violations, direction, _annealed(number, z[0].dtype))
        to_raw = tuple(c / s for c, s in zip(to_f, scale, strict=True))
        slope = tuple(
            total(c * d for c, d in zip((*to_raw, *to_g), (*by_f, *by_g), strict=True))
            for by_f, by_g in zip(d_raw, d_violations, strict=True)
        )
        updates, state = optimizer.update(slope, state)
        return tuple(jnp.clip(v + u, 0.0, 1.0) for v, u in zip(z, updates, strict=True)), state

    def descend(z: Lanes, cells: Any, direction: Direction, offset: Lanes, scale: Lanes) -> Lanes:
        state = optimizer.init(z)
        for number in range(STEPS):
            z, state = update(z, state, jnp.asarray(number, z[0].dtype), differentiate(z, cells), direction, offset, scale)
        return z

    return descend


def descended(
    descend: Callable, space: Space, population: Population, scale: Scale, kinds: int, count: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Where `count` descents from designs on the front and near it end, as values (d, n) in cells (n,), not rounded.

    Every start takes one of `kinds` directions; half of them use Tchebycheff.
    """
    everyone = together(population.archive, population.near)
    starts = generator.integers(0, everyone.size, count)
    z = to_unit_box(space, everyone.x[:, starts]) + NUDGE * generator.standard_normal((space.dimension, count))
    weights = directions(kinds, len(scale.low), generator)[generator.integers(0, kinds, count)]
    direction = Direction(lanes(weights.T), lanes(generator.integers(0, 2, count)[None])[0])
    cell = everyone.cell[starts]
    ends = descend(lanes(np.clip(z, 0.0, 1.0)), cells_at(space.cells, cell), direction, lanes(scale.low), lanes(scale.span))
    return np.stack(to_values(space, ends)).astype(float), cell
