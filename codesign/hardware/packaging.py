"""How are dies put together: directly on a substrate, on a carrier, over bridges, on base dies?

Dies (or stacks of dies on base dies), memory stacks and optical engines are bonded side by side on
a carrier: nothing (organic), a redistribution layer, a silicon or photonic interposer, bridges in a
redistribution layer. Prices are zero and switches 0 for what a technology does not have.
"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class Packaging(eqx.Module):
    """One packaging technology; switches are 0 or 1."""

    carrier_wafer_price: Scalar = quantity("$", "one carrier wafer, chip-on-wafer assembly included; 0: no carrier", high=1e6)
    carrier_defect_density: Scalar = quantity("1/cm2", "defects per carrier area", high=10)
    carrier_cluster_parameter: Scalar = quantity("1", "how little defects of carrier and bridges cluster", low=0.5, high=100)
    carrier_area_ratio: Scalar = quantity("1", "carrier area over that of the blocks on it", low=1, high=5)
    bond_yield: Scalar = quantity("1", "yield of bonding one block to the carrier", low=0.5, high=1)
    chips_first: Scalar = quantity("1", "switch: blocks are embedded before the carrier is made, and lost with it", high=1)
    direct: Scalar = quantity("1", "switch: blocks are bonded to the substrate itself, which is lost with them", high=1)
    substrate_yield: Scalar = quantity("1", "yield of joining carrier and substrate", low=0.5, high=1)
    substrate_area_ratio: Scalar = quantity("1", "substrate area over carrier area", low=1, high=20)
    substrate_price: Scalar = quantity("$/mm2", "substrate per area", high=10)
    layer_growth: Scalar = quantity("1", "switch: large substrates of several dies have more layers, 1.5 to 2 times the price", high=1)
    bump_price: Scalar = quantity("$/mm2", "bumps per area of the blocks", high=10)
    reticle_area: Scalar = quantity("mm2", "carrier area exposed at once", low=10, high=1e6)
    stitch_yield: Scalar = quantity("1", "yield of one seam between two exposures of the carrier", low=0.5, high=1)
    bridge_area: Scalar = quantity("mm2", "bridge under one joint of two blocks; 0: no bridges", high=1e3)
    bridge_defect_density: Scalar = quantity("1/cm2", "defects per bridge area", high=10)
    bridge_price: Scalar = quantity("$/mm2", "bridges per area", high=10)
    stacked: Scalar = quantity("1", "switch: compute dies stand on active base dies", high=1)
    dies_per_base: Scalar = quantity("1", "compute dies on one base die", low=1, high=64, whole=True)
    base_area_ratio: Scalar = quantity("1", "base die area over that of the compute dies on it", low=0.1, high=10)
    base_wafer_price: Scalar = quantity("$", "one wafer of base dies", high=1e6)
    base_defect_density: Scalar = quantity("1/cm2", "defects per area of base die", high=10)
    base_cluster_parameter: Scalar = quantity("1", "how little defects of base dies cluster", low=0.5, high=100)
    base_critical_share: Scalar = quantity("1", "share of base die area where a defect kills", high=1)
    stack_price: Scalar = quantity("$", "bonding of one wafer pair of dies and base dies", high=1e6)
    stack_defect_density: Scalar = quantity("1/cm2", "defects per bonded area of die on base die", high=10)
    via_yield: Scalar = quantity("1", "yield of the through-silicon vias under one die", low=0.5, high=1)
    fibre_attach_yield: Scalar = quantity("1", "yield of attaching one fibre array", low=0.5, high=1)
    largest_carrier_area: Scalar = quantity("mm2", "largest carrier that is made; of the blocks where there is none", low=100, high=1e6)
    bump_pitch: Scalar = quantity("um", "pitch of the bonds between a block and what it stands on", low=0.1, high=1000)
    signal_share: Scalar = quantity("1", "share of the bonds that carry data; the rest is power, ground, clocks", high=1)
    bump_rate: Scalar = quantity("Gb/s", "rate of one data bond", low=0.01, high=1000)
    die_gap: Scalar = quantity("mm", "distance of two dies", high=20)
    memory_gap: Scalar = quantity("mm", "distance of a die and a memory stack", high=20)

    @property
    def area_rate(self) -> Scalar:
        """Data rate per area of bonds, both directions together [B/s/m2]: share x rate / pitch^2."""
        return self.signal_share * self.bump_rate / self.bump_pitch**2
