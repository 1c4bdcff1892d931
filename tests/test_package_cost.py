"""Does the cost of a package follow the published figures, add up, and keep finite slopes for every packaging?"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.fields import quantities
from codesign.physical import carrier, stacking
from codesign.physical.die_cost import dies_per_wafer, known_good_die_cost
from codesign.physical.package_cost import (
    Bonded,
    assembly_cost,
    block_area,
    blocks_bonded,
    bond_yield,
    bonding_loss,
    faultless_share,
    package_cost,
)

MM2, PER_CM2 = 1e-6, 1e4
PACKAGINGS = (
    "organic", "organic_ai", "fan_out", "interposer_2021", "interposer_2025", "interposer_chip_first", "bridge_2025", "photonic_interposer",
    "hybrid_3d",
)  # fmt: skip
USUAL = {
    "die_area": 400 * MM2, "dies": 4.0, "memory_price": 300.0, "stacks": 8.0, "memory_area": 121 * MM2, "optics_area": 100 * MM2,
    "optics_price": 200.0, "test_and_assembly": 0.3, "engines": 2.0, "fibre_arrays": 2.0,
}  # fmt: skip
NOTHING = dict.fromkeys(USUAL, 0.0)
CORNERS = {
    "tiny dies": {"die_area": 1 * MM2},
    "dies without area": {"die_area": 0.0},
    "a wafer-sized die": {"die_area": 10_500 * MM2, "dies": 1.0},
    "more than a wafer": {"die_area": 10_500 * MM2, "dies": 4.0},
    "no stacks": {"stacks": 0.0},
    "no dies": {"dies": 0.0},
    "one die, nothing else": NOTHING | {"dies": 1.0, "die_area": 400 * MM2},
    "nothing": NOTHING,
}


def row(table, name, **changes):
    module = load_catalogue(SHIPPED).rows[table][name].module
    return dataclasses.replace(module, **{k: jnp.asarray(float(v)) for k, v in changes.items()})


PROCESS = row("processes", "n5")
COST = jax.jit(package_cost)
SLOPES = jax.jit(jax.grad(lambda packaging, process, given: package_cost(packaging, process, **given).total, argnums=(0, 1, 2)))


def cost(packaging, process=PROCESS, **changes):
    return COST(packaging, process, **(USUAL | changes))


def excess(packaging, area, number, bought):
    blocks = Bonded(number, area * MM2 / packaging.carrier_area_ratio, bought, 1.0)
    return float(sum(assembly_cost(packaging, PROCESS, blocks)))


@pytest.mark.parametrize(
    ("name", "density", "area", "number", "bought", "published"),
    [
        ("interposer_2025", 0.005, 1500, 6, 1650, 678),
        ("interposer_2025", 0.0075, 1500, 6, 1650, 697),
        ("interposer_2025", 0.01, 1500, 6, 1650, 716),
        ("interposer_2025", 0.005, 2739, 10, 3500, 1604),
        ("interposer_2025", 0.0075, 2739, 10, 3500, 1688),
        ("interposer_2021", 0.06, 1500, 6, 1650, 875),
        ("interposer_2021", 0.06, 2739, 10, 3500, 3657),
    ],
)
def test_published_packaging(name, density, area, number, bought, published):
    packaging = row("packagings", name, carrier_defect_density=density * PER_CM2)
    assert excess(packaging, area, number, bought) == pytest.approx(published, rel=0.02)


def test_packaging_with_a_stated_number_of_carriers():
    packaging = row("packagings", "interposer_2025", carrier_defect_density=0.005 * PER_CM2)
    price = float(packaging.carrier_wafer_price * dies_per_wafer(2739 * MM2, PROCESS) / 16)
    assert excess(dataclasses.replace(packaging, carrier_wafer_price=jnp.asarray(price)), 2739, 10, 3500) == pytest.approx(1276, rel=0.02)


@pytest.mark.parametrize(("area", "good"), [(100, 0.952), (400, 0.833), (800, 0.714)])
def test_published_hybrid_bonds(area, good):
    packaging = row("packagings", "hybrid_3d", via_yield=1, dies_per_base=1)
    assert float(stacking.stack_yield(packaging, area * MM2)) == pytest.approx(good, rel=0.02)
    assert float(stacking.stack_yield(row("packagings", "hybrid_3d", via_yield=1), area * MM2)) == pytest.approx(good**2, rel=0.02)


@pytest.mark.parametrize(
    ("area", "stacks", "dies", "packaging_cost", "memory", "total"), [(814, 5, 1, 697, 1350, 3359), (800, 8, 2, 1688, 2900, 7374)]
)
def test_published_sums(area, stacks, dies, packaging_cost, memory, total):
    die = known_good_die_cost(area * MM2, row("processes", "n5", test_share=0, test_coverage=1))
    carrier_mm2 = {5: 1500, 8: 2739}[stacks]
    packaging = excess(row("packagings", "interposer_2025"), carrier_mm2, dies + stacks, {5: 1650, 8: 3500}[stacks])
    assert packaging == pytest.approx(packaging_cost, rel=0.02)
    assert 1.38 * (dies * float(die) + memory + packaging) == pytest.approx(total, rel=0.02)


def test_organic_by_hand():
    packaging = row("packagings", "organic")
    made = cost(packaging, stacks=0.0, optics_area=0.0, optics_price=0.0, engines=0.0, fibre_arrays=0.0, test_and_assembly=0.0)
    dies = float(made.silicon) + 0.005 * 1600
    lost = float(faultless_share(packaging, PROCESS, 400 * MM2, 4.0)) * 0.99**4
    assert float(made.total) == pytest.approx((dies + 6400 * 0.005 * 2) / lost, rel=1e-6)


@pytest.mark.parametrize(
    ("area", "number", "factor"), [(200, 1, 1), (200, 2, 1.5), (250, 4, 1.5), (500, 2, 1.75), (1200, 9, 2), (1200, 1, 1), (0, 0, 1)]
)
def test_substrate_layers(area, number, factor):
    assert float(carrier.layer_factor(row("packagings", "organic"), area * MM2, float(number))) == pytest.approx(factor, abs=0.003)
    assert float(carrier.layer_factor(row("packagings", "organic_ai"), area * MM2, float(number))) == 1


@pytest.mark.parametrize("name", PACKAGINGS)
@pytest.mark.parametrize("corner", CORNERS)
def test_parts_add_up_and_slopes_are_finite(name, corner):
    packaging, given = row("packagings", name), USUAL | CORNERS[corner]
    made = COST(packaging, PROCESS, **given)
    assert float(made.total) == pytest.approx(float(made.logic + made.memory + made.optics + made.packaging + made.test_and_assembly))
    assert all(np.isfinite(part) and part >= 0 for part in made), made
    flawless = {n: jnp.asarray(0.0) for n in quantities(packaging) if n.endswith("defect_density")}
    for variant in (packaging, dataclasses.replace(packaging, **flawless)):
        slopes = SLOPES(variant, PROCESS, given)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


def test_nothing_costs_nothing():
    assert float(package_cost(row("packagings", "interposer_2025"), PROCESS, **NOTHING).total) < 0.05


@pytest.mark.parametrize("name", PACKAGINGS)
def test_yields_are_shares(name):
    packaging = row("packagings", name)
    for blocks in (0.0, 100 * MM2, 2000 * MM2, 10_000 * MM2):
        area, number = carrier.carrier_area(packaging, blocks), 10.0
        good = carrier.carrier_yield(packaging, area, carrier.bridge_area(packaging, number))
        shares = (
            good,
            bond_yield(packaging, number),
            stacking.stack_yield(packaging, 100 * MM2),
            faultless_share(packaging, PROCESS, 800 * MM2, 4.0),
        )
        assert all(0 < float(share) <= 1 for share in shares)
        assert float(carrier.substrate_area(packaging, blocks)) >= float(area)


DEARER = (
    "die_area",
    "dies",
    "memory_price",
    "stacks",
    "memory_area",
    "optics_area",
    "optics_price",
    "test_and_assembly",
    "engines",
    "fibre_arrays",
)


@pytest.mark.parametrize("name", PACKAGINGS)
@pytest.mark.parametrize("field", DEARER)
def test_more_of_everything_costs_more(name, field):
    packaging = row("packagings", name)
    assert float(cost(packaging, **{field: USUAL[field] * 1.2}).total) > float(cost(packaging).total)


@pytest.mark.parametrize("name", PACKAGINGS)
def test_signs_of_slopes(name):
    packaging = row("packagings", name)
    slopes, process, _ = SLOPES(packaging, PROCESS, USUAL)
    for field in quantities(packaging):
        slope = float(getattr(slopes, field))
        if field.endswith(("_yield", "reticle_area")):
            assert slope <= 0, field
        elif field.endswith(("price", "defect_density", "critical_share", "cluster_parameter")):
            assert slope >= 0, field
    assert float(process.defect_density) > 0
    assert float(process.wafer_price) > 0


@pytest.mark.parametrize("name", PACKAGINGS)
def test_slopes_are_those_of_finite_differences(name):
    packaging, step = row("packagings", name), 1e-5
    slopes = SLOPES(packaging, PROCESS, USUAL)[2]
    for field in ("die_area", "dies", "stacks", "memory_area"):
        up, down = (float(cost(packaging, **{field: USUAL[field] * (1 + s)}).total) for s in (step, -step))
        assert float(slopes[field]) * USUAL[field] == pytest.approx((up - down) / (2 * step), rel=1e-5)


@pytest.mark.parametrize("dies", [1.0, 4.0, 8.0])
def test_chips_first_is_dearer(dies):
    last, first = cost(row("packagings", "interposer_2025"), dies=dies), cost(row("packagings", "interposer_chip_first"), dies=dies)
    assert float(first.total) > float(last.total)
    assert float(first.carrier) == float(last.carrier)
    perfect = {"carrier_defect_density": 0, "stitch_yield": 1}
    same = [cost(row("packagings", n, **perfect), dies=dies).total for n in ("interposer_2025", "interposer_chip_first")]
    assert float(same[0]) == pytest.approx(float(same[1]))


def test_base_dies_stand_under_compute_dies():
    packaging = row("packagings", "hybrid_3d")
    assert float(stacking.base_dies(packaging, 8.0)) == 4
    assert float(stacking.base_die_area(packaging, 115 * MM2)) == pytest.approx(370 * MM2, rel=0.01)
    assert float(blocks_bonded(packaging, 8.0, 8.0)) == 12
    assert float(blocks_bonded(row("packagings", "interposer_2025"), 8.0, 8.0, 2.0)) == 18
    area = block_area(packaging, 115 * MM2, 8.0, 8.0, 121 * MM2, 0.0)
    assert float(area) == pytest.approx((4 * 370 + 8 * 121) * MM2, rel=0.01)
    made = cost(packaging)
    assert float(made.base_dies) > 0
    assert float(made.stacking_loss) > 0


@pytest.mark.parametrize("name", [n for n in PACKAGINGS if n != "hybrid_3d"])
def test_no_base_dies_without_stacking(name):
    made = cost(row("packagings", name))
    assert float(made.base_dies) == float(made.stacking_loss) == 0


def test_seams_bridges_and_fibres():
    plain, bridged = row("packagings", "interposer_2025"), row("packagings", "bridge_2025")
    assert [float(carrier.seams(plain, n * 858 * MM2)) for n in (0.5, 1, 2, 3)] == pytest.approx([0, 0, 1, 2])
    assert float(carrier.bridge_area(bridged, 10.0)) == pytest.approx(9 * 25 * MM2)
    assert float(carrier.bridge_area(bridged, 0.0)) == float(carrier.bridge_area(plain, 10.0)) == 0
    without = cost(plain, fibre_arrays=0.0)
    assert float(without.fibre_loss) == 0
    assert float(cost(plain).fibre_loss) == pytest.approx(float(without.total) / 1.3 * (0.99**-2 - 1), rel=1e-6)


def test_everything_lost_is_charged():
    packaging, blocks = row("packagings", "interposer_2025", chips_first=1), Bonded(10.0, 1e-3, 1000.0, 0.9)
    y2, y3 = 0.998**10 * 0.9, 0.99
    by_hand = 100 * (1 / (0.5 * y2 * y3) - 1) + 50 * (1 / y3 - 1) + 1000 * (1 / (0.5 * y2 * y3) - 1)
    assert float(bonding_loss(packaging, blocks, 100.0, 50.0, 0.5)) == pytest.approx(by_hand, rel=1e-6)


def test_batches_of_packagings():
    rows = [row("packagings", name) for name in PACKAGINGS]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rows)
    batch = jax.jit(jax.vmap(lambda p: cost(p).total))(stacked)
    np.testing.assert_allclose(batch, [cost(p).total for p in rows], rtol=1e-9)
    areas = jnp.linspace(50, 858, 7) * MM2
    np.testing.assert_allclose(cost(rows[4], die_area=areas).total, [cost(rows[4], die_area=a).total for a in areas], rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "die", "dies", "stacks", "memory", "low", "high"),
    [
        ("interposer_2025", 814, 1, 5, 1350, 3320, 3320),
        ("interposer_2025", 814, 1, 6, 1980, 4250, 4800),
        ("bridge_2025", 800, 2, 8, 2900, 6400, 6400),
        ("hybrid_3d", 115, 8, 8, 2900, 5300, 5300),
    ],
    ids=["H100", "H200", "B200", "MI300X"],
)
def test_products_within_30_per_cent_of_the_analysts(name, die, dies, stacks, memory, low, high):
    made = package_cost(row("packagings", name), PROCESS, die * MM2, dies, memory / stacks, stacks, 121 * MM2, 0.0, 0.0, 0.3)
    assert 0.7 * low < float(made.total) < 1.3 * high
