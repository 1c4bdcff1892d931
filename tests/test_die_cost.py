"""Does the cost of a die follow the published figures and the laws of yield, with slopes that are finite everywhere?"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.fields import quantities
from codesign.physical import die_cost
from codesign.physical.die_cost import known_good_die_cost
from codesign.units import unit_factor

MM2, PER_CM2 = 1e-6, 1e4
PROCESSES = ("n3", "n5", "n7", "n10", "n14", "n28", "n55", "n3_2021", "n5_2021", "n7_2021")
AREAS = (0.001, 1, 25, 100, 400, 858, 2831, 6000, 10_500, 12_000, 40_000)
UNTESTED = {"test_share": 0.0, "test_coverage": 1.0}


def process(name, **changes):
    return dataclasses.replace(load_catalogue(SHIPPED).rows["processes"][name].module, **changes)


@pytest.mark.parametrize(
    ("name", "changes", "area", "good", "dies", "cost"),
    [
        ("n5_2021", {}, 100, 0.896, 571.7, 33.1),
        ("n5_2021", {}, 200, 0.804, 276.2, 76.5),
        ("n5_2021", {}, 400, 0.650, 130.0, 201),
        ("n5_2021", {}, 600, 0.528, 82.2, 391),
        ("n5_2021", {}, 814, 0.424, 57.6, 695),
        ("n5_2021", {"cluster_parameter": 3.0}, 400, 0.663, 130.0, 197),
        ("n5", {"cluster_parameter": 10.0, "critical_share": 1.0} | UNTESTED, 814, 0.457, 57.6, 645),
        ("n5", {"cluster_parameter": 10.0, "critical_share": 0.35} | UNTESTED, 814, 0.755, 57.6, 391),
        ("n5", {"cluster_parameter": 10.0, "critical_share": 0.2} | UNTESTED, 814, 0.851, 57.6, 347),
        ("n7_2021", {}, 100, 0.914, 571.7, 17.9),
        ("n7_2021", {}, 400, 0.702, 130.0, 102),
        ("n7_2021", {}, 800, 0.499, None, 319),
    ],
)
def test_published_dies(name, changes, area, good, dies, cost):
    row = process(name, **changes)
    assert float(die_cost.die_yield(area * MM2, row)) == pytest.approx(good, rel=0.005)
    assert float(known_good_die_cost(area * MM2, row)) == pytest.approx(cost, rel=0.005)
    if dies:
        assert float(die_cost.dies_per_wafer(area * MM2, row)) == pytest.approx(dies, rel=0.005)


@pytest.mark.parametrize(("dies", "cost", "even"), [(2, 466.4, 0.694), (4, 346.0, 0.802)])
def test_break_even_of_splitting(dies, cost, even):
    row, area = process("n5_2021"), 800 * MM2
    mono, split = known_good_die_cost(area, row), dies * known_good_die_cost(die_cost.split_die_area(area, dies, 0.1), row)
    assert float(mono) == pytest.approx(671.6, rel=0.005)
    assert float(split) == pytest.approx(cost, rel=0.005)
    bond = die_cost.break_even_bond_yield(split, dies, mono, 1.0)
    assert float(bond) == pytest.approx(even, rel=0.005)
    assert float(split / bond**dies) == pytest.approx(float(mono / bond), rel=1e-9)
    assert float(die_cost.break_even_bond_yield(mono, 1.0, mono, 1.0)) == 1
    assert np.isfinite(jax.grad(lambda n: die_cost.break_even_bond_yield(mono, n, mono, 1.0))(1.0))


@pytest.mark.parametrize("name", PROCESSES)
def test_laws_of_every_process(name):
    row, areas = process(name), jnp.asarray(AREAS) * MM2
    good, dies, cost = die_cost.die_yield(areas, row), die_cost.dies_per_wafer(areas, row), known_good_die_cost(areas, row)
    assert bool(jnp.all((good > 0) & (good <= 1)))
    assert bool(jnp.all(dies >= die_cost.FEWEST_DIES))
    assert bool(jnp.all(jnp.diff(cost) > 0)), "a larger die costs more"
    assert bool(jnp.all(jnp.diff(good) < 0))
    assert float(die_cost.die_yield(0.0, row)) == 1
    split = 4 * known_good_die_cost(die_cost.split_die_area(800 * MM2, 4.0, 0.0), row)
    assert float(split) < float(known_good_die_cost(800 * MM2, row)), "known good dies are cheaper in small pieces"


@pytest.mark.parametrize(
    ("field", "sign"),
    [("defect_density", 1), ("critical_share", 1), ("cluster_parameter", 1), ("wafer_price", 1), ("scribe", 1), ("test_share", 1)],
)
@pytest.mark.parametrize("area", [1, 100, 800])
def test_signs_of_slopes(field, sign, area):
    row = process("n5")
    slope = jax.grad(lambda v: known_good_die_cost(area * MM2, dataclasses.replace(row, **{field: v})))(getattr(row, field))
    assert sign * float(slope) >= 0
    assert float(slope) != 0


@pytest.mark.parametrize("area", [0, *AREAS])
@pytest.mark.parametrize(
    "change", [{}, {"defect_density": 0.0}, {"critical_share": 0.0}, {"scribe": 0.0}, {"test_coverage": 1.0}, {"defect_density": 1e5}]
)
def test_slopes_are_finite_at_corners(area, change):
    slopes = jax.grad(known_good_die_cost, argnums=(0, 1))(area * MM2, process("n5", **{k: jnp.asarray(v) for k, v in change.items()}))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


def test_the_floor_of_dies_does_not_disturb_the_formula():
    row, areas = process("n5"), jnp.linspace(1, 5000, 500) * MM2
    formula, smooth = die_cost.formula_dies_per_wafer(areas, row), die_cost.dies_per_wafer(areas, row)
    np.testing.assert_allclose(np.where(formula > 5, smooth / formula, 1.0), 1.0, rtol=0.005)
    assert float(die_cost.formula_dies_per_wafer(12_000 * MM2, row)) < 0


def test_no_clustering_is_poisson():
    assert float(die_cost.clustered_yield(1e-3, 1e3, 1e9)) == pytest.approx(np.exp(-1), rel=1e-6)
    assert float(die_cost.clustered_yield(1e-3, 1e3, 1.0)) == pytest.approx(0.5)


@pytest.mark.parametrize("good", [0.0, 1e-9, 0.3, 1.0])
@pytest.mark.parametrize("coverage", [0.5, 0.99, 1.0])
def test_wafer_test(good, coverage):
    share, quality = die_cost.passing_share(good, coverage), die_cost.passing_quality(good, coverage)
    assert float(share * quality) == pytest.approx(good)
    assert 0 <= float(quality) <= 1 + 1e-12
    assert (float(quality) == pytest.approx(1, abs=1e-12)) == (coverage == 1 or good == 1)
    assert all(np.isfinite(g) for g in jax.grad(die_cost.passing_quality, argnums=(0, 1))(good, coverage))


@pytest.mark.parametrize(
    ("area", "use"), [(858, 1.0), (429, 1.0), (430, 430 / 858), (600, 600 / 858), (900, 900 / 1716), (286, 1.0), (1716, 1.0)]
)
def test_fit_of_the_reticle(area, use):
    row = process("n5")
    assert float(die_cost.reticle_use(area * MM2, row)) == pytest.approx(use)
    per_area = 16988 / (np.pi * 150**2)
    assert float(die_cost.reticle_area_cost(area * MM2, row)) == pytest.approx(per_area * area * (0.7 + 0.3 / use))
    assert np.isfinite(jax.grad(die_cost.reticle_area_cost)(area * MM2, row))


def test_design_cost_by_hand():
    row = process("n5")
    assert float(die_cost.design_cost(600 * MM2, 300 * MM2, row, 1e6)) == pytest.approx(542 * (0.3 * 2 + 0.2 + 0.5))
    one = die_cost.die_design_cost(300 * MM2, row) + die_cost.module_design_cost(300 * MM2, row)
    assert float(one) == pytest.approx(542e6)
    assert float(die_cost.design_cost(300 * MM2, 300 * MM2, row, 0.0)) == pytest.approx(542e6)


def test_batches_of_processes_and_areas():
    rows = [process(name) for name in PROCESSES]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)
    batch = jax.jit(jax.vmap(known_good_die_cost, in_axes=(None, 0)))(400 * MM2, stacked)
    np.testing.assert_allclose(batch, [known_good_die_cost(400 * MM2, row) for row in rows], rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "published", "share_of_logic"),
    [("n5", 989e12 / 814e-6, 0.826), ("n7", 312e12 / 826e-6, 0.839), ("n14", 125e12 / 815e-6, 0.82)],
)
def test_rates_per_area_are_those_of_published_dies(name, published, share_of_logic):
    assert float(process(name).flops_per_area) == pytest.approx(published / share_of_logic, rel=0.02)


def test_newer_processes_hold_more_and_cost_more():
    rows = [process(name) for name in ("n55", "n28", "n14", "n10", "n7", "n5", "n3")]
    for field, sign in {
        "flops_per_area": 1,
        "sram_density": 1,
        "wafer_price": 1,
        "design_price": 1,
        "energy_per_flop": -1,
    }.items():
        values = [sign * float(getattr(row, field)) for row in rows]
        assert values == sorted(values), field
    assert quantities(rows[0])["defect_density"].unit == "1/cm2"
    assert float(rows[-1].defect_density) == pytest.approx(0.12 * unit_factor("1/cm2")[0])
