"""What do the carrier of the blocks and the substrate below it measure, yield and cost?

A carrier is a redistribution layer, an interposer or bridges in one of them; without one the
blocks stand on the substrate. The forms of Chiplet Actuary (arXiv 2203.12268) with seams and
bridges. Areas are in m2.
"""

import jax.numpy as jnp
from jax.nn import sigmoid

from codesign.fields import Scalar
from codesign.hardware.packaging import Packaging
from codesign.hardware.process import Process
from codesign.physical.die_cost import clustered_yield, dies_per_wafer

LAYER_STEPS = (17e-3**2, 30e-3**2)
"""Substrate areas above which Chiplet Actuary adds layers [m2]."""
STEP_WIDTH = 0.03
"""Width of the smoothed steps as a share of their place."""


def carrier_area(packaging: Packaging, blocks: Scalar) -> Scalar:
    """Area of the carrier under blocks of this area [m2]; without a carrier the area the blocks take."""
    return packaging.carrier_area_ratio * blocks


def substrate_area(packaging: Packaging, blocks: Scalar) -> Scalar:
    """Area of the substrate under blocks of this area [m2]."""
    return packaging.substrate_area_ratio * carrier_area(packaging, blocks)


def seams(packaging: Packaging, area: Scalar) -> Scalar:
    """Seams between the exposures of a carrier of `area` [m2]: A / reticle - 1, real-valued, none below one reticle.

    Whole numbers of exposures have at most one seam more.
    """
    return jnp.maximum(area / packaging.reticle_area - 1, 0.0)


def bridge_area(packaging: Packaging, count: Scalar) -> Scalar:
    """Area of the bridges that join `count` blocks in a chain or tree: (n - 1) x area of one [m2]."""
    return packaging.bridge_area * jnp.maximum(count - 1, 0.0)


def carrier_yield(packaging: Packaging, area: Scalar, joints: Scalar) -> Scalar:
    """Share of carriers of `area` [m2] that work: defects of its own and of `joints` [m2] of bridges, and seams."""
    own = clustered_yield(area, packaging.carrier_defect_density, packaging.carrier_cluster_parameter)
    stitched = packaging.stitch_yield ** seams(packaging, area)
    return own * stitched * clustered_yield(joints, packaging.bridge_defect_density, packaging.carrier_cluster_parameter)


def carrier_cost(packaging: Packaging, process: Process, area: Scalar, joints: Scalar) -> Scalar:
    """One carrier of `area` with `joints` of bridges [m2], good or bad [$]; the wafer is as large as those of `process`."""
    return packaging.carrier_wafer_price / dies_per_wafer(area, process) + joints * packaging.bridge_price


def layer_factor(packaging: Packaging, area: Scalar, count: Scalar) -> Scalar:
    """Price of a substrate of `area` [m2] under `count` blocks over that of one with few layers.

    1 for one block, else 1.5, 1.75 above 17 x 17 and 2 above 30 x 30 mm2 (Chiplet Actuary); the steps are smooth over 3 % of area.
    """
    several = jnp.clip(count - 1, 0.0, 1.0)
    steps = [sigmoid((area / step - 1) / STEP_WIDTH) for step in LAYER_STEPS]
    return 1 + packaging.layer_growth * several**2 * (3 - 2 * several) * (0.5 + 0.25 * (steps[0] + steps[1]))


def substrate_cost(packaging: Packaging, area: Scalar, count: Scalar) -> Scalar:
    """One substrate of `area` [m2] under `count` blocks [$]."""
    return packaging.substrate_price * area * layer_factor(packaging, area, count)
