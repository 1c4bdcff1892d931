"""Where do the published gains of A3D-MoE fall among those that sourced constants allow?

Latency and energy from a decode step of 16 sequences, throughput from 64 sequences with a prompt of 512 tokens, the median of four
models. Which workload the published ranges refer to is not known: an assumption. The ranges are data of this file and enter no model.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from a3d_chain import Constants, TileLaw, exact_tiles, gain, stacked
from a3d_models import DECODE, MIXED, Models
from a3d_ranges import WORKED, Draws, draw, draw_sourced
from claim import Row, rounded

from codesign.performance.tile_count import smooth_tiles

COUNT, CHUNK = 1 << 17, 1 << 13
BANDS = {"latency": (1.8, 2.0), "energy": (2.0, 4.0), "throughput": (1.44, 1.8)}
"""Published ranges, arXiv 2507.19142, abstract."""
WORKED_SHARES = {"latency": 16, "throughput": 47, "energy": 69, "all": 8, "all_mixed": 1}
"""Per cent of 4000 draws inside; `all_mixed` takes energy from the mixed step."""
QUANTILES = (5, 25, 50, 75, 95)


class Outcome(NamedTuple):
    """Gains in time of a decode step, in its energy, in time of a mixed step, in its energy."""

    latency: jax.Array
    energy: jax.Array
    throughput: jax.Array
    mixed_energy: jax.Array


class Envelope(NamedTuple):
    """Draws, their gains, and which of them are in each published range and in all three, (N,)."""

    drawn: Draws
    found: Outcome
    inside: dict[str, np.ndarray]


def outcome(constants: Constants, models: Models, tiles: TileLaw = exact_tiles) -> Outcome:
    """Median gains of the models."""
    decode, mixed = (gain(constants, stacked(constants), models, batch, tiles) for batch in (DECODE, MIXED))
    return Outcome(*(jnp.median(g) for g in (decode.time, decode.energy, mixed.time, mixed.energy)))


def outcomes(drawn: Draws, models: Models, tiles: TileLaw) -> Outcome:
    """Gains of all draws (N,), in chunks; constants that are not drawn stay at the centre of the bracket."""
    names = [name for name in drawn if name in Constants._fields]
    many = eqx.filter_jit(jax.vmap(lambda values: outcome(Constants()._replace(**values), models, tiles)))
    count = len(drawn["r0"])
    parts = [many({name: jnp.asarray(drawn[name][i : i + CHUNK]) for name in names}) for i in range(0, count, CHUNK)]
    return Outcome(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def between(gains: np.ndarray, band: str) -> np.ndarray:
    """Which gains are in a published range."""
    low, high = BANDS[band]
    return (gains >= low) & (gains <= high)


def _envelope(drawn: Draws, found: Outcome) -> Envelope:
    hits = {name: between(getattr(found, name), name) for name in BANDS}
    both = hits["latency"] & hits["throughput"]
    joint = {"all": both & hits["energy"], "all_mixed": both & between(found.mixed_energy, "energy")}
    return Envelope(drawn, found, hits | joint)


def worked_envelope(models: Models, count: int = COUNT) -> Envelope:
    """The envelope over the ranges of S47, tiles counted exactly."""
    drawn = draw(WORKED, count, seed=47)
    return _envelope(drawn, outcomes(drawn, models, exact_tiles))


def sourced_envelope(models: Models, count: int = COUNT) -> Envelope:
    """The envelope over sourced ranges of all constants, tiles in closed form; stacked with vias first, bonded next."""
    drawn = draw_sourced(count, seed=147)
    return _envelope(drawn, outcomes(drawn, models, smooth_tiles))


def _share(row_id: str, name: str, envelope: Envelope) -> Row:
    text = {"all_mixed": "all, energy from the mixed step"}.get(name, name)
    return Row(f"{row_id}.share.{name}", f"draws inside: {text}", "%", None, 100 * float(envelope.inside[name].mean()))


def worked_rows(envelope: Envelope) -> list[Row]:
    """S47: shares inside, in per cent, within two points."""
    rows = {name: _share("S47", name, envelope) for name in WORKED_SHARES}
    return [rounded(row.id, row.quantity, row.unit, WORKED_SHARES[name], row.model, 2.0) for name, row in rows.items()]


def envelope_rows(label: str, envelope: Envelope) -> list[Row]:
    """Quantiles of the gains, where the ends of the published ranges fall among them, and the shares inside."""
    rows = []
    for name, (low, high) in BANDS.items():
        gains = getattr(envelope.found, name)
        for percentile, value in zip(QUANTILES, np.percentile(gains, QUANTILES), strict=True):
            rows.append(Row(f"E.{label}.{name}.{percentile}", f"{name} gain, {percentile} % of draws below", "1", None, float(value)))
        for end in (low, high):
            below = 100 * float((gains < end).mean())
            rows.append(Row(f"E.{label}.{name}.at_{end:g}", f"draws with a {name} gain below {end:g}", "%", None, below))
    return [*rows, *(_share(f"E.{label}", name, envelope) for name in WORKED_SHARES)]


def halves(envelope: Envelope) -> dict[str, Envelope]:
    """The sourced envelope by class of stacked memory."""
    half = len(envelope.drawn["r0"]) // 2
    return {label: jax.tree.map(lambda column, part=part: column[part], envelope) for label, part in
            (("vias", slice(None, half)), ("bonded", slice(half, None)))}  # fmt: skip


def halves_rows(envelope: Envelope) -> list[Row]:
    """Shares inside by class of memory, and the energy gains of draws whose latency is inside."""
    rows = []
    for label, half in halves(envelope).items():
        rows += [_share(f"E.{label}", name, half) for name in WORKED_SHARES]
        for step, gains in (("decode", half.found.energy), ("mixed", half.found.mixed_energy)):
            for percentile, value in zip(QUANTILES, np.percentile(gains[half.inside["latency"]], QUANTILES), strict=True):
                text = f"{label}, latency inside: energy gain, {step}, {percentile} %"
                rows.append(Row(f"E.{label}.{step}.{percentile}", text, "1", None, float(value)))
    return rows
