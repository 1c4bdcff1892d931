"""Which combinations of degrees are legal?

Arrays of candidate degrees go in, one mask per rule comes out, so that an impossible study
can name the rule that bars it. EP is carved out of DP: ranks = dp tp pp cp.
"""

from collections.abc import Mapping as Dictionary

import numpy as np

Array = np.ndarray


def divides(part: Array, whole: Array) -> Array:
    """Is `whole` a whole multiple of `part`? Exact for the float sizes of degrees."""
    ratio = np.asarray(whole, dtype=float) / np.asarray(part, dtype=float)
    return np.abs(ratio - np.round(ratio)) < 1e-12 * np.maximum(ratio, 1.0)


def data_parallel_degree(degrees: Dictionary[str, Array], devices: float) -> Array:
    """dp = devices / (tp pp cp), whole or not."""
    return devices / (degrees["tp"] * degrees["pp"] * degrees["cp"])


def legality(degrees: Dictionary[str, Array], shapes: Dictionary[str, Array]) -> dict[str, Array]:
    """One boolean mask per rule.

    `degrees`: dp tp pp cp ep etp micro_batch. `shapes`: layers, heads, experts, d_expert,
    global_batch, sequence. All broadcast.
    """
    d, s = degrees, shapes
    fullest = np.ceil(s["layers"] / d["pp"])
    has_experts = s["experts"] > 0
    spread = d["ep"] * d["etp"]
    return {
        "dp = devices / (tp pp cp) is a whole number": divides(np.ones_like(d["dp"]), d["dp"]) & (d["dp"] >= 1 - 1e-9),
        "dp x micro-batch divides the global batch": divides(d["dp"] * d["micro_batch"], s["global_batch"])
        & (s["global_batch"] >= d["dp"] * d["micro_batch"] * (1 - 1e-9)),
        "tp divides the heads": divides(d["tp"], s["heads"]),
        "no pipeline stage is empty": np.ceil(s["layers"] / fullest) >= d["pp"] - 1e-9,
        "etp divides tp": divides(d["etp"], d["tp"]),
        "ep divides the experts": np.where(has_experts, divides(d["ep"], np.maximum(s["experts"], 1)), d["ep"] == 1),
        "etp divides the width of an expert": np.where(has_experts, divides(d["etp"], np.maximum(s["d_expert"], 1)), d["etp"] == 1),
        "experts have a whole width": divides(np.ones_like(s["d_expert"]), s["d_expert"]),
        "ep x etp divides dp x tp x cp": divides(spread, d["dp"] * d["tp"] * d["cp"])
        & (spread <= d["dp"] * d["tp"] * d["cp"] * (1 + 1e-9)),
        "cp divides the sequence": divides(d["cp"], s["sequence"]),
    }


def exact_pods(block: float, expert_set: float, low: float, high: float, step: float) -> Array:
    """Pod sizes between `low` and `high` for which the placement formula is exact.

    Whole blocks of tp cp devices, and whole sets of experts (ep etp devices) or a whole
    number of pods per set, so that no group straddles two pods unevenly; in multiples of
    `step` where it is positive. The last pod of a cluster may be part empty.
    """
    pods = np.arange(max(np.ceil(low), 1.0), np.floor(high) + 1)
    pods = pods[divides(np.full_like(pods, step), pods)] if step > 0 else pods
    whole_groups = divides(np.full_like(pods, block), pods)
    whole_sets = divides(np.full_like(pods, expert_set), pods) | divides(pods, np.full_like(pods, expert_set))
    return pods[whole_groups & whole_sets]
