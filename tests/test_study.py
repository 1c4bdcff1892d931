"""Does a study round to what is exact, keep nothing idle, and compare itself fairly?"""

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign import tree
from codesign.cells import applied
from codesign.evaluate import evaluate
from codesign.legal import DEGREES, POD, groups_of
from codesign.mapping.lattice import exact_pods
from codesign.study import lean

STUDIES = cases.STUDIES


def peers_in_pod(pod, stride, size, devices):
    """For every device the members of its group that sit in its pod, counted one by one."""
    device = np.arange(devices)
    group = (device // (stride * size)) * stride + device % stride
    return {int(np.sum((group == g) & (device // pod == p))) for g, p in set(zip(group.tolist(), (device // pod).tolist(), strict=True))}


@pytest.mark.parametrize(("tp", "ep", "etp"), [(4, 8, 2), (8, 4, 1), (2, 12, 1), (1, 6, 1), (8, 2, 4), (16, 3, 16)])
def test_every_group_sits_evenly_in_an_exact_pod(tp, ep, etp):
    found = exact_pods(tp, ep * etp, 1, 96, 0)
    assert len(found)
    for pod in found.astype(int):
        devices = np.lcm.reduce([pod, tp, ep * etp])
        assert peers_in_pod(pod, 1, tp, devices) == {tp}
        assert peers_in_pod(pod, etp, ep, devices) == {min(ep, max(pod // etp, 1))}


def test_pods_that_cut_a_set_unevenly_are_left_out():
    assert 144 not in exact_pods(16, 512, 16, 512, 0)
    assert 488 not in exact_pods(8, 64, 16, 512, 0)
    np.testing.assert_array_equal(exact_pods(16, 512, 16, 512, 0), [16, 32, 64, 128, 256, 512])
    np.testing.assert_array_equal(exact_pods(2, 24, 8, 60, 8), [8, 24, 48])


@pytest.mark.parametrize("name", STUDIES)
def test_rounding_gives_whole_steps_and_exact_pods(name):
    study = cases.study(name)
    generator = np.random.default_rng(3)
    cell = generator.integers(0, study.space.size, 2000)
    x = study.space.low[:, None] * (study.space.high / study.space.low)[:, None] ** generator.random((study.space.dimension, 2000))
    rounded = study.space.snap(x, cell)
    np.testing.assert_allclose(study.space.snap(rounded, cell), rounded, rtol=1e-12)
    assert np.all(rounded >= study.space.low[:, None] * (1 - 1e-9))
    assert np.all(rounded <= study.space.high[:, None] * (1 + 1e-9))
    for row, free in enumerate(study.file.continuous):
        if free.step:
            np.testing.assert_allclose(rounded[row] / free.step, np.round(rounded[row] / free.step), rtol=1e-9)
        if free.path == POD:
            for block, spread in groups_of(study.columns, study.design, study.workload):
                assert np.all(rounded[row] % block[cell] == 0)
                assert np.all((rounded[row] % spread[cell] == 0) | (spread[cell] % rounded[row] == 0))


@pytest.mark.parametrize("name", cases.ONE_WORK)
def test_lean_designs_are_no_worse_and_no_larger(name):
    study = cases.study(name)
    exact = cases.exact(name)
    generator = np.random.default_rng(5)
    cell = generator.integers(0, study.space.size, 3000)
    low, high = np.log(study.space.low)[:, None], np.log(study.space.high)[:, None]
    x = study.space.snap(np.exp(generator.uniform(low, high, (len(low), 3000))), cell)
    _, before, broken = exact(x, cell)
    good = np.all(broken <= 0, axis=0)
    assert good.any()
    x, cell, before = x[:, good], cell[good], before[:, good]
    slim = lean(study, x, cell, exact)
    _, after, broken = exact(slim, cell)
    assert np.all(slim <= x * (1 + 1e-12))
    assert np.all(after <= before + 1e-11)
    assert np.all(broken <= 0)


@pytest.mark.parametrize("name", cases.ONE_WORK)
def test_a_lane_of_the_search_is_the_design_it_stands_for(name):
    study = cases.study(name)
    cells = np.array([0, study.space.size // 2, study.space.size - 1])
    x = np.sqrt(study.space.low * study.space.high)[:, None] * np.ones(len(cells))
    metrics, _, _ = cases.exact(name)(x, cells)
    for row, cell in enumerate(cells):
        values = {path: column[cell] for path, column in study.columns.items()}
        parts = {p: n for free in study.file.discrete if free.options for p, n in free.options[int(values[free.path])].items()}
        values = {path: v for path, v in values.items() if path not in parts}
        values |= {free.path: x[i, row] for i, free in enumerate(study.file.continuous)}
        design = applied((study.design, study.workload), parts | {path: jnp.asarray(float(v)) for path, v in values.items()})
        for found, wanted in zip(jax.tree.leaves(tree.take(metrics, row)), jax.tree.leaves(evaluate(*design)), strict=True):
            np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", cases.TRAINING_STUDIES)
def test_cells_are_legal_and_use_every_device(name):
    study = cases.study(name)
    degrees = {n: study.columns.get(f"mapping.{n}", float(getattr(study.design.mapping, n))) for n in DEGREES}
    ranks = degrees["dp"] * degrees["tp"] * degrees["pp"] * degrees["cp"]
    np.testing.assert_allclose(ranks, float(study.design.cluster.devices))
