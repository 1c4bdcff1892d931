"""Which rows hold the optical link budget, term by term? O30 to O38 and U of `package_optics.py`."""

from typing import Any

import jax
import jax.numpy as jnp
from claim import Row, percent, rounded

from codesign import tree
from codesign.fields import as_float
from codesign.physical import laser_power, link_budget, receiver_sensitivity
from codesign.physical.decibels import decibels
from codesign.physical.fibre import fibre_rate
from codesign.physical.optical_engine import optical_limits, stages
from codesign.units import to_unit


def pj(energy: Any) -> float:
    """Energy in pJ/bit."""
    return to_unit(energy, "pJ/bit")


def changed(link: Any, values: dict[str, float]) -> Any:
    """A link with numbers replaced, in SI."""
    return tree.put(link, {path: as_float(value) for path, value in values.items()})


def receiver_rows(optical: dict[str, Any]) -> list[Row]:
    """O30 and O31: Q factors and sensitivities."""
    names = {2: "on-off keying", 4: "PAM4"}
    rows = []
    for levels, errors, paper in ((2, 1e-12, 7.034), (2, 1e-6, 4.753), (2, 2.4e-4, 3.492), (4, 2.4e-4, 3.414)):
        q = receiver_sensitivity.quality(as_float(errors), as_float(levels))
        rows.append(rounded(f"O30.{levels}.{errors:g}", f"Q factor, {names[levels]}, {errors:g}", "1", paper, q, 0.001))
    cases = ((56, 2, 1e-6, 0.5, -15.18), (56, 2, 1e-12, 0.5, -13.48), (112, 4, 2.4e-4, 0.5, -11.85), (224, 4, 2.4e-4, 0, -10.35))
    for rate, levels, errors, slope, paper in (*cases, (224, 4, 2.4e-4, 0.5, -8.84)):
        values = {"rate": rate * 1e9 / 8, "levels": levels, "bit_error_rate": errors, "photonics.noise_slope": slope}
        level = link_budget.receiver_amplitude(changed(optical["passage_56g_x8"], values))
        name = f"sensitivity, {rate}G {names[levels]}, {errors:g}, noise slope {slope}"
        rows.append(rounded(f"O31.{rate}.{errors:g}.{slope}", name, "dBm", paper, level, 0.02))
    built = (("passage_32g_x8", 1, -13.6), ("passage_56g_x8", 1, -11.2), ("passage_112g_x8", 1, -7.9), ("passage_112g_x8", 2, -4.8))
    for name, factor, paper in built:
        link = changed(optical[name], {"rate": factor * optical[name].rate})
        level = link_budget.receiver_amplitude(link) + link.photonics.implementation_penalty
        rate = f"{to_unit(link.rate, 'Gb/s'):.0f}G"
        rows.append(rounded(f"O31.{rate}.built", f"sensitivity of a built receiver, {rate}", "dBm", paper, level, 0.05))
    return rows


LASERS = {
    "passage_56g_x8": 0.858,
    "passage_56g_x4": 0.782,
    "passage_56g_x16": 1.031,
    "passage_32g_x8": 0.858,
    "passage_32g_x16": 1.031,
    "passage_112g_x8": 0.924,
    "passage_112g_x16": 1.111,
}


def budget_rows(optical: dict[str, Any]) -> list[Row]:
    """O32: the Passage platform, itemised losses first, then with the residual that the published laser needs."""
    plain = {name: changed(optical[name], {"residual": 0}) for name in LASERS}
    energy = {name: stages(link) for name, link in plain.items()}
    first, calibrated = plain["passage_56g_x8"], stages(optical["passage_56g_x8"])
    offset = decibels(energy["passage_56g_x8"].laser / calibrated.laser)
    rows = [
        rounded("O32.x8.path", "56G x 8, path loss", "dB", 15.49, link_budget.path_loss(first), 0.01),
        rounded("O32.x8.power", "56G x 8, laser light per lane", "dBm", 7.61, link_budget.lane_power(first), 0.02),
        percent("O32.x8.laser", "56G x 8, laser, itemised losses", "pJ/bit", 0.858, pj(energy["passage_56g_x8"].laser)),
        percent("O32.x8.engine", "56G x 8, photonic circuit", "pJ/bit", 1.199, pj(energy["passage_56g_x8"].engine)),
        percent("O32.x8.total", "56G x 8, total, itemised losses", "pJ/bit", 4.06, pj(energy["passage_56g_x8"].sum)),
        rounded("O32.x8.offset", "56G x 8, model below the published laser", "dB", -1.08, offset, 0.02),
        percent("O32.preset.laser", "preset with residual, laser", "pJ/bit", 1.10, pj(calibrated.laser)),
        percent("O32.preset.engine", "preset with residual, photonic circuit", "pJ/bit", 1.20, pj(calibrated.engine)),
        percent("O32.preset.total", "preset with residual, total", "pJ/bit", 4.30, pj(calibrated.sum)),
    ]
    for name, paper in list(LASERS.items())[1:]:
        short = name.removeprefix("passage_").replace("_", ".")
        rows.append(percent(f"O32.{short}.laser", f"{short}, laser, itemised losses", "pJ/bit", paper, pj(energy[name].laser)))
    for name, paper in (("passage_112g_x8", 62.7), ("passage_112g_x16", 150.7)):
        limits, short = optical_limits(plain[name]), name.removeprefix("passage_").replace("_", ".")
        rows.append(percent(f"O32.{short}.bus", f"{short}, light in a waveguide", "mW", paper, 1e3 * limits.bus_power))
        share, breaks = float(limits.bus_power / limits.bus_power_limit), paper > 100
        bounds = (1.0, float("inf")) if breaks else (0.0, 1.0)
        rows.append(Row(f"O32.{short}.limit", f"{short}, over the limit: {'yes' if breaks else 'no'}", "1", None, share, *bounds))
    return rows


def laser_rows(optical: dict[str, Any]) -> list[Row]:
    """O33 to O36: laser modules, the standard-driven engine, rings."""
    engine = optical["cpo_fr4"]
    receiver = changed(engine, {"standard_driven": 0})
    flat = changed(receiver, {"photonics.noise_slope": 0})
    platform = optical["passage_56g_x8"].photonics
    module = [laser_power.module_efficiency(*map(as_float, case)) for case in ((16, 20, 13), (8, 19.5, 12))]
    light = decibels(12.0) + 5
    estimate = laser_power.light_energy(light, as_float(0.15), as_float(200e9 / 8))
    span = 16 * laser_power.channel_width(as_float(200e9), platform.wavelength)
    ring = as_float(5e-6)
    bounds = 2.3 * 10**-0.15, 2.3 * 10**0.15
    largest = ring * laser_power.free_spectral_range(platform.wavelength, platform.group_index, ring) / span
    rows = [
        percent("O33.16", "laser module, 16 lines of 20 dBm from 13 W", "1", 0.123, module[0]),
        percent("O33.8", "laser module, 8 lines of 19.5 dBm from 12 W", "1", 0.059, module[1]),
        Row("O33.claim", "laser module, a vendor's claim beside the platform's row", "1", 0.125, float(platform.laser_efficiency)),
        rounded("O34.power", "FR4 engine, laser light per lane", "dBm", 14.25, link_budget.lane_power(engine), 0.02),
        percent("O34.laser", "FR4 engine, laser", "pJ/bit", 2.09, pj(stages(engine).laser)),
        Row("O34.published", "FR4 engine, laser, published (within 1.5 dB)", "pJ/bit", 2.3, pj(stages(engine).laser), *bounds),
        rounded("O34.path", "the same sized by its receiver, path loss", "dB", 14.75, link_budget.path_loss(receiver), 0.01),
        rounded("O34.penalties", "the same sized by its receiver, penalties", "dB", 6.5, link_budget.penalties(receiver), 0.01),
        percent("O34.receiver", "the same sized by its receiver, laser, noise slope 0", "pJ/bit", 0.67, pj(stages(flat).laser)),
        Row("O34.receiver.slope", "the same with the platform's noise slope", "pJ/bit", None, pj(stages(receiver).laser)),
        percent("O35.watts", "8 lanes of 12 mW, 5 dB, efficiency 0.15", "W", 2.02, estimate * 1.6e12 / 8),
        percent("O35", "the same at 1.6 Tb/s", "pJ/bit", 1.27, pj(estimate)),
    ]  # fmt: skip
    for radius, paper in ((3, 22.8), (5, 13.7), (7, 9.8)):
        found = laser_power.free_spectral_range(platform.wavelength, platform.group_index, as_float(radius * 1e-6))
        rows.append(percent(f"O36.{radius}um", f"free spectral range, radius {radius} um", "nm", paper, to_unit(found, "nm")))
    rows.append(percent("O36.spacing", "200 GHz at 1310 nm", "nm", 1.145, to_unit(span / 16, "nm")))
    rows.append(percent("O36.radius", "largest ring for 16 x 200 GHz", "um", 3.7, to_unit(largest, "um")))
    return rows


def outside_rows(optical: dict[str, Any]) -> list[Row]:
    """O37 and O38: a public code's preset, and published whole links."""
    preset = optical["cpo_etalon"]
    light = as_float(6.5)
    laser = laser_power.light_energy(light, preset.photonics.laser_efficiency, preset.rate)
    rows = [
        rounded("O37.margin", "Etalon's preset, margin of 6.5 dBm", "dB", 15.06, link_budget.margin(preset, light), 0.1),
        rounded("O37.code", "the same, printed by Etalon", "dB", 15.0, link_budget.margin(preset, light), 0.1),
        percent("O37.laser", "the same, laser", "pJ/bit", 1.396, pj(laser)),
    ]
    slow = stages(optical["passage_32g_x8"])
    without_host = pj(slow.engine + slow.laser)
    papers = (
        ("O38.65nm", "65 nm rings, 0.75 Tb/s", 1.9),
        ("O38.slow", "65 nm rings, 0.35 Tb/s (below 1)", 1.0),
        ("O38.comb", "comb, 1 Tb/s", 3.0),
    )
    for row_id, name, paper in papers:
        rows.append(
            Row(row_id, f"{name}; here 32G x 8 without host (order of magnitude)", "pJ/bit", paper, without_host, paper / 10, paper * 10)
        )
    rate = fibre_rate(as_float(45), as_float(45e9 / 8))
    return [*rows, rounded("O38.capacity", "45 wavelengths of 45 Gb/s", "Tb/s", 2.0, to_unit(rate, "Tb/s"), 0.05)]


EXTREME_PATHS = (
    "coupler_loss",
    "waveguide_loss",
    "modulator_loss",
    "implementation_penalty",
    "ageing_penalty",
    "laser_efficiency",
    "responsivity",
)
"""What the sets below give in this order, waveguides as a whole [dB]; then the root of the noise density [pA per root Hz]."""
EXTREMES = {
    "optimistic": (0.089, (1, 1, 2, 2, 1, 0.20, 1, 12)),
    "pessimistic": (9.3, (2.5, 3, 4, 5, 3, 0.08, 0.8, 18)),
}


def uncertainty_rows(optical: dict[str, Any]) -> list[Row]:
    """U: laser energy of 56G x 8 over the plausible losses, its two sensitivities, and what more wavelengths cost."""
    preset = changed(optical["passage_56g_x8"], {"residual": 0})
    rows = []
    for name, (paper, (*values, noise)) in EXTREMES.items():
        numbers = dict(zip((f"photonics.{path}" for path in EXTREME_PATHS), values, strict=True))
        whole = values[1] / float(preset.waveguide_length)
        numbers |= {"photonics.waveguide_loss": whole, "photonics.noise_density": noise**2 * 1e-24}
        rows.append(percent(f"U.{name}", f"56G x 8, laser, {name} losses", "pJ/bit", paper, pj(stages(changed(preset, numbers)).laser)))
    known = {"residual": "d ln(laser) per dB", "photonics.laser_efficiency": "d ln(laser) per d ln(efficiency)"}
    for (path, name), paper in zip(known.items(), (0.2303, -1.0), strict=True):
        slope = jax.grad(lambda x, p=path: jnp.log(stages(tree.put(preset, {p: x})).laser))(tree.get(preset, path))
        scale = 1.0 if path == "residual" else tree.get(preset, path)
        rows.append(percent(f"U.{path.rsplit('.', maxsplit=1)[-1]}", name, "1", paper, slope * scale, 1e-3))
    for name in LASERS:
        limits = optical_limits(optical[name])
        share = max(float(limits.bus_power / limits.bus_power_limit), float(limits.line_power / limits.line_power_limit))
        rows.append(Row(f"U.{name.removeprefix('passage_')}", f"{name}: light over its nearest limit", "1", None, share))
        rows.append(
            Row(f"U.{name.removeprefix('passage_')}.total", f"{name}: total, calibrated", "pJ/bit", None, pj(stages(optical[name]).sum))
        )
    return rows
