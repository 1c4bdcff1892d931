"""What is a network interface card: price and power of a device's way out?"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class Interface(eqx.Module):
    """One family of network interface cards; its transceivers are counted with the link technology."""

    price_per_bandwidth: Scalar = quantity("$/(GB/s)", "price per usable bandwidth and direction", high=1e3)
    power_per_bandwidth: Scalar = quantity("W/(GB/s)", "power per usable bandwidth and direction", high=10)
