"""Does every shipped model have the size its authors published, and does granularity keep size and work?"""

import cases
import numpy as np
import pytest
from cases import WORKLOADS, changed

from codesign.evaluate import model_flops
from codesign.workload.parameters import active_parameters, embedding_parameters, total_parameters
from codesign.workload.training import Workload

PUBLISHED = {  # total, active; None where the authors print none
    "passage_4.7t": (4711e9, None),
    "deepseek_v3": (671e9, 37e9),
    "qwen3_235b_a22b": (235e9, 22e9),
    "mixtral_8x7b": (46.7e9, 12.9e9),
    "mixtral_8x22b": (141e9, 39e9),
    "gpt3_175b": (175e9, 175e9),
    "llama3_405b": (405.85e9, 405.85e9),
}
HAS_EXPERTS = [name for name in WORKLOADS if float(cases.workload(name).model.experts) > 0]


def test_every_workload_has_a_published_size_and_every_size_a_workload():
    assert set(WORKLOADS) == set(PUBLISHED)


@pytest.mark.parametrize("name", WORKLOADS)
def test_sizes_are_the_published_ones(name):
    model = cases.workload(name).model
    total, active = PUBLISHED[name]
    assert float(total_parameters(model)) == pytest.approx(total, rel=0.01)
    if active is not None:
        assert float(active_parameters(model)) == pytest.approx(active, rel=0.03)
    if float(model.experts) == 0:
        assert float(active_parameters(model)) == float(total_parameters(model))


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


@pytest.mark.parametrize("name", WORKLOADS)
def test_work_is_six_flops_per_active_weight_and_token(name):
    load = cases.workload(name)
    weights = float(active_parameters(load.model)) - (1 - float(load.model.tied_embedding)) * float(embedding_parameters(load.model)) / 2
    _, free = changed((cases.point(cases.POINTS[0])[0], load), {"workload.training.attention_share": 0})
    assert float(model_flops(free)) == pytest.approx(6 * weights * float(load.training.tokens_per_step), rel=1e-12)
    _, twice = changed((cases.point(cases.POINTS[0])[0], load), {"workload.training.sequence": 2 * float(load.training.sequence)})
    scores = float(model_flops(load) - model_flops(free))
    assert float(model_flops(twice)) == pytest.approx(2 * float(model_flops(free)) + 4 * scores, rel=1e-12)
