"""Which constants do the published gains of A3D-MoE imply?

Those of the draws whose latency, energy and throughput gains are all inside. Tolerances of S47, worked out by hand from 4000 draws, are the
widest deviation of 32 samples of as many draws from the whole.
"""

from collections.abc import Callable

import numpy as np
from a3d_envelope import Envelope
from a3d_ranges import Range
from claim import Row, rounded

from codesign.units import unit_factor

ENDS = (5, 50, 95)
SAMPLES = 32
CLASSES = {"vias": (2.0, 3.0), "between": (0.9, 2.0), "bonded": (0.43, 0.9)}
BY_CLASS = {
    "vias": ((1.55, 1.84, 2.13), (1.30, 1.48, 1.61)),
    "between": ((2.05, 2.43, 3.37), (1.56, 1.73, 1.95)),
    "bonded": ((2.62, 3.26, 5.55), (1.84, 2.00, 2.25)),
}
"""Energy gain of a decode and of a mixed step given that latency is inside, by class of stacked memory [pJ/bit], as worked out by hand."""
KNOB, ENERGY, CORRELATION = (1.50, 1.75, 1.91), (0.5, 1.0, 2.0), -0.8

Statistic = Callable[[np.ndarray], float]
"""A figure of the draws that a mask (N,) selects."""


def knob(envelope: Envelope) -> np.ndarray:
    """max(r_0, 1) times the gain in bandwidth: what latency tells."""
    return np.maximum(envelope.drawn["r0"], 1.0) * envelope.drawn["bandwidth_gain"]


def _percentile(values: np.ndarray, percentile: float) -> Statistic:
    return lambda mask: float(np.percentile(values[mask], percentile))


def _row(row_id: str, text: str, unit: str, paper: float, digits: int, figure: Statistic, mask: np.ndarray) -> Row:
    """A row within when it is as near to the sheet as samples of the sheet's size are to the whole."""
    model = figure(mask)
    place = np.arange(len(mask)) % SAMPLES
    spread = max(abs(figure(mask & (place == sample)) - model) for sample in range(SAMPLES))
    return rounded(row_id, text, unit, paper, model, spread + 0.5 * 10.0**-digits)


def _constants_rows(envelope: Envelope) -> list[Row]:
    joint, drawn, rows = envelope.inside["all"], envelope.drawn, []
    energy = drawn["energy_stacked"] / unit_factor("pJ/bit")[0]
    for key, text, unit, values, papers, digits in (
        ("knob", "max(r0, 1) x bandwidth gain", "1", knob(envelope), KNOB, 2),
        ("energy", "stacked access", "pJ/bit", energy, ENERGY, 1),
    ):
        for end, paper in zip(ENDS, papers, strict=True):
            rows.append(_row(f"S47.{key}.{end}", f"joint set: {text}, {end} %", unit, paper, digits, _percentile(values, end), joint))

    def correlation(mask: np.ndarray) -> float:
        return float(np.corrcoef(drawn["r0"][mask], drawn["bandwidth_gain"][mask])[0, 1])

    text = "joint set: correlation of r0 and bandwidth gain"
    return [*rows, _row("S47.correlation", text, "1", CORRELATION, 1, correlation, joint)]


def _class_rows(envelope: Envelope) -> list[Row]:
    energy, rows = envelope.drawn["energy_stacked"] / unit_factor("pJ/bit")[0], []
    steps = {"decode": envelope.found.energy, "mixed": envelope.found.mixed_energy}
    for label, (low, high) in CLASSES.items():
        mask = envelope.inside["latency"] & (energy >= low) & (energy < high)
        for (step, gains), papers in zip(steps.items(), BY_CLASS[label], strict=True):
            for end, paper in zip(ENDS, papers, strict=True):
                text = f"{label}, latency inside: energy gain, {step}, {end} %"
                rows.append(_row(f"S47.{label}.{step}.{end}", text, "1", paper, 2, _percentile(gains, end), mask))
    return rows


def worked_rows(envelope: Envelope) -> list[Row]:
    """S47: the constants of the joint set, and the energy gain given latency."""
    return [*_constants_rows(envelope), *_class_rows(envelope)]


def implied_rows(label: str, envelope: Envelope, ranges: dict[str, Range]) -> list[Row]:
    """5, 50 and 95 % of every constant of the joint set, and the correlation of r_0 with the gain in bandwidth."""
    joint, rows = envelope.inside["all"], []
    named = {"knob": ("max(r0, 1) x bandwidth gain", "1", knob(envelope))}
    for name, entry in ranges.items():
        text = f"{name.replace('_', ' ')} ({entry.low:g} to {entry.high:g})"
        named[name] = (text, entry.unit, envelope.drawn[name] / unit_factor(entry.unit)[0])
    for name, (text, unit, values) in named.items():
        for end in ENDS:
            rows.append(Row(f"C.{label}.{name}.{end}", f"{text}, {end} % of the joint set", unit, None, _percentile(values, end)(joint)))
    pair = [np.log(envelope.drawn[name][joint]) for name in ("r0", "bandwidth_gain")]
    text = "correlation of log r0 and log bandwidth gain, joint set"
    return [*rows, Row(f"C.{label}.correlation", text, "1", None, float(np.corrcoef(*pair)[0, 1]))]
