"""What is in one package: compute dies in a row, memory stacks on its long sides, budgets?"""

import equinox as eqx

from codesign.fields import Scalar, quantity
from codesign.hardware.die import Die
from codesign.hardware.memory import Memory


class Package(eqx.Module):
    """One accelerator package; its links belong to the device."""

    die: Die
    memory: Memory
    dies: Scalar = quantity("1", "compute dies in a row", low=1, high=64, whole=True)
    stacks: Scalar = quantity("1", "memory stacks", low=1, high=256, whole=True)
    power_limit: Scalar = quantity("W", "power the package may dissipate", low=10, high=1e5)
    area_limit: Scalar = quantity("mm2", "largest package area", low=100, high=1e6)
    price_per_area: Scalar = quantity("$/mm2", "interposer, substrate and assembly per package area", high=100)
    test_and_assembly: Scalar = quantity("1", "test and final assembly as a share of the parts", high=2)
    price_over_cost: Scalar = quantity("1", "market price of a package over its manufacturing cost", low=1, high=20)

    @property
    def peak_flops(self) -> Scalar:
        """Dense 16-bit matrix peak [FLOP/s]."""
        return self.dies * self.die.peak_flops

    @property
    def peak_flops_8bit(self) -> Scalar:
        """Dense 8-bit matrix peak [FLOP/s]."""
        return self.dies * self.die.peak_flops_8bit

    @property
    def peak_flops_4bit(self) -> Scalar:
        """Dense 4-bit matrix peak [FLOP/s]."""
        return self.dies * self.die.peak_flops_4bit

    @property
    def memory_bandwidth(self) -> Scalar:
        """Peak memory bandwidth [B/s]."""
        return self.stacks * self.memory.bandwidth

    @property
    def memory_capacity(self) -> Scalar:
        """Memory a job can use [B]."""
        return self.stacks * self.memory.capacity * self.memory.usable_capacity
