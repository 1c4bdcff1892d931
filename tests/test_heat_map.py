"""Does the heat map conserve heat, agree with exact solutions and with the published package, and stay differentiable?"""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from conftest import CONFIGS

from codesign.config.catalogue import load_catalogue
from codesign.fields import as_float
from codesign.physical import thermal
from codesign.physical.blocks import Blocks
from codesign.physical.heat_map import block_temperatures, heat_kernel, lid, sink_conductance, temperature_field

COOLINGS = {name: row.module for name, row in load_catalogue(CONFIGS).rows["coolings"].items()}
MM = 1e-3


def changed(cooling, **values):
    names = list(values)
    return eqx.tree_at(lambda c: [getattr(c, n) for n in names], cooling, [as_float(values[n]) for n in names])


def blocks(*rows):
    """Rows of x, y, width, height in mm and watts."""
    table = jnp.array(rows, dtype=float).T
    return Blocks(*(table[:4] * MM), table[4])


def random_blocks(seed, number=12):
    generator = np.random.default_rng(seed)
    cells = list(itertools.product(range(4), range(4)))
    chosen = [cells[i] for i in generator.permutation(16)[:number]]
    sides = generator.uniform(2, 15, (number, 2))
    rows = [(16 * i, 16 * j, *side, generator.uniform(0, 200)) for (i, j), side in zip(chosen, sides, strict=True)]
    return blocks(*rows)


H100 = blocks((0, 0, 33, 24.67, 590), *((x, y, 11, 11, 20) for x in (-11, 0, 11) for y in (-18.34, 18.34)))
PASSAGE = blocks(*((26 * i - 39, 0, 26, 33, 580) for i in range(4)), *((13 * i - 45.5, y, 13, 11, 35) for i in range(8) for y in (-22, 22)))
LAYOUTS = {"h100": H100, "passage": PASSAGE, **{f"random {seed}": random_blocks(seed) for seed in range(4)}}
BOTH = [pytest.param(b, c, id=f"{n}, {m}") for n, b in LAYOUTS.items() for m, c in COOLINGS.items()]
RISES, KERNEL, FIELD = map(jax.jit, (block_temperatures, heat_kernel, temperature_field))
SLOPES = jax.jit(jax.value_and_grad(lambda b, c: block_temperatures(b, c).sum(), argnums=(0, 1)))


@pytest.mark.parametrize("cooling", COOLINGS.values(), ids=COOLINGS)
def test_the_published_package_has_its_resistance(cooling):
    die, side = cooling.reference_area**0.5, cooling.reference_lid_area**0.5
    alone = Blocks(jnp.zeros(1), jnp.zeros(1), die[None], die[None], jnp.array([321.0]))
    found = RISES(alone, changed(cooling, lid_margin=(side - die) / 2))
    assert float(found[0]) == pytest.approx(float(thermal.package_temperature(cooling, 321.0, cooling.reference_area)))


@pytest.mark.parametrize(("layout", "cooling"), BOTH)
def test_heat_is_conserved(layout, cooling):
    """All watts leave through the lid: its mean rise is P / (h X Y)."""
    left, bottom, width, height = map(float, lid(layout, cooling))
    bare = changed(cooling, local_resistance=0.0)
    middles = [(np.arange(96) + 0.5) / 96 * side + start for side, start in ((width, left), (height, bottom))]
    points = jnp.stack(jnp.meshgrid(*map(jnp.asarray, middles)), -1).reshape(-1, 2)
    field = FIELD(layout, bare, points) - cooling.inlet_temperature
    leaving = field.mean() * sink_conductance(bare) * width * height
    assert float(leaving) == pytest.approx(float(layout.power.sum()), rel=1e-9)


@pytest.mark.parametrize(("layout", "cooling"), BOTH)
def test_kernel_is_symmetric_positive_and_the_temperatures(layout, cooling):
    kernel = np.asarray(KERNEL(layout, cooling))
    assert kernel == pytest.approx(kernel.T, rel=1e-10)
    assert (kernel > -1e-15).all()
    assert np.linalg.eigvalsh(kernel).min() > -1e-12
    own = cooling.local_resistance * layout.power / layout.area
    expected = cooling.inlet_temperature + kernel @ layout.power + own
    assert np.asarray(RISES(layout, cooling)) == pytest.approx(np.asarray(expected))


@pytest.mark.parametrize("length", [3, 10, 30])
@pytest.mark.parametrize("heated", [8, 20, 33])
def test_two_halves_of_a_lid_are_a_fin(length, heated):
    """Blocks that tile the lid: one dimension, insulated ends, solved exactly."""
    whole = 40
    cooling = changed(COOLINGS["cold_plate"], spreading_length=length * MM, lid_margin=0.0, local_resistance=0.0)
    pair = blocks((heated / 2, 0, heated, 30, 100), (heated + (whole - heated) / 2, 0, whole - heated, 30, 0))
    plateau = 100 / (heated * 30 * MM**2) / float(sink_conductance(cooling))
    across = np.sinh((whole - heated) / length) * np.sinh(heated / length) / np.sinh(whole / length)
    expected = plateau * np.array([1 - length / heated * across, length / (whole - heated) * across])
    found = np.asarray(RISES(pair, cooling) - cooling.inlet_temperature)
    assert found == pytest.approx(expected, rel=0.02, abs=0.008 * plateau)


@pytest.mark.parametrize("cooling", COOLINGS.values(), ids=COOLINGS)
def test_even_heat_over_the_lid_is_one_dimensional(cooling):
    tiles = blocks(*((10 * i, 10 * j, 10, 10, 50) for i in range(4) for j in range(3)))
    found = RISES(tiles, changed(cooling, lid_margin=0.0))
    rise = 50 / (10 * MM) ** 2 * (1 / sink_conductance(cooling) + cooling.local_resistance)
    assert np.asarray(found - cooling.inlet_temperature) == pytest.approx(float(rise), rel=1e-6)


def test_the_share_of_a_neighbour_is_that_of_the_map():
    """The closed form of a strip against a long die amid a wide lid: within 10 %."""
    cooling = changed(COOLINGS["cold_plate"], lid_margin=40e-3)
    pair = blocks((0, 0, 25, 200, 100), (12.5 + 0.5 + 5.5, 0, 11, 11, 0))
    kernel = heat_kernel(pair, cooling)
    share = thermal.neighbour_share(cooling, 25e-3, 0.5e-3, 11e-3)
    assert float(kernel[1, 0] / kernel[0, 0]) == pytest.approx(float(share), rel=0.1)


@pytest.mark.parametrize(("layout", "cooling"), BOTH[:: len(COOLINGS)])
def test_laws(layout, cooling):
    found = RISES(layout, cooling)
    warmer = RISES(layout._replace(power=layout.power.at[0].add(50.0)), cooling)
    assert (np.asarray(warmer - found) > 0).all(), "a watt anywhere warms every block"
    away = layout._replace(x=layout.x + 3e-3, y=layout.y - 7e-3)
    assert np.asarray(RISES(away, cooling)) == pytest.approx(np.asarray(found)), "moving everything changes nothing"
    turned = Blocks(layout.y, layout.x, layout.height, layout.width, layout.power)
    assert np.asarray(RISES(turned, cooling)) == pytest.approx(np.asarray(found))
    order = np.random.default_rng(0).permutation(len(layout.x))
    assert np.asarray(RISES(Blocks(*(part[order] for part in layout)), cooling)) == pytest.approx(np.asarray(found)[order])
    cold = RISES(layout._replace(power=0 * layout.power), cooling)
    assert np.asarray(cold) == pytest.approx(float(cooling.inlet_temperature))


def test_apart_is_cooler():
    def hottest(gap):
        ends = [(x, 0, 1, 1, 0) for x in (-60, 60)]
        return float(RISES(blocks((-gap / 2, 0, 20, 20, 300), (gap / 2, 0, 20, 20, 300), *ends), COOLINGS["cold_plate"]).max())

    assert all(near > far for near, far in itertools.pairwise(map(hottest, (20, 25, 35, 50))))


def test_resistance_of_each_block_and_field_at_its_centre():
    cooling = COOLINGS["cold_plate"]
    more = jnp.where(jnp.arange(7) == 0, cooling.local_resistance, cooling.local_resistance + cooling.stack_resistance / 2)
    hotter = RISES(H100, cooling, more) - RISES(H100, cooling)
    assert np.asarray(hotter) == pytest.approx([0] + [20 / 121 * 36] * 6)
    field = temperature_field(H100, cooling, jnp.stack([H100.x, H100.y], -1), more)
    assert np.asarray(field) == pytest.approx(np.asarray(RISES(H100, cooling, more)), abs=7.0)
    assert float(field[0]) > float(RISES(H100, cooling)[0]), "the middle of a die is its hottest place"


@pytest.mark.parametrize("name", ["x", "y", "width", "height", "power"])
def test_gradient_is_the_slope(name):
    layout, cooling = random_blocks(7), COOLINGS["cold_plate"]
    hottest = jax.jit(lambda part: (RISES(layout._replace(**{name: part}), cooling) ** 2).sum())
    at = getattr(layout, name)
    slope = jax.grad(hottest)(at)
    direction = jnp.asarray(np.random.default_rng(1).normal(size=at.shape)) * (1.0 if name == "power" else MM)
    step = 1e-4
    expected = (hottest(at + step * direction) - hottest(at - step * direction)) / (2 * step)
    assert float(slope @ direction) == pytest.approx(float(expected), rel=1e-4)


CORNERS = {
    "no heat": blocks((0, 0, 30, 30, 0), (40, 0, 10, 10, 0)),
    "no area": blocks((0, 0, 0, 0, 100), (10, 0, 0, 5, 10)),
    "one point": blocks((0, 0, 0, 0, 0)),
    "one on another": blocks((0, 0, 10, 10, 100), (0, 0, 10, 10, 100)),
    "a pod": blocks(*((35 * i, 35 * j, 33, 25, 700) for i in range(8) for j in range(8))),
}


@pytest.mark.parametrize("layout", CORNERS.values(), ids=CORNERS)
@pytest.mark.parametrize("margin", [0.0, 5e-3])
def test_gradients_are_finite(layout, margin):
    for cooling in (changed(COOLINGS[name], lid_margin=margin) for name in ("air", "direct_liquid")):
        value, slopes = SLOPES(layout, cooling)
        assert np.isfinite(value)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


def test_batches_equal_singles():
    layouts = [random_blocks(seed) for seed in range(5)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *layouts)
    coolings = jax.tree.map(lambda *leaves: jnp.stack(leaves), *COOLINGS.values())
    each = np.stack([np.asarray(RISES(b, c)) for b, c in zip(layouts, COOLINGS.values(), strict=True)])
    assert np.asarray(jax.jit(jax.vmap(block_temperatures))(stacked, coolings)) == pytest.approx(each)
    assert np.asarray(RISES(stacked, coolings)) == pytest.approx(each)
    points = jnp.zeros((5, 3, 2))
    assert FIELD(stacked, coolings, points).shape == (5, 3)
    assert KERNEL(stacked, coolings).shape == (5, 12, 12)
