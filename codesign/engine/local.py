"""How are units performed in this process, one after the other?"""

import contextlib
import time
from collections.abc import Iterator

from codesign.engine.arrays import settled
from codesign.engine.work import Done, Job, Perform, Plan, State, Task, this_process


class Local:
    """This process; a unit may use all its devices."""

    name = "local"

    @contextlib.contextmanager
    def start(self, job: Job, plan: Plan) -> Iterator[Perform]:
        """Performs with the plan that is here already."""

        def perform(task: Task) -> Iterator[Done]:
            for unit in task.units:
                task.begin(unit)
                yield performed(plan, task.state, unit)

        yield perform


def performed(plan: Plan, state: State, unit: int) -> Done:
    """The result of one unit, by this process, with its seconds."""
    start = time.perf_counter()
    shard = settled(plan.perform(settled(state), unit))
    return Done(unit, shard, this_process(), time.perf_counter() - start)
