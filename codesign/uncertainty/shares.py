"""Which constant is behind how much of the spread of an objective, and what would it help to know it?

To first order, with z the logarithm of a constant (or its value, where that is what is spread
evenly) and s its standard deviation: variance of log objective = sum over constants of
(d log objective / dz)^2 s^2. The derivatives are exact, at the defaults.
"""

import functools
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from codesign.uncertainty.draws import Constant, scaled
from codesign.uncertainty.outcomes import Group, Lanes, Model, Program, lanes_of, outcomes

LANES = 4096
"""Pairs of a design and a constant that are differentiated together."""
QUICKLY = {"xla_backend_optimization_level": "0"}
"""A program that runs once is compiled fast rather than run fast."""
TINY = 1e-300


@functools.partial(jax.jit, static_argnames="model", compiler_options=QUICKLY)
def _slopes(model: Model, template: Any, lanes: Lanes, moved: Lanes) -> tuple[Any, ...]:
    """The change (n,) of every log objective when the lanes at the paths of `moved` change by that much: one pass forwards."""

    def logs(values: Lanes) -> tuple[Any, ...]:
        return tuple(jnp.broadcast_to(o, (LANES,)) for o in model(template, lanes | values)[0])

    return jax.jvp(logs, ({path: lanes[path] for path in moved},), (moved,))[1]


def slopes(model: Model, group: Group, constants: Sequence[Constant]) -> np.ndarray:
    """d log objective / dz (o, d, k) at the defaults, a lane for every pair of a design and a constant.

    A constant that stands at several places of a design moves at all of them.
    """
    defaults, paths = np.array([constant.default for constant in constants]), [p for p, w in group.which.items() if (w >= 0).any()]
    step = np.where([constant.in_logs for constant in constants], defaults, 1.0)
    pairs, parts = np.indices((len(group.rows), len(constants))).reshape(2, -1), []
    for start in range(0, pairs.shape[1], LANES):
        design, constant = pairs[:, np.minimum(np.arange(start, start + LANES), pairs.shape[1] - 1)]
        lanes = lanes_of(group, defaults[:, None], design, np.zeros_like(design))
        moved = {path: jnp.asarray(np.where(group.which[path][design] == constant, step[constant], 0.0)) for path in paths}
        parts.append(np.stack(_slopes(model, group.template, lanes, moved)))
    return np.concatenate(parts, axis=1)[:, : pairs.shape[1]].reshape(-1, len(group.rows), len(constants))


def first_order(
    model: Model, group: Group, constants: Sequence[Constant], table: np.ndarray, drawn: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Shares (o, d, k) of the drawn variance by constant, and the share (o, d) that they explain together.

    `table` (k, draws) are the values drawn, `drawn` (o, d, draws) the log objectives of the designs.
    """
    slope = slopes(model, group, constants)
    total = np.maximum(drawn.var(axis=2), TINY)
    explained = 1 - (drawn - slope @ scaled(constants, table)).var(axis=2) / total
    return (slope * np.array([constant.spread for constant in constants])) ** 2 / total[..., None], explained


def _held(group: Group, constant: int, default: float) -> Group:
    """The group with one constant at its default in every draw."""
    at = {path: which == constant for path, which in group.which.items()}
    own = {path: np.where(at[path], default, column) for path, column in group.own.items()}
    return group._replace(own=own, which={path: np.where(at[path], -1, which) for path, which in group.which.items()})


def _joined(groups: Sequence[Group]) -> Group:
    parts = ({path: np.concatenate([getattr(g, name)[path] for g in groups]) for path in groups[0].own} for name in ("own", "which"))
    return Group(groups[0].template, np.concatenate([g.rows for g in groups]), *parts)


def known(
    program: Program, group: Group, constants: Sequence[Constant], table: np.ndarray, drawn: np.ndarray, tried: Sequence[int]
) -> np.ndarray:
    """By which part (o, d, tried) the drawn variance falls when one constant after the other is held at its default in the same draws."""
    held = _joined([_held(group, number, constants[number].default) for number in tried])
    left = outcomes(program, held, table).objectives.var(axis=2).reshape(len(drawn), len(tried), len(group.rows))
    return 1 - np.moveaxis(left, 1, 2) / np.maximum(drawn.var(axis=2), TINY)[..., None]


def correlated(outcome: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Share (d, k) of the variance of outcomes (d, draws) that each row of the `table` explains by itself, linearly.

    Squared correlation, less 1 / (draws - 1), which is what chance gives.
    """
    a, b = (values - values.mean(axis=1, keepdims=True) for values in (outcome.astype(float), table))
    size = np.sqrt((a**2).sum(axis=1))[:, None] * np.sqrt((b**2).sum(axis=1))
    found = (a @ b.T / np.where(size > 0, size, np.inf)) ** 2
    return np.maximum(found - 1 / (table.shape[1] - 1), 0.0)
