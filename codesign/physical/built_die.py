"""Which rates and watts does a designed die have?

    logic area   A_logic = A - A_interfaces - SRAM / density        (soft: never below a thousandth of A)
    peak         P = P_known x A_logic / A_logic,known x f / f_known x ratio of the processes' densities per clock
    energy       e = e_known x (V / V_known)^2 x ratio of the processes' energies,   V = V_known (f / f_known)^gamma
    static       S = S_known x A_logic / A_logic,known x V / V_known x ratio of the processes' leakages

Processors grow with the logic area. How much of the known die is interface is stated by the design.
Shorter wires of a smaller die, and caches that do not shrink with it, are ignored.
"""

import dataclasses

import jax.numpy as jnp

from codesign.fields import Scalar, quantities
from codesign.hardware.designed_die import DesignedDie
from codesign.hardware.die import Die
from codesign.physical.clock import voltage

LEAST_LOGIC = 1e-3


def logic_area(die: DesignedDie, interface_area: Scalar) -> Scalar:
    """Area left for arithmetic and its caches [m2]: (x + sqrt(x^2 + (2 s)^2)) / 2 with s a thousandth of the die is positive."""
    left = die.area - interface_area - die.sram / die.process.sram_density
    least = 2 * LEAST_LOGIC * die.area
    return (left + jnp.sqrt(left**2 + least**2)) / 2


def logic_ratio(die: DesignedDie, interface_area: Scalar) -> Scalar:
    """Logic area over that of the known die."""
    return logic_area(die, interface_area) / (die.like.area - die.known_interface_area)


RATES = ("peak_flops", "peak_flops_8bit", "peak_flops_4bit", "exponential_rate")
ENERGIES = ("energy_per_flop", "energy_per_flop_8bit")


def built_die(die: DesignedDie, interface_area: Scalar) -> Die:
    """The die that follows from a design; `interface_area` is what memory and links take of it [m2]."""
    like, process = die.like, die.process
    logic, supply = logic_ratio(die, interface_area), voltage(die.clock / die.known_clock, die.voltage_exponent)
    per_clock = process.flops_per_area / process.clock * like.process.clock / like.process.flops_per_area
    rate = logic * die.clock / die.known_clock * per_clock
    energy = supply**2 * process.energy_per_flop / like.process.energy_per_flop
    static = logic * supply * process.leakage_per_area / like.process.leakage_per_area
    factors = dict.fromkeys(RATES, rate) | dict.fromkeys(ENERGIES, energy)
    factors |= {"static_power": static, "processors": logic}
    known = {name: getattr(like, name) * factors.get(name, 1.0) for name in quantities(Die)}
    return dataclasses.replace(like, process=process, **known | {"width": die.width, "height": die.height})
