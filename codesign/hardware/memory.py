"""What is one memory stack, beside the dies or on them?"""

import equinox as eqx

from codesign.fields import Scalar, quantity

HIGHEST = 12
"""Layers of the stack whose heat resistance a Cooling states."""


class Memory(eqx.Module):
    """One stack of high-bandwidth memory; the shares of its energy are bounded so that a part is left for movement."""

    bandwidth: Scalar = quantity("GB/s", "peak bandwidth of one stack, as its dies see it", low=10, high=1e5)
    capacity: Scalar = quantity("GB", "capacity of one stack", low=1, high=1e4)
    efficiency: Scalar = quantity("1", "share of the peak bandwidth that streaming sustains", low=0.1, high=1)
    usable_capacity: Scalar = quantity("1", "share of the capacity left by driver, fragmentation and buffers", low=0.1, high=1)
    edge: Scalar = quantity("mm", "length along the die edge", low=1, high=50)
    die_area: Scalar = quantity("mm2", "area of the compute die that interface and controller of one stack take", high=100)
    signals: Scalar = quantity("1", "bumps of one stack that carry signals", low=1, high=1e5)
    depth: Scalar = quantity("mm", "length away from the die edge", low=1, high=50)
    energy: Scalar = quantity("pJ/bit", "access energy, device and interface", high=50)
    price: Scalar = quantity("$", "what a package maker pays for one stack", high=1e5)
    on_logic: Scalar = quantity("1", "switch: bonded on the compute dies, whose edge it leaves free", high=1, default=0)
    activation_share: Scalar = quantity("1", "share of the energy that opens rows", high=0.7, default=0)
    interface_share: Scalar = quantity("1", "share of the energy that drives the interface to the die", high=0.3, default=0)
    refresh_share: Scalar = quantity("1", "share of the time that refreshes keep cool memory busy", high=0.45, default=0)
    layers: Scalar = quantity("1", "memory dies of one stack", low=1, high=64, whole=True, default=HIGHEST)
    joint_ratio: Scalar = quantity("1", "heat resistance of one layer over that of a layer on micro-bumps", low=0.01, high=10, default=1)
    bond_yield: Scalar = quantity("1", "yield of bonding one stack on a die", low=0.5, high=1, default=1)
    near_memory_flops: Scalar = quantity("TFLOP/s", "16-bit peak of processing near the memory of one stack; 0: none", high=1e4, default=0)
    near_memory_ratio: Scalar = quantity("1", "bandwidth that this processing sees over `bandwidth`", low=1, high=100, default=1)
    near_memory_energy_share: Scalar = quantity("1", "its access energy over `energy`", low=0.01, high=1, default=1)

    @property
    def footprint(self) -> Scalar:
        """Area of one stack [m2]."""
        return self.edge * self.depth

    @property
    def activation_energy(self) -> Scalar:
        """Part of the access energy that opens rows [J/B]."""
        return self.energy * self.activation_share

    @property
    def interface_energy(self) -> Scalar:
        """Part of the access energy that drives the interface [J/B]."""
        return self.energy * self.interface_share

    @property
    def movement_energy(self) -> Scalar:
        """Part of the access energy that moves data within the stack, and the rest [J/B]."""
        return self.energy * (1 - self.activation_share - self.interface_share)

    @property
    def near_memory_bandwidth(self) -> Scalar:
        """Bandwidth that processing near the memory of one stack sees [B/s]."""
        return self.bandwidth * self.near_memory_ratio

    @property
    def near_memory_energy(self) -> Scalar:
        """Access energy of processing near the memory [J/B]."""
        return self.energy * self.near_memory_energy_share

    @property
    def resistance_ratio(self) -> Scalar:
        """Heat resistance of the stack over that of twelve layers on micro-bumps, as a Cooling states it."""
        return self.layers * self.joint_ratio / HIGHEST
