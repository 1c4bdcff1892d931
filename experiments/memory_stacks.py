"""Do the rows of memory in three dimensions have the energy, bandwidth, area and heat that their papers imply?

Rows S22 to S34 are oracles: energies of Duplex and HBM2, power, area and supply of Stratum, bandwidth of bonds and banks,
heat through a stack. M is what every memory makes of one package: an H100-like die with as many stacks as it has room for.
"""

import math
import sys
from typing import Any

import jax
from claim import ROOT, Row, parser, percent, rounded, show
from package_heat import GPU, STACKED, layer_rows

from codesign import tree
from codesign.cluster import Cluster
from codesign.config import load_system
from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.fields import as_float
from codesign.physical import bond_bandwidth, floorplan, package_heat, power, thermal
from codesign.units import to_unit

MM2, UM, BURST = 1e-6, 1e-6, 256
"""m2 and m; bits of one burst of 32 bytes."""
GPU_ACCESS, LOGIC_ACCESS, ROW_ACTIVATION = 0.891, 0.464, 0.909
"""nJ of a burst to the GPU and to logic below the memory, and of opening a row, in the simulator of Duplex."""
STRATUM = {"area": 121.0, "interface": 23.94, "periphery": 14.80, "supply": 0.21, "arithmetic": 76.63, "peak": 128.0}
"""mm2 of the chip and of its parts, TFLOP/s: arXiv 2510.05245."""
OF_PRODUCTS = ("hbm3e_h200", "hbm3e_b200", "hbm3e_gb200", "hbm3e_b300", "hbm3e_gb300")
"""Rows that differ by the product they are sold in."""
STACKS = 5
"""Stacks of one device of Duplex, and of H100."""

ASSUMPTIONS = [
    "S22 to S25: HBM2 figures are quoted by others; those of Duplex are of its public simulator, per burst of 256 bits",
    "S23: energy that opens rows stays, the rest falls as Duplex's accesses from the GPU to logic below the memory",
    "S27: 16 x 16 x 256 units; the paper's 128 TFLOP/s counts 64,000 of them",
    "S31: the bank term; bonds of 9 um carry sixty times as much, at half of the bonds for data and 4 Gb/s each",
    "S33.imec: the cooling row imec_2025 is fitted to these two temperatures; S33.sheet holds them against round constants",
    "S34: largest even flux below twelve cool layers to 95 degC; sources of limits in use spread over 0.5 to 2.2 W/mm2",
    "M: memory at full rate on an H100-like die of 814 mm2; all heat of a column passes the stack; cold plate",
]


def memories() -> dict[str, Any]:
    """Every memory by name."""
    return {name: row.module for name, row in load_catalogue(SHIPPED).rows["memories"].items()}


def packaging(name: str, **changes: float) -> Any:
    """One packaging with some of its numbers changed."""
    module = load_catalogue(SHIPPED).rows["packagings"][name].module
    return tree.put(module, {path: as_float(value) for path, value in changes.items()})


def picojoules(energy: Any) -> float:
    """Energy per byte as pJ/bit."""
    return to_unit(energy, "pJ/bit")


def access(nanojoules: float, bursts: float = 1.0) -> float:
    """Energy of `bursts` bursts per bit [pJ/bit], from that of one event [nJ]."""
    return 1e3 * nanojoules / (BURST * bursts)


def energy_rows() -> list[Row]:
    """S22 to S24: what an access costs beside the GPU and below the memory."""
    nanojoules = {"gpu": (GPU_ACCESS, 3.48), "logic": (LOGIC_ACCESS, 1.81), "groups": (0.686, 2.68), "banks": (0.187, 0.73)}
    rows = [percent(f"S22.{name}", f"Duplex, access of {name}", "pJ/bit", paper, access(nj), 2e-3)
            for name, (nj, paper) in nanojoules.items()]  # fmt: skip
    rows.append(percent("S22.parts", "its parts to the GPU", "pJ/bit", 3.48, 1.51 + 1.17 + 0.80, 2e-3))
    hbm2, stacked, near = (memories()[name] for name in ("hbm2", "hbm3_on_logic", "hbm3_near_memory"))
    opened, driven = picojoules(hbm2.activation_energy), picojoules(hbm2.interface_energy)
    net = opened + LOGIC_ACCESS / GPU_ACCESS * (2.24 + driven)
    rows += [
        percent("S23.net", "HBM on logic: rows, and the rest of HBM2 as below the memory", "pJ/bit", 2.53, net, 5e-3),
        percent("S23.gross", "HBM on logic: rows and Duplex's access", "pJ/bit", 3.02, opened + access(LOGIC_ACCESS), 5e-3),
        percent("S23.whole", "HBM on logic: all of HBM2 as below the memory", "pJ/bit", 2.04, 0.52 * picojoules(hbm2.energy), 5e-3),
        Row("S23.row", "the row hbm3_on_logic", "pJ/bit", 2.53, picojoules(stacked.energy), 2.0, 3.0),
        percent("S23.near", "the row hbm3_near_memory, from below the memory", "pJ/bit", 2.53, picojoules(near.near_memory_energy), 5e-3),
        Row("S23.movement", "the row hbm2: movement and the rest", "pJ/bit", 2.24, picojoules(hbm2.movement_energy), 2.24, 2.24 + 0.18),
    ]
    streamed = access(ROW_ACTIVATION, 32)
    rows += [
        percent("S24.beside", "streamed rows of 1 KB, to the GPU", "pJ/bit", 3.59, access(GPU_ACCESS) + streamed, 5e-3),
        percent("S24.logic", "streamed rows of 1 KB, below the memory", "pJ/bit", 1.92, access(LOGIC_ACCESS) + streamed, 5e-3),
        percent("S24.bursts", "bursts of an opened row that HBM2 implies", "1", 2.93, access(ROW_ACTIVATION) / opened, 5e-3),
    ]
    return rows


def near_memory_rows() -> list[Row]:
    """S25: processing near the memory of Duplex, and what H100 makes of 32 operations per byte."""
    memory, package = memories()["hbm3_near_memory"], load_system(ROOT / "configs" / "systems" / "dgx_h100.toml").module.device.package
    within, peak = STACKS * memory.near_memory_bandwidth, STACKS * memory.near_memory_flops
    ridge = package.peak_flops / package.memory_bandwidth
    return [
        percent("S25.bandwidth", "Duplex, bandwidth within five stacks", "TB/s", 13.41, within / 1e12, 2e-3),
        percent("S25.peak", "its processing near the memory", "TFLOP/s", 107.3, peak / 1e12, 2e-3),
        percent("S25.ridge", "operations per byte that balance it", "FLOP/B", 8, peak / within, 2e-3),
        percent("S25.h100", "operations per byte that balance H100", "FLOP/B", 295.2, ridge, 2e-3),
        rounded("S25.busy", "what H100 uses of its peak at 32 operations per byte", "%", 10.8, 100 * 32 / ridge, 0.05),
    ]


def stratum_rows() -> list[Row]:
    """S26 to S30: power, area and supply of one chip of Stratum."""
    row = load_catalogue(SHIPPED).rows["memories"]["monolithic_3d"]
    memory, bandwidth = row.module, row.provenance["bandwidth"]
    fast, slow, area = float(bandwidth.high or math.nan), float(bandwidth.low or math.nan), STRATUM["area"]
    units = 16 * 16 * 256
    current = STRATUM["supply"] / 25e-6 / 2 * 36e-3
    left = area - STRATUM["interface"] - STRATUM["periphery"] - STRATUM["supply"]
    dram, arithmetic = float(power.link_power(as_float(fast), memory.energy)), units * 1e9 * 0.604e-12
    return [
        percent("S26.power", "memory at the rate of its fastest tier", "W", 104.4, dram, 0.01),
        percent("S26.energy", "access energy that 104 W imply", "pJ/bit", 0.428, picojoules(104 / fast), 0.01),
        percent("S27.power", "multipliers at 1 GHz (of 42.67 W of logic)", "W", 39.6, arithmetic, 2e-3),
        percent("S27.peak", "their throughput", "TFLOP/s", 128, 2 * units * 1e9 / 1e12, 0.03),
        percent("S28.flux", "heat of the stack over its area", "W/mm2", 1.194, 144.53 / area, 2e-3),
        percent("S28.sum", "memory and multipliers over the stack's 144.53 W", "1", 1, (dram + arithmetic) / 144.53, 0.01),
        percent("S28.budget", "budget of memory and logic", "W/mm2", 1.231, (104 + 45) / area, 2e-3),
        percent("S28.capacity", "capacity of 2.156 Gb/mm2", "GB", 32.6, 2.156 * area / 8, 2e-3),
        percent("S28.row", "capacity of the row monolithic_3d", "GB", 32, memory.capacity / 1e9, 0.02),
        percent("S29.area", "area left to arithmetic", "mm2", 82.05, left, 2e-3),
        percent("S29.share", "share of the chip that arithmetic takes", "%", 63.3, 100 * STRATUM["arithmetic"] / area, 2e-3),
        percent("S29.fast", "operations per byte that balance it, fastest tier", "FLOP/B", 4.22, STRATUM["peak"] * 1e12 / fast, 2e-3),
        percent("S29.slow", "the same, slowest tier", "FLOP/B", 6.73, STRATUM["peak"] * 1e12 / slow, 2e-3),
        percent("S30.current", "supply current, every second via spare", "A", 151, current, 0.01),
        percent("S30.voltage", "mean voltage at 149 W", "V", 0.985, 149 / current, 0.01),
    ]


def bandwidth_rows() -> list[Row]:
    """S31, S32: bandwidth of banks and bonds, beside that of the rows."""
    memory, bonded, rows = memories()["hybrid_bonded"], packaging("hybrid_3d"), []
    cases = {"tasa": (768, 16, 0.5e9, 6.14), "hbm3": (1024, 1 / 8, 6.4e9, 0.8192), "hbm4": (2048, 1 / 8, 8e9, 2.048)}
    found = {name: bond_bandwidth.bank_bandwidth(*map(as_float, case[:3])) for name, case in cases.items()}
    for name, rate in found.items():
        rows.append(percent(f"S31.{name}", f"banks or lanes of {name}", "TB/s", cases[name][3], rate / 1e12, 3e-3))
    banks = found["tasa"]
    bound = float(bond_bandwidth.stacked_bandwidth(bonded, memory.footprint, banks)) / 1e12
    rows.append(percent("S31.row", "the row hybrid_bonded beside bonds and banks", "TB/s", bound, memory.bandwidth / 1e12, 3e-3))
    for pitch, paper in ((1, 1e6), (3, 111_111), (9, 12_346), (40, 625)):
        other = packaging("hybrid_3d", bump_pitch=pitch * UM)
        density = float(bond_bandwidth.bond_density(other)) * MM2
        rows.append(percent(f"S32.{pitch}", f"bonds per area at {pitch} um", "1/mm2", paper, density, 1e-3))
        carried = bond_bandwidth.bond_bandwidth(other, memory.footprint)
        rows.append(Row(f"S32.{pitch}.banks", f"bonds of {pitch} um over the banks of Tasa", "x", None, float(carried / banks)))
    return rows


def imec_rows() -> list[Row]:
    """S33: memory beside a GPU of 414 W and on it, by the fitted cooling and by round constants."""
    cooling, sheet = (load_catalogue(SHIPPED).rows["coolings"][name].module for name in ("imec_2025", "cold_plate"))
    area = cooling.reference_area
    round_numbers = {"thermal_resistance": as_float(40 * MM2) / area, "reference_area": area, "stack_resistance": as_float(72 * MM2)}
    sheet, what = tree.put(sheet, round_numbers), "40 and 12 x 6 K mm2/W, 40 W in each stack"
    fitted, plain = (float(thermal.package_temperature(one, as_float(GPU), area)) for one in (cooling, sheet))
    on = [
        float(thermal.stack_temperature(one, as_float(GPU), as_float(watts), area))
        for one, watts in ((cooling, STACKED), (sheet, 4 * STACKED))
    ]
    return [
        percent("S33.imec.beside", "GPU, memory beside it, fitted cooling", "degC", 69.1, fitted, 0.1),
        percent("S33.imec.on", "GPU below its memory, fitted cooling", "degC", 141.7, on[0], 0.1),
        Row("S33.sheet.beside", f"GPU, memory beside it, {what}", "degC", 69.1, plain),
        Row("S33.sheet.on", f"GPU below its memory, {what}", "degC", 141.7, on[1]),
    ]


def with_memory(cluster: Cluster, memory: Any) -> Cluster:
    """The cluster with another memory, as many whole stacks as its dies have room for."""
    cluster = tree.put(cluster, {"device.package.memory": memory})
    package = cluster.device.package
    on = math.floor(float(floorplan.stack_area_supply(package) / memory.footprint))
    stacks = on if float(memory.on_logic) else float(floorplan.most_stacks(cluster))
    return tree.put(cluster, {"device.package.stacks": as_float(float(stacks))})


def package_rows() -> list[Row]:
    """M: capacity, bandwidth, watts and temperatures of an H100-like package with every memory."""
    base = load_system(ROOT / "configs" / "systems" / "dgx_h100.toml").module
    rows = []
    for name, memory in memories().items():
        if name in OF_PRODUCTS:
            continue
        cluster = with_memory(base, memory)
        package = cluster.device.package
        found = (
            ("stacks", "stacks", "1", package.stacks),
            ("capacity", "capacity", "GB", package.stacks * memory.capacity / 1e9),
            ("bandwidth", "bandwidth", "TB/s", package.memory_bandwidth / 1e12),
            ("power", "memory at full rate", "W", power.memory_power(package)),
            ("logic", "compute die", "degC", package_heat.logic_temperature(cluster)),
            ("memory", "hottest memory", "degC", package_heat.memory_temperature(cluster)),
            ("refreshed", "bandwidth left by refreshes, over that of cool memory", "1", package_heat.memory_rate_factor(cluster)),
        )
        rows += [Row(f"M.{name}.{key}", f"H100-like with {name}: {what}", unit, None, float(value)) for key, what, unit, value in found]
    return rows


def rows() -> list[Row]:
    """Every row."""
    return [*energy_rows(), *near_memory_rows(), *stratum_rows(), *bandwidth_rows(), *layer_rows(), *imec_rows(), *package_rows()]


def main() -> int:
    """Print the claim."""
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    jax.config.update("jax_enable_x64", True)
    return show("Memory in three dimensions: energy, bandwidth, area, heat", rows(), ASSUMPTIONS, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
