"""Does a link budget give the figures worked out by hand, and does every dB, rate and wavelength act as physics says?"""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from codesign import tree
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.fields import as_float
from codesign.physical import decibels, eye_penalties, laser_power, link_budget, receiver_sensitivity
from codesign.physical.optical_engine import stages

ROWS = {name: row.module for name, row in load_catalogue(SHIPPED).rows["optical_links"].items()}
PASSAGE = ROWS["passage_56g_x8"]
RECEIVER_DRIVEN = [name for name, row in ROWS.items() if float(row.standard_driven) == 0]
RING_ROWS = [name for name in RECEIVER_DRIVEN if float(ROWS[name].photonics.ring) == 1]
LOSSES = {
    "photonics.coupler_loss": 3,
    "photonics.splitter_loss": 3,
    "photonics.laser_connection_loss": 1,
    "photonics.connector_loss": 4,
    "photonics.modulator_loss": 1,
    "photonics.polarisation_loss": 1,
    "photonics.drop_loss": 1,
    "photonics.through_loss": 14,
    "photonics.implementation_penalty": 1,
    "photonics.locking_penalty": 1,
    "photonics.ageing_penalty": 1,
    "residual": 1,
}
"""How often the light of passage_56g_x8 suffers each: two facets of a dB more cost two dB."""
PER_DECIBEL = math.log(10) / 10
GB = 1e9 / 8


def changed(link, **values):
    return tree.put(link, {path.replace("__", "."): as_float(value) for path, value in values.items()})


def uncalibrated(name):
    return changed(ROWS[name], residual=0)


def lasers(link):
    return float(laser_power.laser_energy(link)) / 8e-12


def slope(link, path):
    """d ln(laser energy) / d of the number at `path`, in SI."""
    return float(jax.grad(lambda x: jnp.log(laser_power.laser_energy(tree.put(link, {path: x}))))(tree.get(link, path)))


# the receiver


@pytest.mark.parametrize(
    ("levels", "errors", "expected"), [(2, 1e-12, 7.034), (2, 1e-6, 4.753), (2, 2.4e-4, 3.492), (4, 2.4e-4, 3.414), (2, 0.158655, 1.0)]
)
def test_quality_factor(levels, errors, expected):
    assert float(receiver_sensitivity.quality(as_float(errors), as_float(levels))) == pytest.approx(expected, abs=1e-3)


@pytest.mark.parametrize("levels", [2, 4, 8])
@pytest.mark.parametrize("errors", [1e-15, 1e-9, 1e-4, 1e-2])
def test_quality_gives_back_the_error_rate(levels, errors):
    """A symbol is wrong with probability 2 (1 - 1/M) Q(q), and one of its log2 M bits then is."""
    q = float(receiver_sensitivity.quality(as_float(errors), as_float(levels)))
    assert 2 * (1 - 1 / levels) * math.erfc(q / math.sqrt(2)) / 2 / math.log2(levels) == pytest.approx(errors, rel=1e-6)


@pytest.mark.parametrize(
    ("rate", "levels", "errors", "gamma", "expected"),
    [
        (56, 2, 1e-6, 0.5, -15.18),
        (56, 2, 1e-12, 0.5, -13.48),
        (112, 4, 2.4e-4, 0.5, -11.85),
        (224, 4, 2.4e-4, 0, -10.35),
        (224, 4, 2.4e-4, 0.5, -8.84),
    ],
)
def test_sensitivity(rate, levels, errors, gamma, expected):
    link = changed(PASSAGE, rate=rate * GB, levels=levels, bit_error_rate=errors, photonics__noise_slope=gamma)
    assert float(link_budget.receiver_amplitude(link)) == pytest.approx(expected, abs=0.02)


def test_four_levels_cost_what_the_eye_says():
    """PAM4 needs 4.67 dB more than on-off keying at equal symbol rate and errors, 3.17 dB at equal bit rate and white noise."""
    white = changed(PASSAGE, bit_error_rate=2.4e-4, photonics__noise_slope=0)
    two, four = (float(link_budget.receiver_amplitude(link)) for link in (white, changed(white, levels=4, rate=112 * GB)))
    assert four - two == pytest.approx(4.67, abs=0.01)
    assert float(link_budget.receiver_amplitude(changed(white, levels=4))) - two == pytest.approx(3.17, abs=0.01)


# penalties


@pytest.mark.parametrize("wavelengths", [1, 2, 3, 4, 8, 16, 64])
@pytest.mark.parametrize("width", [0.01, 0.2, 0.5, 1.0])
def test_leakage_bounds_the_sum_over_neighbours(wavelengths, width):
    """Of the wavelength in the middle of a comb, which has most neighbours."""
    middle = wavelengths // 2
    exact = sum(1 / (1 + (2 * (j - middle) / width) ** 2) for j in range(wavelengths) if j != middle)
    found = float(eye_penalties.comb_leakage(as_float(width * 1e11), as_float(1e11), as_float(wavelengths)))
    assert exact * (1 - 1e-9) <= found <= 1.8 * exact + 1e-12


def test_leakage_of_an_endless_comb():
    exact = 2 * sum(1 / (1 + (2 * j / 0.7) ** 2) for j in range(1, 200000))
    assert float(eye_penalties.comb_leakage(as_float(0.7e11), as_float(1e11), as_float(1e12))) == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("share", [0.0, 1e-6, 0.3, 0.98])
def test_closing_is_a_penalty_in_decibels(share):
    assert float(eye_penalties.closing(as_float(share))) == pytest.approx(-10 * math.log10(1 - share), abs=1e-12)


def test_a_closed_eye_costs_more_and_more_and_stays_finite():
    shares = jnp.asarray([0.0, 0.5, 0.98, 0.99, 1.0, 1.5, 100.0])
    found, slopes = jax.vmap(jax.value_and_grad(eye_penalties.closing))(shares)
    assert np.all(np.isfinite(found))
    assert np.all(np.diff(found) > 0)
    assert np.all(np.isfinite(slopes) & (slopes > 0))


@pytest.mark.parametrize("levels", [2, 4])
def test_laser_noise_by_hand(levels):
    q, symbols, noise, extinction = 4.0, 50e9, -140.0, 5.0
    x = 2 * q * (levels - 1) * math.sqrt(1e-14 * 0.75 * symbols) / (1 - 10**-0.5)
    expected = -5 * math.log10(1 - x * x)
    assert float(eye_penalties.laser_noise(*map(as_float, (q, levels, symbols, noise, extinction)))) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("path", "better"), [("channel_spacing", 2.0), ("photonics.filter_bandwidth", 0.5)])
def test_wavelengths_too_close_cost_light(path, better):
    tight = changed(PASSAGE, channel_spacing=5e10)
    assert float(link_budget.crosstalk(tight)) > 2 * float(tight.photonics.crosstalk_penalty)
    assert float(link_budget.crosstalk(tree.put(tight, {path: tree.get(tight, path) * better}))) < float(link_budget.crosstalk(tight))
    alone = changed(tight, wavelengths=1)
    assert float(link_budget.crosstalk(alone)) == float(PASSAGE.photonics.crosstalk_penalty)


def test_noisy_lasers_cost_light():
    noisy = changed(PASSAGE, photonics__intensity_noise=-134)
    assert float(link_budget.laser_noise(noisy)) > float(link_budget.laser_noise(PASSAGE)) == pytest.approx(0.3)


# the path


@pytest.mark.parametrize(("path", "times"), LOSSES.items())
def test_a_decibel_costs_23_per_cent_of_the_laser(path, times):
    assert slope(PASSAGE, path) == pytest.approx(times * PER_DECIBEL, rel=1e-9)


@pytest.mark.parametrize("name", ROWS)
def test_laser_energy_falls_with_wall_plug_efficiency(name):
    efficiency = ROWS[name].photonics.laser_efficiency
    assert slope(ROWS[name], "photonics.laser_efficiency") * float(efficiency) == pytest.approx(-1, rel=1e-9)
    assert slope(ROWS[name], "photonics.coupler_loss") > 0


@pytest.mark.parametrize("name", RECEIVER_DRIVEN)
@pytest.mark.parametrize(
    ("path", "sign"),
    [
        ("reach", 1),
        ("connectors", 1),
        ("waveguide_length", 1),
        ("lanes_per_line", 1),
        ("wavelengths", 1),
        ("photonics.responsivity", -1),
        ("photonics.noise_density", 1),
        ("photonics.extinction_ratio", -1),
        ("bit_error_rate", -1),
    ],
)
def test_laser_energy_is_monotone(name, path, sign):
    link, values = ROWS[name], np.array([1.0, 1.5, 2.0, 4.0])
    start = float(tree.get(link, path))
    found = np.array([lasers(changed(link, **{path.replace(".", "__"): start * value})) for value in values])
    assert np.all(sign * np.diff(found) >= -1e-12)


@pytest.mark.parametrize("name", RECEIVER_DRIVEN)
def test_light_and_energy_grow_with_the_rate(name):
    """With noise that grows as its root, the energy per bit of thermal noise alone stays as it is: penalties make it grow."""
    link = changed(ROWS[name], channel_spacing=5e11, photonics__noise_slope=0.5)
    faster = [changed(link, rate=factor * ROWS[name].rate) for factor in (1, 2, 4, 8)]
    assert np.all(np.diff([float(link_budget.lane_power(f)) for f in faster]) > 2.9)
    assert np.all(np.diff([lasers(f) for f in faster]) > -1e-9)


@pytest.mark.parametrize("name", RING_ROWS)
def test_links_without_rings_pay_for_none(name):
    plain = changed(ROWS[name], photonics__ring=0)
    for path in ("through_loss", "drop_loss", "crosstalk_penalty", "locking_penalty"):
        assert slope(plain, f"photonics.{path}") == 0
    assert float(stages(plain).tuning) == 0 < float(stages(ROWS[name]).tuning)
    assert float(laser_power.comb_span(plain)) == 0


@pytest.mark.parametrize("name", ROWS)
def test_margin_is_what_the_laser_has_too_much(name):
    link = ROWS[name]
    needed = link_budget.receiver_driven_power(link)
    assert float(link_budget.margin(link, needed)) == pytest.approx(0, abs=1e-12)
    assert float(link_budget.margin(link, needed + 3)) == pytest.approx(3)


def test_a_standard_asks_for_its_amplitude_at_tp2():
    """1.7 dBm, couplers 3, multiplexer 1.5, waveguides 0.5, modulator 5, levels 1.65, splitter 0.4, laser 0.5."""
    link = ROWS["cpo_fr4"]
    assert float(link_budget.lane_power(link)) == pytest.approx(14.25, abs=0.02)
    assert slope(link, "photonics.noise_density") == slope(link, "photonics.ageing_penalty") == 0
    assert slope(link, "required_amplitude") == pytest.approx(PER_DECIBEL)


def test_two_directions_in_a_fibre_cost_duplexers_and_spectrum():
    both = changed(PASSAGE, bidirectional=1)
    extra = float(link_budget.lane_power(both) - link_budget.lane_power(PASSAGE))
    assert extra == pytest.approx(2 * float(PASSAGE.photonics.duplexer_loss))
    assert float(laser_power.comb_span(both)) == pytest.approx(2 * float(laser_power.comb_span(PASSAGE)))


# laser, bus, comb


@pytest.mark.parametrize(("radius", "expected"), [(3, 22.8), (5, 13.7), (7, 9.8)])
def test_free_spectral_range(radius, expected):
    found = laser_power.free_spectral_range(*map(as_float, (1310e-9, 4, radius * 1e-6)))
    assert float(found) * 1e9 == pytest.approx(expected, abs=0.05)


def test_channel_width():
    assert float(laser_power.channel_width(as_float(200e9), as_float(1310e-9))) * 1e9 == pytest.approx(1.145, abs=5e-4)


@pytest.mark.parametrize(("lines", "level", "power", "expected"), [(16, 20, 13, 0.123), (8, 19.5, 12, 0.059)])
def test_module_efficiency(lines, level, power, expected):
    assert float(laser_power.module_efficiency(*map(as_float, (lines, level, power)))) == pytest.approx(expected, abs=5e-4)


def test_ring_power_by_hand():
    """1 nm of fabrication and 20 K at 0.049 nm/K, 0.25 nm/mW."""
    found = laser_power.ring_power(*map(as_float, (1e-9, 20, 0.049e-9, 0.25e-9 / 1e-3)))
    assert float(found) == pytest.approx((1 + 0.98) / 0.25 * 1e-3)


@pytest.mark.parametrize("name", ROWS)
def test_a_line_feeds_its_lanes(name):
    link = ROWS[name]
    share = decibels.watts(laser_power.line_level(link)) / decibels.watts(link_budget.lane_power(link))
    assert float(share) == pytest.approx(float(link.lanes_per_line))


@pytest.mark.parametrize("level", [-20.0, 0.0, 20.0])
def test_decibels_turn_back(level):
    assert float(decibels.dbm(decibels.watts(level))) == pytest.approx(level, abs=1e-12)
    assert float(decibels.decibels(decibels.power_ratio(level))) == pytest.approx(level, abs=1e-12)
