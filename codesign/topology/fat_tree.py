"""What does a folded Clos (fat-tree) of packet switches offer and need?

Per device and T tiers: 2T - 1 switch ports, 2T link ends, T cables; an oversubscription r
at the first tier leaves 1 / r of everything above it (arXiv 2501.03905 Table 4, counts of
facts F6).
"""

from codesign.fields import Scalar
from codesign.hardware.cluster import Cluster
from codesign.topology.tier import Bill, Tier


def tier(cluster: Cluster) -> Tier:
    """The fabric as a network tier: device rate over the oversubscription, latency per hop."""
    fabric = cluster.fabric
    hops = 2 * fabric.tiers - 1
    port = cluster.device.scale_out
    return Tier(port.bandwidth * port.efficiency / fabric.oversubscription, hops * fabric.switch.latency)


def capacity(cluster: Cluster) -> Scalar:
    """Devices a non-blocking tree can hold: 2 (radix / 2) ** tiers."""
    fabric = cluster.fabric
    return 2 * (fabric.switch.radix / 2) ** fabric.tiers


def bill(cluster: Cluster) -> Bill:
    """Ports, link ends and cables of the whole cluster as bandwidth."""
    fabric = cluster.fabric
    total = cluster.devices * cluster.device.scale_out.bandwidth
    above = (fabric.tiers - 1) / fabric.oversubscription
    return Bill(total * (1 + 2 * above), total * (2 + 2 * above), total * (1 + above), total)
