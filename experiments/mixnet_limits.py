"""Rows F32, F33, F39 to F43: delay, oversubscription, scale, failures, scale-up (arXiv 2501.03905 sections 7, 8 and appendix D)."""

import functools
from typing import Any

import jax.numpy as jnp
import mixnet_machine as machine
import numpy as np
from claim import Row, rounded
from mixnet_machine import RATES
from mixnet_times import fabric_cost

from codesign import tree
from codesign.config import load_system, load_workload_named
from codesign.design import Design
from codesign.evaluate import evaluate
from codesign.mapping.parallelism import Mapping
from codesign.mapping.placement import placement
from codesign.performance import failures
from codesign.performance.communication import in_pod
from codesign.performance.switching import exposed_switching_time

ALWAYS = {"fabric.adaptive": 0.0}
BIG, SMALL = "mixtral_8x22b", "mixtral_8x7b"


def circuits_time(delay: float, changes: dict[str, Any]) -> float:
    """8x22B at 400 Gb/s over circuits of a given delay."""
    return machine.step_time(BIG, "optical_circuits", 400, machine.hot(BIG), changes=changes | {"fabric.circuit.delay": delay})


def delay_rows() -> list[Row]:
    """F32, F33: what a rearrangement costs."""
    delays, printed = (1e-6, 0.01, 0.025, 0.1, 0.3, 1.0, 10.0), (1.0, 1.02, 1.05, 1.2, 2.8, 8.4, 80.4)
    windows = [jnp.asarray(w) for w in (0.0, 0.1, 0.1, 0.1)]
    rows = []
    for delay, paper in zip(delays, printed, strict=True):
        value = 1 + float(exposed_switching_time(jnp.asarray(delay), windows)) / 0.5
        rows.append(rounded(f"F32.{delay:g}", f"slowdown of a layer of 0.5 s, delay {delay:g} s", "x", paper, value, 1e-3 * paper))
    times = [
        machine.step_time(BIG, "optical_circuits", 400, machine.hot(BIG), changes=ALWAYS | {"fabric.circuit.delay": d}) for d in delays
    ]
    names = dict(zip(delays, np.array(times) / times[0], strict=True))
    rows += [Row(f"F33.{d:g}", f"8x22B, 400 Gb/s, always rearranged, delay {d:g} s over 1 us", "x", None, v) for d, v in names.items()]
    rows.append(Row("F33.flat", "8x22B: 25 ms over 1 us (flat: at most 1.10)", "x", None, names[0.025], 1.0, 1.10))
    rows.append(Row("F33.second", "8x22B: 1 s over 25 ms (bad: more than 1.1)", "x", None, names[1.0] / names[0.025], 1.1, 1e9))
    rows.append(Row("F33.rising", "8x22B: smallest step of the sweep (never falls)", "x", None, float(min(np.diff(times))), 0.0, 1e9))
    kept = [machine.step_time(BIG, "optical_circuits", 400, machine.hot(BIG), changes={"fabric.circuit.delay": d}) for d in (1e-6, 10.0)]
    rows.append(
        Row("F33.left", "8x22B: 10 s over 1 us where circuits are left as they were when that is faster", "x", None, kept[1] / kept[0])
    )
    return rows


def oversubscription_rows() -> list[Row]:
    """F39: regional circuits against a 3:1 fat-tree with one server below a switch (1,024 hosts are a tree of 16-port switches)."""
    few = {"fabric.switch.radix": 8 * 4 / 3}
    slow = {rate: machine.step_time(BIG, "fat_tree_3_to_1", rate, machine.hot(BIG), changes=few) for rate in RATES}
    fast = {rate: machine.step_time(BIG, "optical_circuits", rate, machine.hot(BIG)) for rate in RATES}
    rows = [
        Row(f"F39.{rate}", f"8x22B, 3:1 fat-tree over regional circuits, {rate} Gb/s", "x", None, slow[rate] / fast[rate]) for rate in RATES
    ]
    largest = max(slow[rate] / fast[rate] for rate in RATES)
    return [*rows, rounded("F39", "8x22B, 3:1 fat-tree over regional circuits, up to", "x", 1.6, largest, 0.05)]


def scale_rows() -> list[Row]:
    """F40: 8x7B at 400 Gb/s from 1,024 to 32,768 devices."""
    rows = []
    for devices in (1024, 4096, 16384, 32768):
        times = [machine.step_time(SMALL, f, 400, machine.hot(SMALL), devices=devices) for f in ("fat_tree", "optical_circuits")]
        value = fabric_cost("fat_tree", 400, devices) / fabric_cost("optical_circuits", 400, devices) * times[0] / times[1]
        rows.append(rounded(f"F40.{devices}", f"performance per dollar, 8x7B, 400 Gb/s, {devices} devices (about 2)", "x", 2.0, value, 0.5))
    return rows


def reasoning_point(changes: dict[str, Any], relay: float = 0.0) -> tuple[Design, Any]:
    """DeepSeek-R1: EP 64 over eight servers, PP 16, 400 Gb/s; with `relay` 1 a token crosses once to a server."""
    schedule = tree.put(machine.part("schedules", machine.STACK), {"relay": jnp.asarray(relay)})
    mapping = Mapping(schedule=schedule, dp=64, tp=1, pp=16, cp=1, ep=64, etp=1, micro_batch=4)
    workload = tree.put(load_workload_named("deepseek_v3").module, {"training.global_batch": jnp.asarray(64.0 * 4 * machine.MICRO_BATCHES)})
    return Design(machine.cluster("optical_circuits", 400, 1024, changes), mapping), workload


def failure_rows() -> list[Row]:
    """F41: slowdowns by one failure, accepted within three percentage points; goodput with all of them."""
    ports = jnp.asarray(8.0)
    reasoning, dense = reasoning_point({}), machine.point(BIG, "optical_circuits", 400, machine.hot(BIG))

    def slower(base: tuple[Design, Any], change: Any) -> float:
        design, workload = base
        stage = evaluate(Design(change(design.cluster), design.mapping), workload).step_time / evaluate(design, workload).step_time
        return float(failures.pipeline_slowdown(stage, jnp.asarray(float(machine.MICRO_BATCHES)), design.mapping.pp))

    lost = failures.without_interface, failures.without_circuit_port
    card = max(slower(reasoning, functools.partial(change, ports=ports)) for change in lost)
    device, server = slower(dense, failures.with_spare_device), slower(reasoning, failures.with_spare_pod)
    rows = [
        Row(f"F41.{name}", f"{text}, increase of training time", "%", paper, 100 * (value - 1), paper - 3, paper + 3)
        for name, text, paper, value in (
            ("interface", "DeepSeek-R1, one interface card lost", 3.3, card),
            ("device", "8x22B, one device replaced by one of another server", 5.1, device),
            ("server", "DeepSeek-R1, one server replaced by one outside the region", 6.5, server),
        )
    ]
    parts = {"interface": (1024, card), "link": (1024, card), "device": (1024, device), "server": (128, server)}
    found = [failures.Failure(jnp.asarray(float(n)), machine.part("failures", k), jnp.asarray(s)) for k, (n, s) in parts.items()]
    rows.append(
        Row("F41.both", "both electrical ports lost in one job, at 0.057 % each", "1", 3.2e-7, 0.00057**2, 3.2e-7 * 0.985, 3.2e-7 * 1.02)
    )
    once = slower(reasoning_point({}, 1.0), failures.with_spare_pod)
    rows.append(Row("F41.server.once", "the server lost, tokens crossing once to a server", "%", None, 100 * (once - 1)))
    rows.append(Row("F41.goodput", "goodput of 1,024 devices with all kinds of failures", "1", None, float(failures.goodput(found))))
    return rows


def scale_up_clusters() -> tuple[Any, Any]:
    """F42: 2,048 devices in pods of 64, 8 Tb/s each: 7.2 in the pod and 0.8 Ethernet, or 3.6, 0.8 and 3.6 on regional circuits."""
    base = load_system(machine.CONFIGS / "systems" / "gb200_nvl72.toml").module
    terabit = 1e12 / 8
    same = {"pod.size": 64.0, "devices": 2048.0}
    electrical = same | {"device.scale_up.bandwidth": 7.2 * terabit, "device.scale_out.bandwidth": 0.8 * terabit}
    optical = same | {"device.scale_up.bandwidth": 3.6 * terabit, "device.scale_out.bandwidth": 4.4 * terabit}
    fabric = tree.put(machine.part("fabrics", "optical_circuits"), {"optical_share": jnp.asarray(3.6 / 4.4), "region": jnp.asarray(128.0)})
    clusters = (
        tree.put(base, {p: jnp.asarray(v) for p, v in electrical.items()}),
        tree.put(base, {p: jnp.asarray(v) for p, v in optical.items()}),
    )
    efficiency = clusters[0].device.scale_out.efficiency
    return clusters[0], tree.put(clusters[1], {"fabric": fabric, "device.scale_out.efficiency": efficiency})


def scale_up_rows() -> list[Row]:
    """F42, F43: DeepSeek-V3, EP 128 over two pods, PP 16, 240 micro-batches; the stack of the machine, every copy sent on its own."""
    workload = tree.put(load_workload_named("deepseek_v3").module, {"training.global_batch": jnp.asarray(128.0 * 240)})

    def laid(relay: float) -> Mapping:
        schedule = tree.put(machine.part("schedules", "megatron_core_plain"), {"relay": jnp.asarray(relay)})
        return Mapping(schedule=schedule, dp=128, tp=1, pp=16, cp=1, ep=128, etp=1, micro_batch=1)

    mapping = laid(0.0)
    metrics = [evaluate(Design(cluster, mapping), workload) for cluster in scale_up_clusters()]
    relayed = [evaluate(Design(cluster, laid(1.0)), workload) for cluster in scale_up_clusters()]
    share = [float(m.breakdown["all-to-all"] / m.step_time) for m in metrics]
    ratio, once = (float(pair[0].step_time / pair[1].step_time) for pair in (metrics, relayed))
    rows = [
        Row("F42", "DeepSeek-V3, NVL72 over regional circuits with the same 8 Tb/s (at least 1.3)", "x", 1.3, ratio, 1.25, 1e9),
        Row("F42.once", "the same when tokens cross once to a pod and are forwarded there", "x", None, once),
        Row("F42.share", "all-to-all in the NVL72 step (1.3 needs 0.30 overlapped, 0.38 serial)", "1", None, share[0]),
    ]
    ideal = {"device.scale_up.efficiency": 1.0, "device.scale_out.efficiency": 1.0}
    gigabyte, times = 1e9, []
    for given in scale_up_clusters():
        cluster = tree.put(given, {p: jnp.asarray(v) for p, v in ideal.items()})
        group = placement(mapping, cluster.pod.size).expert
        inside = float((group.inside - 1) / (group.size - 1))
        pod = cluster.pod.network.all_to_all(in_pod(group), cluster.pod_ends).bandwidth
        out = cluster.fabric.all_to_all(group, cluster.fabric_ends).bandwidth
        times.append((gigabyte * (1 - inside) / float(out), gigabyte * inside / float(pod)))
    names = (("NVL72", 5.039, 0.551), ("circuits", 1.120, 1.102))
    for (name, *printed), found in zip(names, times, strict=True):
        for what, paper, value in zip(("between pods", "in the pod"), printed, found, strict=True):
            rows.append(rounded(f"F43.{name}.{what.split()[-1]}", f"{name}, {what}, 1 GB", "ms", paper, 1e3 * value, 1e-3 * paper))
    (a, b), (c, d) = times
    rows.append(rounded("F43.overlapped", "NVL72 over circuits, both networks at once", "x", 4.50, max(a, b) / max(c, d), 5e-3))
    return [*rows, rounded("F43.serial", "NVL72 over circuits, one network after the other", "x", 2.52, (a + b) / (c + d), 5e-3)]
