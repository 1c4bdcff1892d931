"""Do the cost models of dies and packages give the published figures, and the analysts' cost of H100, H200, B200 and MI300X?

Rows O1 to O13 and O42 are oracles of the forms and of the two sets of constants; K costs, S sizes
and M margins of packages on the market; X what a photonic interposer of assumed yield would cost.
"""

import dataclasses
import math
import sys
from typing import Any, NamedTuple

import jax
from claim import Row, parser, rounded, show

from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.physical.carrier import bridge_area, carrier_area, carrier_yield, substrate_area
from codesign.physical.die_cost import break_even_bond_yield, die_yield, dies_per_wafer, known_good_die_cost, split_die_area
from codesign.physical.package_cost import Bonded, PackageCost, assembly_cost, block_area, blocks_bonded, package_cost
from codesign.physical.stacking import stack_yield

MM2, PER_CM2 = 1e-6, 1e4
STACK_AREA = 121 * MM2
SHARE, GATE, SIZES = 0.30, 0.30, 0.15
UNTESTED = {"test_share": 0.0, "test_coverage": 1.0}
"""The oracles of dies leave wafer test out."""

ASSUMPTIONS = [
    "dies: negative-binomial yield; at 4 and 5 nm 35 % of die area is critical and 0.5 % of faulty dies pass wafer test (K rows; no O row)",
    "two sets of constants: as published in 2021, and calibrated to packages of 2025 (28 or 29 of H100, 16 of B200 per interposer wafer)",
    "bumps of interposers are inside the wafer price; seams of a carrier are real-valued: its area over the reticle, less one",
    "test and assembly: 30 % of everything else (K rows); the analysts' tables imply 38 (H100), 39 (B200) and 13 % (MI300X)",
    "analysts' prices of memory: 1350 $ in H100, 2900 $ in B200 and MI300X; H200: six stacks of the row hbm3e_h200",
    "MI300X: 8 dies of 115 mm2 hybrid-bonded in pairs on 4 base dies of 370 mm2; yields and price of the bond are not public",
    "sizes: interposer of B200 and packages from analysts; of MI300X 2750 mm2 in press before its launch, at most 2831 mm2 (3.3 reticles)",
    "margins differ by product: market prices follow from one margin, the geometric mean of the three that the tables imply",
]


class Product(NamedTuple):
    """A package on the market: what is in it, and what analysts say it costs and is sold for [$]."""

    packaging: str
    die: float
    dies: float
    stacks: float
    memory: float
    cost: tuple[float, float]
    price: float | None


PRODUCTS = {
    "H100": Product("interposer_2025", 814, 1, 5, 1350, (3320, 3320), 28000),
    "H200": Product("interposer_2025", 814, 1, 6, 0, (4250, 4800), None),
    "B200": Product("bridge_2025", 800, 2, 8, 2900, (6400, 6400), 40000),
    "MI300X": Product("hybrid_3d", 115, 8, 8, 2900, (5300, 5300), 15000),
}
INTERPOSERS = {"H100": 1500.0, "B200": 2739.0, "MI300X": 2750.0}
SUBSTRATES = {"H100": 55.0, "B200": 75.0}


def part(table: str, name: str, **changes: Any) -> Any:
    """A row of a technology table with some of its numbers changed."""
    return dataclasses.replace(load_catalogue(SHIPPED).rows[table][name].module, **changes)


def printed(row_id: str, quantity: str, unit: str, text: str, model: Any, slack: float = 0.005) -> Row:
    """A row within when the model is within `slack` of what rounds to the printed `text`."""
    half = 0.5 * 10.0 ** -len(text.partition(".")[2])
    return rounded(row_id, quantity, unit, float(text), float(model), half, slack)


def die_rows() -> list[Row]:
    """O1 to O8: yield, dies per wafer and cost."""
    old, seven, rows = part("processes", "n5_2021"), part("processes", "n7_2021"), []
    five = [(100, ".896", "571.7", "33.1"), (200, ".804", "276.2", "76.5"), (400, ".650", "130.0", "201"), (600, ".528", "82.2", "391")]
    for number, (area, good, count, cost) in enumerate([*five, (814, ".424", "57.6", "695")], 1):
        rows.append(printed(f"O{number}.yield", f"yield of {area} mm2 at 5 nm, 2021", "1", good, die_yield(area * MM2, old)))
        rows.append(printed(f"O{number}.dies", "dies per wafer", "1", count, dies_per_wafer(area * MM2, old)))
        rows.append(printed(f"O{number}.cost", "known good die", "$", cost, known_good_die_cost(area * MM2, old)))
    clustered = part("processes", "n5_2021", cluster_parameter=3.0)
    rows.append(printed("O6.yield", "yield of 400 mm2, cluster parameter 3", "1", ".663", die_yield(400 * MM2, clustered)))
    rows.append(printed("O6.cost", "known good die", "$", "197", known_good_die_cost(400 * MM2, clustered)))
    for share, good, cost in ((1.0, ".457", "645"), (0.35, ".755", "391"), (0.2, ".851", "347")):
        process = part("processes", "n5", cluster_parameter=10.0, critical_share=share, **UNTESTED)
        rows.append(printed(f"O7.{share:g}.yield", f"yield of 814 mm2, critical share {share:g}", "1", good, die_yield(814 * MM2, process)))
        rows.append(printed(f"O7.{share:g}.cost", "known good die", "$", cost, known_good_die_cost(814 * MM2, process)))
    for area, good, cost in ((100, ".914", "17.9"), (400, ".702", "102"), (800, ".499", "319")):
        rows.append(printed(f"O8.{area}.yield", f"yield of {area} mm2 at 7 nm, 2021", "1", good, die_yield(area * MM2, seven)))
        rows.append(printed(f"O8.{area}.cost", "known good die", "$", cost, known_good_die_cost(area * MM2, seven)))
    return rows


def splitting_rows() -> list[Row]:
    """O9: one large die against two and four with 10 % more area."""
    process = part("processes", "n5_2021")
    cost = {n: n * known_good_die_cost(split_die_area(800 * MM2, n, 0.1 if n > 1 else 0.0), process) for n in (1, 2, 4)}
    printed_costs = {1: "671.6", 2: "466.4", 4: "346.0"}
    rows = [printed(f"O9.{n}", f"800 mm2 as {n} dies", "$", text, cost[n]) for n, text in printed_costs.items()]
    for n, text in ((2, ".694"), (4, ".802")):
        rows.append(printed(f"O9.y{n}", f"break-even bond yield, {n} dies or 1", "1", text, break_even_bond_yield(cost[n], n, cost[1], 1)))
    return rows


def excess(packaging: Any, area: float, number: float, bought: float) -> float:
    """Packaging cost of a carrier of `area` [mm2] with `number` blocks that cost `bought` [$]."""
    blocks = Bonded(number, area * MM2 / packaging.carrier_area_ratio, bought, 1.0)
    return float(sum(assembly_cost(packaging, part("processes", "n5"), blocks)))


def carrier_rows() -> list[Row]:
    """O10 to O13: packaging cost on an interposer, both sets; yield of hybrid bonds."""
    new = {d: part("packagings", "interposer_2025", carrier_defect_density=d * PER_CM2) for d in (0.005, 0.0075, 0.01)}
    small, large = (1500, 6, 1650), (2739, 10, 3500)
    rows = [printed(f"O10.{d}", "packaging, 1500 mm2, 2025", "$", text, excess(new[d], *small), 0.02)
            for d, text in ((0.005, "678"), (0.0075, "697"), (0.01, "716"))]  # fmt: skip
    rows += [printed(f"O11.{d}", "packaging, 2739 mm2, 2025", "$", text, excess(new[d], *large), 0.02)
             for d, text in ((0.005, "1604"), (0.0075, "1688"))]  # fmt: skip
    sixteen = new[0.005].carrier_wafer_price * dies_per_wafer(2739 * MM2, part("processes", "n5")) / 16
    forced = dataclasses.replace(new[0.005], carrier_wafer_price=sixteen)
    rows.append(printed("O11.16", "the same with 16 carriers per wafer", "$", "1276", excess(forced, *large), 0.02))
    old = part("packagings", "interposer_2021")
    rows.append(printed("O12.1500", "packaging, 1500 mm2, 2021", "$", "875", excess(old, *small), 0.02))
    rows.append(printed("O12.2739", "packaging, 2739 mm2, 2021", "$", "3657", excess(old, *large), 0.02))
    bond = part("packagings", "hybrid_3d", via_yield=1.0, dies_per_base=1.0)
    return rows + [printed(f"O13.{area}", f"yield of a hybrid bond of {area} mm2", "1", text, stack_yield(bond, area * MM2), 0.02)
                   for area, text in ((100, ".952"), (400, ".833"), (800, ".714"))]  # fmt: skip


def sum_rows() -> list[Row]:
    """O42: dies, memory and packaging of O10 and O11 with the analysts' share of test and assembly."""
    process, carrier = part("processes", "n5", **UNTESTED), part("packagings", "interposer_2025")
    h100 = known_good_die_cost(814 * MM2, process) + 1350 + excess(carrier, 1500, 6, 1650)
    b200 = 2 * known_good_die_cost(800 * MM2, process) + 2900 + excess(carrier, 2739, 10, 3500)
    rows = [printed("O42.h100", "H100 from the parts of the sheet", "$", "3359", 1.38 * h100),
            printed("O42.b200", "B200 from the parts of the sheet", "$", "7374", 1.38 * b200)]  # fmt: skip
    rows.append(Row("O42.h100.table", "the same beside the analysts' total", "$", 3320, float(1.38 * h100), 3320 * 0.7, 3320 * 1.3))
    return [*rows, Row("O42.b200.table", "the same beside the analysts' total", "$", 6400, float(1.38 * b200), 6400 * 0.7, 6400 * 1.3)]


def cost_of(name: str, packaging: str = "", process: str = "n5", share: float = SHARE) -> PackageCost:
    """Manufacturing cost of a product, from the rows."""
    product = PRODUCTS[name]
    memory = product.memory / product.stacks or part("memories", "hbm3e_h200").price
    carrier = part("packagings", packaging or product.packaging)
    return package_cost(
        carrier, part("processes", process), product.die * MM2, product.dies, memory, product.stacks, STACK_AREA, 0.0, 0.0, share
    )


def product_rows() -> list[Row]:
    """K: manufacturing cost beside the analysts' totals and parts, both sets of constants."""
    rows, shares = [], {"H100": 0.38, "B200": 0.39, "MI300X": 0.13}
    for name, product in PRODUCTS.items():
        (low, high), model = product.cost, cost_of(name)
        gate = (low * (1 - GATE), high * (1 + GATE))
        rows.append(Row(f"K.{name}", "manufacturing cost", "$", (low + high) / 2, float(model.total), *gate))
        if name in shares:
            total = float(cost_of(name, share=shares[name]).total)
            rows.append(Row(f"K.{name}.share", f"with {shares[name]:.0%} test and assembly", "$", low, total, *gate))
        if name != "MI300X":
            old = cost_of(name, "interposer_2021", "n5_2021")
            rows.append(Row(f"K.{name}.2021", "with the constants of 2021", "$", (low + high) / 2, float(old.total)))
    for name, logic, packaging in (("H100", 300, 750), ("B200", None, 1100), ("MI300X", 600, 1200)):
        model = cost_of(name)
        if logic:
            rows.append(Row(f"K.{name}.logic", "compute and base dies", "$", logic, float(model.logic)))
        rows.append(Row(f"K.{name}.packaging", "packaging", "$", packaging, float(model.packaging)))
    return rows


def size_rows() -> list[Row]:
    """S: carriers and substrates beside those of the products."""
    rows = []
    for name, published in INTERPOSERS.items():
        product = PRODUCTS[name]
        packaging = part("packagings", product.packaging)
        blocks = block_area(packaging, product.die, product.dies, product.stacks, STACK_AREA / MM2, 0.0)
        area = float(carrier_area(packaging, blocks))
        rows.append(Row(f"S.{name}", "carrier", "mm2", published, area, published * (1 - SIZES), published * (1 + SIZES)))
        if name in SUBSTRATES:
            side, known = math.sqrt(float(substrate_area(packaging, blocks))), SUBSTRATES[name]
            rows.append(Row(f"S.{name}.side", "side of the substrate", "mm", known, side, known * (1 - SIZES), known * (1 + SIZES)))
    return rows


def margin_rows() -> list[Row]:
    """M: market price from one margin for every product, beside what it is sold for."""
    sold = {name: product for name, product in PRODUCTS.items() if product.price}
    margin = math.prod(product.price / product.cost[0] for product in sold.values()) ** (1 / len(sold))
    text = f"market price at {margin:.3g} x cost"
    return [Row(f"M.{name}", text, "$", product.price, margin * float(cost_of(name).total)) for name, product in sold.items()]


def photonic_rows() -> list[Row]:
    """X: four reticles and 16 stacks on one interposer, photonic at three defect densities per cm2, and plain."""
    rows, process = [], part("processes", "n3")
    photonic = {f"photonic.{d}": part("packagings", "photonic_interposer", carrier_defect_density=d * PER_CM2) for d in (0.02, 0.05, 0.1)}
    for label, packaging in (photonic | {"plain": part("packagings", "interposer_2025")}).items():
        blocks = block_area(packaging, 858 * MM2, 4, 16, 143 * MM2, 200 * MM2)
        joints = bridge_area(packaging, blocks_bonded(packaging, 4, 16))
        good = carrier_yield(packaging, carrier_area(packaging, blocks), joints)
        cost = package_cost(packaging, process, 858 * MM2, 4, 550, 16, 143 * MM2, 200 * MM2, 0.0, SHARE)
        rows.append(Row(f"X.{label}.yield", "interposers of four reticles that work", "1", None, float(good)))
        rows.append(Row(f"X.{label}.cost", "packaging", "$", None, float(cost.packaging)))
    return rows


def cost_rows() -> list[Row]:
    """Every row."""
    oracles = [*die_rows(), *splitting_rows(), *carrier_rows(), *sum_rows()]
    return [*oracles, *product_rows(), *size_rows(), *margin_rows(), *photonic_rows()]


def main() -> int:
    """Print the claim."""
    arguments = parser(__doc__.splitlines()[0]).parse_args()
    jax.config.update("jax_enable_x64", True)
    return show("What a die and a package cost to make", cost_rows(), ASSUMPTIONS, arguments.json)


if __name__ == "__main__":
    sys.exit(main())
