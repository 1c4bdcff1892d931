"""To which constants are the gains of A3D-MoE sensitive, at the centre of the bracket and over the whole envelope?

At the centre: exact derivatives by automatic differentiation. Over the envelope: the share of the variance of the logarithm of a
gain that the mean given one constant explains (first-order index), from the draws in bins of it.
"""

import jax
import jax.numpy as jnp
import numpy as np
from a3d_chain import Constants
from a3d_envelope import BANDS, Envelope, Outcome, outcome
from a3d_models import Models
from a3d_ranges import OTHERS, WORKED
from claim import Row

from codesign.units import unit_factor

BINS = 32
USUAL = WORKED | OTHERS


def scales(constants: Constants) -> Constants:
    """The change of a constant that counts as one: itself, or its usual or largest value where it is zero."""
    changes = {}
    for name, value in constants._asdict().items():
        entry = USUAL.get(name)
        other = 0.0 if entry is None else (entry.default or entry.high) * unit_factor(entry.unit)[0]
        changes[name] = value or other
    return Constants(**changes)


def elasticities(constants: Constants, models: Models, names: tuple[str, ...] = Constants._fields) -> dict[str, Outcome]:
    """d ln gain / d ln constant of some constants; of one that is zero, d ln gain per usual value."""

    def log_gains(some: dict[str, jax.Array]) -> Outcome:
        return Outcome(*(jnp.log(gain) for gain in outcome(constants._replace(**some), models)))

    slopes = jax.jacrev(log_gains)({name: jnp.asarray(getattr(constants, name), dtype=float) for name in names})
    change = scales(constants)
    return {name: Outcome(*(slope[name] * getattr(change, name) + 0.0 for slope in slopes)) for name in names}


def variance_share(values: np.ndarray, gains: np.ndarray) -> float:
    """Var(E[y | x]) / Var(y) of draws (N,), from bins of equal count, less what chance explains; never below 0."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    place = np.searchsorted(edges, values, side="right" if len(edges) > 2 else "left")
    counts = np.bincount(place)
    seen = counts > 0
    means = np.bincount(place, gains)[seen] / counts[seen]
    between = float(np.sum(counts[seen] * (means - gains.mean()) ** 2)) / len(gains)
    within = float(gains.var()) - between
    return max(between - within * (int(seen.sum()) - 1) / len(gains), 0.0) / float(gains.var())


def elasticity_rows(models: Models) -> list[Row]:
    """D: exact derivatives at the centre of the bracket (S44)."""
    rows = []
    for name, slope in elasticities(Constants(), models).items():
        text = name.replace("_", " ")
        rows += [Row(f"D.{kind}.{name}", f"elasticity of {kind} gain to {text}", "1", None, float(getattr(slope, kind))) for kind in BANDS]
    return rows


def variance_rows(label: str, envelope: Envelope) -> list[Row]:
    """V: first-order shares of the variance of each gain's logarithm, in per cent; what is left is joint action."""
    rows = []
    for kind in BANDS:
        gains, first = np.log(getattr(envelope.found, kind)), 0.0
        for name, values in envelope.drawn.items():
            if name != "peak":
                share = 100 * variance_share(values, gains)
                first += share
                text = f"variance of {kind} gain explained by {name.replace('_', ' ')}"
                rows.append(Row(f"V.{label}.{kind}.{name}", text, "%", None, share))
        rows.append(Row(f"V.{label}.{kind}.joint", f"variance of {kind} gain, constants acting together", "%", None, 100 - first))
    return rows


def class_rows(envelope: Envelope) -> list[Row]:
    """V: what the class of stacked memory, the half of the draws, explains of the sourced envelope."""
    bonded = (np.arange(len(envelope.drawn["r0"])) >= len(envelope.drawn["r0"]) // 2).astype(float)
    shares = {kind: 100 * variance_share(bonded, np.log(getattr(envelope.found, kind))) for kind in BANDS}
    return [
        Row(f"V.sourced.{kind}.class", f"variance of {kind} gain explained by vias or bonds", "%", None, s) for kind, s in shares.items()
    ]
