"""What is in one package: compute dies, memory stacks, how they are put together and cooled, budgets?"""

import equinox as eqx

from codesign.fields import Scalar, part, quantity
from codesign.hardware.cooling import Cooling
from codesign.hardware.designed_die import DesignedDie
from codesign.hardware.die import Die
from codesign.hardware.memory import Memory
from codesign.hardware.packaging import Packaging


class Package(eqx.Module):
    """What one device has of a package; its links belong to the device.

    A package holds one device, or all devices of a pod whose network lies inside it: then `power_limit`
    and `area_limit` are those of the whole package, everything else counts per device.
    """

    die: Die = part(DesignedDie)
    memory: Memory = part()
    packaging: Packaging = part()
    cooling: Cooling = part()
    dies: Scalar = quantity("1", "compute dies of one device", low=1, high=64, whole=True)
    rows: Scalar = quantity("1", "rows in which the dies of the package stand", low=1, high=64, whole=True, default=1)
    stacks: Scalar = quantity("1", "memory stacks of one device", low=1, high=256, whole=True)
    power_limit: Scalar = quantity("W", "power the package may dissipate", low=10, high=1e5)
    area_limit: Scalar = quantity("mm2", "largest package area", low=100, high=1e6)
    test_and_assembly: Scalar = quantity("1", "test and final assembly as a share of the parts", high=2)
    price_over_cost: Scalar = quantity("1", "market price of a package over its manufacturing cost", low=1, high=20)
    volume: Scalar = quantity("1", "packages over which the cost of the design is spread", low=1, high=1e9, default=1e6)

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
