"""Does memory in three dimensions have the area, edge, heat, money and rate that it must, and do designs with it evaluate?"""

import sys
from types import SimpleNamespace

import cases
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import ROOT

from codesign import tree
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.constraints import records
from codesign.design import Design
from codesign.evaluate import evaluate
from codesign.fields import as_float
from codesign.hardware.memory import Memory
from codesign.physical import bond_bandwidth, fabrication, floorplan, package_heat, power, thermal
from codesign.physical.blocks import overlap_area
from codesign.physical.built import built
from codesign.physical.heat_map import block_temperatures, column_temperatures
from codesign.report.floorplan import floorplan_svg
from codesign.report.package_blocks import package_of
from codesign.report.package_drawing import freely_placed, package_drawing

sys.path.insert(0, str(ROOT / "experiments"))

ROWS = load_catalogue(SHIPPED).rows
MEMORIES = {name: row.module for name, row in ROWS["memories"].items()}
ON_LOGIC = {name: memory for name, memory in MEMORIES.items() if float(memory.on_logic)}
NEAR = {name: memory for name, memory in MEMORIES.items() if float(memory.near_memory_flops)}
NEW = ON_LOGIC | NEAR | {"hbm2": MEMORIES["hbm2"]}
H100 = cases.system("dgx_h100")
UM, MM2 = 1e-6, 1e-6
PATH = "device.package."
every_on_logic = pytest.mark.parametrize("name", ON_LOGIC)


def changed(cluster, **values):
    """A cluster with numbers or parts of its package replaced; underscores twice for a dot."""
    modules = {PATH + name.replace("__", "."): as_float(v) if isinstance(v, float) else v for name, v in values.items()}
    return tree.put(cluster, modules)


# the laws of bonds and banks


@pytest.mark.parametrize(("pitch", "density"), [(1, 1e6), (3, 111_111), (9, 12_346), (40, 625)])
def test_bonds_per_area(pitch, density):
    packaging = tree.put(ROWS["packagings"]["hybrid_3d"].module, {"bump_pitch": as_float(pitch * UM)})
    assert float(bond_bandwidth.bond_density(packaging)) * MM2 == pytest.approx(density, rel=1e-3)
    data = 0.5 * 4e9 / 8 * 1.21e-4 / (pitch * UM) ** 2
    assert float(bond_bandwidth.bond_bandwidth(packaging, as_float(1.21e-4))) == pytest.approx(data, rel=1e-6)


@pytest.mark.parametrize(("banks", "terabytes"), [((768, 16, 0.5e9), 6.144), ((1024, 1 / 8, 6.4e9), 0.8192), ((2048, 1 / 8, 8e9), 2.048)])
def test_banks(banks, terabytes):
    assert bond_bandwidth.bank_bandwidth(*banks) / 1e12 == pytest.approx(terabytes, rel=1e-9)


def test_banks_bind_below_ten_micrometres_and_bonds_above_a_hundred():
    packaging, banks, area = ROWS["packagings"]["hybrid_3d"].module, as_float(6.144e12), as_float(1.21e-4)
    fine, coarse = (tree.put(packaging, {"bump_pitch": as_float(pitch * UM)}) for pitch in (9.0, 100.0))
    assert float(bond_bandwidth.stacked_bandwidth(fine, area, banks)) == pytest.approx(6.144e12)
    assert float(bond_bandwidth.stacked_bandwidth(coarse, area, banks)) == pytest.approx(0.25e9 * 1.21e-4 / (100 * UM) ** 2)
    for one in (fine, coarse):
        slopes = jax.grad(bond_bandwidth.stacked_bandwidth, argnums=(0, 1, 2))(one, area, banks)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


# rows


@pytest.mark.parametrize("name", MEMORIES)
def test_the_parts_of_the_energy_are_the_energy(name):
    memory = MEMORIES[name]
    parts = [memory.activation_energy, memory.movement_energy, memory.interface_energy]
    assert all(float(part) > 0 for part in parts)
    assert float(sum(parts)) == pytest.approx(float(memory.energy))
    assert float(memory.near_memory_bandwidth) >= float(memory.bandwidth)
    assert float(memory.near_memory_energy) <= float(memory.energy)
    assert 0.03 <= float(memory.refresh_share) <= 0.05


def test_memory_that_says_no_more_stands_beside_the_dies_as_ever():
    names = ("bandwidth", "capacity", "efficiency", "usable_capacity", "edge", "die_area", "signals", "depth", "energy", "price")
    plain = Memory(**{name: getattr(MEMORIES["hbm3"], name) for name in names})
    assert float(plain.on_logic) == float(plain.near_memory_flops) == float(plain.activation_energy) == 0
    assert float(plain.resistance_ratio) == float(plain.bond_yield) == 1
    assert float(plain.movement_energy) == float(plain.energy)
    assert float(plain.near_memory_bandwidth) == float(plain.bandwidth)
    first, second = (changed(H100, memory=memory) for memory in (plain, MEMORIES["hbm3"]))
    for quantity in (package_heat.memory_temperature, package_heat.logic_temperature, fabrication.manufacturing_cost):
        assert float(quantity(first)) == float(quantity(second))


def test_the_experiment_agrees_with_its_oracles():
    import memory_stacks

    found = memory_stacks.rows()
    assert len({row.id for row in found}) == len(found)
    assert [row.id for row in found if row.within is False] == []
    assert {f"S{number}" for number in range(22, 35)} <= {row.id.split(".")[0] for row in found}


# area, edge, bumps, money


@every_on_logic
def test_memory_on_logic_takes_no_edge_no_bumps_and_no_area_beside_the_dies(name):
    beside, on = changed(H100, memory=tree.put(ON_LOGIC[name], {"on_logic": as_float(0.0)})), changed(H100, memory=ON_LOGIC[name])
    area = float(beside.device.package.stacks * ON_LOGIC[name].footprint)
    assert float(floorplan.package_area(beside) - floorplan.package_area(on)) == pytest.approx(area, rel=1e-6)
    assert float(floorplan.memory_edge_demand(on)) == 0 < float(floorplan.memory_edge_demand(beside))
    assert float(floorplan.die_edge_supply(on)) > float(floorplan.die_edge_supply(beside))
    assert float(floorplan.package_edge_supply(on)) < float(floorplan.package_edge_supply(beside))
    signals = float(beside.device.package.stacks * ON_LOGIC[name].signals)
    assert float(floorplan.signal_bumps(beside) - floorplan.signal_bumps(on)) == pytest.approx(signals, rel=1e-6)
    assert float(floorplan.stack_area_demand(on.device.package)) == pytest.approx(area, rel=1e-6)
    assert float(floorplan.stack_area_demand(beside.device.package)) == 0
    assert float(fabrication.carrier(on)) < float(fabrication.carrier(beside))


@every_on_logic
def test_bonding_on_a_die_costs_the_dies_below(name):
    perfect = changed(H100, memory=tree.put(ON_LOGIC[name], {"bond_yield": as_float(1.0)}))
    parts, better = (fabrication.package_cost_parts(cluster) for cluster in (changed(H100, memory=ON_LOGIC[name]), perfect))
    assert float(parts.memory) == float(better.memory)
    bought = float(better.silicon + better.memory + better.carrier + better.bumps)
    lost = float(ON_LOGIC[name].bond_yield) ** -float(H100.device.package.stacks) - 1
    assert float(parts.bonding_loss - better.bonding_loss) == pytest.approx(lost * bought, rel=0.1)


@pytest.mark.parametrize(("stacks", "fits"), [(5, True), (6, True), (7, False)])
def test_stacks_must_find_room_on_the_dies(stacks, fits):
    package = changed(H100, memory=MEMORIES["hybrid_bonded"], stacks=float(stacks)).device.package
    assert (float(floorplan.stack_area_demand(package)) <= float(floorplan.stack_area_supply(package))) == fits


# heat


def imec():
    """A die of 484 mm2 that loses 414 W, under four stacks of 11 x 11 mm that lose 40 W together; a lid of the published area."""
    memory = tree.put(MEMORIES["hbm3_on_logic"], {"joint_ratio": as_float(1.0)})
    cluster = changed(
        H100, memory=memory, stacks=4.0, cooling=ROWS["coolings"]["imec_2025"].module, die__width=22e-3, die__height=22e-3,
        die__static_power=0.0, memory__energy=0.0,
    )  # fmt: skip
    cluster = tree.put(
        cluster,
        {f"device.{port}.link.{e}": as_float(0.0) for port in ("scale_up", "scale_out") for e in ("energy_serdes", "energy_die_to_die")},
    )
    per_flop = 414.0 / float(cluster.device.package.peak_flops)
    cluster = changed(cluster, cooling__lid_margin=(2500**0.5 - 22) / 2 * 1e-3)
    return changed(cluster, die__energy_per_flop=per_flop, memory__energy=40.0 / float(cluster.device.package.memory_bandwidth))


def test_the_published_stack_on_a_gpu():
    """IEDM 2025, imec: 141.7 degC with the memory on the GPU, 69.1 beside it."""
    cluster = imec()
    package = cluster.device.package
    assert float(power.die_power(cluster.device)) == pytest.approx(454, rel=1e-5)
    assert float(package_heat.logic_temperature(cluster)) == pytest.approx(141.7, rel=0.002)
    assert float(package_heat.memory_temperature(cluster)) == pytest.approx(141.7, rel=0.002)
    closed = thermal.stack_temperature(package.cooling, as_float(414.0), as_float(40.0), package.die.area)
    assert float(package_heat.logic_temperature(cluster)) == pytest.approx(float(closed), rel=1e-6)
    beside = changed(cluster, memory__on_logic=0.0)
    assert 69.1 <= float(package_heat.logic_temperature(beside)) < 69.1 * 1.05
    assert float(package_heat.memory_temperature(beside)) < float(package_heat.memory_temperature(cluster))


@pytest.mark.parametrize("cooling", ROWS["coolings"])
@every_on_logic
def test_heat_of_a_stack(name, cooling):
    cluster = changed(H100, memory=ON_LOGIC[name], cooling=ROWS["coolings"][cooling].module)
    logic, memory = float(package_heat.logic_temperature(cluster)), float(package_heat.memory_temperature(cluster))
    assert logic == memory > float(cluster.device.package.cooling.inlet_temperature)
    beside = changed(cluster, memory__on_logic=0.0)
    assert logic > float(package_heat.logic_temperature(beside))
    half = changed(cluster, memory__on_logic=0.5)
    assert float(package_heat.logic_temperature(beside)) < float(package_heat.logic_temperature(half)) < logic
    thinner = changed(cluster, memory__layers=1.0)
    assert float(package_heat.logic_temperature(thinner)) <= logic


@pytest.mark.parametrize(("temperature", "factor"), [(40, 1), (80, 1), (85, 0.5 + 0.46 / 0.96), (95, 0.92 / 0.96)])
def test_hot_memory_is_refreshed_twice_as_often(temperature, factor):
    """The inlet is chosen so that memory has the temperature."""
    cluster = changed(H100, memory__refresh_share=0.04)
    rise = package_heat.memory_temperature(cluster) - cluster.device.package.cooling.inlet_temperature
    cluster = changed(cluster, cooling__inlet_temperature=float(temperature - rise))
    expected = factor if temperature != 85 else (1 - 0.06) / 0.96
    assert float(package_heat.memory_rate_factor(cluster)) == pytest.approx(expected, abs=1e-6 if temperature != 85 else 1e-3)


def physics(cluster):
    """Heat, rate, money and limits of a package in one number."""
    package = cluster.device.package
    parts = [
        package_heat.logic_temperature(cluster), package_heat.memory_temperature(cluster), package_heat.optics_temperature(cluster),
        package_heat.memory_rate_factor(cluster), fabrication.manufacturing_cost(cluster), fabrication.carrier(cluster),
        floorplan.stack_area_demand(package), floorplan.memory_edge_demand(cluster), floorplan.die_edge_supply(cluster),
        floorplan.signal_bumps(cluster), power.die_power(cluster.device), package.memory.near_memory_energy,
    ]  # fmt: skip
    return sum(jnp.sum(part) for part in parts)


PULL = jax.jit(jax.grad(physics))


@pytest.mark.parametrize(
    "change", [{}, {"memory__on_logic": 0.5}, {"cooling__lid_margin": 0.0}, {"memory__energy": 0.0}, {"stacks": 64.0}], ids=str
)
def test_gradients_are_finite(change):
    batch = changed(changed(built(cases.system("passage")), memory=tree.stack(list(NEW.values()))), **change)
    batch = jax.tree.map(lambda leaf: jnp.broadcast_to(leaf, (len(NEW),)), batch)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(PULL(batch)))


# drawings


@every_on_logic
@pytest.mark.parametrize("system", ["dgx_h100", "passage", "dgx_b200"])
def test_stacks_are_drawn_on_their_dies(name, system):
    cluster = changed(built(cases.system(system)), memory=ON_LOGIC[name])
    drawn = package_of(cluster)
    stacks = [i for i, kind in enumerate(drawn.kinds) if kind == "stack"]
    assert len(stacks) == round(float(floorplan.stacks(cluster)))
    corners = (
        [np.asarray(side) for side in (drawn.blocks.x, drawn.blocks.y)],
        [np.asarray(side) / 2 for side in (drawn.blocks.width, drawn.blocks.height)],
    )
    for i in stacks:
        die = drawn.base[i]
        assert drawn.kinds[die] == "die"
        for centre, half in zip(*corners, strict=True):
            assert abs(centre[i] - centre[die]) <= half[die] - half[i] + 1e-9
    pairs = drawn.blocks._replace(**{n: np.asarray(getattr(drawn.blocks, n))[stacks] for n in drawn.blocks._fields})
    assert float(overlap_area(jax.tree.map(jnp.asarray, pairs))) == pytest.approx(0, abs=1e-12)
    ground = float(drawn.blocks.area.sum()) - float(sum(drawn.blocks.area[i] for i in stacks))
    assert ground == pytest.approx(float(floorplan.package_area(cluster)), rel=1e-6)
    watts = float(cluster.package_devices * power.device_power(cluster.device))
    assert float(drawn.blocks.power.sum()) == pytest.approx(watts, rel=1e-5)


@every_on_logic
@pytest.mark.parametrize(("system", "stacks"), [("dgx_h100", 6), ("dgx_b200", 5)])
def test_the_die_of_the_map_is_the_closed_form(name, system, stacks):
    cluster = changed(built(cases.system(system)), memory=ON_LOGIC[name], stacks=float(stacks))
    drawn, cooling = package_of(cluster), package_heat.stack_cooling(cluster.device.package)
    found = np.asarray(column_temperatures(drawn.blocks, cooling, jnp.asarray(drawn.base)))
    closed = float(package_heat.logic_temperature(cluster))
    assert found[0] == pytest.approx(closed, abs=3.0)
    assert found[-stacks:].mean() == pytest.approx(closed, abs=7.0), "the lid is hotter where stacks add their heat"
    assert closed - 3 < found.max() < closed + 10, "the stack amid the others is hotter than the mean"


def test_without_stacks_columns_are_blocks():
    cluster = changed(built(H100), stacks=6.0)
    drawn, cooling = package_of(cluster), cluster.device.package.cooling
    found = column_temperatures(drawn.blocks, package_heat.stack_cooling(cluster.device.package), jnp.asarray(drawn.base))
    assert np.asarray(found) == pytest.approx(np.asarray(block_temperatures(drawn.blocks, cooling)), abs=1e-9)


def test_a_drawing_labels_stacks_and_says_how_much_of_the_dies_they_cover():
    drawing = package_drawing(replaced("monolithic_3d"), cases.point("designs/passage")[1], "on logic")
    assert "stack area" in {budget.name for budget in drawing.budgets}
    assert np.isfinite(drawing.temperatures).all()
    text = floorplan_svg(drawing)
    assert ">memory 1<" in text
    assert "memory 1 (stack on die 1)" in text
    assert "memory stacks on dies" in text
    assert ">die 1<" not in text, "a die below memory has no label that would lie below one"


def test_stacks_go_with_their_dies_when_blocks_are_placed_freely(monkeypatch):
    cluster = changed(built(cases.system("dgx_b200")), memory=MEMORIES["hybrid_bonded"])
    drawn, cost = package_of(cluster), SimpleNamespace(wire=1.0, area=1.0, heat=0.0)

    def place(blocks, nets, outline, gap, rotate):
        assert len(blocks.x) == 2
        assert float(blocks.power.sum()) == pytest.approx(float(drawn.blocks.power.sum()))
        assert set(np.asarray(nets.first)) | set(np.asarray(nets.second)) <= {0, 1}
        return SimpleNamespace(blocks=blocks._replace(x=blocks.x[::-1], y=blocks.y + 1e-3), cost=cost, start_cost=cost)

    monkeypatch.setattr("codesign.report.package_drawing.place", place)
    placed, _ = freely_placed(cluster, drawn)
    for before, after in ((drawn.blocks.x, placed.blocks.x), (drawn.blocks.y, placed.blocks.y)):
        apart = [np.asarray(side) - np.asarray(side)[drawn.base] for side in (before, after)]
        assert apart[0] == pytest.approx(apart[1], abs=1e-12)


# designs


def replaced(name):
    """The design that Passage publishes with another memory."""
    design = cases.point("designs/passage")[0]
    return Design(tree.put(design.cluster, {PATH + "memory": NEW[name]}), design.mapping)


def test_training_designs_with_new_memory_evaluate():
    """All rows in one batch of the design that Passage publishes."""
    design, workload = cases.point("designs/passage")
    design = Design(tree.put(design.cluster, {PATH + "memory": tree.stack(list(NEW.values()))}), design.mapping)

    generator = np.random.default_rng(0)
    towards = jax.tree.map(lambda leaf: jnp.asarray(generator.uniform(0.5, 1, leaf.shape)) * leaf, design)
    metrics, slopes = jax.jvp(lambda d: evaluate(d, workload), (design,), (towards,))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes)), "a slope in any number would show in all"
    assert all((np.isfinite(leaf) | (leaf > 0)).all() for leaf in jax.tree.leaves(metrics))
    for i, name in enumerate(NEW):
        one = jax.tree.map(lambda leaf, i=i: jnp.broadcast_to(leaf, (len(NEW),))[i], metrics)
        found = {record.name: record for record in records(one)}
        hot, covered = found["memory temperature"], found["stack area"]
        assert (hot.unit, covered.unit) == ("degC", "mm2")
        assert hot.demand == pytest.approx(float(package_heat.memory_temperature(replaced(name).cluster)), rel=1e-5)
        assert hot.bound == pytest.approx(95)
        assert (covered.demand > 0) == (found["memory edge"].demand == 0) == (name in ON_LOGIC)
    times = dict(zip(NEW, map(float, metrics.step_time), strict=True))
    assert times["monolithic_3d"] <= times["hybrid_bonded"] <= times["hbm3_on_logic"] < times["hbm2"]
