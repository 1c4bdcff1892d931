"""Does every shipped model have the size its authors published, and does granularity keep size and work?"""

import csv

import cases
import numpy as np
import pytest
from cases import ROOT, STRUCTURES, WORKLOADS, changed

from codesign.evaluate import model_flops
from codesign.workload.attention import Latent
from codesign.workload.parameters import active_parameters, embedding_parameters, total_parameters
from codesign.workload.training import Workload

DENSE = {  # 1e9 weights, as published; of models cut in depth and of h... l... as computed from the shape
    "gpt_sc21_1.7b": 1.7, "gpt_sc21_3.6b": 3.6, "gpt_sc21_7.5b": 7.5, "gpt_sc21_18b": 18.4, "gpt_sc21_39b": 39.1, "gpt_sc21_76b": 76.1,
    "gpt_sc21_145b": 145.6, "gpt_sc21_310b": 310.1, "gpt_sc21_530b": 529.6, "gpt_sc21_1t": 1008, "gpt_seqsel_22b": 22,
    "gpt_seqsel_175b": 175, "gpt_seqsel_530b": 530, "gpt_seqsel_1t": 1000, "gpt_h100_1.7b": 1.7, "gpt_h100_7.1b": 7.1, "gpt_h100_16b": 16,
    "gpt_h100_32b": 32, "gpt_h100_70b": 70, "gpt_h100_119b": 119, "gpt_h100_177b": 177, "gpt_h100_314b": 314, "gpt_h100_462b": 462,
    "gpt_vtrain_3.6b": 3.6, "gpt_vtrain_18b": 18.4, "gpt_vtrain_39b": 39.1, "gpt_vtrain_175b": 175, "gpt_vtrain_h1024_l12": 0.202,
    "gpt_vtrain_h1024_l16": 0.253, "gpt_vtrain_h1024_l20": 0.303, "gpt_vtrain_h1024_l24": 0.353, "gpt_vtrain_h2048_l12": 0.707,
    "gpt_vtrain_h2048_l16": 0.908, "gpt_vtrain_h2048_l20": 1.11, "gpt_vtrain_h2048_l24": 1.311, "mtnlg_530b": 530, "bloom_176b": 176.247,
    "llama3_8b": 8.03, "llama3_70b": 70.55, "llama3_405b": 405.85, "llama3_70b_l12": 12.37, "llama3_405b_l4": 17.09, "gpt3_5b": 5,
    "gpt3_20b": 20, "gpt3_175b": 175, "llama2_7b": 6.74, "llama2_13b": 13.02, "llama2_70b": 68.98, "nemotron3_8b": 8.5,
    "nemotron3_22b": 22, "nemotron4_340b": 340, "olmo2_7b": 7.299, "olmo2_13b": 13.716,
}  # fmt: skip
SPARSE = {  # total and active, in 1e9; None where the authors print none
    "deepseek_v2_lite": (15.7, 2.4), "deepseek_v2_l4": (13.3, 2.4), "deepseek_v3": (671, 37), "deepseek_v3_mtp": (685, 38),
    "deepseek_v3_l4": (36.96, 4.19), "kimi_k2": (1026, 32), "qwen3_235b_a22b": (235, 22), "qwen3_235b_a22b_10k": (235, 22),
    "qwen3_30b_a3b": (30.5, 3.3),
    "gpt_oss_120b": (116.8, 5.1), "mixtral_8x7b": (46.7, 12.9), "mixtral_8x22b": (141, 39), "mixtral_8x22b_g8t8": (141, 22),
    "qwen2_57b_a14b": (57.4, 14), "qwen15_moe_a2.7b": (14.3, 2.7), "olmoe_1b_7b": (6.92, 1.3), "llama_moe_3.5b_4_16": (6.74, 3.5),
    "passage_4.7t": (4711, None), "pangu_ultra_moe": (718, 39),
}  # fmt: skip
PUBLISHED = {name: (size, size) for name, size in DENSE.items()} | SPARSE

ROUNDED = {  # sizes printed with two digits, or a name instead of a size: what a half of the last digit and biases and norms make
    "gpt_sc21_1.7b": 0.035, "gpt_sc21_3.6b": 0.015, "gpt_vtrain_3.6b": 0.015, "gpt_h100_1.7b": 0.03, "gpt_h100_32b": 0.02,
    "gpt3_20b": 0.015, "nemotron3_22b": 0.035,
}  # fmt: skip
WITHOUT_LOOK_UP = {"deepseek_v2_lite", "gpt_oss_120b", "pangu_ultra_moe"}  # whose published active size leaves out the embedding
HAS_EXPERTS = [name for name in STRUCTURES if float(cases.workload(name).model.experts) > 0]


def test_every_workload_has_a_published_size_and_every_size_a_workload():
    assert set(WORKLOADS) == set(PUBLISHED)
    assert set(STRUCTURES) <= set(WORKLOADS)


@pytest.mark.parametrize("name", WORKLOADS)
def test_sizes_are_the_published_ones(name):
    model = cases.workload(name).model
    total, active = PUBLISHED[name]
    assert float(total_parameters(model)) / 1e9 == pytest.approx(total, rel=ROUNDED.get(name, 0.01))
    if float(model.experts) == 0:
        assert float(active_parameters(model)) == float(total_parameters(model))
    elif active is not None:
        left_out = float(model.vocabulary * model.d_model) if name in WITHOUT_LOOK_UP else 0
        assert (float(active_parameters(model)) - left_out) / 1e9 == pytest.approx(active, rel=0.03)


MODELS = ROOT.parent / "shared" / "validation" / "models.csv"
MEASURED = list(csv.DictReader(MODELS.read_text(encoding="utf-8").splitlines())) if MODELS.exists() else []
COLUMNS = {
    "n_layers": "layers", "n_dense_layers": "dense_layers", "d_model": "d_model", "d_ff_dense": "d_ff", "gated": "gated",
    "n_experts": "experts", "top_k": "top_k", "n_shared_experts": "shared_experts", "d_expert": "d_expert", "vocab": "vocabulary",
    "tied_embeddings": "tied_embedding",
}  # fmt: skip
ATTENTION = {"n_heads": "heads", "n_kv_heads": "kv_heads", "d_head": "head_size"}
LATENT = {"n_heads": "heads", "d_head": "head_size", "mla_kv_rank": "kv_rank", "mla_q_rank": "query_rank", "mla_rope_dim": "rope_size"}
EMPTY_IS_ZERO = {"d_ff_dense", "d_expert", "mla_q_rank"}  # elsewhere an empty cell says that the source does not state it


@pytest.mark.skipif(not MEASURED, reason="the table of measured models does not lie beside the repository")
def test_every_measured_model_is_a_workload_of_the_same_shape():
    assert {row["id"] for row in MEASURED} <= set(WORKLOADS)
    for row in MEASURED:
        model = cases.workload(row["id"]).model
        assert isinstance(model.attention, Latent) == (row["attention"] == "mla"), row["id"]
        parts = ((model, COLUMNS), (model.attention, LATENT if row["attention"] == "mla" else ATTENTION))
        pairs = [(column, getattr(part, field)) for part, columns in parts for column, field in columns.items()]
        wrong = {c: (row[c], float(v)) for c, v in pairs if (row[c] or c in EMPTY_IS_ZERO) and float(row[c] or 0) != float(v)}
        assert not wrong, row["id"]


def test_a_further_head_adds_its_projection():
    main, further = (cases.workload(name).model for name in ("deepseek_v3", "deepseek_v3_mtp"))
    _, none = changed((cases.point(cases.POINTS[0])[0], cases.workload("deepseek_v3_mtp")), {"workload.model.extra_heads": 0})
    assert (float(main.extra_heads), float(further.extra_heads)) == (0, 1)
    for size in (total_parameters, active_parameters):
        assert float(size(further) - size(none.model)) == 2 * 7168**2


@pytest.mark.parametrize("name", WORKLOADS)
def test_shapes_are_whole_and_consistent(name):
    model, training = cases.workload(name).model, cases.workload(name).training
    assert 0 <= float(model.dense_layers) <= float(model.layers)
    assert float(model.top_k) <= float(model.experts)
    assert (float(model.moe_layers) > 0) == (float(model.experts) > 0) == (float(model.d_expert) > 0)
    assert (float(model.dense_layers) > 0) == (float(model.d_ff) > 0)
    assert isinstance(cases.workload(name), Workload)
    assert float(training.steps) == pytest.approx(float(training.tokens) / (float(training.global_batch) * float(training.sequence)))
    assert float(training.steps) > 1000


@pytest.mark.parametrize("m", [2, 4, 8, 2.5])
@pytest.mark.parametrize("name", HAS_EXPERTS)
def test_granularity_makes_more_and_thinner_experts_of_the_same_size(name, m):
    coarse = cases.workload(name)
    _, fine = changed((cases.point(cases.POINTS[0])[0], coarse), {"workload.model.granularity": m})
    assert float(fine.model.experts) == m * float(coarse.model.experts)
    assert float(fine.model.top_k) == m * float(coarse.model.top_k)
    assert float(fine.model.d_expert) == float(coarse.model.d_expert) / m
    router = float(coarse.model.moe_layers * coarse.model.d_model * coarse.model.experts) * (m - 1)
    np.testing.assert_allclose(total_parameters(fine.model), total_parameters(coarse.model) + router, rtol=1e-12)
    np.testing.assert_allclose(active_parameters(fine.model), active_parameters(coarse.model) + router, rtol=1e-12)
    assert router < 0.02 * float(total_parameters(coarse.model))
    work = 6 * router * float(coarse.training.tokens_per_step)
    np.testing.assert_allclose(model_flops(fine), model_flops(coarse) + work, rtol=1e-12)


@pytest.mark.parametrize("name", STRUCTURES)
def test_work_is_six_flops_per_active_weight_and_token(name):
    load = cases.workload(name)
    weights = float(active_parameters(load.model)) - (1 - float(load.model.tied_embedding)) * float(embedding_parameters(load.model)) / 2
    _, free = changed((cases.point(cases.POINTS[0])[0], load), {"workload.training.attention_share": 0})
    assert float(model_flops(free)) == pytest.approx(6 * weights * float(load.training.tokens_per_step), rel=1e-12)
    _, twice = changed((cases.point(cases.POINTS[0])[0], load), {"workload.training.sequence": 2 * float(load.training.sequence)})
    scores = float(model_flops(load) - model_flops(free))
    assert float(model_flops(twice)) == pytest.approx(2 * float(model_flops(free)) + 4 * scores, rel=1e-12)
