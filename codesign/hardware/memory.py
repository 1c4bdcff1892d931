"""What is one memory stack beside the die?"""

import equinox as eqx

from codesign.fields import Scalar, quantity


class Memory(eqx.Module):
    """One stack of high-bandwidth memory."""

    bandwidth: Scalar = quantity("GB/s", "peak bandwidth of one stack", low=10, high=1e5)
    capacity: Scalar = quantity("GB", "capacity of one stack", low=1, high=1e4)
    efficiency: Scalar = quantity("1", "share of the peak bandwidth that streaming sustains", low=0.1, high=1)
    usable_capacity: Scalar = quantity("1", "share of the capacity left by driver, fragmentation and buffers", low=0.1, high=1)
    edge: Scalar = quantity("mm", "length along the die edge", low=1, high=50)
    die_area: Scalar = quantity("mm2", "area of the compute die that interface and controller of one stack take", high=100)
    signals: Scalar = quantity("1", "bumps of one stack that carry signals", low=1, high=1e5)
    depth: Scalar = quantity("mm", "length away from the die edge", low=1, high=50)
    energy: Scalar = quantity("pJ/bit", "access energy, device and interface", high=50)
    price: Scalar = quantity("$", "what a package maker pays for one stack", high=1e5)
