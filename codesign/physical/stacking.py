"""What do base dies under the compute dies measure, yield and cost?

Dies are hybrid-bonded face to face on active base dies: the form of CATCH for each bond, all dies
of one base good or the stack lost. Wafers of base dies have the size and the test of the process of
the compute dies. Areas are in m2. Without stacking there are no base dies and nothing is lost.
"""

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.hardware.packaging import Packaging
from codesign.hardware.process import Process
from codesign.physical.die_cost import clustered_yield, dies_per_wafer, passing_quality, passing_share


def base_dies(packaging: Packaging, dies: Scalar) -> Scalar:
    """Base dies under `dies` compute dies: 0 without stacking."""
    return packaging.stacked * dies / packaging.dies_per_base


def base_die_area(packaging: Packaging, die_area: Scalar) -> Scalar:
    """Area of one base die [m2]."""
    return packaging.base_area_ratio * packaging.dies_per_base * die_area


def footprint(packaging: Packaging, die_area: Scalar) -> Scalar:
    """Carrier area that one compute die needs, on its share of a base die or alone [m2]."""
    return die_area * (1 + packaging.stacked * (jnp.maximum(packaging.base_area_ratio, 1.0) - 1))


def base_die_passing(packaging: Packaging, process: Process, die_area: Scalar) -> tuple[Scalar, Scalar]:
    """Share of base dies that pass wafer test, and share of good ones among them; tested as `process` is."""
    area = base_die_area(packaging, die_area)
    good = clustered_yield(area, packaging.base_defect_density, packaging.base_cluster_parameter, packaging.base_critical_share)
    return passing_share(good, process.test_coverage), passing_quality(good, process.test_coverage)


def base_die_cost(packaging: Packaging, process: Process, die_area: Scalar) -> Scalar:
    """One base die that passed wafer test, and bonding of the dies on it [$].

    (wafer / (N Y_test) x (1 + t)) + bonding of a wafer pair / N; wafers and test are as those of `process`.
    """
    dies = dies_per_wafer(base_die_area(packaging, die_area), process)
    passing, _ = base_die_passing(packaging, process, die_area)
    return (packaging.base_wafer_price / passing * (1 + process.test_share) + packaging.stack_price) / dies


def stack_yield(packaging: Packaging, die_area: Scalar) -> Scalar:
    """Share of base dies on which all dies of `die_area` [m2] are bonded well: [v / (1 + D A)]^k.

    D defects of the bond [1/m2], v yield of the vias under one die, k dies on one base.
    """
    one = packaging.via_yield / (1 + packaging.stack_defect_density * die_area)
    return one ** (packaging.stacked * packaging.dies_per_base)
