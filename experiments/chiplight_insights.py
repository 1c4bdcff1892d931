"""Rows of the qualitative insights: switching time, overlap, cluster size, package size against die-to-die links, edges, topology."""

from typing import Any

from chiplight_reuse import REUSE, SHARE, TIME
from chiplight_search import Best, Free, System, best, throughput
from claim import Row

from codesign.config.catalogue import SHIPPED, load_catalogue
from codesign.constraints import records
from codesign.design import with_values
from codesign.evaluate import evaluate
from codesign.fields import as_float
from codesign.units import parse_quantity, to_unit

UP, OUT = "cluster.device.scale_up.bandwidth", "cluster.device.scale_out.bandwidth"
POD, ROWS = "cluster.pod.size", "cluster.device.package.rows"
SHARES = {SHARE: Free(0.05, 0.95, 0.025)}
SWITCHES = {"10 ms": 1e-2, "10 us": 1e-5, "1 us": 1e-6, "100 ns": 1e-7}


def sign(row_id: str, quantity: str, unit: str, model: float, above: bool, bound: float) -> Row:
    """A row that is within on one side of a bound: the direction of a published statement."""
    return Row(row_id, quantity, unit, None, float(model), bound if above else float("-inf"), float("inf") if above else bound)


def hardware(one: Best) -> dict[str, float]:
    """What a design chose apart from mapping, pod and cluster size."""
    return {path: v for path, v in one.values.items() if not path.startswith("mapping.") and path not in (POD, "cluster.devices")}


def with_reuse(system: System, one: Best, changes: dict[str, float], devices: float = 1024.0) -> float:
    """Tokens per second with reuse over those with the best fixed share, each with its best mapping, on the hardware of a design.

    Among mappings whose context groups span packages, as the paper's do.
    """
    base, pods = hardware(one) | changes, (int(changes.get(POD, one.values[POD])),)
    base = {path: value for path, value in base.items() if path not in (POD, REUSE, SHARE)}
    on = best(system, devices, {}, base | {REUSE: 1.0, SHARE: 0.5}, throughput, pods, True)
    off = best(system, devices, SHARES, base | {REUSE: 0.0}, throughput, pods, True)
    return on.score / off.score


def switching_rows(system: System, light: Best) -> list[Row]:
    """Slow switches lose, fast ones win."""
    rows = []
    for name, seconds in SWITCHES.items():
        slow = seconds >= 1e-3
        text = f"reuse over the best fixed share, changes of {name} ({'loses' if slow else 'does not lose'})"
        rows.append(sign(f"I1.{name}", text, "x", with_reuse(system, light, {TIME: seconds}), not slow, 1.0))
    return rows


def overlap_rows(system: System, light: Best) -> list[Row]:
    """Where context traffic hides under attention, its ports idle less: reuse gains less."""
    hidden = System(*with_values(*system.point, {"mapping.schedule.context_overlap": as_float(1.0)}))
    serial, overlapped = with_reuse(system, light, {}), with_reuse(hidden, light, {})
    return [
        Row("I2.serial", "reuse over the best fixed share, phases in series", "x", None, serial),
        sign("I2.overlap", "the same with context traffic hidden under attention (gains no more)", "x", overlapped, False, serial),
    ]


def size_rows(system: System, servers: System, light: Best, old: Best) -> list[Row]:
    """Gains over H100 servers shrink on small clusters (one sequence per device and step, circuit switches of any size)."""
    rows, gains = [], []
    for devices in (128.0, 256.0, 1024.0, 2048.0):
        scores = []
        for machine, one, more in ((system, light, {"cluster.fabric.circuit.ports": 1024.0}), (servers, old, {})):
            scaled = System(*with_values(*machine.point, {"workload.training.global_batch": as_float(devices)}))
            scores.append(best(scaled, devices, {}, hardware(one) | more, throughput, (int(one.values[POD]),)).reached)
        mine, theirs = (reached["tokens_per_second"] / reached["manufacturing_cost"] for reached in scores)
        gains.append(mine / theirs)
        rows.append(Row(f"I3.{devices:.0f}", f"over H100 at equal manufacturing cost, {devices:.0f} devices", "x", None, gains[-1]))
    return [*rows, sign("I3.sign", "gain at 128 over gain at 2,048 devices (shrinks)", "x", gains[0] / gains[-1], False, 1.0)]


LIMITS = {
    "cluster.device.package.packaging.largest_carrier_area": 1.0,
    "cluster.device.package.area_limit": 1.0,
    "cluster.device.package.power_limit": 1e5,
    "cluster.fabric.circuit.ports": 1024.0,
}
"""Packages and circuit switches of any size, to see what they would bring."""


def package_rows(system: System, rail: Best) -> list[Row]:
    """A larger package with thinner die-to-die links: die-to-die traffic takes the place of the optical one."""
    rows, found = [], []
    for pods, rows_of, rate in ((4, 2.0, "8 Tb/s"), (8, 2.0, "4 Tb/s"), (16, 2.0, "2 Tb/s"), (16, 2.0, "8 Tb/s")):
        fixed = hardware(rail) | LIMITS | {UP: parse_quantity(rate, "Tb/s"), ROWS: rows_of, REUSE: 1.0}
        one = best(system, 1024.0, {}, fixed, throughput, (pods,))
        terms = {name: float(value) for name, value in evaluate(one.design, one.workload).breakdown.items()}
        found.append(one.score)
        inside = (terms["tensor parallel"] + terms["expert tensor parallel"] + terms["context parallel"]) / sum(terms.values())
        name = f"{pods} dies per package, {rate} die to die"
        rows.append(Row(f"I4.{pods}.{rate.split()[0]}", f"{name}: tokens per second and device", "1/s", None, one.score))
        rows.append(
            Row(f"I4.{pods}.{rate.split()[0]}.inside", f"{name}: share of the step in tensor and context traffic", "1", None, inside)
        )
    rows.append(sign("I4.cut", "16 dies at 2 Tb/s over 4 dies at 8 Tb/s (no real gain)", "x", found[2] / found[0], False, 1.05))
    return [
        *rows,
        sign(
            "I4.kept",
            "16 dies at 8 Tb/s over 16 dies at 2 Tb/s (the die-to-die links had become the bottleneck)",
            "x",
            found[3] / found[2],
            True,
            1.0,
        ),
    ]


def edge_rows(light: Best) -> list[Row]:
    """Memory, die-to-die links and optics compete: what is used of each budget in mm and mm2."""
    found = {record.name: record for record in records(evaluate(light.design, light.workload))}
    rows = []
    for name in ("memory edge", "die edge", "inner die edge", "package edge", "carrier area", "die area", "package area"):
        record = found[name]
        rows.append(
            Row(
                f"I5.{name}",
                f"{name} used, of {to_unit(record.bound, record.unit):.0f} {record.unit}",
                record.unit,
                None,
                to_unit(record.demand, record.unit),
            )
        )
    used = max(record.demand / record.bound for record in found.values() if record.name != "devices")
    return [*rows, sign("I5.binds", "the fullest budget of the package (one binds)", "1", used, True, 0.9)]


def topology_rows(system: System, light: Best) -> list[Row]:
    """The same package on other fabrics, each with its best mapping."""
    rows, fabrics = [], load_catalogue(SHIPPED).rows["fabrics"]
    pods = (int(light.values[POD]),)
    for name in ("rail_circuits", "fat_tree", "rail_only", "torus"):
        other = System(*with_values(*system.point, {"cluster.fabric": fabrics[name].module}))
        fixed = {path: value for path, value in hardware(light).items() if not path.startswith("cluster.fabric")}
        one = best(other, 1024.0, {}, fixed, throughput, pods)
        ratio: Any = {key: light.reached[key] / one.reached[key] for key in ("tokens_per_second", "manufacturing_cost")}
        rows.append(Row(f"I6.{name}", f"phases sharing rails over {name}: tokens per second", "x", None, ratio["tokens_per_second"]))
        per_dollar = ratio["tokens_per_second"] / ratio["manufacturing_cost"]
        rows.append(
            Row(f"I6.{name}.dollar", f"phases sharing rails over {name}: tokens per second and dollar", "x", None, float(per_dollar))
        )
    return rows


def insight_rows(system: System, servers: System, light: Best, rail: Best, old: Best) -> list[Row]:
    """All insights."""
    rows = [*switching_rows(system, light), *overlap_rows(system, light), *size_rows(system, servers, light, old)]
    return [*rows, *package_rows(system, rail), *edge_rows(light), *topology_rows(system, light)]
