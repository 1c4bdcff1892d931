"""Does the reference chain give the gains worked out by hand, mechanism after mechanism (facts S13 to S15, S35 to S46)?"""

from typing import NamedTuple

import jax.numpy as jnp
from a3d_chain import PJ_BIT, Constants, Step, System, beside, gain, overlapped, routing, stacked, step
from a3d_models import DECODE, MIXED, NAMES, Batch, Models
from claim import Row, percent, rounded

from codesign.config.load import load_workload_named
from codesign.workload.expert_coverage import balanced_coverage
from codesign.workload.parameters import expert_parameters

LABELS = tuple(NAMES)
LATE, TSV = Constants(), 2.5 * PJ_BIT
EARLY = LATE._replace(peak=250e12, bandwidth_gain=1.0, energy_stacked=TSV)
"""A slower array, which leaves the baseline bound by its utilisation; memory on the die saves energy alone."""
WIDER = EARLY._replace(bandwidth_gain=1.5)


class Cell(NamedTuple):
    """A row of the ablation: which mechanisms are on, with which constants, and the gains of the four models as "latency/energy"."""

    name: str
    constants: Constants
    adaptive: bool
    fused: bool
    scored: bool
    text: str


CELLS = {
    "S35": Cell("memory on the die, same bandwidth", EARLY, False, False, False, "1.00/1.22 1.00/1.18 1.00/1.17 1.00/1.17"),
    "S36": Cell("+ adaptive array", EARLY, True, False, False, "1.62/1.58 1.67/1.52 1.52/1.41 1.60/1.44"),
    "S37": Cell("+ fusion", EARLY, True, True, False, "1.62/1.58 1.67/1.52 1.68/1.47 1.60/1.44"),
    "S38": Cell("+ score, per slot", EARLY._replace(per_expert=0.0), True, True, True, "1.69/1.65 1.67/1.52 1.68/1.47 1.60/1.44"),
    "S39": Cell("+ score, per expert", EARLY, True, True, True, "1.97/1.91 2.12/1.87 2.15/1.76 2.04/1.72"),
    "S40": Cell("all, bandwidth x 1.5", WIDER, True, True, True, "2.96/2.28 3.18/2.17 2.35/1.81 2.23/1.78"),
    "S41": Cell("all, x 1.5, hybrid bond", LATE._replace(peak=250e12), True, True, True, "2.96/3.50 3.18/2.98 2.35/2.30 2.23/2.27"),
    "S42": Cell(
        "all, x 2, hybrid bond",
        LATE._replace(peak=250e12, bandwidth_gain=2.0),
        True,
        True,
        True,
        "3.95/4.09 3.75/3.20 2.40/2.32 2.28/2.28",
    ),
    "S43": Cell("400 TFLOP/s, x 1.5, hybrid bond, no score", LATE, True, True, False, "1.52/2.36 1.58/2.07 1.58/1.88 1.51/1.87"),
    "S44": Cell("the same + score, per expert", LATE, True, True, True, "1.85/2.85 1.99/2.46 2.02/2.17 1.92/2.16"),
    "S45": Cell(
        "S36, decode attention elsewhere",
        EARLY._replace(attention_elsewhere=1.0),
        True,
        False,
        False,
        "1.46/1.50 1.55/1.47 1.47/1.39 1.55/1.42",
    ),
}
BASELINES = ((9.945e-3, 1.2148), (21.122e-3, 2.6875), (42.492e-3, 5.7889), (59.280e-3, 8.4723))
BRACKET = {
    "decode.latency": (DECODE, LATE, True, "time", 1.89, 1.98),
    "decode.energy": (DECODE, LATE, True, "energy", 2.96, 3.06),
    "decode.energy_vias": (DECODE, LATE._replace(energy_stacked=TSV), True, "energy", 1.91, 1.98),
    "mixed.latency": (MIXED, LATE, True, "time", 1.55, 2.02),
    "mixed.energy": (MIXED, LATE, True, "energy", 1.55, 2.17),
    "mixed.latency_unscored": (MIXED, LATE, False, "time", 1.54, 1.71),
}
"""S46: the least and the greatest gain of the four models; vias: stacked memory at 2.5 pJ/bit."""


def batches() -> Batch:
    """The batch that each model has in the ablation."""
    return Batch(jnp.asarray([32.0, 64.0, 64.0, 64.0]), jnp.asarray([0.0, 128.0, 512.0, 128.0]))


def system_of(cell: Cell) -> System:
    """The system in which the mechanisms of a cell are on."""
    rows = cell.constants.adaptive_rows if cell.adaptive else cell.constants.array_rows
    return stacked(cell.constants)._replace(rows=rows, fused=float(cell.fused), scored=float(cell.scored))


def gains(row: str, models: Models, batch: Batch, **changes: float) -> Step:
    """Gains of the models in one row, some constants changed."""
    cell = CELLS[row]
    cell = cell._replace(constants=cell.constants._replace(**changes))
    return gain(cell.constants, system_of(cell), models, batch)


def roofline_rows() -> list[Row]:
    """S13 to S15: a kernel between bandwidth and peak, as fitted to kernels of a GPU."""
    rows, pair = [], (jnp.asarray(100.0), jnp.asarray(60.0))
    for p, paper in ((1, 160), (1.5, 128.98), (2, 116.62), (8, 100.20)):
        rows.append(rounded(f"S13.{p:g}", f"100 and 60 overlapped, p = {p:g}", "1", paper, overlapped(*pair, 1 / p), 0.01))
    for row, name, tokens, paper in (("S14", "qwen3_30b_a3b", 16.0, 431.25), ("S15", "mixtral_8x7b", 2048.0, 2274.3)):
        model = load_workload_named(name).module.model
        slots = tokens * model.top_k
        weights = balanced_coverage(model.experts, model.top_k, jnp.asarray(tokens)) * expert_parameters(model)
        moved = 2 * (weights + slots * (2 * model.d_model + 3 * model.d_expert))
        memory, compute = moved / (0.90 * 3.35e12), 2 * slots * expert_parameters(model) / (0.85 * 989e12)
        time = 30 + 1e6 * overlapped(memory, compute, 1 / 1.5)
        rows.append(percent(row, f"MoE layer of {name}, {tokens:g} tokens", "us", paper, time, 5e-4))
    return rows


def ablation_rows(models: Models) -> list[Row]:
    """S35 to S45: time and energy of the baseline, then every cell."""
    start, rows = step(EARLY, beside(EARLY), models, batches(), routing(EARLY, models, batches())), []
    for i, (label, (time, energy)) in enumerate(zip(LABELS, BASELINES, strict=True)):
        rows.append(percent(f"S35.{label}.t0", f"baseline step, {label}", "ms", 1e3 * time, 1e3 * start.time[i], 1e-3))
        rows.append(percent(f"S35.{label}.E0", f"its energy, {label}", "J", energy, start.energy[i], 1e-3))
    for row, cell in CELLS.items():
        found = gains(row, models, batches())
        for i, (label, text) in enumerate(zip(LABELS, cell.text.split(), strict=True)):
            for kind, value, paper in zip(("latency", "energy"), found, text.split("/"), strict=True):
                rows.append(percent(f"{row}.{label}.{kind}", f"{cell.name}: {kind} gain, {label}", "1", float(paper), value[i]))
    return rows


def bracket_rows(models: Models) -> list[Row]:
    """S46: decode and mixed steps of all models at the centre of the bracket."""
    rows = []
    for name, (batch, constants, scored, kind, low, high) in BRACKET.items():
        found = getattr(gain(constants, stacked(constants)._replace(scored=float(scored)), models, batch), kind)
        for end, paper, value in (("least", low, jnp.min(found)), ("most", high, jnp.max(found))):
            rows.append(percent(f"S46.{name}.{end}", f"{name.replace('.', ' step, ').replace('_', ', ')}: {end} gain", "1", paper, value))
    return rows


def rows_of(models: Models) -> list[Row]:
    """Every row of the ablation."""
    return [*roofline_rows(), *ablation_rows(models), *bracket_rows(models)]
