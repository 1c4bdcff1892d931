"""What does a package cost to make, part by part?

Known good dies (or stacks of dies on base dies), memory stacks and optical engines are bonded to
a carrier, or memory to the dies first; the carrier is joined to a substrate, fibres are attached,
the whole is tested: the forms of Chiplet Actuary (arXiv 2203.12268) and CATCH with bridges,
stacking and fibres, for every Packaging at once. Areas are in m2, prices in $. Rework, scrap value
and volume are ignored.
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar, total
from codesign.hardware.packaging import Packaging
from codesign.hardware.process import Process
from codesign.physical.carrier import bridge_area, carrier_area, carrier_cost, carrier_yield, substrate_area, substrate_cost
from codesign.physical.die_cost import die_quality, known_good_die_cost
from codesign.physical.stacking import base_die_cost, base_die_passing, base_dies, footprint, stack_yield


class PackageCost(NamedTuple):
    """Manufacturing cost by part [$]: what is bought, what is lost, and test and assembly."""

    silicon: Scalar
    base_dies: Scalar
    stacking_loss: Scalar
    memory: Scalar
    optics: Scalar
    carrier: Scalar
    substrate: Scalar
    bumps: Scalar
    bonding_loss: Scalar
    fibre_loss: Scalar
    test_and_assembly: Scalar

    @property
    def logic(self) -> Scalar:
        """Compute and base dies, stacked [$]."""
        return self.silicon + self.base_dies + self.stacking_loss

    @property
    def packaging(self) -> Scalar:
        """What comes on top of dies, memory and optics before test and assembly [$]."""
        return self.carrier + self.substrate + self.bumps + self.bonding_loss + self.fibre_loss

    @property
    def total(self) -> Scalar:
        """The sum of the parts [$]."""
        return total(self)


class Bonded(NamedTuple):
    """The blocks on a carrier: how many, their area [m2] and price [$] together, and the share of sets without a faulty die."""

    number: Scalar
    area: Scalar
    price: Scalar
    faultless: Scalar


class Assembly(NamedTuple):
    """What it takes to make one package of its blocks [$]."""

    carrier: Scalar
    substrate: Scalar
    bumps: Scalar
    loss: Scalar


def block_area(packaging: Packaging, die_area: Scalar, dies: Scalar, stacks: Scalar, memory_area: Scalar, optics_area: Scalar) -> Scalar:
    """Dies or the base dies below them, memory stacks of `memory_area` each, and all optics, side by side [m2]."""
    return dies * footprint(packaging, die_area) + stacks * memory_area + optics_area


def blocks_bonded(packaging: Packaging, dies: Scalar, stacks: Scalar, engines: Scalar | float = 0.0) -> Scalar:
    """Blocks bonded to the carrier: dies, or base dies instead of the dies on them, memory stacks and optical engines."""
    return (1 - packaging.stacked) * dies + base_dies(packaging, dies) + stacks + engines


def bond_yield(packaging: Packaging, number: Scalar) -> Scalar:
    """Share of packages in which all of `number` blocks are bonded well."""
    return packaging.bond_yield**number


def faultless_share(packaging: Packaging, process: Process, die_area: Scalar, dies: Scalar) -> Scalar:
    """Share of packages without a faulty die or base die that wafer test let pass."""
    _, base = base_die_passing(packaging, process, die_area)
    return die_quality(die_area, process) ** dies * base ** base_dies(packaging, dies)


def bonding_loss(packaging: Packaging, blocks: Bonded, carrier: Scalar, substrate: Scalar, good_carriers: Scalar) -> Scalar:
    """What is thrown away for one good package [$].

    With y1 = `good_carriers`, y2 well bonded and faultless, y3 joined to the substrate: carrier / (y1 y2 y3), substrate / y3
    (/ y2 when blocks are bonded to it), blocks / (y2 y3) (/ y1 when they are embedded first), each less the part itself.
    """
    y2, y3 = bond_yield(packaging, blocks.number) * blocks.faultless, packaging.substrate_yield
    lost_carriers = carrier * (1 / (good_carriers * y2 * y3) - 1)
    lost_substrates = substrate * (1 / (y3 * (1 + packaging.direct * (y2 - 1))) - 1)
    first = 1 + packaging.chips_first * (good_carriers - 1)
    return lost_carriers + lost_substrates + blocks.price * (1 / (first * y2 * y3) - 1)


def assembly_cost(packaging: Packaging, process: Process, blocks: Bonded) -> Assembly:
    """Carrier, substrate, bumps and bonding loss of a package of these blocks; carrier wafers are as large as those of `process`."""
    area, joints = carrier_area(packaging, blocks.area), bridge_area(packaging, blocks.number)
    carrier = carrier_cost(packaging, process, area, joints)
    substrate = substrate_cost(packaging, substrate_area(packaging, blocks.area), blocks.number)
    bumps = packaging.bump_price * blocks.area
    bumped = blocks._replace(price=blocks.price + bumps)
    loss = bonding_loss(packaging, bumped, carrier, substrate, carrier_yield(packaging, area, joints))
    return Assembly(carrier, substrate, bumps, loss)


def package_cost(
    packaging: Packaging,
    process: Process,
    die_area: Scalar,
    dies: Scalar,
    memory_price: Scalar,
    stacks: Scalar,
    memory_area: Scalar,
    optics_area: Scalar,
    optics_price: Scalar,
    test_and_assembly: Scalar,
    engines: Scalar | float = 0.0,
    fibre_arrays: Scalar | float = 0.0,
    stacks_on_logic: Scalar | float = 0.0,
    memory_bond_yield: Scalar | float = 1.0,
) -> PackageCost:
    """Manufacturing cost of a package of `dies` dies of `die_area` [m2] and `stacks` memory stacks, by part [$].

    `memory_price` [$] and `memory_area` [m2] are of one stack; `optics_area` and `optics_price` of all optics, of which
    `engines` are bonded separately and `fibre_arrays` attached last. Of the stacks, `stacks_on_logic` are bonded on dies, each well
    with `memory_bond_yield`, or all is lost; they need no carrier. `test_and_assembly` is a share of everything else.
    """
    bases = base_dies(packaging, dies)
    silicon, under = dies * known_good_die_cost(die_area, process), bases * base_die_cost(packaging, process, die_area)
    stacking_loss = (silicon + under) * (1 / stack_yield(packaging, die_area) - 1)
    bought = silicon + under + stacking_loss + stacks * memory_price + optics_price
    number = blocks_bonded(packaging, dies, stacks - stacks_on_logic, engines)
    area = block_area(packaging, die_area, dies, stacks - stacks_on_logic, memory_area, optics_area)
    faultless = faultless_share(packaging, process, die_area, dies) * memory_bond_yield ** jnp.asarray(stacks_on_logic)
    made = assembly_cost(packaging, process, Bonded(number, area, bought, faultless))
    before = bought + total(made)
    fibre_loss = before * (packaging.fibre_attach_yield ** -jnp.asarray(fibre_arrays) - 1)
    tested = test_and_assembly * (before + fibre_loss)
    return PackageCost(silicon, under, stacking_loss, stacks * memory_price, optics_price, *made, fibre_loss, tested)
