"""What does the flagship study look like with any number of cells and of free variables?

Cells: a core of mappings (small, middle, or all of the flagship's), times choices that no rule of legality sees.
Variables: the four of the flagship, then numbers of the machine around the values of its base.

>>> [repeats(cells) for cells in (100, 1000, 10_000, 100_000)]
[('small', [2]), ('middle', [3]), ('full', [2]), ('full', [6, 4])]
"""

from pathlib import Path
from typing import Any

from flagship import BASE

HEAD = 'title = "Flagship study with about {cells} cells and {variables} variables"\n' + BASE
CHOICES = ("mapping.tp", "mapping.pp", "mapping.ep", "mapping.etp", "mapping.micro_batch", "workload.model.granularity")
CORES = {
    "small": (48, ([8, 16, 32], [4, 8], [32, 64, 128], [4, 8, 16], [1], [8])),
    "middle": (336, ([8, 16, 32], [2, 4, 8], [16, 32, 64, 128], [1, 2, 4, 8, 16], [1], [4, 8])),
    "full": (4122, ([4, 8, 16, 32, 64], [1, 2, 4, 8], [8, 16, 32, 64, 128, 256], [1, 2, 4, 8, 16], [1, 2, 4], [1, 2, 4, 8])),
}
"""Legal mappings of each core, and the values of its choices."""
LINKS = ("passage_interposer", "copper", "cpo", "lpo", "passage_engine", "pluggable")
NEUTRAL: dict[str, list[int]] = {
    "cluster.device.package.dies": [4, 2, 3, 1],
    "mapping.schedule.zero_stage": [1, 2, 3],
    "mapping.vpp": [1, 2, 4],
    "mapping.schedule.recompute_layer": [0, 1],
    "mapping.schedule.recompute_core": [0, 1],
    "mapping.schedule.recompute_experts": [0, 1],
    "mapping.schedule.offload": [0, 1],
    "mapping.schedule.recompute_up": [0, 1],
}
"""Further choices, each legal in every mapping."""
VARIABLES = {
    "cluster.device.scale_up.bandwidth": ("1.6 Tb/s", "128 Tb/s", "0.4 Tb/s"),
    "cluster.device.scale_out.bandwidth": ("0.4 Tb/s", "12.8 Tb/s", "0.4 Tb/s"),
    "cluster.pod.size": (16, 512, None),
    "cluster.device.package.stacks": (2, 16, 1),
    "cluster.fabric.oversubscription": (1, 8, 0.25),
    "cluster.device.package.memory.capacity": ("24 GB", "64 GB", "2 GB"),
    "cluster.device.package.memory.bandwidth": ("800 GB/s", "2400 GB/s", "50 GB/s"),
    "cluster.device.package.die.peak_flops": ("1000 TFLOP/s", "2400 TFLOP/s", "50 TFLOP/s"),
    "cluster.device.package.die.width": ("20 mm", "26 mm", "0.25 mm"),
    "cluster.device.package.die.height": ("24 mm", "33 mm", "0.25 mm"),
    "cluster.fabric.switch.radix": (32, 256, 32),
    "cluster.pod.network.switch.port_bandwidth": ("200 Gb/s", "800 Gb/s", "50 Gb/s"),
    "cluster.fabric.switch.port_bandwidth": ("200 Gb/s", "800 Gb/s", "50 Gb/s"),
    "cluster.device.package.cooling.thermal_resistance": ("0.04 K/W", "0.09 K/W", "0.002 K/W"),
    "cluster.device.package.power_limit": ("2000 W", "4000 W", "50 W"),
    "cluster.device.package.die.static_power": ("30 W", "80 W", "2 W"),
    "cluster.device.package.memory.energy": ("1.5 pJ/bit", "4 pJ/bit", "0.1 pJ/bit"),
    "cluster.device.package.die.energy_per_flop": ("0.2 pJ/FLOP", "0.4 pJ/FLOP", "0.01 pJ/FLOP"),
    "cluster.facility.power_usage_effectiveness": (1.05, 1.5, 0.05),
    "cluster.device.package.die.process.wafer_price": ("12000 $", "24000 $", "500 $"),
    "cluster.device.package.memory.price": ("300 $", "700 $", "20 $"),
    "cluster.facility.host_power": ("100 W", "400 W", "10 W"),
    "cluster.facility.host_price": ("2000 $", "8000 $", "200 $"),
    "cluster.pod.devices_per_rack": (36, 144, 12),
}
"""Least value, largest and step; the pods that can be built have no even step."""


def repeats(cells: int) -> tuple[str, list[int]]:
    """The core, and how many values of links and of the further choices make about `cells` legal cells of it."""
    core = max((name for name in CORES if CORES[name][0] <= max(cells / 2, 48)), key=lambda name: CORES[name][0])
    left, lengths = cells / CORES[core][0], []
    for most in (len(LINKS), *(len(values) for values in NEUTRAL.values())):
        length = min(most, max(1, round(left)))
        lengths.append(length)
        left /= length
        if left < 1.5:
            break
    return core, lengths


def _value(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def _continuous(count: int) -> list[str]:
    lines = ["", "[continuous]"]
    for path, numbers in list(VARIABLES.items())[:count]:
        pairs = zip(("low", "high", "step"), numbers, strict=True)
        lines.append(f'"{path}" = {{ ' + ", ".join(f"{name} = {_value(n)}" for name, n in pairs if n is not None) + " }")
    return lines


def text(cells: int, variables: int, breadth: int = 1) -> str:
    """The study file with about `cells` legal cells and exactly `variables` free variables."""
    core, lengths = repeats(cells)
    lines = [HEAD.format(cells=cells, variables=variables), "[search]", f"breadth = {breadth}", "", "[discrete]"]
    lists = dict(zip(CHOICES, CORES[core][1], strict=True)) | {
        path: values[:length] for (path, values), length in zip(NEUTRAL.items(), lengths[1:], strict=False) if length > 1
    }
    lines += [f'"{path}" = {values}' for path, values in lists.items()]
    for link in LINKS[: lengths[0]]:
        packaging = "photonic_interposer" if link == "passage_interposer" else "bridge_2027"
        lines += ["", f"[discrete.link.{link}]", f'"cluster.device.scale_up.link" = "{link}"']
        lines.append(f'"cluster.device.package.packaging" = "{packaging}"')
    return "\n".join([*lines, *_continuous(variables), ""])


def written(folder: Path, cells: int, variables: int, breadth: int = 1) -> Path:
    """The study file in a folder."""
    path = folder / f"flagship_{cells}_{variables}.toml"
    path.write_text(text(cells, variables, breadth), encoding="utf-8")
    return path
