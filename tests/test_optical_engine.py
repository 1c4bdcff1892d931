"""Does a built optical link agree with the published rows, scale as its geometry says, and stay smooth in every corner?"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign import tree
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.fields import as_float, quantities
from codesign.hardware.link import Link
from codesign.physical.optical_engine import OpticalLimits, built_link, fibres, optical_limits, stages
from codesign.units import to_unit

CATALOGUE = load_catalogue(SHIPPED).rows
ROWS = {name: row.module for name, row in CATALOGUE["optical_links"].items()}
LINKS = {name: row.module for name, row in CATALOGUE["links"].items()}
PASSAGE = ROWS["passage_56g_x8"]
LEAVES = [(path, declared) for path, declared, _ in tree.leaves(PASSAGE)]
CORNERS = {
    "one wavelength": {"wavelengths": 1},
    "128 wavelengths": {"wavelengths": 128},
    "one lane per line": {"lanes_per_line": 1},
    "no reach": {"reach": 0.01},
    "no path": {"connectors": 0, "waveguide_length": 0},
    "wavelengths on top of each other": {"channel_spacing": 1e9},
    "wavelengths far apart": {"channel_spacing": 1e14},
    "a noisy laser": {"photonics.intensity_noise": -100},
    "a faint modulation": {"photonics.extinction_ratio": 0.5},
    "few errors": {"bit_error_rate": 1e-18},
    "many errors": {"bit_error_rate": 0.1},
    "many levels": {"levels": 16},
    "no losses": dict.fromkeys((f"photonics.{n}" for n in ("coupler_loss", "modulator_loss", "drop_loss", "crosstalk_penalty")), 0),
    "lanes without edge or area": {"serialiser.lane_edge": 0, "serialiser.lane_area": 0},
    "no rings": {"photonics.ring": 0},
    "all switches": dict.fromkeys(("standard_driven", "bidirectional", "under_die", "die_to_die"), 1),
}


def changed(link, values):
    return tree.put(link, {path: as_float(value) for path, value in values.items()})


def pj(energy):
    return to_unit(float(energy), "pJ/bit")


def everything(link):
    """Every number that follows from a design, scaled to its own size."""
    energies, limits = stages(link), optical_limits(link)
    return jnp.stack([getattr(built_link(link), name) for name in quantities(Link)] + [energies.sum, *limits])


@pytest.mark.parametrize(
    ("design", "row"), [("passage_56g_x8", "passage_interposer"), ("passage_engine_56g_x8", "passage_engine"), ("cpo_fr4", "cpo")]
)
def test_a_preset_is_the_published_row(design, row):
    """Energies within 2 %, the laser of the standard-driven engine within 10; area, edge and price of the Passage rows as they are."""
    found, published = built_link(ROWS[design]), LINKS[row]
    assert pj(found.energy) == pytest.approx(pj(published.energy), rel=0.02)
    assert pj(found.energy_laser) == pytest.approx(pj(published.energy_laser), rel=0.1)
    assert pj(found.energy_in_package) == pytest.approx(pj(published.energy_in_package), rel=0.002)
    assert float(found.density) == pytest.approx(float(published.density), rel=0.001)
    if row != "cpo":
        same = (
            "unit_bandwidth",
            "package_area",
            "package_edge",
            "die_edge_per_unit",
            "die_area_per_unit",
            "price_per_bandwidth",
            "cable_price",
        )
        for name in same:
            assert float(getattr(found, name)) == pytest.approx(float(getattr(published, name)), rel=0.02, abs=1e-12), name


@pytest.mark.parametrize("name", ROWS)
def test_stages_add_up_to_the_link(name):
    energies, link = stages(ROWS[name]), built_link(ROWS[name])
    assert float(energies.sum) == pytest.approx(float(link.energy))
    assert float(link.energy_module) == float(link.board_area) == 0
    assert all(float(e) >= 0 for e in energies)


PUBLISHED = {
    "passage_56g_x8": (1.10, 1.20, 4.30),
    "passage_112g_x8": (None, None, 3.3),
    "passage_engine_56g_x8": (1.10, 1.20, 4.80),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_totals(name):
    energies, (laser, engine, total) = stages(ROWS[name]), PUBLISHED[name]
    assert pj(energies.sum) == pytest.approx(total, rel=0.01)
    assert laser is None or pj(energies.laser) == pytest.approx(laser, rel=0.01)
    assert engine is None or pj(energies.engine) == pytest.approx(engine, rel=0.01)


@pytest.mark.parametrize(("path", "power"), [("wavelengths", 1), ("rate", 1), ("raw_rate_ratio", -1), ("fibre_density", 1)])
@pytest.mark.parametrize("name", ROWS)
def test_bandwidth_of_an_edge(name, path, power):
    link = ROWS[name]
    double = built_link(tree.put(link, {path: 2 * tree.get(link, path)}))
    assert float(double.unit_bandwidth) == pytest.approx(2.0**power * float(built_link(link).unit_bandwidth))
    assert float(double.package_edge) == 1e-3


@pytest.mark.parametrize("name", ROWS)
def test_fibres_fill_the_edge(name):
    link = ROWS[name]
    count = fibres(link, built_link(link).unit_bandwidth)
    assert float(count) == pytest.approx(float(link.fibre_density) * 1e-3)


def test_two_directions_halve_the_fibres():
    both = changed(PASSAGE, {"bidirectional": 1})
    bandwidth = as_float(4e12)
    assert float(fibres(PASSAGE, bandwidth)) == pytest.approx(160)
    assert float(fibres(both, bandwidth)) == pytest.approx(80)
    assert float(built_link(both).cable_price) == pytest.approx(float(built_link(PASSAGE).cable_price) / 2)
    assert float(built_link(both).unit_bandwidth) == pytest.approx(2 * float(built_link(PASSAGE).unit_bandwidth))


def test_the_host_gives_edge_to_a_hop_or_to_serialisers_or_none():
    below, beside = built_link(PASSAGE), built_link(changed(PASSAGE, {"under_die": 0}))
    hop = built_link(changed(PASSAGE, {"under_die": 0, "die_to_die": 1}))
    assert float(below.die_edge_per_unit) == 0
    assert float(beside.die_edge_per_unit) == pytest.approx(16 * float(PASSAGE.serialiser.lane_edge))
    assert float(hop.die_edge_per_unit) == pytest.approx(1e11 / (658e9 * 1e3))
    assert pj(hop.energy_die_to_die) == pytest.approx(0.5)


@pytest.mark.parametrize(("name", "over"), [(name, "bus" if name == "passage_112g_x16" else "") for name in ROWS])
def test_which_presets_break_the_limit_of_a_waveguide(name, over):
    found = optical_limits(ROWS[name])
    assert (float(found.bus_power) > float(found.bus_power_limit)) == (over == "bus")
    assert float(found.comb_span) <= float(found.comb_span_limit)


def test_limits_by_hand():
    """56G x 8 without residual: 7.606 dBm a lane."""
    found = optical_limits(changed(PASSAGE, {"residual": 0}))
    lane = 10**0.7606
    expected = (8 * lane * 10**-0.2, 100, 8 * lane, 100)
    assert [float(x) * 1e3 for x in found[:4]] == pytest.approx(expected, rel=1e-3)
    assert [float(x) * 1e9 for x in found[4:]] == pytest.approx((9.16, 13.66), rel=1e-3)


VALUES_AND_SLOPES = jax.jit(jax.vmap(lambda link: (everything(link), jax.jacfwd(everything)(link))))


def infinite(named):
    """Names of designs with a value or a slope that is not finite."""
    values, slopes = VALUES_AND_SLOPES(tree.stack(list(named.values())))
    leaves = [np.asarray(leaf).reshape(len(named), -1) for leaf in (values, *jax.tree.leaves(slopes))]
    return [name for name, row in zip(named, np.concatenate(leaves, axis=1), strict=True) if not np.all(np.isfinite(row))]


def test_slopes_are_finite_in_every_corner():
    assert not infinite({(name, corner): changed(ROWS[name], CORNERS[corner]) for name in ROWS for corner in CORNERS})


def test_every_bound_can_be_evaluated():
    bounds = [(path, bound) for path, declared in LEAVES for bound in (declared.low, declared.high) if np.isfinite(bound)]
    assert not infinite({(path, bound): changed(PASSAGE, {path: bound}) for path, bound in bounds})


def test_designs_are_batched_leaf_by_leaf():
    names = list(ROWS)
    batch = tree.stack([ROWS[name] for name in names])
    one_by_one = np.array([everything(ROWS[name]) for name in names])
    assert np.allclose(jax.jit(jax.vmap(everything))(batch), one_by_one, rtol=1e-9)
    assert np.allclose(built_link(batch).energy, [float(built_link(ROWS[name]).energy) for name in names], rtol=1e-9)
    assert isinstance(optical_limits(batch), OpticalLimits)
    assert all(np.shape(leaf) == (len(names),) for leaf in (*optical_limits(batch), *jax.tree.leaves(built_link(batch))))


def test_slopes_are_those_of_finite_differences():
    paths = ("rate", "wavelengths", "channel_spacing", "reach", "photonics.extinction_ratio", "photonics.noise_slope", "bit_error_rate")
    link = changed(PASSAGE, {"channel_spacing": 1e11, "rate": 100e9 / 8})

    def energy(path, value):
        return jnp.log(stages(tree.put(link, {path: value})).sum)

    for path, sign in itertools.product(paths, (1,)):
        value = tree.get(link, path)
        step = sign * 1e-5 * value
        expected = (energy(path, value + step) - energy(path, value - step)) / (2 * step)
        assert float(jax.grad(lambda x, p=path: energy(p, x))(value)) == pytest.approx(float(expected), rel=1e-5), path


def test_single_precision_is_enough():
    low = jax.tree.map(lambda leaf: leaf.astype(jnp.float32), PASSAGE)
    found = [float(x) for x in (*stages(low), *optical_limits(low))]
    assert found == pytest.approx([float(x) for x in (*stages(PASSAGE), *optical_limits(PASSAGE))], rel=1e-4)
