"""Processing near the memory and arrays of dies: never slower, nothing where there is none, finite slopes, the laws they rest on."""

import functools
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import ROOT

from codesign import tree
from codesign.config import load_design
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.evaluate import evaluate
from codesign.fields import as_float
from codesign.performance.array_matrix import array_compute_time, drawn_tiles
from codesign.performance.matrix import Gemm
from codesign.performance.near_memory import STREAMING, faster, near_task, placed
from codesign.performance.roofline import Engine, NearMemory, SystolicArray, engine
from codesign.performance.serve import serving_step
from codesign.performance.service import network_of
from codesign.performance.systolic_array import best_adaptive_utilisation, utilisation
from codesign.performance.task import Task, matrix_task, stream_task, task_time
from codesign.performance.tile_count import expected_tiles

sys.path.insert(0, str(ROOT / "experiments"))

ROWS = load_catalogue(SHIPPED).rows
NEAR = [name for name, row in ROWS["memories"].items() if float(row.module.near_memory_flops)]
DIE, MEMORY = "cluster.device.package.die.", "cluster.device.package.memory"
SERVING = ROOT / "configs" / "designs" / "deepseek_serving.toml"


@functools.cache
def point():
    return load_design(SERVING)


def metrics(**values: Any):
    """Metrics of the shipped design with nodes replaced."""
    return evaluate(tree.put(point().design, values), point().workload)


def device(**package: Any) -> Engine:
    """What the package of the shipped design offers, with nodes of it replaced."""
    found = tree.put(point().design.cluster.device.package, {name.replace("__", "."): value for name, value in package.items()})
    return engine(found, point().workload.serving.precision, as_float(1.0))


def task(flops: float, traffic: float, on: Engine) -> Task:
    zero = as_float(0.0)
    return Task(
        as_float(flops) / on.wide_rate,
        as_float(traffic) / on.memory_rate,
        as_float(1.0),
        as_float(flops),
        zero,
        *map(as_float, (traffic, 0)),
    )


# nothing where there is none


def test_nothing_is_traced_where_there_is_none():
    plain = device()
    assert plain.array is None
    assert plain.near_memory is None
    tasks = {"experts": task(1e12, 1e9, plain)}
    assert placed(tasks, plain) is tasks


def test_an_unknown_zero_is_a_zero_and_reshaping_never_computes_longer():
    """A batch of designs: nothing, a fixed array, one that reshapes, processing near the memory."""
    array = {DIE + "array_rows": as_float([0.0, 128.0, 128.0, 0.0]), DIE + "array_columns": as_float([0.0, 128.0, 128.0, 0.0])}
    near = {DIE + "array_reshapes": as_float([0.0, 0.0, 1.0, 0.0]), MEMORY + ".near_memory_flops": as_float([0.0, 0.0, 0.0, 1e14])}
    plain, four = metrics(), metrics(**array, **near)
    for name in ("decode_step_time", "prefill_step_time", "serving_power", "energy_per_output_token", "time_to_first_token"):
        assert float(getattr(four, name)[0]) == pytest.approx(float(getattr(plain, name)), rel=1e-14), name
    none, fixed, reshaping, processed = (float(time) for time in four.decode_step_time)
    assert reshaping < fixed
    assert processed < none
    assert four.prefill_step_time[2] <= four.prefill_step_time[1]


# never slower


@pytest.mark.parametrize("name", NEAR)
def test_no_step_is_slower_near_the_memory(name):
    """Batches along one axis, with and without fusion along the other."""
    memory, workload = ROWS["memories"][name].module, point().workload
    cluster = tree.put(point().design.cluster, {"device.package.memory": memory})
    deployment = tree.put(point().design.deployment, {"schedule.fusion": as_float([[0.0], [1.0]])})
    pool, package, batch = deployment.decode, cluster.device.package, as_float([0.1, 8.0, 88.0])
    found = []
    for flops in (0.0, memory.near_memory_flops):
        on = engine(tree.put(package, {"memory.near_memory_flops": as_float(flops)}), workload.serving.precision, as_float(1.0))
        net = network_of(cluster, pool, on.kernel_time)
        found.append(serving_step(workload.model, workload.serving, deployment, pool, batch, 0.01 * batch, on, net))
    plain, near = found
    assert (near.time <= plain.time * (1 + 1e-12)).all()
    assert (near.work.near_bytes >= 0).all()
    assert (near.work.near_bytes <= near.work.memory_bytes).all()
    np.testing.assert_allclose(near.work.memory_bytes, plain.work.memory_bytes)
    assert not plain.work.near_bytes.any()
    assert (near.time[:, 0] < 0.9 * plain.time[:, 0]).all()
    assert float(near.work.near_bytes[0]) > 0.9 * float(near.work.memory_bytes[0])


def test_what_streams_goes_near_the_memory_and_what_computes_stays():
    on = device(memory=ROWS["memories"]["hbm3_near_memory"].module)
    near = on.near_memory
    assert near is not None
    few, many = (task(operations * 1e9, 1e9, on) for operations in (2.0, 200.0))
    assert float(faster(few, on, near).memory) == pytest.approx(1e9 / float(near.memory_rate))
    assert float(faster(few, on, near).near_bytes) == 1e9
    assert float(faster(many, on, near).compute) == float(many.compute)
    assert float(faster(many, on, near).near_bytes) == 0
    moved = placed(dict.fromkeys((*STREAMING, "norms and residuals", "prompt attention"), few), on)
    assert {name for name, one in moved.items() if float(one.near_bytes)} == set(STREAMING)


def test_joules_near_the_memory_are_those_of_its_processor():
    """One more pJ/bit there costs what all bytes near the memory cost: power is linear in the share."""
    memory = ROWS["memories"]["monolithic_3d_near_memory"].module
    shares = as_float([0.3, 0.6, 0.9])
    watts = np.asarray(metrics(**{MEMORY: tree.put(memory, {"near_memory_energy_share": shares})}).serving_power)
    assert watts[1] - watts[0] == pytest.approx(watts[2] - watts[1], rel=1e-6)
    assert watts[0] < watts[1]
    none = metrics(**{MEMORY: tree.put(memory, {"near_memory_flops": as_float(0.0), "near_memory_energy_share": shares})}).serving_power
    assert np.ptp(np.asarray(none)) == 0


# arrays

SHAPES = [(1.0, 2048.0, 1024.0), (8.0, 2048.0, 1024.0), (64.0, 2048.0, 1024.0), (128.0, 4096.0, 3072.0), (1000.0, 7168.0, 512.0)]


@pytest.mark.parametrize("sizes", SHAPES)
@pytest.mark.parametrize("reshapes", [0.0, 1.0])
def test_arrays_are_as_busy_as_the_laws_say(sizes, reshapes):
    array = SystolicArray(as_float(128.0), as_float(128.0), as_float(reshapes))
    rows, depth, columns = map(as_float, sizes)
    seconds = array_compute_time(Gemm(rows, depth, columns, as_float(3.0)), device(), array, as_float(1e15), None)
    law = best_adaptive_utilisation if reshapes else utilisation
    ideal = 2 * 3 * rows * depth * columns / 1e15
    assert float(ideal / seconds) == pytest.approx(float(law(rows, depth, columns, array.rows, array.columns)), rel=1e-12)


@pytest.mark.parametrize("rows", [16.0, 64.0])
def test_tiles_of_experts_are_those_of_poissons_law(rows):
    mean = as_float([0.05, 1.0, 7.0, 40.0])
    touched = 64 * -jnp.expm1(-mean)
    found = drawn_tiles(Gemm(64 * mean / touched, as_float(2048.0), as_float(1024.0), touched), as_float(64.0), as_float(rows))
    np.testing.assert_allclose(found, expected_tiles(mean, rows, 12) / -jnp.expm1(-mean), rtol=0.05)
    assert (found >= 1).all()


def test_a_roofline_has_no_array():
    on = device()._replace(detail=as_float(0.0))
    gemm, array = Gemm(*map(as_float, (5.0, 300.0, 200.0, 3.0))), SystolicArray(*map(as_float, (128.0, 128.0, 1.0)))
    assert float(array_compute_time(gemm, on, array, as_float(1e12), None)) == pytest.approx(2 * 5 * 300 * 200 * 3 / 1e12)


# slopes

ARRAYS = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), (128.0, 128.0, 0.0), (128.0, 128.0, 1.0))
GEMMS = ((0.0, 0.0), (1e-9, 1.0), (1.0, 1.0), (16.0, 64.0), (300.0, 1e4))
"""Rows, columns, switch of the array; tokens and matrices."""


def test_slopes_of_arrays_are_finite():
    precision = point().workload.serving.precision

    @jax.jit
    @functools.partial(jax.grad, argnums=tuple(range(5)))
    def slopes(rows, matrices, array_rows, array_columns, reshapes):
        on = device(die__array_rows=array_rows, die__array_columns=array_columns, die__array_reshapes=reshapes)
        gemm = Gemm(rows, as_float(2048.0), as_float(512.0), matrices)
        ways = [matrix_task(gemm, on, precision, held=held) for held in (None, matrices + 1.0)]
        return sum(task_time(way, on).sum() for way in ways)

    corners = np.array([gemm + array for gemm in GEMMS for array in ARRAYS]).T
    assert np.isfinite(slopes(*map(as_float, corners))).all()


def test_slopes_near_the_memory_are_finite():
    plain = device()

    @jax.jit
    @functools.partial(jax.grad, argnums=(0, 1, 2))
    def slopes(flops, traffic, near_flops):
        near = NearMemory(near_flops, 4 * plain.memory_rate)
        work = stream_task(traffic, plain)._replace(flops=flops, compute=flops / plain.wide_rate)
        moved = faster(work, plain, near)
        return (task_time(moved, plain) + task_time(near_task(work, near), plain) + moved.near_bytes).sum()

    corners = np.meshgrid([0.0, 1e12], [0.0, 1e9], [0.0, 1.0, 1e14])
    assert np.isfinite(slopes(*(as_float(corner.ravel()) for corner in corners))).all()


# anchors


def test_gains_of_the_anchors_are_products_of_their_parts_and_shrink_with_the_batch():
    import serving_anchors
    from serving_machines import small_machines

    gpu, stratum = small_machines()
    found = serving_anchors.parts("olmoe_1b_7b", stratum, gpu)
    product = found["bandwidth"] * found["rest"] * found["compute"] * found["routing"]
    np.testing.assert_allclose(product, found["gain"], rtol=1e-9)
    assert (jnp.diff(found["gain"]) < 0).all()
    assert (found["compute"] <= 1 + 1e-9).all()
    rows = serving_anchors.gain_rows("x", "x", 8.29, found)
    assert len({row.id for row in rows}) == len(rows)
    assert float(found["room"][0]) > 32
