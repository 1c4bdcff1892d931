"""What takes the heat out of a package, and how hot may its parts get?"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class Cooling(eqx.Module):
    """One way of cooling and feeding a package, from the coolant's inlet to the transistors.

    `thermal_resistance` and `reference_area` are those of one published package; what is asked of another is their
    product. `local_resistance` is the part of that product which heat passes before it can spread sideways.
    """

    inlet_temperature: Scalar = quantity("degC", "coolant as it enters; of a boiling coolant, its boiling point", high=100)
    thermal_resistance: Scalar = quantity("K/W", "junction over inlet per heat of a die of `reference_area`", low=1e-3, high=10)
    reference_area: Scalar = quantity("mm2", "die area that `thermal_resistance` holds for", low=10, high=1e5)
    reference_lid_area: Scalar = quantity("mm2", "spreading surface over that die: lid and cold plate", low=10, high=1e6)
    local_resistance: Scalar = quantity("K*mm2/W", "silicon and first interface, per area of a die", high=1000)
    stack_resistance: Scalar = quantity("K*mm2/W", "memory stack from logic below to its top, per area of the stack", high=1e4)
    spreading_length: Scalar = quantity("mm", "distance over which heat spreads in lid and cold plate before it leaves", low=0.1, high=200)
    lid_margin: Scalar = quantity("mm", "spreading surface beyond the outermost blocks", high=100)
    logic_limit: Scalar = quantity("degC", "hottest allowed logic", low=20, high=200)
    memory_limit: Scalar = quantity("degC", "hottest allowed memory", low=20, high=200)
    refresh_temperature: Scalar = quantity("degC", "memory above it must be refreshed twice as often", low=20, high=200)
    ring_limit: Scalar = quantity("degC", "hottest allowed ring resonator", low=20, high=200)
    heat_flux_limit: Scalar = quantity("W/mm2", "heat taken from die area", low=0.01, high=100)
    power_limit: Scalar = quantity("W", "heat taken from one package", low=1, high=1e5)
    current_density_limit: Scalar = quantity("A/mm2", "supply current per die area", low=0.01, high=100)
    supply_voltage: Scalar = quantity("W/A", "supply voltage of the dies", low=0.1, high=5)

    @property
    def area_resistance(self) -> Scalar:
        """Resistance of a die of any size, per area [K m2/W]."""
        return self.thermal_resistance * self.reference_area

    @property
    def power_delivery_limit(self) -> Scalar:
        """Power that the supply feeds per die area [W/m2]."""
        return self.current_density_limit * self.supply_voltage
