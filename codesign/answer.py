"""Which single design is best at one aim within limits, which limits bind, and what does moving a limit buy?"""

import dataclasses
import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import numpy as np

from codesign.constraints import Record
from codesign.metrics import Metrics
from codesign.objectives import OBJECTIVES
from codesign.search.archive import Archive
from codesign.search.polish import MISSED, polish, pooled
from codesign.search.run import Progress
from codesign.study import (
    GENERATIONS,
    Exact,
    Front,
    Study,
    at_least,
    designs_of,
    front_of,
    judge_of,
    lean,
    make_exact_evaluation,
    slack_share,
    solve,
)

STEP = 1.1
"""The factor by which a limit is moved either way to price it."""
BINDING = 0.01
"""A limit binds when less than this share of it is left."""


class Price(NamedTuple):
    """What moving a user's limit does: the aim (SI, NaN where no design is left) with the limit looser and tighter by STEP.

    `elasticity` is d log aim / d log bound, from the two, or from one and the answer where no design is left.
    """

    limit: str
    bound: float
    looser: float
    tighter: float
    elasticity: float


class Answer(NamedTuple):
    """A design that is exact in float64 and feasible, as a front of one, with the function that judged it."""

    front: Front
    exact: Exact
    prices: tuple[Price, ...] = ()

    @property
    def aim(self) -> str:
        """What was asked for."""
        return self.front.study.file.objectives[0]

    @property
    def value(self) -> float:
        """The aim of the design, in SI."""
        return float(getattr(self.front.metrics, self.aim)[0])

    @property
    def metrics(self) -> Metrics:
        """All metrics of the design, as numbers."""
        return jax.tree.map(lambda leaf: leaf[0], self.front.metrics)


def single(study: Study, aim: str, limits: dict[str, float]) -> Study:
    """The study with one aim, and with limits (metric to bound, SI) beside its own or in their place."""
    return study._replace(file=study.file._replace(objectives=(aim,), limits=study.file.limits | limits))


def best(study: Study, aim: str, limits: dict[str, float], seed: int, watch: Callable[[Progress], None]) -> Answer:
    """The best design at `aim` that keeps the limits of the model, the study and `limits`.

    minimise sense log aim(x, cell) subject to violations <= 0: searched as a front of one objective,
    then polished in float64 on what can be built. Raises `Infeasible` and `Interrupted` as `solve` does.
    It may be a local optimum: `certify` says by how much at most, and `improved` takes what that finds.
    """
    with jax.enable_x64(True):
        study = single(study, aim, limits)
        answer = Answer(solve(study, seed, watch), make_exact_evaluation(study))
        if answer.front.found.interrupted:
            return answer
        try:
            generator = np.random.default_rng(seed)
            pool = polish(judge_of(answer.exact), study.space, designs_of(answer.front, answer.exact), GENERATIONS, generator)
        except KeyboardInterrupt:
            return interrupted(answer)
        return improved(answer, pool)


def interrupted(answer: Answer) -> Answer:
    """The answer, marked as what there was when a user stopped."""
    return answer._replace(front=answer.front._replace(found=dataclasses.replace(answer.front.found, interrupted=True)))


def improved(answer: Answer, designs: Archive) -> Answer:
    """The answer, or the best of `designs` where that is feasible and better; nothing idle is kept."""
    front, exact = answer.front, answer.exact
    own = designs_of(front, exact)
    found = judge_of(exact)(designs.x, designs.cell)
    row = int(np.argmin(found))
    if not found[row] < own.objectives[0].min():
        return answer
    x, cell = designs.x[:, [row]], designs.cell[[row]]
    x = lean(front.study, x, cell, exact)
    chosen = Archive(x, cell, exact(x, cell)[1])
    return answer._replace(front=front_of(front.study, chosen, exact, front.found, front.volumes, front.seed))


def priced(answer: Answer, seed: int) -> Answer:
    """The answer with the price of each user's limit, and better where a tighter limit led to a better design.

    Each limit is moved by STEP either way and the design optimised again from the answer's own
    neighbourhood, choices included: a jump to far other choices may be missed, which makes a price too small.
    """
    with jax.enable_x64(True):
        study, found = answer.front.study, []
        pool = polish(judge_of(answer.exact), study.space, designs_of(answer.front, answer.exact), GENERATIONS, np.random.default_rng(seed))
        for place, (name, bound) in enumerate(study.file.limits.items()):
            if bound > 0:
                ends = [_moved(answer, pool, place, factor, seed) for factor in (STEP, 1 / STEP)]
                answer = improved(answer, ends[1])
                found.append((name, bound, ends))
        return answer._replace(prices=tuple(_price(answer, *entry) for entry in found))


def _moved(answer: Answer, pool: Archive, place: int, factor: float, seed: int) -> Archive:
    """The pool polished with one user's limit looser by `factor` (tighter below 1).

    A violation is (v - b) / (v + b): a bound b factor is kept where the violation of b is at most (factor - 1) / (factor + 1).
    """
    study = answer.front.study
    broken = answer.exact(pool.x, pool.cell)[2]
    slack = np.zeros((len(broken), 1))
    slack[len(broken) - len(study.file.limits) + place] = (factor - 1) / (factor + 1)
    judge = judge_of(answer.exact, slack)
    start = pooled([pool._replace(objectives=judge(pool.x, pool.cell)[None])])
    return polish(judge, study.space, start, GENERATIONS, np.random.default_rng(seed))


def _price(answer: Answer, name: str, bound: float, ends: list[Archive]) -> Price:
    sense = OBJECTIVES[answer.aim].sense
    own = sense * math.log(answer.value)
    looser, tighter = (float(end.objectives[0, 0]) for end in ends)
    looser = min(looser, own)
    left = tighter < MISSED
    tighter = max(tighter, own) if left else math.nan
    change = (looser - tighter) / 2 if left else looser - own
    elasticity = sense * change / math.log(STEP) * (-1 if at_least(name) else 1)
    return Price(name, bound, math.exp(sense * looser), math.exp(sense * tighter), elasticity)


def binds(record: Record) -> bool:
    """Is less than BINDING of the limit left?"""
    return slack_share(record) < BINDING
