"""What does one package cost to make, and at what price is it sold?"""

from codesign.fields import Scalar
from codesign.hardware.package import Package


def manufacturing_cost(package: Package, area: Scalar) -> Scalar:
    """Known good dies, memory, packaging per area, test and assembly [$].

    `area` is the package area with its optics [m2]; the optics themselves are priced with
    the link. Yield is inside the price rows.
    """
    silicon = package.dies * package.die.area * package.die.price_per_area
    memory = package.stacks * package.memory.price
    return (silicon + memory + area * package.price_per_area) * (1 + package.test_and_assembly)


def market_price(package: Package, area: Scalar) -> Scalar:
    """Manufacturing cost times the one stated ratio of price over cost [$]."""
    return manufacturing_cost(package, area) * package.price_over_cost
