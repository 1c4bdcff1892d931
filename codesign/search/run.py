"""How is a front found in one process, and what does a search report?

The units of the plan (see `plan`) are done one after the other. An interrupt, or the end of the
time, ends the search with what has been found.
"""

import dataclasses
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from codesign.search.archive import FULL, Archive, merge, select
from codesign.search.budget import Budget, Report
from codesign.search.plan import SearchPlan
from codesign.search.space import Model, Space
from codesign.search.state import State, unpacked


class Progress(NamedTuple):
    """What a watcher is told after every batch of work; `done` is a share of the whole."""

    stage: str
    evaluations: int
    archive: Archive
    done: float

    @property
    def front(self) -> int:
        """Number of designs that nothing found so far dominates."""
        return self.archive.size


Watch = Callable[[Progress], None]


@dataclasses.dataclass
class Found:
    """The rounded archive, the best without rounding, and how it went.

    `interrupted` by a user, `cut` by the time of its budget. `relaxed` is the archive itself when
    the search ended before it looked at points that are not rounded.
    """

    archive: Archive
    relaxed: Archive
    evaluations: int = 0
    gradients: int = 0
    feasible_share: float = 0.0
    nearest_values: np.ndarray | None = None
    nearest_cell: int = 0
    interrupted: bool = False
    cut: bool = False
    anchors: tuple[np.ndarray, np.ndarray] | None = None
    seconds: dict[str, float] = dataclasses.field(default_factory=dict)


class _TimeIsUp(Exception):
    """The time of the budget has passed."""


def found_of(state: State) -> Found:
    """What the state of a plan says was found."""
    archive, near = unpacked("archive", state), unpacked("near", state)
    relaxed = unpacked("relaxed", state)
    values, cell = state["nearest.x"], int(state["nearest.cell"])
    if near.size and not archive.size and state["lacks"][0] < state["nearest.over"]:
        values, cell = near.x[:, 0], int(near.cell[0])
    return Found(
        archive,
        relaxed if relaxed.size else archive,
        int(state["evaluations"]),
        int(state["gradients"]),
        int(state["good"]) / max(int(state["sampled"]), 1),
        values,
        cell,
        anchors=(state["low"], state["high"]) if state["anchored"] else None,
    )


class _Local:
    """A search in this process: the state so far, and the front of the units of this round that are done and the running one."""

    def __init__(self, plan: SearchPlan, watch: Watch) -> None:
        self.plan, self.watch, self.state = plan, watch, plan.start()
        self.begin = time.perf_counter()
        self.archive = unpacked("archive", self.state)
        self.others = self.archive
        self.in_round = 0
        self.seconds: dict[str, float] = {}
        plan.stages.told = self.told

    def told(self, report: Report) -> None:
        """A unit has judged a batch."""
        designs = report.archive
        self.archive = merge(self.others, *designs, np.zeros((1, designs.size)), FULL) if self.others.size else designs
        self.tell(report.stage, self.in_round + report.evaluations)

    def tell(self, stage: str, more: int) -> None:
        """The watcher hears; the search ends if its time is over."""
        done = int(self.state["evaluations"] + self.state["gradients"]) + more
        self.watch(Progress(stage, done, self.archive, self.plan.done(self.state)))
        if 0 < self.plan.budget.seconds < time.perf_counter() - self.begin:
            raise _TimeIsUp

    def run(self) -> None:
        """Round after round to the end of the plan."""
        self.tell("compiling", 0)
        while units := self.plan.units(self.state):
            start, stage, shards = time.perf_counter(), str(self.state["stage"]), []
            self.in_round, self.others = 0, select(self.archive, np.zeros(0, dtype=int))
            for unit in range(units):
                shards.append(self.plan.perform(self.state, unit))
                self.others = self.archive
                self.in_round += int(shards[-1]["evaluations"]) + int(shards[-1].get("gradients", 0))
            self.state = self.plan.combine(self.state, shards)
            self.archive = unpacked("archive", self.state)
            self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - start
            self.in_round = 0
            self.tell(stage, 0)

    def found(self, interrupted: bool = False, cut: bool = False) -> Found:
        """What there is now, with what the running round had."""
        found = found_of(self.state)
        unrounded = found.relaxed if found.relaxed is not found.archive else self.archive
        return dataclasses.replace(found, archive=self.archive, relaxed=unrounded, interrupted=interrupted, cut=cut, seconds=self.seconds)


def search(model: Model, space: Space, budget: Budget, objectives: int, watch: Watch) -> Found:
    """The front of `model` over `space`; an infeasible space gives an empty archive and the nearest point."""
    local = _Local(SearchPlan(model, space, budget, objectives), watch)
    try:
        local.run()
    except _TimeIsUp:
        return local.found(cut=True)
    except KeyboardInterrupt:
        return local.found(interrupted=True)
    return local.found()
