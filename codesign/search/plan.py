"""Which units of work make up a search, and when is the search over?

Rounds: fixed random points; then cycles of mutation (every unit from the same population with a
seed of its own), of all neighbours of what is new on the front, and, when cycles gain little, of
the front's values in other cells and of designs around those nearest to the front; descents by
gradient if they are asked for; last the front without rounding, which tells the price of rounding.
Nothing here knows what the objectives mean, how many processes there are, or the time.
"""

import numpy as np

from codesign.search.archive import CAPACITY, merge, select, together, united
from codesign.search.budget import Budget
from codesign.search.mutate import fingerprints
from codesign.search.sample import ends
from codesign.search.space import Model, Space
from codesign.search.stages import Stages
from codesign.search.state import State, nothing_found, packed, population_of, scale_between, scale_of, scaled_volume, state_of, unpacked

LITTLE, NOTHING = 1e-3, 2e-5
IDLE, HOPELESS = 4, 8


class SearchPlan:
    """The search of `model` over `space` as rounds of units (see `codesign.engine.work.Plan`)."""

    def __init__(self, model: Model, space: Space, budget: Budget, objectives: int, key: str = "") -> None:
        self.key, self.budget = key, budget
        self.stages = Stages(model, space, budget, objectives)

    def start(self) -> State:
        """Nothing found yet."""
        return nothing_found(self.stages.space.low, self.stages.objectives)

    def units(self, state: State) -> int:
        """How many units the next round has: as many as its work fills, of a mutation few while each cycle gains much.

        Never a matter of how many workers there are, so that their number changes no bit.
        """
        budget = self.budget
        match str(state["stage"]):
            case "end":
                return 0
            case "relaxing":
                return 1
            case "polish":
                return self.stages.polish_units(state)
            case "sweep":
                return self.stages.sweep_units(state)
            case "mutation":
                return budget.units if state["idle"] else budget.breadth
        return budget.units

    def done(self, state: State) -> float:
        """About which share of the search is over."""
        if str(state["stage"]) in ("relaxing", "end"):
            return 0.95
        return 0.9 * max(
            int(state["cycle"]) / self.budget.rounds, min(1.0, int(state["cycle"]) / 8) * (1 + int(state["idle"])) / (1 + IDLE)
        )

    def perform(self, state: State, unit: int) -> State:
        """The result of one unit."""
        work = {
            "sampling": self.stages.sample, "mutation": self.stages.mutate, "polish": self.stages.polish,
            "sweep": self.stages.sweep, "descent": self.stages.descend, "relaxing": self.stages.relax,
        }  # fmt: skip
        return work[str(state["stage"])](state, unit)

    def combine(self, state: State, shards: list[State]) -> State:
        """The state after a round."""
        stage = str(state["stage"])
        new = state | {name: state[name] + sum(s[name] for s in shards if name in s) for name in ("evaluations", "gradients")}
        new["round"] = state["round"] + 1
        if stage == "sampling":
            new |= _sampled(shards)
        if "relaxed.x" in shards[0]:
            parts = [unpacked("relaxed", state), *(unpacked("relaxed", s) for s in shards)]
            every = together(*parts)
            new |= packed("relaxed", merge(select(every, np.zeros(0, int)), *every, np.zeros((1, every.size)), CAPACITY))
        if stage != "relaxing":
            new |= state_of(united([population_of(state), *(population_of(s) for s in shards)], scale_of(new)))
        return new | self._next(stage, state, new)

    def _next(self, stage: str, old: State, new: State) -> State:
        """The next stage and the counts that decide on it."""
        if stage == "polish":
            return self._cycled(old, new)
        if stage == "mutation":
            return {"stage": np.array("polish")}
        return {"stage": np.array("end" if stage == "relaxing" else "mutation")}

    def _cycled(self, old: State, new: State) -> State:
        """After mutation and polish: go on, look elsewhere, or end."""
        archive, cycle = unpacked("archive", new), old["cycle"] + 1
        volume = max(scaled_volume(archive, scale_of(new)), float(old["volume"]))  # a thinned archive may lose some
        gain = 1.0 - float(old["volume"]) / volume if volume else 0.0
        if not archive.size:
            idle, over = old["idle"], cycle >= min(HOPELESS, self.budget.rounds)
            return {"cycle": cycle, "stage": np.array("end" if over else "mutation")}
        little, nothing = gain < LITTLE, gain < NOTHING
        idle = old["idle"] + 1 if nothing or (little and not old["idle"]) else np.minimum(old["idle"], 1) if little else np.array(0)
        looked_around = unpacked("archive", old)  # what the polish found itself is not among these
        counts = {"cycle": cycle, "volume": np.array(volume), "idle": idle, "seen": fingerprints(looked_around.x, looked_around.cell)}
        if idle <= IDLE and cycle < self.budget.rounds:
            return counts | {"stage": np.array("sweep" if idle > old["idle"] else "mutation")}
        if old["descents"] < self.budget.descents:
            return counts | {"stage": np.array("descent"), "descents": old["descents"] + 1, "idle": np.array(1)}
        return counts | {"stage": np.array("relaxing")}


def _sampled(shards: list[State]) -> State:
    """What the samples of all units say of the space as a whole."""
    nearest = shards[int(np.argmin([float(np.nan_to_num(s["nearest.over"], nan=np.inf)) for s in shards]))]
    kept = {name: nearest[name] for name in ("nearest.x", "nearest.cell", "nearest.over")}
    kept |= {name: np.array(sum(int(s[name]) for s in shards)) for name in ("good", "sampled")}
    fronts = [s["front"] for s in shards if len(s["front"])]
    found = ends(np.concatenate(fronts)) if fronts else None
    if found is None:
        return kept
    scale = scale_between(found)
    return kept | {"low": scale.low, "span": scale.span, "high": found[1], "anchored": np.array(True)}
