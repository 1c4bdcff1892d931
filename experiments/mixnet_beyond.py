"""Rows B: what the paper leaves out: devices, power, even demand, placement, and where the conclusion flips, found by gradient.

Performance per dollar of regional circuits over the fat-tree is R = (cost / cost) (T / T); a
flip is a value of one number at which R = 1, found by Newton's method on its logarithm with
the derivative of the whole model.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import mixnet_machine as machine
import numpy as np
from claim import Row
from mixnet_machine import MODELS, RATES

from codesign import tree
from codesign.design import Design
from codesign.evaluate import evaluate
from codesign.fields import Scalar
from codesign.performance.demand import blocks, circuit_ratios, hot_load
from codesign.workload.traffic import balanced_order, reordered, replicated, zipf_traffic

PRICE_PATHS = ("device.scale_out.link", "fabric.trunk", "fabric.switch", "fabric.interface")
NEWTON_STEPS = 60
FABRICS = ("fat_tree", "optical_circuits")


def with_changes(base: tuple[Design, Any], values: dict[str, Scalar]) -> tuple[Design, Any]:
    """A point whose cluster has other numbers, by path; paths it lacks are left out."""
    design, workload = base
    present = {path: value for path, value in values.items() if tree.has(design.cluster, path)}
    return Design(tree.put(design.cluster, present), design.mapping), workload


Change = Callable[[Any, Scalar], dict[str, Scalar]]
"""(cluster, value) -> numbers of the cluster by path."""


def log_advantage(model: str, rate: int, change: Change, devices: float = 0.0) -> Callable[[Scalar], Scalar]:
    """log R as a function of the logarithm of one number; `devices` dollars per device join the cost."""
    hot, uneven = machine.hot(model), machine.traffic_changes
    points = {f: machine.point(model, f, rate, hot, changes=uneven(model, f, rate)) for f in FABRICS}

    def function(x: Scalar) -> Scalar:
        logs = []
        for base in points.values():
            metrics = evaluate(*with_changes(base, change(base[0].cluster, jnp.exp(x))))
            logs.append(jnp.log(metrics.step_time) + jnp.log(metrics.fabric_cost + devices * metrics.cluster_size))
        return logs[0] - logs[1]

    return function


def flip(function: Callable[[Scalar], Scalar], low: float, high: float) -> float | None:
    """The value between `low` and `high` at which `function` of its logarithm crosses zero; None where its ends have one sign."""
    value_and_slope = jax.jit(jax.value_and_grad(function))
    left, right = float(np.log(low)), float(np.log(high))
    ends = [float(value_and_slope(jnp.asarray(end))[0]) for end in (left, right)]
    if ends[0] * ends[1] > 0:
        return None
    x = 0.5 * (left + right)
    for _ in range(NEWTON_STEPS):
        value, slope = map(float, value_and_slope(jnp.asarray(x)))
        left, right = (left, x) if (value > 0) == (ends[1] > 0) else (x, right)
        step = x - value / slope if slope else left
        x = step if left < step < right else 0.5 * (left + right)
    return float(np.exp(x))


def flip_row(row_id: str, text: str, unit: str, function: Callable[[Scalar], Scalar], low: float, high: float) -> Row:
    """The flip, or that there is none and how large the advantage is at least at the ends."""
    found = flip(function, low, high)
    if found is not None:
        return Row(row_id, f"{text}, at which both are equal", unit, None, found)
    least = min((float(jnp.exp(function(jnp.log(jnp.asarray(end))))) for end in (low, high)), key=lambda r: abs(np.log(r)))
    return Row(
        f"{row_id}.none", f"{text}: no flip from {low:g} to {high:g} {unit}; performance per dollar at the nearer end", "x", None, least
    )


def circuit_price(cluster: Any, times: Scalar) -> dict[str, Scalar]:
    """Another price of a port of the circuit switch."""
    return {"fabric.circuit.port_price": times} if tree.has(cluster, "fabric.circuit") else {}


def optics_price(cluster: Any, times: Scalar) -> dict[str, Scalar]:
    """Transceivers and fibres `times` as dear."""
    paths = [f"{path}.{name}" for path in PRICE_PATHS[:2] for name in ("price_per_bandwidth", "cable_price")]
    return {path: tree.get(cluster, path) * times for path in paths}


def switch_price(cluster: Any, times: Scalar) -> dict[str, Scalar]:
    """Ports of packet switches `times` as dear."""
    return {"fabric.switch.price_per_bandwidth": tree.get(cluster, "fabric.switch.price_per_bandwidth") * times}


def delay(_: Any, seconds: Scalar) -> dict[str, Scalar]:
    """Another delay of circuits that are always rearranged."""
    return {"fabric.circuit.delay": seconds, "fabric.adaptive": jnp.zeros(())}


def any_rate(cluster: Any, rate: Scalar) -> dict[str, Scalar]:
    """Everything at `rate` [Gb/s]: prices per bandwidth interpolated between the rows in logarithms, and extended beyond them."""
    place = jnp.log(rate / 100) / np.log(2)
    known = np.arange(len(RATES) - 1.0)

    def between(values: list[float]) -> Scalar:
        logs = jnp.log(jnp.asarray(values))
        index = jnp.clip(jnp.floor(jax.lax.stop_gradient(place)), 0, known[-1]).astype(int)
        return jnp.exp(logs[index] + (place - index) * (logs[index + 1] - logs[index]))

    bandwidth = rate * 1e9 / 8
    found = {"device.scale_out.bandwidth": bandwidth, "fabric.switch.port_bandwidth": bandwidth}
    tables = dict(zip(PRICE_PATHS, ("links", "links", "switches", "interfaces"), strict=True))
    names = {"links": "pluggable", "switches": "eps", "interfaces": "nic"}
    for path, table in tables.items():
        parts = [machine.part(table, f"{names[table]}_{r}g") for r in RATES]
        for name in ("price_per_bandwidth", "cable_price"):
            if hasattr(parts[0], name):
                found[f"{path}.{name}"] = between([float(getattr(part, name)) for part in parts])
    return {path: value for path, value in found.items() if tree.has(cluster, path)}


def flip_rows() -> list[Row]:
    """Where performance per dollar is the same: prices, delay, rate; with and without devices in the cost."""
    rows = []
    model = "mixtral_8x22b"
    for rate in (100, 400):
        kinds = (
            ("circuit port", circuit_price, 10.0, 1e6, "$", "price of a circuit port"),
            ("optics", optics_price, 1e-3, 1e3, "x", "price of transceivers and fibres, times today's"),
            ("switches", switch_price, 1e-3, 1e3, "x", "price of packet switches, times today's"),
            ("delay", delay, 1e-6, 1e3, "s", "delay of circuits that are always rearranged"),
        )
        for name, change, low, high, unit, text in kinds:
            advantage = log_advantage(model, rate, change)
            rows.append(flip_row(f"B.flip.{name}.{rate}", f"8x22B, {rate} Gb/s: {text}", unit, advantage, low, high))
    for model in MODELS:
        for name, dollars, text in (("network", 0.0, "network alone"), ("devices", 27000.0, "with 27,000 $ per device")):
            advantage = log_advantage(model, 400, any_rate, dollars)
            rows.append(flip_row(f"B.flip.rate.{model}.{name}", f"{model}, {text}: rate", "Gb/s", advantage, 1.0, 3200.0))
    return rows


def demand_rows() -> list[Row]:
    """Even against measured demand, and what moving or copying experts would do to the busiest server."""
    rows = []
    for model in ("mixtral_8x22b", "mixtral_8x7b"):
        for rate in RATES:
            times = [machine.step_time(model, "fat_tree", rate, v) for v in (1.0, machine.hot(model))]
            text = f"{model}, {rate} Gb/s"
            rows.append(Row(f"B.demand.{model}.{rate}", f"fat-tree, measured over even demand, {text}", "x", None, times[1] / times[0]))
            design, workload = machine.point(model, "optical_circuits", rate, 1.0)
            even = float(evaluate(design, workload).step_time) / times[0]
            rows.append(Row(f"B.even.{model}.{rate}", f"regional circuits over fat-tree, even demand, {text}", "x", None, even))
    return rows


def placement_rows() -> list[Row]:
    """64 experts by Zipf's law, the hottest four times the mean, on 8 servers: what moving and copying experts does."""
    ranks, servers, copies = 64, 8, 8
    given = np.asarray(zipf_traffic(jnp.asarray(4.0), ranks, jnp.asarray(float(ranks))))
    balanced = np.asarray(reordered(jnp.asarray(given), balanced_order(given.sum(0), ranks // servers)))
    hottest, coolest = np.argsort(-balanced.sum(0))[:copies], np.argsort(balanced.sum(0))[:copies]
    holders = np.eye(ranks)
    holders[hottest, coolest] = 1
    copied = np.asarray(replicated(jnp.asarray(balanced), jnp.asarray(holders)))
    rows = []
    for name, matrix in (("given", given), ("balanced", balanced), ("copied", copied)):
        pods = blocks(matrix, ranks // servers)
        fresh, _ = circuit_ratios(pods.tobytes(), servers, machine.PORTS, machine.OPTICAL, servers, 0.0)
        rows.append(
            Row(f"B.placement.{name}.rank", f"experts {name}: busiest over mean expert rank", "x", None, float(matrix.sum(0).max()))
        )
        rows.append(Row(f"B.placement.{name}.server", f"experts {name}: busiest over mean server", "x", None, hot_load(pods)))
        rows.append(Row(f"B.placement.{name}.circuits", f"experts {name}: greedy circuits over a non-blocking fabric", "x", None, fresh))
    return rows


def power_rows() -> list[Row]:
    """Network power of every fabric over the fat-tree's, and steps per joule of the network."""
    rows = []
    for name in ("optical_circuits", "rail_optimised", "rail_only", "patch_panel", "rail_circuits", "dragonfly_plus"):
        clusters = [machine.cluster(fabric, 400) for fabric in (name, "fat_tree")]
        watts = [float(c.fabric.bill(c.fabric_ends).power) for c in clusters]
        rows.append(Row(f"B.power.{name}", f"network power over the fat-tree's, {name}, 400 Gb/s", "x", None, watts[0] / watts[1]))
    return rows


def device_rows() -> list[Row]:
    """Performance per dollar with devices, hosts and networks in the cost."""
    rows = []
    for rate in RATES:
        for model in MODELS:
            value = float(jnp.exp(log_advantage(model, rate, lambda *_: {}, 27000.0)(jnp.zeros(()))))
            text = f"performance per dollar with 27,000 $ per device, {model}, {rate} Gb/s"
            rows.append(Row(f"B.devices.{model}.{rate}", text, "x", None, value))
    return rows


def beyond_rows() -> list[Row]:
    """B."""
    return [*device_rows(), *power_rows(), *demand_rows(), *placement_rows(), *flip_rows()]
