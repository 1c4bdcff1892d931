"""How does a plan go from its start to its end: rounds of units, each kept as soon as it is done?"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from codesign.engine.admission import opened
from codesign.engine.arrays import settled
from codesign.engine.folder import Store, Unkept, begun
from codesign.engine.work import Engine, Job, Perform, Plan, Shard, State, Task


class Step(NamedTuple):
    """What a watcher is told when a round begins and after every unit: `done` of `units`, from `state`."""

    round: int
    units: int
    done: int
    state: State


Watch = Callable[[Step], None]


def run(job: Job, plan: Plan, folder: Path | None, watch: Watch, engine: Engine, resume: bool = False) -> State:
    """The state in which `plan` has no more units, the same bits for every engine and after any number of resumptions.

    Every finished unit is kept in `folder` (None keeps nothing); with `resume` what is there
    is used, and at most the units that were running are done again. An interrupt or an
    exception ends the run and leaves the folder ready to be resumed. Raises `ConfigError`
    (see `opened`) and `EngineError`.
    """
    with opened(folder, job, engine.name, resume) as store:
        number, state = begun(store, plan)
        if not plan.units(state):
            return state
        with engine.start(job, plan) as perform:
            while units := plan.units(state):
                shards = _round(store, perform, number, units, state, watch)
                number, state = number + 1, settled(plan.combine(state, shards))
                store.advance(number, state, plan.units(state))
        return state


def _round(store: Store | Unkept, perform: Perform, number: int, units: int, state: State, watch: Watch) -> list[Shard]:
    """The results of all units of a round, in their order."""
    shards = store.shards(number)
    watch(Step(number, units, len(shards), state))
    missing = [unit for unit in range(units) if unit not in shards]
    for done in perform(Task(number, state, missing, lambda unit: store.begin(number, unit))):
        store.put(number, done)
        shards[done.unit] = done.shard
        watch(Step(number, units, len(shards), state))
    return [shards[unit] for unit in range(units)]
