"""Does a matrix product cost its tiles, its waves and its fill, and a roofline in the limit?"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import system

from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.performance.matrix import FILL_DEPTH, TILES, Gemm, backward, forward, product, tiled_flops, waves
from codesign.performance.roofline import engine, kernel_time

PRECISIONS = {name: row.module for name, row in load_catalogue(SHIPPED).rows["precisions"].items()}
SYSTEMS = ("dgx_a100_selene", "dgx_h100", "dgx_b200", "passage")
SHAPES = [(4096, 4096, 4096, 1), (8192, 12288, 1536, 1), (300, 2048, 700, 64), (1, 7168, 2048, 256), (16, 1024, 4096, 8)]


def device(name="dgx_h100", precision="bf16", detail=1.0):
    return engine(system(name).device.package, PRECISIONS[precision], jnp.asarray(detail))


def gemm(rows, depth, columns, matrices):
    return Gemm(*(jnp.asarray(float(v)) for v in (rows, depth, columns, matrices)))


def test_whole_waves_of_whole_tiles_cost_their_padded_work():
    engine_, (height, width, _) = device(), TILES[-1]
    for count in (1.0, 10.0, 1000.0):
        tiles = count * engine_.processors
        busy = tiled_flops(jnp.asarray(height * 8), jnp.asarray(1e4), width * tiles / 8, jnp.asarray(1.0), engine_)
        expected = float(waves(jnp.asarray(count))) * float(engine_.processors) * 2 * height * width * (1e4 + FILL_DEPTH)
        assert float(busy) <= expected * (1 + 1e-12)
    assert float(waves(jnp.asarray(0.2))) == float(waves(jnp.asarray(1.0))) == 1
    assert float(waves(jnp.asarray(1e6))) == pytest.approx(1e6 + 0.5)


@pytest.mark.parametrize("name", SYSTEMS)
@pytest.mark.parametrize("shape", SHAPES)
def test_tiles_never_make_a_product_faster_than_its_flops(name, shape):
    engine_, product_ = device(name), gemm(*shape)
    flops = 2 * np.prod([float(v) for v in shape])
    seconds = float(product(product_, jnp.asarray(0.0), engine_, engine_.wide_rate))
    assert seconds >= flops / float(engine_.wide_rate)


@pytest.mark.parametrize("place", range(4))
@pytest.mark.parametrize("shape", SHAPES)
def test_more_work_never_takes_less_time(place, shape):
    more = [v * (1.37 if i == place else 1) for i, v in enumerate(shape)]
    engine_ = device()
    for work in (forward, backward):
        assert float(work(gemm(*more), engine_, PRECISIONS["bf16"]).time) >= float(work(gemm(*shape), engine_, PRECISIONS["bf16"]).time)


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_huge_product_runs_at_the_sustained_rate(name):
    engine_, shape = device(name), (2**20, 2**16, 2**17, 1)
    seconds = float(forward(gemm(*shape), engine_, PRECISIONS["bf16"]).time)
    assert seconds == pytest.approx(2 * np.prod([float(v) for v in shape]) / float(engine_.wide_rate), rel=0.01)


@pytest.mark.parametrize("work", [forward, backward])
@pytest.mark.parametrize("shape", SHAPES)
def test_without_kernel_detail_a_product_is_a_roofline(work, shape):
    engine_ = device(detail=0.0)
    found = work(gemm(*shape), engine_, PRECISIONS["bf16"])
    if work is forward:
        assert float(found.time) == pytest.approx(
            max(float(found.flops / engine_.wide_rate), float(found.memory_bytes / engine_.memory_rate))
        )
    assert float(found.flops) == pytest.approx((2 if work is forward else 4) * np.prod([float(v) for v in shape]))


@pytest.mark.parametrize(("precision", "wide", "eight"), [("bf16", 1, 0), ("fp8", 0, 1), ("mxfp8", 0, 1), ("nvfp4", 0, 0.5)])
def test_flops_are_booked_in_the_format_they_run_in(precision, wide, eight):
    found = forward(gemm(*SHAPES[0]), device("dgx_b200", precision), PRECISIONS[precision])
    flops = 2 * 4096.0**3
    assert (float(found.flops), float(found.flops_8bit)) == pytest.approx((wide * flops, eight * flops))
    kept = forward(gemm(*SHAPES[0]), device("dgx_b200", precision), PRECISIONS[precision], 0.0)
    assert (float(kept.flops), float(kept.flops_8bit)) == pytest.approx((flops, 0))


def test_an_absent_matrix_costs_nothing_and_has_finite_slopes():
    engine_ = device()

    def seconds(count):
        return sum(work(gemm(128, 64, 64, 1)._replace(matrices=count), engine_, PRECISIONS["bf16"]).time for work in (forward, backward))

    value, slope = jax.value_and_grad(seconds)(jnp.asarray(0.0))
    assert float(value) == 0
    assert jnp.isfinite(slope)


@pytest.mark.parametrize(("compute", "memory"), [(1e-3, 0.0), (0.0, 1e-3), (1e-3, 1e-3), (3e-6, 4e-6), (0.0, 0.0)])
def test_the_slower_of_both_sets_the_pace_softly(compute, memory):
    engine_ = device()
    both = [jnp.asarray(compute), jnp.asarray(memory)]
    seconds, slopes = jax.value_and_grad(lambda x: kernel_time(x[0], x[1], jnp.asarray(1.0), engine_))(both)
    assert float(seconds) == pytest.approx(float(engine_.kernel_time) + np.hypot(compute, memory), rel=1e-9)
    assert all(jnp.isfinite(s) for s in slopes)
