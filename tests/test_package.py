"""Do edges, areas, heat and rates of a package follow from its parts, for every shipped machine and at every change?"""

import cases
import jax.numpy as jnp
import numpy as np
import pytest
from cases import CONFIGS, changed

from codesign import tree
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.constraints import records
from codesign.design import Design
from codesign.evaluate import evaluate
from codesign.fields import as_float, quantities
from codesign.hardware.die import Die
from codesign.physical import floorplan, package_heat
from codesign.physical.blocks import overlap_area
from codesign.physical.built import built
from codesign.physical.built_die import built_die
from codesign.physical.fabrication import design_cost_per_package, manufacturing_cost, market_price, package_cost_parts
from codesign.physical.heat_map import block_temperatures
from codesign.physical.shoreline import shoreline
from codesign.report.package_blocks import package_of
from codesign.report.package_drawing import package_drawing

SYSTEMS = sorted(p.stem for p in (CONFIGS / "systems").glob("*.toml"))
ROWS = load_catalogue(SHIPPED).rows
CHIPLIGHT = cases.system("chiplight")
PACKAGE = "cluster.device.package."
every_system = pytest.mark.parametrize("name", SYSTEMS)


def with_numbers(cluster, values):
    return tree.put(cluster, {path: as_float(float(value)) for path, value in values.items()})


# what is drawn is what is charged


@every_system
def test_drawn_blocks_do_not_overlap_and_have_the_area_charged(name):
    cluster = built(cases.system(name))
    drawn = package_of(cluster)
    assert float(overlap_area(drawn.blocks)) == 0
    assert float(drawn.blocks.area.sum()) == pytest.approx(float(floorplan.package_area(cluster)), rel=1e-9)
    assert drawn.kinds.count("memory") == round(float(floorplan.stacks(cluster)))


@every_system
def test_every_millimetre_of_die_edge_serves_something_once(name):
    cluster = built(cases.system(name))
    drawn = package_of(cluster)
    outer, inner = float(floorplan.die_edge_demand(cluster)), float(floorplan.inner_edge_demand(cluster))
    pieces = shoreline(drawn.blocks, drawn.kinds, outer, inner, "serialisers")
    die = cluster.device.package.die
    around = 2 * float(floorplan.dies(cluster)) * float(die.width + die.height)
    assert sum(piece.length for piece in pieces) == pytest.approx(around, rel=1e-6)
    served = {use: sum(piece.length for piece in pieces if piece.use == use) for use in ("memory", "serialisers", "die to die")}
    assert served["serialisers"] == pytest.approx(outer, abs=1e-6)
    assert served["die to die"] == pytest.approx(inner, abs=1e-6)
    beside = float(floorplan.stacks(cluster) * cluster.device.package.memory.edge)
    assert 0.75 * beside <= served["memory"] <= beside * (1 + 1e-9)


@every_system
def test_the_closed_form_of_heat_is_the_hottest_die_of_the_map(name):
    cluster = built(cases.system(name))
    drawn = package_of(cluster)
    kinds = np.array(drawn.kinds)
    map_of = np.asarray(block_temperatures(drawn.blocks, cluster.device.package.cooling))
    assert float(package_heat.logic_temperature(cluster)) == pytest.approx(map_of[kinds == "die"].max(), abs=3.0)
    own = float(package_heat.memory_temperature(cluster)) - float(cluster.device.package.cooling.inlet_temperature)
    assert 0 < own < 60
    assert float(package_heat.memory_temperature(cluster)) >= map_of[kinds == "memory"].mean() - 3


@every_system
def test_costs_add_up_and_two_prices_stand_side_by_side(name):
    cluster = built(cases.system(name))
    parts = package_cost_parts(cluster)
    assert all(float(part) >= 0 for part in parts)
    assert sum(map(float, parts)) == pytest.approx(float(manufacturing_cost(cluster)))
    margin = float(cluster.device.package.price_over_cost)
    assert float(market_price(cluster)) == pytest.approx(margin * float(manufacturing_cost(cluster)))
    assert 0 < float(design_cost_per_package(cluster)) < 5000


@pytest.mark.parametrize("width", [9.0, 11.0, 21.9, 22.0, 33.0, 34.5, 55.0])
@pytest.mark.parametrize("stacks", range(1, 11))
def test_the_memory_edge_holds_whole_stacks_on_each_side(width, stacks):
    cluster = with_numbers(cases.system("dgx_h100"), {"device.package.die.width": width * 1e-3, "device.package.stacks": stacks})
    fits = float(floorplan.memory_edge_demand(cluster)) <= float(floorplan.memory_edge_supply(cluster)) * (1 + 1e-12)
    assert fits == (stacks <= 2 * int(width / 11 + 1e-9))
    assert fits == (stacks <= float(floorplan.most_stacks(cluster)))


def test_a_package_of_dies_is_its_pod():
    one, eight = with_numbers(CHIPLIGHT, {"pod.size": 4, "device.package.rows": 1}), CHIPLIGHT
    assert float(floorplan.dies(built(one))) == 4
    assert float(floorplan.dies(built(eight))) == 8
    assert float(floorplan.inner_edge_supply(built(one))) < float(floorplan.inner_edge_supply(built(eight)))
    for name in ("inner_edge_demand", "die_edge_demand", "package_area", "package_edge_demand"):
        demand = getattr(floorplan, name)
        assert float(demand(built(eight))) == pytest.approx(2 * float(demand(built(one))), rel=1e-6), name


# a designed die


def designed(**values):
    return tree.put(CHIPLIGHT.device.package.die, {path: as_float(value) for path, value in values.items()})


def test_a_die_designed_like_a_known_one_is_that_one():
    like = CHIPLIGHT.device.package.die.like
    same = designed(width=float(like.width), height=float(like.height), clock=float(designed().known_clock))
    made = built_die(same, same.known_interface_area)
    for name in quantities(Die):
        assert float(getattr(made, name)) == pytest.approx(float(getattr(like, name)), rel=1e-4), name


@pytest.mark.parametrize(
    ("change", "more", "less"),
    [
        ({"width": 30e-3}, ("peak_flops", "static_power", "processors", "area"), ()),
        ({"clock": 2e9}, ("peak_flops", "energy_per_flop", "exponential_rate", "static_power"), ()),
        ({"sram": 100e6}, (), ("peak_flops", "processors", "static_power")),
    ],
)
def test_what_a_designed_die_gains_and_loses(change, more, less):
    plain, other = (built_die(die, as_float(40e-6)) for die in (designed(), designed(**change)))
    assert all(float(getattr(other, name)) > float(getattr(plain, name)) for name in more)
    assert all(float(getattr(other, name)) < float(getattr(plain, name)) for name in less)


def test_bandwidth_takes_area_from_arithmetic_and_too_much_leaves_none():
    rates = []
    for bandwidth in (1e12, 1e13, 1e15):
        cluster = built(with_numbers(CHIPLIGHT, {"device.scale_up.bandwidth": bandwidth}))
        rates.append(float(cluster.device.package.die.peak_flops))
    assert rates[0] > rates[1] > rates[2] > 0
    crowded = evaluate(*changed(cases.point("chiplight"), {"cluster.device.scale_up.bandwidth": 1e15}))
    broken = {record.name for record in records(crowded) if record.gap > 0}
    assert {"die area", "inner die edge"} <= broken


def test_a_newer_process_packs_more_into_the_same_die():
    older, newer = (built_die(tree.put(designed(), {"process": ROWS["processes"][n].module}), as_float(40e-6)) for n in ("n5", "n3"))
    assert float(newer.peak_flops) > float(older.peak_flops)
    assert float(newer.energy_per_flop) < float(older.energy_per_flop)


# limits of a package are results

IMPOSSIBLE = {
    "reticle": ({PACKAGE + "die.width": 40e-3}, "mm"),
    "memory edge": ({PACKAGE + "stacks": 40}, "mm"),
    "carrier area": ({PACKAGE + "stacks": 40}, "mm2"),
    "die area": ({PACKAGE + "stacks": 60}, "mm2"),
    "inner die edge": ({"cluster.device.scale_up.bandwidth": 1e15}, "mm"),
    "die edge": ({"cluster.device.scale_out.bandwidth": 1e16}, "mm"),
    "package edge": ({"cluster.device.scale_out.bandwidth": 1e16}, "mm"),
    "bumps": ({PACKAGE + "packaging.bump_pitch": 1e-3}, "1"),
    "logic temperature": ({PACKAGE + "cooling.thermal_resistance": 1.0}, "degC"),
    "memory temperature": ({PACKAGE + "cooling.thermal_resistance": 1.0}, "degC"),
    "optics temperature": ({PACKAGE + "cooling.thermal_resistance": 1.0}, "degC"),
    "die power density": ({PACKAGE + "cooling.heat_flux_limit": 1e4}, "W"),
    "power delivery": ({PACKAGE + "cooling.current_density_limit": 1e4}, "W"),
    "package power": ({PACKAGE + "power_limit": 100}, "W"),
    "light per waveguide": ({"cluster.device.scale_out.link.photonics.coupler_loss": 4.8}, "mW"),
    "laser line": ({"cluster.device.scale_out.link.photonics.coupler_loss": 4.8}, "mW"),
    "wavelength comb": ({"cluster.device.scale_out.link.wavelengths": 64}, "nm"),
}


@pytest.mark.parametrize("name", IMPOSSIBLE)
def test_what_cannot_be_built_is_a_record_with_demand_bound_unit_and_lever(name):
    values, unit = IMPOSSIBLE[name]
    found = {record.name: record for record in records(evaluate(*changed(cases.point("chiplight"), values)))}
    assert found[name].gap > 0
    assert found[name].demand > found[name].bound
    assert found[name].unit == unit
    assert found[name].levers


def test_more_wavelengths_need_more_laser_and_less_edge():
    base = cases.point("chiplight")
    few, many = (evaluate(*changed(base, {"cluster.device.scale_out.link.wavelengths": n})) for n in (4, 16))
    assert float(many.package_edge) == pytest.approx(float(few.package_edge) / 4)
    assert float(many.network_power) > float(few.network_power)
    assert float(many.bus_power) > 4 * float(few.bus_power)


def test_reuse_is_worth_what_the_closed_form_says():
    base = changed(
        cases.point("chiplight"),
        {
            "cluster.fabric.hop_latency": 0, "cluster.fabric.circuit.delay": 0, "cluster.device.scale_up.bandwidth": 1e15,
            "cluster.device.package.die.like.kernel_time": 0, "mapping.cp": 4, "mapping.tp": 8, "mapping.dp": 16, "mapping.pp": 2,
        },
    )  # fmt: skip

    def phases(**values):
        terms = evaluate(*changed(base, {f"cluster.fabric.{name}": value for name, value in values.items()})).breakdown
        return np.array([float(terms["context parallel"]), float(terms["all-to-all"])])

    shared = phases(reuse=1)
    best = float(np.sqrt(shared[0]) / np.sqrt(shared).sum())
    split = phases(reuse=0, ring_share=best)
    assert split.sum() == pytest.approx(np.sqrt(shared).sum() ** 2, rel=2e-3)
    for other in (0.7 * best, 1.3 * best):
        assert phases(reuse=0, ring_share=other).sum() > split.sum()


def test_changes_of_circuits_cost_their_time():
    base = changed(cases.point("chiplight"), {"mapping.cp": 4, "mapping.tp": 8, "mapping.dp": 16, "mapping.pp": 2})
    slow = [float(evaluate(*changed(base, {"cluster.fabric.circuit.delay": t})).breakdown["circuit switching"]) for t in (0.0, 1e-3, 2e-3)]
    assert slow[0] == 0
    assert slow[2] == pytest.approx(2 * slow[1])
    none = changed(base, {"cluster.fabric.circuit.delay": 1e-3, "cluster.fabric.reuse": 0})
    assert float(evaluate(*none).breakdown["circuit switching"]) == 0


def test_a_drawing_says_what_the_evaluation_says():
    design, workload = cases.point("chiplight")
    drawing, metrics = package_drawing(design, workload, "a package"), evaluate(design, workload)
    budgets = {budget.name: budget for budget in drawing.budgets}
    assert budgets["memory edge"].used == pytest.approx(float(metrics.memory_edge))
    assert budgets["carrier area"].available == pytest.approx(float(metrics.carrier_area_limit))
    assert drawing.carrier[0] * drawing.carrier[1] >= float(metrics.carrier_area) * (1 - 1e-9)
    assert np.isfinite(drawing.temperatures).all()
    assert isinstance(design, Design)
    assert jnp.isfinite(drawing.blocks.power).all()
