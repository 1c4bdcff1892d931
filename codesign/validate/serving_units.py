"""Which unit, deployment and load does a row of measured serving describe? By the rules of `codesign.validate.serving`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from codesign import tree
from codesign.config.serving_runs import Noted, ServingRun, noted, replicas_of
from codesign.design import Design
from codesign.evaluate import evaluate
from codesign.mapping.deployment import Deployment, Pool
from codesign.metrics import Metrics
from codesign.validate.cases import number, row_of, system_of, workload_of
from codesign.workload.serving import ServingLoad
from codesign.workload.training import Workload

LENGTH = 4096.0
"""Tokens of a context that nobody states."""
EXCHANGE_PROCESSORS = 0.15


class Unit(NamedTuple):
    """One serving unit and its load, for which only the batch is open."""

    run: ServingRun
    told: Noted
    design: Design
    workload: Workload

    def metrics(self, batch: Any) -> Metrics:
        """What the unit does at one or several batches per device."""
        leaf = jnp.asarray(batch, dtype=float)
        return evaluate(tree.put(self.design, {"deployment.decode.batch": leaf, "deployment.prefill.batch": leaf}), self.workload)

    @property
    def tp(self) -> float:
        """Devices of an attention group."""
        return float(self.design.deployment.decode.tp) if self.design.deployment else 1.0


def told_of(run: ServingRun, runs: Sequence[ServingRun]) -> Noted:
    """What the row's note says, and of copies, hits and load what other rows say that share unit or requests."""
    own = noted(run.note)
    for other in (noted(r.note) for r in runs if r.unit == run.unit and r.batch == run.batch):
        own = own._replace(
            replicas=other.replicas if own.replicas is None else own.replicas,
            experts_per_device=other.experts_per_device if own.experts_per_device is None else own.experts_per_device,
            cached=other.cached if own.cached is None else own.cached,
        )
    requests = (r for r in runs if (r.source, r.model) == (run.source, run.model))
    return own._replace(natural=own.natural or (not own.even and any(noted(r.note).natural for r in requests)))


def per_day(run: ServingRun, runs: Sequence[ServingRun]) -> tuple[float, float] | None:
    """Tokens that the row's source reads and writes per day."""
    mine = {r.phase: r.value for r in runs if (r.source, r.model, r.metric) == (run.source, run.model, "tokens_per_day")}
    return (mine["prefill"], mine["decode"]) if {"prefill", "decode"} <= mine.keys() else None


def lengths(run: ServingRun, runs: Sequence[ServingRun]) -> tuple[float, float]:
    """Tokens of a prompt and of an answer: p = r o and p + o / 2 = context, with r as the source reads and writes per day."""
    read, written = per_day(run, runs) or (1.0, 1.0)
    if run.phase == "prefill" and run.context is not None:
        return run.context, run.context * written / read
    others = [r.context for r in runs if r.phase != "prefill" and (r.source, r.model) == (run.source, run.model) and r.context]
    context = run.context or next(iter(others), LENGTH)
    output = context / (read / written + 0.5)
    return max(output * read / written, 1.0), max(output, 1.0)


def load_of(run: ServingRun, told: Noted, runs: Sequence[ServingRun]) -> ServingLoad:
    """The load of the row."""
    prompt, output = lengths(run, runs)
    even = told.even and not told.natural
    values = {
        "prompt": prompt,
        "output": output,
        "prompt_spread": float(told.natural),
        "cached_share": min(told.cached or 0.0, 0.999),
        "cache_element": 1.0 if told.narrow_keys else 2.0,
        "draft_tokens": told.drafts,
        "acceptance": told.acceptance or 0.0,
        "draft_layers": min(told.drafts, 1.0),
        "skew": 0.0 if even else 0.5,
        "correlation": 1.0 if even else 0.9,
    }
    base = tree.put(row_of("serving_loads", "even"), {"precision": row_of("precisions", run.precision)})
    return tree.put(base, {name: number(value) for name, value in values.items()})


def _pool(run: ServingRun, told: Noted, experts: float, pod: float, phase: str) -> Pool:
    """The unit as it decodes or reads prompts."""
    devices = run.devices or 1.0
    ep = run.ep or (devices if experts else 1.0)
    two, reading = float(ep > pod), float(phase == "prefill")
    degrees = {"ep": ep, "etp": devices / ep, "tp": devices / ep, "replicas": replicas_of(experts, ep, told)}
    split = {"two_batches": two, "relay": reading, "exchange_processors": EXCHANGE_PROCESSORS * two * reading}
    return Pool(batch=number(1.0), **{name: number(value) for name, value in (degrees | split).items()})


def unit_of(run: ServingRun, runs: Sequence[ServingRun]) -> Unit:
    """The unit of the row; `runs` are the rows of its file."""
    cluster, told, workload = system_of(run.system)[0], told_of(run, runs), workload_of(run.model)
    experts, pod = float(workload.model.experts), float(cluster.pod.size)
    decode, prefill = (_pool(run, told, experts, pod, phase) for phase in ("decode", "prefill"))
    deployment = Deployment(row_of("serving_schedules", "separate"), decode, prefill, disaggregated=number(run.phase != "both"))
    design = Design(tree.put(cluster, {"devices": number(run.devices)}), None, deployment)
    served = Workload(workload.model, workload.training, load_of(run, told, runs))
    return Unit(run, told, *jax.tree.map(jnp.asarray, (design, served)))


def rate(unit: Unit, found: Metrics, metric: str) -> Any:
    """The measured quantity [tokens/s]."""
    if metric == "tokens_per_s_per_user":
        return 1 / found.time_per_output_token
    if unit.run.phase == "prefill":
        computed = 1 - (unit.told.cached or 0.0) if unit.told.computed else 1.0
        return found.prefill_tokens_per_second * computed
    return found.decode_tokens_per_second
