"""What does a network cost: switch ports used, link ends, cables, interface cards?"""

from codesign.fields import Scalar
from codesign.hardware.link import Link
from codesign.hardware.switch import Switch
from codesign.topology.tier import Bill


def network_cost(bill: Bill, link: Link, switch: Switch, interface_price: Scalar) -> Scalar:
    """Capital cost of one network of the whole cluster [$]; ports that are not used are not charged."""
    active = bill.link_end_bandwidth * link.price_per_bandwidth + bill.switched_bandwidth * switch.price_per_bandwidth
    return active + bill.cable_bandwidth * link.cable_price + bill.interface_bandwidth * interface_price
