"""In which ranges do the free constants of the A3D-MoE study lie, and who says so?

Two sets: WORKED, the few ranges of the envelope worked out by hand (facts S47), all else as at the centre of the bracket; and SOURCED,
every constant, with memory stacked by through-silicon vias in one half of the draws and bonded memory in the other.
"""

from typing import NamedTuple

import numpy as np
from a3d_chain import Constants
from a3d_models import BYTES

from codesign.performance.systolic_array import fixed_array_ratio
from codesign.units import unit_factor

ASSUMED = "assumption"


class Range(NamedTuple):
    """Ends and usual value in `unit`, how values between are drawn (even, log, or one of the three), and the source."""

    low: float
    default: float
    high: float
    unit: str
    law: str
    source: str


RATIO = Range(0.4, 1.0, 2.0, "1", "log", "assumption: peaks of 989 to 200 TFLOP/s on 128 rows at 2.85 TB/s")
"""Compute over memory time r_0 of experts on the fixed array; sets the peak."""

WORKED = {
    "r0": RATIO,
    "bandwidth_gain": Range(1.0, 1.5, 2.0, "1", "even", ASSUMED),
    "energy_stacked": Range(0.43, 0.88, 3.0, "pJ/bit", "log", "arXiv 2510.05245 to arXiv 2409.01141"),
    "energy_beside": Range(3.5, 3.9, 4.7, "pJ/bit", "even", "MICRO 2017 (fine-grained DRAM), 3.9 less 10 % and plus 20 %"),
    "static_power": Range(0.0, 60.0, 100.0, "W", "even", ASSUMED),
    "low_share": Range(0.0, 0.25, 0.5, "1", "even", ASSUMED),
    "per_expert": Range(0.0, 1.0, 1.0, "1", "ends", ASSUMED),
    "attention_elsewhere": Range(0.0, 0.0, 1.0, "1", "ends", ASSUMED),
}

OTHERS = {
    "bandwidth": Range(1.64, 2.85, 4.1, "TB/s", "even", "four stacks of HBM2E to five of HBM3"),
    "energy_beside": Range(2.0, 3.9, 4.7, "pJ/bit", "even", "MICRO 2017 (HBM2) to an assumption (HBM4), 20 % beyond both"),
    "path_beside": Range(0.2, 0.35, 0.7, "pJ/bit", "even", ASSUMED),
    "path_stacked": Range(0.1, 0.2, 0.35, "pJ/bit", "even", ASSUMED),
    "mac_energy": Range(0.46, 0.6, 0.604, "pJ/FLOP", "even", "code of arXiv 2409.01141; arXiv 2510.05245"),
    "array_rows": Range(64.0, 128.0, 256.0, "1", "three", ASSUMED),
    "adaptive_rows": Range(8.0, 16.0, 32.0, "1", "three", "assumption: a useful floor is cells over columns of an expert"),
    "array_efficiency": Range(0.8, 0.9, 0.95, "1", "even", ASSUMED),
    "prompt_utilisation": Range(0.4, 0.6, 0.8, "1", "even", ASSUMED),
    "attention_utilisation": Range(0.3, 0.5, 0.7, "1", "even", ASSUMED),
    "fusion_efficiency": Range(0.85, 0.92, 0.95, "1", "even", ASSUMED),
    "reduction": Range(0.25, 0.5, 0.75, "1", "even", ASSUMED),
    "softness": Range(0.0, 0.0, 0.25, "1", "even", "assumption: p = 4 to ideal overlap"),
    "start": Range(1.0, 2.0, 3.0, "us", "even", "assumption: a layer of a dedicated accelerator"),
    "exponent": Range(0.0, 0.5, 1.0, "1", "even", ASSUMED),
    "correlation": Range(0.7, 0.9, 1.0, "1", "even", "assumption; 0.7 for consecutive tokens of one sequence"),
}

VIAS = {
    "bandwidth_gain": Range(1.25, 1.5, 2.0, "1", "even", ASSUMED),
    "energy_stacked": Range(2.0, 2.5, 3.0, "pJ/bit", "even", "derived from code of arXiv 2409.01141"),
}
BONDED = {
    "bandwidth_gain": Range(1.5, 2.0, 6.0, "1", "log", ASSUMED),
    "energy_stacked": Range(0.43, 0.88, 0.9, "pJ/bit", "log", "SeDRAM, IEDM 2020; arXiv 2510.05245"),
}
SOURCED = (WORKED | OTHERS | VIAS, WORKED | OTHERS | BONDED)

ALL = {
    name: entry._replace(low=min(entry.low, other.low), high=max(entry.high, other.high))
    for (name, entry), other in zip(SOURCED[0].items(), SOURCED[1].values(), strict=True)
}
"""The ranges of both classes of memory together."""

Draws = dict[str, np.ndarray]
"""Values of some constants, SI, (N,) each."""


def values(entry: Range, uniform: np.ndarray) -> np.ndarray:
    """SI values at quantiles (N,) of a range."""
    low, high = entry.low, entry.high
    if entry.law == "log":
        found = low * (high / low) ** uniform
    elif entry.law == "even":
        found = low + (high - low) * uniform
    else:
        choices = [low, high] if entry.law == "ends" else [low, entry.default, high]
        found = np.asarray(choices)[(uniform * len(choices)).astype(int)]
    return found * unit_factor(entry.unit)[0]


def draw(ranges: dict[str, Range], count: int, seed: int) -> Draws:
    """Independent values of every constant, and r_0 beside the peak it sets."""
    generator = np.random.default_rng(seed)
    drawn = {name: values(entry, generator.random(count)) for name, entry in ranges.items()}
    return drawn | {"peak": peak(drawn)}


def peak(drawn: Draws) -> np.ndarray:
    """Peak [FLOP/s] at which the fixed array has the drawn r_0."""
    c = Constants()._replace(**{name: value for name, value in drawn.items() if name != "r0"})
    return np.asarray(fixed_array_ratio(c.array_rows, c.bandwidth, drawn["r0"], BYTES, c.array_efficiency))


def draw_sourced(count: int, seed: int) -> Draws:
    """Half of the draws with each class of memory."""
    halves = [draw(ranges, count // 2, seed + i) for i, ranges in enumerate(SOURCED)]
    return {name: np.concatenate([half[name] for half in halves]) for name in halves[0]}
