"""What is a cluster: how many devices, in pods of what size, on which networks?"""

import equinox as eqx

from codesign.fields import Scalar, quantity
from codesign.hardware.device import Device
from codesign.topology.dragonfly import Dragonfly
from codesign.topology.dragonfly_plus import DragonflyPlus
from codesign.topology.endpoints import Endpoints, Group, Site, Tier
from codesign.topology.fat_tree import FatTree
from codesign.topology.optical_circuits import OpticalCircuits
from codesign.topology.package_mesh import PackageMesh
from codesign.topology.patch_panel import PatchPanel
from codesign.topology.phased_rails import PhasedRails
from codesign.topology.rail_circuits import RailCircuits
from codesign.topology.rail_only import RailOnly
from codesign.topology.rail_optimised import RailOptimised
from codesign.topology.switched_pod import SwitchedPod
from codesign.topology.tiered import Tiered
from codesign.topology.torus import Torus


class Pod(eqx.Module):
    """Devices that share one scale-up network."""

    network: SwitchedPod | FatTree | Torus | Dragonfly | DragonflyPlus | PackageMesh
    size: Scalar = quantity("1", "devices in one pod", low=1, high=1e5, whole=True)
    devices_per_rack: Scalar = quantity("1", "devices whose links end within one rack pitch", low=1, high=1e4)
    rack_pitch: Scalar = quantity("m", "longest link inside one rack; further racks add the same", low=0.1, high=10)


class Facility(eqx.Module):
    """What surrounds the devices."""

    power_usage_effectiveness: Scalar = quantity("1", "facility power over equipment power", low=1, high=3)
    launch_time: Scalar = quantity("us", "host time to launch one operator", high=1000)
    host_power: Scalar = quantity("W", "host processor, fans and conversion losses per device", high=5000)
    host_price: Scalar = quantity("$", "host, rack, cooling and power delivery per device", high=1e6)
    row_pitch: Scalar = quantity("m", "distance between rows of racks", low=0.5, high=20)


class Cluster(eqx.Module):
    """Everything that is bought: devices, pods, the fabric between them, the facility."""

    device: Device
    pod: Pod
    fabric: (
        FatTree | RailOptimised | RailOnly | Torus | Dragonfly | DragonflyPlus | OpticalCircuits | PatchPanel
        | RailCircuits | PhasedRails | Tiered
    )  # fmt: skip
    facility: Facility
    devices: Scalar = quantity("1", "devices in the cluster", low=1, high=1e7, whole=True)

    @property
    def site(self) -> Site:
        """How far apart devices stand."""
        return Site(self.pod.rack_pitch / self.pod.devices_per_rack, self.pod.rack_pitch, self.facility.row_pitch)

    @property
    def package_devices(self) -> Scalar:
        """Devices in one package: one, or a whole pod where its network joins dies of one package."""
        return self.pod.size if self.pod.network.in_package else 1.0 + 0.0 * self.pod.size

    @property
    def pod_ends(self) -> Endpoints:
        """What the network of one pod joins: its devices, with nothing below."""
        port, one = self.device.scale_up, 1.0 + 0.0 * self.pod.size
        package = self.device.package
        return Endpoints(self.pod.size, one, port, Tier(port.bandwidth, 0.0 * one), self.site, package.rows, package.packaging.die_gap)

    @property
    def fabric_ends(self) -> Endpoints:
        """What the fabric joins: all devices, in pods, whose networks relay as fast as a whole pod's all-to-all."""
        one = 1.0 + 0.0 * self.pod.size
        below = self.pod.network.all_to_all(Group(self.pod.size, one, one), self.pod_ends)
        return Endpoints(self.devices, self.pod.size, self.device.scale_out, below, self.site)
