"""Do bills of material give the sheet's counts, costs and watts of every fabric (F1 to F12, F38, F46 to F48)?

Sources: MixNet (arXiv 2501.03905), rail-only (arXiv 2307.12169), TPU v4 (arXiv 2304.01433). Every figure is the
`bill`, the `limits` or a rate of a network put together from rows of the catalogue; F11 alone is a formula over
catalogue prices, for no library counts core ports twice.
"""

import functools
from typing import Any, NamedTuple

import jax.numpy as jnp
from claim import Row, rounded
from mixnet_machine import RATES, cluster, part
from mixnet_splits import derived

from codesign import tree
from codesign.topology.endpoints import Group, Tier
from codesign.topology.torus import diameter, mean_hops

GB = 1e9
DEVICE_PRICE = 27000.0
FABRICS = {
    "fat_tree": "fat_tree",
    "rail_optimised": "rail_optimised",
    "fat_tree_3_to_1": "fat_tree_3_to_1",
    "mixnet": "optical_circuits",
    "topoopt": "patch_panel",
    "rail_only": "rail_only",
}
"""Rows of `fabrics`, by the names of the sheet's columns."""
PER_CARD = {
    100: (2638, 2638, 1675.3, 1730.5, 1008, 1916),
    200: (4833, 4833, 2998.3, 2699.25, 1568, 3457),
    400: (11353, 11353, 6489, 4959.25, 2408, 7705),
    800: (18092, 18092, 10428, 7760.75, 3897, 12344),
}
IN_ALL = {
    100: (2.701, 2.701, 1.716, 1.772, 1.032, 1.962),
    200: (4.949, 4.949, 3.070, 2.764, 1.606, 3.540),
    400: (11.625, 11.625, 6.645, 5.078, 2.466, 7.890),
    800: (18.526, 18.526, 10.678, 7.947, 3.991, 12.640),
}
RATIOS = (1.524, 1.790, 2.289, 2.331)
BY_OPTICAL_PORTS = {
    2: (1.130, 1.173, 1.231, 1.235),
    3: (1.208, 1.283, 1.392, 1.400),
    4: (1.298, 1.417, 1.601, 1.615),
    5: (1.402, 1.582, 1.884, 1.908),
    6: RATIOS,
}
TWO_TIERS = (1.236, 1.468, 1.904, 1.952)
CORE_TWICE, CALCULATOR = (1.647, 1.923, 2.433, 2.473), (1.816, 2.280, 3.386, 3.230)
WITH_DEVICES = (1.032, 1.072, 1.200, 1.298)
NO_CARDS = {"fabric.interface.price_per_bandwidth": 0.0}


def exact(row_id: str, quantity: str, unit: str, paper: float, model: Any) -> Row:
    """A row of a whole number."""
    return rounded(row_id, quantity, unit, paper, float(model), 0.0, 1e-9)


shipped = functools.cache(cluster)
"""Reading a system takes ten times as long as its bill."""


def joined(fabric: str, rate: int = 400, changes: dict[str, Any] | None = None) -> Any:
    """1,024 devices in pods of 8 on a row of `fabrics`, everything at `rate` Gb/s; `changes` by path."""
    values = {path: jnp.asarray(value) if isinstance(value, float) else value for path, value in (changes or {}).items()}
    return tree.put(shipped(fabric, rate), values)


def bill(machine: Any) -> Any:
    """What its fabric takes."""
    return machine.fabric.bill(machine.fabric_ends)


def cards(machine: Any) -> float:
    """Network cards, one per device."""
    return float(machine.devices)


def per_card(machine: Any) -> float:
    """Price of the fabric per card [$]."""
    return float(bill(machine).cost) / cards(machine)


def ports(machine: Any) -> float:
    """Switch ports per card."""
    return float(bill(machine).switch_ports.amount / machine.fabric_ends.total)


def transceivers(machine: Any) -> float:
    """Ends of links, those of hosts and trunks, per card."""
    parts = bill(machine)
    return float((parts.host_ends.amount + parts.trunk_ends.amount) / machine.fabric_ends.total)


def switches(machine: Any) -> float:
    """Switches whose ports are all used."""
    return ports(machine) * cards(machine) / float(machine.fabric.switch.radix)


def cost_ratio(rate: int, both: dict[str, Any] | None = None, mixnet: dict[str, Any] | None = None, beside: float = 0.0) -> float:
    """Fat-tree over MixNet, with `both` changed in either, `mixnet` in the latter, and `beside` dollars per card added to each."""
    clos = joined("fat_tree", rate, both)
    circuits = joined("optical_circuits", rate, (both or {}) | (mixnet or {}))
    return (per_card(clos) + beside) / (per_card(circuits) + beside)


def standalone(fabric: str, devices: float, changes: dict[str, Any] | None = None) -> Any:
    """A fabric at 400 Gb/s that joins devices with nothing below them."""
    return joined(fabric, changes={"devices": devices, "pod.size": 1.0} | (changes or {}))


def pod_rows() -> list[Row]:
    """F1: a pod of one layer of switches."""
    pod = joined("fat_tree", changes={
        "pod.size": 512.0, "pod.network.switch": part("switches", "pod_512"), "device.scale_up.bandwidth": 32e12 / 8,
    })  # fmt: skip
    ends, network = pod.pod_ends, pod.pod.network
    used = float(network.bill(ends).switch_ports.amount / network.switch.port_bandwidth)
    return [
        exact("F1.rails", "switches of one pod: 512 devices, 32 Tb/s, ports of 400 Gb/s", "1", 80, network.switches(ends)),
        exact("F1.switches", "switch ports that its bill takes, over the radix", "1", 80, used / float(network.switch.radix)),
        exact("F1.capacity", "devices that one layer joins", "1", 512, network.limits(ends).capacity),
    ]


def dragonfly_rows() -> list[Row]:
    """F2: 8 hosts, 16 routers, 8 global links."""
    network = part("fabrics", "dragonfly")
    full = standalone("dragonfly", float(network.capacity))
    limits = full.fabric.limits(full.fabric_ends)
    return [
        exact("F2.groups", "dragonfly groups", "1", 129, network.groups(network.capacity)),
        exact("F2.devices", "devices of the largest dragonfly", "1", 16512, limits.capacity),
        exact("F2.radix", "ports of a router", "1", 31, limits.radix),
        exact("F2.ports", "switch ports per card", "1", 3.875, ports(full)),
        exact("F2.global", "global transceivers per card", "1", 1, bill(full).trunk_ends.amount / full.fabric_ends.total),
    ]


def torus_rows() -> list[Row]:
    """F3, F4: 16 x 16 x 16, and the same with faces of cubes on circuit switches (TPU v4)."""
    chips = standalone("torus", 4096.0)
    ends, network, links = chips.fabric_ends, chips.fabric, 6.0
    whole = Group(ends.devices, jnp.asarray(1.0), jnp.asarray(1.0))
    side, limits, optical = network.side(whole), network.limits(ends), bill(chips).circuit_ports.amount
    bisection = network.bisection(ends) / (ends.rate / links)
    return [
        exact("F3.nodes", "nodes of a torus of side 16", "1", 4096, side**network.dimensions),
        exact("F3.diameter", "diameter", "hops", 24, diameter(jnp.round(side), network.dimensions)),
        derived("F3.mean", "mean hops to the other nodes", "hops", 12.003, mean_hops(side, network.dimensions)),
        exact("F3.bisection", "bisection per device over one link (4 / side)", "1", 4 / 16, bisection),
        exact("F4.cubes", "cubes of 4 x 4 x 4", "1", 64, ends.nodes / network.block_side**3),
        exact("F4.cube_links", "optical links of one cube", "1", 96, optical / (ends.nodes / network.block_side**3)),
        exact("F4.chip_links", "optical links per chip", "1", 1.5, optical / ends.devices),
        exact("F4.used", "ports used of each circuit switch", "1", 128, limits.circuit_ports),
        exact("F4.ports", "ports of a circuit switch", "1", 136, limits.circuit_ports_limit),
        exact("F4.switches", "circuit switches", "1", 48, optical / limits.circuit_ports),
    ]


def region_rows() -> list[Row]:
    """F5: servers that a circuit switch of 500 ports serves."""
    rows = []
    for optical, paper in ((6, 83), (2, 250)):
        large = {"fabric.circuit.ports": 500.0, "fabric.optical_share": optical / 8, "fabric.region": 800.0}
        machine = joined("optical_circuits", changes=large)
        limits = machine.fabric.limits(machine.fabric_ends)
        per_server = float(limits.circuit_ports) / (800 / float(machine.pod.size))
        servers = float(limits.circuit_ports_limit) // per_server
        rows.append(exact(f"F5.{optical}", f"servers of a region, {optical} ports each, 500 ports", "1", paper, servers))
    return rows


def price_rows() -> list[Row]:
    """F6, F7: price per card and of 1,024."""
    rows, ratios = [], [cost_ratio(rate) for rate in RATES]
    for rate in RATES:
        for (name, fabric), each, total in zip(FABRICS.items(), PER_CARD[rate], IN_ALL[rate], strict=True):
            machine = joined(fabric, rate)
            what = f"{name.replace('_', '-')}, {rate} Gb/s"
            rows.append(rounded(f"F6.{rate}.{name}.nic", f"cost per card, {what}", "$", each, per_card(machine), 0.5))
            rows.append(rounded(f"F6.{rate}.{name}.total", f"cost of 1,024, {what}", "M$", total, bill(machine).cost / 1e6, 1e-3))
    rows += by_rate("F6", "ratio", "fat-tree over MixNet cost", RATIOS, ratios)
    mean = sum(ratios) / len(ratios)
    rows.append(derived("F7", "fat-tree over MixNet cost, mean of four rates", "x", 1.984, mean))
    rows.append(rounded("F7.printed", "the same as printed (section 7.2)", "x", 2.0, mean, 0.05))
    rows.append(rounded("F7.printed.400", "fat-tree over MixNet cost at 400 Gb/s as printed", "x", 2.3, ratios[2], 0.05))
    cheaper = max(per_card(joined("patch_panel", rate)) / per_card(joined("optical_circuits", rate)) for rate in RATES)
    return [*rows, Row("F7.topoopt", "TopoOpt over MixNet cost, greatest (printed: cheaper)", "x", None, cheaper, 0.0, 1.0)]


def by_rate(key: str, suffix: str, quantity: str, paper: Any, model: Any) -> list[Row]:
    """One derived row per rate, ids `key`.rate.`suffix`."""
    end = f".{suffix}" if suffix else ""
    return [derived(f"{key}.{r}{end}", f"{quantity}, {r} Gb/s", "x", p, m) for r, p, m in zip(RATES, paper, model, strict=True)]


def sensitivity_rows() -> list[Row]:
    """F8 to F10, F38: copper at hosts, optical ports, tiers, devices counted."""
    rows = []
    for dollars, paper in ((0, 2.15), (200, 2.17)):
        copper = {"device.scale_out.link": part("links", "dac_400g"), "device.scale_out.link.cable_price": dollars / (50 * GB)}
        found, name = cost_ratio(400, copper), f"copper at hosts, cable of {dollars} $"
        rows.append(rounded(f"F8.{dollars}", f"fat-tree over MixNet cost, {name}", "x", paper, found, 0.005))
        rows.append(rounded(f"F8.{dollars}.printed", f"the same as printed (D.3), {name}", "x", 2.2, found, 0.05))
    for alpha, printed in BY_OPTICAL_PORTS.items():
        ratios = [cost_ratio(rate, mixnet={"fabric.optical_share": alpha / 8}) for rate in RATES]
        rows += by_rate(f"F9.alpha{alpha}", "", f"fat-tree over MixNet cost, {alpha} optical ports", printed, ratios)
    two = {"fabric.tiers": 2.0}
    rows += by_rate("F10", "", "fat-tree over MixNet cost, two tiers in both", TWO_TIERS, [cost_ratio(rate, two) for rate in RATES])
    small = joined("fat_tree", changes=two)
    rows.append(exact("F10.capacity", "devices of two tiers of 64 ports", "1", 2048, small.fabric.limits(small.fabric_ends).capacity))
    ratios = [cost_ratio(rate, beside=DEVICE_PRICE) for rate in RATES]
    return rows + by_rate("F38", "", "fat-tree over MixNet cost, 27,000 $ per device in both", WITH_DEVICES, ratios)


class Prices(NamedTuple):
    """$ per transceiver, card, switch port, circuit port, fibre."""

    t: float
    n: float
    s: float
    o: float
    f: float


def prices(rate: int) -> Prices:
    """From the catalogue."""
    bandwidth, link = rate / 8 * GB, part("links", f"pluggable_{rate}g")
    switch, card = part("switches", f"eps_{rate}g"), part("interfaces", f"nic_{rate}g")
    per_rate = (link.price_per_bandwidth, card.price_per_bandwidth, switch.price_per_bandwidth, link.cable_price)
    t, n, s, f = (float(price) * bandwidth for price in per_rate)
    return Prices(t, n, s, float(part("circuit_switches", "piezo").port_price), f)


def recount_rows() -> list[Row]:
    """F11: other ways of counting."""
    textbook, coded = [], []
    for rate in RATES:
        t, n, s, o, f = prices(rate)
        clos = n + 7 * t + 6 * s + 3.5 * f
        textbook.append(clos / (n + 2 / 8 * (7 * t + 6 * s + 3.5 * f) + 6 / 8 * (t + o + f)))
        coded.append(clos / (n + 2 / 8 * (7 * t + 3 * f) + 6 / 8 * (t + f) + o))
    rows = by_rate("F11.core_twice", "", "fat-tree over MixNet cost, core ports counted twice", CORE_TWICE, textbook)
    return rows + by_rate("F11.calculator", "", "the same as the public calculator is coded", CALCULATOR, coded)


def power_rows() -> list[Row]:
    """F12: watts per card, and ratios that nobody prints."""
    rows = []
    for rate in RATES:
        clos, circuits = (float(bill(joined(fabric, rate)).power) / 1024 for fabric in ("fat_tree", "optical_circuits"))
        found = {"fat_tree": (clos, "W", 146), "mixnet": (circuits, "W", 60.35), "ratio": (clos / circuits, "x", 2.42)}
        for name, (value, unit, paper) in found.items():
            what = "fat-tree over MixNet power" if name == "ratio" else f"power per card, {name.replace('_', '-')}"
            row_id, quantity = f"F12.{rate}.{name}", f"{what}, {rate} Gb/s"
            rows.append(derived(row_id, quantity, unit, paper, value) if rate == 400 else Row(row_id, quantity, unit, None, value))
    return rows


def overhead(up: float, out: float, pod: float) -> float:
    """All-to-all over rails without a spine, over that of a fat-tree, less one [%]; rates in GB/s."""
    rates = {
        "pod.size": pod, "devices": 128 * pod, "device.scale_up.bandwidth": up * GB, "device.scale_out.bandwidth": out * GB,
        "device.scale_up.efficiency": 1.0, "device.scale_out.efficiency": 1.0,
    }  # fmt: skip

    def tier(fabric: str) -> Tier:
        machine = joined(fabric, changes=rates)
        group = Group(machine.devices, machine.pod.size, jnp.asarray(1.0))
        return machine.fabric.all_to_all(group, machine.fabric_ends)

    return 100 * (float(tier("fat_tree").bandwidth / tier("rail_only").bandwidth) - 1)


def overhead_rows() -> list[Row]:
    """F46: rails without a spine forward inside the pod."""
    rows = []
    for name, up, out, paper, half in (("a100", 300, 25, 8.33, 0.005), ("h100", 450, 50, 11.11, 0.005), ("b200", 900, 50, 5.6, 0.05)):
        what = f"rail-only all-to-all overhead, {name.upper()}"
        rows.append(rounded(f"F46.{name}", f"{what}, very large pod", "%", paper, overhead(up, out, 1e9), half))
        headline = (8.2, 11.2) if name != "b200" else (None, None)
        rows.append(Row(f"F46.{name}.256", f"{what}, pod of 256", "%", None, overhead(up, out, 256), *headline))
    return rows


def rails(fabric: str, radix: float, tiers: float, changes: dict[str, Any]) -> Any:
    """32,768 devices in pods of 256, without network cards."""
    size = {"devices": 32768.0, "pod.size": 256.0, "fabric.switch.radix": radix, "fabric.tiers": tiers}
    return joined(fabric, changes=size | NO_CARDS | changes)


def rail_rows() -> list[Row]:
    """F47, F48: the counts and prices of the rail-only paper."""
    dollars = {"device.scale_out.link.price_per_bandwidth": 199.0, "fabric.trunk.price_per_bandwidth": 199.0}
    dollars |= {"fabric.switch.price_per_bandwidth": 694.0}
    own = {path: price / (50 * GB) for path, price in dollars.items()}
    own |= {"device.scale_out.link.cable_price": 0.0, "fabric.trunk.cable_price": 0.0}
    printed = (
        ("F47.baseline", "fat-tree, 64 ports", rails("fat_tree", 64.0, 3.0, own), 2560, 196608, 152829952),
        ("F47.rail_only", "two-tier rails, 64 ports", rails("rail_only", 64.0, 2.0, own), 1536, 131072, 94306304),
        ("F48.rail_only", "one switch per rail, 128 ports", rails("rail_only", 128.0, 1.0, own), 256, 65536, None),
    )
    rows = []
    for key, name, machine, boxes, ends, cost in printed:
        rows.append(exact(f"{key}.switches", f"switches, {name}", "1", boxes, switches(machine)))
        rows.append(exact(f"{key}.transceivers", f"transceivers, {name}", "1", ends, transceivers(machine) * cards(machine)))
        if cost:
            rows.append(exact(f"{key}.cost", f"cost, {name}", "$", cost, bill(machine).cost))
        fits = machine.fabric.limits(machine.fabric_ends).capacity / machine.devices
        rows.append(Row(f"{key}.fits", f"devices that fit over 32,768, {name}", "1", None, float(fits), 1.0, 1e9))
    base, two, one = (float(bill(machine).cost) for _, _, machine, *_ in printed)
    rows.append(rounded("F47.saving", "saving of two-tier rails", "%", 38.3, 100 * (1 - two / base), 0.05))
    rows.append(rounded("F48.saving", "saving of one switch per rail", "%", 76.6, 100 * (1 - one / base), 0.05))
    return rows + rail_saving_rows()


def rail_saving_rows() -> list[Row]:
    """The same savings at MixNet's prices, and in ports and transceivers."""
    rows = []
    for tiers, radix, low, high, fewer in ((2.0, 64.0, 36.3, 37.0, (40, 33)), (1.0, 128.0, 72.6, 74.0, (80, 67))):
        key, name = f"F48.{tiers:.0f}_tier", f"saving of rails of {tiers:.0f} tiers"
        for rate in RATES:
            base, found = (
                per_card(joined(f, rate, changes=NO_CARDS | t)) for f, t in (("fat_tree", {}), ("rail_only", {"fabric.tiers": tiers}))
            )
            rows.append(
                Row(f"{key}.{rate}", f"{name}, prices of {rate} Gb/s", "%", None, 100 * (1 - found / base), low - 0.05, high + 0.05)
            )
        machines = rails("fat_tree", radix, 3.0, {}), rails("rail_only", radix, tiers, {})
        for what, count, paper in zip(("ports", "transceivers"), (ports, transceivers), fewer, strict=True):
            base, found = map(count, machines)
            rows.append(rounded(f"{key}.{what}", f"{name}, {what}", "%", paper, 100 * (1 - found / base), 0.5))
    return rows


def count_rows() -> list[Row]:
    """All of them."""
    structure = pod_rows() + dragonfly_rows() + torus_rows() + region_rows()
    return structure + price_rows() + sensitivity_rows() + recount_rows() + power_rows() + overhead_rows() + rail_rows()
