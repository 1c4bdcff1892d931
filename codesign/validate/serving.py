"""What does the model say of measured serving, and of what the measurement leaves open?

The rules, the same for every row:

- ep not stated: all devices of a unit for a model with experts, as large expert parallelism is published, else 1. The unit is
  n_gpus = ep x etp with attention cut over tp = etp ranks: ep 1 is tensor parallelism, ep = n_gpus data parallel attention.
- Copies of experts: as stated ("32 redundant", "9 routed experts per GPU"), else as few as make ep divide.
- A unit larger than a pod runs two half batches; prompts cross once to a pod (relay) and, with two batches, 0.15 of the processors
  exchange (20 of 132, arXiv 2412.19437 section 3.2).
- Decode batch not stated: of a throughput whose unit has a measured rate per user, the largest batch that meets that rate; of a rate
  per user whose unit has a measured throughput, the smallest batch that meets that (what one row fixes is no prediction of that row);
  otherwise the largest that fits in memory. Every batch from one sequence per attention group to the memory's limit is open.
- Prefill batch not stated: an attention group computes 16,384 tokens per step (8,192 to 32,768 are open), less where memory ends.
- context_tokens is the mean cache length p + o / 2 in decode and the prompt in prefill; prompt and answer are as those that the same
  source reads and writes per day, else equal. A length that is not stated is that of another row of its source and model, else 4,096.
- A note's "natural load": prompts spread by 1, popularity of experts by Zipf's law 0.5, correlation 0.9; else lengths are even, and
  so are experts if balanced, random, synthetic or uniform. Cache hits, drafted tokens with their acceptance, and 8-bit keys as noted.
  What a note says of copies and cache hits of a unit holds for its other rows. "Natural load" holds for all rows of its source and
  model that do not say otherwise, as lengths do: the requests that one unit reads are those that another answers.
- A unit of phase "both" reads prompts while it decodes, and its tokens are those of answers.
- Mean nodes: tokens read and written in a day over predicted rates of the units of the same source, per pod.

The clock, efficiencies and host times are those of the shipped system and of `separate` in configs/technology/serving_schedules.toml.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from codesign.config.serving_runs import FLEET, ServingRun, noted
from codesign.metrics import Metrics
from codesign.validate.cases import system_of
from codesign.validate.serving_units import Unit, per_day, rate, unit_of

STEP_TOKENS = (8192.0, 16384.0, 32768.0)
"""Tokens that an attention group computes in a step of prefill: least, taken, most."""
POINTS, ROUNDS = 33, 3
"""Batches tried at once between two, and how often the interval is cut down."""
DAY = 86400.0


class ServingPrediction(NamedTuple):
    """One row beside the model; `low` and `high` span what an open batch could give."""

    run: ServingRun
    predicted: float
    low: float
    high: float
    choice: str
    fits: bool


def batch_limit(unit: Unit) -> tuple[float, float]:
    """The least batch, one sequence per attention group, and the largest that fits in memory, which may be less."""
    least = 1 / unit.tp
    found = unit.metrics(least)
    return least, float(found.prefill_batch_limit if unit.run.phase == "prefill" else found.decode_batch_limit)


def last_batch(of: Callable[[Any], Metrics], holds: Callable[[Metrics], Any], least: float, most: float) -> float:
    """The largest batch up to which the metrics `of` it hold what small batches hold; the least when none does."""
    low, high = least, most
    for _ in range(ROUNDS):
        tried = np.geomspace(low, high, POINTS)
        good = np.asarray(holds(of(tried)))
        count = len(good) if good.all() else int(np.argmin(good))
        if count in (0, len(good)):
            return float(tried[0] if count == 0 else tried[-1])
        low, high = float(tried[count - 1]), float(tried[count])
    return low


def _open_decode(unit: Unit, runs: Sequence[ServingRun], least: float, most: float) -> tuple[float, str]:
    """The batch of a decoding row that states none, and why."""
    run = unit.run
    beside = {r.metric: r.value for r in runs if r.unit == run.unit and r.batch is None and r.metric != run.metric}
    if (user := beside.get("tokens_per_s_per_user")) is not None:
        taken = last_batch(unit.metrics, lambda m: rate(unit, m, "tokens_per_s_per_user") >= user, least, most)
        return taken, f"largest at {user:g} tokens/s per user"
    if (device := beside.get("tokens_per_s_per_gpu")) is not None:
        taken = last_batch(unit.metrics, lambda m: rate(unit, m, "tokens_per_s_per_gpu") < device, least, most)
        return taken, f"least at {device:g} tokens/s per device"
    return most, "largest that fits"


def open_batches(unit: Unit, runs: Sequence[ServingRun]) -> tuple[list[float], float, str]:
    """Batches that the row could have had, the one taken, and why."""
    least, limit = batch_limit(unit)
    if unit.run.batch is not None:
        return [unit.run.batch], limit, ""
    if unit.run.phase == "prefill":
        load = unit.workload.serving
        assert load is not None
        there = [min(tokens / (unit.tp * float(load.computed_prompt)), limit or tokens) for tokens in STEP_TOKENS]
        return (
            [there[1], there[0], there[2]],
            limit,
            f"batch {there[1]:.4g}: {there[1] * unit.tp * float(load.computed_prompt):.0f} tokens per step",
        )
    most = max(limit, least)
    taken, why = _open_decode(unit, runs, least, most) if limit >= least else (least, "nothing fits")
    return [taken, least, most], limit, f"batch {taken:.4g}: {why}"


def predict_row(run: ServingRun, runs: Sequence[ServingRun]) -> ServingPrediction:
    """One row of a unit; `runs` are the rows of its file."""
    unit = unit_of(run, runs)
    batches, limit, choice = open_batches(unit, runs)
    values = [float(v) for v in np.broadcast_to(rate(unit, unit.metrics(batches), run.metric), len(batches))]
    return ServingPrediction(run, values[0], min(values), max(values), choice, batches[0] <= limit * (1 + 1e-6))


def mean_nodes(run: ServingRun, runs: Sequence[ServingRun], done: Sequence[ServingPrediction]) -> ServingPrediction | None:
    """Pods that a day takes at predicted rates; None where the source states no tokens per day or no rates."""
    day, pod = per_day(run, runs), float(system_of(run.system)[0].pod.size)
    kinds: dict[str, ServingPrediction] = {}
    for p in done:
        same = (p.run.source, p.run.model, p.run.system) == (run.source, run.model, run.system)
        if same and p.run.metric == "tokens_per_s_per_gpu" and not noted(p.run.note).computed:
            kinds.setdefault(p.run.phase, p)
    if day is None or not {"prefill", "decode"} <= kinds.keys():
        return None
    read, written = day

    def nodes(prefill: float, decode: float) -> float:
        return (read / prefill + written / decode) / (DAY * pod)

    reading, decoding = kinds["prefill"], kinds["decode"]
    ends = nodes(reading.high, decoding.high), nodes(reading.low, decoding.low)
    return ServingPrediction(run, nodes(reading.predicted, decoding.predicted), *ends, "predicted rates", reading.fits and decoding.fits)


def reason_left_out(run: ServingRun) -> str:
    """Why a row is no rate of a unit, empty where it is one."""
    if run.metric in FLEET:
        return "tokens and costs of a fleet's day are what is asked and a price, not rates of a unit"
    if run.phase == "prefill" and run.metric == "tokens_per_s_per_user":
        return "prompts are read at no rate per user"
    return ""


def predict_serving(runs: Sequence[ServingRun]) -> tuple[list[ServingPrediction], list[tuple[str, str]]]:
    """Predictions of the rows of one file, and the rows left out with the reason."""
    done = [predict_row(run, runs) for run in runs if not reason_left_out(run)]
    left_out = []
    for run in runs:
        nodes = mean_nodes(run, runs, done) if run.metric == "mean_nodes" else None
        if nodes is not None:
            done.append(nodes)
        elif reason := reason_left_out(run):
            left_out.append((run.name, reason if run.metric != "mean_nodes" else "nodes need tokens per day and rates of the same source"))
    return done, left_out
