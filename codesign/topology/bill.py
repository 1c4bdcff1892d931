"""What has to be bought for a network: how much of each part, at what price and power?

Amounts are bandwidths per direction [B/s], which divided by a port rate give ports, link
ends and cables; ports of circuit switches, which pass any rate, are counted. Only parts in
use are charged (arXiv 2501.03905 section 7.2).
"""

from typing import NamedTuple

import jax.numpy as jnp

from codesign.fields import Scalar
from codesign.hardware.interface import Interface
from codesign.hardware.link import Link
from codesign.hardware.switch import CircuitSwitch, Switch


class Item(NamedTuple):
    """`amount` [B/s, or ports], `price` and `power` of one unit of it."""

    amount: Scalar | float
    price: Scalar | float
    power: Scalar | float

    @property
    def cost(self) -> Scalar | float:
        """Price of all of it [$]."""
        return self.amount * self.price

    @property
    def watts(self) -> Scalar | float:
        """Power of all of it [W]."""
        return self.amount * self.power


NONE = Item(0.0, 0.0, 0.0)


class Bill(NamedTuple):
    """Bill of material of one network of the whole cluster.

    Host links join devices to the first switch, trunk links switches to one another or ports
    to a circuit switch.
    """

    switch_ports: Item = NONE
    host_ends: Item = NONE
    host_cables: Item = NONE
    trunk_ends: Item = NONE
    trunk_cables: Item = NONE
    interfaces: Item = NONE
    circuit_ports: Item = NONE

    @property
    def cost(self) -> Scalar:
        """Price of everything [$]."""
        return jnp.asarray(sum(item.cost for item in self))

    @property
    def power(self) -> Scalar:
        """Power of everything, links at full rate [W]."""
        return jnp.asarray(sum(item.watts for item in self))


def switch_ports(switch: Switch, bandwidth: Scalar) -> Item:
    """Ports of packet switches, without their links."""
    return Item(bandwidth, switch.price_per_bandwidth, switch.energy)


def link_ends(link: Link, bandwidth: Scalar) -> Item:
    """Transmitter and receiver of one end of links."""
    return Item(bandwidth, link.price_per_bandwidth, link.energy)


def cables(link: Link, bandwidth: Scalar) -> Item:
    """Fibres or cables between two ends."""
    return Item(bandwidth, link.cable_price, jnp.zeros_like(bandwidth))


def interfaces(interface: Interface, bandwidth: Scalar) -> Item:
    """Network interface cards, without their links."""
    return Item(bandwidth, interface.price_per_bandwidth, interface.power_per_bandwidth)


def circuit_ports(switch: CircuitSwitch, ports: Scalar) -> Item:
    """Ports of circuit switches or patch panels."""
    return Item(ports, switch.port_price, switch.port_power)
