"""What does one unit of each stage of a search do?"""

import functools
import math
from collections.abc import Callable

import numpy as np

from codesign.pareto import nondominated, thin
from codesign.search.archive import CAPACITY, Archive, Population, deficits, empty_population, grown, merge, select
from codesign.search.budget import Budget, Report
from codesign.search.gradient import STEPS, descended, make_descent
from codesign.search.mutate import STRIDES, adjacent, adjacent_count, along, beside, children, distinct, fingerprints
from codesign.search.sample import CHUNK, Evaluation, ends, fixed_samples, make_batch_evaluation
from codesign.search.space import Model, Space
from codesign.search.state import State, packed, population_of, scale_between, scale_of, state_of, unpacked

BATCH = 4 * CHUNK
SWEPT = 16 * CHUNK
STARTS = CHUNK
RELAXING = 4
POLISHED = 4000


class Stages:
    """The stages of the search of `model` over `space`, one method each: (state, unit) -> shard; `told` hears of every batch."""

    def __init__(self, model: Model, space: Space, budget: Budget, objectives: int) -> None:
        self.model, self.space, self.budget, self.objectives = model, space, budget, objectives
        self.told: Callable[[Report], None] = lambda report: None

    @functools.cached_property
    def evaluate(self) -> Evaluation:
        """The compiled model; made when first needed."""
        return make_batch_evaluation(self.model, self.space)

    @functools.cached_property
    def descent(self) -> Callable:
        """The compiled descent; made when first needed, because it takes longest."""
        return make_descent(self.model, self.space)

    def generator(self, state: State, unit: int) -> np.random.Generator:
        """Draws of this unit of this round alone."""
        return np.random.default_rng([self.budget.seed, int(state["round"]), unit])

    def _filled(self, designs: float) -> int:
        """How many units as many designs fill, a batch each, at most those of a wide round."""
        return min(self.budget.units, max(1, math.ceil(designs / BATCH)))

    def _judged(self, population: Population, x: np.ndarray, cell: np.ndarray, state: State, stage: str, before: int) -> Population:
        """The population after the given designs, batch by batch."""
        for start in range(0, len(cell), BATCH):
            part = slice(start, start + BATCH)
            objectives, violations = self.evaluate(x[:, part], cell[part])
            population = grown(population, Archive(x[:, part], cell[part], objectives), violations, scale_of(state))
            self.told(Report(stage, population.archive, before + min(start + BATCH, len(cell))))
        return population

    def sample(self, state: State, unit: int) -> State:
        """Fixed points, and the best of them rounded."""
        samples = fixed_samples(self.space, self.evaluate, unit, self.budget.units)
        good, worst = samples.good, samples.violations[0]
        scale, front = scale_of(state), samples.objectives[:, good]
        best = np.argsort(np.nan_to_num(worst, nan=np.inf), kind="stable")[:STARTS]
        found = ends(front.T)
        if found is not None:
            scale = scale_between(found)
            lacks = deficits(front, front[:, nondominated(front.T)], scale)
            best = np.flatnonzero(good)[np.argsort(lacks, kind="stable")[: STARTS // self.budget.units]]
        x, cell = distinct(self.space.snap(samples.x[:, best], samples.cell[best]), samples.cell[best])
        nothing = empty_population(self.space.dimension, self.objectives)
        start = state | {"low": scale.low, "span": scale.span}
        population = self._judged(nothing, x, cell, start, "sampling", len(worst))
        near = samples.nearest
        return state_of(population) | {
            "evaluations": np.array(len(worst) + len(cell)), "good": np.array(good.sum()), "sampled": np.array(len(worst)),
            "front": front.T[nondominated(front.T)],
            "nearest.x": samples.x[:, near], "nearest.cell": samples.cell[near], "nearest.over": worst[near],
        }  # fmt: skip

    def mutate(self, state: State, unit: int) -> State:
        """Generations of children, each of what the last has left."""
        population, generator, count = population_of(state), self.generator(state, unit), 0
        for _ in range(self.budget.generations):
            if not population.archive.size + population.near.size:
                break
            x, cell = children(population, self.space, CHUNK, generator)
            x, cell = distinct(self.space.snap(x, cell), cell)
            population = self._judged(population, x, cell, state, "mutation", count)
            count += len(cell)
        return state_of(population) | {"evaluations": np.array(count)}

    def polish_units(self, state: State) -> int:
        """How many units the neighbours of what is new on the front fill, and when cycles gain little of what is near it."""
        cell, near = _fresh(state).cell, len(state["near.cell"]) if state["idle"] else 0
        fresh = adjacent_count(cell, self.space) * min(1.0, POLISHED / max(len(cell), 1))
        return self._filled(fresh + near * 2 * len(STRIDES) * self.space.dimension)

    def polish(self, state: State, unit: int) -> State:
        """All neighbours of a share of the designs new on the front; when cycles gain little, also of those near it in their own cells."""
        population, fresh, count = population_of(state), _fresh(state), 0
        some = select(fresh, thin(fresh.objectives.T, POLISHED)) if fresh.size else fresh
        order = np.argsort(some.objectives[0], kind="stable")  # who are near each other share neighbours
        share = np.array_split(order, self.polish_units(state))[unit]
        if len(share):
            x, cell = adjacent(select(some, share), self.space)
            population, count = self._judged(population, x, cell, state, "polish", 0), len(cell)
        near = select(unpacked("near", state), np.arange(unit, len(state["near.cell"]) if state["idle"] else 0, self.polish_units(state)))
        if near.size:
            x, cell = beside(near, self.space) if state["idle"] % 2 else along(near, self.space, self.generator(state, unit))
            population, count = self._judged(population, x, cell, state, "polish", count), count + len(cell)
        return state_of(population) | {"evaluations": np.array(count)}

    def _swept(self, state: State) -> tuple[np.ndarray, int]:
        """The cells of a sweep, and how many designs of the front are tried in each."""
        cells = np.arange(self.space.size) if state["idle"] == 1 else state["near.cell"]
        return cells, min(max(1, SWEPT // max(len(cells), 1)), len(state["archive.cell"]))

    def sweep_units(self, state: State) -> int:
        """How many units a sweep fills."""
        cells, wanted = self._swept(state)
        return self._filled(len(cells) * wanted)

    def sweep(self, state: State, unit: int) -> State:
        """The values of some designs of the front: of few in every cell, later of many in the cells nearest to the front."""
        population, generator = population_of(state), self.generator(state, 0)
        cells, wanted = self._swept(state)
        share = cells[unit :: self.sweep_units(state)]
        chosen = generator.choice(population.archive.size, wanted, replace=False)
        cell = np.tile(share, wanted)
        x = self.space.snap(np.repeat(population.archive.x[:, chosen], len(share), axis=1), cell)
        x, cell = distinct(x, cell)
        population = self._judged(population, x, cell, state, "sweep", 0)
        return state_of(population) | {"evaluations": np.array(len(cell))}

    def descend(self, state: State, unit: int) -> State:
        """Ends of descents from designs on the front and near it, as they are and rounded."""
        population, generator, budget = population_of(state), self.generator(state, unit), self.budget
        x, cell = descended(self.descent, self.space, population, scale_of(state), budget.directions, budget.lanes, generator)
        objectives, violations = self.evaluate(x, cell)
        relaxed = merge(population.archive, x, cell, objectives, violations, CAPACITY)
        population = self._judged(population, *distinct(self.space.snap(x, cell), cell), state, "descent", len(cell))
        counts = {"evaluations": np.array(2 * len(cell)), "gradients": np.array(STEPS * len(cell))}
        return state_of(population) | packed("relaxed", relaxed) | counts

    def relax(self, state: State, unit: int) -> State:
        """Children of the front that are not rounded, in the cells of the front."""
        relaxed, generator, count = unpacked("archive", state), self.generator(state, unit), 0
        none = empty_population(self.space.dimension, self.objectives)
        for _ in range(RELAXING):
            x, cell = children(none._replace(archive=relaxed), self.space, CHUNK, generator)
            objectives, violations = self.evaluate(x, cell)
            relaxed, count = merge(relaxed, x, cell, objectives, violations, CAPACITY), count + len(cell)
            self.told(Report("relaxing", unpacked("archive", state), count))
        return packed("relaxed", relaxed) | {"evaluations": np.array(count)}


def _fresh(state: State) -> Archive:
    """The designs of the front whose neighbours have not been looked at."""
    archive = unpacked("archive", state)
    return select(archive, np.flatnonzero(~np.isin(fingerprints(archive.x, archive.cell), state["seen"])))
