"""Does the attention core count the scores it computes, forward and backward, fused and not?"""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import changed, mapped, point, scheduled

from codesign.design import value_at
from codesign.mapping.partition import share
from codesign.performance.attention import BLOCK, attention_core, causal_share, fused_core, unfused_core
from codesign.performance.roofline import engine

POINTS = ["deepseek_v3", "qwen3", "gpt3_dense", "passage"]
FREE = {"memory": 1e12}
"""A memory that costs no time, so that the arithmetic is seen alone."""


def parts(base, **rules):
    """What the core is a function of, and the model."""
    design, workload = scheduled(base, **rules)
    schedule = design.mapping.schedule
    device = engine(design.cluster.device.package, workload.training.precision, schedule.kernel_detail, schedule.exchange_processors)
    return workload, design.mapping, share(workload, design.mapping), device


def pairs_and_flops(workload, mapping):
    """Query-key pairs of one rank times heads, if all were computed, and FLOPs for each of them: by the shapes of the two products."""
    training, attention = workload.training, workload.model.attention
    rows = float(training.sequence / mapping.cp)
    pairs = float(mapping.micro_batch * attention.heads / mapping.tp) * rows * float(training.sequence)
    return pairs, 2 * (float(attention.score_width) + float(attention.head_size))


@pytest.mark.parametrize("name", POINTS)
def test_flops_of_the_unfused_core_are_those_of_the_whole_score_matrix(name):
    found, (pairs, each) = unfused_core(*(args := parts(point(name)))), pairs_and_flops(*args[:2])
    assert float(found.forward.flops) == pytest.approx(pairs * each, rel=1e-12)
    assert float(found.backward.flops) == pytest.approx(2 * pairs * each, rel=1e-12)
    assert float(found.forward.flops_8bit) == float(found.backward.flops_8bit) == 0


@pytest.mark.parametrize("computed", [0.5, 0.75, 1.0])
@pytest.mark.parametrize("name", POINTS)
def test_the_fused_core_computes_a_share_and_half_as_much_again_in_backward(name, computed):
    args = parts(changed(point(name), {"workload.training.attention_share": computed}), kernel_detail=0)
    found, (pairs, each) = fused_core(*args), pairs_and_flops(*args[:2])
    assert float(found.forward.flops) == pytest.approx(computed * pairs * each, rel=1e-12)
    assert float(found.backward.flops) == pytest.approx(2.5 * computed * pairs * each, rel=1e-12)
    assert float(found.backward.memory_bytes) == pytest.approx(2 * float(found.forward.memory_bytes), rel=1e-12)


@pytest.mark.parametrize("blocks", [1, 2, 3, 16, 64, 1024])
def test_causal_attention_computes_whole_blocks_on_the_diagonal(blocks):
    by_counting = sum(row + 1 for row in range(blocks)) / blocks**2
    sequence = {"workload.training.sequence": blocks * BLOCK, "workload.training.attention_share": 0.5}
    _, workload = changed(point("qwen3"), sequence)
    assert float(causal_share(workload)) == pytest.approx(by_counting, rel=1e-12)


def test_a_sequence_in_one_block_and_full_attention_are_computed_whole():
    for sequence, computed in ((64, 0.5), (128, 0.5), (64, 1.0), (8192, 1.0)):
        _, workload = changed(point("qwen3"), {"workload.training.sequence": sequence, "workload.training.attention_share": computed})
        assert float(causal_share(workload)) == 1


@pytest.mark.parametrize("name", POINTS)
def test_the_fused_core_waits_for_products_and_exponentials_softly(name):
    args = parts(cases.multiplied(point(name), **FREE))
    workload, mapping, _, device = args
    pairs, each = pairs_and_flops(workload, mapping)
    computed = float(causal_share(workload)) * pairs
    exponentials = computed / float(device.exponential_rate)
    found = fused_core(*args)
    for work, repeats in ((found.forward, 1), (found.backward, 2.5)):
        products = repeats * computed * each / float(device.attention_rate)
        assert float(work.time) == pytest.approx(float(device.kernel_time) + np.hypot(products, exponentials), rel=1e-6)


@pytest.mark.parametrize("path", ["attention_efficiency", "exponential_rate"])
@pytest.mark.parametrize("name", POINTS)
def test_a_faster_unit_shortens_the_fused_core_at_most_in_proportion(name, path):
    leaf = f"cluster.device.package.die.{path}"
    base = cases.multiplied(point(name), **FREE)
    faster = changed(base, {leaf: 1.25 * float(value_at(*base, leaf))})
    before, after = (float(fused_core(*parts(p)).forward.time) for p in (base, faster))
    assert before / 1.25 < after < before


@pytest.mark.parametrize("dropout", [0, 1])
@pytest.mark.parametrize("name", POINTS)
def test_the_unfused_core_passes_over_its_scores(name, dropout):
    args = parts(point(name), dropout=dropout)
    workload, mapping = args[:2]
    pairs, _ = pairs_and_flops(workload, mapping)
    attention, training = workload.model.attention, workload.training
    # per head and sequence: queries, keys and values read and outputs written; the products write the scores and read the weights
    operands = float(mapping.micro_batch * attention.heads / mapping.tp) * float(training.sequence)
    operands *= (1 / float(mapping.cp) + 1) * float(attention.score_width + attention.head_size)
    # softmax reads and writes; dropout reads, writes and keeps a byte
    accesses = 2 * 2 + 2 * 2 + dropout * (2 * 2 + 1)
    found = unfused_core(*args)
    assert float(found.forward.memory_bytes) == pytest.approx(2 * operands + accesses * pairs, rel=1e-12)


@pytest.mark.parametrize("name", POINTS)
def test_a_share_of_fusion_mixes_both(name):
    fused, unfused, mixed = (attention_core(*parts(point(name), fused_attention=f)) for f in (1, 0, 0.25))
    for a, b, c in zip(*(jax.tree.leaves(passes) for passes in (fused, unfused, mixed)), strict=True):
        assert float(c) == pytest.approx(0.25 * float(a) + 0.75 * float(b), rel=1e-12)
    assert float(unfused.forward.memory_bytes) > float(fused.forward.memory_bytes)
    assert float(unfused.forward.time) > float(fused.forward.time)


@pytest.mark.parametrize("degree", ["tp", "cp"])
@pytest.mark.parametrize("core", [fused_core, unfused_core])
def test_ranks_share_the_pairs(core, degree):
    one, two = (core(*parts(mapped(point("gpt3_dense"), **{"tp": 8, degree: 8 * n}))) for n in (1, 2))
    for before, after in ((one.forward, two.forward), (one.backward, two.backward)):
        assert float(after.flops) == pytest.approx(float(before.flops) / 2, rel=1e-12)


@pytest.mark.parametrize("share_", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("detail", [0.0, 0.5, 1.0])
def test_slopes_are_finite_whatever_is_switched_on(share_, detail):
    def seconds(x):
        rules = {"fused_attention": x[0], "kernel_detail": x[1], "dropout": x[0]}
        design, workload = point("qwen3")
        values = {f"mapping.schedule.{name}": value for name, value in rules.items()}
        args = parts(cases.with_values(design, workload, values))
        core = attention_core(*args)
        return core.forward.time + core.backward.time

    assert jnp.all(jnp.isfinite(jax.grad(seconds)(jnp.array([share_, detail]))))
