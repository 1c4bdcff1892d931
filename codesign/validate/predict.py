"""What does the model say of measured runs, all in one batch?"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from codesign import tree
from codesign.config.runs import UNITS, Run
from codesign.evaluate import evaluate, model_flops
from codesign.metrics import Metrics
from codesign.validate.cases import Case, all_cases, choose

MEMORY_DOUBT = 1.15
"""A run is barred for its memory only well beyond what is installed: stacks free and recompute small tensors that the model counts."""


class Prediction(NamedTuple):
    """One run beside the model, in the unit of its metric.

    `low` and `high` span what the open choices could give; `choice` is the one reported.
    `all_scores` is a model FLOP rate by the other convention, which counts masked scores too.
    """

    run: Run
    measured: float
    predicted: float
    low: float
    high: float
    choice: str
    fits: bool
    all_scores: float | None = None

    @property
    def error(self) -> float:
        """(predicted - measured) / measured."""
        return self.predicted / self.measured - 1


def batches(cases: Sequence[Case]) -> list[tuple[list[int], Any, Any]]:
    """Positions, designs and workloads of the cases of each structure, stacked in NumPy, which is fast for small leaves."""
    pairs = [(case.design, case.workload) for case in cases]
    return [
        (positions, *jax.tree.map(lambda *leaves: np.stack(leaves, dtype=float), *(pairs[i] for i in positions)))
        for positions in tree.by_structure(pairs)
    ]


def evaluate_cases(cases: Sequence[Case]) -> dict[str, np.ndarray]:
    """Every quantity that a run can state, per case, in SI.

    Operator by operator, not compiled: a few hundred designs cost 0.1 s, compiling them 30 s.
    """
    result: dict[str, np.ndarray] = {}
    for positions, design, workload in batches(cases):
        for name, values in quantities_of(evaluate(design, workload), design, workload).items():
            result.setdefault(name, np.full(len(cases), np.nan))[positions] = np.asarray(values)
    return result


def quantities_of(metrics: Metrics, design: Any, workload: Any) -> dict[str, Any]:
    """What the columns of the validation schema mean in terms of the model.

    Model FLOPs count the scores of the workload's attention share; `all_scores` is the other convention.
    """
    package, precision = design.cluster.device.package, workload.training.precision
    memory = metrics.memory_parts
    state = memory["parameters"] + memory["gradients"] + memory["optimizer"]
    achieved = metrics.model_utilisation * package.peak_flops
    narrow = precision.share_8bit * package.peak_flops_8bit + precision.share_4bit * package.peak_flops_4bit
    peak = (1 - precision.share_8bit - precision.share_4bit) * package.peak_flops + narrow
    return {
        "step_time": metrics.step_time,
        "tokens_per_s_per_gpu": metrics.tokens_per_second,
        "model_tflops_per_gpu": achieved,
        "mfu": achieved / peak,
        "peak_memory": metrics.resident_bytes,
        "param_opt_memory": state,
        "activation_memory": memory["activations"],
        "energy": metrics.energy_to_train,
        "all_scores": _all_scores(workload),
        "fits": metrics.resident_bytes <= MEMORY_DOUBT * package.stacks * package.memory.capacity,
    }


def _all_scores(workload: Any) -> Any:
    """Model FLOPs with every score counted over those with the scores that are computed."""
    whole = tree.put(workload, {"training.attention_share": 0 * workload.training.attention_share + 1.0})
    return model_flops(whole) / model_flops(workload)


def predict(runs: Sequence[Run]) -> list[Prediction]:
    """A prediction per run, in the given order."""
    cases, spans = all_cases(runs)
    values = evaluate_cases(cases) if cases else {}
    return [_chosen(run, span, cases, values) for run, span in zip(runs, spans, strict=True)]


def _chosen(run: Run, span: range, cases: Sequence[Case], values: dict[str, np.ndarray]) -> Prediction:
    best, open_ones = choose(span, cases, values["step_time"], values["fits"].astype(bool))
    scale = UNITS[run.metric][1]
    there = [float(values[run.metric][i]) / scale for i in open_ones]
    predicted = float(values[run.metric][best]) / scale
    other = predicted * float(values["all_scores"][best]) if run.metric in ("model_tflops_per_gpu", "mfu") else None
    return Prediction(run, run.value / scale, predicted, min(there), max(there), cases[best].choice, bool(values["fits"][best]), other)
