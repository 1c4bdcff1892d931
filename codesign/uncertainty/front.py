"""How sure is every design of a front, and which constant should be measured next?"""

from typing import NamedTuple

import jax
import numpy as np

from codesign.objectives import OBJECTIVES
from codesign.report.findings import spread_rows
from codesign.report.run import Run
from codesign.uncertainty.chances import feasible, undominated
from codesign.uncertainty.draws import Constant, drawn, scaled
from codesign.uncertainty.outcomes import Outcomes, Program, make_program, outcomes
from codesign.uncertainty.run import Problem
from codesign.uncertainty.shares import correlated, first_order, known

PERCENTILES = (5, 50, 95)
SPREAD, TRIED = 10, 12


class Uncertainty(NamedTuple):
    """What the ranges of `constants` (k) make of the designs (d) of a front in its objectives (o).

    `bands` (percentiles, o, d) are metrics in SI over all draws. `feasible` (d,) is the chance to keep every
    limit, `stays` (d,) to keep them and not to be dominated by another design of the front that does.
    `limits` says in which share of all draws and designs a limit is the one exceeded most.

    Variance of the log objectives, of the designs `examined` (m,): `first_order` (o, m, k) is the share
    of each constant, `explained` (o, m) of all of them together, `known` (o, m, k) the fall when the
    constant is held at its default, NaN where that was not tried; `deviation` (o, m) its square root.
    `staying` (k,) is the share of the variance of staying on the front, as `correlated` says, of the designs that do in some draws.
    """

    draws: int
    seed: int
    objectives: tuple[str, ...]
    constants: list[Constant]
    unvaried: int
    bands: np.ndarray
    feasible: np.ndarray
    stays: np.ndarray
    limits: dict[str, float]
    examined: np.ndarray
    deviation: np.ndarray
    first_order: np.ndarray
    explained: np.ndarray
    known: np.ndarray
    staying: np.ndarray


def _joined(problem: Problem, parts: list[Outcomes], size: int) -> Outcomes:
    """Outcomes of all structures in the order of the front."""
    order = np.argsort(np.concatenate([group.rows for group in problem.groups]))
    assert len(order) == size
    objectives = np.concatenate([part.objectives for part in parts], axis=1)[:, order]
    violation, limit = (np.concatenate([getattr(part, name) for part in parts])[order] for name in ("violation", "limit"))
    return Outcomes(objectives, violation, limit)


def _bands(names: tuple[str, ...], objectives: np.ndarray) -> np.ndarray:
    """Percentiles (percentiles, o, d) of the metrics; NaN where a draw gives no number."""
    senses = np.array([OBJECTIVES[name].sense for name in names])
    numbers = np.where(np.isfinite(objectives), objectives, np.nan)
    return np.percentile(np.exp(senses[:, None, None] * numbers), PERCENTILES, axis=2)


def _shares(
    problem: Problem, program: Program, table: np.ndarray, objectives: np.ndarray, examined: np.ndarray, staying: np.ndarray
) -> tuple[np.ndarray, ...]:
    """`first_order`, `explained` and `known` of the examined designs, structure by structure."""
    size, constants = len(objectives), problem.constants
    shares, explained = np.zeros((size, len(examined), len(constants))), np.zeros((size, len(examined)))
    fall, groups = np.full(shares.shape, np.nan), []
    for group in problem.groups:
        at = np.flatnonzero(np.isin(examined, group.rows))
        if len(at):
            order = np.argsort(group.rows)
            here = group.take(order[np.searchsorted(group.rows, examined[at], sorter=order)])
            shares[:, at], explained[:, at] = first_order(problem.model, here, constants, table, objectives[:, examined[at]])
            groups.append((here, at))
    tried = np.argsort(-np.maximum(shares.mean(axis=1).max(axis=0), staying))[:TRIED]
    for here, at in groups:
        fall[:, at[:, None], tried] = known(program, here, constants, table, objectives[:, examined[at]], list(tried))
    return shares, explained, fall


def uncertainty_of(run: Run, problem: Problem, draws: int, seed: int) -> Uncertainty:
    """The uncertainty of a run's designs, in float64, from `draws` values of every constant, the same for all designs.

    Ignored: errors of the model itself, dependence between constants, designs that are not in the run.
    """
    names = tuple(aim["name"] for aim in run.manifest["objectives"])
    table, program = drawn(problem.constants, draws, seed), make_program(problem.model)
    examined = np.array(spread_rows(run, SPREAD))
    with jax.enable_x64(True):
        found = _joined(problem, [outcomes(program, group, table) for group in problem.groups], run.size)
        allowed = feasible(found.objectives, found.violation)
        stays = undominated(found.objectives, allowed)
        unsure = stays.any(axis=1) & ~stays.all(axis=1)
        staying = correlated(stays[unsure], scaled(problem.constants, table)).mean(axis=0) if unsure.any() else np.zeros(len(table))
        shares, explained, fall = _shares(problem, program, table, found.objectives, examined, staying)
    exceeded = np.bincount(found.limit[~allowed], minlength=len(problem.limits)) / allowed.size
    return Uncertainty(
        draws=draws,
        seed=seed,
        objectives=names,
        constants=problem.constants,
        unvaried=problem.unvaried,
        bands=_bands(names, found.objectives),
        feasible=allowed.mean(axis=1),
        stays=stays.mean(axis=1),
        limits=dict(zip(problem.limits, exceeded.tolist(), strict=True)),
        examined=examined,
        deviation=found.objectives[:, examined].std(axis=2),
        first_order=shares,
        explained=explained,
        known=fall,
        staying=staying,
    )
