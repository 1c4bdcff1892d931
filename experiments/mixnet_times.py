"""Rows F34 to F37: performance per dollar; and T: step times over the fat-tree's.

All from our own step times with one set of constants: Megatron-LM of 2021 on the simulated
A100s, experts as tensor-parallel as attention, eight micro-batches. Beside them stand
the same with one number per model fitted to the fat-tree's published times (the bytes of an
all-to-all over ours), because neither the compute times nor the volumes of the simulation are
published; rows T use it.
"""

import csv
import functools
from pathlib import Path

import mixnet_machine as machine
import numpy as np
from claim import ROOT, Row
from mixnet_machine import MODELS, RATES

FABRICS = {"mixnet": "optical_circuits", "rail_optimized": "rail_optimised", "topoopt": "patch_panel"}
RANGES = {100: ("F34", 1.2, 1.5), 200: ("F35", 1.4, 1.8), 400: ("F36", 1.9, 2.3), 800: ("F37", 2.0, 2.4)}
VOLUMES = {
    "mixtral_8x22b": 1.321,
    "mixtral_8x7b": 0.6837,
    "llama_moe_3.5b_4_16": 5.97,
    "qwen15_moe_a2.7b": 22.33,
}
"""Bytes of an all-to-all over ours, fitted by this script to the fat-tree's published times (`fitted_volume`)."""
FAT_TREE_TIMES = ROOT.parent / "shared" / "validation" / "mixnet_fattree_times.csv"


def fabric_cost(fabric: str, rate: int, devices: int = 1024) -> float:
    """Dollars of a fabric."""
    cluster = machine.cluster(fabric, rate, devices)
    return float(cluster.fabric.bill(cluster.fabric_ends).cost)


@functools.cache
def relative_time(model: str, fabric: str, rate: int, volume: float | None = None) -> float:
    """Step time over the fat-tree's at the same rate."""
    bytes_over_ours = machine.hot(model) if volume is None else volume
    return machine.step_time(model, fabric, rate, bytes_over_ours) / machine.step_time(model, "fat_tree", rate, bytes_over_ours)


def performance_per_dollar(model: str, rate: int, volume: float | None = None) -> float:
    """Of regional circuits over the fat-tree: (cost / cost) (T / T)."""
    return fabric_cost("fat_tree", rate) / fabric_cost("optical_circuits", rate) / relative_time(model, "optical_circuits", rate, volume)


@functools.cache
def published_times(path: Path = FAT_TREE_TIMES) -> dict[tuple[str, int], float]:
    """Normalised times of the fat-tree by model and rate (authors' simulation); empty where the file is not at hand."""
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as lines:
        return {(row["model"], int(row["nic_gbit_s"])): float(row["value"]) for row in csv.DictReader(lines)}


@functools.cache
def fat_tree_times(model: str, volume: float) -> np.ndarray:
    """Our fat-tree at the four rates."""
    return np.array([machine.step_time(model, "fat_tree", rate, volume) for rate in RATES])


@functools.cache
def fitted_volume(model: str) -> float:
    """Bytes of an all-to-all over ours for which the fat-tree's times rise with falling rate as published.

    Least squares in the logarithm of T(rate) / T(800 Gb/s); T is linear in the volume.
    """
    still, moved = fat_tree_times(model, 0.0), fat_tree_times(model, 1.0) - fat_tree_times(model, 0.0)
    paper = np.array([published_times()[model, rate] for rate in RATES])
    volumes = np.geomspace(0.05, 100, 20001)[:, None]
    times = still + volumes * moved
    misfit = np.log(times / times[:, -1:]) - np.log(paper / paper[-1])
    return float(volumes[np.argmin((misfit**2).sum(1)), 0])


def time_rows() -> list[Row]:
    """T: times over the fat-tree's with the fitted volumes, T0: with our own; and the fat-tree against its published times."""
    rows = []
    for model in MODELS:
        for prefix, volume, note in (("T", VOLUMES[model], "fitted volume"), ("T0", None, "our own volume")):
            for name, fabric in FABRICS.items():
                for rate in RATES:
                    text = f"{name}, {model}, {rate} Gb/s, over fat-tree, {note}"
                    value = relative_time(model, fabric, rate, volume)
                    rows.append(Row(f"{prefix}.{name}.{model}.{rate}", text, "x", None, value))
        rows += volume_rows(model)
    return rows


def volume_rows(model: str) -> list[Row]:
    """The fitted volume, our own, and, where the published times are at hand, the fit anew and the times themselves."""
    text = f"bytes of an all-to-all over ours, {model}"
    rows = [
        Row(f"T.volume.{model}", f"{text}, fitted to the fat-tree", "x", None, VOLUMES[model]),
        Row(f"T.volume.{model}.ours", f"{text}, before: busiest over mean server", "x", None, machine.hot(model)),
    ]
    if published_times():
        again, shipped = fitted_volume(model), VOLUMES[model]
        rows.append(Row(f"T.volume.{model}.again", f"{text}, fitted anew", "x", None, again, 0.999 * shipped, 1.001 * shipped))
        rows += [*fat_tree_rows(model, machine.hot(model), "ours"), *fat_tree_rows(model, VOLUMES[model], "fitted")]
    return rows


def fat_tree_rows(model: str, volume: float, note: str) -> list[Row]:
    """The fat-tree's times over its time at 800 Gb/s, beside the published ones."""
    own = fat_tree_times(model, volume)
    rows = []
    for place, rate in enumerate(RATES[:-1]):
        paper = published_times()[model, rate] / published_times()[model, 800]
        rows.append(
            Row(f"T.fat_tree.{model}.{rate}.{note}", f"fat-tree, {model}, {rate} over 800 Gb/s, {note}", "x", paper, own[place] / own[-1])
        )
    return rows


def performance_rows() -> list[Row]:
    """F34 to F37: performance per dollar inside the paper's ranges; then with the fitted volumes."""
    rows = []
    for rate, (row_id, low, high) in RANGES.items():
        for model in MODELS:
            text = f"performance per dollar, {model}, {rate} Gb/s ({low} to {high})"
            for suffix, volume, note in (("", None, ""), (".fitted", VOLUMES[model], ", fitted volume")):
                value = performance_per_dollar(model, rate, volume)
                rows.append(Row(f"{row_id}.{model}{suffix}", text + note, "x", None, value, low - 0.05, high + 0.05))
    return rows
