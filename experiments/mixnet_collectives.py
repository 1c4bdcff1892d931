"""Do networks and collectives give the sheet's times of large messages (F13 to F19)?

Every rate is the answer of a network put together from the catalogue, at full efficiency and without start-up
times, in the collectives that the step time is made of. Volumes V are what one device sends to others.
"""

from typing import Any

import jax.numpy as jnp
from claim import Row
from mixnet_counts import joined, shipped
from mixnet_splits import derived

from codesign import tree
from codesign.fields import Scalar
from codesign.performance.collectives import all_reduce_time, all_to_all_time, relayed_all_to_all_time
from codesign.topology.endpoints import Group, Tier
from codesign.workload.routing import distinct_destinations

GB = 1e9
LINK = 50 * GB
MANY_EXPERTS = 1e7
"""So many that a token's experts are as good as drawn with replacement."""


START_UPS = "fabric.switch.latency", "fabric.hop_latency"


def number(value: float) -> Scalar:
    """A scalar of the model."""
    return jnp.asarray(float(value))


def free() -> Tier:
    """A tier that takes no time."""
    return Tier(number(1e30), number(0))


def group(size: float, inside: float = 1.0) -> Group:
    """Consecutive ranks, `inside` of them in each pod."""
    return Group(number(size), number(inside), number(1))


def machine(fabric: str, devices: float, rate: float = LINK, pod: float = 1.0) -> Any:
    """Devices in pods on a fabric without start-up times, `rate` B/s each."""
    own = {"devices": float(devices), "pod.size": pod, "device.scale_out.bandwidth": rate, "device.scale_out.efficiency": 1.0}
    own |= {path: 0.0 for path in START_UPS if tree.has(shipped(fabric, 400), path)}
    return joined(fabric, changes=own)


def all_to_all(base: Any, ranks: Group) -> float:
    """Milliseconds in which every rank sends 1 GB to the others."""
    tier = base.fabric.all_to_all(ranks, base.fabric_ends)
    return 1e3 * float(all_to_all_time(sent(ranks), ranks, free(), tier))


def sent(ranks: Group) -> Scalar:
    """Bytes of which 1 GB is for others."""
    return GB * ranks.size / (ranks.size - 1)


def all_reduce(base: Any, ranks: Group) -> float:
    """Milliseconds of the rings across pods that sum 1 GB."""
    return 1e3 * float(all_reduce_time(number(GB), ranks, free(), base.fabric.ring(ranks, base.fabric_ends)))


def switched_rows() -> list[Row]:
    """F13: one switched network."""
    return [derived("F13", "all-to-all of 1 GB, fat-tree, 50 GB/s", "ms", 20.0, all_to_all(machine("fat_tree", 64), group(64)))]


def torus_rows() -> list[Row]:
    """F14, F15: six links of 50 GB/s per device."""
    rows = []
    for side, paper in ((16, 40.010), (8, 20.039), (4, 10.159)):
        base = machine("torus", side**3, 6 * LINK)
        rows.append(derived(f"F14.{side}", f"all-to-all of 1 GB, torus of side {side}", "ms", paper, all_to_all(base, group(side**3))))
    base = machine("torus", 16**3, 6 * LINK)
    return [*rows, derived("F15", "all-reduce of 1 GB, torus of side 16", "ms", 6.665, all_reduce(base, group(16**3)))]


def dragonfly_rows() -> list[Row]:
    """F16: 8 hosts, 16 routers, 8 global links, full."""
    base = machine("dragonfly", 16512)
    network, everyone = base.fabric, group(16512)
    router, apart = everyone.leaving(network.hosts), everyone.leaving(network.group_devices)
    built, milliseconds = network.groups(everyone.size), 1e3 * GB / LINK
    shortest, third = network.adversarial_load()
    cases = (
        ("uniform", "uniform", 20.0, all_to_all(base, everyone)),
        ("global", "uniform, busiest global link", 19.84, milliseconds * network.global_load(apart, built, built)),
        ("local", "uniform, busiest local link", 19.92, milliseconds * network.hosts / network.routers * (router + apart)),
        ("minimal", "every group to the next one, shortest paths", 2560, milliseconds * shortest),
        ("valiant", "every group to the next one, by third groups", 40, milliseconds * third),
    )
    return [derived(f"F16.{key}", f"1 GB over a dragonfly, {name}", "ms", paper, model) for key, name, paper, model in cases]


def hierarchical_rows() -> list[Row]:
    """F17: 64 ranks in pods of 8, 450 GB/s inside."""
    ranks, across = group(64, 8), machine("fat_tree", 64, pod=8.0)
    inside = Tier(number(450 * GB), number(0))
    intra = 1e3 * float(all_to_all_time(sent(ranks), ranks, inside, free()))
    relayed = 1e3 * float(relayed_all_to_all_time(sent(ranks), number(0), ranks, inside, free()))
    moved = 1 - 1 / float(ranks.inside)
    name = "all-to-all of 1 GB, 64 ranks in pods of 8"
    return [
        derived("F17.share", f"{name}, share inside", "1", 0.1111, 1 - group(64).leaving(number(8))),
        derived("F17.inter", f"{name}, across", "ms", 17.778, all_to_all(across, ranks)),
        derived("F17.intra", f"{name}, inside", "ms", 0.247, intra),
        derived("F17.forward", f"{name}, every byte that crossed forwarded", "ms", 1.975, (relayed - intra) / moved),
        Row("F17.forward.own", f"{name}, forwarded by the model: 1/8 has arrived", "ms", None, float(relayed - intra)),
    ]


def ring_rows() -> list[Row]:
    """F18: 1,024 devices, 50 GB/s each."""
    cases = (
        ("flat", "all-reduce of 1 GB, 1,024 devices, one flat ring", 39.961, machine("fat_tree", 1024), group(1024)),
        ("pods", "all-reduce of 1 GB across pods of 8, all ports", 4.961, machine("fat_tree", 1024, pod=8.0), group(1024, 8)),
        ("electrical", "the same, 2 of 8 ports electrical", 19.844, machine("optical_circuits", 1024, pod=8.0), group(1024, 8)),
    )
    return [derived(f"F18.{key}", name, "ms", paper, all_reduce(base, ranks)) for key, name, paper, base, ranks in cases]


def duplicate_rows() -> list[Row]:
    """F19: pods that hold a token's experts, over its experts."""
    with_replacement = ((2, 8, 0.9375), (8, 8, 0.6564), (8, 16, 0.8066), (8, 2, 0.2490))
    cases = [(k, pods, MANY_EXPERTS, paper) for k, pods, paper in with_replacement] + [(8, 8, 64, 0.6791), (8, 8, 256, 0.6618)]
    rows = []
    for k, pods, experts, paper in cases:
        row_id = f"F19.{k}.{pods}" + (f".{experts}" if experts != MANY_EXPERTS else "")
        drawn = f"{experts} experts" if experts != MANY_EXPERTS else "very many experts"
        copies = distinct_destinations(number(experts), number(pods), number(k))
        rows.append(derived(row_id, f"pods over experts of a token, top {k}, {pods} pods, {drawn}", "1", paper, copies / k))
    return rows


def collective_rows() -> list[Row]:
    """All of them."""
    return switched_rows() + torus_rows() + dragonfly_rows() + hierarchical_rows() + ring_rows() + duplicate_rows()
