"""What is said of every table: errors, rank correlation per model, rows, and rows left out?"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from codesign.config.runs import UNITS, Kernel, Peer, Table
from codesign.config.serving_runs import SERVING_UNITS, ServingRun
from codesign.validate.cases import row_of, system_of
from codesign.validate.errors import spearman, summary
from codesign.validate.kernels import moe_layer_time, shapes_of
from codesign.validate.predict import Prediction, predict
from codesign.validate.serving import ServingPrediction, predict_serving

CAUSES = ("n_gpus", "tp", "pp", "micro_batch")
"""What residuals are drawn against, where a run states it."""
MEMORY = ("param_opt_memory", "activation_memory")


def _row(p: Prediction) -> dict[str, Any]:
    found = {"name": p.run.name, "model": p.run.model, "measured": p.measured, "predicted": p.predicted, "error": p.error}
    found |= {cause: value for cause in CAUSES if (value := p.run.counts[cause]) is not None}
    if p.all_scores is not None:
        found["predicted_all_scores"] = p.all_scores
    if p.choice:
        found |= {"choice": p.choice, "low": p.low, "high": p.high}
    return found | ({} if p.fits else {"warning": "more memory than the machine has"})


def models_of(rows: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Errors of every model with its rank correlation (None where fewer than three rows)."""
    found = {}
    for model in dict.fromkeys(row["model"] for row in rows):
        pairs = [(row["measured"], row["predicted"]) for row in rows if row["model"] == model]
        measured, predicted = zip(*pairs, strict=True)
        rank = spearman(measured, predicted)
        found[model] = summary(measured, predicted) | {"spearman": None if math.isnan(rank) else rank}
    return found


def dataset(name: str, unit: str, rows: list[dict[str, Any]], left_out: Sequence[tuple[str, str]] = ()) -> dict[str, Any]:
    """One data set as it is printed; rows that are not predicted are named with the reason."""
    sound = [row for row in rows if math.isfinite(row["predicted"])]
    broken = [(row["name"], "the model gives no finite figure") for row in rows if not math.isfinite(row["predicted"])]
    models = models_of(sound)
    numbers = summary([r["measured"] for r in sound], [r["predicted"] for r in sound]) if sound else {"n": 0}
    return {
        "name": name,
        **numbers,
        "unit": unit,
        "spearman": {model: entry["spearman"] for model, entry in models.items()},
        "models": models,
        "rows": sound,
        "left_out": [{"name": n, "reason": reason} for n, reason in [*left_out, *broken]],
    }


def kernel_rows(kernels: Sequence[Kernel]) -> list[dict[str, Any]]:
    """Measured and predicted times of MoE networks; those of one system together."""
    rows = []
    for system in dict.fromkeys(k.system for k in kernels):
        mine = [k for k in kernels if k.system == system]
        package = system_of(system)[0].device.package
        times = np.asarray(moe_layer_time(shapes_of(mine), package, row_of("precisions", "bf16")))
        for kernel, predicted in zip(mine, times.tolist(), strict=True):
            rows.append({"name": kernel.name, "model": kernel.shape, "measured": kernel.value, "predicted": predicted})
    return [row | {"error": row["predicted"] / row["measured"] - 1} for row in rows]


def _serving_row(p: ServingPrediction) -> dict[str, Any]:
    error = p.predicted / p.run.value - 1
    found = {"name": p.run.name, "model": p.run.model, "measured": p.run.value, "predicted": p.predicted, "error": error}
    found |= {"n_gpus": p.run.devices} if p.run.devices is not None else {}
    found |= {"choice": p.choice, "low": p.low, "high": p.high} if p.choice else {}
    return found | ({} if p.fits else {"warning": "more memory than the machine has"})


def serving_datasets(name: str, runs: Sequence[ServingRun]) -> list[dict[str, Any]]:
    """One data set per metric of serving, as only figures of one unit can be summed up."""
    done, left_out = predict_serving(runs)
    metrics = list(dict.fromkeys(p.run.metric for p in done))
    found = [
        dataset(f"{name} {metric}", SERVING_UNITS[metric], [_serving_row(p) for p in done if p.run.metric == metric]) for metric in metrics
    ]
    return found + ([dataset(name, "", [], left_out)] if left_out else [])


def datasets(tables: Sequence[Table]) -> list[dict[str, Any]]:
    """One data set per table and metric; memory by part is also summed up in one."""
    predictions = iter(predict([run for table in tables for run in table.runs]))
    found = []
    for table in tables:
        mine = [next(predictions) for _ in table.runs]
        metrics = list(dict.fromkeys(p.run.metric for p in mine))
        for metric in metrics:
            rows = [_row(p) for p in mine if p.run.metric == metric]
            found.append(dataset(table.name if len(metrics) == 1 else f"{table.name} {metric}", UNITS[metric][0], rows))
        if set(MEMORY) <= set(metrics):
            found.append(dataset(f"{table.name} memory", "GiB", [_row(p) for p in mine if p.run.metric in MEMORY]))
        if table.kernels:
            found.append(dataset(table.name, "s", kernel_rows(table.kernels)))
        if table.serving:
            found += serving_datasets(table.name, table.serving)
        if table.left_out:
            found.append(dataset(table.name, "", [], table.left_out))
    return found


def peers_beside(found: Sequence[dict[str, Any]], peers: Sequence[Peer]) -> list[dict[str, Any]]:
    """Errors of other models on the same tables, in fractions, each beside ours where the table was given."""
    ours = {d["name"]: d for d in found if d["n"]}
    rows = []
    for peer in peers:
        words = peer.dataset.replace("(", " ").replace(",", " ").split()
        name = next((n for n in (" ".join(words[:2]), words[0]) if n in ours), None)
        model = next((m for m in ours[name]["models"] if name and len(words) > 1 and m.endswith(words[1])), None) if name else None
        own = None if name is None else ours[name]["models"][model]["mape"] if model else ours[name]["mape"]
        if "without" in peer.dataset or " CP " in peer.dataset:
            own = None
        rows.append({"dataset": peer.dataset, "peer": peer.peer, "n": peer.n, "mape": peer.mape / 100, "ours": own, "source": peer.source})
    return rows
