"""How does each method search a study for a given time? One function per method, in settings that are good for it.

Rivals get the fastest evaluation we have. pymoo runs as it documents, and again with points rounded to what is built before it
looks for duplicates; its pairwise search for duplicates among dictionaries is replaced by a set of them, which is faster.
"""

import functools
import warnings
from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import optuna
from pymoo.algorithms.moo.nsga2 import NSGA2
from pymoo.core.duplicate import DuplicateElimination
from pymoo.core.mixed import MixedVariableGA, MixedVariableMating
from pymoo.core.termination import NoTermination
from pymoo.operators.survival.rank_and_crowding import RankAndCrowding
from search_record import Recorder

from codesign.judged import Judged
from codesign.rivals import to_optuna, to_pymoo
from codesign.search.budget import Budget
from codesign.search.run import Progress, search
from codesign.search.sample import CHUNK, make_batch_evaluation
from codesign.study import Study, make_model

POPULATION = 200
UNLIMITED = 1_000_000


class DistinctDictionaries(DuplicateElimination):
    """What pymoo's own elimination for mixed variables keeps, found by hashing."""

    def _do(self, points: Any, others: Any, is_duplicate: np.ndarray) -> np.ndarray:
        seen = {tuple(sorted(other.X.items())) for other in (() if others is None else others)}
        for number, point in enumerate(points):
            key = tuple(sorted(point.X.items()))
            is_duplicate[number] = key in seen
            if others is None:
                seen.add(key)
        return is_duplicate


def _generations(algorithm: Any, problem: Any, seed: int, recorder: Recorder, seconds: float) -> None:
    algorithm.setup(problem, termination=NoTermination(), seed=seed)
    while recorder.seconds < seconds:
        algorithm.next()


def nsga2(study: Study, seed: int, recorder: Recorder, seconds: float, rounded: bool = False) -> None:
    """pymoo's NSGA-II, real-coded: its own crossover, mutation and survival."""
    problem = to_pymoo(study, batch=POPULATION, watch=recorder.judged)
    algorithm = NSGA2(POPULATION, repair=problem.rounding if rounded else None, eliminate_duplicates=True)
    _generations(algorithm, problem, seed, recorder, seconds)


def mixed_ga(study: Study, seed: int, recorder: Recorder, seconds: float, rounded: bool = False) -> None:
    """pymoo's mixed-variable genetic algorithm with the survival that it documents for several objectives."""
    problem = to_pymoo(study, mixed=True, batch=POPULATION, watch=recorder.judged)
    distinct, repair = DistinctDictionaries(), problem.rounding if rounded else None
    mating = MixedVariableMating(repair=repair, eliminate_duplicates=distinct)
    algorithm = MixedVariableGA(POPULATION, survival=RankAndCrowding(), mating=mating, repair=repair, eliminate_duplicates=distinct)
    _generations(algorithm, problem, seed, recorder, seconds)


def _trials(sampler: Callable[..., Any], study: Study, seed: int, recorder: Recorder, seconds: float) -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    problem = to_optuna(study, watch=recorder.judged)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # constraints_func, the way of Optuna 4, and multivariate are announced to change
        made = sampler(seed=seed, constraints_func=problem.constraints)
        trials = optuna.create_study(directions=problem.directions, sampler=made)
        trials.optimize(problem.objective, callbacks=[lambda own, _: own.stop() if recorder.seconds >= seconds else None])


def optuna_nsga2(study: Study, seed: int, recorder: Recorder, seconds: float) -> None:
    """Optuna's NSGA-II with its own population of 50, which was measured to do better here than 200."""
    _trials(optuna.samplers.NSGAIISampler, study, seed, recorder, seconds)


def optuna_tpe(study: Study, seed: int, recorder: Recorder, seconds: float) -> None:
    """Optuna's tree-structured Parzen estimator over all variables jointly."""
    _trials(lambda **options: optuna.samplers.TPESampler(multivariate=True, **options), study, seed, recorder, seconds)


def random_search(study: Study, seed: int, recorder: Recorder, seconds: float) -> None:
    """Uniform draws of legal combinations and, on a log scale, of values: as many a second as the model allows."""
    space, generator = study.space, np.random.default_rng(seed)
    evaluate = make_batch_evaluation(make_model(study.file, study.design, study.workload, jnp.float32), space)
    while recorder.seconds < seconds:
        cell = generator.integers(0, space.size, CHUNK)
        unit = generator.random((space.dimension, CHUNK))
        x = space.snap(space.low[:, None] * (space.high / space.low)[:, None] ** unit, cell)
        objectives, violations = evaluate(x, cell)
        odd = ~np.all(np.isfinite(objectives), axis=0)
        recorder.judged(Judged(x, cell, objectives, np.concatenate([violations, odd[None]])))


def _codesign(study: Study, recorder: Recorder, seconds: float, budget: Budget) -> None:
    def watch(progress: Progress) -> None:
        recorder.told(progress)
        if recorder.seconds >= seconds:
            raise KeyboardInterrupt  # the search ends with what it has

    model = make_model(study.file, study.design, study.workload, jnp.float32)
    search(model, study.space, budget, len(study.file.objectives), watch)


def _budget(study: Study, seed: int) -> Budget:
    settings = study.file.search
    return Budget(seed, *(settings[name] for name in Budget._fields[1:]))


def ours(study: Study, seed: int, recorder: Recorder, seconds: float) -> None:
    """Our search with the budget of the study's own file; it may end before its time."""
    _codesign(study, recorder, seconds, _budget(study, seed))


def gradient(study: Study, seed: int, recorder: Recorder, seconds: float) -> None:
    """Our search without mutation: cycles of neighbours alone, then descents as long as the time allows."""
    _codesign(study, recorder, seconds, _budget(study, seed)._replace(generations=0, descents=UNLIMITED, rounds=UNLIMITED))


def mutation(study: Study, seed: int, recorder: Recorder, seconds: float) -> None:
    """Our search without descent, and as many cycles as the time allows."""
    _codesign(study, recorder, seconds, _budget(study, seed)._replace(descents=0, rounds=UNLIMITED))


SEARCHES: dict[str, Callable[[Study, int, Recorder, float], None]] = {
    "nsga2": nsga2,
    "nsga2_rounded": functools.partial(nsga2, rounded=True),
    "mixed_ga": mixed_ga,
    "mixed_ga_rounded": functools.partial(mixed_ga, rounded=True),
    "optuna_nsga2": optuna_nsga2,
    "optuna_tpe": optuna_tpe,
    "random": random_search,
    "gradient": gradient,
    "mutation": mutation,
    "ours": ours,
    "ours_cold": ours,
}
