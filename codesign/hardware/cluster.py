"""What is a cluster: how many devices, in pods of what size, on which network?"""

import equinox as eqx

from codesign.fields import Scalar, quantity
from codesign.hardware.device import Device
from codesign.hardware.switch import Switch


class Pod(eqx.Module):
    """Devices that share one scale-up network of a single layer of switches."""

    switch: Switch
    size: Scalar = quantity("1", "devices in one pod", low=1, high=1e5, whole=True)
    devices_per_rack: Scalar = quantity("1", "devices whose links end within one rack pitch", low=1, high=1e4)
    rack_pitch: Scalar = quantity("m", "longest link inside one rack; further racks add the same", low=0.1, high=10)


class Fabric(eqx.Module):
    """The scale-out network: a folded Clos of packet switches."""

    switch: Switch
    tiers: Scalar = quantity("1", "switch tiers", low=1, high=4, whole=True)
    oversubscription: Scalar = quantity("1", "down-link over up-link bandwidth at the first tier", low=1, high=16)
    interface_price: Scalar = quantity("$/(GB/s)", "network interface card per usable bandwidth and direction", high=1e3)
    interface_power: Scalar = quantity("W/(GB/s)", "network interface card per usable bandwidth and direction", high=10)


class Facility(eqx.Module):
    """What surrounds the devices."""

    power_usage_effectiveness: Scalar = quantity("1", "facility power over equipment power", low=1, high=3)
    launch_time: Scalar = quantity("us", "host time to launch one operator", high=1000)
    host_power: Scalar = quantity("W", "host processor, fans and conversion losses per device", high=5000)
    host_price: Scalar = quantity("$", "host, rack, cooling and power delivery per device", high=1e6)


class Cluster(eqx.Module):
    """Everything that is bought: devices, pods, fabric, facility."""

    device: Device
    pod: Pod
    fabric: Fabric
    facility: Facility
    devices: Scalar = quantity("1", "devices in the cluster", low=1, high=1e7, whole=True)
