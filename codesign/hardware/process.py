"""What is one wafer process: price, defects and geometry of a wafer, and what a square millimetre of it holds?"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class Process(eqx.Module):
    """One logic process; rates and powers are per area of the block they describe, at the nominal clock."""

    wafer_price: Scalar = quantity("$", "price of one processed wafer", high=1e6)
    defect_density: Scalar = quantity("1/cm2", "defects per wafer area", high=10)
    cluster_parameter: Scalar = quantity("1", "how little defects cluster; infinite is Poisson", low=0.5, high=100)
    critical_share: Scalar = quantity("1", "share of die area where a defect kills: the rest is repaired or fused off", high=1)
    wafer_diameter: Scalar = quantity("mm", "diameter of the wafer", low=50, high=500)
    edge_exclusion: Scalar = quantity("mm", "rim of the wafer without good dies", high=20)
    scribe: Scalar = quantity("mm", "width of the saw lane between dies", high=2)
    test_share: Scalar = quantity("1", "wafer test as a share of the cost of a good die", high=2)
    test_coverage: Scalar = quantity("1", "share of the faulty dies that wafer test finds", low=0.5, high=1)
    lithography_share: Scalar = quantity("1", "share of wafer cost that grows with the number of exposures", high=1)
    design_price: Scalar = quantity("M$", "design of one chip of 300 mm2, masks included", high=1e4)
    reticle_width: Scalar = quantity("mm", "longest die side across the scan", low=1, high=200)
    reticle_height: Scalar = quantity("mm", "longest die side along the scan", low=1, high=200)
    flops_per_area: Scalar = quantity("TFLOP/s/mm2", "dense 16-bit matrix rate per logic area", low=1e-4, high=100)
    clock: Scalar = quantity("GHz", "nominal clock of the densities", low=0.05, high=10)
    energy_per_flop: Scalar = quantity("pJ/FLOP", "dynamic energy of one 16-bit floating point operation", low=0.01, high=50)
    leakage_per_area: Scalar = quantity("W/mm2", "leakage and clocks, drawn all the time", high=5)
    sram_density: Scalar = quantity("MB/mm2", "cache with its tags and wiring", low=1e-3, high=100)

    @property
    def reticle_area(self) -> Scalar:
        """The largest area exposed at once [m2]."""
        return self.reticle_width * self.reticle_height
