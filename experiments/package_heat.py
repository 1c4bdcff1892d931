"""How hot do published packages get in the model, and what does a watt of input and output cost them in FLOP/s?

Rows O17, O18, S33 and S34 are oracles; D the power densities of published parts; T their temperatures under every
cooling, by the closed form and by the map of blocks; W the clock and rate that links leave.
"""

import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from claim import ROOT, Row, parser, rounded, show

from codesign import tree
from codesign.config import load_system
from codesign.config.catalogue import load_catalogue
from codesign.fields import Scalar, as_float
from codesign.hardware.package import Package
from codesign.physical import clock, heat_map, power, thermal
from codesign.physical.arrangement import arrangement
from codesign.physical.blocks import Blocks
from codesign.units import parse_quantity

CONFIGS = ROOT / "configs"
MM2 = 1e-6
EXPONENTS = {"low": 0.3, "default": 0.6, "high": 1.0}
RING_DRIFT, RING_EFFICIENCY = 0.049e-9, 0.25e-9 / 1e-3
GPU, STACKED = 414.0, 40.0
"""Watts of imec's GPU, and of all memory on it."""
SLOWER = 0.28
"""Training speed that imec loses at half the clock."""

ASSUMPTIONS = [
    "the area that the published resistances hold for is not published: 814 mm2; limits of heat flux are of secondary digests",
    "air and immersion: resistances are assumptions (air: 87 degC at 700 W over 30 degC)",
    "O18: fitted to its first two figures with 40 W of memory in all and 40 degC inlet; the halved clock is held out, at half the power, "
    "and with a supply that falls with the clock; O18.160: with 40 W per stack half the power misses the published bound",
    "closed form: the whole package's power through the area of its dies, as if the lid were as much larger than they as the published one",
    "map: a lid 5 mm beyond the outermost blocks, spreading length of the row, even flux in a block, half of a stack's own resistance",
    "blocks: dies and memory at full rate; dies carry the serialisers; watts scaled so that H100 draws its 700 W",
    "supply voltage rises as the clock to the power 0.3, 0.6, 1 (low, default, high); leakage in proportion to the voltage",
    "rings below the dies, locked at the die's full-load temperature: 0.049 nm/K, 0.25 nm/mW, fabrication offset left out",
]


def part(table: str, name: str) -> Any:
    """One part of the catalogue."""
    return load_catalogue(CONFIGS).rows[table][name].module


def coolings() -> dict[str, Any]:
    """Every cooling by name."""
    return {name: row.module for name, row in load_catalogue(CONFIGS).rows["coolings"].items()}


def device(name: str) -> Any:
    """One device of a shipped system."""
    return load_system(CONFIGS / "systems" / f"{name}.toml").module.device


def dies_area(package: Package) -> Scalar:
    """Area of the dies of a device [m2]."""
    return package.dies * package.die.area


def limit_rows() -> list[Row]:
    """O17: the heat that a die may lose."""
    cases = (("cold_plate", 105.0, 1016), ("cold_plate", 95.0, 859), ("direct_liquid", 105.0, 1182))
    rows = []
    for name, limit, watts in cases:
        cooling = part("coolings", name)
        found = thermal.largest_power(cooling, limit, cooling.reference_area)
        rows.append(rounded(f"O17.{name}.{limit:.0f}", f"largest power to {limit:.0f} degC, {name}", "W", watts, found, 0, 2e-3))
    return rows


def stack_rows() -> list[Row]:
    """O18: memory beside logic and on it, at the clock and at half of it."""
    cooling = part("coolings", "imec_2025")
    area = cooling.reference_area

    def stacked(watts: Scalar | float) -> float:
        return float(thermal.stack_temperature(cooling, watts, STACKED, area))

    beside = thermal.package_temperature(cooling, GPU, area)
    rows = [
        rounded("O18.beside", "GPU of 414 W, memory beside it (fitted)", "degC", 69.1, beside, 0.05, 2e-3),
        rounded("O18.stack", "memory on it (fitted)", "degC", 141.7, stacked(GPU), 0.05, 2e-3),
        Row("O18.half", "half the clock, half the power (below 100)", "degC", None, stacked(GPU / 2), -273, 100),
    ]
    for name, exponent in EXPONENTS.items():
        watts = clock.chip_power(0.5, GPU, 0.0, exponent)
        rows.append(
            Row(f"O18.half.{name}", f"half the clock, supply as clock^{exponent:g} (below 100)", "degC", None, stacked(watts), -273, 100)
        )
    thinner = tree.put(cooling, {"stack_resistance": 0.124 * area})
    for name, watts, paper in (("stack", GPU, 141.7), ("half", GPU / 2, 101.4)):
        found = thermal.stack_temperature(thinner, watts, 4 * STACKED, area)
        rows.append(rounded(f"O18.160.{name}", f"40 W in each of four stacks, GPU {watts:.0f} W", "degC", paper, found, 0.05, 2e-3))
    share = (1 / (1 - SLOWER) - 1) / (1 / 0.5 - 1)
    rows.append(Row("O18.share", "share of a step bound by the clock that -28 % at half the clock implies", "1", None, share))
    return rows


def layer_rows() -> list[Row]:
    """S33, S34: a stack layer by layer."""
    area = as_float(484 * MM2)
    cooling = tree.put(part("coolings", "cold_plate"), {"thermal_resistance": as_float(40 / 484), "reference_area": area})
    found = thermal.layer_temperatures(cooling, jnp.array([13.33] * 12 + [GPU]), area, 6 * MM2)
    names = (("top", 87.4, 0), ("memory", 154.8, 11), ("logic", 159.9, 12))
    rows = [rounded(f"S33.{name}", f"twelve layers on {GPU:.0f} W: {name}", "degC", paper, found[i], 0.1) for name, paper, i in names]
    rows.append(rounded("S33.rise", "rise below memory (imec: 72.6)", "K", 72.5, found[12] - found[0], 0.1))
    for joint, flux in ((6, 0.49), (2, 0.86)):
        model = thermal.largest_stack_flux(cooling, 95.0, 12, joint * MM2) * MM2
        rows.append(rounded(f"S34.{joint}", f"largest flux to 95 degC, joints of {joint} K mm2/W", "W/mm2", flux, model, 0.01))
    return rows


PACKAGES = {"A100": "dgx_a100_selene", "H100": "dgx_h100", "B200": "dgx_b200"}
DENSITIES = {"A100": 0.48, "H100": 0.86, "B200": 0.63}


def density_rows() -> list[Row]:
    """D: watts per area of dies at the stated power; the die rows give the areas to 0.1 %."""
    packages = {name: device(system).package for name, system in PACKAGES.items()}
    found = {name: thermal.power_density(p.power_limit, dies_area(p)) * MM2 for name, p in packages.items()}
    return [rounded(f"D.{name}", f"{name}, power over die area", "W/mm2", DENSITIES[name], found[name], 0.005, 2e-3) for name in PACKAGES]


def temperature_rows() -> list[Row]:
    """T: dies at the stated power under every cooling, and what the limits would allow them."""
    rows = []
    for name in ("H100", "B200"):
        package = device(PACKAGES[name]).package
        area, watts = dies_area(package), package.power_limit
        for key, cooling in coolings().items():
            found = thermal.package_temperature(cooling, watts, area)
            rows.append(Row(f"T.{name}.{key}", f"{name} at {float(watts):.0f} W, {key}", "degC", None, float(found)))
            hot = thermal.largest_power(cooling, cooling.logic_limit, area)
            flux = jnp.minimum(cooling.heat_flux_limit, cooling.power_delivery_limit) * area
            allowed = jnp.minimum(jnp.minimum(hot, flux), cooling.power_limit)
            rows.append(
                Row(f"T.{name}.{key}.most", f"{name}, largest power by temperature, flux, supply and tests", "W", None, float(allowed))
            )
    return rows


def floorplan(one: Any, stacks: int) -> tuple[Blocks, np.ndarray]:
    """Dies in a row and memory on both sides at full rate, and where the memory is."""
    package = one.package
    dies = int(package.dies)
    kinds = ["die"] * dies + ["memory"] * stacks
    memory = np.array([kind == "memory" for kind in kinds])
    width = np.where(memory, float(package.memory.edge), float(package.die.width))
    height = np.where(memory, float(package.memory.depth), float(package.die.height))
    watts = [float(power.compute_power(package) + power.in_package_link_power(one)) / dies, float(power.memory_power(package)) / stacks]
    gap = 0.5e-3 if dies == 1 else 0.0
    return arrangement(kinds, width, height, np.where(memory, watts[1], watts[0]), gap, columns=dies), memory


def map_rows() -> list[Row]:
    """T.map: hottest die and stack of H100-like and Passage-like floorplans under every cooling, beside the closed form."""
    rows = []
    for name, system, stacks in (("H100", "dgx_h100", 5), ("Passage", "passage", 16)):
        one = device(system)
        blocks, memory = floorplan(one, stacks)
        if name == "H100":
            blocks = blocks._replace(power=blocks.power * one.package.power_limit / blocks.power.sum())
        total = blocks.power.sum()
        rows.append(Row(f"T.{name}.power", f"{name}-like floorplan, all blocks", "W", None, float(total)))
        for key, cooling in coolings().items():
            inner = cooling.local_resistance + jnp.where(jnp.asarray(memory), cooling.stack_resistance / 2, 0.0)
            found = np.asarray(heat_map.block_temperatures(blocks, cooling, inner))
            plain = thermal.package_temperature(cooling, total, dies_area(one.package))
            start, what = f"T.{name}.{key}", f"{name}-like, {key}"
            rows += [
                Row(f"{start}.plain", f"{what}: dies by the closed form", "degC", None, float(plain)),
                Row(f"{start}.die", f"{what}: hottest die of the map", "degC", None, float(found[~memory].max())),
                Row(f"{start}.memory", f"{what}: hottest memory of the map", "degC", None, float(found[memory].max())),
            ]
            tested = float(total / cooling.power_limit)
            rows.append(Row(f"{start}.tested", f"{what}: heat over the most that is known to be cooled", "x", None, tested))
            slower = 1 - thermal.refreshed_bandwidth(cooling, found[memory].max(), 0.08)
            rows.append(Row(f"{start}.refresh", f"{what}: memory bandwidth lost to refreshes, of 8 % busy", "%", None, 100 * float(slower)))
    return rows


def rate_rows() -> list[Row]:
    """W: what the links of a Passage package leave of its watts for arithmetic."""
    one = device("passage")
    package = one.package
    dynamic, leakage = package.peak_flops * package.die.energy_per_flop, package.dies * package.die.static_power
    memory, rate = power.memory_power(package), package.peak_flops
    rows = []
    for name in ("passage_interposer", "cpo", "pluggable"):
        links = power.link_power(parse_quantity("32 Tb/s", "Tb/s"), part("links", name).energy_in_package)
        what = f"3200 W package, 32 Tb/s over {name}"
        rows.append(Row(f"W.{name}.links", f"{what}: links in the package", "W", None, float(links)))
        for key, exponent in EXPONENTS.items():
            chip = (rate, dynamic, leakage, exponent)
            found = clock.rate_within_power(package.power_limit, memory + links, *chip)
            price = clock.rate_lost_per_watt(package.power_limit, memory + links, *chip)
            rows.append(Row(f"W.{name}.rate.{key}", f"{what}: 16-bit rate, exponent {exponent:g}", "PFLOP/s", None, float(found) / 1e15))
            rows.append(Row(f"W.{name}.price.{key}", f"{what}: rate lost per watt of links", "TFLOP/s/W", None, float(price) / 1e12))
    return rows


def ring_rows() -> list[Row]:
    """W.ring: heaters that hold rings at the wavelength of full load."""
    one = device("passage")
    cooling = one.package.cooling
    total = power.device_power(one)
    hot = thermal.package_temperature(cooling, total, dies_area(one.package))
    rows = []
    for name, now in (("idle", cooling.inlet_temperature), ("half load", (cooling.inlet_temperature + hot) / 2), ("full load", hot)):
        watts = thermal.ring_tuning_power(now, hot, 0.0, RING_DRIFT, RING_EFFICIENCY)
        rows.append(Row(f"W.ring.{name}", f"heater of one ring below the dies, {name}", "mW", None, 1e3 * float(watts)))
    return rows


def heat_rows() -> list[Row]:
    """Every row."""
    found = [*limit_rows(), *stack_rows(), *layer_rows(), *density_rows(), *temperature_rows()]
    return [*found, *map_rows(), *rate_rows(), *ring_rows()]


def main() -> int:
    """Print the claim."""
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    jax.config.update("jax_enable_x64", True)
    return show("Heat of packages: limits, maps, and the price of a watt", heat_rows(), ASSUMPTIONS, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
