"""How is a study searched by an engine, with every finished unit kept in its run folder?"""

import hashlib
import json
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import jax
import jax.numpy as jnp

from codesign import __version__
from codesign.engine.run import Step, run
from codesign.engine.source import source_hash
from codesign.engine.work import Engine, Job
from codesign.report.run import resolved_study, study_hash
from codesign.search.plan import SearchPlan
from codesign.search.run import Found, Progress, found_of
from codesign.search.state import unpacked
from codesign.study import Study, budget_of, make_model

FACTORY = "codesign.engine.search:plan_of"


def plan_of(payload: bytes) -> SearchPlan:
    """The plan of a study and seed as `job_of` packs them."""
    study, seed = pickle.loads(payload)
    model = make_model(study.file, study.design, study.workload, jnp.float32)
    return SearchPlan(model, study.space, budget_of(study, seed), len(study.file.objectives), _key(_facts(study, seed)))


def _facts(study: Study, seed: int) -> dict[str, str]:
    """What tells one search from another, by name."""
    budget = budget_of(study, seed)._asdict()
    settings = {"seed" if name == "seed" else f"search.{name}": str(value) for name, value in budget.items()}
    what = {"study": study_hash(resolved_study(study)), "objectives": ", ".join(study.file.objectives), "code": source_hash()[:16]}
    return what | settings


def _key(facts: dict[str, str]) -> str:
    """A hash of the facts and of the versions that give the same bits."""
    return hashlib.sha256(json.dumps([facts, __version__, jax.__version__], sort_keys=True).encode()).hexdigest()


def job_of(study: Study, seed: int) -> Job:
    """The search of a study as it is sent to workers."""
    facts = _facts(study, seed)
    return Job(FACTORY, pickle.dumps((study, seed)), _key(facts), facts)


def make_finder(engine: Engine, folder: Path, resume: bool) -> Callable[[Study, int, Callable[[Progress], None]], Found]:
    """A search for `codesign.study.solve` whose units are done by an engine; an interrupt leaves a folder that can be resumed."""

    def find(study: Study, seed: int, watch: Callable[[Progress], None]) -> Found:
        start, job = time.perf_counter(), job_of(study, seed)
        plan = plan_of(job.payload)

        def told(step: Step) -> None:
            state = step.state
            done = int(state["evaluations"] + state["gradients"])
            watch(Progress(str(state["stage"]), done, unpacked("archive", state), plan.done(state)))

        found = found_of(run(job, plan, folder, told, engine, resume))
        found.seconds["search"] = time.perf_counter() - start
        return found

    return find
