"""Are the resident bytes those of the published formulas, and does the fuller end of the pipeline count?"""

import cases
import jax.numpy as jnp
import pytest
from cases import changed, mapped, point, scheduled

from codesign.design import Design
from codesign.evaluate import evaluate
from codesign.mapping.partition import share
from codesign.performance.footprint import activation_bytes, footprint, in_flight, layer_activation_bytes, stage_footprint

GPTS = ["gpt3_175b", "gpt_seqsel_22b", "gpt_seqsel_530b", "gpt_sc21_1t", "mtnlg_530b"]
"""Multi-head attention and a feed-forward width of 4 d_model, as in arXiv 2205.05198."""


def gpt(name, rules="megatron_2021", degrees=None, **schedule):
    """Workload and mapping of a GPT under a schedule."""
    mapping = cases.mapping(rules, **({"dp": 8, "tp": 8, "pp": 4} | (degrees or {})))
    return tuple(reversed(scheduled((Design(cases.system("dgx_a100_selene"), mapping), cases.workload(name)), **schedule)))


def layer_bytes(workload, design):
    """Activations of one dense layer and micro-batch, and s b h of that layer."""
    model, training, mapping = workload.model, workload.training, design.mapping
    dense, _ = layer_activation_bytes(workload, mapping, share(workload, mapping))
    return float(dense), float(training.sequence * mapping.micro_batch * model.d_model)


def scores_over_width(workload):
    """a s / h."""
    model = workload.model
    return float(model.attention.heads * workload.training.sequence / model.d_model)


@pytest.mark.parametrize("micro_batch", [1, 4])
@pytest.mark.parametrize("t", [1, 2, 8, 16])
@pytest.mark.parametrize("name", GPTS)
def test_a_layer_keeps_what_the_published_formulas_say(name, t, micro_batch):
    degrees = {"tp": t, "micro_batch": micro_batch}

    def per_layer(**rules):
        workload, design = gpt(name, degrees=degrees, **rules)
        found, unit = layer_bytes(workload, design)
        return found / unit, scores_over_width(workload)

    plain, a = per_layer(sequence_parallel=0)
    assert plain == pytest.approx(10 + 24 / t + 5 * a / t, rel=1e-12)
    cut, a = per_layer(sequence_parallel=1)
    assert cut == pytest.approx((34 + 5 * a) / t, rel=1e-12)
    for rule in ("recompute_core", "fused_attention"):
        selective, _ = per_layer(sequence_parallel=1, **{rule: 1})
        assert selective == pytest.approx(34 / t, rel=1e-12), rule
    fused_without_dropout, _ = per_layer(sequence_parallel=1, fused_attention=1, dropout=0)
    assert fused_without_dropout == pytest.approx(32 / t, rel=1e-12)


@pytest.mark.parametrize(("p", "v"), [(1, 1), (4, 1), (8, 1), (4, 2), (8, 3), (16, 6), (64, 2)])
def test_micro_batches_in_flight(p, v):
    workload, design = gpt("gpt3_175b", degrees={"pp": p, "vpp": v, "dp": 1})
    found = [float(count) for count in in_flight(design.mapping, share(workload, design.mapping))]
    assert found[0] == pytest.approx(p * (1 + (p - 1) / (p * v)) if v > 1 else p)
    # Megatron-LM: rank r warms up with 2 (p - 1 - r) + (v - 1) p chunks (p - 1 - r when v is 1) and works on one more
    expected = [((2 * (p - 1 - r) + (v - 1) * p if v > 1 else p - 1 - r) + 1) / v for r in (0, 1, p - 1)]
    assert found[: 3 if p > 1 else 1] == pytest.approx(expected[: 3 if p > 1 else 1])
    workload, few = gpt("gpt3_175b", degrees={"pp": p, "vpp": v, "dp": 768})
    assert [float(count) for count in in_flight(few.mapping, share(workload, few.mapping))] == [min(count, 2) for count in found]


@pytest.mark.parametrize(("p", "v"), [(2, 1), (4, 1), (8, 2), (8, 4)])
@pytest.mark.parametrize("name", ["gpt3_175b", "gpt_sc21_1t"])
def test_interleaving_keeps_a_published_factor_more(name, p, v):
    workload, design = gpt(name, degrees={"pp": p, "vpp": v})
    found, _ = layer_bytes(workload, design)
    factor = 1 + (p - 1) / (p * v) if v > 1 else 1
    part = share(workload, design.mapping)
    early, *_ = in_flight(design.mapping, part)
    layers = float(workload.model.layers)
    resident = float(activation_bytes(workload, design.mapping, part, part.stages.first, early))
    assert resident == pytest.approx(found * layers * factor, rel=1e-12)


@pytest.mark.parametrize("share_again", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", GPTS[:3])
def test_full_recomputation_keeps_layer_inputs_and_one_layer(name, share_again):
    workload, design = gpt(name, degrees={"pp": 1}, recompute_layer=share_again)
    found, unit = layer_bytes(workload, design)
    layers, part = float(workload.model.layers), share(workload, design.mapping)
    kept = layers * (share_again * 2 * unit / 8 + (1 - share_again) * found)
    resident = activation_bytes(workload, design.mapping, part, part.stages.first, jnp.asarray(1.0))
    assert float(resident) == pytest.approx(kept + share_again * found, rel=1e-12)


@pytest.mark.parametrize("name", GPTS)
def test_sixteen_bit_training_keeps_eighteen_bytes_per_parameter(name):
    workload, design = gpt(name, degrees={"pp": 1, "tp": 1})
    parts = footprint(workload, design.mapping, share(workload, design.mapping))
    model = workload.model
    weights = 12 * float(model.layers * model.d_model**2) + float(model.vocabulary * model.d_model)
    assert float(parts.parameters + parts.gradients + parts.optimizer) == pytest.approx(18 * weights, rel=1e-12)


FULLEST = [  # the point, its change, and which stage is the fullest
    ("gpt3_dense", {}, "first"),
    ("gpt3_dense", {"mapping.pp": 2, "workload.model.vocabulary": 1e7}, "last"),
    ("gpt3_dense", {"mapping.pp": 1, "workload.model.vocabulary": 1e7}, "first"),
    ("deepseek_v3", {}, "middle"),  # 3 dense layers, then 4 with experts on each, 2 on the last
    ("qwen3", {}, "first"),
]


@pytest.mark.parametrize(("name", "change", "fullest"), FULLEST)
def test_the_fullest_stage_counts(name, change, fullest):
    design, workload = changed(point(name), change)
    part = share(workload, design.mapping)
    there = {"first": True, "middle": float(design.mapping.pp) > 2, "last": float(design.mapping.pp) > 1}
    parts = {
        end: stage_footprint(workload, design.mapping, part, getattr(part.stages, end), count)
        for end, count in zip(there, in_flight(design.mapping, part), strict=True)
        if there[end]
    }
    found = evaluate(design, workload).memory_parts
    assert max(parts, key=lambda end: float(parts[end].total)) == fullest
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {n: float(v) for n, v in parts[fullest]._asdict().items()}
    )


@pytest.mark.parametrize(("fused", "bytes_each"), [(1, 6), (0, 10)])
def test_logits_stand_on_the_last_stage(fused, bytes_each):
    design, workload = scheduled(mapped(point("gpt3_dense"), pp=4, tp=8), fused_loss=fused)
    part = share(workload, design.mapping)
    with_head, without = (
        stage_footprint(workload, design.mapping, part, part.stages.last._replace(head=jnp.asarray(head)), jnp.asarray(1.0)).buffers
        for head in (1.0, 0.0)
    )
    assert float(with_head - without) == pytest.approx(2048 * 51200 / 8 * bytes_each, rel=1e-12)


@pytest.mark.parametrize("rule", ["offload", "recompute_dense", "recompute_experts", "recompute_up"])
@pytest.mark.parametrize("name", ["deepseek_v3", "qwen3", "gpt3_dense"])
def test_what_is_not_kept_needs_no_memory(name, rule):
    base = scheduled(point(name), recompute_layer=0)
    kept, dropped = (float(evaluate(*scheduled(base, **{rule: share_})).memory_parts["activations"]) for share_ in (0, 1))
    without = {"recompute_dense": ("qwen3", "deepseek_v3"), "recompute_experts": ("gpt3_dense",), "recompute_up": ("qwen3", "gpt3_dense")}
    assert dropped == kept if name in without.get(rule, ()) else dropped < kept
