"""Which facts about its schedule does the note of a measured run state?

Phrases of the validation schema, not of single rows: what was recomputed by module, how many
layers were recomputed or offloaded, what did not overlap, how context was exchanged.
"""

import re

MODULES = {
    "core_attn": "recompute_core",
    "mla_up_proj": "recompute_up",
    "mlp": "recompute_dense",
    "moe": "recompute_experts",
    "layernorm": "",
    "moe_act": "",
}
"""Modules of selective recomputation; the empty ones are elementwise and cost too little to model."""
OVERLAPS = ("tensor_overlap", "context_overlap", "send_overlap", "gradient_overlap")
PHRASES: tuple[tuple[str, dict[str, float]], ...] = (
    (r"no overlap of tensor, pipeline or data parallel traffic", dict.fromkeys(OVERLAPS, 0.0)),
    (r"gradient all-reduce not overlapped", {"gradient_overlap": 0.0}),
    (r"context parallel by all-to-all", {"context_all_to_all": 1.0}),
    (r"fused cross entropy", {"fused_loss": 1.0}),
    (r"NeMo container (2[6-9]|[3-9]\d)\.", {"expert_overlap": 1.0}),
)


# Releases from 2026 on run the all-to-all of one micro-batch under the computation of another.


def recomputed_modules(note: str) -> list[str]:
    """Modules named behind "recomputed:"; none when the note names none."""
    found = re.search(r"recomputed: ([a-z_, ]+)", note)
    return [name.strip() for name in found[1].split(",") if name.strip()] if found else []


def schedule_changes(note: str, layers: float, stages: float) -> dict[str, float]:
    """Fields of a schedule that the note fixes."""
    changes: dict[str, float] = {}
    for phrase, values in PHRASES:
        if re.search(phrase, note):
            changes |= values
    if found := re.search(r"activations of (\d+) layers offloaded", note):
        changes["offload"] = min(float(found[1]) / layers, 1.0)
    if found := re.search(r"(\d+) layers per stage recomputed in full", note):
        changes["recompute_layer"] = min(float(found[1]) * stages / layers, 1.0)
    return changes | {MODULES[name]: 1.0 for name in recomputed_modules(note) if MODULES.get(name)}
