"""Do the stages of a pipeline hold every layer once, and are published splits found?"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import mapped, point, scheduled, workload

from codesign.evaluate import evaluate
from codesign.mapping.stages import stages

SPLITS = [  # workload, pp, vpp -> layers of the first, a middle, the last stage
    ("llama3_405b", 8, 8, (15, 16, 15)),  # embedding and head count as a layer each (arXiv 2407.21783 section 3.3.2)
    ("llama3_405b", 16, 8, (7, 8, 7)),
    ("deepseek_v3_mtp", 16, 1, (4, 4, 2)),
    ("deepseek_v3_mtp", 8, 2, (8, 8, 6)),
    ("gpt_sc21_530b", 35, 3, (3, 3, 3)),
    ("gpt_seqsel_22b", 1, 1, (48, 0, 0)),
    ("deepseek_v3", 2, 1, (31, 0, 30)),
]


def loads(name, pp, vpp):
    design, _ = mapped(point("passage"), pp=pp, vpp=vpp)
    return stages(workload(name).model, design.mapping)


@pytest.mark.parametrize(("name", "pp", "vpp", "expected"), SPLITS)
def test_published_splits(name, pp, vpp, expected):
    found = loads(name, pp, vpp)
    counts = found.first.layers, found.middle.layers if pp > 2 else 0, found.last.layers if pp > 1 else 0
    assert tuple(float(c) for c in counts) == expected


@pytest.mark.parametrize("name", ["llama3_405b", "deepseek_v3", "deepseek_v3_mtp", "qwen3_235b_a22b", "passage_4.7t", "deepseek_v2_lite"])
@pytest.mark.parametrize(("pp", "vpp"), [(1, 1), (2, 1), (4, 1), (4, 4), (8, 1), (8, 2), (16, 1)])
def test_every_layer_head_and_embedding_stands_somewhere_once(name, pp, vpp):
    model, found = workload(name).model, loads(name, pp, vpp)
    for field, expected in (("dense", model.dense_layers), ("moe", model.moe_layers), ("head", 1.0), ("embedding", 1.0)):
        values = tuple(getattr(load, field) for load in found.loads)
        assert float(found.sum(values)) == pytest.approx(float(expected), abs=1e-9), field
    assert all(float(count) >= 0 for load in found.loads for count in load)


COUNTS = np.array(list(itertools.product(range(1, 131), (1, 2, 3, 5, 8, 16, 35), (1, 2, 3, 8), (0, 1, 3, 200))), dtype=float)
"""Layers, pp, vpp, leading dense layers."""


@pytest.mark.parametrize("heads", [0, 1, 3])
@pytest.mark.parametrize("bidirectional", [0, 1])
def test_layers_add_up_in_every_split_without_an_empty_stage(heads, bidirectional):
    layers, pp, _, dense = COUNTS.T
    chosen = COUNTS[(np.ceil(layers / np.ceil(layers / pp)) >= pp) & ((dense <= layers) | (dense == 200))]
    chosen[:, 3] = np.minimum(chosen[:, 3], chosen[:, 0])  # 200: all dense
    design, _ = scheduled(point("passage"), bidirectional=bidirectional)

    def counted(row):
        model = eqx.tree_at(lambda m: (m.layers, m.dense_layers, m.extra_heads), workload("deepseek_v3").model, (row[0], row[3], heads))
        found = stages(model, eqx.tree_at(lambda m: (m.pp, m.vpp), design.mapping, (row[1], row[2])))
        sums = [found.sum(tuple(getattr(load, kind) for load in found.loads)) for kind in ("dense", "moe", "embedding", "head")]
        there = jnp.array([1.0, found.middles > 0, found.lasts])
        return jnp.array(sums), jnp.array([list(load) for load in found.loads]) * there[:, None], 1 + found.middles + found.lasts

    sums, parts, count = jax.vmap(counted)(jnp.asarray(chosen))
    whole = np.stack([chosen[:, 3], chosen[:, 0] - chosen[:, 3], np.ones(len(chosen)), np.ones(len(chosen))], axis=1)
    np.testing.assert_allclose(sums, whole, atol=1e-9)
    np.testing.assert_array_equal(count, chosen[:, 1])
    assert np.min(parts) >= -1e-12
    full = chosen[:, 2] * np.ceil(chosen[:, 0] / (chosen[:, 1] * chosen[:, 2]))
    fits = chosen[:, 1] * full - chosen[:, 0] <= 2 * full  # what is missing is taken from the ends
    assert np.all(parts[fits, :, :2].sum(axis=2).max(axis=1) <= np.where(chosen[fits, 1] > 1, full[fits], chosen[fits, 0]) + 1e-9)


def test_leading_dense_layers_come_first():
    found = loads("deepseek_v3", 16, 1)
    assert float(found.first.dense) == 3
    assert float(found.middle.dense) == float(found.last.dense) == 0


@pytest.mark.parametrize("values", [(3.0, 1.0, 2.0), (1.0, 3.0, 2.0), (1.0, 2.0, 3.0), (2.0, 2.0, 2.0)])
def test_the_largest_of_the_stages_that_exist_is_picked(values):
    several = loads("qwen3_235b_a22b", 8, 1)
    weights = several.largest(values)
    assert float(sum(weights)) == 1
    assert float(sum(w * v for w, v in zip(weights, values, strict=True))) == max(values)
    alone = loads("qwen3_235b_a22b", 1, 1)
    assert [float(w) for w in alone.largest(values)] == [1, 0, 0]


def step_time(pp, vpp, **rules):
    """Step time of even stages without ends, traffic or start-ups: 120 layers of the Passage model."""
    quiet = {"kernel_detail": 0, "gradient_traffic": 0, "bubble": 1}
    base = scheduled(mapped(point("passage"), pp=pp, vpp=vpp, dp=2048 / pp), **(quiet | rules))
    fast = eqx.tree_at(
        lambda p: (
            p[0].cluster.device.scale_up.bandwidth,
            p[0].cluster.device.scale_out.bandwidth,
            p[0].cluster.pod.network.switch.latency,
        ),
        base,
        (jnp.asarray(1e20), jnp.asarray(1e20), jnp.asarray(0.0)),
    )
    return evaluate(*fast)


@pytest.mark.parametrize(("pp", "vpp"), [(2, 1), (4, 1), (8, 1), (8, 3), (4, 5)])
def test_the_bubble_of_even_stages_is_the_published_share(pp, vpp):
    metrics = step_time(pp, vpp)
    bubble = float(metrics.breakdown["pipeline bubble"])
    rest = float(sum(t for name, t in metrics.breakdown.items() if name not in ("pipeline bubble", "optimizer", "gradient traffic")))
    sends = float(metrics.breakdown["pipeline send"])
    micro_batches = 4096 / (2048 / pp)
    assert bubble == pytest.approx((pp - 1) / (vpp * micro_batches) * rest, rel=1e-3, abs=2 * sends)


def test_bubbles_shrink_from_plain_to_interleaved_to_deferred_to_bidirectional():
    plain, interleaved = (float(step_time(8, v).breakdown["pipeline bubble"]) for v in (1, 3))
    deferred = float(step_time(8, 1, deferred_weights=2).breakdown["pipeline bubble"])
    dualpipe = float(step_time(8, 1, deferred_weights=3, bidirectional=1).breakdown["pipeline bubble"])
    assert interleaved < plain
    assert dualpipe < deferred < plain
