"""Do the closed forms of temperature give the published figures, obey their laws and stay differentiable in every corner?"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import CONFIGS

from codesign.config.catalogue import load_catalogue
from codesign.fields import as_float
from codesign.physical import thermal

COOLINGS = {name: row.module for name, row in load_catalogue(CONFIGS).rows["coolings"].items()}
MM2, KMM2 = 1e-6, 1e-6


def changed(cooling, **values):
    names = list(values)
    return eqx.tree_at(lambda c: [getattr(c, n) for n in names], cooling, [as_float(values[n]) for n in names])


@pytest.mark.parametrize(
    ("name", "limit", "watts"), [("cold_plate", 105, 1016), ("cold_plate", 95, 859), ("direct_liquid", 105, 1182)], ids=str
)
def test_largest_power(name, limit, watts):
    cooling = COOLINGS[name]
    found = thermal.largest_power(cooling, jnp.array(float(limit)), cooling.reference_area)
    assert float(found) == pytest.approx(watts, rel=2e-3)
    assert float(thermal.package_temperature(cooling, found, cooling.reference_area)) == pytest.approx(limit)


@pytest.mark.parametrize(("gpu", "memory", "temperature"), [(414, 40, 141.7), (207, 40, 93.9), (0, 0, 40)])
def test_memory_on_logic(gpu, memory, temperature):
    cooling = COOLINGS["imec_2025"]
    found = thermal.stack_temperature(cooling, gpu, memory, cooling.reference_area)
    assert float(found) == pytest.approx(temperature, rel=2e-3)


def test_the_same_logic_beside_its_memory():
    cooling = COOLINGS["imec_2025"]
    assert float(thermal.package_temperature(cooling, 414, cooling.reference_area)) == pytest.approx(69.1, abs=0.05)


LAYERED = changed(COOLINGS["cold_plate"], thermal_resistance=40 / 484, reference_area=484 * MM2)


def test_layers_of_a_stack():
    power = jnp.array([13.33] * 12 + [414.0])
    found = thermal.layer_temperatures(LAYERED, power, 484 * MM2, 6 * KMM2)
    assert np.asarray(found)[[0, 11, 12]] == pytest.approx([87.4, 154.8, 159.9], abs=0.1)
    alone = thermal.layer_temperatures(LAYERED, power[:1], 484 * MM2, 6 * KMM2)
    assert float(alone[0]) == pytest.approx(float(thermal.package_temperature(LAYERED, 13.33, 484 * MM2)))


@pytest.mark.parametrize(("joint", "flux"), [(6, 0.49), (2, 0.86)])
def test_largest_flux_below_memory(joint, flux):
    found = thermal.largest_stack_flux(LAYERED, 95.0, 12, joint * KMM2)
    assert float(found) * MM2 == pytest.approx(flux, abs=0.005)


def test_a_finely_layered_stack_is_the_lumped_one():
    layers = 400
    cooling = changed(LAYERED, stack_resistance=72 * KMM2)
    power = jnp.array([160.0 / layers] * layers + [414.0])
    fine = thermal.layer_temperatures(cooling, power, 484 * MM2, 72 * KMM2 / layers)[-1]
    assert float(fine) == pytest.approx(float(thermal.stack_temperature(cooling, 414, 160, 484 * MM2)), abs=0.1)


@pytest.mark.parametrize(("power", "area", "density"), [(400, 826, 0.48), (700, 814, 0.86), (1000, 1600, 0.63)])
def test_power_density(power, area, density):
    assert float(thermal.power_density(power, area * MM2)) * MM2 == pytest.approx(density, abs=0.006)


@pytest.mark.parametrize("cooling", COOLINGS.values(), ids=COOLINGS)
def test_laws_of_rows(cooling):
    area, low, high = cooling.reference_area, jnp.array(200.0), jnp.array(700.0)

    def at(watts, where=area):
        return float(thermal.package_temperature(cooling, watts, where))

    assert float(cooling.inlet_temperature) == at(0.0) < at(low) < at(high) == pytest.approx(at(2 * high, 2 * area))
    assert float(thermal.largest_power(cooling, cooling.inlet_temperature - 5, area)) == 0
    stacked = float(thermal.stack_temperature(cooling, 100.0, 10.0, area))
    assert at(110.0) < stacked
    assert float(cooling.local_resistance) < float(cooling.area_resistance)
    assert float(cooling.reference_area) <= float(cooling.reference_lid_area)
    assert float(cooling.refresh_temperature) < float(cooling.memory_limit) <= float(cooling.logic_limit)
    assert at(cooling.heat_flux_limit * area) < 190


@pytest.mark.parametrize("cooling", COOLINGS.values(), ids=COOLINGS)
def test_blocks_beside_a_die(cooling):
    share = thermal.neighbour_share(cooling, 25e-3, jnp.array([0.0, 1e-3, 1e-2, 1.0]), 11e-3)
    assert (np.diff(np.asarray(share)) < 0).all()
    assert 0 <= float(share[-1]) < float(share[0]) < 1
    assert float(thermal.neighbour_share(cooling, 25e-3, 0.0, 0.0)) < 1
    cool = float(thermal.neighbour_temperature(cooling, share[1], 0.0, 0.0))
    warm, hot = (float(f(cooling, share[1], 1e5, 2e5)) for f in (thermal.neighbour_temperature, thermal.memory_temperature))
    assert float(cooling.inlet_temperature) == cool < warm < hot


@pytest.mark.parametrize(("temperature", "factor"), [(40, 1), (80, 1), (85, 1.5), (90, 2), (110, 2)])
def test_refresh(temperature, factor):
    cooling = COOLINGS["air"]
    assert float(thermal.refresh_factor(cooling, float(temperature))) == pytest.approx(factor, abs=0.01)
    assert float(thermal.refreshed_bandwidth(cooling, float(temperature), 0.08)) == pytest.approx((1 - 0.08 * factor) / 0.92, abs=1e-3)


@pytest.mark.parametrize(("temperature", "milliwatts"), [(40, (0.1 + 45 * 0.049) / 0.25), (85, 0.4), (95, 0.4)])
def test_ring_heaters(temperature, milliwatts):
    found = thermal.ring_tuning_power(float(temperature), 85.0, 0.1e-9, 0.049e-9, 0.25e-9 / 1e-3)
    assert float(found) == pytest.approx(milliwatts * 1e-3)


def everything(cooling, power, area, gap):
    share = thermal.neighbour_share(cooling, area**0.5, gap, area**0.5)
    flux = thermal.power_density(power, area)
    hot = thermal.memory_temperature(cooling, share, flux, flux / 4)
    parts = [
        hot,
        thermal.package_temperature(cooling, power, area),
        thermal.stack_temperature(cooling, power, power / 10, area),
        thermal.largest_power(cooling, cooling.logic_limit, area) / 100,
        thermal.layer_temperatures(cooling, jnp.stack([power / 10, power]), area, 1e-6).sum(),
        thermal.refreshed_bandwidth(cooling, hot, 0.08),
        1e3 * thermal.ring_tuning_power(hot, 85.0, 1e-10, 4.9e-11, 2.5e-7),
    ]
    return sum(parts)


SLOPES = jax.jit(jax.grad(everything, argnums=(0, 1, 2, 3)))
CORNERS = [(0.0, 814 * MM2, 0.0), (700.0, 814 * MM2, 5e-4), (1e5, 1 * MM2, 1.0), (1e-30, 0.1, 0.0), (3000.0, 858 * MM2, 0.0)]


@pytest.mark.parametrize("corner", CORNERS, ids=str)
@pytest.mark.parametrize("cooling", COOLINGS.values(), ids=COOLINGS)
def test_gradients_are_finite(cooling, corner):
    slopes = SLOPES(cooling, *map(jnp.asarray, corner))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


def test_nothing_of_no_area_is_hot():
    slopes = jax.value_and_grad(lambda p, a: thermal.package_temperature(COOLINGS["air"], p, a), argnums=(0, 1))
    value, found = slopes(jnp.array(5.0), jnp.array(0.0))
    assert float(value) == pytest.approx(30)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("which", range(4))
def test_gradient_is_the_slope(which):
    point = [COOLINGS["cold_plate"].spreading_length, jnp.array(500.0), jnp.array(800 * MM2), jnp.array(1e-3)]

    def moved(x):
        length, *rest = (x if i == which else value for i, value in enumerate(point))
        return everything(changed(COOLINGS["cold_plate"], spreading_length=length), *rest)

    at = point[which]
    step = 1e-5 * at
    assert float(jax.grad(moved)(at)) == pytest.approx(float((moved(at + step) - moved(at - step)) / (2 * step)), rel=1e-5)


def test_batches_and_jit():
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *COOLINGS.values())
    points = jnp.array([0.0, 100.0, 300.0, 500.0, 700.0]), jnp.full(5, 814 * MM2), jnp.full(5, 1e-3)
    batch = jax.jit(jax.vmap(everything))(stacked, *points)
    each = [everything(cooling, *(p[i] for p in points)) for i, cooling in enumerate(COOLINGS.values())]
    assert np.asarray(batch) == pytest.approx(np.asarray(each))
    broadcast = thermal.package_temperature(stacked, points[0], points[1])
    alone = [float(thermal.package_temperature(c, p, 814 * MM2)) for c, p in zip(COOLINGS.values(), points[0], strict=True)]
    assert np.asarray(broadcast) == pytest.approx(alone)
