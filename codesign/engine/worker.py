"""What does a worker do with the work that it is sent?

Only what a worker needs is imported here: it starts again after every kill.
"""

import importlib
import sys
import threading
from typing import TypeVar

from codesign.engine.local import performed
from codesign.engine.trouble import EngineError
from codesign.engine.work import Done, Job, Plan, State, this_process

Value = TypeVar("Value")

CACHED = 4
_PLANS: dict[str, Plan] = {}
_ONE_AT_A_TIME = threading.Lock()


def hold(value: Value) -> Value:
    """What many units need, as a task that is nothing but its value: a worker takes it once."""
    return value


def perform_unit(job: Job, state: State, unit: int) -> Done:
    """The result of one unit of the round."""
    return performed(plan_of(job), state, unit)


def plan_of(job: Job) -> Plan:
    """The plan of a job, made once per process, so that a worker compiles once.

    Raises `EngineError` when the plan made here names other work: this process has another
    version of the package or of jax than the one that sent the job.
    """
    with _ONE_AT_A_TIME:
        if job.key not in _PLANS:
            plan = _made(job)
            if plan.key != job.key:
                raise EngineError(f"worker {this_process()} has other versions than the process that sent the work")
            while len(_PLANS) >= CACHED:
                del _PLANS[next(iter(_PLANS))]
            _PLANS[job.key] = plan
        return _PLANS[job.key]


def _made(job: Job) -> Plan:
    module, _, function = job.factory.partition(":")
    factory = getattr(importlib.import_module(module), function)
    if "jax" in sys.modules:  # a plan of numpy alone does not wait for it
        from codesign.cli import start_jax

        start_jax()
    plan: Plan = factory(job.payload)
    return plan
