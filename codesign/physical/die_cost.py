"""What does a known good die cost to make, and its design?

Negative-binomial yield, gross dies of a round wafer, wafer test; the form of Chiplet Actuary
(arXiv 2203.12268) with a share of area that defects do not kill. Areas are in m2. Volume
discounts, wafers begun and scrapped, and speed bins are ignored.
"""

import jax.numpy as jnp
from jax.nn import softplus

from codesign.fields import Scalar
from codesign.hardware.process import Process

SMALLEST_AREA = 1e-8
"""Areas below 0.01 mm2 count as that much [m2], so that nothing divides by zero."""
FEWEST_DIES = 0.5
REFERENCE_AREA = 300e-6
"""Area of the chip whose design price a process states [m2]."""
WHOLE = 1e-6
"""Slack before a share of a reticle counts as more than a whole."""


def clustered_yield(area: Scalar, defect_density: Scalar, cluster_parameter: Scalar, critical_share: Scalar | float = 1.0) -> Scalar:
    """Share of areas without a killing defect: (1 + k D A / a)^-a.

    `area` A [m2], `defect_density` D [1/m2], `cluster_parameter` a, `critical_share` k; a to infinity is exp(-k D A).

    >>> round(float(clustered_yield(400e-6, 1100.0, 10.0)), 3)
    0.65
    """
    defects = critical_share * defect_density * area
    return jnp.exp(-cluster_parameter * jnp.log1p(defects / cluster_parameter))


def die_yield(area: Scalar, process: Process) -> Scalar:
    """Share of dies of `area` [m2] that work."""
    return clustered_yield(area, process.defect_density, process.cluster_parameter, process.critical_share)


def formula_dies_per_wafer(area: Scalar, process: Process) -> Scalar:
    """Gross dies of `area` [m2] on a wafer: pi (d/2 - e)^2 / A' - pi (d - 2e) / sqrt(2 A'), A' = (sqrt(A) + s)^2.

    d diameter, e edge exclusion, s scribe [m]. Negative above about 10,500 mm2 on 300 mm wafers.
    """
    pitch = jnp.sqrt(jnp.maximum(area, SMALLEST_AREA)) + process.scribe
    usable = process.wafer_diameter - 2 * process.edge_exclusion
    half = usable / (2 * pitch)
    return jnp.pi * half * (half - jnp.sqrt(2.0))  # as a product, so that bounds of it are close


def dies_per_wafer(area: Scalar, process: Process) -> Scalar:
    """The formula N above 5 dies (to 0.3 %), never fewer than half a die: 1/2 + log(1 + exp(N - 1/2)).

    A smooth floor: a die that fits no wafer costs at most two wafers. Means nothing for areas above 42,000 mm2, where
    the formula turns around: no square of that size fits on 300 mm.
    """
    return FEWEST_DIES + softplus(formula_dies_per_wafer(area, process) - FEWEST_DIES)


def passing_share(good: Scalar, coverage: Scalar) -> Scalar:
    """Share of dies that pass a test: Y + (1 - Y) (1 - c), for a yield Y `good` and a test that finds the share c of the faulty ones."""
    return good + (1 - good) * (1 - coverage)


def passing_quality(good: Scalar, coverage: Scalar) -> Scalar:
    """Share of good ones among the dies that pass: 1 / (1 + (1 - c) (1 / Y - 1)); nothing passes at a yield of 0 and full coverage: 1."""
    some = jnp.maximum(good, 1e-18)  # below it single precision has no slope
    return jnp.where(good > 0, 1 / (1 + (1 - coverage) * (1 / some - 1)), jnp.where(coverage < 1, 0.0, 1.0))


def die_quality(area: Scalar, process: Process) -> Scalar:
    """Share of good dies among those of `area` [m2] that wafer test lets pass."""
    return passing_quality(die_yield(area, process), process.test_coverage)


def known_good_die_cost(area: Scalar, process: Process) -> Scalar:
    """Cost of one die of `area` [m2] that passed wafer test: C / (N Y_test) x (1 + t) [$]."""
    passing = passing_share(die_yield(area, process), process.test_coverage)
    return process.wafer_price / (dies_per_wafer(area, process) * passing) * (1 + process.test_share)


def reticle_use(area: Scalar, process: Process) -> Scalar:
    """Share of exposed area that dies of `area` [m2] use: floor(m R / A) A / (m R) with m = ceil(A / R) fields of reticle area R."""
    area = jnp.maximum(area, SMALLEST_AREA)
    exposed = jnp.maximum(jnp.ceil(area / process.reticle_area - WHOLE), 1.0) * process.reticle_area
    return jnp.floor(exposed / area + WHOLE) * area / exposed


def reticle_area_cost(area: Scalar, process: Process) -> Scalar:
    """Untested silicon of one die that pays for badly filled reticles, as in CATCH: c A (1 - l + l / u) [$].

    c = wafer price over wafer area, l lithography share, u reticle use: steps in area, so gradients see only the parts
    between them. An alternative to counting dies; yield and the rim of the wafer are left out.
    """
    per_area = process.wafer_price / (jnp.pi * (process.wafer_diameter / 2) ** 2)
    share = process.lithography_share
    return per_area * area * (1 - share + share / reticle_use(area, process))


def split_die_area(area: Scalar, dies: Scalar, overhead: Scalar | float) -> Scalar:
    """Area of each of `dies` dies that share a function of `area` [m2], each larger by the share `overhead` for its links [m2]."""
    return area / dies * (1 + overhead)


def break_even_bond_yield(cost: Scalar, dies: Scalar, other_cost: Scalar, other_dies: Scalar) -> Scalar:
    """Bond yield per die at which two ways to split cost the same: (C_n / C_m)^(1 / (n - m)).

    `cost` and `other_cost` are for all known good dies of each [$]; 1 for equal numbers of dies. Only the dies lost in bonding count.
    """
    more = dies - other_dies
    safe = jnp.where(more == 0, 1.0, more)
    return jnp.where(more == 0, 1.0, jnp.exp(jnp.log(cost / other_cost) / safe))


def die_design_cost(area: Scalar, process: Process) -> Scalar:
    """Physical design, masks and fixed cost of one die of `area` [m2]: P (0.3 A / 300 mm2 + 0.2) [$], P the design price."""
    return process.design_price * (0.3 * area / REFERENCE_AREA + 0.2)


def module_design_cost(area: Scalar, process: Process) -> Scalar:
    """Design of modules of `area` [m2], which may be used in several dies: 0.5 P A / 300 mm2 [$]."""
    return process.design_price * 0.5 * area / REFERENCE_AREA


def design_cost(die_area: Scalar, module_area: Scalar, process: Process, volume: Scalar) -> Scalar:
    """Design cost that each of `volume` products carries, for one new die and new modules of these areas [m2] in it [$]."""
    return (die_design_cost(die_area, process) + module_design_cost(module_area, process)) / jnp.maximum(volume, 1.0)
