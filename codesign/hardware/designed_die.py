"""What is a compute die that does not exist yet: made like a known one, in another size, clock or process?"""

import equinox as eqx

from codesign.fields import Scalar, quantity
from codesign.hardware.die import Die
from codesign.hardware.process import Process


class DesignedDie(eqx.Module):
    """A die whose rates follow from its logic area, process and clock; `physical.built_die` builds it.

    `like` is the die whose arithmetic per logic area, efficiencies and energies it shares.
    """

    like: Die
    process: Process
    width: Scalar = quantity("mm", "outline along the row of dies", low=1, high=100)
    height: Scalar = quantity("mm", "outline across the row of dies", low=1, high=100)
    clock: Scalar = quantity("GHz", "clock of the matrix units under load", low=0.1, high=10)
    sram: Scalar = quantity("MB", "memory on the die beyond that of the known one per logic area", high=1e4)
    known_clock: Scalar = quantity("GHz", "clock at which the known die has its stated peaks", low=0.1, high=10)
    voltage_exponent: Scalar = quantity("1", "power of the clock with which the supply voltage grows", high=3)
    known_interface_area: Scalar = quantity("mm2", "area of memory and link interfaces on the known die", high=1e3)

    @property
    def area(self) -> Scalar:
        """Area of the die [m2]."""
        return self.width * self.height
